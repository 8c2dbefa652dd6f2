//! What a grant is about, beside client and scopes, and what its tokens say.

use serde_json::{Map, Value, json};

use super::person::{SUBJECT, SignedIn};
use super::{Acme, LIFETIME};
use crate::apps::Registration;
use crate::chance;
use crate::desk::Desk;
use crate::message::Reply;

/// Goes with codes, access tokens and refresh tokens.
#[derive(Clone, Debug, Default)]
pub(super) struct Details {
    /// `None`: the app asked on its own behalf.
    pub(super) login: Option<Login>,
    /// The key that access tokens are bound to (RFC 9449 §6), or that the code is (§10).
    pub(super) jkt: Option<String>,
    /// The certificate that access tokens are bound to (RFC 8705 §3).
    pub(super) certificate: Option<String>,
    /// What may be asked for (RFC 8707 §2.1).
    pub(super) resources: Vec<String>,
    /// What this access token is for (RFC 8707 §2.2); empty: everything here.
    pub(super) audience: Vec<String>,
    /// RFC 9396.
    pub(super) authorization_details: Option<Value>,
    /// Who acts for the person (RFC 8693 §4.1).
    pub(super) actor: Option<Value>,
}

/// The person's part in it.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) signed_in: SignedIn,
    pub(super) nonce: Option<String>,
    /// Whether `auth_time` was asked for.
    pub(super) aged: bool,
    /// Claims that were asked for by name (OpenID Connect Core §5.5).
    pub(super) id_token_claims: Vec<String>,
    /// What a payment that is agreed to is called, where the request names one: the ID token says it again (Open Banking Security Profile).
    pub(super) intent: Option<String>,
    pub(super) userinfo_claims: Vec<String>,
    /// Whether an ID token went with the code.
    pub(super) hybrid: bool,
}

impl Details {
    /// Who the tokens are about (RFC 9068 §2.2: the app itself where no person took part).
    pub(super) fn subject<'a>(&self, app: &'a Registration) -> &'a str {
        if self.login.is_some() { SUBJECT } else { &app.client_id }
    }

    /// `cnf` (RFC 7800): what has to come along with the token.
    pub(super) fn confirmation(&self) -> Option<Value> {
        let bound = [("jkt", &self.jkt), ("x5t#S256", &self.certificate)];
        let bound: Map<String, Value> =
            bound.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))).collect();
        (!bound.is_empty()).then_some(Value::Object(bound))
    }

    /// `Bearer`, or `DPoP` for what is bound to a key.
    pub(super) fn token_type(&self) -> &'static str {
        if self.jkt.is_some() { "DPoP" } else { "Bearer" }
    }
}

impl Acme {
    /// The text of a new access token: opaque, or a JWT (RFC 9068) where it is for named resources.
    pub(super) fn mint(
        &self,
        desk: &Desk,
        issuer: &str,
        app: &Registration,
        details: &Details,
        scopes: &[String],
    ) -> Result<String, Reply> {
        if details.audience.is_empty() {
            return Ok(chance::opaque());
        }
        let iat = desk.wall();
        let audience = if let [one] = details.audience.as_slice() { json!(one) } else { json!(details.audience) };
        let mut claims = json!({
            "iss": issuer, "sub": details.subject(app), "aud": audience, "client_id": app.client_id, "iat": iat, "exp": iat + lifetime(desk),
            "jti": chance::hex(32), "scope": scopes.join(" "),
        });
        if let Some(login) = &details.login {
            claims["auth_time"] = json!(login.signed_in.auth_time);
            claims["acr"] = json!(login.signed_in.acr);
        }
        if let Some(bound) = details.confirmation() {
            claims["cnf"] = bound;
        }
        for (name, value) in [("authorization_details", &details.authorization_details), ("act", &details.actor)] {
            if let Some(value) = value {
                claims[name] = value.clone();
            }
        }
        self.sign(app, None, Some("at+jwt"), &claims, super::keys::Twist::None)
    }
}

pub(super) fn lifetime(desk: &Desk) -> i64 {
    desk.faults().access_token_lifetime.map_or(LIFETIME, i64::from)
}
