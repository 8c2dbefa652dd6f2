//! Device authorization (RFC 8628): the request, and the page where a person types the code.

use axum::http::Method;
use serde_json::json;

use super::waiting::{INTERVAL, Login};
use crate::acme::details::{self, Details};
use crate::acme::person::{Demand, SignedIn};
use crate::acme::rar::authorization_details;
use crate::acme::resource::resources;
use crate::acme::token::field;
use crate::acme::{Acme, answer, refuse, scopes};
use crate::chance;
use crate::consent::Question;
use crate::desk::{Desk, held};
use crate::message::{Call, Reply};
use crate::page;

/// How long a person may take, in seconds.
const LIFETIME: i64 = 600;

impl Acme {
    pub(in crate::acme) fn device_authorization(&self, desk: &Desk, call: &Call) -> Reply {
        self.device_asked(desk, call).unwrap_or_else(|reply| reply)
    }

    fn device_asked(&self, desk: &Desk, call: &Call) -> Result<Reply, Reply> {
        let app = self.authenticate(desk, call)?;
        if !app.metadata.grant_types.is_empty() && !app.metadata.grant_types.iter().any(|grant| grant == super::DEVICE_CODE) {
            return Err(refuse(400, "unauthorized_client", "the app is not registered for this grant"));
        }
        let scopes = scopes(field(call, "scope").unwrap_or("profile")).ok_or_else(|| refuse(400, "invalid_scope", "unknown scope"))?;
        // Easy to read and to type (RFC 8628 §6.1), hard enough to guess within its life.
        let letters = chance::readable(8).to_ascii_uppercase();
        let user_code = format!("{}-{}", &letters[..4], &letters[4..]);
        let now = desk.now();
        let login = Login {
            kind: "device_code",
            client: app.client_id,
            app_name: app.name,
            scopes,
            demand: Demand::default(),
            details: waiting_details(call)?,
            user_code: user_code.clone(),
            message: None,
            expires: now + LIFETIME,
            interval: INTERVAL,
            polled: None,
            answer: None,
            ping: None,
        };
        let device_code = held(&self.logins).put(login, now)?;
        let page = format!("{}/device", call.origin);
        Ok(answer(
            200,
            &json!({
                "device_code": device_code, "user_code": user_code, "verification_uri": page,
                "verification_uri_complete": format!("{page}?user_code={user_code}"), "expires_in": LIFETIME, "interval": INTERVAL,
            }),
        ))
    }

    /// The page for people: a form for the code, and then the question.
    pub(in crate::acme) fn device_page(&self, desk: &Desk, call: &Call) -> Reply {
        if call.method == Method::POST {
            return self.device_consents.answer(desk, call, |key, said| {
                self.login_decided(&key, said);
                page::refusal(200, "Done", "You can close this page and go back to the device.")
            });
        }
        let now = desk.now();
        let code = call.param("user_code").unwrap_or_default();
        let found = {
            let logins = held(&self.logins);
            if code.is_empty() {
                // Those that a server asks by itself (CIBA) have no code that anybody could know.
                let asking = logins.0.values().filter(|login| login.kind == "auth_req_id" && login.answer.is_none() && now < login.expires);
                let rows = asking.map(|login| (login.app_name.clone(), login.message.clone().unwrap_or_default(), login.user_code.clone()));
                return page::device(&rows.collect::<Vec<_>>());
            }
            logins.by_user_code(code, now).map(|(key, login)| (key.clone(), login.app_name.clone(), login.scopes.clone()))
        };
        let Some((key, app, scopes)) = found else {
            return page::refusal(404, "No device waits with this code", "Look at the device again: the code may have changed.");
        };
        let question = Question { title: "Acme", app, scopes, selectable: true };
        self.device_consents.ask(desk, call, question, key, |key, said| {
            self.login_decided(&key, said);
            page::refusal(200, "Done", "You can close this page and go back to the device.")
        })
    }
}

/// What a login that waits is about: a person who has yet to sign in.
pub(super) fn waiting_details(call: &Call) -> Result<Details, Reply> {
    let named: Vec<&str> = call.form.iter().filter(|(name, _)| name == "resource").map(|(_, value)| value.as_str()).collect();
    let resources = resources(&call.origin, &named).ok_or_else(|| refuse(400, "invalid_target", "a resource that is not here"))?;
    let asked = authorization_details(field(call, "authorization_details"));
    let asked = asked.map_err(|why| refuse(400, "invalid_authorization_details", &why))?;
    let nobody = SignedIn { session: String::new(), auth_time: 0, acr: "" };
    let login = details::Login {
        signed_in: nobody,
        nonce: None,
        aged: true,
        id_token_claims: vec![],
        intent: None,
        userinfo_claims: vec![],
        hybrid: false,
    };
    Ok(Details { login: Some(login), resources, authorization_details: asked, ..Details::default() })
}
