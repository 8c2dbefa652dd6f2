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

use crate::browser::{Notice, Visit};
use crate::failure::Failure;
use crate::page::Standing;
use crate::seat::{Holder, Seat};
use crate::site::Site;

/// On to another page, with GET (RFC 9110 §15.4.4).
pub(crate) fn see_other(address: &str) -> Response {
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

impl Site {
    /// The session of a request, if it has one that is alive.
    pub(crate) async fn visit(&self, headers: &HeaderMap) -> Result<Option<Visit>, Failure> {
        Ok(self.browsers.find(headers, &self.cookie_name(), self.keyfob.now()))
    }

    /// Leaves something to tell on the visitor's next page.
    pub(crate) async fn leave(&self, visit: &Visit, notice: Notice) {
        self.browsers.leave(visit, notice);
    }

    /// What is to tell, once.
    pub(crate) async fn take_notice(&self, visit: &Visit) -> Option<Notice> {
        self.browsers.take_notice(visit)
    }
}

/// What an account's state is to a browser.
async fn state(site: &Site, seat: &Seat, holder: &Holder, visit: &Visit) -> Result<Standing, Failure> {
    let record = site.keyfob.store().account(&seat.name).await;
    let record = record.map_err(|error| Failure::from_error(&error.into(), seat))?;
    Ok(match record.map(|record| record.value.health) {
        None => Standing::Absent,
        Some(_) if !holder.is(visit) => Standing::Elsewhere,
        Some(Health::NeedsLogin { reason, .. }) => Standing::Stale(reason),
        Some(_) => Standing::Here,
    })
}
