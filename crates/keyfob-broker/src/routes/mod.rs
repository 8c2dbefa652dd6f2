//! One file a route.

pub(crate) mod account;
pub(crate) mod action;
pub(crate) mod callback;
pub(crate) mod connect;
pub(crate) mod index;
pub(crate) mod logout;

use axum::response::{IntoResponse, Response};
use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use keyfob::Health;

use crate::browser::Visit;
use crate::failure::Failure;
use crate::page::Standing;
use crate::site::{Desk, Holder, Site};

/// On to another page, with GET (RFC 9110 §15.4.4).
fn see_other(address: &str) -> Response {
    match HeaderValue::from_str(address) {
        Ok(address) => (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response(),
        Err(_) => Failure::ours().into_response(),
    }
}

/// Gives the browser its cookie.
fn with_cookie(mut response: Response, site: &Site, visit: &Visit) -> Response {
    response.headers_mut().append(SET_COOKIE, visit.cookie(&site.cookie_name(), site.is_https()));
    response
}

fn visit(site: &Site, headers: &HeaderMap) -> Option<Visit> {
    site.browsers.find(headers, &site.cookie_name(), site.keyfob.now())
}

fn desk<'a>(site: &'a Site, account: &str) -> Result<&'a Desk, Failure> {
    site.desk(account).ok_or_else(Failure::nowhere)
}

/// What an account's state is to a browser.
async fn state(site: &Site, desk: &Desk, holder: &Holder, visit: Option<&Visit>) -> Result<Standing, Failure> {
    let record = site.keyfob.store().account(&desk.account).await;
    let record = record.map_err(|error| Failure::from_error(&error.into(), desk))?;
    let is_here = visit.is_some_and(|visit| holder.is(visit));
    Ok(match record.map(|record| record.value.health) {
        None => Standing::Absent,
        Some(_) if !is_here => Standing::Elsewhere,
        Some(Health::NeedsLogin { reason, .. }) => Standing::Stale(reason),
        Some(_) => Standing::Here,
    })
}
