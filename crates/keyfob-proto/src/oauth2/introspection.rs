//! Token introspection (RFC 7662): asking a server what a token is worth. The answer may be signed (RFC 9701).

use http::HeaderValue;
use http::header::ACCEPT;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::client::{Client, TokenKind};
use super::document::{self, Document};
use super::settings::TokenBody;
use crate::encode;
use crate::endpoint::Endpoint;
use crate::error::{Error, Misbehaved, Misuse};
use crate::jose::jwt::Claims;
use crate::jose::{Algorithms, Jws, Keys};
use crate::message::{Incoming, Outgoing};
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::time::Timestamp;

const SECTION: &str = "RFC 7662 §2.2";
const SIGNED: &str = "RFC 9701 §5";
const SIGNED_TYPE: &str = "token-introspection+jwt";

/// A question about a token, under way.
///
/// ```
/// # use keyfob_proto::{App, Endpoint, Flow, Settings, oauth2};
/// # let endpoint = |url| Endpoint::parse(url).unwrap();
/// # let flow = oauth2::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
/// # let provider = Settings::new("example", Flow::OAuth2(flow), endpoint("https://api.example"));
/// # let client = oauth2::Client::new(&provider, App::confidential("id", "sandbox-secret-not-real"))?;
/// use keyfob_proto::{Secret, Timestamp};
///
/// let asking = client.introspect(&endpoint("https://login.example/introspect"), &Secret::new("access-1"), None)?;
/// let answer = http::Response::builder()
///     .header("content-type", "application/json")
///     .body(r#"{"active":true,"scope":"read write","exp":1795003600,"sub":"user-1"}"#)?;
/// let token = asking.receive(&answer, None)?;
/// assert!(token.is_good(Timestamp::from_unix(1_795_000_000)));
/// assert!(!token.is_good(Timestamp::from_unix(1_795_003_600)));
/// assert_eq!(token.scopes, ["read", "write"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Introspecting {
    request: Outgoing,
    client_id: String,
    issuer: Option<String>,
    scrubber: Scrubber,
}

/// What a server says about a token (§2.2). Of a token that is not active it says nothing else, and nothing else is kept.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether the token is good: not expired, not revoked, and for whoever asked.
    pub active: bool,
    /// `scope`, one by one.
    pub scopes: Vec<String>,
    /// The client it was given to.
    pub client_id: Option<String>,
    /// A name for people, fit to show; not an identity.
    pub username: Option<String>,
    /// `token_type`.
    pub token_type: Option<String>,
    /// `exp`.
    pub expires_at: Option<Timestamp>,
    /// `iat`.
    pub issued_at: Option<Timestamp>,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `sub`.
    pub subject: Option<String>,
    /// `aud`.
    pub audience: Vec<String>,
    /// `iss`.
    pub issuer: Option<String>,
    /// `jti`.
    pub id: Option<String>,
    /// `cnf`: what the sender has to prove.
    pub confirmation: Option<Confirmation>,
    /// `acr` (RFC 9470 §6.2).
    pub acr: Option<String>,
    /// `auth_time` (RFC 9470 §6.2).
    pub auth_time: Option<Timestamp>,
    /// Whether the answer was signed (RFC 9701).
    pub signed: bool,
    members: Map<String, Value>,
}

/// What a token is bound to (`cnf`, RFC 7800). A member that is not known here is a binding that cannot be checked: [`is_known`](Self::is_known).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmation {
    /// The thumbprint of a DPoP key (RFC 9449 §6.1).
    pub jkt: Option<String>,
    /// The thumbprint of a certificate (RFC 8705 §3.1).
    pub x5t_s256: Option<String>,
    others: bool,
}

impl Client {
    /// Asks what a token is worth, at the server's introspection endpoint (§2.1).
    ///
    /// # Errors
    ///
    /// `Misuse` if the credentials cannot be a header.
    pub fn introspect(&self, endpoint: &Endpoint, token: &Secret, hint: Option<TokenKind>) -> Result<Introspecting, Misuse> {
        let mut body = vec![("token", token.expose())];
        body.extend(hint.map(|hint| ("token_type_hint", hint.as_str())));
        let request = self.back_channel(endpoint, body, TokenBody::Form)?;
        let (client_id, issuer) = (self.shared.app.client_id.clone(), self.shared.settings.issuer.clone());
        Ok(Introspecting { request, client_id, issuer, scrubber: self.scrubber().knowing(token) })
    }
}

