//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tower_service::Service as _;

use crate::guard::{self, Alive, Arrival, Strict};
use crate::operations::{Operations, Phase};
use crate::peer::Peer;
use crate::serve::body::{Held, Patient};
use crate::serve::slots::{Slot, UnderWay, Work};
use crate::serve::stream::{Stall, Stream};
use crate::serve::tls::Tls;

/// More than our measure: what is over that gets an answer of ours, and what is over this gets hyper's, which has no header but its length. Of headers it takes
/// 100 if nothing is said, and has the room for them ready; for any other number it makes room with each request.
const LARGEST_HEAD: usize = 2 * guard::LARGEST_HEAD;
const _: () = assert!(guard::MOST_HEADERS < 100, "a request with one header too many gets an answer of ours");

/// Requests at once on one connection (HTTP/2).
const MOST_STREAMS: u32 = 64;

/// At the end, a connection that was accepted and has not asked yet is waited for, so long: its request is on its way, and nobody else
/// would answer it.
const FIRST_REQUEST: Duration = Duration::from_secs(2);

/// Whoever was told that it is the wrong port is given so long to hear it.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What answers.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) router: Router,
    /// What answers programs, where they are answered.
    pub(crate) programs: Option<guard::Front>,
    pub(crate) operations: Arc<Operations>,
}

/// Serves a connection to its end.
pub(crate) async fn serve(front: Front, stream: Stream, tls: Option<Arc<Tls>>, peer: Peer, slot: Slot, alive: Alive) {
    let limits = &front.operations.limits;
    let (head_time, stream) = (limits.head_time, Stall::new(stream, limits.pause, slot.work.clone()));
    let operations = front.operations.clone();
    operations.metrics.connected();
    let answering = Answering { front, peer, work: slot.work.clone(), alive };
    match tls {
        None => {
            drive(
                http1().serve_connection(TokioIo::new(Strict::new(stream)), answering),
                operations.clone(),
                slot.work.clone(),
                Idle::http1(head_time),
            )
            .await
        }
        Some(tls) => {
            let shake = async {
                if stream.begins_in_clear().await {
                    return Err(tell_in_clear(stream).await);
                }
                Ok(tls.acceptor().accept(stream).await)
            };
            let shaken = tokio::select! {
                shaken = tokio::time::timeout(head_time, shake) => shaken,
                () = slot.work.evicted() => return operations.metrics.disconnected(),
            };
            match shaken {
                Ok(Ok(Ok(stream))) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                    drive(
                        http2(head_time).serve_connection(TokioIo::new(stream), answering),
                        operations.clone(),
                        slot.work.clone(),
                        Idle::http2(head_time),
                    )
                    .await;
                }
                Ok(Ok(Ok(stream))) => {
                    drive(
                        http1().serve_connection(TokioIo::new(Strict::new(stream)), answering),
                        operations.clone(),
                        slot.work.clone(),
                        Idle::http1(head_time),
                    )
                    .await;
                }
                Ok(Ok(Err(error))) => tracing::debug!(%error, "a TLS handshake failed"),
                Ok(Err(told)) => tracing::debug!(is_told = told.is_ok(), "plain http came to a port that speaks TLS"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            }
        }
    }
    operations.metrics.disconnected();
}

/// An alert would be noise to whoever has mistyped `http://`.
async fn tell_in_clear(mut stream: Stall<Stream>) -> std::io::Result<()> {
    let text = "This port speaks TLS: ask with https:// in place of http://.\n";
    let head = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store";
    stream.write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len()).as_bytes()).await?;
    stream.shutdown().await?;
    // What came is taken before the end: of a connection that is closed over it, the answer may be lost (RFC 9112 §9.6).
    let mut rest = stream.take(LARGEST_HEAD as u64);
    let _ = tokio::time::timeout(LAST_WORD, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    Ok(())
}

/// Without the timer for heads, which is made, set and taken back with each request: [`idle_for`] is one for the whole connection. The first head has to come
/// within that time of the connection, its TLS handshake included.
fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_buf_size(LARGEST_HEAD);
    builder
}

fn http2(head_time: Duration) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(LARGEST_HEAD as u32)
        .keep_alive_interval(head_time)
        .keep_alive_timeout(head_time);
    builder
}

