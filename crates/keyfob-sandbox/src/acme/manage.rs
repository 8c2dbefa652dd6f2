//! Revocation (RFC 7009) and introspection (RFC 7662).

use serde_json::{Value, json};

use super::client::authenticate;
use super::{Acme, answer, once, refuse};
use crate::desk::{Desk, held};
use crate::message::{Call, Reply};

impl Acme {
    /// A refresh token takes its access tokens along (RFC 7009 §2.1); an unknown token is no error (§2.2).
    pub(super) fn revoke(&self, desk: &Desk, call: &Call) -> Reply {
        let app = match authenticate(desk, call) {
            Ok(app) => app,
            Err(reply) => return reply,
        };
        let Ok(Some(token)) = once(&call.form, "token") else {
            return refuse(400, "invalid_request", "token is missing");
        };
        let mut ledger = held(&self.ledger);
        let refresh = ledger.any_refresh(token).map(|found| (found.client.clone(), found.grant));
        let access = ledger.any_access(token).map(|found| found.client.clone());
        match (refresh, access) {
            (Some((owner, grant)), _) if owner == app.client_id => ledger.revoke_grant(grant),
            (_, Some(owner)) if owner == app.client_id => ledger.revoke_access(token),
            (None, None) => {}
            _ => return refuse(400, "invalid_request", "the token belongs to another client"),
        }
        Reply::empty(200).no_store()
    }

    /// For confidential clients; about a token of somebody else it says nothing.
    pub(super) fn introspect(&self, desk: &Desk, call: &Call) -> Reply {
        let app = match authenticate(desk, call) {
            Ok(app) if app.is_public() => return refuse(401, "invalid_client", "only confidential clients may ask"),
            Ok(app) => app,
            Err(reply) => return reply,
        };
        let Ok(Some(token)) = once(&call.form, "token") else {
            return refuse(400, "invalid_request", "token is missing");
        };
        let ledger = held(&self.ledger);
        let common = |client: &str, scopes: &[String]| {
            json!({"active": true, "client_id": client, "scope": scopes.join(" "), "sub": super::api::SUBJECT, "username": "robin",
                "iss": call.origin})
        };
        let body: Value = match (ledger.access(token, desk.now()), ledger.live_refresh(token)) {
            (Ok(found), _) if found.client == app.client_id => {
                let mut body = common(&found.client, &found.scopes);
                body["token_type"] = json!("Bearer");
                body["iat"] = json!(found.issued);
                body["exp"] = json!(found.expires);
                body
            }
            (_, Some(found)) if found.client == app.client_id => common(&found.client, &found.scopes),
            _ => json!({"active": false}),
        };
        answer(200, &body)
    }
}
