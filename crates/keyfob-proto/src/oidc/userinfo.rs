//! The UserInfo endpoint (OpenID Connect Core §5.3): more about the person, plain or signed.

use http::Method;
use http::header::AUTHORIZATION;

use super::id_token::IdToken;
use crate::endpoint::Endpoint;
use crate::entropy::Entropy;
use crate::error::{Error, Misbehaved, Misuse};
use crate::jose::jwt::Claims;
use crate::jose::{Algorithms, Jws, Keys};
use crate::message::{Incoming, Outgoing, is_vschar};
use crate::oauth2::attach_bound;
use crate::oauth2::dpop::ProofKey;
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::OAuth2Tokens;

const SECTION: &str = "OpenID Connect Core §5.3.2";

/// A request for what the server knows about the person.
#[derive(Debug)]
pub struct UserInfoRequest {
    request: Outgoing,
    issuer: String,
    subject: String,
    client_id: String,
}

/// What the server says about the person that an ID token named.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UserInfo {
    /// `sub`, which is the ID token's.
    pub subject: String,
    /// What else it says. Nothing in here names a person; `sub` does.
    pub claims: Claims,
    /// Whether it was signed.
    pub signed: bool,
}

impl UserInfoRequest {
    /// Asks with the access token that came with this ID token: without knowing whom to expect, the answer could be about anybody
    /// (token substitution, §16.11).
    ///
    /// # Errors
    ///
    /// `Misuse` if the token cannot be a header.
    pub fn new(endpoint: &Endpoint, access_token: &Secret, id_token: &IdToken, client_id: &str) -> Result<Self, Misuse> {
        let request = Outgoing::new(Method::GET, endpoint).accept_json();
        let request = request.secret_header(AUTHORIZATION, &format!("Bearer {}", access_token.expose()))?;
        Ok(Self::about(id_token, request, client_id))
    }

    /// The same with the token in a form (RFC 6750 §2.2): for servers that are said to take it nowhere else. The header is the better place (§2.1).
    ///
    /// # Errors
    ///
    /// `Misuse` if the token is not visible ASCII.
    pub fn in_body(endpoint: &Endpoint, access_token: &Secret, id_token: &IdToken, client_id: &str) -> Result<Self, Misuse> {
        if !is_vschar(access_token.expose()) {
            return Err(Misuse::new("an access token of visible ASCII", "other characters")
                .of("RFC 6750 §2.1")
                .with_hint("take the token as the token endpoint gave it"));
        }
        let request = Outgoing::new(Method::POST, endpoint).accept_json().form(&[("access_token", access_token.expose())]);
        Ok(Self::about(id_token, request, client_id))
    }

    /// What to send with a token that is bound to a key: in place of the bearer's header, the token with a proof for this very request (RFC 9449 §7.1).
    /// Sent as a bearer's it would be refused, and shown around. `nonce` is the last one that this server gave as a resource.
    ///
    /// # Errors
    ///
    /// As [`attach_bound`].
    pub fn bound(
        &self,
        tokens: &OAuth2Tokens,
        key: &ProofKey,
        nonce: Option<&str>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Outgoing, Misuse> {
        let (mut parts, body) = self.request.clone().into_http().into_parts();
        attach_bound(tokens, key, nonce, &mut parts, now, entropy)?;
        Ok(Outgoing::from_parts(parts, body))
    }

    fn about(id_token: &IdToken, request: Outgoing, client_id: &str) -> Self {
        Self { request, issuer: id_token.issuer.clone(), subject: id_token.subject.clone(), client_id: client_id.to_owned() }
    }

    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer: JSON, or signed text where `signed` says by whom and how.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for another person's `sub` (§5.3.4), for signed text where none was agreed on, plain text where signed was, signed text whose time is
    /// not now or that is of another kind, and for everything that is no answer of this endpoint.
    pub fn receive<'a>(
        &self,
        answer: impl Into<Incoming<'a>>,
        signed: Option<(&Keys<'_>, &Algorithms)>,
        now: Timestamp,
    ) -> Result<UserInfo, Error> {
        UserInfo::judge(answer, &self.issuer, &self.subject, &self.client_id, signed, now)
    }
}

impl UserInfo {
    /// The same for an answer to a request that was made elsewhere (a session's, say): about the person `subject` at `issuer`, as an ID token named them,
    /// and for this client.
    ///
    /// # Errors
    ///
    /// As [`UserInfoRequest::receive`].
    pub fn judge<'a>(
        answer: impl Into<Incoming<'a>>,
        issuer: &str,
        subject: &str,
        client_id: &str,
        signed: Option<(&Keys<'_>, &Algorithms)>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let answer = answer.into();
        let wrong = |expected: &str, found: &str| Misbehaved::new(SECTION, expected, found).with_status(answer.status);
        if !answer.status.is_success() {
            return Err(wrong("claims about the person", "another answer")
                .with_hint("the access token may have ended, or lacks the scope openid")
                .into());
        }
        if answer.body.len() > Outgoing::LARGEST_ANSWER {
            return Err(wrong("a short answer", "an endless one").into());
        }
        let claims = match (&*answer.media_type(), signed) {
            ("application/jwt", Some((keys, algorithms))) => {
                let text = std::str::from_utf8(answer.body).map_err(|_| wrong("signed text", "other bytes"))?;
                let jws = Jws::read(text)?;
                // The same keys sign the issuer's access and logout tokens, which are for us and about this person, too (RFC 8725 §3.11).
                if jws.header.media_type.as_deref().is_some_and(|kind| kind != "jwt") {
                    return Err(wrong("claims about the person (\"typ\" of JWT, or none)", "another kind of text").into());
                }
                let claims = Claims::read(&jws.verify(keys, algorithms)?, SECTION)?;
                // §5.3.2: a signed answer says whom it is from and whom it is for.
                if claims.required("iss", SECTION)? != issuer {
                    return Err(wrong("the issuer of the ID token", "another one").into());
                }
                if !claims.audience(SECTION)?.contains(&client_id) {
                    return Err(wrong("an answer for this client (\"aud\")", "one for somebody else").into());
                }
                // It need not say when it ends; one that does is not taken afterwards (RFC 7519 §4.1.4).
                claims.judge_times(SECTION, now)?;
                claims
            }
            ("application/jwt", None) => return Err(wrong("JSON", "signed text, which was not agreed on").into()),
            (_, Some(_)) => return Err(wrong("signed text (application/jwt)", "an answer without signature").into()),
            (_, None) => {
                answer.is_json(&Scrubber::new()).map_err(|found| wrong("a JSON answer", &found))?;
                Claims::read(answer.body, SECTION)?
            }
        };
        // Compared in full, and before anything of it is used: an answer about somebody else is an attack, not a surprise (E16).
        if claims.required("sub", SECTION)? != subject {
            return Err(Misbehaved::new("OpenID Connect Core §5.3.4", "the \"sub\" of the ID token", "another person's").into());
        }
        Ok(Self { subject: subject.to_owned(), claims, signed: signed.is_some() })
    }
}
