//! Proofs of possession (RFC 9449), at the token endpoint and at the API.

use std::sync::Arc;

use axum::http::Uri;
use keyfob_proto::jose::AwsLc;
use keyfob_proto::oauth2::dpop::Expected;
use keyfob_proto::{Secret, Timestamp};

use super::{Acme, refuse};
use crate::apps::Registration;
use crate::chance;
use crate::desk::{Desk, held};
use crate::fault::DpopNonce;
use crate::message::{Call, Reply};

/// The nonce that proofs must repeat, and since when.
#[derive(Default)]
pub(super) struct Nonce(Option<(String, i64)>);

/// After so many seconds there is a new one, and proofs with the old one are sent back for it (§8.2).
const NONCE_LIFETIME: i64 = 300;
/// A proof is good for so many seconds; its `jti` is remembered as long.
const PROOF_LIFETIME: i64 = 120;

/// Why a proof does not hold.
pub(super) enum Unproved {
    /// There has to be one.
    Missing,
    /// With this nonce it would hold.
    Nonce(String),
    Wrong(String),
}

impl Acme {
    /// The thumbprint of the key that the request proves, if it proves any.
    pub(super) fn proof(&self, desk: &Desk, call: &Call, access_token: Option<&str>) -> Result<Option<String>, Unproved> {
        let wrong = |why: &str| Unproved::Wrong(why.to_owned());
        let mut headers = call.headers.get_all("dpop").iter();
        let Some(header) = headers.next() else { return Ok(None) };
        if headers.next().is_some() {
            return Err(wrong("more than one proof"));
        }
        let proof = header.to_str().map_err(|_| wrong("the proof is no text"))?;
        let uri: Uri = format!("{}{}", call.here, call.path()).parse().map_err(|_| wrong("the request's URL cannot be compared"))?;
        let (now, token) = (desk.now(), access_token.map(Secret::new));
        let expected =
            Expected { method: &call.method, uri: &uri, nonce: None, access_token: token.as_ref(), now: Timestamp::from_unix(now) };
        let proved = expected.judge(proof, Arc::new(AwsLc)).map_err(|found| Unproved::Wrong(found.to_string()))?;
        let faults = desk.faults().dpop_nonce;
        let at_resource = access_token.is_some();
        let needs_nonce = matches!(
            (faults, at_resource),
            (Some(DpopNonce::Both), _) | (Some(DpopNonce::Resource), true) | (Some(DpopNonce::Token), false)
        );
        if needs_nonce {
            let nonce = held(&self.nonce).current(now);
            let with_nonce = Expected { nonce: Some(&nonce), ..expected };
            if with_nonce.judge(proof, Arc::new(AwsLc)).is_err() {
                return Err(Unproved::Nonce(nonce));
            }
        }
        // §11.1: the first time is the only time.
        if !held(&self.once).first(&format!("proof {}", proved.id), now + PROOF_LIFETIME, now) {
            return Err(wrong("the proof was used before (\"jti\")"));
        }
        Ok(Some(proved.key.thumbprint()))
    }

    /// The same at the token endpoint, where apps may be registered as bound.
    pub(super) fn token_proof(&self, desk: &Desk, call: &Call, app: &Registration) -> Result<Option<String>, Reply> {
        let proved = match self.proof(desk, call, None) {
            Ok(None) if app.metadata.dpop_bound_access_tokens => Err(Unproved::Missing),
            other => other,
        };
        proved.map_err(|problem| match problem {
            Unproved::Missing => refuse(400, "invalid_dpop_proof", "the app is registered for tokens that are bound to a key"),
            Unproved::Wrong(why) => refuse(400, "invalid_dpop_proof", &why),
            Unproved::Nonce(nonce) => refuse(400, "use_dpop_nonce", "the proof must repeat our nonce").with_named("dpop-nonce", &nonce),
        })
    }
}

impl Nonce {
    fn current(&mut self, now: i64) -> String {
        match &self.0 {
            Some((nonce, since)) if (0..NONCE_LIFETIME).contains(&(now - since)) => nonce.clone(),
            _ => {
                let nonce = chance::opaque();
                self.0 = Some((nonce.clone(), now));
                nonce
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_the_same_for_five_minutes() {
        let mut nonce = Nonce::default();
        let first = nonce.current(1000);
        assert_eq!(nonce.current(1299), first);
        let second = nonce.current(1300);
        assert_ne!(second, first);
        assert_ne!(nonce.current(1000), second, "a clock that went back does not keep it for ever");
    }
}
