//! The authorization endpoint (RFC 6749 §4.1): exact redirect URIs, PKCE S256 for everyone (RFC 9700 §2.1.1), `iss` in
//! every response (RFC 9207).

use super::{Acme, CODE_LIFETIME, once, scopes};
use crate::chance;
use crate::consent::{Answer, Question};
use crate::desk::{Desk, held};
use crate::message::{Call, Reply, with_query};
use crate::oauth2::{Challenge, Code};
use crate::page;

/// A valid request that waits for the person.
pub(super) struct Login {
    client: String,
    back: Back,
    challenge: Challenge,
}

/// Where answers go, and what goes with each.
struct Back {
    redirect_uri: String,
    state: Option<String>,
    issuer: String,
}

impl Acme {
    pub(super) fn authorize(&self, desk: &Desk, call: &Call) -> Reply {
        match self.read(desk, call) {
            Err(reply) => reply,
            Ok((login, question)) => self.consents.ask(desk, call, question, login, |login, answer| self.decided(desk, login, answer)),
        }
    }

    pub(super) fn decide(&self, desk: &Desk, call: &Call) -> Reply {
        self.consents.answer(desk, call, |login, answer| self.decided(desk, login, answer))
    }

    fn read(&self, desk: &Desk, call: &Call) -> Result<(Login, Question), Reply> {
        // Before client and redirect URI are known to be good, errors are told here (RFC 6749 §4.1.2.1).
        let told_here = |title: &str| page::refusal(400, title, "Nothing was sent to the app. Go back to it and start again.");
        let app = once(&call.query, "client_id").ok().flatten().and_then(|id| desk.app(id));
        let app = app.ok_or_else(|| told_here("Unknown or missing client_id"))?;
        let redirect_uri = match once(&call.query, "redirect_uri") {
            Ok(Some(uri)) if app.allows_redirect(uri) => uri,
            _ => return Err(told_here("Missing or unregistered redirect_uri")),
        };
        let issuer = if desk.faults().wrong_issuer { "https://issuer.invalid".to_owned() } else { call.origin.clone() };
        let state = once(&call.query, "state").map_err(|()| told_here("Repeated state"))?.map(str::to_owned);
        let back = Back { redirect_uri: redirect_uri.into(), state, issuer };

        let value = |name| once(&call.query, name).map_err(|()| back.error("invalid_request", &format!("{name} is repeated")));
        match value("response_type")? {
            Some("code") => {}
            Some(_) => return Err(back.error("unsupported_response_type", "response_type must be code")),
            None => return Err(back.error("invalid_request", "response_type is missing")),
        }
        if value("code_challenge_method")? != Some("S256") {
            return Err(back.error("invalid_request", "code_challenge_method must be S256"));
        }
        let challenge = value("code_challenge")?.and_then(|text| Challenge::new(text, "S256"));
        let challenge = challenge.ok_or_else(|| back.error("invalid_request", "code_challenge is missing or malformed"))?;
        let scopes = scopes(value("scope")?.unwrap_or("profile"));
        let scopes = scopes.ok_or_else(|| back.error("invalid_scope", "scope must be profile, echo or both"))?;

        let question = Question { title: "Acme", app: app.name, scopes, selectable: true };
        Ok((Login { client: app.client_id, back, challenge }, question))
    }

    fn decided(&self, desk: &Desk, login: Login, answer: Answer) -> Reply {
        let Answer::Approve(scopes) = answer else {
            return login.back.error("access_denied", "the person said no");
        };
        let text = chance::opaque();
        let code = Code {
            client: login.client,
            redirect_uri: Some(login.back.redirect_uri.clone()),
            scopes,
            challenge: Some(login.challenge),
            expires: desk.now() + CODE_LIFETIME,
            spent_on: None,
        };
        held(&self.ledger).put_code(text.clone(), code);
        login.back.redirect(&[("code", &text)])
    }
}

impl Back {
    fn error(&self, error: &str, description: &str) -> Reply {
        self.redirect(&[("error", error), ("error_description", description)])
    }

    fn redirect(&self, pairs: &[(&str, &str)]) -> Reply {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all: Vec<_> = pairs.iter().copied().chain(state).chain([("iss", self.issuer.as_str())]).collect();
        Reply::redirect(&with_query(&self.redirect_uri, &all))
    }
}
