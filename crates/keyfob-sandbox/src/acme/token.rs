//! The token endpoint: who asks, by which grant, and what goes out. Code and refresh are here (RFC 6749 §4.1.3, §6); the others have a file each.
//! Refresh tokens rotate; one that comes back spent has leaked, and its whole family is revoked (RFC 9700 §4.14.2).

use serde_json::{Value, json};

use super::details::{Details, lifetime};
use super::id_token::Beside;
use super::resource::audience;
use super::{Acme, answer, certificate, once, refuse, scopes};
use crate::apps::Registration;
use crate::chance;
use crate::desk::{Desk, held};
use crate::flaw::Flaw;
use crate::message::{Call, Reply};
use crate::oauth2::{Code, Pair, Redemption, RefreshProblem, Refreshing};
use crate::quirk::{Quirk, other_case};

/// A token request whose client and key are known.
pub(super) struct Ask<'a> {
    pub(super) desk: &'a Desk,
    pub(super) call: &'a Call,
    pub(super) app: &'a Registration,
    /// The key that the request proved to hold (RFC 9449 §5).
    pub(super) key: Option<String>,
    /// The certificate that its tokens are bound to (RFC 8705 §3).
    pub(super) certificate: Option<String>,
}

/// What a token response says.
pub(super) struct Issued<'a> {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
    pub(super) scopes: &'a [String],
    pub(super) details: &'a Details,
    pub(super) expires_in: i64,
    /// The ID token's hashes and kind; `None` where the grant gives none.
    pub(super) id_token: Option<Beside<'a>>,
}

/// Legacy (RFC 6749 §4.3): for an app alone that is registered for it by name.
pub(super) const PASSWORD: &str = "password";

pub(super) const GRANTS: [&str; 8] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    super::grant::DEVICE_CODE,
    super::grant::TOKEN_EXCHANGE,
    super::grant::JWT_BEARER,
    super::grant::SAML_BEARER,
    super::grant::CIBA,
];

impl Acme {
    pub(super) fn token(&self, desk: &Desk, call: &Call) -> Reply {
        let app = match self.authenticate(desk, call) {
            Ok(app) => app,
            Err(reply) => return reply,
        };
        self.granted(desk, call, &app).unwrap_or_else(|reply| reply)
    }

    fn granted(&self, desk: &Desk, call: &Call, app: &Registration) -> Result<Reply, Reply> {
        let grant = needed(call, "grant_type")?;
        let legacy = grant == PASSWORD && app.metadata.grant_types.iter().any(|known| known == PASSWORD);
        if !GRANTS.contains(&grant) && !legacy {
            return Err(refuse(400, "unsupported_grant_type", &format!("grant_type must be of {}", GRANTS.join(", "))));
        }
        if !app.metadata.grant_types.is_empty() && !app.metadata.grant_types.iter().any(|known| known == grant) {
            return Err(refuse(400, "unauthorized_client", "the app is not registered for this grant"));
        }
        let ask = Ask { desk, call, app, key: self.token_proof(desk, call, app)?, certificate: certificate::binds(call, app)? };
        match grant {
            "authorization_code" => self.exchange(&ask),
            "refresh_token" => self.refresh(&ask),
            PASSWORD => self.by_password(&ask),
            "client_credentials" => self.client_credentials(&ask),
            super::grant::TOKEN_EXCHANGE => self.exchange_token(&ask),
            super::grant::JWT_BEARER => self.bearer_assertion(&ask),
            super::grant::SAML_BEARER => self.saml_assertion(&ask),
            super::grant::CIBA => self.polled(&ask, "auth_req_id"),
            _ => self.polled(&ask, "device_code"),
        }
    }

    fn exchange(&self, ask: &Ask<'_>) -> Result<Reply, Reply> {
        let Ask { desk, call, app, .. } = ask;
        let text = needed(call, "code")?;
        let asked = Redemption {
            code: text,
            client: &app.client_id,
            redirect_uri: Some(needed(call, "redirect_uri")?),
            redirect_optional: false,
            verifier: Some(needed(call, "code_verifier")?),
            now: desk.now(),
        };
        let refused = |_| refuse(400, "invalid_grant", "the code is unknown, used, expired, or was asked for otherwise");
        let mut code = held(&self.ledger).redeem(&asked).map_err(refused)?;
        // RFC 9449 §10: a code that was asked for with a key is good with that key alone.
        if code.details.jkt.is_some() && code.details.jkt != ask.key {
            return Err(refuse(400, "invalid_dpop_proof", "the code is bound to another key"));
        }
        self.bind(ask, &mut code.details)?;
        let later = code.details.login.as_ref().is_some_and(|login| login.hybrid);
        self.hand_out(ask, text, &code, Beside { later, ..Beside::default() })
    }

    /// A first pair for a consent, however it was given.
    pub(super) fn hand_out(&self, ask: &Ask<'_>, text: &str, code: &Code<Details>, beside: Beside<'_>) -> Result<Reply, Reply> {
        let Ask { desk, call, app, .. } = ask;
        let lifetime = lifetime(desk);
        let access = self.mint(desk, &call.origin, app, &code.details, &code.scopes)?;
        let pair = held(&self.ledger).grant(text, code, Pair { access, refresh: chance::opaque() }, desk.now(), lifetime);
        let issued = Issued {
            access: pair.access.clone(),
            refresh: Some(pair.refresh),
            scopes: &code.scopes,
            details: &code.details,
            expires_in: lifetime,
            id_token: Some(Beside { access_token: Some(&pair.access), ..beside }),
        };
        self.tokens(ask, issued)
    }

