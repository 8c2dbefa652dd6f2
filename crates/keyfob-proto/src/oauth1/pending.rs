//! A login under way: temporary credentials that wait for the person (RFC 5849 §2.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::client::Callback;
use super::problem::Report;
use crate::callback::{Answer, Parameters, split, split_fragment};
use crate::deviation::{Deviation, Deviations, Tolerated};
use crate::error::{Code, Error, Misbehaved, Misuse, Refused};
use crate::message::is_vschar;
use crate::scrub::Scrubber;
use crate::secret::{Secret, stored};
use crate::time::Timestamp;

const SECTION: &str = "RFC 5849 §2.2";

/// How long a login may take. Servers keep temporary credentials for an hour or less.
const LIFETIME: i64 = 600;

/// A login under way. Made to be stored, so that it survives a redirect or a restart; a store hands it out once.
///
/// [`key`](Self::key) is what a store files it under. Its serialised form holds the temporary credentials in clear: seal it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    issued: Issued,
    /// `None`: a PIN will be typed.
    callback: Option<String>,
    denial_without_verifier: bool,
    #[serde(default)]
    no_verifier: bool,
    keep: Vec<String>,
    tolerated: Vec<String>,
    created_at: Timestamp,
}

/// Temporary credentials, and who they were issued to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Issued {
    #[serde(with = "stored")]
    pub(crate) token: Secret,
    #[serde(with = "stored")]
    pub(crate) secret: Secret,
    pub(crate) consumer_key: String,
    pub(crate) access_token_url: String,
}

/// Proof that an answer is to *our* request: only [`Pending::verify`] makes one, only
/// [`Client::exchange`](super::Client::exchange) takes one.
///
/// Temporary credentials are used once (RFC 5849 §2.3); a `Verified` can be neither copied nor exchanged twice:
///
/// ```compile_fail,E0382
/// # use keyfob_proto::{Entropy, Timestamp, oauth1::{Client, Verified}};
/// fn twice(client: &Client, verified: Verified, now: Timestamp, entropy: &dyn Entropy) {
///     let first = client.exchange(verified, now, entropy);
///     let second = client.exchange(verified, now, entropy);
/// }
/// ```
///
/// ```compile_fail,E0277
/// # use keyfob_proto::oauth1::Verified;
/// fn copies<T: Clone>() {}
/// copies::<Verified>();
/// ```
#[must_use = "a verified login is exchanged for token credentials"]
#[derive(Debug)]
pub struct Verified {
    pub(crate) issued: Issued,
    pub(crate) verifier: Option<Secret>,
    pub(crate) kept: BTreeMap<String, String>,
    pub(crate) tolerated: Tolerated,
}

impl Pending {
    pub(crate) fn new(
        issued: Issued,
        callback: Callback,
        allowed: &Deviations,
        keep: Vec<String>,
        tolerated: Tolerated,
        now: Timestamp,
    ) -> Self {
        let callback = match callback {
            Callback::Url(url) => Some(url),
            Callback::OutOfBand => None,
        };
        Self {
            issued,
            callback,
            denial_without_verifier: allowed.contains(&Deviation::DenialWithoutVerifier),
            no_verifier: allowed.contains(&Deviation::NoVerifier),
            keep,
            tolerated: tolerated.into_iter().map(|deviation| deviation.name().to_owned()).collect(),
            created_at: now,
        }
    }

    /// What names this login in a callback: the temporary token.
    pub fn key(&self) -> &Secret {
        &self.issued.token
    }

    /// The callback URL, if one was told.
    pub fn redirect_uri(&self) -> Option<&str> {
        self.callback.as_deref()
    }

    /// When the login began.
    pub fn began_at(&self) -> Timestamp {
        self.created_at
    }

