//! The token endpoint (RFC 6749 §4.1.3, §6). Refresh tokens rotate; one that comes back spent has leaked, and its whole
//! family is revoked (RFC 9700 §4.14.2).

use serde_json::json;

use super::client::authenticate;
use super::{Acme, LIFETIME, answer, once, refuse, scopes};
use crate::apps::Registration;
use crate::chance;
use crate::desk::{Desk, held};
use crate::message::{Call, Reply};
use crate::oauth2::{Pair, Redemption, RefreshProblem, Refreshing};

impl Acme {
    pub(super) fn token(&self, desk: &Desk, call: &Call) -> Reply {
        let app = match authenticate(desk, call) {
            Ok(app) => app,
            Err(reply) => return reply,
        };
        let answer = match field(call, "grant_type") {
            Some("authorization_code") => self.exchange(desk, call, &app),
            Some("refresh_token") => self.refresh(desk, call, &app),
            Some(_) => Err(refuse(400, "unsupported_grant_type", "grant_type must be authorization_code or refresh_token")),
            None => Err(refuse(400, "invalid_request", "grant_type is missing")),
        };
        answer.unwrap_or_else(|reply| reply)
    }

    fn exchange(&self, desk: &Desk, call: &Call, app: &Registration) -> Result<Reply, Reply> {
        let text = needed(call, "code")?;
        let redirect_uri = needed(call, "redirect_uri")?;
        let verifier = needed(call, "code_verifier")?;
        let now = desk.now();
        let mut ledger = held(&self.ledger);
        let asked = Redemption {
            code: text,
            client: &app.client_id,
            redirect_uri: Some(redirect_uri),
            redirect_optional: false,
            verifier: Some(verifier),
            now,
        };
        let refused = |_| refuse(400, "invalid_grant", "the code is unknown, used, expired, or was asked for otherwise");
        let code = ledger.redeem(&asked).map_err(refused)?;
        let lifetime = lifetime(desk);
        let pair = ledger.grant(text, &code, new_pair(), now, lifetime);
        Ok(tokens(&pair, &code.scopes, lifetime))
    }

    fn refresh(&self, desk: &Desk, call: &Call, app: &Registration) -> Result<Reply, Reply> {
        let token = needed(call, "refresh_token")?;
        let now = desk.now();
        let lifetime = lifetime(desk);
        let grace = desk.faults().refresh_grace.map_or(0, i64::from);
        let mut ledger = held(&self.ledger);
        match ledger.refreshing(token, &app.client_id, now, grace) {
            Ok(Refreshing::First(spent)) => {
                // Narrower is allowed, wider is not (RFC 6749 §6).
                let asked = match field(call, "scope") {
                    None => spent.scopes.clone(),
                    Some(text) => {
                        let asked = scopes(text).filter(|asked| asked.iter().all(|scope| spent.scopes.contains(scope)));
                        asked.ok_or_else(|| refuse(400, "invalid_scope", "more than was granted"))?
                    }
                };
                let pair = ledger.rotate(token, &asked, new_pair(), now, lifetime);
                Ok(tokens(&pair, &asked, lifetime))
            }
            Ok(Refreshing::Again(pair, spent)) => {
                let left = ledger.access(&pair.access, now).map_or(0, |access| access.expires - now);
                Ok(tokens(&pair, &spent.scopes, left))
            }
            Err(RefreshProblem::Spent { grant }) => {
                ledger.revoke_grant(grant);
                Err(refuse(400, "invalid_grant", "the refresh token was used before; everything it led to is revoked"))
            }
            Err(_) => Err(refuse(400, "invalid_grant", "the refresh token is unknown or revoked")),
        }
    }
}

fn field<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    once(&call.form, name).unwrap_or_default()
}

fn needed<'a>(call: &'a Call, name: &str) -> Result<&'a str, Reply> {
    field(call, name).ok_or_else(|| refuse(400, "invalid_request", &format!("{name} is missing")))
}

fn lifetime(desk: &Desk) -> i64 {
    desk.faults().access_token_lifetime.map_or(LIFETIME, i64::from)
}

fn new_pair() -> Pair {
    Pair { access: chance::opaque(), refresh: chance::opaque() }
}

fn tokens(pair: &Pair, scopes: &[String], lifetime: i64) -> Reply {
    let body = json!({
        "access_token": pair.access, "token_type": "Bearer", "expires_in": lifetime, "refresh_token": pair.refresh,
        "scope": scopes.join(" "),
    });
    answer(200, &body)
}