/// Lets a connection work until it, or we, or the program are at the end.
async fn drive<C>(connection: C, operations: Arc<Operations>, work: Arc<Work>, idle: Idle)
where
    C: GracefulConnection,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let mut connection = pin!(connection);
    // Each is looked at when it has something to say, and not whenever bytes come or go.
    let mut ends = FuturesUnordered::new();
    ends.push(end(End::Gracefully, operations.clone(), work.clone(), idle));
    ends.push(end(End::Now, operations, work, idle));
    loop {
        tokio::select! {
            biased;
            done = connection.as_mut() => {
                if let Err(error) = done {
                    let error: Box<dyn StdError + Send + Sync> = error.into();
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            Some(end) = ends.next() => match end {
                End::Gracefully => connection.as_mut().graceful_shutdown(),
                End::Now => return,
            },
        }
    }
}

/// How a connection ends that does not do so by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// When what is under way is answered.
    Gracefully,
    /// Whatever is under way.
    Now,
}

/// For how long a connection may ask for nothing, and how it ends then.
#[derive(Clone, Copy, Debug)]
struct Idle {
    most: Duration,
    then: End,
}

impl Idle {
    /// HTTP/1.1: one that has sent half a request cannot be told from one that has sent nothing, and is cut off with it.
    fn http1(head_time: Duration) -> Self {
        Self { most: head_time, then: End::Now }
    }

    /// HTTP/2: opening one costs more, and half a head is ended by the pings that are not answered behind it.
    fn http2(head_time: Duration) -> Self {
        Self { most: 6 * head_time, then: End::Gracefully }
    }
}

/// Ready when a connection has to end this way.
async fn end(how: End, operations: Arc<Operations>, work: Arc<Work>, idle: Idle) -> End {
    let mut phase = operations.phase.subscribe();
    let too_idle = async {
        if idle.then == how {
            idle_for(&work, idle.most).await;
            tracing::debug!("a connection asked for nothing for too long");
        } else {
            std::future::pending().await
        }
    };
    match how {
        End::Gracefully => tokio::select! {
            () = asked_to_end(phase, work.clone()) => {}
            () = too_idle => {}
        },
        End::Now => tokio::select! {
            () = work.evicted() => {}
            () = reached(&mut phase, Phase::Over) => {}
            () = too_idle => {}
        },
    }
    how
}

/// Ready when nothing has been under way for so long: also when a request's head has not come to its end by then.
async fn idle_for(work: &Work, most: Duration) {
    loop {
        match most.checked_sub(work.idle_for()) {
            None | Some(Duration::ZERO) => return,
            Some(left) => tokio::time::sleep(left).await,
        }
    }
}

/// Ready when the program stops, and this connection's first request is here or does not come.
async fn asked_to_end(mut phase: watch::Receiver<Phase>, work: Arc<Work>) {
    reached(&mut phase, Phase::Stopping).await;
    if work.is_fresh() {
        let _ = tokio::time::timeout(FIRST_REQUEST, work.first()).await;
    }
}

/// Ready when the program has come so far.
pub(crate) async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    while *phase.borrow_and_update() < wanted {
        // The sender lives as long as anything that waits here.
        if phase.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

/// Hands requests to the router, and knows which are under way.
struct Answering {
    front: Front,
    peer: Peer,
    work: Arc<Work>,
    alive: Alive,
}

impl hyper::service::Service<Request<Incoming>> for Answering {
    type Response = Response<Held>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Held>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let under_way = self.work.begin();
        let pause = self.front.operations.limits.pause;
        // Most have none, and need nobody who waits for it.
        let patient = |body: Incoming| if body.is_end_stream() { Body::empty() } else { Body::new(Patient::new(body, pause)) };
        let mut request = request.map(patient);
        let arrival = Arrival::new(self.peer, self.alive.clone());
        let last = Last { is_http1: request.version() < Version::HTTP_2, operations: self.front.operations.clone(), under_way };
        let route = crate::router::program(request.uri().path());
        // Each way has a box of its own: a program's is the smaller one by far.
        match (route, self.front.programs.clone()) {
            (Some(route), Some(programs)) => Box::pin(programs.program(route, arrival, request).map(|response| Ok(last.of(response)))),
            _ => {
                request.extensions_mut().insert(arrival);
                let mut router = self.front.router.clone();
                Box::pin(async move { Ok(last.of(router.call(request).await?)) })
            }
        }
    }
}

/// What is done with an answer before it goes.
struct Last {
    is_http1: bool,
    operations: Arc<Operations>,
    under_way: UnderWay,
}

impl Last {
    fn of(self, mut response: Response<Body>) -> Response<Held> {
        // Whoever keeps connections open opens the next one elsewhere, before this one is closed under a request of theirs.
        if self.is_http1 && self.operations.phase() != Phase::Serving {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.map(|body| Held { body, _under_way: self.under_way })
    }
}
