//! Requests that may change something come from a form of ours, filled in by the browser it was made for.
//!
//! Every method but GET and HEAD passes here, so that no route can forget it; a route gets its fields as [`Posted`], which nothing else
//! makes. And what such a form begins goes to its end, whoever hangs up: or tokens would be revoked at a provider and the account be listed here, with no
//! line in the book.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, Method, StatusCode};
use keyfob::proto::{Origin, encode};

use crate::browser::Visit;
use crate::failure::Failure;
use crate::guard::{Arrival, Lacking, unbroken, whole};
use crate::page::FORM_TOKEN;
use crate::people::Door;
use crate::router::{Entry, entry};
use crate::site::Site;

/// Our forms are small.
const LARGEST: usize = 64 * 1024;

/// A form of ours, from the browser it was made for.
#[derive(Clone)]
pub(crate) struct Posted {
    pub(crate) visit: Visit,
    /// Name and value, in the order of the form.
    pub(crate) fields: Vec<(String, String)>,
}

/// Without what was entered: it may be an app's secret.
impl std::fmt::Debug for Posted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Posted").field("visit", &self.visit).field("fields", &names).finish()
    }
}

/// A form of a page at the door, from the browser it was made for: nobody is signed in by it yet.
#[derive(Clone, Debug)]
pub(crate) struct Knocked {
    pub(crate) door: Door,
    /// Name and value, in the order of the form.
    pub(crate) fields: Vec<(String, String)>,
}

impl Knocked {
    /// A field of the form; the empty text if there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        field(&self.fields, name)
    }
}

impl Posted {
    /// A field of the form; the empty text if there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        field(&self.fields, name)
    }
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// Judges every request that may change something. What is for programs is judged by what lets them in, which no browser sends by itself.
pub(crate) async fn forms(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let entry = entry(request.uri().path());
    if matches!(*request.method(), Method::GET | Method::HEAD) || entry == Some(Entry::Anybody) {
        return next.run(request).await;
    }
    if request.method() != Method::POST {
        return Failure::not_allowed().into_response();
    }
    match judge(&site, entry, request).await {
        Ok(request) => unbroken(Arrival::of(request.extensions()).alive, next.run(request)).await,
        Err(failure) => failure.into_response(),
    }
}

async fn judge(site: &Site, entry: Option<Entry>, request: Request) -> Result<Request, Failure> {
    if !is_same_origin(site, request.headers()) {
        tracing::warn!("a form from another site was refused");
        return Err(Failure::foreign_form());
    }
    let door = if entry == Some(Entry::Stranger) { site.known_door(request.headers()) } else { None };
    let visit = request.extensions().get::<Visit>().cloned().filter(|_| entry != Some(Entry::Stranger));
    let csrf = match (&door, &visit) {
        (Some(door), _) => door.csrf.clone(),
        (None, Some(visit)) => visit.csrf.clone(),
        (None, None) => return Err(Failure::old_form()),
    };
    let (mut parts, body) = request.into_parts();
    let media_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media_type.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
        return Err(Failure::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Not a form", "Only the forms of these pages are taken."));
    }
    let body = whole(body, LARGEST).await.map_err(lacking)?;
    // A form takes as long to come as its sender likes, and its browser may be signed out by then.
    let visit = match visit {
        Some(_) => site.visit(&parts.headers).await?,
        None => None,
    };
    let fields = encode::decode_text_pairs(&body)
        .map_err(|_| Failure::plain(StatusCode::BAD_REQUEST, "Not a form", "The form's text cannot be read."))?;
    let tokens: Vec<&str> = fields.iter().filter(|(name, _)| name == FORM_TOKEN).map(|(_, value)| value.as_str()).collect();
    if !matches!(tokens.as_slice(), [token] if csrf.same_as(token)) {
        tracing::warn!("a form without this browser's token was refused");
        return Err(Failure::old_form());
    }
    match (door, visit) {
        (Some(door), _) => parts.extensions.insert(Knocked { door, fields }).is_some(),
        (None, Some(visit)) => parts.extensions.insert(Posted { visit, fields }).is_some(),
        (None, None) => return Err(Failure::old_form()),
    };
    Ok(Request::from_parts(parts, axum::body::Body::empty()))
}

/// A form that is not here as a whole.
fn lacking(why: Lacking) -> Failure {
    let ended = |status, text: &str| Failure::plain(status, "Not the whole form", text).hint("send it again");
    match why {
        Lacking::TooLarge => Failure::plain(StatusCode::PAYLOAD_TOO_LARGE, "Too much", "This form is larger than any of ours."),
        Lacking::Silent => ended(StatusCode::REQUEST_TIMEOUT, "The form did not come to its end in time. Nothing was done."),
        Lacking::CutOff => ended(StatusCode::BAD_REQUEST, "The form was cut off before its end. Nothing was done."),
    }
}

/// What the browser says about where the form was. Our pages send no referrer, and so browsers write `Origin: null` (Fetch §3.2);
/// `Sec-Fetch-Site` speaks more clearly, where there is one. A browser that says neither is judged by its form token alone.
pub(crate) fn is_same_origin(site: &Site, headers: &HeaderMap) -> bool {
    let all = |name: &str, good: &dyn Fn(&str) -> bool| headers.get_all(name).into_iter().all(|value| value.to_str().is_ok_and(good));
    all("sec-fetch-site", &|value| value == "same-origin")
        && all(ORIGIN.as_str(), &|value| value == "null" || Origin::parse(value).as_ref() == Some(&site.origin))
}
