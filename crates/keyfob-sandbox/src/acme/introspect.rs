//! Introspection (RFC 7662), plain or signed (RFC 9701).

use axum::http::header;
use serde_json::{Value, json};

use super::details::Details;
use super::keys::Twist;
use super::{Acme, answer, once, refuse};
use crate::apps::Registration;
use crate::desk::{Desk, held};
use crate::flaw::Flaw;
use crate::message::{Call, Reply};

const SIGNED: &str = "application/token-introspection+jwt";

impl Acme {
    /// For confidential clients; about a token of somebody else it says nothing.
    pub(super) fn introspect(&self, desk: &Desk, call: &Call) -> Reply {
        let app = match self.authenticate(desk, call) {
            Ok(app) if app.is_public() => return refuse(401, "invalid_client", "only confidential clients may ask"),
            Ok(app) => app,
            Err(reply) => return reply,
        };
        let Ok(Some(token)) = once(&call.form, "token") else {
            return refuse(400, "invalid_request", "token is missing");
        };
        let body = self.worth(desk, call, &app, token);
        let asked = call.headers.get_all(header::ACCEPT).iter().any(|accept| accept.to_str().is_ok_and(|accept| accept.contains(SIGNED)));
        let algorithm = app.metadata.introspection_signed_response_alg.as_deref();
        if !asked && algorithm.is_none() {
            return answer(200, &body);
        }
        let flaw = desk.faults().flaw;
        let mut claims = json!({"iss": call.origin, "aud": app.client_id, "iat": desk.wall(), "token_introspection": body});
        match flaw {
            Some(Flaw::IntrospectionIss) => claims["iss"] = json!("https://issuer.invalid"),
            Some(Flaw::IntrospectionAud) => claims["aud"] = json!("another-client"),
            _ => {}
        }
        let twist = if flaw == Some(Flaw::IntrospectionSignature) { Twist::OtherText } else { Twist::None };
        let kind = if flaw == Some(Flaw::IntrospectionTyp) { "JWT" } else { "token-introspection+jwt" };
        match self.sign(&app, algorithm, Some(kind), &claims, twist) {
            Ok(text) => Reply::typed(200, SIGNED, text).no_store(),
            Err(reply) => reply,
        }
    }

    fn worth(&self, desk: &Desk, call: &Call, app: &Registration, token: &str) -> Value {
        let ledger = held(&self.ledger);
        let common = |scopes: &[String], details: &Details| {
            let mut body = json!({
                "active": true, "client_id": app.client_id, "scope": scopes.join(" "), "sub": details.subject(app), "iss": call.origin,
            });
            if let Some(login) = &details.login {
                body["username"] = json!("robin");
                body["auth_time"] = json!(login.signed_in.auth_time);
                body["acr"] = json!(login.signed_in.acr);
            }
            if let Some(bound) = details.confirmation() {
                body["cnf"] = bound;
            }
            for (name, value) in [("authorization_details", &details.authorization_details), ("act", &details.actor)] {
                if let Some(value) = value {
                    body[name] = value.clone();
                }
            }
            body
        };
        match (ledger.access(token, desk.now()), ledger.live_refresh(token)) {
            (Ok(found), _) if found.client == app.client_id => {
                let mut body = common(&found.scopes, &found.details);
                body["token_type"] = json!(found.details.token_type());
                body["iat"] = json!(found.issued);
                body["exp"] = json!(found.expires);
                if !found.details.audience.is_empty() {
                    body["aud"] = json!(found.details.audience);
                }
                body
            }
            (_, Some(found)) if found.client == app.client_id => common(&found.scopes, &found.details),
            _ => json!({"active": false}),
        }
    }
}
