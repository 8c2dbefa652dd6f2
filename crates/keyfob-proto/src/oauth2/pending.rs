//! A login under way: a `state`, perhaps a proof key, and the redirect URI, waiting for the person (RFC 6749 §4.1.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::client::Client;
use crate::callback::{Answer, Parameters, split, split_fragment};
use crate::deviation::{Deviation, Tolerated};
use crate::error::{Code, Error, Misbehaved, Misuse, Refused};
use crate::message::is_vschar;
use crate::scrub::Scrubber;
use crate::secret::{Secret, stored};
use crate::time::Timestamp;

const SECTION: &str = "RFC 6749 §4.1.2";

/// How long a login may take: the lifetime RFC 6749 §4.1.2 recommends for codes.
const LIFETIME: i64 = 600;

/// A login under way. Made to be stored, so that it survives a redirect or a restart; a store hands it out once.
///
/// [`key`](Self::key) is what a store files it under. Its serialised form holds the `state` and the verifier in clear: seal it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    #[serde(with = "stored")]
    state: Secret,
    #[serde(with = "stored::option")]
    verifier: Option<Secret>,
    redirect_uri: String,
    scopes: Vec<String>,
    client_id: String,
    token_endpoint: String,
    issuer: Option<String>,
    iss_required: bool,
    redirect_fragment: bool,
    keep: Vec<String>,
    created_at: Timestamp,
}

/// Proof that an answer is to *our* request (RFC 6749 §10.12, RFC 9207): only [`Pending::verify`] makes one, only
/// [`Client::exchange`] takes one. It holds the token endpoint, issuer and client it was made for.
///
/// There is one code in it, for one exchange. It can be neither copied nor used twice:
///
/// ```compile_fail,E0382
/// # use keyfob_proto::oauth2::{Client, Verified};
/// fn twice(client: &Client, verified: Verified) {
///     let first = client.exchange(verified);
///     let second = client.exchange(verified);
/// }
/// ```
///
/// ```compile_fail,E0277
/// # use keyfob_proto::oauth2::Verified;
/// fn copies<T: Clone>() {}
/// copies::<Verified>();
/// ```
///
/// ```compile_fail,E0277
/// # use keyfob_proto::oauth2::Verified;
/// fn stored<T: serde::Serialize>() {}
/// stored::<Verified>();
/// ```
#[must_use = "a verified login is exchanged for tokens"]
#[derive(Debug)]
pub struct Verified {
    pub(crate) code: Secret,
    pub(crate) verifier: Option<Secret>,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) client_id: String,
    pub(crate) token_endpoint: String,
    pub(crate) issuer: Option<String>,
    pub(crate) kept: BTreeMap<String, String>,
    pub(crate) tolerated: Tolerated,
}

