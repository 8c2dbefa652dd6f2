//! A login under way: a `state`, perhaps a proof key, and the redirect URI, waiting for the person (RFC 6749 §4.1.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::authorize::{ResponseMode, ResponseType};
use super::client::Client;
use super::drawn::Drawn;
use super::id_token_terms::IdTokenTerms;
use super::jarm;
use super::redirect_uri::RedirectUri;
use super::special::Special;
use crate::callback::{Answer, Parameters, split, split_fragment};
use crate::deviation::{Deviation, Tolerated};
use crate::error::{Code, Error, Misbehaved, Misuse, Refused};
use crate::jose::{Algorithms, Keys};
use crate::message::is_vschar;
use crate::scrub::Scrubber;
use crate::secret::{Secret, SecretRef};
use crate::time::Timestamp;

const SECTION: &str = "RFC 6749 §4.1.2";

/// How long a login may take: the lifetime RFC 6749 §4.1.2 recommends for codes.
const LIFETIME: i64 = 600;

/// A login under way. Made to be stored, so that it survives a redirect or a restart; a store hands it out once.
///
/// [`key`](Self::key) is what a store files it under. Its serialised form holds the `state` and the verifier in clear: seal it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    #[serde(flatten)]
    pub(super) drawn: Drawn,
    #[serde(flatten)]
    pub(super) begun: Arc<Begun>,
    #[serde(default)]
    pub(super) response_type: ResponseType,
    #[serde(default)]
    pub(super) mode: ResponseMode,
    pub(super) created_at: Timestamp,
    #[serde(flatten)]
    pub(super) special: Special,
}

/// Who begins logins where, for what, and where they come back to: the same for nearly all of a client's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) redirect_uri: RedirectUri,
    pub(crate) scopes: Vec<String>,
    pub(crate) client_id: String,
    pub(crate) token_endpoint: String,
    pub(crate) issuer: Option<String>,
    pub(crate) iss_required: bool,
    pub(crate) redirect_fragment: bool,
    pub(crate) keep: Vec<String>,
}

impl Begun {
    /// Whether this client begins them: what came back must not go to another server, nor be another app's (mix-up, RFC 9700 §4.4).
    pub(crate) fn is_of(&self, client: &Client) -> bool {
        let shared = &client.shared;
        self.token_endpoint == shared.settings.token.as_str()
            && self.client_id == shared.app.client_id
            && self.issuer == shared.settings.issuer
    }
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
    pub(crate) begun: Arc<Begun>,
    pub(crate) scopes: Vec<String>,
    pub(crate) special: Special,
    pub(crate) kept: BTreeMap<String, String>,
    pub(crate) tolerated: Tolerated,
}

