//! Token exchange (RFC 8693): a token of ours for another that can do less, or is for somewhere else; with an actor, one that says who acts for whom.

use serde_json::{Value, json};

use crate::acme::details::lifetime;
use crate::acme::token::{Ask, field, narrowed, needed};
use crate::acme::{Acme, answer, certificate, refuse};
use crate::desk::held;
use crate::message::Reply;

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

impl Acme {
    pub(in crate::acme) fn exchange_token(&self, ask: &Ask<'_>) -> Result<Reply, Reply> {
        let Ask { desk, call, app, .. } = ask;
        if app.is_public() {
            return Err(refuse(400, "unauthorized_client", "a public client cannot prove who it is"));
        }
        let (subject, kind) = (needed(call, "subject_token")?, needed(call, "subject_token_type")?);
        if ![ACCESS_TOKEN, JWT].contains(&kind) {
            return Err(refuse(400, "invalid_request", "subject_token_type must be access_token or jwt"));
        }
        let found = held(&self.ledger).access(subject, desk.now()).cloned();
        let found = found.map_err(|_| refuse(400, "invalid_request", "the subject_token is unknown, expired or revoked"))?;
        // Or a thief who is an app could turn a token that is bound to a key into one that is not.
        if found.details.jkt.is_some() && found.details.jkt != ask.key {
            return Err(refuse(400, "invalid_dpop_proof", "the subject_token is bound to a key, which has to be proved"));
        }
        if found.details.certificate.is_some() && found.details.certificate != certificate::thumbprint(call) {
            return Err(refuse(400, "invalid_request", "the subject_token is bound to a certificate, which has to be shown"));
        }
        let scopes = narrowed(call, &found.scopes)?;
        let wanted = field(call, "requested_token_type").unwrap_or(ACCESS_TOKEN);
        if ![ACCESS_TOKEN, JWT].contains(&wanted) {
            return Err(refuse(400, "invalid_request", "requested_token_type must be access_token or jwt"));
        }

        let mut details = found.details.clone();
        details.actor = self.actor(ask)?.or(details.actor);
        // §2.1: `audience` is a name, `resource` a place. The one name that is known here is the API's.
        let names: Vec<&str> = call.form.iter().filter(|(name, _)| name == "audience").map(|(_, value)| value.as_str()).collect();
        let api = format!("{}/api", call.origin);
        if names.iter().any(|name| *name != api) {
            return Err(refuse(400, "invalid_target", "the audience is not known here"));
        }
        // What the subject token was for, its successor may be for.
        details.resources.clone_from(&found.details.audience);
        self.bind(ask, &mut details)?;
        if details.audience.is_empty() && (wanted == JWT || !names.is_empty()) {
            details.audience = vec![api];
        }
        let access = self.mint(desk, &call.origin, app, &details, &scopes)?;
        // It does not live longer than what it was made from.
        let expires_in = lifetime(desk).min(found.expires - desk.now());
        held(&self.ledger).issue_access(&app.client_id, &scopes, &details, access.clone(), desk.now(), expires_in);
        Ok(answer(
            200,
            &json!({
                "access_token": access, "issued_token_type": wanted, "token_type": details.token_type(), "expires_in": expires_in,
                "scope": scopes.join(" "),
            }),
        ))
    }

    /// Who acts (§4.1): whoever the actor token is about.
    fn actor(&self, ask: &Ask<'_>) -> Result<Option<Value>, Reply> {
        let Ask { desk, call, .. } = ask;
        let (token, kind) = match (field(call, "actor_token"), field(call, "actor_token_type")) {
            (None, None) => return Ok(None),
            (Some(token), Some(kind)) => (token, kind),
            _ => return Err(refuse(400, "invalid_request", "actor_token and actor_token_type come together")),
        };
        let invalid = || refuse(400, "invalid_request", "the actor_token is unknown, expired or of another type");
        match kind {
            ACCESS_TOKEN | JWT => {
                let found = held(&self.ledger).access(token, desk.now()).cloned().map_err(|_| invalid())?;
                let app = desk.app(&found.client).ok_or_else(invalid)?;
                Ok(Some(json!({ "sub": found.details.subject(&app) })))
            }
            ID_TOKEN => {
                let claims = self.own_claims(token).ok_or_else(invalid)?;
                let live = claims.get("exp").and_then(Value::as_i64).is_some_and(|expires| expires > desk.wall());
                let subject = claims.get("sub").filter(|_| live).ok_or_else(invalid)?;
                Ok(Some(json!({ "sub": subject })))
            }
            _ => Err(invalid()),
        }
    }
}
