//! `UserInfo` (OpenID Connect Core §5.3): plain, or signed for an app that is registered so.

use axum::http::Method;
use serde_json::{Value, json};

use super::keys::Twist;
use super::person::{self, SUBJECT};
use super::{Acme, api};
use crate::desk::Desk;
use crate::flaw::Flaw;
use crate::message::{Call, Reply};

impl Acme {
    pub(super) fn userinfo(&self, desk: &Desk, call: &Call) -> Reply {
        if call.method != Method::GET && call.method != Method::POST {
            return Reply::method_not_allowed("GET, POST");
        }
        let access = match self.presented(desk, call) {
            Ok(access) => access,
            Err(reply) => return reply,
        };
        let openid = access.scopes.iter().any(|scope| scope == "openid");
        let (Some(login), true) = (&access.details.login, openid) else {
            return api::challenge(call, &access.details, 403, &[("error", "insufficient_scope"), ("scope", "openid")]);
        };
        let by_scope = access.scopes.iter().flat_map(|scope| person::claims_of(scope)).copied();
        let mut claims = Value::Object(person::claims(by_scope.chain(login.userinfo_claims.iter().map(String::as_str))));
        claims["sub"] = json!(SUBJECT);
        match self.sources(desk, call, &access.client, &login.userinfo_claims) {
            Ok(sources) => claims.as_object_mut().into_iter().for_each(|claims| claims.extend(sources.clone())),
            Err(reply) => return reply,
        }
        let flaw = desk.faults().flaw;
        match flaw {
            Some(Flaw::UserinfoSub) => claims["sub"] = json!("somebody-else"),
            Some(Flaw::UserinfoNoSub) => {
                claims.as_object_mut().map(|claims| claims.remove("sub"));
            }
            _ => {}
        }
        let app = desk.app(&access.client).unwrap_or_default();
        let Some(algorithm) = app.metadata.userinfo_signed_response_alg.as_deref().filter(|_| flaw != Some(Flaw::UserinfoUnsigned)) else {
            return super::answer(200, &claims);
        };
        claims["iss"] = json!(if flaw == Some(Flaw::UserinfoIss) { "https://issuer.invalid" } else { &call.origin });
        claims["aud"] = json!(if flaw == Some(Flaw::UserinfoAud) { "another-client" } else { &app.client_id });
        let twist = if flaw == Some(Flaw::UserinfoSignature) { Twist::OtherText } else { Twist::None };
        match self.sign(&app, Some(algorithm), None, &claims, twist) {
            Ok(text) => Reply::typed(200, "application/jwt", text).no_store(),
            Err(reply) => reply,
        }
    }
}
