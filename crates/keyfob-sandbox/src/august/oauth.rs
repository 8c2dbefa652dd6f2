//! Authorization without `response_type`, token requests as form or JSON, answers without `token_type`, refresh tokens
//! that work once.

use std::sync::Mutex;

use axum::http::Method;
use serde_json::{Value, json};

use super::error;
use crate::chance;
use crate::clock::iso_millis;
use crate::consent::{Answer, Consents, Question};
use crate::desk::{Desk, held};
use crate::jwt;
use crate::message::{Call, Pairs, Reply, first, with_query};
use crate::oauth2::{AccessProblem, Code, Ledger, Pair, Redemption, Refreshing};
use crate::page;

/// 120 days, less a second.
const LIFETIME: i64 = 10_367_999;
const CODE_LIFETIME: i64 = 600;

#[derive(Default)]
pub(crate) struct Oauth {
    ledger: Mutex<Ledger>,
    consents: Consents<Login>,
}

struct Login {
    client: String,
    redirect_uri: String,
    state: Option<String>,
}

impl Oauth {
    pub(crate) fn authorize(&self, desk: &Desk, call: &Call) -> Reply {
        let finish = |login, answer| self.decided(desk, login, &answer);
        if call.method == Method::POST {
            return self.consents.answer(desk, call, finish);
        }
        if call.method != Method::GET {
            return Reply::method_not_allowed("GET, POST");
        }
        let Some(app) = desk.app(first(&call.query, "client_id").unwrap_or_default()) else {
            return page::refusal(400, "Unknown app", "No app has this client_id.");
        };
        // Never a redirect to an address that is not registered (RFC 6749 §4.1.2.1).
        let redirect_uri = first(&call.query, "redirect_uri").unwrap_or_default();
        if !app.allows_redirect(redirect_uri) {
            return page::refusal(400, "Unknown redirect URI", "This redirect_uri is not registered for the app.");
        }
        let question = Question { title: "August", app: app.name, scopes: Vec::new(), selectable: false };
        let login =
            Login { client: app.client_id, redirect_uri: redirect_uri.into(), state: first(&call.query, "state").map(str::to_owned) };
        self.consents.ask(desk, call, question, login, finish)
    }

    pub(crate) fn token(&self, desk: &Desk, call: &Call) -> Reply {
        if call.method != Method::POST {
            return Reply::method_not_allowed("POST");
        }
        let Some(fields) = fields(call) else {
            return error(400, "InvalidContent", "the body is neither a form nor a JSON object");
        };
        let field = |name| first(&fields, name).unwrap_or_default();
        let Some(app) = desk.app(field("client_id")).filter(|app| app.client_secret == field("client_secret")) else {
            return error(401, "InvalidCredentials", "client_id or client_secret is not valid");
        };
        let mut ledger = held(&self.ledger);
        let now = desk.now();
        let lifetime = desk.faults().access_token_lifetime.map_or(LIFETIME, i64::from);
        let pair = match field("grant_type") {
            "authorization_code" => {
                let text = field("code");
                let asked = Redemption {
                    code: text,
                    client: &app.client_id,
                    redirect_uri: first(&fields, "redirect_uri"),
                    redirect_optional: true,
                    // PKCE is unknown here: a verifier is ignored.
                    verifier: None,
                    now,
                };
                match ledger.redeem(&asked) {
                    Ok(code) => ledger.grant(text, &code, new_pair(desk, &app.client_id, lifetime), now, lifetime),
                    Err(_) => return error(401, "InvalidCredentials", "code is not valid"),
                }
            }
            "refresh_token" => {
                let token = field("refresh_token");
                let grace = desk.faults().refresh_grace.map_or(0, i64::from);
                match ledger.refreshing(token, &app.client_id, now, grace) {
                    Ok(Refreshing::First(spent)) => {
                        ledger.rotate(token, &spent.scopes, new_pair(desk, &app.client_id, lifetime), now, lifetime)
                    }
                    Ok(Refreshing::Again(pair, _)) => pair,
                    Err(_) => return error(401, "InvalidCredentials", "refresh_token is not valid"),
                }
            }
            _ => return error(400, "InvalidArgument", "grant_type must be authorization_code or refresh_token"),
        };
        let body = json!({"access_token": pair.access, "expires_in": lifetime, "refresh_token": pair.refresh});
        Reply::json(200, &body).no_store()
    }