    /// When the login ends unanswered.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus(LIFETIME)
    }

    /// Judges what came back: that it names our temporary token (RFC 5849 §2.2), has a verifier, or is a denial or another refusal, and its age. A bare PIN
    /// is taken only where one was asked for (`oob`). Without a verifier it is taken where the provider is allowed that
    /// ([`Deviation::NoVerifier`]): then the token alone says which login it answers, so keep this where only the browser that began the login gets at it.
    ///
    /// # Errors
    ///
    /// `Refused` if *this* login was denied, `Misuse` if it is older than ten minutes: these [end the login](Error::ends_login).
    /// `Misbehaved` and `Misuse` for everything else; the login lives on, so that a stray or hostile callback cannot abort it.
    pub fn verify(&self, answer: Answer<'_>, now: Timestamp) -> Result<Verified, Error> {
        // A clock that went back must not make a login immortal.
        if now >= self.expires_at() || now < self.created_at.plus(-LIFETIME) {
            return Err(Misuse::new("an answer within ten minutes", "a login that is older")
                .of("RFC 5849 §2.1")
                .with_hint("begin the login again")
                .ending_login()
                .into());
        }
        match answer {
            Answer::Bare(pin) => self.verify_pin(pin),
            // RFC 5849 says nothing of fragments; no request ever carries one.
            Answer::Query(query) => self.verify_query(split_fragment(query).0, Tolerated::new()),
            Answer::Url(url) => self.verify_url(url),
            Answer::Fragment(_) | Answer::Form(_) => Err(Misbehaved::new(SECTION, "an answer in the query", "one elsewhere").into()),
        }
    }

    /// A PIN is the verifier of a login without callback (`oob`), and of no other.
    fn verify_pin(&self, pin: &str) -> Result<Verified, Error> {
        let pin = pin.trim();
        if self.callback.is_some() {
            return Err(Misuse::new("the whole redirect URL", "a bare code, which does not say which login it answers")
                .of("RFC 5849 §2.2")
                .with_hint("paste the address of the page you were sent to, all of it")
                .into());
        }
        if !is_vschar(pin) || pin.len() > 256 {
            return Err(Misuse::new("the PIN the page shows", "nothing, or text with spaces or control characters")
                .of("RFC 5849 §2.2")
                .with_hint("type the PIN as the page shows it, and nothing else")
                .into());
        }
        Ok(self.verified(Some(Secret::new(pin)), BTreeMap::new(), Tolerated::new()))
    }

    fn verify_url(&self, url: &str) -> Result<Verified, Error> {
        let Some(callback) = &self.callback else {
            return Err(Misuse::new("the PIN the page shows", "a URL")
                .of("RFC 5849 §2.2")
                .with_hint("type what the page shows, not the address of the page")
                .into());
        };
        let redirect = split(url, callback).ok_or_else(|| {
            Misuse::new(format!("a URL that begins with {callback}"), "another URL")
                .of("RFC 5849 §2.2")
                .with_hint("paste the address of the page that the provider sent you to in the end, all of it")
        })?;
        let tolerated = if redirect.scheme_differs { Tolerated::from([Deviation::RedirectScheme]) } else { Tolerated::new() };
        self.verify_query(redirect.query, tolerated)
    }

    fn verify_query(&self, query: &str, mut tolerated: Tolerated) -> Result<Verified, Error> {
        let parameters = Parameters::read(query, SECTION, "RFC 5849 §3.1")?;
        // Which login this answers comes first: nothing that does not name our token may touch our login.
        let names_us = |name: &str| parameters.get(name).is_some_and(|token| self.issued.token.same_as(token));
        if names_us("denied") && parameters.get("oauth_verifier").is_none() {
            return Err(denied());
        }
        if !names_us("oauth_token") {
            return Err(Misbehaved::another_login(SECTION, "the oauth_token of this login").into());
        }
        if let Some(error) = self.refusal(&parameters) {
            return Err(error);
        }
        match parameters.get("oauth_verifier") {
            Some(verifier) if is_vschar(verifier) => Ok(self.verified(Some(Secret::new(verifier)), parameters.keep(&self.keep), tolerated)),
            None if self.denial_without_verifier => Err(denied()),
            // What is left is the token: that it is ours was judged above, and where this login is kept, to whose browser it belongs.
            None if self.no_verifier => {
                tolerated.insert(Deviation::NoVerifier);
                Ok(self.verified(None, parameters.keep(&self.keep), tolerated))
            }
            None => Err(Misbehaved::deviation(Deviation::DenialWithoutVerifier, "oauth_verifier", "none").into()),
            Some(_) => Err(Misbehaved::new(SECTION, "oauth_verifier", "an empty value, or one with spaces or control characters").into()),
        }
    }

    /// What a server says that sends the person back with a reason in place of a verifier (OAuth Problem Reporting): no approval, whatever else is tolerated.
    fn refusal(&self, parameters: &Parameters) -> Option<Error> {
        parameters.get("oauth_problem")?;
        let scrubber = [&self.issued.token, &self.issued.secret].into_iter().fold(Scrubber::new(), Scrubber::knowing);
        let report = Report::of(parameters.pairs(), &scrubber).filter(|_| parameters.get("oauth_verifier").is_none());
        Some(report.map_or_else(
            || Misbehaved::new(SECTION, "an oauth_verifier or an oauth_problem", "both, or nothing in it").into(),
            |report| report.told().into(),
        ))
    }

    fn verified(&self, verifier: Option<Secret>, kept: BTreeMap<String, String>, mut tolerated: Tolerated) -> Verified {
        tolerated.extend(self.tolerated.iter().filter_map(|name| Deviation::by_name(name)));
        Verified { issued: self.issued.clone(), verifier, kept, tolerated }
    }
}

fn denied() -> Error {
    Refused::new(Code::AccessDenied).into()
}
