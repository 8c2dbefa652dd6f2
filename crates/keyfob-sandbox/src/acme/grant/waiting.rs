//! Logins that wait for a person elsewhere: by device code (RFC 8628) or on the server's own initiative (CIBA). The app asks again and again, at its
//! pace or ours.

use std::collections::HashMap;

use crate::acme::details::Details;
use crate::acme::id_token::Beside;
use crate::acme::person::Demand;
use crate::acme::token::{Ask, needed};
use crate::acme::{Acme, refuse};
use crate::chance;
use crate::consent::{Answer, Consent};
use crate::desk::{Desk, held};
use crate::message::Reply;
use crate::oauth2::Code;
use crate::post::Post;

/// Logins that wait, by what the app polls with.
#[derive(Default)]
pub(in crate::acme) struct Logins(pub(super) HashMap<String, Login>);

pub(super) struct Login {
    /// `device_code` or `auth_req_id`.
    pub(super) kind: &'static str,
    pub(super) client: String,
    pub(super) app_name: String,
    pub(super) scopes: Vec<String>,
    pub(super) demand: Demand,
    pub(super) details: Details,
    /// What the person types, or follows.
    pub(super) user_code: String,
    /// What an app wants shown with the question (CIBA §7.1).
    pub(super) message: Option<String>,
    pub(super) expires: i64,
    pub(super) interval: i64,
    pub(super) polled: Option<i64>,
    pub(super) answer: Option<Answer>,
    /// Where and with what the app is told that it may ask (CIBA §10.2).
    pub(super) ping: Option<(String, String)>,
}

/// Seconds between two polls.
pub(super) const INTERVAL: i64 = 5;
/// Kept at once.
const KEPT: usize = 10_000;

impl Logins {
    pub(super) fn put(&mut self, login: Login, now: i64) -> Result<String, Reply> {
        if self.0.len() >= KEPT {
            self.0.retain(|_, kept| kept.expires > now);
        }
        if self.0.len() >= KEPT {
            return Err(refuse(503, "temporarily_unavailable", "too many logins wait"));
        }
        let key = chance::opaque();
        self.0.insert(key.clone(), login);
        Ok(key)
    }

    /// The one with this code that is still undecided.
    pub(super) fn by_user_code(&self, code: &str, now: i64) -> Option<(&String, &Login)> {
        let plain = |code: &str| code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
        self.0.iter().find(|(_, login)| plain(&login.user_code) == plain(code) && login.answer.is_none() && now < login.expires)
    }
}

impl Acme {
    /// The token endpoint's answer to a poll (RFC 8628 §3.5, CIBA §11).
    pub(in crate::acme) fn polled(&self, ask: &Ask<'_>, kind: &'static str) -> Result<Reply, Reply> {
        let key = needed(ask.call, kind)?;
        let (mut login, scopes) = self.found(ask, key, kind).map_err(|(error, why)| refuse(400, error, why))?;
        let now = ask.desk.now();
        if let Some(person) = &mut login.details.login {
            person.signed_in = held(&self.person).sign_in(&login.demand, &login.client, &scopes, now);
        }
        self.bind(ask, &mut login.details)?;
        let code = Code {
            client: login.client,
            redirect_uri: None,
            scopes,
            challenge: None,
            expires: now,
            details: login.details,
            spent_on: None,
        };
        let beside = if kind == "auth_req_id" { Beside { auth_req_id: Some(key), ..Beside::default() } } else { Beside::default() };
        self.hand_out(ask, "", &code, beside)
    }

    /// The login, if it is decided; else the error and why.
    fn found(&self, ask: &Ask<'_>, key: &str, kind: &str) -> Result<(Login, Vec<String>), (&'static str, &'static str)> {
        let now = ask.desk.now();
        let mut logins = held(&self.logins);
        let Some(login) = logins.0.get_mut(key).filter(|login| login.client == ask.app.client_id && login.kind == kind) else {
            return Err(("invalid_grant", "unknown, used, or another app's"));
        };
        if now >= login.expires {
            return Err(("expired_token", "the person took too long"));
        }
        if login.polled.is_some_and(|last| now - last < login.interval) {
            login.polled = Some(now);
            // For this and all that follow (RFC 8628 §3.5).
            login.interval += INTERVAL;
            return Err(("slow_down", "asked too soon; the interval is five seconds longer now"));
        }
        login.polled = Some(now);
        match login.answer.take().or_else(|| scripted(ask.desk, &login.scopes)) {
            None => Err(("authorization_pending", "the person has not answered yet")),
            Some(Answer::Deny) => {
                logins.0.remove(key);
                Err(("access_denied", "the person said no"))
            }
            Some(Answer::Approve(scopes)) => match logins.0.remove(key) {
                Some(login) => Ok((login, scopes)),
                None => Err(("invalid_grant", "unknown")),
            },
        }
    }

    /// The person has answered.
    pub(super) fn login_decided(&self, key: &str, answer: Answer) {
        if let Some(login) = held(&self.logins).0.get_mut(key) {
            login.answer = Some(answer);
            login.announce(key);
        }
    }
}

impl Login {
    /// CIBA §10.2: the app is told that it may ask, no more.
    pub(super) fn announce(&self, key: &str) {
        if let Some((url, token)) = &self.ping {
            let body = serde_json::json!({ "auth_req_id": key }).to_string();
            Post { url: url.clone(), content_type: "application/json", bearer: Some(token.clone()), body }.send();
        }
    }
}

/// The answer of a script, where consent is scripted.
pub(super) fn scripted(desk: &Desk, scopes: &[String]) -> Option<Answer> {
    match desk.consent() {
        Consent::Ask => None,
        Consent::Deny => Some(Answer::Deny),
        Consent::Approve => {
            let withheld = desk.faults().withheld_scopes.clone();
            Some(Answer::Approve(scopes.iter().filter(|scope| !withheld.contains(scope)).cloned().collect()))
        }
    }
}
