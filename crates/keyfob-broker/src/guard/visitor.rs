//! Who is asking, and whether the page is for them. It is decided here, by the table in [`router`](crate::router), so that no route can
//! forget to; a route gets the answer as a [`Visit`].

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use http::request::Parts;

use crate::browser::Visit;
use crate::failure::Failure;
use crate::page::Look;
use crate::people::Role;
use crate::router::{Entry, entry};
use crate::routes::see_other;
use crate::site::Site;

/// Looks the session up, and turns away whom the page is not for.
pub(crate) async fn visitor(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let entry = entry(request.uri().path());
    // A program's request is not kept waiting for a session that it does not have.
    if entry == Some(Entry::Anybody) {
        return next.run(request).await;
    }
    let visit = match site.visit(request.headers()).await {
        Ok(visit) => visit,
        Err(failure) => return failure.into_response(),
    };
    match (entry, &visit, site.people.is_some()) {
        // Guests have no such pages.
        (Some(Entry::Stranger | Entry::Person | Entry::Owner), _, false) => return Failure::nowhere().into_response(),
        (Some(Entry::Visitor | Entry::Person | Entry::Owner), None, true) => {
            let asks = matches!(*request.method(), Method::GET | Method::HEAD);
            return if asks { see_other("/sign-in") } else { Failure::sign_in_first().into_response() };
        }
        // That there are such pages is nobody else's business.
        (Some(Entry::Owner), Some(visit), true) if visit.who.role != Role::Owner => return Failure::nowhere().into_response(),
        _ => {}
    }
    if let Some(visit) = visit {
        Look::know(&visit.who);
        request.extensions_mut().insert(visit);
    }
    next.run(request).await
}

/// The session of the request; a page that needs one is refused without.
impl FromRequestParts<Arc<Site>> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Site>) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Failure::not_connected)
    }
}
