//! A server that answers in a bad way: each path asks for one of the [cases](CASES), at whatever endpoint the rest of the path names.
//!
//! ```text
//!  POST /dup_key/token ──► which case? dup_key ──► which endpoint? token ──► its good answer, spoilt as the case says
//! ```
//!
//! What a good answer is, the test says for each endpoint, since that is what a case spoils. Written against sockets and threads, and nothing else: an HTTP
//! library would put right what has to be wrong.

mod cases;
mod good;
mod wire;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use cases::{CASES, Case, Verdict};
use cases::{Made, Place};
pub use good::Good;

/// Says what an endpoint's good answer is: by the endpoint's name, and the URL before it, which ends with the case's name.
type Goods = dyn Fn(&str, &str) -> Good + Send + Sync;

/// The server, as long as the process lives. A second one beside it is where redirects point to: nobody may ever ask it.
pub struct Hostile {
    origin: String,
    seen: Arc<Seen>,
    elsewhere: Arc<Seen>,
}

/// How often each path was asked for.
#[derive(Default)]
struct Seen(Mutex<BTreeMap<String, usize>>);

impl Seen {
    fn count(&self, what: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what.to_owned()).or_default() += 1;
    }

    fn of(&self, what: &str) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(what).copied().unwrap_or_default()
    }

    fn all(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Hostile {
    /// Starts it.
    ///
    /// # Panics
    /// If loopback has no port.
    pub fn start(goods: impl Fn(&str, &str) -> Good + Send + Sync + 'static) -> Self {
        let (elsewhere, other) = (Arc::new(Seen::default()), listen());
        let place = Arc::new(Place { elsewhere: other.1 });
        let witness = elsewhere.clone();
        serve(other.0, move |mut stream| {
            witness.count("anything");
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        });
        let (seen, (socket, origin)) = (Arc::new(Seen::default()), listen());
        let (log, base, goods) = (seen.clone(), origin.clone(), Arc::new(goods));
        serve(socket, move |stream| answer(stream, &base, &place, &log, &*goods));
        Self { origin, seen, elsewhere }
    }

    /// Where an endpoint answers as a case says.
    #[must_use]
    pub fn url(&self, case: &str, endpoint: &str) -> String {
        format!("{}/{case}/{endpoint}", self.origin)
    }

    /// Where it is.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How often an endpoint was asked for a case.
    #[must_use]
    pub fn asked(&self, case: &str, endpoint: &str) -> usize {
        self.seen.of(&format!("/{case}/{endpoint}"))
    }

    /// How often the server that redirects point to was asked for anything.
    #[must_use]
    pub fn asked_elsewhere(&self) -> usize {
        self.elsewhere.all()
    }
}

fn listen() -> (TcpListener, String) {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
    let origin = format!("http://{}", socket.local_addr().expect("its address"));
    (socket, origin)
}

/// A thread a connection: a case may block for as long as its client lets it.
fn serve(socket: TcpListener, answer: impl Fn(TcpStream) + Send + Sync + 'static) {
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in socket.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || answer(stream));
        }
    });
}

fn answer(mut stream: TcpStream, origin: &str, place: &Place, seen: &Seen, goods: &Goods) {
    let Some(path) = wire::read_request(&mut stream) else { return };
    let Some((case, endpoint)) = named(&path) else {
        let _ = stream.write_all(&wire::answer("404 Not Found", "text/plain", b"", &[]));
        return;
    };
    seen.count(&format!("/{}/{endpoint}", case.name));
    let good = goods(&endpoint, &format!("{origin}/{}", case.name));
    play(stream, (case.make)(&good, place));
}

/// `/dup_key/token` names a case and an endpoint. Metadata of an issuer with a path is asked for at `/.well-known/…/dup_key/metadata`, and who signs a
/// person in at a place whose query says about whom: `resource=http%3A%2F%2F…%2Fdup_key%2Fwebfinger`.
#[must_use]
pub fn named(path: &str) -> Option<(&'static Case, String)> {
    let plain = path.replace("%2F", "/");
    let mut rest = plain.split(['/', '?', '&']).skip_while(|part| Case::named(part).is_none());
    let case = Case::named(rest.next()?)?;
    Some((case, rest.next().unwrap_or_default().to_owned()))
}

/// Sends what a case made, until the client has had enough of it.
fn play(mut stream: TcpStream, made: Made) {
    let sent = match made {
        Made::Whole(bytes) => stream.write_all(&bytes).and_then(|()| stream.shutdown(Shutdown::Write)),
        Made::Silence => Ok(()),
        Made::Drip { mut bytes, then } => loop {
            let next = bytes.first().copied().unwrap_or(then);
            bytes.drain(..1.min(bytes.len()));
            match stream.write_all(&[next]) {
                // Far shorter than any deadline on silence: it is the whole that takes too long.
                Ok(()) => std::thread::sleep(Duration::from_millis(200)),
                Err(end) => break Err(end),
            }
        },
        Made::Flood { start, piece } => {
            let mut sent = stream.write_all(&start);
            while sent.is_ok() {
                sent = stream.write_all(&piece);
            }
            sent
        }
        Made::Reset => {
            // Nothing lingers: the kernel sends a reset, and no end.
            let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
            return;
        }
    };
    // Not closed before the client closes: whoever waits, waits.
    if sent.is_ok() {
        let _ = stream.read(&mut [0; 256]);
    }
}