    /// Both headers, of the same app.
    pub(crate) fn authenticate(&self, desk: &Desk, call: &Call) -> Result<(), Reply> {
        let refuse = |message| Err(error(401, "InvalidCredentials", message));
        let Some(key) = call.header("x-august-api-key") else {
            return refuse("x-august-api-key is missing");
        };
        let Some(token) = call.header("x-august-access-token") else {
            return refuse("x-august-access-token is missing");
        };
        let client = match held(&self.ledger).access(token, desk.now()) {
            Ok(access) => access.client.clone(),
            Err(AccessProblem::Expired) => return refuse("access token has expired"),
            Err(AccessProblem::Unknown | AccessProblem::Revoked) => return refuse("access token is not valid"),
        };
        let app = desk.app(&client);
        if app.and_then(|app| app.fields.get("api_key").cloned()).as_deref() != Some(key) {
            return refuse("API key is not valid");
        }
        Ok(())
    }

    pub(crate) fn expire(&self, now: i64) {
        held(&self.ledger).expire_all(now);
    }

    fn decided(&self, desk: &Desk, login: Login, answer: &Answer) -> Reply {
        let state = login.state.as_deref().map(|state| ("state", state));
        if *answer == Answer::Deny {
            let pairs: Vec<_> = [("error", "access_denied")].into_iter().chain(state).collect();
            return Reply::redirect(&with_query(&login.redirect_uri, &pairs));
        }
        let text = chance::uuid();
        let code = Code {
            client: login.client,
            redirect_uri: Some(login.redirect_uri.clone()),
            scopes: Vec::new(),
            challenge: None,
            expires: desk.now() + CODE_LIFETIME,
            details: (),
            spent_on: None,
        };
        held(&self.ledger).put_code(text.clone(), code);
        let pairs: Vec<_> = [("code", text.as_str())].into_iter().chain(state).collect();
        Reply::redirect(&with_query(&login.redirect_uri, &pairs))
    }
}

/// A form or a JSON object, whatever the content type says about it.
fn fields(call: &Call) -> Option<Pairs> {
    if call.is_form() {
        return Some(call.form.clone());
    }
    let Ok(Value::Object(members)) = serde_json::from_slice(&call.body) else { return None };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(members.iter().map(|(name, value)| (name.clone(), text(value))).collect())
}

fn new_pair(desk: &Desk, client: &str, lifetime: i64) -> Pair {
    let app = desk.app(client);
    let now = desk.wall();
    let claims = json!({
        "installId": "", "region": "eu-central-1", "applicationId": "", "userId": super::locks::USER_ID,
        "vInstallId": false, "vPassword": true, "vEmail": true, "vPhone": true,
        "hasInstallId": false, "hasPassword": true, "hasEmail": true, "hasPhone": true, "isLockedOut": false,
        "oauth": {
            "app_name": app.as_ref().map(|app| &app.name),
            "client_id": client,
            "apiKey": app.as_ref().and_then(|app| app.fields.get("api_key")),
            "redirect_uri": app.as_ref().and_then(|app| app.redirect_uris.first()),
        },
        "captcha": "", "email": ["email:robin@sandbox.invalid"], "phone": ["phone:+10000000000"],
        "expiresAt": iso_millis(now + lifetime), "temporaryAccountCreationPasswordLink": "",
        "iat": now, "exp": now + lifetime, "nonce": chance::hex(16),
    });
    let access = jwt::hs256(&json!({"alg": "HS256", "typ": "JWT"}), &claims, &chance::bytes::<32>());
    Pair { access, refresh: format!("{}:{}", chance::hex(32), chance::hex(64)) }
}