impl Introspecting {
    /// Asks for a signed answer (RFC 9701 §4), which is then to be judged with keys.
    #[must_use]
    pub fn signed(mut self) -> Self {
        self.request.set_header(ACCEPT, HeaderValue::from_static("application/token-introspection+jwt"));
        self
    }

    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer: JSON, or signed text where `signed` says by whom and how.
    ///
    /// # Errors
    ///
    /// `Refused` for a typed `error` (§2.3); `Misbehaved` for an answer without `active`, members of another type, a redirect, more than 256 KiB, signed
    /// text where none was agreed on and plain text where signed was, and for a signed answer of another issuer, for another client, or of another kind.
    /// `Misuse` for a signed answer of a provider whose issuer is not known.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>, signed: Option<(&Keys<'_>, &Algorithms)>) -> Result<Introspection, Error> {
        self.judge(answer, signed)
    }

    /// The same, where it may have to be judged once more: a signed answer by a key that is [not known yet](Misbehaved::is_unknown_key).
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn judge<'a>(&self, answer: impl Into<Incoming<'a>>, signed: Option<(&Keys<'_>, &Algorithms)>) -> Result<Introspection, Error> {
        let answer = answer.into();
        let is_signed = answer.media_type() == "application/token-introspection+jwt";
        let at = |wrong: Misbehaved| Error::from(wrong.with_status(answer.status));
        let members = match (is_signed && answer.status.is_success(), signed) {
            (true, Some((keys, algorithms))) => {
                // Whose keys they are is known by the issuer's name alone.
                let issuer = self.issuer.as_deref().ok_or_else(|| Misuse::no_issuer("RFC 9701 §5"))?;
                self.read_signed(answer.body, issuer, keys, algorithms).map_err(at)?
            }
            (true, None) => return Err(at(Misbehaved::new(SECTION, "JSON", "signed text, which was not agreed on"))),
            (false, signed) => {
                let members = document::receive(answer, SECTION, &self.scrubber)?;
                if signed.is_some() {
                    return Err(at(Misbehaved::new(SIGNED, "signed text", "an answer without signature")));
                }
                members
            }
        };
        Introspection::read(members, is_signed).map_err(at)
    }

    /// RFC 9701 §5, §8.1: by the issuer, for us, and of this very kind, so that no other token by the same keys can be played back as an answer.
    fn read_signed(&self, body: &[u8], issuer: &str, keys: &Keys<'_>, algorithms: &Algorithms) -> Result<Map<String, Value>, Misbehaved> {
        let wrong = |expected: &str, found: &str| Misbehaved::new(SIGNED, expected, found);
        let text = std::str::from_utf8(body).map_err(|_| wrong("signed text", "other bytes"))?;
        let jws = Jws::read(text)?;
        if jws.header.media_type.as_deref() != Some(SIGNED_TYPE) {
            return Err(wrong("an answer about a token (\"typ\" of token-introspection+jwt)", "another kind of text, or none"));
        }
        let claims = Claims::read(&jws.verify(keys, algorithms)?, SIGNED)?;
        if claims.required("iss", SIGNED)? != issuer {
            return Err(wrong("the issuer of this provider (\"iss\")", "another one"));
        }
        if !claims.audience(SIGNED)?.contains(&self.client_id.as_str()) {
            return Err(wrong("an answer for this client (\"aud\")", "one for somebody else"));
        }
        claims.moment("iat", SIGNED)?.ok_or_else(|| wrong("a claim \"iat\"", "none"))?;
        match claims.get("token_introspection") {
            Some(Value::Object(members)) => Ok(members.clone()),
            _ => Err(wrong("an object \"token_introspection\"", "none")),
        }
    }
}

impl Introspection {
    fn read(members: Map<String, Value>, signed: bool) -> Result<Self, Misbehaved> {
        let d = Document::new(&members, SECTION);
        let text = |name| d.text(name).map(|text| text.map(str::to_owned));
        if !d.flag("active")?.ok_or_else(|| d.broke("active", "true or false", "an answer without it"))? {
            return Ok(Self { signed, ..Self::default() });
        }
        Ok(Self {
            active: true,
            scopes: d.scopes("scope")?.unwrap_or_default(),
            client_id: text("client_id")?,
            username: d.shown("username")?,
            token_type: text("token_type")?,
            expires_at: d.moment("exp")?,
            issued_at: d.moment("iat")?,
            not_before: d.moment("nbf")?,
            subject: text("sub")?,
            audience: d.one_or_more("aud")?,
            issuer: text("iss")?,
            id: text("jti")?,
            confirmation: Confirmation::read(&d)?,
            acr: text("acr")?,
            auth_time: d.moment("auth_time")?,
            signed,
            members,
        })
    }

    /// Whether the token may be used now: active, begun, and not ended.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.active && self.expires_at.is_none_or(|end| now < end) && self.not_before.is_none_or(|begin| now >= begin)
    }

    /// A member by its name, as the server wrote it (`authorization_details`, and whatever it adds of its own). Nothing in it was judged.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }
}

impl Confirmation {
    pub(super) fn read(d: &Document<'_>) -> Result<Option<Self>, Misbehaved> {
        let members = match d.get("cnf") {
            None => return Ok(None),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(d.broke("cnf", "an object", "something else")),
        };
        let inner = Document::new(members, "RFC 7800 §3.1");
        let text = |name| inner.text(name).map(|text| text.map(str::to_owned));
        let others = members.keys().any(|name| !matches!(name.as_str(), "jkt" | "x5t#S256"));
        Ok(Some(Self { jkt: text("jkt")?, x5t_s256: text("x5t#S256")?, others }))
    }

    /// Whether it is this certificate, in DER, that the sender has to show (RFC 8705 §3.1).
    pub fn is_of_certificate(&self, der: &[u8]) -> bool {
        self.x5t_s256.as_deref().is_some_and(|thumbprint| thumbprint == encode::base64url(&Sha256::digest(der)))
    }

    /// Whether all that has to be proved is named here. A resource that does not know a binding must not take the token for a bearer token.
    pub fn is_known(&self) -> bool {
        !self.others && (self.jkt.is_some() || self.x5t_s256.is_some())
    }
}
