//! Faults on request: what a service does wrong, or differently, until told otherwise.

use serde::{Deserialize, Serialize};

use crate::flaw::Flaw;
use crate::quirk::Quirk;

/// What is wrong with one service. The default is: nothing.
///
/// Fields that count go down by one with each request they spoil. All fields can be set over the control endpoint
/// under the same names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Which requests the spoiling faults hit (`too_many_requests`, `unavailable`, `error_at_200`, `html`,
    /// `truncated`, `huge_mib`, `slow_ms`). Consent pages are never spoilt.
    pub at: At,

    /// The next so many requests are answered 429 with `Retry-After`.
    pub too_many_requests: u32,
    /// Seconds named in that `Retry-After`; 0 means 10.
    pub retry_after: u32,
    /// The next so many requests are answered 503 with an empty body.
    pub unavailable: u32,
    /// The next so many requests are carried out, but answered 200 with `{"error":"server_error"}`.
    pub error_at_200: u32,
    /// The next so many requests are carried out, but answered with an HTML page of status 200.
    pub html: u32,
    /// The next so many requests are carried out, but the connection breaks in the middle of the answer's body.
    pub truncated: u32,
    /// Answers are padded with so many MiB of white space.
    pub huge_mib: u32,
    /// Every answer waits so many (real) milliseconds.
    pub slow_ms: u64,

    /// The service is gone: 410 to everything.
    pub retired: bool,
    /// API requests are refused as though the token lacked the scope.
    pub missing_scope: bool,
    /// Scopes that the person unticks when consenting.
    pub withheld_scopes: Vec<String>,
    /// Lifetime of access tokens issued from now on, in seconds; none: the service's own.
    pub access_token_lifetime: Option<u32>,
    /// For so many seconds a spent refresh token answers again, with the same successor; none: the service's own
    /// habit (`fitbit` 120, others 0).
    pub refresh_grace: Option<u32>,
    /// Authorization responses name another issuer (RFC 9207; `acme` alone sends one).
    pub wrong_issuer: bool,
    /// `acme`: one answer is wrong in one respect.
    pub flaw: Option<Flaw>,
    /// `acme`: one answer is unusual in one respect, and right.
    pub quirk: Option<Quirk>,
    /// `acme`: authorization requests have to be pushed (RFC 9126).
    pub require_par: bool,
    /// `acme`: token requests have to go where clients with a certificate go (RFC 8705 §5). It looks at none: it speaks plain http.
    pub mtls_aliases: bool,
    /// `acme`: where proofs of possession need a nonce (RFC 9449 §8, §9).
    pub dpop_nonce: Option<DpopNonce>,
    /// The service's clock is off by so many seconds: `Date`, claims, and the judgement of OAuth 1 timestamps.
    pub clock_skew: i64,

    /// `august`: the lock is busy (460) when operated.
    pub lock_busy: bool,
    /// `telldus`: every client is offline, so that acting on a device gives 200 with an error.
    pub client_offline: bool,
    /// `fitbit`: OAuth 1 as it was after the hardening of 2014 (POST, parameters in the header).
    pub strict: bool,
    /// `telldus`: the real server's laxity, an exchange without a verifier succeeds.
    pub lenient: bool,
}

/// Where proofs of possession need a nonce of the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DpopNonce {
    /// At the token endpoint (RFC 9449 §8).
    Token,
    /// At the API (RFC 9449 §9).
    Resource,
    /// At both.
    Both,
}

/// Which requests the spoiling faults hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// API requests.
    #[default]
    Api,
    /// Token endpoints: temporary credentials, exchange, refresh, revocation, introspection, metadata.
    Token,
    /// Both.
    Any,
}

/// How one answer is spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoil {
    TooManyRequests { retry_after: u32 },
    Unavailable,
    ErrorAt200,
    Html,
    Truncated,
    Huge { mib: u32 },
}

/// What kind of request it is, which decides what faults do to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Pages for people.
    Page,
    /// Token endpoints.
    Token,
    /// The provider's API.
    Api,
}

impl Faults {
    /// Takes the next spoiling fault for a request of this zone, and counts it down.
    pub(crate) fn draw(&mut self, zone: Zone) -> Option<Spoil> {
        if !self.hits(zone) {
            return None;
        }
        let retry_after = if self.retry_after == 0 { 10 } else { self.retry_after };
        let counted = [
            (&mut self.too_many_requests, Spoil::TooManyRequests { retry_after }),
            (&mut self.unavailable, Spoil::Unavailable),
            (&mut self.error_at_200, Spoil::ErrorAt200),
            (&mut self.html, Spoil::Html),
            (&mut self.truncated, Spoil::Truncated),
        ];
        for (left, spoil) in counted {
            if *left > 0 {
                *left -= 1;
                return Some(spoil);
            }
        }
        (self.huge_mib > 0).then_some(Spoil::Huge { mib: self.huge_mib })
    }

    /// How long the answer waits.
    pub(crate) fn delay_ms(&self, zone: Zone) -> u64 {
        if self.hits(zone) { self.slow_ms } else { 0 }
    }

    fn hits(&self, zone: Zone) -> bool {
        match zone {
            Zone::Page => false,
            Zone::Token => matches!(self.at, At::Token | At::Any),
            Zone::Api => matches!(self.at, At::Api | At::Any),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_faults_run_out_and_spare_other_zones() {
        let mut faults = Faults { too_many_requests: 1, html: 1, ..Faults::default() };
        assert_eq!(faults.draw(Zone::Token), None);
        assert_eq!(faults.draw(Zone::Page), None);
        assert_eq!(faults.draw(Zone::Api), Some(Spoil::TooManyRequests { retry_after: 10 }));
        assert_eq!(faults.draw(Zone::Api), Some(Spoil::Html));
        assert_eq!(faults.draw(Zone::Api), None);
    }

    #[test]
    fn a_misspelt_fault_is_refused() {
        assert!(serde_json::from_str::<Faults>(r#"{"too_many_request": 1}"#).is_err());
    }
}
