//! Client-initiated backchannel authentication (OpenID CIBA Core): we ask the person ourselves; the app polls, or is pinged.

use serde_json::{Value, json};

use super::device::waiting_details;
use super::waiting::{INTERVAL, Login, scripted};
use crate::acme::person::{Demand, is_known};
use crate::acme::token::field;
use crate::acme::{Acme, answer, refuse, scopes};
use crate::chance;
use crate::desk::{Desk, held};
use crate::message::{Call, Reply};

/// How long a person may take, in seconds.
const LIFETIME: i64 = 120;

impl Acme {
    pub(in crate::acme) fn backchannel_authentication(&self, desk: &Desk, call: &Call) -> Reply {
        self.backchannel_asked(desk, call).unwrap_or_else(|reply| reply)
    }

    fn backchannel_asked(&self, desk: &Desk, call: &Call) -> Result<Reply, Reply> {
        let app = self.authenticate(desk, call)?;
        if app.is_public() {
            return Err(refuse(401, "invalid_client", "only confidential clients may ask"));
        }
        if !app.metadata.grant_types.is_empty() && !app.metadata.grant_types.iter().any(|grant| grant == super::CIBA) {
            return Err(refuse(400, "unauthorized_client", "the app is not registered for this grant"));
        }
        let scopes = field(call, "scope").and_then(scopes).filter(|scopes| scopes.iter().any(|scope| scope == "openid"));
        let scopes = scopes.ok_or_else(|| refuse(400, "invalid_scope", "scope must hold openid"))?;
        self.judge_hints(call)?;
        let message = field(call, "binding_message");
        if message.is_some_and(|text| text.chars().count() > 100 || text.chars().any(char::is_control)) {
            return Err(refuse(400, "invalid_binding_message", "longer than 100 characters, or with control characters"));
        }
        let lifetime = match field(call, "requested_expiry").map(str::parse::<i64>) {
            None => LIFETIME,
            Some(Ok(seconds)) if seconds > 0 => seconds.min(600),
            Some(_) => return Err(refuse(400, "invalid_request", "requested_expiry must be a number of seconds")),
        };
        let pings = app.metadata.backchannel_token_delivery_mode.as_deref() == Some("ping");
        let ping = match (pings, &app.metadata.backchannel_client_notification_endpoint, field(call, "client_notification_token")) {
            (false, _, _) => None,
            (true, Some(url), Some(token)) if token.len() >= 22 => Some((url.clone(), token.to_owned())),
            _ => {
                return Err(refuse(
                    400,
                    "invalid_request",
                    "a ping needs a client_notification_token of 128 bits or more, and an endpoint",
                ));
            }
        };
        let now = desk.now();
        let acr_values = field(call, "acr_values").unwrap_or_default().split(' ').filter(|v| !v.is_empty()).map(str::to_owned).collect();
        let answered = if ping.is_some() { scripted(desk, &scopes) } else { None };
        let login = Login {
            kind: "auth_req_id",
            client: app.client_id,
            app_name: app.name,
            scopes,
            demand: Demand { acr_values, ..Demand::default() },
            details: waiting_details(call)?,
            user_code: chance::hex(16),
            message: message.map(str::to_owned),
            expires: now + lifetime,
            interval: INTERVAL,
            polled: None,
            answer: answered,
            ping,
        };
        let mut logins = held(&self.logins);
        let id = logins.put(login, now)?;
        if let Some(login) = logins.0.get(&id).filter(|login| login.answer.is_some()) {
            login.announce(&id);
        }
        Ok(answer(200, &json!({"auth_req_id": id, "expires_in": lifetime, "interval": INTERVAL})))
    }

    /// One hint, and it has to be about somebody whom we know (§7.1, §13).
    fn judge_hints(&self, call: &Call) -> Result<(), Reply> {
        let unknown = || refuse(400, "unknown_user_id", "nobody is known by this hint");
        match (field(call, "login_hint"), field(call, "id_token_hint"), field(call, "login_hint_token")) {
            (Some(hint), None, None) => is_known(hint).then_some(()).ok_or_else(unknown),
            (None, Some(token), None) => {
                let claims =
                    self.own_claims(token).ok_or_else(|| refuse(400, "invalid_request", "id_token_hint is no ID token of ours"))?;
                claims.get("sub").and_then(Value::as_str).is_some_and(is_known).then_some(()).ok_or_else(unknown)
            }
            (None, None, Some(_)) => Err(refuse(400, "unknown_user_id", "login_hint_token is not read here")),
            _ => {
                Err(refuse(400, "invalid_request", "one of login_hint, id_token_hint and login_hint_token has to be there, and one alone"))
            }
        }
    }
}
