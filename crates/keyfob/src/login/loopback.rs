//! Waiting for the browser on this machine (RFC 8252 §7.3).
//!
//! The listener is open before the browser is: nobody can take the port in between. It binds to 127.0.0.1 (and to ::1 where the
//! redirect URI says `localhost`), answers one path and one method, and closes after one valid answer. Everything else (a scanner, a favicon, a wrong `state`) gets a 4xx and leaves the
//! login alive, so that no local program can end somebody's login by guessing a port.

use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use keyfob_proto::scrub::printable;
use keyfob_proto::{Answer, Error as ProtoError, Misuse};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::{Login, Verified};

/// How long a login waits for the browser.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// One connection may take this long for its request and the answer.
const CONNECTION_TIME: Duration = Duration::from_secs(5);

/// More connections at once wait their turn: a browser needs two or three.
const CONNECTIONS: usize = 64;

/// A listener on this machine.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    /// The same port of `::1`, where the redirect URI is a name that browsers may look up to either.
    other: Option<TcpListener>,
    address: SocketAddr,
    path: String,
}

impl Listener {
    /// Binds 127.0.0.1, on this port (0: any free one), for callbacks to this path, as `/callback`; of none browsers ask for `/`.
    ///
    /// # Errors
    ///
    /// Those of the system: somebody else has the port, say. `InvalidInput` for what is no path, or more than one: nobody would come to that.
    pub async fn bind(port: u16, path: &str) -> std::io::Result<Self> {
        let is_path = path.is_ascii()
            && path.starts_with('/')
            && path.parse::<PathAndQuery>().is_ok_and(|read| read.as_str() == path && read.query().is_none());
        if !path.is_empty() && !is_path {
            let what = format!("expected a path that begins with / and has no ?, # or space, found {}", printable(path));
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, what));
        }
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, other: None, address, path: path.to_owned() })
    }

    /// The same for a redirect URI of the name `localhost`, which browsers look up to `::1` first: unless that port is ours as well,
    /// another user of this machine could wait there for the answer. Where there is no IPv6, nobody can.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind), for either address.
    pub async fn bind_localhost(port: u16, path: &str) -> std::io::Result<Self> {
        let mut listener = Self::bind(port, path).await?;
        listener.other = match TcpListener::bind((Ipv6Addr::LOCALHOST, listener.address.port())).await {
            Ok(other) => Some(other),
            Err(taken) if taken.kind() == std::io::ErrorKind::AddrInUse => return Err(taken),
            Err(_) => None,
        };
        Ok(listener)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The redirect URI, with the address itself: `localhost` may be somebody else's by the hosts file (RFC 8252 §8.3).
    pub fn redirect_uri(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// Waits for an answer that ends the login one way or the other: valid, or a refusal that names our request. Closes the
    /// socket then, after [`PATIENCE`], or when dropped. Once it is over nobody here has the login any more: `Arc::into_inner` gives it back to whoever
    /// shared it with nobody else, to be [finished](Login::finish).
    ///
    /// # Errors
    ///
    /// The refusal, as [`Login::verify`] has it; `Misuse` where nobody came back.
    pub async fn wait(self, login: &Arc<Login>) -> Result<Verified, ProtoError> {
        let waited = tokio::time::timeout(PATIENCE, self.answered(login)).await;
        waited.unwrap_or_else(|_| {
            Err(Misuse::new("an answer within five minutes", "none").of("RFC 8252 §7.3").with_hint("begin the login again").into())
        })
    }

    async fn answered(self, login: &Arc<Login>) -> Result<Verified, ProtoError> {
        let (ended, mut outcome) = mpsc::channel(1);
        let judge = Arc::new(Judge {
            login: login.clone(),
            path: if self.path.is_empty() { "/".to_owned() } else { self.path.clone() },
            hosts: ["127.0.0.1", "[::1]", "localhost"].map(|host| match self.address.port() {
                // Browsers leave the default port out.
                80 => host.to_owned(),
                port => format!("{host}:{port}"),
            }),
            ended: Mutex::new(Some(ended)),
        });
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        let outcome = loop {
            tokio::select! {
                biased;
                Some(outcome) = outcome.recv() => break outcome,
                accepted = accept(&self.socket, self.other.as_ref()) => {
                    let Ok((stream, _)) = accepted else {
                        // Out of files, say: that passes, and must not spin until then.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    };
                    let Ok(slot) = slots.clone().acquire_owned().await else { continue };
                    let judge = judge.clone();
                    connections.spawn(async move {
                        let _ = tokio::time::timeout(CONNECTION_TIME, serve(stream, judge)).await;
                        drop(slot);
                    });
                    while connections.try_join_next().is_some() {}
                }
            }
        };
        drop((self.socket, self.other));
        // The page that says so is still on its way to the browser.
        let _ = tokio::time::timeout(Duration::from_millis(500), async { while connections.join_next().await.is_some() {} }).await;
        // What is still open, as browsers open connections that they may need, must not go on with the login in its hands.
        connections.shutdown().await;
        outcome
    }
}

async fn accept(one: &TcpListener, other: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match other {
        None => one.accept().await,
        Some(other) => tokio::select! {
            accepted = one.accept() => accepted,
            accepted = other.accept() => accepted,
        },
    }
}

struct Judge {
    login: Arc<Login>,
    path: String,
    hosts: [String; 3],
    ended: Mutex<Option<mpsc::Sender<Result<Verified, ProtoError>>>>,
}

async fn serve(stream: TcpStream, judge: Arc<Judge>) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let judge = judge.clone();
        async move { Ok::<_, Infallible>(judge.answer(&request).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIME)
        .max_buf_size(8192)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

impl Judge {
    async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        // DNS rebinding (CVE-2025-66414): a page of another name that resolves to us must not reach us.
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
        if !self.hosts.iter().any(|own| own == host) {
            return page(StatusCode::MISDIRECTED_REQUEST, "Not here", "This address answers to its own name only.");
        }
        if request.uri().path() != self.path {
            return page(StatusCode::NOT_FOUND, "Nothing here", "This address waits for one answer, at another path.");
        }
        if request.method() != Method::GET {
            return page(StatusCode::METHOD_NOT_ALLOWED, "Not like that", "The answer of a login comes as a GET.");
        }
        let Some(query) = request.uri().query() else {
            return page(StatusCode::BAD_REQUEST, "No answer", "This is not the answer to the login. The login goes on.");
        };
        let outcome = self.login.judge(Answer::Query(query)).await;
        if let Err(error) = &outcome
            && !error.ends_login()
        {
            tracing::warn!(%error, "a callback that is not ours was refused; the login goes on");
            return page(StatusCode::BAD_REQUEST, "Not our answer", "This is not the answer to the login. The login goes on.");
        }
        let Some(ended) = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return page(StatusCode::GONE, "Already answered", "The login has been answered before.");
        };
        let page = match &outcome {
            Ok(_) => page(StatusCode::OK, "Thank you", "You may close this page and go back to where you came from."),
            Err(_) => page(StatusCode::OK, "Not signed in", "The login was refused or has ended. Nothing was stored."),
        };
        // The receiver waits as long as the listener lives.
        let _ = ended.try_send(outcome);
        page
    }
}

/// A page that shows nothing of the request, loads nothing, and runs nothing.
fn page(status: StatusCode, title: &str, text: &str) -> Response<Full<Bytes>> {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title} · Keyfob</title><h1>{title}</h1><p>{text}</p></html>"
    );
    let mut response = Response::new(Full::new(Bytes::from(html)));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONNECTION, "close"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
