//! What an OAuth 1.0a server remembers: temporary credentials, token credentials, nonces (RFC 5849 §2, §3.3).

use std::collections::{HashMap, HashSet};

use keyfob_proto::oauth1::Body;
use keyfob_proto::oauth1::server::{Problem, SignedRequest};

use crate::message::Call;

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) temporary: HashMap<String, Temporary>,
    pub(crate) tokens: HashMap<String, Credential>,
    nonces: HashMap<(String, String), Nonces>,
}

/// Temporary credentials, also called a request token.
#[derive(Clone)]
pub(crate) struct Temporary {
    pub(crate) consumer: String,
    pub(crate) secret: String,
    /// Where the person goes afterwards; `None` where the client named nothing, or `oob`.
    pub(crate) callback: Option<String>,
    pub(crate) issued: i64,
    /// Set once the person has agreed.
    pub(crate) verifier: Option<String>,
}

/// Token credentials, also called an access token.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) consumer: String,
    pub(crate) secret: String,
}

/// Why a timestamp or nonce is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stale {
    OutOfSequence { got: i64, last: i64 },
    Replayed,
}

#[derive(Default)]
struct Nonces {
    last: i64,
    used: HashSet<(i64, String)>,
}

/// Seconds by which a timestamp may lie before the newest one seen.
pub(crate) const ALLOWED_SKEW: i64 = 600;
/// Temporary credentials that nobody finishes are forgotten in the end.
const TEMPORARY_KEPT: usize = 10_000;
/// Nonces remembered for one pair of consumer and token.
const NONCES_KEPT: usize = 100_000;

pub(crate) fn read(call: &Call) -> Result<SignedRequest, Problem> {
    let body = if call.is_form() { Body::Form(&call.body) } else { Body::Opaque };
    SignedRequest::read(&call.method, &call.origin, &call.target, &call.headers, body)
}

impl Ledger {
    pub(crate) fn put_temporary(&mut self, token: String, temporary: Temporary) {
        if self.temporary.len() >= TEMPORARY_KEPT
            && let Some(oldest) = self.temporary.iter().min_by_key(|(_, kept)| kept.issued).map(|(token, _)| token.clone())
        {
            self.temporary.remove(&oldest);
        }
        self.temporary.insert(token, temporary);
    }

    /// Notes that consumer and token used this pair; `last` is the newest time seen so far, at least `floor`.
    pub(crate) fn use_nonce(&mut self, consumer: &str, token: &str, timestamp: i64, nonce: &str, floor: Option<i64>) -> Result<(), Stale> {
        let seen = self.nonces.entry((consumer.into(), token.into())).or_default();
        let last = floor.map_or(seen.last, |floor| floor.max(seen.last));
        if timestamp < last.saturating_sub(ALLOWED_SKEW) {
            return Err(Stale::OutOfSequence { got: timestamp, last });
        }
        if !seen.used.insert((timestamp, nonce.into())) {
            return Err(Stale::Replayed);
        }
        seen.last = seen.last.max(timestamp);
        if seen.used.len() > NONCES_KEPT {
            let oldest = seen.last - ALLOWED_SKEW;
            seen.used.retain(|(timestamp, _)| *timestamp >= oldest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_works_once_and_old_times_never() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.use_nonce("c", "t", 10_000, "n", None), Ok(()));
        assert_eq!(ledger.use_nonce("c", "t", 10_000, "n", None), Err(Stale::Replayed));
        assert_eq!(ledger.use_nonce("c", "other", 10_000, "n", None), Ok(()));
        assert_eq!(ledger.use_nonce("c", "t", 9_400, "n", None), Ok(()));
        let stale = Stale::OutOfSequence { got: 9_399, last: 10_000 };
        assert_eq!(ledger.use_nonce("c", "t", 9_399, "m", None), Err(stale));
    }
}
