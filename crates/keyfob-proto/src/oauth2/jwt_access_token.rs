//! Access tokens that say what they are worth (RFC 9068): signed text, which whoever receives one with a call can judge without asking the server.
//!
//! That is a resource server's business. To a client its own access token stays a closed letter (§6): the server may change what is in it, or encrypt
//! it, whenever it likes.

use super::document::Document;
use super::introspection::Confirmation;
use crate::error::Misbehaved;
use crate::jose::jwt::{Claims, Rules};
use crate::jose::{Algorithms, Jws, Keys};
use crate::time::Timestamp;

const SECTION: &str = "RFC 9068 §2.2";
const JUDGED: &str = "RFC 9068 §4";
const TYPE: &str = "at+jwt";

/// An access token that keeps to every rule of §4: only [`Expected::judge`] makes one.
///
/// What it allows is for the resource to decide: the `scopes` it names, at most, for the person that `issuer` and `subject` name together. Where no
/// person is involved `subject` names the client (§2.2), so that a client must not be able to choose an id that is some person's (§5).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JwtAccessToken {
    /// `iss`.
    pub issuer: String,
    /// `sub`: the person, or the client itself where there is none.
    pub subject: String,
    /// `aud`: this resource, and perhaps others that can use the token as well as we can.
    pub audience: Vec<String>,
    /// The client it was given to.
    pub client_id: String,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
    /// `jti`.
    pub id: String,
    /// `scope`, one by one; empty where the token names none (§2.2.3).
    pub scopes: Vec<String>,
    /// `auth_time`: when the person was asked last (§2.2.1).
    pub authenticated_at: Option<Timestamp>,
    /// `acr`: how sure the server was that it is them (§2.2.1).
    pub acr: Option<String>,
    /// `amr`: how it found out (§2.2.1).
    pub methods: Vec<String>,
    /// `cnf`: what the sender has to prove besides. A token that has it is no bearer token: see [`is_bearer`](Self::is_bearer).
    pub confirmation: Option<Confirmation>,
    /// What else it says (`groups`, `roles`, `entitlements`: §2.2.3.1).
    pub claims: Claims,
}

/// What an access token is held against.
///
/// ```
/// # use keyfob_proto::{Secret, Timestamp, jose::{Algorithm, Algorithms, HmacKey, Keys, sign_compact}};
/// # let key = HmacKey::new(Algorithm::HS256, &Secret::new("a-secret-of-at-least-32-characters"))?;
/// # let header = serde_json::Map::from_iter([("typ".to_owned(), "at+jwt".into())]);
/// # let token = sign_compact(&key, header, br#"{"iss":"https://login.example","aud":"https://api.example","sub":"5ba552d67",
/// #     "client_id":"s6BhdRkqt3","exp":1639528912,"iat":1618354090,"jti":"dbe39bf3a3ba4238a513f51d6e1691c4","scope":"read write"}"#)?;
/// # let (keys, algorithms, now) = (Keys::Shared(&key), Algorithms::of([Algorithm::HS256]), Timestamp::from_unix(1_618_354_100));
/// use keyfob_proto::oauth2::jwt_access_token::Expected;
///
/// let expected = Expected { issuer: "https://login.example", resource: "https://api.example", algorithms: &algorithms, now };
/// let token = expected.judge(&token, &keys).expect("it keeps to every rule");
/// assert!(token.is_bearer() && token.allows("read"));
/// assert_eq!((token.subject.as_str(), token.client_id.as_str()), ("5ba552d67", "s6BhdRkqt3"));
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The server whose tokens this resource takes, byte for byte.
    pub issuer: &'a str,
    /// The name of this resource, which is the `resource` that clients ask for (RFC 8707), or the server's word for it.
    pub resource: &'a str,
    /// What the server's metadata lists, or was agreed on.
    pub algorithms: &'a Algorithms,
    /// Now.
    pub now: Timestamp,
}

impl Expected<'_> {
    /// Judges a token by every rule of §4. What `cnf` binds it to is for the caller to have proved.
    ///
    /// # Errors
    ///
    /// `Misbehaved` naming the section, what was expected and what was found: to whoever sent the token that is `invalid_token` (RFC 6750 §3.1) and
    /// nothing more. [`Misbehaved::is_unknown_key`] says that fetching the keys again may help.
    pub fn judge(&self, token: &str, keys: &Keys<'_>) -> Result<JwtAccessToken, Misbehaved> {
        let jws = Jws::read(token)?;
        // Signed by the same keys, an ID token would pass for an access token, and let its audience in where the person sent nobody (§4, §5).
        match jws.header.media_type.as_deref() {
            Some(TYPE) => {}
            found => {
                let found = found.map_or("none".to_owned(), |kind| format!("\"{}\"", crate::scrub::printable(kind)));
                return Err(Misbehaved::new(JUDGED, "an access token (\"typ\" of at+jwt)", found));
            }
        }
        let claims = Claims::read(&jws.verify(keys, self.algorithms)?, SECTION)?;
        let rules = Rules { section: JUDGED, issuer: self.issuer, audience: self.resource, addressee: "this resource", now: self.now };
        let (issued_at, expires_at) = claims.judge(&rules)?;
        let issued_at = issued_at.ok_or_else(|| Misbehaved::new(SECTION, "a claim \"iat\"", "none"))?;
        let required = |name| claims.required(name, SECTION).map(str::to_owned);
        let (subject, client_id, id) = (required("sub")?, required("client_id")?, required("jti")?);
        let audience = claims.audience(SECTION)?.into_iter().map(str::to_owned).collect();
        let d = Document::new(claims.members(), SECTION);
        let (scopes, authenticated_at, methods) = (d.scopes("scope")?.unwrap_or_default(), d.moment("auth_time")?, d.texts("amr")?);
        let (acr, confirmation) = (d.text("acr")?.map(str::to_owned), Confirmation::read(&d)?);
        Ok(JwtAccessToken {
            issuer: self.issuer.to_owned(),
            subject,
            audience,
            client_id,
            issued_at,
            expires_at,
            id,
            scopes,
            authenticated_at,
            acr,
            methods,
            confirmation,
            claims,
        })
    }
}

impl JwtAccessToken {
    /// Whether whoever has it may use it. Where this is false the sender has to prove what [`confirmation`](Self::confirmation) names, and a resource
    /// that cannot check that must refuse the token: taking it would undo what binding it was for (RFC 9449 §7.2, RFC 8705 §3).
    pub fn is_bearer(&self) -> bool {
        self.confirmation.is_none()
    }

    /// Whether it names this scope.
    pub fn allows(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}
