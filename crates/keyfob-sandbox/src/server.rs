//! One origin: reads a request whole, lets the service answer, spoils the answer where a fault says so, and writes down
//! what it saw.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body::Frame;
use serde_json::json;

use crate::clock::http_date;
use crate::desk::{Desk, Service};
use crate::fault::Spoil;
use crate::message::{Call, Reply};
use crate::recorder::Seen;
use crate::tls::Shown;

/// Longest request body.
pub(crate) const BODY_CAP: usize = 1 << 20;

/// A service behind its desk.
pub(crate) struct Room {
    pub(crate) desk: Desk,
    pub(crate) service: Box<dyn Service>,
}

/// Every path of an origin goes to its service.
pub(crate) fn router(room: Arc<Room>) -> Router {
    Router::new().fallback(handle).with_state(room)
}

/// The same by the door with TLS. `origin` is the name that the service goes by.
pub(crate) fn secure_router(room: Arc<Room>, origin: String) -> Router {
    Router::new().fallback(handle_secure).with_state((room, origin))
}

/// A request with its body in memory; `None` if the body is longer than [`BODY_CAP`] or broke off.
pub(crate) async fn read(request: Request) -> Option<Call> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_CAP).await.ok()?;
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    Some(Call::new(head.method, target, head.headers, body))
}

/// An answer on its way out.
pub(crate) fn write(reply: Reply, date: i64) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = *reply.headers;
    if let Ok(date) = HeaderValue::from_str(&http_date(date)) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

async fn handle(State(room): State<Arc<Room>>, request: Request) -> Response {
    serve(&room, read(request).await).await
}

async fn handle_secure(
    State((room, origin)): State<(Arc<Room>, String)>,
    ConnectInfo(shown): ConnectInfo<Shown>,
    request: Request,
) -> Response {
    let call = read(request).await.map(|call| call.by_tls(&origin, shown.0));
    serve(&room, call).await
}

async fn serve(room: &Room, call: Option<Call>) -> Response {
    let desk = &room.desk;
    let Some(call) = call else {
        return write(Reply::text(413, "The body is longer than 1 MiB."), desk.wall());
    };
    // Browsers ask for it whenever they like; a transcript must not depend on that.
    if call.path() == "/favicon.ico" {
        return write(Reply::empty(204), desk.wall());
    }

    let zone = room.service.zone(&call);
    let (delay, retired, spoil) = {
        let mut faults = desk.faults();
        let retired = faults.retired;
        (faults.delay_ms(zone), retired, if retired { None } else { faults.draw(zone) })
    };
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let reply = match spoil {
        _ if retired => room.service.retired(),
        Some(Spoil::TooManyRequests { retry_after }) => room.service.too_many_requests().retry_after(retry_after),
        Some(Spoil::Unavailable) => Reply::empty(503),
        _ => spoilt(room.service.answer(desk, &call), spoil),
    };

    let own = room.service.credential_headers();
    desk.record(Seen::new(desk.service, own, &call, reply.status.as_u16()));
    match spoil {
        Some(Spoil::Truncated) => broken_off(reply, desk.wall()),
        Some(Spoil::Huge { mib }) => padded(reply, desk.wall(), mib),
        _ => write(reply, desk.wall()),
    }
}

fn spoilt(reply: Reply, spoil: Option<Spoil>) -> Reply {
    match spoil {
        Some(Spoil::ErrorAt200) => Reply::json(200, &json!({"error": "server_error"})),
        Some(Spoil::Html) => {
            Reply::typed(200, "text/html;charset=UTF-8", "<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>")
        }
        _ => reply,
    }
}

/// The head promises the whole body, the connection breaks after half of it.
fn broken_off(reply: Reply, date: i64) -> Response {
    let (length, half) = (reply.body.len(), reply.body.slice(..reply.body.len() / 2));
    let mut response = write(reply, date);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length.max(1)));
    *response.body_mut() = Body::new(Odd { first: Some(half), padding: 0, breaks: true, paused: false });
    // 204 and 304 have no body to break.
    if response.status() == StatusCode::NO_CONTENT {
        *response.status_mut() = StatusCode::OK;
    }
    response
}

fn padded(reply: Reply, date: i64, mib: u32) -> Response {
    let body = reply.body.clone();
    let mut response = write(reply, date);
    *response.body_mut() = Body::new(Odd { first: Some(body), padding: mib.saturating_mul(16), breaks: false, paused: false });
    response
}

/// A body that goes on with blocks of white space, or breaks once what came before has been sent.
struct Odd {
    first: Option<Bytes>,
    padding: u32,
    breaks: bool,
    paused: bool,
}

/// 64 KiB, sixteen to the MiB.
static BLANKS: [u8; 1 << 16] = [b' '; 1 << 16];

impl http_body::Body for Odd {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.padding > 0 {
            self.padding -= 1;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&BLANKS)))));
        }
        if !self.breaks {
            return Poll::Ready(None);
        }
        // A body that is not ready lets the server send what it holds; one that fails makes it throw that away.
        if !self.paused {
            self.paused = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(std::io::Error::other("broken off on request"))))
    }
}
