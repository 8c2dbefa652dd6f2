//! OAuth 1.0a, strictly (RFC 5849): three legs, or two for what an app may do by itself; and for an app that is registered for it the exchange of a
//! name and a password ("xAuth"), which is no RFC's.
//!
//! ```text
//! POST /oauth1/request_token   §2.1; oauth_callback is oob, or registered
//! /oauth1/authorize            §2.2
//! POST /oauth1/access_token    §2.3
//! /oauth1/api/me               with a token
//! /oauth1/api/echo             with a token, or without
//! ```

mod signature;

use std::sync::Mutex;

use axum::http::{Method, header};
use serde_json::json;

use self::signature::{METHODS, Signed, encoded};
use super::person::{PASSWORD, SUBJECT, USERNAME};
use super::{Acme, api};
use crate::apps::Registration;
use crate::chance;
use crate::consent::{Answer, Consents, Question};
use crate::desk::{Desk, held};
use crate::message::{Call, Reply, first, with_query};
use crate::oauth1::{Credential, Ledger, Temporary};
use crate::page;

/// Temporary credentials wait so long for the person, in seconds.
const PATIENCE: i64 = 600;
/// A timestamp may be off by so many seconds (§3.3 leaves it to the server).
const SKEW: i64 = 300;

#[derive(Default)]
pub(super) struct OAuth1 {
    ledger: Mutex<Ledger>,
    consents: Consents<Login>,
}

struct Login {
    token: String,
    app: String,
    callback: Option<String>,
}

