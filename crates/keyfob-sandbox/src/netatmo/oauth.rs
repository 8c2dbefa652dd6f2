//! Codes of 32 digits, tokens with a `|` inside, `scope` as an array, `expire_in` beside `expires_in`, no `token_type`;
//! every refresh kills the old pair.

use std::sync::Mutex;

use axum::http::Method;
use serde_json::json;

use crate::chance;
use crate::consent::{Answer, Consents, Question};
use crate::desk::{Desk, held};
use crate::message::{Call, Reply, first, with_query};
use crate::oauth2::{AccessProblem, Code, Ledger, Pair, Redemption, Refreshing};
use crate::page;

use super::error;

/// Three hours.
const LIFETIME: i64 = 10_800;
const CODE_LIFETIME: i64 = 600;

const SCOPES: [&str; 27] = [
    "read_station",
    "read_thermostat",
    "write_thermostat",
    "read_camera",
    "write_camera",
    "access_camera",
    "read_presence",
    "write_presence",
    "access_presence",
    "read_doorbell",
    "write_doorbell",
    "access_doorbell",
    "read_homecoach",
    "read_smokedetector",
    "read_carbonmonoxidedetector",
    "read_magellan",
    "write_magellan",
    "read_bubendorff",
    "write_bubendorff",
    "read_mx",
    "write_mx",
    "read_mhs1",
    "write_mhs1",
    "read_smarther",
    "write_smarther",
    "read_bfi",
    "write_bfi",
];

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
        let finish = |login, answer| self.decided(desk, login, answer);
        if call.method == Method::POST {
            return self.consents.answer(desk, call, finish);
        }
        if call.method != Method::GET {
            return Reply::method_not_allowed("GET, POST");
        }
        let Some(app) = desk.app(first(&call.query, "client_id").unwrap_or_default()) else {
            return page::refusal(400, "Unknown app", "No app has this client_id.");
        };
        let redirect_uri = first(&call.query, "redirect_uri").unwrap_or_default();
        if !app.allows_redirect(redirect_uri) {
            return page::refusal(400, "Unknown redirect URI", "This redirect_uri is not registered for the app.");
        }
        let login =
            Login { client: app.client_id, redirect_uri: redirect_uri.into(), state: first(&call.query, "state").map(str::to_owned) };
        // Samples leave `response_type` out; what is there must be right.
        if !matches!(first(&call.query, "response_type"), None | Some("code")) {
            return login.back(&[("error", "unsupported_response_type")]);
        }
        let asked = first(&call.query, "scope").unwrap_or_default();
        let mut scopes: Vec<String> = asked.split_whitespace().map(str::to_owned).collect();
        if scopes.is_empty() {
            scopes.push("read_station".into());
        }
        if scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
            return login.back(&[("error", "invalid_scope")]);
        }
        let question = Question { title: "Netatmo", app: app.name, scopes, selectable: false };
        self.consents.ask(desk, call, question, login, finish)
    }

    pub(crate) fn token(&self, desk: &Desk, call: &Call) -> Reply {
        if call.method != Method::POST {
            return Reply::method_not_allowed("POST");
        }
        let field = |name| first(&call.form, name).unwrap_or_default();
        if field("grant_type").is_empty() || field("client_id").is_empty() {
            return refuse("invalid_request");
        }
        let Some(app) = desk.app(field("client_id")).filter(|app| app.client_secret == field("client_secret")) else {
            return refuse("invalid_client");
        };
        let mut ledger = held(&self.ledger);
        let now = desk.now();
        let lifetime = desk.faults().access_token_lifetime.map_or(LIFETIME, i64::from);
        let (pair, scopes) = match field("grant_type") {
            "authorization_code" => {
                let text = field("code");
                let asked = Redemption {
                    code: text,
                    client: &app.client_id,
                    redirect_uri: first(&call.form, "redirect_uri"),
                    redirect_optional: false,
                    // PKCE is unknown here: a verifier is ignored.
                    verifier: None,
                    now,
                };
                match ledger.redeem(&asked) {
                    Ok(code) => (ledger.grant(text, &code, new_pair(), now, lifetime), code.scopes),
                    Err(_) => return refuse("invalid_grant"),
                }
            }
            "refresh_token" => {
                let token = field("refresh_token");
                let grace = desk.faults().refresh_grace.map_or(0, i64::from);
                match ledger.refreshing(token, &app.client_id, now, grace) {
                    Ok(Refreshing::First(spent)) => {
                        // Both old ones are void at once.
                        ledger.revoke_access(&spent.access);
                        (ledger.rotate(token, &spent.scopes, new_pair(), now, lifetime), spent.scopes)
                    }
                    Ok(Refreshing::Again(pair, spent)) => (pair, spent.scopes),
                    Err(_) => return refuse("invalid_grant"),
                }
            }
            _ => return refuse("unsupported_grant_type"),
        };
        let body = json!({
            "access_token": pair.access, "refresh_token": pair.refresh, "scope": scopes,
            "expires_in": lifetime, "expire_in": lifetime,
        });
        Reply::json(200, &body).no_store()
    }

    /// The token's scopes, or the 403 that says why not. Also taken as a parameter, as older clients send it.
    pub(crate) fn authenticate(&self, desk: &Desk, call: &Call) -> Result<Vec<String>, Reply> {
        let token = call.bearer().or_else(|| call.param("access_token"));
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Err(error(403, 1, "Access token is missing"));
        };
        match held(&self.ledger).access(token, desk.now()) {
            Ok(access) => Ok(access.scopes.clone()),
            Err(AccessProblem::Expired) => Err(error(403, 3, "Access token expired")),
            Err(AccessProblem::Unknown | AccessProblem::Revoked) => Err(error(403, 2, "Invalid access token")),
        }
    }

    pub(crate) fn expire(&self, now: i64) {
        held(&self.ledger).expire_all(now);
    }

    fn decided(&self, desk: &Desk, login: Login, answer: Answer) -> Reply {
        let Answer::Approve(scopes) = answer else {
            return login.back(&[("error", "access_denied")]);
        };
        let text = chance::hex(32);
        let code = Code {
            client: login.client.clone(),
            redirect_uri: Some(login.redirect_uri.clone()),
            scopes,
            challenge: None,
            expires: desk.now() + CODE_LIFETIME,
            details: (),
            spent_on: None,
        };
        held(&self.ledger).put_code(text.clone(), code);
        login.back(&[("code", &text)])
    }
}

impl Login {
    /// State comes first.
    fn back(&self, pairs: &[(&str, &str)]) -> Reply {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all: Vec<_> = state.into_iter().chain(pairs.iter().copied()).collect();
        Reply::redirect(&with_query(&self.redirect_uri, &all))
    }
}

/// Always 400, never a description.
fn refuse(code: &str) -> Reply {
    Reply::json(400, &json!({"error": code})).no_store()
}

fn new_pair() -> Pair {
    // The first half is the person's id.
    let token = || format!("{}|{}", super::station::USER_ID, chance::hex(32));
    Pair { access: token(), refresh: token() }
}
