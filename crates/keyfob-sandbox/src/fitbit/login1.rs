//! OAuth 1.0a. In 2013 it took what clients sent: GET or POST, parameters in the header, query or body, a request for
//! temporary credentials without callback. The hardening of 2014 (`strict`) took POST with a header, and nothing else.

use std::sync::Mutex;

use axum::http::Method;
use keyfob_proto::oauth1::server::{Problem, SignedRequest};

use super::{Caller, USER, errors};
use crate::apps::Registration;
use crate::chance;
use crate::consent::{Answer, Consents, Question};
use crate::desk::{Desk, held};
use crate::message::{Call, Reply, first, with_query};
use crate::oauth1::{self, Credential, Ledger, Temporary};
use crate::page;

const TITLE: &str = "Fitbit";
const REQUEST_TOKEN_TTL: i64 = 3600;

#[derive(Default)]
pub(crate) struct Login1 {
    ledger: Mutex<Ledger>,
    consents: Consents<Login>,
}

struct Login {
    token: String,
    app: String,
    callback: Option<String>,
}

/// Whether a request speaks OAuth 1, in any place.
pub(crate) fn is_signed(call: &Call) -> bool {
    let header = call.header("authorization").and_then(|value| value.split(' ').next());
    header.is_some_and(|scheme| scheme.eq_ignore_ascii_case("oauth")) || call.param("oauth_consumer_key").is_some()
}

impl Login1 {
    pub(crate) fn request_token(&self, desk: &Desk, call: &Call) -> Reply {
        let mut ledger = held(&self.ledger);
        let (request, app) = match verified(desk, call, &mut ledger, TokenKind::None) {
            Ok(verified) => verified,
            Err(reply) => return reply,
        };
        let (token, secret) = (chance::hex(32), chance::hex(32));
        let temporary = Temporary {
            consumer: app.client_id,
            secret: secret.clone(),
            // The demo app is a "desktop" app: without a callback the person gets a PIN.
            callback: request.callback().filter(|callback| *callback != "oob").map(str::to_owned),
            issued: desk.now(),
            verifier: None,
        };
        ledger.put_temporary(token.clone(), temporary);
        let pairs = [("oauth_token", token.as_str()), ("oauth_token_secret", &secret), ("oauth_callback_confirmed", "true")];
        Reply::form(200, &pairs)
    }

    pub(crate) fn authorize(&self, desk: &Desk, call: &Call) -> Reply {
        if call.method == Method::POST {
            return self.consents.answer(desk, call, |login, answer| self.decided(login, &answer));
        }
        if call.method != Method::GET {
            return Reply::method_not_allowed("GET, POST");
        }
        let token = first(&call.query, "oauth_token").unwrap_or_default();
        let found = live(desk, &held(&self.ledger), token);
        let Some((temporary, app)) = found.and_then(|found| desk.app(&found.consumer).map(|app| (found, app))) else {
            return page::refusal(400, "This login is not known", "Go back to the app and start the login again.");
        };
        let question = Question { title: TITLE, app: app.name.clone(), scopes: Vec::new(), selectable: false };
        let login = Login { token: token.into(), app: app.name, callback: temporary.callback };
        self.consents.ask(desk, call, question, login, |login, answer| self.decided(login, &answer))
    }

    pub(crate) fn access_token(&self, desk: &Desk, call: &Call) -> Reply {
        let mut ledger = held(&self.ledger);
        let (request, app) = match verified(desk, call, &mut ledger, TokenKind::Temporary) {
            Ok(verified) => verified,
            Err(reply) => return reply,
        };
        let token = request.token().unwrap_or_default();
        let expected = ledger.temporary.get(token).and_then(|temporary| temporary.verifier.clone());
        if expected.is_none() || expected.as_deref() != request.verifier() {
            let message = format!("Invalid oauth_verifier or request token '{token}'");
            return errors(401, "oauth", Some("oauth_verifier"), &message);
        }
        ledger.temporary.remove(token);
        let (token, secret) = (chance::hex(32), chance::hex(32));
        ledger.tokens.insert(token.clone(), Credential { consumer: app.client_id, secret: secret.clone() });
        let pairs = [("oauth_token", token.as_str()), ("oauth_token_secret", &secret), ("encoded_user_id", USER)];
        Reply::form(200, &pairs)
    }

    pub(crate) fn authenticate(&self, desk: &Desk, call: &Call) -> Result<Caller, Reply> {
        let (_, app) = verified(desk, call, &mut held(&self.ledger), TokenKind::Access)?;
        Ok(Caller { client: app.client_id, scopes: None })
    }

    pub(crate) fn forget_tokens(&self) {
        held(&self.ledger).tokens.clear();
    }