/// Why a request is refused. §3.2 has two statuses for it; the words are the extension Problem Reporting's.
#[derive(Debug)]
enum Problem {
    Absent(&'static str),
    Rejected(String),
    Method(&'static str),
    Version,
    App,
    Token,
    Signature,
    Timestamp(i64),
    Nonce,
    Verifier,
    Denied(&'static str),
}

impl Problem {
    fn rejected(why: &str) -> Self {
        Self::Rejected(why.to_owned())
    }

    fn reply(&self) -> Reply {
        let (status, problem, more) = match self {
            Self::Absent(name) => (400, "parameter_absent", Some(("oauth_parameters_absent", (*name).to_owned()))),
            Self::Rejected(why) => (400, "parameter_rejected", Some(("oauth_problem_advice", why.clone()))),
            Self::Method(why) => {
                (400, "signature_method_rejected", Some(("oauth_problem_advice", format!("{why}; known are {}", METHODS.join(", ")))))
            }
            Self::Version => (400, "version_rejected", Some(("oauth_acceptable_versions", "1.0-1.0".to_owned()))),
            Self::App => (401, "consumer_key_unknown", None),
            Self::Token => (401, "token_rejected", None),
            Self::Signature => (401, "signature_invalid", None),
            Self::Timestamp(now) => {
                (401, "timestamp_refused", Some(("oauth_acceptable_timestamps", format!("{}-{}", now - SKEW, now + SKEW))))
            }
            Self::Nonce => (401, "nonce_used", None),
            Self::Verifier => (401, "parameter_rejected", Some(("oauth_problem_advice", "another oauth_verifier".to_owned()))),
            Self::Denied(why) => (401, "permission_denied", Some(("oauth_problem_advice", (*why).to_owned()))),
        };
        let pairs: Vec<(&str, &str)> =
            [("oauth_problem", problem)].into_iter().chain(more.iter().map(|(name, value)| (*name, value.as_str()))).collect();
        let told: String = pairs.iter().map(|(name, value)| format!(", {name}=\"{}\"", encoded(value))).collect();
        let challenge = format!("OAuth realm=\"acme\"{told}");
        Reply::form(status, &pairs).with(header::WWW_AUTHENTICATE, &challenge).no_store()
    }
}

/// Which token a request has to be signed with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum With {
    None,
    Temporary,
    Token,
    /// A token, or none where the app speaks for itself.
    TokenOrNone,
}

/// A request whose signature is good.
struct Verified {
    signed: Signed,
    app: Registration,
    token: Option<String>,
}

impl Acme {
    pub(super) fn oauth1(&self, desk: &Desk, call: &Call, path: &str) -> Reply {
        match path {
            "request_token" | "access_token" if call.method != Method::POST => Reply::method_not_allowed("POST"),
            "request_token" => self.oauth1.request_token(desk, call),
            "access_token" => self.oauth1.access_token(desk, call),
            "authorize" => self.oauth1.authorize(desk, call),
            "api/me" | "api/echo" => self.oauth1.resource(desk, call),
            path if path.starts_with("api/echo/") => self.oauth1.resource(desk, call),
            _ => Reply::text(404, "Not found"),
        }
    }
}

impl OAuth1 {
    fn request_token(&self, desk: &Desk, call: &Call) -> Reply {
        let judged = self.verified(desk, call, With::None).and_then(|verified| {
            // §2.1: it has to be there, so that nobody puts another in its place at the next step (the attack of 2009).
            let callback = verified.signed.needed("oauth_callback")?;
            let callback = Some(callback).filter(|callback| *callback != "oob").map(str::to_owned);
            if callback.as_ref().is_some_and(|callback| !verified.app.allows_redirect(callback)) {
                return Err(Problem::rejected("oauth_callback is not registered"));
            }
            Ok((verified.app.client_id, callback))
        });
        let (consumer, callback) = match judged {
            Ok(judged) => judged,
            Err(problem) => return problem.reply(),
        };
        let (token, secret) = (chance::opaque(), chance::opaque());
        let temporary = Temporary { consumer, secret: secret.clone(), callback, issued: desk.now(), verifier: None };
        held(&self.ledger).put_temporary(token.clone(), temporary);
        credentials(&token, &secret, &[("oauth_callback_confirmed", "true")])
    }

    fn authorize(&self, desk: &Desk, call: &Call) -> Reply {
        match call.method {
            Method::POST => return self.consents.answer(desk, call, |login, answer| self.decided(login, &answer)),
            Method::GET => {}
            _ => return Reply::method_not_allowed("GET, POST"),
        }
        let token = first(&call.query, "oauth_token").unwrap_or_default();
        let found = held(&self.ledger).temporary.get(token).filter(|found| is_live(desk, found) && found.verifier.is_none()).cloned();
        let Some((temporary, app)) = found.and_then(|found| desk.app(&found.consumer).map(|app| (found, app))) else {
            return page::refusal(400, "This login is not known", "Go back to the app and start the login again.");
        };
        let question = Question { title: "Acme", app: app.name.clone(), scopes: Vec::new(), selectable: false };
        let login = Login { token: token.into(), app: app.name, callback: temporary.callback };
        self.consents.ask(desk, call, question, login, |login, answer| self.decided(login, &answer))
    }

    /// §2.2. The RFC has no words for a denial; `denied` is what most servers say.
    fn decided(&self, login: Login, answer: &Answer) -> Reply {
        let mut ledger = held(&self.ledger);
        let Some(temporary) = ledger.temporary.get_mut(&login.token) else {
            return page::refusal(400, "This login is not known", "It was finished or denied before.");
        };
        if *answer == Answer::Deny {
            ledger.temporary.remove(&login.token);
            return match login.callback {
                Some(callback) => Reply::redirect(&with_query(&callback, &[("denied", &login.token)])),
                None => page::refusal(200, "You said no", "The app was not allowed to use this account."),
            };
        }
        let verifier = chance::readable(26);
        temporary.verifier = Some(verifier.clone());
        match login.callback {
            None => page::pin("Acme", &login.app, &verifier),
            Some(callback) => Reply::redirect(&with_query(&callback, &[("oauth_token", &login.token), ("oauth_verifier", &verifier)])),
        }
    }

    fn access_token(&self, desk: &Desk, call: &Call) -> Reply {
        let password = |name: &str| first(&call.form, name).or_else(|| first(&call.query, name));
        let judged = match password("x_auth_mode") {
            None => self.exchanged(desk, call),
            Some(mode) => self.verified(desk, call, With::None).and_then(|verified| {
                // Legacy: only who is registered for it takes passwords.
                if mode != "client_auth" || !verified.app.metadata.grant_types.iter().any(|grant| grant == super::token::PASSWORD) {
                    return Err(Problem::Denied("the app is not registered for passwords"));
                }
                if password("x_auth_username") != Some(USERNAME) || password("x_auth_password") != Some(PASSWORD) {
                    return Err(Problem::Denied("another name or password"));
                }
                Ok(verified.app.client_id)
            }),
        };
        let consumer = match judged {
            Ok(consumer) => consumer,
            Err(problem) => return problem.reply(),
        };
        let (token, secret) = (chance::opaque(), chance::opaque());
        held(&self.ledger).tokens.insert(token.clone(), Credential { consumer, secret: secret.clone() });
        credentials(&token, &secret, &[])
    }

    /// §2.3: the verifier is compared, and the temporary credentials are good once.
    fn exchanged(&self, desk: &Desk, call: &Call) -> Result<String, Problem> {
        let verified = self.verified(desk, call, With::Temporary)?;
        let verifier = verified.signed.needed("oauth_verifier")?;
        let mut ledger = held(&self.ledger);
        let token = verified.token.as_deref().unwrap_or_default();
        let expected = ledger.temporary.get(token).and_then(|temporary| temporary.verifier.clone());
        if expected.as_deref() != Some(verifier) {
            return Err(Problem::Verifier);
        }
        // Two that come at once must not both find them.
        ledger.temporary.remove(token).map(|temporary| temporary.consumer).ok_or(Problem::Token)
    }

    fn resource(&self, desk: &Desk, call: &Call) -> Reply {
        let me = call.path().ends_with("/me");
        match self.verified(desk, call, if me { With::Token } else { With::TokenOrNone }) {
            Err(problem) => problem.reply(),
            Ok(_) if me && call.method != Method::GET => Reply::method_not_allowed("GET"),
            Ok(_) if me => Reply::json(200, &json!({"sub": SUBJECT, "name": "Robin Demo"})),
            Ok(verified) => {
                let mut body = api::echo(call);
                body["for"] = verified.token.map_or_else(|| json!(verified.app.client_id), |_| json!(SUBJECT));
                // Credentials may be anywhere in it.
                if verified.signed.in_query() {
                    body["target"] = json!("<masked: it held the signature>");
                }
                if verified.signed.in_body() {
                    body["body"] = json!("<masked: it held the signature>");
                }
                Reply::json(200, &body)
            }
        }
    }

    /// §3.2, in an order that tells strangers nothing: who asks, the signature, and only then whether time and nonce are good.
    fn verified(&self, desk: &Desk, call: &Call, with: With) -> Result<Verified, Problem> {
        let signed = Signed::read(call)?;
        if signed.get("oauth_version").is_some_and(|version| version != "1.0") {
            return Err(Problem::Version);
        }
        let app = desk.app(signed.needed("oauth_consumer_key")?).ok_or(Problem::App)?;
        let token = signed.get("oauth_token").map(str::to_owned);
        let mut ledger = held(&self.ledger);
        let secret = match (&token, with) {
            (None, With::None | With::TokenOrNone) => Some(String::new()),
            (None, _) => return Err(Problem::Absent("oauth_token")),
            (Some(_), With::None) => return Err(Problem::rejected("oauth_token where there is none yet")),
            (Some(token), With::Temporary) => {
                let found = ledger.temporary.get(token).filter(|found| found.consumer == app.client_id && is_live(desk, found));
                found.map(|found| found.secret.clone())
            }
            (Some(token), _) => ledger.tokens.get(token).filter(|found| found.consumer == app.client_id).map(|found| found.secret.clone()),
        };
        signed.verify(call, &app, &secret.ok_or(Problem::Token)?)?;
        // §3.3, also for PLAINTEXT where they are there; the others must have them.
        if signed.get("oauth_signature_method") != Some("PLAINTEXT") || signed.get("oauth_nonce").is_some() {
            let (now, text) = (desk.wall(), signed.needed("oauth_timestamp")?);
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let at =
                text.parse().ok().filter(|at: &i64| digits && *at > 0).ok_or_else(|| Problem::rejected("oauth_timestamp is no number"))?;
            if (now - at).abs() > SKEW {
                return Err(Problem::Timestamp(now));
            }
            let nonce = signed.needed("oauth_nonce")?;
            let used = ledger.use_nonce(&app.client_id, token.as_deref().unwrap_or_default(), at, nonce, None);
            used.map_err(|_| Problem::Nonce)?;
        }
        drop(ledger);
        Ok(Verified { signed, app, token })
    }

    pub(super) fn forget_tokens(&self) {
        held(&self.ledger).tokens.clear();
    }
}

fn is_live(desk: &Desk, temporary: &Temporary) -> bool {
    desk.now() - temporary.issued < PATIENCE
}

fn credentials(token: &str, secret: &str, more: &[(&str, &str)]) -> Reply {
    let pairs: Vec<(&str, &str)> =
        [("oauth_token", token), ("oauth_token_secret", secret)].into_iter().chain(more.iter().copied()).collect();
    Reply::form(200, &pairs).no_store()
}
