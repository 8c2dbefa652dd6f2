//! What every request passes before it reaches a route, and every answer before it leaves.
//!
//! ```text
//! request ─► log ─► look ─► headers ─► deadline ─► panics ─► host ─► rate ─► visitor ─► forms ─► callback ─► route
//! ```

mod forms;
mod framing;
mod headers;
mod host;
mod log;
mod rate;
mod unbroken;
mod visitor;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(crate) use forms::{Knocked, Posted, forms, is_same_origin};
pub(crate) use framing::Strict;
pub(crate) use headers::headers;
pub(crate) use host::{by_address, host};
pub(crate) use log::{Answered, RequestId, log};
pub(crate) use rate::{Rates, rate};
pub(crate) use unbroken::{Alive, unbroken};
pub(crate) use visitor::visitor;

use crate::failure::Failure;
use crate::page::Look;
use crate::routes::callback;
use crate::site::Site;

/// A lock that is asked over its bridge three times may need 90 s; nobody waits longer than this.
pub(crate) const DEADLINE: Duration = Duration::from_secs(150);

/// Whatever page comes of it has this browser's look.
pub(crate) async fn look(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let look = Look::of(request.headers(), request.uri(), site.people.is_none());
    look.around(next.run(request)).await
}

/// Every answer comes in time, if only to say that there is none.
pub(crate) async fn deadline(request: Request, next: Next) -> Response {
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::too_slow().into_response(),
    }
}

/// A panic is our fault and nobody's business: it ends the request, not the program, and shows nothing.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a request ended in a panic");
    Failure::ours().into_response()
}

/// The path of a redirect URI can be any path, one of our own too: the seed of this program was registered with `/`. Such a
/// request is told apart by its parameters.
pub(crate) async fn callback(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let is_callback = site.is_callback(request.uri().path());
    let own = crate::router::entry(request.uri().path()).is_some();
    if is_callback && (!own || callback::is_answer(request.uri().query().unwrap_or_default())) {
        if let Some(too_often) = rate::callback_rate(&request) {
            return too_often;
        }
        let mut response = callback::receive(&site, &request.into_parts().0).await.into_response();
        response.extensions_mut().insert(Answered("callback"));
        return response;
    }
    next.run(request).await
}