    fn decided(&self, login: Login, answer: &Answer) -> Reply {
        let mut ledger = held(&self.ledger);
        let Some(temporary) = ledger.temporary.get_mut(&login.token) else {
            return page::refusal(400, "This login is not known", "It was finished or denied before.");
        };
        if *answer == Answer::Deny {
            ledger.temporary.remove(&login.token);
            return match login.callback {
                Some(callback) => Reply::redirect(&with_query(&callback, &[("oauth_token", &login.token)])),
                None => page::refusal(200, "You said no", "The app was not allowed to use this account."),
            };
        }
        let verifier = chance::readable(26);
        temporary.verifier = Some(verifier.clone());
        match login.callback {
            None => page::pin(TITLE, &login.app, &verifier),
            Some(callback) => {
                let pairs = [("oauth_token", login.token.as_str()), ("oauth_verifier", &verifier)];
                Reply::redirect(&with_query(&callback, &pairs))
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TokenKind {
    None,
    Temporary,
    Access,
}

fn verified(desk: &Desk, call: &Call, ledger: &mut Ledger, kind: TokenKind) -> Result<(SignedRequest, Registration), Reply> {
    let strict = desk.faults().strict;
    let request = oauth1::read(call).map_err(|problem| bad(&problem))?;
    let credentials = kind != TokenKind::Access;
    if credentials && (strict && call.method != Method::POST || ![Method::GET, Method::POST].contains(&call.method)) {
        return Err(Reply::method_not_allowed(if strict { "POST" } else { "GET, POST" }));
    }
    // Strictly, parameters outside the header count as absent, and PLAINTEXT as unsigned.
    let in_header = call.header("authorization").is_some();
    let method = request.signature_method().unwrap_or_default();
    if request.signature().is_none() || method.is_empty() || strict && (!in_header || method == "PLAINTEXT") {
        return Err(absent(&["oauth_signature_method", "oauth_signature"]));
    }
    let signature = request.signature().unwrap_or_default();
    let consumer = request.consumer_key().unwrap_or_default();
    let token = request.token().unwrap_or_default();
    let Some(app) = desk.app(consumer).filter(|app| !app.is_public()) else {
        return Err(errors(401, "oauth", Some("oauth_consumer_key"), &format!("Invalid consumer key: {consumer}")));
    };
    let secret = match kind {
        TokenKind::None => Some(String::new()),
        TokenKind::Temporary => live(desk, ledger, token).filter(|found| found.consumer == consumer).map(|found| found.secret),
        TokenKind::Access => ledger.tokens.get(token).filter(|found| found.consumer == consumer).map(|found| found.secret.clone()),
    };
    let invalid = || {
        if kind == TokenKind::None {
            errors(401, "oauth", Some("oauth_signature"), &format!("Invalid signature: {signature}"))
        } else {
            let message = format!("Invalid signature or token '{signature}' or token '{token}'");
            errors(401, "oauth", Some("oauth_access_token"), &message)
        }
    };
    let secret = secret.ok_or_else(invalid)?;
    if !["HMAC-SHA1", "PLAINTEXT"].contains(&method) || request.verify(&app.client_secret, &secret).is_err() {
        return Err(invalid());
    }
    // Strictly, a body that repeats protocol parameters breaks the signature.
    if strict && call.form.iter().any(|(name, _)| name.starts_with("oauth_")) {
        return Err(invalid());
    }
    if method != "PLAINTEXT" {
        let (Some(timestamp), Some(nonce)) = (request.timestamp(), request.nonce()) else {
            return Err(absent(&["oauth_timestamp", "oauth_nonce"]));
        };
        let skewed = desk.faults().clock_skew != 0;
        let floor = skewed.then(|| desk.wall());
        if ledger.use_nonce(consumer, token, timestamp, nonce, floor).is_err() {
            let message = "oauth_problem=timestamp_or_nonce_refused";
            return Err(errors(401, "oauth", Some("oauth_timestamp"), message));
        }
    }
    Ok((request, app))
}

fn live(desk: &Desk, ledger: &Ledger, token: &str) -> Option<Temporary> {
    let temporary = ledger.temporary.get(token)?;
    (desk.now() - temporary.issued < REQUEST_TOKEN_TTL).then(|| temporary.clone())
}

fn absent(names: &[&str]) -> Reply {
    let message = format!("oauth_problem=parameter_absent&oauth_parameters_absent={}", names.join("%26"));
    errors(401, "oauth", Some("n/a"), &message)
}

fn bad(problem: &Problem) -> Reply {
    errors(401, "oauth", Some("n/a"), &format!("oauth_problem=parameter_rejected: {problem}"))
}
