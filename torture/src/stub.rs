//! A token endpoint that rotates: each refresh token is good once. It runs in the process that kills, so that it is known what was issued.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Rigged;
use crate::chance::Chance;

/// The endpoint.
pub struct Stub {
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// What the endpoint did.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    /// The number of the newest refresh token.
    pub issued: u64,
    /// Requests of refresh tokens that are no more.
    pub refused: u64,
    /// Requests that came, answered or not.
    pub requests: u64,
    /// The last token but one is answered as it was before: what many providers do for lost answers.
    pub grace: bool,
    /// Requests wait until this is taken back.
    pub closed: bool,
    /// Requests get no answer, and nothing is issued: whoever sent them has no power any more, and never did.
    pub void: bool,
    /// Microseconds at most before an answer.
    pub slow: u64,
    /// How long an access token lives.
    pub lifetime: u64,
    connections: usize,
}

impl Stub {
    /// Starts it; it ends with this process.
    pub fn start() -> Rigged<Self> {
        let socket = TcpListener::bind("127.0.0.1:0").map_err(|error| format!("no port: {error}"))?;
        let origin = format!("http://{}", socket.local_addr().map_err(|error| format!("no address: {error}"))?);
        let shared = Arc::new(Shared::default());
        shared.state().lifetime = 3600;
        let ours = shared.clone();
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                let shared = ours.clone();
                shared.state().connections += 1;
                std::thread::spawn(move || {
                    // A client that was killed is no error.
                    let _ = shared.serve(stream);
                    shared.state().connections -= 1;
                    shared.changed.notify_all();
                });
            }
        });
        Ok(Self { origin, shared })
    }

    /// What it did so far.
    pub fn state(&self) -> State {
        *self.shared.state()
    }

    /// Changes how it behaves.
    pub fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.state());
        self.shared.changed.notify_all();
    }

    /// Waits until so many requests came; false if they do not.
    pub fn wait_for_requests(&self, count: u64) -> bool {
        let patience = Duration::from_secs(20);
        let waited = self.shared.changed.wait_timeout_while(self.shared.state(), patience, |state| state.requests < count);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Waits until everything that clients sent has been dealt with, and they are gone.
    pub fn settle(&self) -> Rigged<State> {
        // Whoever comes later is accepted later: then all earlier ones are in.
        let last = TcpStream::connect(self.origin.trim_start_matches("http://"));
        let ask = |mut last: TcpStream| {
            last.write_all(b"GET /settle HTTP/1.1\r\n\r\n")?;
            last.read_exact(&mut [0; 1])
        };
        last.and_then(ask).map_err(|error| format!("the stub is gone: {error}"))?;
        let patience = Duration::from_secs(20);
        let waited = self.shared.changed.wait_timeout_while(self.shared.state(), patience, |state| state.connections > 0);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() { Err("the stub does not come to rest".to_owned()) } else { Ok(*state) }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        let mut chance = Chance::new();
        while let Some(body) = read_request(&mut reader)? {
            let slow = if body.is_empty() { 0 } else { self.state().slow };
            chance.wait(0..slow.max(1));
            let Some(answer) = self.answer(&body) else { return Ok(()) };
            chance.wait(0..slow.max(1));
            writer.write_all(answer.as_bytes())?;
        }
        Ok(())
    }

    fn answer(&self, body: &str) -> Option<String> {
        if body.is_empty() {
            return Some(http("200 OK", "{}"));
        }
        self.state().requests += 1;
        self.changed.notify_all();
        let mut state = self.changed.wait_while(self.state(), |state| state.closed).unwrap_or_else(PoisonError::into_inner);
        if state.void {
            return None;
        }
        let number =
            body.split('&').find_map(|field| field.strip_prefix("refresh_token=refresh-")).and_then(|text| text.parse::<u64>().ok());
        match number {
            Some(number) if number == state.issued => state.issued += 1,
            Some(number) if state.grace && number + 1 == state.issued => {}
            _ => {
                state.refused += 1;
                return Some(http("400 Bad Request", r#"{"error":"invalid_grant"}"#));
            }
        }
        let (number, lifetime) = (state.issued, state.lifetime);
        let tokens = format!(
            r#"{{"access_token":"access-{number}","token_type":"Bearer","expires_in":{lifetime},"refresh_token":"refresh-{number}"}}"#
        );
        Some(http("200 OK", &tokens))
    }
}

fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncache-control: no-store\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// The body of the next request.
fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let (name, value) = line.split_once(':').unwrap_or((line.trim_end(), ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
        if name.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(String::from_utf8_lossy(&body).into_owned()))
}
