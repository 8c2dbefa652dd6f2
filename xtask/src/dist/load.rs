//! A provider that says the same to everybody, and somebody who asks again and again.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Connections that stay open, each with one request under way.
const AT_ONCE: usize = 16;

/// A list of devices, such as home hubs send.
const ANSWER: &str = r#"{"device":[{"id":"1","clientDeviceId":"1","name":"Kitchen","state":1,"statevalue":null,"methods":3,"type":"device","client":"1","clientName":"Home","online":"1","editable":1},{"id":"2","clientDeviceId":"2","name":"Hall","state":2,"statevalue":null,"methods":3,"type":"device","client":"1","clientName":"Home","online":"1","editable":1}]}"#;

/// Listens for as long as this process lives.
pub(super) fn provider() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|problem| format!("no port: {problem}"))?;
    let address = listener.local_addr().map_err(|problem| format!("no port: {problem}"))?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever goes away has asked enough.
            thread::spawn(move || while answer(&stream).unwrap_or(false) {});
        }
    });
    Ok(address)
}

/// One request; false where there is none any more.
fn answer(mut stream: &TcpStream) -> io::Result<bool> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(false);
        }
        head.push(byte[0]);
    }
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{ANSWER}", ANSWER.len());
    stream.write_all(answer.as_bytes())?;
    Ok(true)
}

/// A port that nobody has.
pub(super) fn free_port() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map_err(|problem| format!("no port: {problem}"))
}

/// Waits until somebody listens there.
pub(super) fn listens(address: SocketAddr) -> Result<(), String> {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err(format!("nobody listens at {address}"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// So many requests on each of the connections; every answer has to be a good one.
pub(super) fn ask(address: SocketAddr, path: &str, key: &str, times: usize) -> Result<(), String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\nAccept: */*\r\n\r\n");
    thread::scope(|scope| {
        let all: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| asked(address, &request, times))).collect();
        all.into_iter().try_for_each(|one| match one.join() {
            Ok(ended) => ended.map_err(|problem| format!("{path}: {problem}")),
            Err(_) => Err(format!("{path}: who asked panicked")),
        })
    })
}

fn asked(address: SocketAddr, request: &str, times: usize) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut read = BufReader::new(&stream);
    for _ in 0..times {
        (&stream).write_all(request.as_bytes())?;
        let mut line = String::new();
        read.read_line(&mut line)?;
        if !line.starts_with("HTTP/1.1 200") {
            return Err(io::Error::other(format!("the answer is {:?}", line.trim())));
        }
        let mut length = 0;
        loop {
            line.clear();
            if read.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().unwrap_or(0),
                Some(_) => {}
                None => break,
            }
        }
        io::copy(&mut (&mut read).take(length), &mut io::sink())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_answers_and_a_bad_answer_is_told() {
        let provider = provider().expect("a port");
        ask(provider, "/devices", "a key", 3).expect("each answer is good");
        let refusing = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = refusing.local_addr().expect("an address");
        thread::spawn(move || {
            for mut stream in refusing.incoming().flatten() {
                let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\n\r\n");
            }
        });
        let problem = ask(address, "/devices", "a key", 3).expect_err("it refuses");
        assert!(problem.contains("/devices") && problem.contains("401"), "{problem}");
    }
}
