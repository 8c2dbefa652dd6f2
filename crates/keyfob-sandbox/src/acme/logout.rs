//! Logout: asked for by an app (OpenID Connect RP-Initiated Logout), and told to all that took part (Back-Channel, Front-Channel Logout).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::keys::Twist;
use super::person::SUBJECT;
use super::{Acme, once};
use crate::apps::Registration;
use crate::chance;
use crate::desk::{Desk, held};
use crate::flaw::Flaw;
use crate::message::{Call, Reply, form, with_query};
use crate::page;
use crate::post::Post;

/// Two minutes at most (Back-Channel Logout §2.4).
const LIFETIME: i64 = 120;
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

impl Acme {
    pub(super) fn end_session(&self, desk: &Desk, call: &Call) -> Reply {
        let parameters = if call.is_form() { &call.form } else { &call.query };
        let told_here = |title: &str| page::refusal(400, title, "You are still signed in.");
        let value = |name: &str| once(parameters, name).map_err(|()| told_here("A parameter is repeated"));
        let (hint, client, uri, state) =
            match (value("id_token_hint"), value("client_id"), value("post_logout_redirect_uri"), value("state")) {
                (Ok(hint), Ok(client), Ok(uri), Ok(state)) => (hint, client, uri, state),
                (Err(reply), ..) | (_, Err(reply), ..) | (_, _, Err(reply), _) | (.., Err(reply)) => return reply,
            };
        // One that has ended is good enough to say whom it is about (§2).
        let hinted = match hint.map(|hint| self.own_claims(hint)) {
            None => None,
            Some(None) => return told_here("id_token_hint is no ID token of this server"),
            Some(Some(claims)) => claims.get("aud").and_then(Value::as_str).map(str::to_owned),
        };
        if let (Some(hinted), Some(client)) = (&hinted, client)
            && hinted != client
        {
            return told_here("id_token_hint is another app's");
        }
        let app = hinted.as_deref().or(client).and_then(|id| desk.app(id));
        let next = match (uri, &app) {
            (None, _) => None,
            // An app that is not known for sure sends nobody anywhere (§2: exact comparison).
            (Some(uri), Some(app)) if app.metadata.post_logout_redirect_uris.iter().any(|known| known == uri) => {
                let state = match desk.faults().flaw {
                    Some(Flaw::LogoutState) => Some("another-state"),
                    Some(Flaw::LogoutNoState) => None,
                    _ => state,
                };
                let state: Vec<(&str, &str)> = state.map(|state| ("state", state)).into_iter().collect();
                Some(if state.is_empty() { uri.to_owned() } else { with_query(uri, &state) })
            }
            _ => return told_here("Unregistered post_logout_redirect_uri"),
        };

        let ended = held(&self.person).sign_out();
        let frames = ended.map(|(session, clients)| self.tell_everybody(desk, call, &session, &clients)).unwrap_or_default();
        match next {
            Some(next) if frames.is_empty() => Reply::redirect(&next),
            next => page::signed_out(&frames, next.as_deref()),
        }
    }

    /// Sends logout tokens; gives the pages that the browser has to load.
    fn tell_everybody(&self, desk: &Desk, call: &Call, session: &str, clients: &BTreeSet<String>) -> Vec<String> {
        let mut frames = Vec::new();
        // What works while the person is away outlives the session (OpenID Connect Core §11).
        held(&self.ledger).revoke_where(|scopes, details| {
            let here = details.login.as_ref().is_some_and(|login| login.signed_in.session == session);
            here && scopes.iter().any(|scope| scope == "openid") && !scopes.iter().any(|scope| scope == "offline_access")
        });
        for app in clients.iter().filter_map(|client| desk.app(client)) {
            if let Some(url) = &app.metadata.backchannel_logout_uri
                && let Ok(token) = self.logout_token(desk, &call.origin, &app, session)
            {
                let body = form(&[("logout_token", &token)]);
                Post { url: url.clone(), content_type: "application/x-www-form-urlencoded", bearer: None, body }.send();
            }
            if let Some(url) = &app.metadata.frontchannel_logout_uri {
                frames.push(with_query(url, &[("iss", &call.origin), ("sid", session)]));
            }
        }
        frames
    }

    fn logout_token(&self, desk: &Desk, issuer: &str, app: &Registration, session: &str) -> Result<String, Reply> {
        let now = desk.wall();
        let flaw = desk.faults().flaw;
        let mut claims = json!({
            "iss": issuer, "aud": app.client_id, "iat": now, "exp": now + LIFETIME, "jti": chance::hex(32), "sub": SUBJECT, "sid": session,
            "events": { EVENT: {} },
        });
        let mut kind = "logout+jwt";
        let mut twist = Twist::None;
        let mut algorithm = app.metadata.id_token_signed_response_alg.as_deref();
        let mut remove = |names: &[&str]| {
            if let Some(claims) = claims.as_object_mut() {
                claims.retain(|name, _| !names.contains(&name.as_str()));
            }
        };
        match flaw {
            Some(Flaw::LogoutTokenNoIat) => remove(&["iat"]),
            Some(Flaw::LogoutTokenNoJti) => remove(&["jti"]),
            Some(Flaw::LogoutTokenNoEvents) => remove(&["events"]),
            Some(Flaw::LogoutTokenNoSubject) => remove(&["sub", "sid"]),
            Some(Flaw::LogoutTokenIss) => claims["iss"] = json!("https://issuer.invalid"),
            Some(Flaw::LogoutTokenAud) => claims["aud"] = json!("another-client"),
            Some(Flaw::LogoutTokenExp) => claims["exp"] = json!(now - 3600),
            Some(Flaw::LogoutTokenEvents) => claims["events"] = json!({ "urn:acme:something-else": {} }),
            Some(Flaw::LogoutTokenNonce) => claims["nonce"] = json!(chance::hex(16)),
            Some(Flaw::LogoutTokenTyp) => kind = "at+jwt",
            Some(Flaw::LogoutTokenAlg) => algorithm = Some(if algorithm == Some("ES256") { "PS256" } else { "ES256" }),
            Some(Flaw::LogoutTokenAlgNone) => twist = Twist::AlgNone,
            Some(Flaw::LogoutTokenSignature) => twist = Twist::OtherText,
            _ => {}
        }
        self.sign(app, algorithm, Some(kind), &claims, twist)
    }
}
