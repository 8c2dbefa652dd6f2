//! What the tests of sessions share: a provider made by hand, and HTTP spoken byte by byte.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::sync::Arc;

use keyfob::proto::{Api, App, Deviations, Endpoint, Flow, Settings, Signal, oauth2};
use keyfob::{HyperTransport, Keyfob, Login, MemoryStore, Redirect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse(text).expect("an endpoint")
}

/// An OAuth 2 provider whose every endpoint is at this origin.
pub fn provider(origin: &str) -> Settings {
    Settings {
        provider: "pretend".to_owned(),
        flow: Flow::OAuth2(oauth2::Settings {
            revoke: Some(endpoint(&format!("{origin}/revoke"))),
            scopes: vec!["read".to_owned()],
            ..oauth2::Settings::new(endpoint(&format!("{origin}/authorize")), endpoint(&format!("{origin}/token")))
        }),
        api: Api {
            expired: vec![Signal { statuses: vec![401], pointer: None, values: vec![], contains: vec![] }],
            message: vec!["/message".to_owned()],
            ..Api::new(endpoint(&format!("{origin}/api")))
        },
        deviations: Deviations::new(),
        keep: vec![],
        retired: None,
    }
}

pub fn app() -> App {
    App::confidential("example-client-id", "sandbox-secret-not-real")
}

pub fn keyfob() -> Keyfob {
    let transport = HyperTransport::builder().loopback_only(true).build().expect("a transport");
    Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(transport))
}

pub async fn begin(keyfob: &Keyfob, settings: &Settings, redirect_uri: &str) -> Login {
    let redirect = Redirect::Uri(redirect_uri.to_owned());
    Login::begin(keyfob, settings, &app(), "pretend", redirect, vec![]).await.expect("a login begins")
}

/// The value of a query parameter of a URL.
pub fn parameter(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).expect("a URL");
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).expect("the parameter is there")
}

/// Sends bytes, and reads until the other side closes.
pub async fn speak(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(bytes).await.expect("it reads");
    let mut answer = Vec::new();
    // A reset after an early answer is an answer, too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of an answer.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A server that answers each request with the next of these texts, and keeps what it was sent. Requests have no body or a
/// `content-length`.
pub struct Scripted {
    pub origin: String,
    pub seen: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Scripted {
    pub async fn start(answers: Vec<String>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", socket.local_addr().expect("an address"));
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = seen.clone();
        tokio::spawn(async move {
            for answer in answers {
                let Ok((mut stream, _)) = socket.accept().await else { return };
                let request = read_request(&mut stream).await;
                log.lock().expect("no panic under the lock").push(request);
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { origin, seen }
    }

    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().expect("no panic under the lock").clone()
    }
}

/// A server that answers each request as a function says, and keeps what it was sent.
pub struct Served {
    pub origin: String,
    seen: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Served {
    pub async fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", socket.local_addr().expect("an address"));
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (log, answer) = (seen.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = socket.accept().await {
                let (log, answer) = (log.clone(), answer.clone());
                tokio::spawn(async move {
                    let request = read_request(&mut stream).await;
                    log.lock().expect("no panic under the lock").push(request.clone());
                    let _ = stream.write_all(answer(&request).as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { origin, seen }
    }

    /// How often this was asked for: `GET /jwks`, say.
    pub fn asked(&self, what: &str) -> usize {
        self.requests(what).len()
    }

    pub fn requests(&self, what: &str) -> Vec<String> {
        self.seen.lock().expect("no panic under the lock").iter().filter(|request| request.starts_with(what)).cloned().collect()
    }
}

/// An answer with a JSON body.
pub fn json(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse().unwrap_or(0)))
                .unwrap_or(0_usize);
            if body.len() >= length {
                return text;
            }
        }
        if read == 0 {
            return text;
        }
    }
}
