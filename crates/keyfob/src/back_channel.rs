//! Requests to the authorization server: the one way that all of them take, but discovery and OAuth 1.
//!
//! A step of the core is sent as [`oauth2::Client::sending`] makes it ready: with a fresh assertion, and a proof with the server's last nonce. A server
//! that wants another nonce says so without acting on the request, which is then sent once more (RFC 9449 §8). That is the only thing that is ever
//! repeated here: a code is never sent a second time for any other reason (C11).

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, Response, StatusCode};
use keyfob_proto::oauth2::{self, dpop};
use keyfob_proto::{Endpoint, Origin, Outgoing, Transport, TransportKind};
use serde_json::Value;

use crate::bounded::Bounded;
use crate::error::Error;
use crate::keyfob::Keyfob;
use crate::transport::within;

/// So many servers' nonces are remembered. Whoever has more is asked to repeat a request now and then.
const MOST: usize = 1000;

/// As what a server gave a nonce: one that is both gives each of its own (RFC 9449 §8, §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Where tokens come from.
    Authorization,
    /// Where they are good.
    Resource,
}

/// What servers want to see in the next proof.
pub(crate) struct Nonces {
    by_server: Mutex<Bounded<(Side, Origin), String>>,
}

impl Nonces {
    pub(crate) fn new() -> Self {
        Self { by_server: Mutex::new(Bounded::new(MOST)) }
    }

    pub(crate) fn of(&self, side: Side, origin: &Origin) -> Option<String> {
        self.guard().get(&(side, origin.clone())).cloned()
    }

    /// Takes the nonce of an answer, whatever else it says: servers renew them at any time (§8.2).
    pub(crate) fn learn(&self, side: Side, origin: &Origin, headers: &HeaderMap) {
        let Some(nonce) = dpop::nonce(headers) else { return };
        self.guard().insert((side, origin.clone()), nonce);
    }

    fn guard(&self) -> MutexGuard<'_, Bounded<(Side, Origin), String>> {
        self.by_server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keyfob {
    /// Sends a request of this client to its authorization server, and reads the whole answer; both times, where there are two, within one deadline.
    pub(crate) async fn ask_server(&self, client: &oauth2::Client, request: &Outgoing) -> Result<Response<Vec<u8>>, Error> {
        let origin = request.origin();
        let asked = within(self.policy().back_channel(), self.ask_with_nonce(client, request, origin.as_ref())).await;
        asked.unwrap_or_else(|_| {
            let origin = origin.map(|origin| origin.to_string()).unwrap_or_default();
            Err(Transport::new(TransportKind::Timeout, origin).into())
        })
    }

    async fn ask_with_nonce(
        &self,
        client: &oauth2::Client,
        request: &Outgoing,
        origin: Option<&Origin>,
    ) -> Result<Response<Vec<u8>>, Error> {
        let mut nonce = origin.and_then(|origin| self.nonces().of(Side::Authorization, origin));
        let mut repeats = false;
        loop {
            let outgoing = client.sending(request, nonce.as_deref(), self.now(), self.entropy())?;
            let answer = self.send_at(client, &outgoing).await?;
            let (Some(origin), true) = (origin, outgoing.headers().contains_key(dpop::PROOF)) else { return Ok(answer) };
            self.nonces().learn(Side::Authorization, origin, answer.headers());
            match dpop::wants_nonce(answer.status(), answer.headers(), refusal(&answer).as_deref()) {
                // The same one again would bring the same answer.
                Some(wanted) if !repeats && nonce.as_ref() != Some(&wanted) => (nonce, repeats) = (Some(wanted), true),
                _ => return Ok(answer),
            }
        }
    }

    /// Endpoints that the issuer's own document names have to be as near as the issuer, or public (F4); those of our configuration may be anywhere.
    async fn send_at(&self, client: &oauth2::Client, outgoing: &Outgoing) -> Result<Response<Vec<u8>>, Error> {
        match &client.settings().issuer {
            Some(issuer) if client.settings().discovered => self.exchange_from(&Endpoint::parse(issuer)?, outgoing).await,
            _ => self.exchange(outgoing).await,
        }
    }
}

/// The `error` of an answer that refuses (RFC 6749 §5.2), of those statuses where one may ask for a nonce.
fn refusal(answer: &Response<Vec<u8>>) -> Option<String> {
    if !matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED) {
        return None;
    }
    serde_json::from_slice::<Value>(answer.body()).ok()?.get("error")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g2_nonces_are_a_server_s_own_and_bounded() {
        let nonces = Nonces::new();
        let origin = |number: usize| Origin::parse(&format!("https://server-{number}.example")).expect("an origin");
        let headers = |nonce: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(dpop::NONCE, nonce.parse().expect("a header"));
            headers
        };
        nonces.learn(Side::Authorization, &origin(0), &headers("first"));
        nonces.learn(Side::Authorization, &origin(0), &headers("second"));
        nonces.learn(Side::Authorization, &origin(0), &HeaderMap::new());
        assert_eq!(nonces.of(Side::Authorization, &origin(0)).as_deref(), Some("second"));
        assert_eq!(nonces.of(Side::Resource, &origin(0)), None);
        assert_eq!(nonces.of(Side::Authorization, &origin(1)), None);
        for number in 0..3 * MOST {
            nonces.learn(Side::Resource, &origin(number), &headers("n"));
        }
        let kept = (0..3 * MOST).filter(|number| nonces.of(Side::Resource, &origin(*number)).is_some());
        assert_eq!(kept.count(), MOST);
    }
}
