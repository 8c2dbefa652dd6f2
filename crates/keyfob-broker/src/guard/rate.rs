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

use crate::failure::Failure;
use crate::limits::Limits;
use crate::metrics::Tally;
use crate::operations::Operations;
use crate::peer::{Client, Peer};
use crate::problem::Problem;
use crate::rate::{Bucket, Rate};
use crate::router::{self, Entry};

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
        self.draw(peer, purpose, now, 1.0)
    }

    /// How long to wait, if there is none; takes nothing.
    pub(crate) fn look(&self, peer: Peer, purpose: Purpose, now: Instant) -> Result<(), Duration> {
        self.draw(peer, purpose, now, 0.0)
    }

    fn draw(&self, peer: Peer, purpose: Purpose, now: Instant, drops: f64) -> Result<(), Duration> {
        let rate = self.rate(purpose);
        if rate.is_unlimited() {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (peer.group(), purpose);
        if drops == 0.0 && !buckets.contains_key(&key) {
            return Ok(());
        }
        if buckets.len() >= MOST && !buckets.contains_key(&key) {
            self.make_room(&mut buckets, now);
        }
        buckets.entry(key).or_insert_with(|| Bucket::full(rate, now)).take(rate, drops, now)
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

/// Refuses what is too often.
pub(super) async fn rate<F>(operations: &Operations, path: &str, request: Request, next: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let Some(client) = request.extensions().get::<Client>().copied() else { return next(request).await };
    let entry = router::entry_of(path);
    let is_api = matches!(entry, Some(Entry::Program | Entry::Api));
    let purpose = match entry {
        _ if is_api => Some(Purpose::Api),
        // The way in, where guessing would pay: what is entered there, and what an issuer's answer has us ask it.
        Some(Entry::Stranger) if path.ends_with("/callback") => Some(Purpose::Callback),
        Some(Entry::Stranger) if request.method() == Method::POST => Some(Purpose::SignIn),
        _ => (path.starts_with("/connect/") && request.method() == Method::POST).then_some(Purpose::Connect),
    };
    let now = Instant::now();
    let taken = purpose.map_or(Ok(()), |purpose| operations.rates.take(client.peer, purpose, now));
    // Only what was refused costs a drop, and who has none left is not asked for its key any more.
    let taken = if is_api { taken.and_then(|()| operations.rates.look(client.peer, Purpose::Refused, now)) } else { taken };
    if let Err(wait) = taken {
        if is_api {
            operations.metrics.add(Tally::TooOften);
            return Problem::too_many_from_here(wait).into_response();
        }
        return too_often(operations, wait);
    }
    let response = next(request).await;
    if is_api && response.status() == StatusCode::UNAUTHORIZED {
        let _ = operations.rates.take(client.peer, Purpose::Refused, Instant::now());
    }
    response
}

/// A provider's answer, which can come to any path: asked by [`crate::guard::callback`].
pub(crate) fn callback_rate(request: &Request) -> Option<Response> {
    let operations = request.extensions().get::<Arc<Operations>>()?;
    let client = request.extensions().get::<Client>()?;
    operations.rates.take(client.peer, Purpose::Callback, Instant::now()).err().map(|wait| too_often(operations, wait))
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
    fn l15_looking_takes_nothing_and_remembers_nobody() {
        let (rates, now) = (rates(), Instant::now());
        for number in 0..10 {
            assert_eq!(rates.look(peer(number), Purpose::SignIn, now), Ok(()));
        }
        assert!(rates.buckets.lock().expect("no panic").is_empty());
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
