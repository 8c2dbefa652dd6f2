//! `GET /token/{account}`: a valid access token, for a key that may see it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use keyfob::Session;
use keyfob_providers::Rfc3339;

use crate::audit::Deed;
use crate::forward::{Use, named};
use crate::guard::{Arrival, HEADERS_SET, unbroken};
use crate::json::Object;
use crate::keys::Kept;
use crate::problem::Problem;
use crate::site::Site;

/// The token is good for so many seconds at least, where the provider gives it so many.
const MIN_VALID: i64 = 60;

/// Room for an answer. Few tokens are longer, and a buffer that grows is copied, and leaves them behind.
const USUAL: usize = 1024;

pub(crate) fn give(State(site): State<Arc<Site>>, arrival: Arrival, request: Request) -> impl Future<Output = Response> + Send + use<> {
    let (request, _) = request.into_parts();
    let alive = arrival.alive.clone();
    // Asking may renew the token. Whoever hangs up meanwhile is in the book like any other.
    unbroken(alive, async move {
        // One segment, in which a slash is written %2F.
        let Some(account) = request.uri.path().strip_prefix("/token/").and_then(named) else { return Problem::nowhere().into_response() };
        answer(&site, &account, &arrival, &request).await
    })
}

async fn answer(site: &Arc<Site>, account: &str, arrival: &Arrival, request: &Parts) -> Response {
    let used = match Use::begin(site, arrival, request, account).await {
        Ok(used) => used,
        // Whatever the account is: that is what the address takes.
        Err(problem) if problem.status == StatusCode::NOT_FOUND && !reads(&request.method) => return only_get().into_response(),
        Err(problem) => return problem.into_response(),
    };
    let response = match token(&used, &request.method).await {
        Ok(response) => response,
        Err(problem) => problem.booked().into_response(),
    };
    let what = Deed::TokenAsked { account, status: response.status().as_u16(), request: used.id.as_str() };
    match used.close(&what).await {
        Ok(()) => response,
        Err(problem) => problem.into_response(),
    }
}

/// A HEAD is answered like a GET, and the connection keeps the body to itself (RFC 9110, section 9.3.2).
fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn only_get() -> Problem {
    Problem::not_allowed("GET", "A token is asked for with GET.")
}

async fn token(used: &Use<'_>, method: &Method) -> Result<Response, Problem> {
    if !reads(method) {
        return Err(only_get());
    }
    if used.caller.is_browser() {
        return Err(Problem::forbidden("not-allowed", "No browser's session sees a token, its person's own neither.")
            .hint("make a valet key that may see it, and ask with that; or make the call with /api/, which needs none"));
    }
    if !used.caller.may_see_token() {
        return Err(Problem::forbidden("not-allowed", "This key may not see the token.").hint("make the call with /api/, which needs none"));
    }
    let (_, session) = used.session()?;
    let token = session.token(MIN_VALID).await;
    let token = token.map_err(|error| no_token(session).unwrap_or_else(|| Problem::of_account(error, used.account)))?;
    // To renew it may have taken its time.
    used.still_holds("Its token may have been renewed, and is not handed out.").await?;
    let mut body = Vec::with_capacity(USUAL);
    let mut members = Object::begin(&mut body);
    members.text("access_token", token.expose()).word("token_type", "Bearer");
    match token.expires_at() {
        Some(at) => members.word("expires_at", &Rfc3339(at.as_unix()).to_string()),
        None => members.null("expires_at"),
    };
    members.words("scope", token.scopes()).end();
    let mut response = Response::new(body.into());
    // With what every answer says, so that it does not grow on its way.
    response.headers_mut().reserve(1 + HEADERS_SET);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Why an account has no token that could be handed out, if it is of that kind.
fn no_token(session: &Session) -> Option<Problem> {
    let kept = session.look(Kept::of)?;
    Some(Problem::new(StatusCode::CONFLICT, "no-token", format!("This account {}.", kept.why())).hint(kept.hint()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::tests::size;

    #[test]
    fn what_waits_for_a_token_is_small() {
        let whole = size(|(site, arrival, request): (Arc<Site>, Arrival, Request)| give(State(site), arrival, request));
        let work =
            size(|(site, arrival, request): (&'static Arc<Site>, &'static Arrival, &'static Parts)| answer(site, "", arrival, request));
        assert!(whole <= 256 && work <= 1024, "{whole} and {work} bytes");
    }
}