impl Pending {
    pub(crate) fn new(
        client: &Client,
        redirect_uri: String,
        scopes: Vec<String>,
        state: String,
        verifier: Option<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            state: Secret::new(state),
            verifier: verifier.map(Secret::new),
            redirect_uri,
            scopes,
            client_id: client.app.client_id.clone(),
            token_endpoint: client.settings.token.as_str().to_owned(),
            issuer: client.settings.issuer.clone(),
            iss_required: client.settings.iss_required,
            redirect_fragment: client.deviations.contains(&Deviation::RedirectFragment),
            keep: client.keep.clone(),
            created_at: now,
        }
    }

    /// What names this login in a callback: `state`.
    pub fn key(&self) -> &Secret {
        &self.state
    }

    /// The redirect URI that was sent.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// When the login ends unanswered.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus(LIFETIME)
    }

    /// Judges what came back: `state` (RFC 6749 §10.12), `iss` (RFC 9207 §2.4), `error` (RFC 6749 §4.1.2.1), age, and that everything
    /// is there once. A bare code is taken only under a proof key.
    ///
    /// # Errors
    ///
    /// `Refused` if the server (or person) said no to *this* login, `Misuse` if it is older than ten minutes: these
    /// [end the login](Error::ends_login). `Misbehaved` and `Misuse` for everything else; the login lives on, so that a stray or hostile
    /// callback cannot abort it.
    pub fn verify(&self, answer: Answer<'_>, now: Timestamp) -> Result<Verified, Error> {
        // A clock that went back must not make a login immortal.
        if now >= self.expires_at() || now < self.created_at.plus(-LIFETIME) {
            return Err(Misuse::new("an answer within ten minutes", "a login that is older")
                .with_hint("begin the login again")
                .ending_login()
                .into());
        }
        match answer {
            Answer::Bare(code) => self.verify_code(code),
            Answer::Query(query) => {
                let (query, fragment) = split_fragment(query);
                self.verify_query(query, self.check_fragment(fragment)?)
            }
            Answer::Url(url) => self.verify_url(url),
        }
    }

    /// A bare code carries no state: only a proof key tells that it answers our request (the server will hold them together).
    fn verify_code(&self, code: &str) -> Result<Verified, Error> {
        // Where a provider is known to end its redirects with `#_=_`, that comes along when the end of the address is copied.
        let (code, fragment) = if self.redirect_fragment { split_fragment(code.trim()) } else { (code.trim(), None) };
        if self.verifier.is_none() {
            return Err(Misuse::new("the whole redirect URL", "a bare code, which does not say which login it answers")
                .with_hint("paste the address of the page you were sent to, all of it")
                .into());
        }
        if !is_vschar(code) || code.len() > 4096 {
            return Err(Misuse::new("the code, or the whole redirect URL", "nothing, or text with spaces or control characters").into());
        }
        Ok(self.verified(code, BTreeMap::new(), self.check_fragment(fragment)?))
    }

    fn verify_url(&self, url: &str) -> Result<Verified, Error> {
        let redirect = split(url, &self.redirect_uri)
            .ok_or_else(|| Misuse::new(format!("a URL that begins with {}", self.redirect_uri), "another URL"))?;
        let mut tolerated = self.check_fragment(redirect.fragment)?;
        if redirect.scheme_differs {
            tolerated.insert(Deviation::RedirectScheme);
        }
        self.verify_query(redirect.query, tolerated)
    }

    /// A redirect has no fragment of its own (RFC 6749 §3.1.2), unless the provider file knows of one.
    fn check_fragment(&self, fragment: Option<&str>) -> Result<Tolerated, Misbehaved> {
        match fragment {
            None => Ok(Tolerated::new()),
            Some(_) if self.redirect_fragment => Ok(Tolerated::from([Deviation::RedirectFragment])),
            Some(_) => Err(Misbehaved::deviation(Deviation::RedirectFragment, "a redirect without fragment", "one with a fragment")),
        }
    }

    fn verify_query(&self, query: &str, tolerated: Tolerated) -> Result<Verified, Error> {
        let parameters = Parameters::read(query, SECTION, "RFC 6749 §3.1")?;
        // Which login this answers comes first: nothing that does not name our state may touch our login.
        if !parameters.get("state").is_some_and(|state| self.state.same_as(state)) {
            return Err(Misbehaved::new("RFC 6749 §10.12", "the state of this login", "another one, or none").into());
        }
        self.check_issuer(parameters.get("iss"))?;
        for token in ["access_token", "id_token"] {
            if parameters.get(token).is_some() {
                return Err(Misbehaved::new("RFC 9700 §2.1.2", "a code", format!("an {token} in a URL")).into());
            }
        }
        match (parameters.get("code"), parameters.get("error")) {
            (Some(_), Some(_)) => Err(Misbehaved::new(SECTION, "a code or an error", "both").into()),
            (None, None | Some("")) => Err(Misbehaved::new(SECTION, "a code or an error", "neither").into()),
            (None, Some(error)) => Err(self.refusal(error, &parameters)),
            (Some(code), None) if is_vschar(code) => Ok(self.verified(code, parameters.keep(&self.keep), tolerated)),
            (Some(_), None) => Err(Misbehaved::new(SECTION, "a code", "an empty one, or one with spaces or control characters").into()),
        }
    }

    /// RFC 9207 §2.4: another issuer's answer must not reach this issuer's token endpoint (mix-up). Also judged for errors.
    fn check_issuer(&self, found: Option<&str>) -> Result<(), Misbehaved> {
        match (&self.issuer, found) {
            (Some(expected), Some(found)) if expected != found => {
                Err(Misbehaved::new("RFC 9207 §2.4", format!("iss={expected}"), format!("iss={}", crate::scrub::printable(found))))
            }
            (Some(expected), None) if self.iss_required => Err(Misbehaved::new("RFC 9207 §2.4", format!("iss={expected}"), "none")),
            _ => Ok(()),
        }
    }

    fn verified(&self, code: &str, kept: BTreeMap<String, String>, tolerated: Tolerated) -> Verified {
        Verified {
            code: Secret::new(code),
            verifier: self.verifier.clone(),
            redirect_uri: self.redirect_uri.clone(),
            scopes: self.scopes.clone(),
            client_id: self.client_id.clone(),
            token_endpoint: self.token_endpoint.clone(),
            issuer: self.issuer.clone(),
            kept,
            tolerated,
        }
    }

    /// An error redirect (§4.1.2.1). It named our state, so the server refused *us*.
    fn refusal(&self, error: &str, parameters: &Parameters) -> Error {
        let scrubber = self.verifier.iter().fold(Scrubber::new().knowing(&self.state), Scrubber::knowing);
        let description = parameters.get("error_description").map(|text| scrubber.clean(text)).filter(|text| !text.is_empty());
        // Shown, never opened; anything but https is a lure.
        let uri = parameters.get("error_uri").filter(|uri| uri.starts_with("https://")).map(|uri| scrubber.clean(uri));
        Refused { description, uri, ..Refused::new(Code::read(&scrubber.clean(error))) }.into()
    }
}