impl Pending {
    /// What names this login in a callback: `state`.
    pub fn key(&self) -> SecretRef<'_> {
        self.drawn.state()
    }

    /// The redirect URI that was sent.
    pub fn redirect_uri(&self) -> &str {
        self.begun.redirect_uri.as_str()
    }

    /// When the login began.
    pub fn began_at(&self) -> Timestamp {
        self.created_at
    }

    /// When the login ends unanswered.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus(LIFETIME)
    }

    /// How the answer travels.
    pub fn response_mode(&self) -> ResponseMode {
        self.mode
    }

    /// What the ID token of this login has to say.
    pub fn expected(&self) -> &IdTokenTerms {
        &self.special.expected
    }

    /// The key that the code will be bound to (RFC 9449 §10), as [`ProofKey::stored`](super::dpop::ProofKey::stored) has it: the client that exchanges
    /// it has to have the same one.
    pub fn proof_key(&self) -> Option<&Secret> {
        self.special.proof_key.as_ref()
    }

    pub(crate) fn response_type(&self) -> ResponseType {
        self.response_type
    }

    pub(crate) fn begun(&self) -> &Begun {
        &self.begun
    }

    /// Judges what came back: `state` (RFC 6749 §10.12), `iss` (RFC 9207 §2.4), `error` (RFC 6749 §4.1.2.1), age, that it came the way
    /// that was asked for, and that everything is there once. A bare code is taken only under a proof key, and not
    /// where the server promised to name itself.
    ///
    /// # Errors
    ///
    /// `Refused` if the server (or person) said no to *this* login, `Misuse` if it is older than ten minutes: these
    /// [end the login](Error::ends_login). `Misbehaved` and `Misuse` for everything else; the login lives on, so that a stray or hostile
    /// callback cannot abort it.
    pub fn verify(&self, answer: Answer<'_>, now: Timestamp) -> Result<Verified, Error> {
        // What was stored as a hybrid login and is read as this one would lose its ID token check on the way.
        if self.response_type != ResponseType::Code {
            return Err(Misuse::new("a login that asked for a code alone", "one that asked for tokens, too")
                .of("OpenID Connect Core §3.3")
                .with_hint("read it as it was begun: HybridPending, or ImplicitPending")
                .into());
        }
        self.check_unsigned()?;
        if let Answer::Bare(code) = answer {
            self.check_age(now)?;
            return self.verify_code(code);
        }
        let (parameters, tolerated) = self.parameters(answer, now)?;
        self.accept(&parameters, tolerated)
    }

    /// The same for an answer that was asked for signed (JARM): one parameter `response`, judged with the server's keys before anything in it is. What
    /// comes beside it is not looked at (§4.4).
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify); and `Misbehaved` for a signature, issuer, audience or time that is not right. Where it
    /// [is an unknown key](Misbehaved::is_unknown_key), fetch the keys again and judge the same answer once more.
    pub fn verify_signed(&self, answer: Answer<'_>, keys: &Keys<'_>, algorithms: &Algorithms, now: Timestamp) -> Result<Verified, Error> {
        if self.response_type != ResponseType::Code || !self.mode.is_signed() {
            return Err(Misuse::new("a login that asked for a code in a signed answer", "another login")
                .of("JARM §4.4")
                .with_hint("judge it with Pending::verify")
                .into());
        }
        self.check_age(now)?;
        let (text, tolerated) = self.text(answer)?;
        let outside = Parameters::read_up_to(Parameters::LONGEST_ELSEWHERE, text, jarm::SECTION, "RFC 6749 §3.1")?;
        let response = outside.get("response").ok_or_else(|| Misbehaved::new(jarm::SECTION, "a parameter \"response\"", "none"))?;
        let issuer = self.begun.issuer.as_deref().ok_or_else(|| Misuse::no_issuer("JARM §4.4"))?;
        let parameters = Parameters::of(jarm::read(response, issuer, &self.begun.client_id, keys, algorithms, now)?);
        self.judge(&parameters)?;
        self.accept(&parameters, tolerated)
    }

    fn accept(&self, parameters: &Parameters, tolerated: Tolerated) -> Result<Verified, Error> {
        for token in ["access_token", "id_token"] {
            if parameters.get(token).is_some() {
                return Err(Misbehaved::new("RFC 9700 §2.1.2", "a code", format!("an {token} in a URL")).into());
            }
        }
        let code = self.code(parameters)?;
        Ok(self.verified(code, parameters.keep(&self.begun.keep), tolerated))
    }

    /// The parameters of an answer to *this* request: it came the way that was asked for, names our state and issuer, and is no refusal.
    pub(crate) fn parameters(&self, answer: Answer<'_>, now: Timestamp) -> Result<(Parameters, Tolerated), Error> {
        self.check_age(now)?;
        self.check_unsigned()?;
        let (text, tolerated) = self.text(answer)?;
        let longest = if self.mode.place() == ResponseMode::Query { Parameters::LONGEST_QUERY } else { Parameters::LONGEST_ELSEWHERE };
        let parameters = Parameters::read_up_to(longest, text, SECTION, "RFC 6749 §3.1")?;
        self.judge(&parameters)?;
        Ok((parameters, tolerated))
    }

    fn judge(&self, parameters: &Parameters) -> Result<(), Error> {
        // Which login this answers comes first: nothing that does not name our state may touch our login.
        if !parameters.get("state").is_some_and(|state| self.key().same_as(state)) {
            return Err(Misbehaved::another_login("RFC 6749 §10.12", "the state of this login").into());
        }
        self.check_issuer(parameters.get("iss"))?;
        let brings = ["code", "access_token", "id_token"].into_iter().any(|name| parameters.get(name).is_some());
        match parameters.get("error") {
            Some(_) if brings => Err(Misbehaved::new(SECTION, "a code or an error", "both").into()),
            Some("") => Err(Misbehaved::new(SECTION, "a code or an error", "neither").into()),
            Some(error) => Err(self.refusal(error, parameters)),
            None => Ok(()),
        }
    }

    /// What was asked for signed is not taken unsigned: anybody can write parameters.
    fn check_unsigned(&self) -> Result<(), Misuse> {
        if self.mode.is_signed() {
            return Err(Misuse::new("a signed answer, judged with the server's keys", "a judgement without them")
                .of("JARM §4.4")
                .with_hint("judge it with verify_signed, which takes the server's keys"));
        }
        Ok(())
    }

    /// The code among them.
    pub(crate) fn code<'p>(&self, parameters: &'p Parameters) -> Result<&'p str, Misbehaved> {
        match parameters.get("code") {
            None => Err(Misbehaved::new(SECTION, "a code or an error", "neither")),
            Some(code) if is_vschar(code) => Ok(code),
            Some(_) => Err(Misbehaved::new(SECTION, "a code", "an empty one, or one with spaces or control characters")),
        }
    }

    fn check_age(&self, now: Timestamp) -> Result<(), Misuse> {
        // A clock that went back must not make a login immortal.
        if now >= self.expires_at() || now < self.created_at.plus(-LIFETIME) {
            return Err(Misuse::new("an answer within ten minutes", "a login that is older")
                .of("RFC 6749 §4.1.2")
                .with_hint("begin the login again")
                .ending_login());
        }
        Ok(())
    }

    /// The text of the answer, from the place where the response mode has it, and from no other.
    fn text<'a>(&self, answer: Answer<'a>) -> Result<(&'a str, Tolerated), Error> {
        let (query, fragment, tolerated) = match answer {
            Answer::Form(form) if self.mode.place() == ResponseMode::FormPost => return Ok((form.text(), Tolerated::new())),
            Answer::Fragment(fragment) if self.mode.place() == ResponseMode::Fragment => return Ok((fragment, Tolerated::new())),
            Answer::Query(query) => {
                let (query, fragment) = split_fragment(query);
                (query, fragment, Tolerated::new())
            }
            Answer::Url(url) => {
                let redirect = split(url, self.begun.redirect_uri.as_str()).ok_or_else(|| {
                    Misuse::new(format!("a URL that begins with {}", self.begun.redirect_uri), "another URL")
                        .of("RFC 6749 §3.1.2")
                        .with_hint("paste the address of the page that the provider sent you to in the end, all of it")
                })?;
                let differs = redirect.scheme_differs.then_some(Deviation::RedirectScheme);
                (redirect.query, redirect.fragment, differs.into_iter().collect())
            }
            Answer::Bare(_) => {
                return Err(Misuse::new("the whole answer", "a bare code")
                    .of("RFC 6749 §4.1.2")
                    .with_hint("paste the address of the page you were sent to, all of it")
                    .into());
            }
            Answer::Form(_) | Answer::Fragment(_) => return Err(self.elsewhere().into()),
        };
        match (self.mode.place(), fragment) {
            (ResponseMode::Query, fragment) => {
                let tolerated = tolerated.into_iter().chain(self.check_fragment(fragment)?).collect();
                Ok((query, tolerated))
            }
            (ResponseMode::Fragment, Some(fragment)) if query.is_empty() => Ok((fragment, tolerated)),
            _ => Err(self.elsewhere().into()),
        }
    }

    fn elsewhere(&self) -> Misbehaved {
        let (section, place) = match self.mode.place() {
            ResponseMode::Query => (SECTION, "an answer in the query"),
            ResponseMode::Fragment => {
                ("OAuth 2.0 Multiple Response Type Encoding Practices §2.1", "an answer in the fragment, and nowhere else")
            }
            _ => ("OAuth 2.0 Form Post Response Mode §2", "an answer as a posted form"),
        };
        Misbehaved::new(section, place, "one elsewhere")
    }

    /// A bare code carries no state: only a proof key tells that it answers our request (the server will hold them together).
    fn verify_code(&self, code: &str) -> Result<Verified, Error> {
        // Where a provider is known to end its redirects with `#_=_`, that comes along when the end of the address is copied.
        let (code, fragment) = if self.begun.redirect_fragment { split_fragment(code.trim()) } else { (code.trim(), None) };
        if self.drawn.verifier().is_none() {
            return Err(Misuse::new("the whole redirect URL", "a bare code, which does not say which login it answers")
                .of("RFC 6749 §10.12")
                .with_hint("paste the address of the page you were sent to, all of it")
                .into());
        }
        // A proof key ties the code to our request, and says nothing about whose code it is: where the server promised to name itself, only an answer that
        // does so is held against that promise (RFC 9207 §2.4), however it gets here (B10).
        if self.begun.iss_required {
            return Err(Misuse::new(
                "the whole redirect URL, in which this server names itself (iss)",
                "a bare code, which does not say whose it is",
            )
            .of("RFC 9207 §2.4")
            .with_hint("paste the address of the page you were sent to, all of it")
            .into());
        }
        if !is_vschar(code) || code.len() > 4096 {
            return Err(Misuse::new("the code, or the whole redirect URL", "nothing, or text with spaces or control characters")
                .of("RFC 6749 §4.1.2")
                .with_hint("paste the code as the page shows it, or the address of the page you were sent to")
                .into());
        }
        Ok(self.verified(code, BTreeMap::new(), self.check_fragment(fragment)?))
    }

    /// A redirect has no fragment of its own (RFC 6749 §3.1.2), unless the provider file knows of one.
    fn check_fragment(&self, fragment: Option<&str>) -> Result<Tolerated, Misbehaved> {
        match fragment {
            None => Ok(Tolerated::new()),
            Some(_) if self.begun.redirect_fragment => Ok(Tolerated::from([Deviation::RedirectFragment])),
            Some(_) => Err(Misbehaved::deviation(Deviation::RedirectFragment, "a redirect without fragment", "one with a fragment")),
        }
    }

    /// RFC 9207 §2.4: another issuer's answer must not reach this issuer's token endpoint (mix-up). Also judged for errors.
    fn check_issuer(&self, found: Option<&str>) -> Result<(), Misbehaved> {
        match (&self.begun.issuer, found) {
            (Some(expected), Some(found)) if expected != found => {
                Err(Misbehaved::new("RFC 9207 §2.4", format!("iss={expected}"), format!("iss={}", crate::scrub::printable(found))))
            }
            (Some(expected), None) if self.begun.iss_required => Err(Misbehaved::new("RFC 9207 §2.4", format!("iss={expected}"), "none")),
            _ => Ok(()),
        }
    }

    pub(crate) fn verified(&self, code: &str, kept: BTreeMap<String, String>, tolerated: Tolerated) -> Verified {
        Verified {
            code: Secret::new(code),
            verifier: self.drawn.verifier().map(SecretRef::to_secret),
            begun: self.begun.clone(),
            scopes: self.begun.scopes.clone(),
            special: self.special.clone(),
            kept,
            tolerated,
        }
    }

    /// An error redirect (§4.1.2.1). It named our state, so the server refused *us*.
    fn refusal(&self, error: &str, parameters: &Parameters) -> Error {
        let scrubber = Scrubber::new().keeping([self.key()].into_iter().chain(self.drawn.verifier()).map(SecretRef::to_secret));
        let description = parameters.get("error_description").map(|text| scrubber.clean(text)).filter(|text| !text.is_empty());
        // Shown, never opened; anything but https is a lure.
        let uri = parameters.get("error_uri").filter(|uri| uri.starts_with("https://")).map(|uri| scrubber.clean(uri));
        Refused { description, uri, ..Refused::new(Code::read(&scrubber.clean(error))) }.into()
    }
}
