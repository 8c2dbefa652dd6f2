//! An API that answers at once: a short JSON text, or a gigabyte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

const LARGE: usize = 1_000_000_000;

pub(crate) struct Stub(SocketAddr);

impl Stub {
    /// Answers until this program ends.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || drop(answer(stream)));
            }
        });
        Self(address)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.0)
    }
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 4096];
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            count => head.extend_from_slice(&piece[..count]),
        }
    }
    let begin = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
    };
    if !head.starts_with(b"GET /large ") {
        let body = r#"{"things":[{"id":1,"name":"lamp"},{"id":2,"name":"heater"}]}"#;
        return stream.write_all(format!("{}{body}", begin(body.len())).as_bytes());
    }
    stream.write_all(begin(LARGE).as_bytes())?;
    let piece = vec![b'x'; 1 << 18];
    let mut left = LARGE;
    while left > 0 {
        let now = left.min(piece.len());
        stream.write_all(&piece[..now])?;
        left -= now;
    }
    Ok(())
}
