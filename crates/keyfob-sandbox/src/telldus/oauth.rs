//! The OAuth 1.0a server, with the habits of `oauth-php`: `oauth_callback_confirmed=1` comes first, a callback on the
//! authorize URL wins, a denial comes back without verifier, and errors echo the signature base string as plain text.

use std::sync::Mutex;

use axum::http::Method;
use keyfob_proto::oauth1::server::SignedRequest;

use crate::apps::Registration;
use crate::chance;
use crate::consent::{Answer, Consents, Question};
use crate::desk::{Desk, held};
use crate::message::{Call, Reply, first, with_query};
use crate::oauth1::{self, ALLOWED_SKEW, Credential, Ledger, Stale, Temporary};
use crate::page;

pub(crate) const TITLE: &str = "Telldus Live!";
/// Seconds for which a request token can be used.
const REQUEST_TOKEN_TTL: i64 = 3600;

#[derive(Default)]
pub(crate) struct Oauth {
    ledger: Mutex<Ledger>,
    consents: Consents<Login>,
}

/// A login that waits for the person.
struct Login {
    token: String,
    app: String,
    callback: Option<String>,
}

impl Oauth {
    pub(crate) fn request_token(&self, desk: &Desk, call: &Call) -> Reply {
        if let Some(reply) = wrong_method(call) {
            return reply;
        }
        let mut ledger = held(&self.ledger);
        let (request, app) = match verified(desk, call, &mut ledger, TokenKind::None) {
            Ok(verified) => verified,
            Err(problem) => return unauthorized(&problem),
        };
        let token = generate_key(desk.wall());
        let secret = chance::hex(32);
        let callback = request.callback().filter(|callback| *callback != "oob").map(str::to_owned);
        let temporary = Temporary { consumer: app.client_id, secret: secret.clone(), callback, issued: desk.now(), verifier: None };
        ledger.put_temporary(token.clone(), temporary);
        Reply::form(
            200,
            &[
                ("oauth_callback_confirmed", "1"),
                ("oauth_token", &token),
                ("oauth_token_secret", &secret),
                ("xoauth_token_ttl", &REQUEST_TOKEN_TTL.to_string()),
            ],
        )
    }

    pub(crate) fn authorize(&self, desk: &Desk, call: &Call) -> Reply {
        if call.method == Method::POST && first(&call.form, "ticket").is_some() {
            return self.consents.answer(desk, call, |login, answer| self.decided(login, &answer));
        }
        if let Some(reply) = wrong_method(call) {
            return reply;
        }
        let token = call.param("oauth_token").unwrap_or_default();
        let Some(temporary) = live(desk, &held(&self.ledger), token) else {
            return page::refusal(
                400,
                "This login is not known",
                "The request token is missing, used or too old. Go back to the app and start the login again.",
            );
        };
        let Some(app) = desk.app(&temporary.consumer) else {
            return page::refusal(400, "This app is not known", "Its registration has been removed.");
        };
        let callback = match call.param("oauth_callback") {
            Some("oob") => None,
            Some(callback) => Some(callback.to_owned()),
            None => temporary.callback,
        };
        let question = Question { title: TITLE, app: app.name.clone(), scopes: Vec::new(), selectable: false };
        let login = Login { token: token.into(), app: app.name, callback };
        self.consents.ask(desk, call, question, login, |login, answer| self.decided(login, &answer))
    }

    pub(crate) fn access_token(&self, desk: &Desk, call: &Call) -> Reply {
        if let Some(reply) = wrong_method(call) {
            return reply;
        }
        let mut ledger = held(&self.ledger);
        let (request, app) = match verified(desk, call, &mut ledger, TokenKind::Temporary) {
            Ok(verified) => verified,
            Err(problem) => return unauthorized(&problem),
        };
        let token = request.token().unwrap_or_default();
        let expected = ledger.temporary.get(token).and_then(|temporary| temporary.verifier.clone());
        let granted = match (expected, request.verifier()) {
            (Some(expected), Some(given)) => expected == given,
            (Some(_), None) => desk.faults().lenient,
            (None, _) => false,
        };
        if !granted {
            return unauthorized(&format!("Can't exchange request token \"{token}\" for access token. No such token or not authorized"));
        }
        ledger.temporary.remove(token);
        let (token, secret) = (generate_key(desk.wall()), chance::hex(32));
        ledger.tokens.insert(token.clone(), Credential { consumer: app.client_id, secret: secret.clone() });
        Reply::form(200, &[("oauth_token", &token), ("oauth_token_secret", &secret)])
    }

