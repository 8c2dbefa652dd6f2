//! A page somewhere else on this machine, over TLS: where an app says who it is. On a thread of its own, since a server may fetch it while it answers
//! somebody on the tests' only one.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::desk::held;
use crate::tls::Authority;

/// A page under an `https` URL on this machine, with a certificate by the sandbox's authority. It is gone when this is dropped.
pub struct WebPage {
    url: String,
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    body: Mutex<Option<String>>,
    asked: AtomicUsize,
    closed: AtomicBool,
}

impl WebPage {
    pub(crate) fn open(authority: &Authority, path: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let config = Arc::new(authority.server_config(address.ip(), false)?);
        let state = Arc::new(State::default());
        let theirs = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if theirs.closed.load(Ordering::SeqCst) {
                    return;
                }
                // Whoever does not trust us says goodbye here.
                let _ = answer(&theirs, &config, stream);
            }
        });
        Ok(Self { url: format!("https://{address}{path}"), address, state })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it says from now on, as JSON. Before that there is nothing (404).
    pub fn write(&self, body: impl Into<String>) {
        *held(&self.state.body) = Some(body.into());
    }

    /// How often it was read.
    pub fn reads(&self) -> usize {
        self.state.asked.load(Ordering::SeqCst)
    }
}

impl Drop for WebPage {
    fn drop(&mut self) {
        self.state.closed.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

fn answer(state: &State, config: &Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).map_err(io::Error::other)?, stream);
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 16 * 1024 {
        let mut part = [0; 1024];
        match stream.read(&mut part)? {
            0 => break,
            read => head.extend_from_slice(&part[..read]),
        }
    }
    state.asked.fetch_add(1, Ordering::SeqCst);
    let body = held(&state.body).clone();
    let (status, body) = body.map_or(("404 Not Found", "{}".to_owned()), |body| ("200 OK", body));
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()
}
