//! How often one peer may try (L15): signing in, beginning logins, bringing answers, guessing keys.
//!
//! A bucket ([`crate::rate`]) for each peer and purpose.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, Method, StatusCode};

use super::Arrival;
use crate::failure::Failure;
use crate::forward::PROVIDER;
use crate::limits::Limits;
use crate::metrics::Tally;
use crate::operations::Operations;
use crate::peer::{Client, Peer};
use crate::problem::Problem;
use crate::rate::{Bucket, Rate};
use crate::router::{Entry, Route};

/// Buckets at once. Beyond it the full ones go, and then those that were not used for longest: nobody fills our memory (CVE-2021-22119).
const MOST: usize = 16_384;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    SignIn,
    Connect,
    Callback,
    Refused,
    Api,
}

/// The buckets.
#[derive(Debug)]
pub(crate) struct Rates {
    limits: Limits,
    buckets: Mutex<HashMap<(Peer, Purpose), Bucket>>,
}

impl Rates {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, buckets: Mutex::default() }
    }

    /// Takes a drop; how long to wait, if there is none.
    pub(crate) fn take(&self, peer: Peer, purpose: Purpose, now: Instant) -> Result<(), Duration> {
        let rate = self.rate(purpose);
        if rate.is_unlimited() {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (peer.group(), purpose);
        if buckets.len() >= MOST && !buckets.contains_key(&key) {
            self.make_room(&mut buckets, now);
        }
        buckets.entry(key).or_insert_with(|| Bucket::full(rate, now)).take(rate, 1.0, now)
    }

    fn make_room(&self, buckets: &mut HashMap<(Peer, Purpose), Bucket>, now: Instant) {
        buckets.retain(|(_, purpose), bucket| !bucket.is_full(self.rate(*purpose), now));
        if buckets.len() >= MOST {
            let mut times: Vec<Instant> = buckets.values().map(|bucket| bucket.at()).collect();
            let (_, median, _) = times.select_nth_unstable(MOST / 2);
            let median = *median;
            buckets.retain(|_, bucket| bucket.at() > median);
        }
    }

    fn rate(&self, purpose: Purpose) -> Rate {
        match purpose {
            Purpose::SignIn => self.limits.sign_in,
            Purpose::Connect => self.limits.connect,
            Purpose::Callback => self.limits.callback,
            Purpose::Refused => self.limits.refused,
            Purpose::Api => self.limits.api,
        }
    }
}

/// Refuses what is too often; the answer to that.
pub(super) fn refuses(operations: &Operations, route: Option<&Route>, client: Client, request: &Request, now: Instant) -> Option<Response> {
    let (entry, path) = (route.map(|route| route.entry), route.map_or("", |route| route.pattern));
    let is_api = route.is_some_and(Route::is_for_programs);
    let purpose = match entry {
        _ if is_api => Some(Purpose::Api),
        // The way in, where guessing would pay: what is entered there, and what an issuer's answer has us ask it.
        Some(Entry::Stranger) if path.ends_with("/callback") => Some(Purpose::Callback),
        // A PIN is a provider's answer, whoever brings it.
        _ if path.ends_with("/waiting/{login}") => (request.method() == Method::POST).then_some(Purpose::Callback),
        Some(Entry::Stranger) if request.method() == Method::POST => Some(Purpose::SignIn),
        _ => (path.starts_with("/connect/") && request.method() == Method::POST).then_some(Purpose::Connect),
    };
    let taken = purpose.map_or(Ok(()), |purpose| operations.rates.take(client.peer, purpose, now));
    let wait = taken.err()?;
    Some(if is_api { too_often_for_programs(operations, wait) } else { too_often(operations, wait) })
}

/// Counts an answer that refused somebody; what they get.
pub(super) fn count(operations: &Operations, route: Option<&Route>, client: Client, response: Response) -> Response {
    if response.status() != StatusCode::UNAUTHORIZED || response.headers().contains_key(PROVIDER) {
        return response;
    }
    // What is wrong costs a drop, and is not even told so where there is none left; what is right is let in all the same. Or one program with a key that has
    // ended would keep out all that come by the same address. Nobody guesses 256 bits, however often they are let try: what is wrong in form or checksum is
    // looked up nowhere, and what is looked up is one row.
    let is_wrong = route.is_some_and(Route::is_for_programs);
    match is_wrong.then(|| operations.rates.take(client.peer, Purpose::Refused, Instant::now())) {
        Some(Err(wait)) => too_often_for_programs(operations, wait),
        _ => response,
    }
}

/// A provider's answer, which can come to any path: asked by [`crate::guard::callback`].
pub(crate) fn callback_rate(request: &Request) -> Option<Response> {
    let operations = request.extensions().get::<Arc<Operations>>()?;
    let client = request.extensions().get::<Arrival>()?.client?;
    operations.rates.take(client.peer, Purpose::Callback, Instant::now()).err().map(|wait| too_often(operations, wait))
}

fn too_often_for_programs(operations: &Operations, wait: Duration) -> Response {
    operations.metrics.add(Tally::TooOften);
    Problem::too_many_from_here(wait).into_response()
}

fn too_often(operations: &Operations, wait: Duration) -> Response {
    operations.metrics.add(Tally::TooOften);
    let seconds = wait.as_secs().saturating_add(1);
    let mut response = Failure::too_often(seconds).into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn peer(number: u32) -> Peer {
        Peer::from(IpAddr::from(number.to_be_bytes()))
    }

    fn rates() -> Rates {
        Rates::new(Limits { sign_in: Rate::a_minute(3), ..Limits::default() })
    }

    #[test]
    fn l15_everybody_has_a_bucket_for_each_purpose() {
        let (rates, now) = (rates(), Instant::now());
        let take = |peer: Peer, purpose| rates.take(peer, purpose, now);
        for _ in 0..3 {
            assert_eq!(take(peer(1), Purpose::SignIn), Ok(()));
        }
        assert!(take(peer(1), Purpose::SignIn).is_err());
        assert_eq!(take(peer(2), Purpose::SignIn), Ok(()), "another's is full");
        assert_eq!(take(peer(1), Purpose::Callback), Ok(()), "for another purpose, too");
    }

    #[test]
    fn l15_a_flood_of_addresses_fills_no_memory_and_frees_nobody_who_is_busy() {
        let (rates, now) = (rates(), Instant::now());
        for number in 0..3 * MOST as u32 {
            let at = now + Duration::from_micros(u64::from(number));
            let _ = rates.take(peer(number), Purpose::SignIn, at);
            let _ = rates.take(peer(u32::MAX), Purpose::SignIn, at);
        }
        assert!(rates.buckets.lock().expect("no panic").len() <= MOST);
        assert!(rates.take(peer(u32::MAX), Purpose::SignIn, now + Duration::from_secs(1)).is_err(), "its bucket is still empty");
    }
}