    /// Whether an API request is signed by token credentials; else the text of the 401.
    pub(crate) fn authenticate(&self, desk: &Desk, call: &Call) -> Result<(), String> {
        verified(desk, call, &mut held(&self.ledger), TokenKind::Access).map(drop).map_err(|problem| failed(&problem))
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
        let verifier = chance::hex(10);
        temporary.verifier = Some(verifier.clone());
        match login.callback {
            None => page::pin(TITLE, &login.app, &verifier),
            Some(callback) => Reply::redirect(&with_query(&callback, &[("oauth_token", &login.token), ("oauth_verifier", &verifier)])),
        }
    }
}

/// Which credentials, beside the consumer's, sign a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TokenKind {
    None,
    Temporary,
    Access,
}

fn verified(desk: &Desk, call: &Call, ledger: &mut Ledger, kind: TokenKind) -> Result<(SignedRequest, Registration), String> {
    let request = oauth1::read(call).map_err(|problem| problem.to_string())?;
    let (consumer, token) = (request.consumer_key().unwrap_or_default(), request.token().unwrap_or_default());
    if consumer.is_empty() || (token.is_empty() && kind != TokenKind::None) {
        return Err("Can't verify request, missing oauth_consumer_key or oauth_token".into());
    }
    let unknown = || format!("The consumer_key \"{consumer}\" token \"{token}\" combination does not exist or is not enabled.");
    let app = desk.app(consumer).ok_or_else(unknown)?;
    let secret = match kind {
        TokenKind::None => Some(String::new()),
        TokenKind::Temporary => live(desk, ledger, token).filter(|found| found.consumer == consumer).map(|found| found.secret),
        TokenKind::Access => access_secret(ledger, &app, token),
    };
    let secret = secret.ok_or_else(unknown)?;

    let method = request.signature_method().unwrap_or_default();
    if !["HMAC-SHA1", "PLAINTEXT"].contains(&method) {
        return Err(format!("Unsupported signature method \"{method}\""));
    }
    request
        .verify(&app.client_secret, &secret)
        .map_err(|_| format!("Verification of signature failed (signature base string was \"{}\").", request.base_string()))?;
    judge_nonce(desk, ledger, &request, consumer, token)?;
    Ok((request, app))
}

/// RFC 5849 §3.1 lets PLAINTEXT requests leave both out.
fn judge_nonce(desk: &Desk, ledger: &mut Ledger, request: &SignedRequest, consumer: &str, token: &str) -> Result<(), String> {
    let (timestamp, nonce) = match (request.timestamp(), request.nonce()) {
        (Some(timestamp), Some(nonce)) => (timestamp, nonce),
        _ if request.signature_method() == Some("PLAINTEXT") => return Ok(()),
        _ => return Err("Can't verify request, missing oauth_timestamp or oauth_nonce".into()),
    };
    // The library knows no clock, only the newest timestamp it has seen; a wrong clock is one that has seen its own.
    let skewed = desk.faults().clock_skew != 0;
    let floor = skewed.then(|| desk.wall());
    ledger.use_nonce(consumer, token, timestamp, nonce, floor).map_err(|stale| match stale {
        Stale::OutOfSequence { got, last } => {
            format!("Timestamp is out of sequence. Request rejected. Got {got} last max is {last} allowed skew is {ALLOWED_SKEW}")
        }
        Stale::Replayed => "Duplicate timestamp/nonce combination, possible replay attack.  Request rejected.".into(),
    })
}

fn live(desk: &Desk, ledger: &Ledger, token: &str) -> Option<Temporary> {
    let temporary = ledger.temporary.get(token)?;
    (desk.now() - temporary.issued < REQUEST_TOKEN_TTL).then(|| temporary.clone())
}

/// A token from a login, or the one that the page of keys hands out.
fn access_secret(ledger: &Ledger, app: &Registration, token: &str) -> Option<String> {
    let ready = app.ready.as_ref().filter(|ready| ready.token == token);
    let issued = ledger.tokens.get(token).filter(|found| found.consumer == app.client_id);
    issued.map(|found| found.secret.clone()).or_else(|| ready.map(|ready| ready.token_secret.clone()))
}

/// 32 hexadecimal digits of chance, a zero, and the time: 41 characters in this century.
fn generate_key(unix: i64) -> String {
    format!("{}0{unix:08x}", chance::hex(32))
}

fn unauthorized(problem: &str) -> Reply {
    Reply::text(401, failed(problem))
}

fn failed(problem: &str) -> String {
    format!("OAuth Verification Failed: {problem}")
}

fn wrong_method(call: &Call) -> Option<Reply> {
    (call.method != Method::GET && call.method != Method::POST).then(|| Reply::method_not_allowed("GET, POST"))
}
