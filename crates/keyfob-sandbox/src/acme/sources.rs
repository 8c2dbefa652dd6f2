//! Claims that a claims provider answers for (OpenID Connect Core §5.6.2). It lives at `/claims`, an issuer of its own, and signs with acme's keys:
//! `address` and `phone_number` are handed on with UserInfo, `credit_score` is to be fetched.

use serde_json::{Map, Value, json};

use super::details::{Details, lifetime};
use super::keys::Twist;
use super::{Acme, api};
use crate::apps::Registration;
use crate::chance;
use crate::desk::{Desk, held};
use crate::flaw::Flaw;
use crate::message::{Call, Reply};

/// What the token for it is good for. No app can ask for this scope.
const SCOPE: &str = "claims";

impl Acme {
    /// `_claim_names` and `_claim_sources`, for the claims among these names that are known elsewhere.
    pub(super) fn sources(&self, desk: &Desk, call: &Call, client: &str, asked: &[String]) -> Result<Map<String, Value>, Reply> {
        let (mut names, mut sources) = (Map::new(), Map::new());
        let handed_on: Vec<&str> = ["address", "phone_number"].into_iter().filter(|name| asked.iter().any(|known| known == name)).collect();
        if !handed_on.is_empty() {
            names.extend(handed_on.iter().map(|name| ((*name).to_owned(), json!("registry"))));
            sources.insert("registry".into(), json!({ "JWT": self.sourced(desk, call, client, &handed_on)? }));
        }
        if asked.iter().any(|name| name == "credit_score") {
            let token = chance::opaque();
            let scopes = [SCOPE.to_owned()];
            held(&self.ledger).issue_access(client, &scopes, &Details::default(), token.clone(), desk.now(), lifetime(desk));
            names.insert("credit_score".into(), json!("bank"));
            sources.insert("bank".into(), json!({ "endpoint": format!("{}/claims", call.origin), "access_token": token }));
        }
        let mut told = Map::new();
        if !names.is_empty() {
            told.insert("_claim_names".into(), Value::Object(names));
            told.insert("_claim_sources".into(), Value::Object(sources));
        }
        Ok(told)
    }

    /// `/claims`.
    pub(super) fn claims_endpoint(&self, desk: &Desk, call: &Call) -> Reply {
        let access = match self.presented(desk, call) {
            Ok(access) => access,
            Err(reply) => return reply,
        };
        if !access.scopes.iter().any(|scope| scope == SCOPE) {
            return api::challenge(call, &access.details, 403, &[("error", "insufficient_scope")]);
        }
        match self.sourced(desk, call, &access.client, &["credit_score"]) {
            Ok(text) => Reply::typed(200, "application/jwt", text).no_store(),
            Err(reply) => reply,
        }
    }

    /// What the claims provider signs. It knows the person by another name than acme does.
    fn sourced(&self, desk: &Desk, call: &Call, client: &str, names: &[&str]) -> Result<String, Reply> {
        let (now, flaw) = (desk.wall(), desk.faults().flaw);
        let wrong = flaw == Some(Flaw::SourcedClaimsIss);
        let issuer = if wrong { "https://issuer.invalid".to_owned() } else { format!("{}/claims", call.origin) };
        let mut claims = json!({ "iss": issuer, "aud": client, "sub": "customer-7", "iat": now, "exp": now + 300 });
        for name in names {
            claims[*name] = match *name {
                "address" => json!({ "locality": "Visby", "country": "SE" }),
                "phone_number" => json!("+46 000 00 00 00"),
                _ => json!(650),
            };
        }
        let twist = if flaw == Some(Flaw::SourcedClaimsSignature) { Twist::OtherText } else { Twist::None };
        self.sign(&Registration::default(), None, Some("JWT"), &claims, twist)
    }
}

/// What the claims provider says about itself.
pub(super) fn metadata(call: &Call) -> Reply {
    let (issuer, jwks) = (format!("{}/claims", call.origin), format!("{}/jwks", call.origin));
    Reply::json(200, &json!({ "issuer": issuer, "jwks_uri": jwks, "response_types_supported": [], "subject_types_supported": ["public"] }))
}