    /// The key that the new tokens are bound to, and what they are for.
    pub(super) fn bind(&self, ask: &Ask<'_>, details: &mut Details) -> Result<(), Reply> {
        details.jkt.clone_from(&ask.key);
        details.certificate.clone_from(&ask.certificate);
        let named: Vec<&str> = ask.call.form.iter().filter(|(name, _)| name == "resource").map(|(_, value)| value.as_str()).collect();
        let audience = audience(&ask.call.origin, &named, &details.resources);
        details.audience = audience.ok_or_else(|| refuse(400, "invalid_target", "a resource that is not here, or was not granted"))?;
        Ok(())
    }

    fn refresh(&self, ask: &Ask<'_>) -> Result<Reply, Reply> {
        let Ask { desk, call, app, .. } = ask;
        let token = needed(call, "refresh_token")?;
        let now = desk.now();
        let lifetime = lifetime(desk);
        let grace = desk.faults().refresh_grace.map_or(0, i64::from);
        // Held to the end: two that come at once must not both find it fresh.
        let mut ledger = held(&self.ledger);
        match ledger.refreshing(token, &app.client_id, now, grace) {
            Ok(Refreshing::First(spent)) => {
                let asked = narrowed(call, &spent.scopes)?;
                // RFC 9449 §5: a public client's refresh token is bound to its key; another key may be a thief's.
                if app.is_public() && spent.details.jkt != ask.key {
                    return Err(refuse(400, "invalid_dpop_proof", "the refresh token is bound to another key"));
                }
                // RFC 8705 §4: the same of a certificate.
                if app.is_public() && spent.details.certificate != ask.certificate {
                    return Err(refuse(400, "invalid_grant", "the refresh token is bound to another certificate"));
                }
                let mut details = spent.details.clone();
                self.bind(ask, &mut details)?;
                let access = self.mint(desk, &call.origin, app, &details, &asked)?;
                let pair = ledger.rotate_with(token, &asked, &details, Pair { access, refresh: chance::opaque() }, now, lifetime);
                drop(ledger);
                self.tokens(ask, renewed(&pair, &asked, &details, lifetime))
            }
            Ok(Refreshing::Again(pair, spent)) => {
                let left = ledger.access(&pair.access, now).map_or(0, |access| access.expires - now);
                drop(ledger);
                self.tokens(ask, renewed(&pair, &spent.scopes, &spent.details, left))
            }
            Err(RefreshProblem::Spent { grant }) => {
                ledger.revoke_grant(grant);
                Err(refuse(400, "invalid_grant", "the refresh token was used before; everything it led to is revoked"))
            }
            Err(_) => Err(refuse(400, "invalid_grant", "the refresh token is unknown or revoked")),
        }
    }

    /// The token response.
    pub(super) fn tokens(&self, ask: &Ask<'_>, issued: Issued<'_>) -> Result<Reply, Reply> {
        let Ask { desk, call, app, .. } = ask;
        let (flaw, quirk) = {
            let faults = desk.faults();
            (faults.flaw, faults.quirk)
        };
        let kind = match flaw {
            Some(Flaw::TokenTypeDowngraded) => "Bearer".to_owned(),
            Some(Flaw::TokenTypeUnknown) => "urn:acme:unheard-of".to_owned(),
            _ if quirk == Some(Quirk::TokenTypeCase) => other_case(issued.details.token_type()),
            _ => issued.details.token_type().to_owned(),
        };
        let mut body = json!({
            "access_token": issued.access, "token_type": kind, "expires_in": issued.expires_in, "scope": issued.scopes.join(" "),
        });
        let id_token = match issued.id_token.filter(|_| issued.scopes.iter().any(|scope| scope == "openid")) {
            Some(beside) => self.id_token(desk, &call.origin, app, issued.details, beside)?,
            None => None,
        };
        let more = [
            ("refresh_token", issued.refresh.map(Value::String)),
            ("id_token", id_token.map(Value::String)),
            ("authorization_details", issued.details.authorization_details.clone()),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        let left_out: &[&str] = match quirk {
            Some(Quirk::NoExpiresIn) => &["expires_in"],
            Some(Quirk::BareTokens) => &["expires_in", "scope"],
            _ => &[],
        };
        if let Some(body) = body.as_object_mut() {
            body.retain(|name, _| !left_out.contains(&name.as_str()));
        }
        Ok(answer(200, &body))
    }
}

fn renewed<'a>(pair: &'a Pair, scopes: &'a [String], details: &'a Details, expires_in: i64) -> Issued<'a> {
    let beside = Beside { access_token: Some(&pair.access), later: true, refreshed: true, ..Beside::default() };
    Issued { access: pair.access.clone(), refresh: Some(pair.refresh.clone()), scopes, details, expires_in, id_token: Some(beside) }
}

/// Narrower than what was granted is allowed, wider is not (RFC 6749 §6).
pub(super) fn narrowed(call: &Call, granted: &[String]) -> Result<Vec<String>, Reply> {
    match field(call, "scope") {
        None => Ok(granted.to_vec()),
        Some(text) => {
            let asked = scopes(text).filter(|asked| asked.iter().all(|scope| granted.contains(scope)));
            asked.ok_or_else(|| refuse(400, "invalid_scope", "more than was granted"))
        }
    }
}

pub(super) fn field<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    once(&call.form, name).unwrap_or_default()
}

pub(super) fn needed<'a>(call: &'a Call, name: &str) -> Result<&'a str, Reply> {
    field(call, name).ok_or_else(|| refuse(400, "invalid_request", &format!("{name} is missing")))
}
