//! OAuth 2: errors in Fitbit's own shape even from the token endpoint, with whole tokens in their texts; a redirect only
//! after the person decided, ending in `#_=_`; refresh tokens that answer again for two minutes.

use std::sync::Mutex;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Caller, USER, errors, ok};
use crate::apps::Registration;
use crate::chance;
use crate::consent::{Answer, Consents, Question};
use crate::desk::{Desk, held};
use crate::jwt;
use crate::message::{Call, Reply, first, with_query};
use crate::oauth2::{AccessProblem, Challenge, Code, Ledger, Pair, Redemption, Refreshing};
use crate::page;

/// Eight hours.
const LIFETIME: i64 = 28_800;
const CODE_LIFETIME: i64 = 600;
/// Seconds for which a spent refresh token gives the same pair again.
const GRACE: i64 = 120;
const MORE: &str = "Visit https://dev.fitbit.com/docs/oauth2 for more information on the Fitbit Web API authorization process.";

/// Scopes, and how an access token's claims abbreviate them.
const SCOPES: [(&str, &str); 15] = [
    ("activity", "ract"),
    ("cardio_fitness", "rcf"),
    ("electrocardiogram", "recg"),
    ("heartrate", "rhr"),
    ("irregular_rhythm_notifications", "rirn"),
    ("location", "rloc"),
    ("nutrition", "rnut"),
    ("oxygen_saturation", "roxy"),
    ("profile", "rpro"),
    ("respiratory_rate", "rres"),
    ("settings", "rset"),
    ("sleep", "rsle"),
    ("social", "rsoc"),
    ("temperature", "rtem"),
    ("weight", "rwei"),
];

#[derive(Default)]
pub(crate) struct Login2 {
    ledger: Mutex<Ledger>,
    consents: Consents<Login>,
}

struct Login {
    client: String,
    redirect_uri: String,
    /// Whether the request named it.
    named: bool,
    state: Option<String>,
    challenge: Option<Challenge>,
}

impl Login2 {
    /// Errors are told on the page; a redirect happens only after the person decided.
    pub(crate) fn authorize(&self, desk: &Desk, call: &Call) -> Reply {
        let finish = |login, answer| self.decided(desk, login, answer);
        if call.method == Method::POST {
            return self.consents.answer(desk, call, finish);
        }
        if call.method != Method::GET {
            return Reply::method_not_allowed("GET, POST");
        }
        let (login, question) = match read(desk, call) {
            Ok(read) => read,
            Err(problem) => return page::refusal(400, "Developer information", problem),
        };
        self.consents.ask(desk, call, question, login, finish)
    }

    pub(crate) fn token(&self, desk: &Desk, call: &Call) -> Reply {
        if call.method != Method::POST {
            return Reply::method_not_allowed("POST");
        }
        let app = match client(desk, call) {
            Ok(app) => app,
            Err(reply) => return reply,
        };
        let needed = |name| {
            let missing = || errors(400, "invalid_request", None, &format!("Missing parameters: {name}. {MORE}"));
            first(&call.form, name).filter(|text| !text.is_empty()).ok_or_else(missing)
        };
        let answer = match first(&call.form, "grant_type") {
            Some("authorization_code") => needed("code").and_then(|code| self.exchange(desk, call, &app, code)),
            Some("refresh_token") => needed("refresh_token").and_then(|token| self.refresh(desk, &app, token)),
            Some(other) => Err(errors(400, "unsupported_grant_type", None, &format!("The grant type {other} is not supported. {MORE}"))),
            None => needed("grant_type").map(|_| Reply::empty(500)),
        };
        answer.unwrap_or_else(|reply| reply)
    }

    /// RFC 7009, but every token of this person and app goes.
    pub(crate) fn revoke(&self, desk: &Desk, call: &Call) -> Reply {
        if call.method != Method::POST {
            return Reply::method_not_allowed("POST");
        }
        let app = match client(desk, call) {
            Ok(app) => app,
            Err(reply) => return reply,
        };
        let Some(token) = first(&call.form, "token") else {
            return errors(400, "invalid_request", None, &format!("Missing parameters: token. {MORE}"));
        };
        let mut ledger = held(&self.ledger);
        let owner = ledger.any_access(token).map(|found| &found.client);
        let owner = owner.or_else(|| ledger.any_refresh(token).map(|found| &found.client));
        if owner == Some(&app.client_id) {
            ledger.revoke_client(&app.client_id);
        }
        Reply::empty(200)
    }

    pub(crate) fn introspect(&self, desk: &Desk, call: &Call) -> Reply {
        if call.method != Method::POST {
            return Reply::method_not_allowed("POST");
        }
        if let Err(reply) = self.authenticate(desk, call) {
            return reply;
        }
        let token = first(&call.form, "token").unwrap_or_default();
        match held(&self.ledger).access(token, desk.now()) {
            Err(_) => ok(200, &json!({"active": false})),
            Ok(access) => {
                let scopes: Vec<_> = access.scopes.iter().map(|scope| format!("{}=READ", scope.to_uppercase())).collect();
                let body = json!({
                    "active": true, "scope": format!("{{{}}}", scopes.join(", ")), "client_id": access.client, "user_id": USER,
                    "token_type": "access_token",
                    // Milliseconds, against RFC 7662 §2.2.
                    "exp": access.expires * 1000, "iat": access.issued * 1000,
                });
                ok(200, &body)
            }
        }
    }

    pub(crate) fn authenticate(&self, desk: &Desk, call: &Call) -> Result<Caller, Reply> {
        let Some(token) = call.bearer() else {
            return Err(errors(401, "invalid_request", None, &format!("Authorization header required. {MORE}")));
        };
        match held(&self.ledger).access(token, desk.now()) {
            Ok(access) => Ok(Caller { client: access.client.clone(), scopes: Some(access.scopes.clone()) }),
            Err(AccessProblem::Expired) => Err(errors(401, "expired_token", None, &format!("Access token expired: {token}. {MORE}"))),
            Err(AccessProblem::Unknown | AccessProblem::Revoked) => {
                Err(errors(401, "invalid_token", None, &format!("Access token invalid: {token}. {MORE}")))
            }
        }
    }

    pub(crate) fn expire(&self, now: i64) {
        held(&self.ledger).expire_all(now);
    }

    fn exchange(&self, desk: &Desk, call: &Call, app: &Registration, text: &str) -> Result<Reply, Reply> {
        let mut ledger = held(&self.ledger);
        let now = desk.now();
        let asked = Redemption {
            code: text,
            client: &app.client_id,
            redirect_uri: first(&call.form, "redirect_uri"),
            redirect_optional: false,
            verifier: first(&call.form, "code_verifier"),
            now,
        };
        let invalid = |_| errors(400, "invalid_grant", None, &format!("Authorization code invalid: {text} {MORE}"));
        let code = ledger.redeem(&asked).map_err(invalid)?;
        let lifetime = lifetime(desk);
        let pair = new_pair(desk, &app.client_id, &code.scopes, lifetime);
        let pair = ledger.grant(text, &code, pair, now, lifetime);
        Ok(tokens(&pair, &code.scopes, lifetime))
    }

    fn refresh(&self, desk: &Desk, app: &Registration, token: &str) -> Result<Reply, Reply> {
        let mut ledger = held(&self.ledger);
        let now = desk.now();
        let grace = desk.faults().refresh_grace.map_or(GRACE, i64::from);
        let lifetime = lifetime(desk);
        let invalid = |_| errors(400, "invalid_grant", None, &format!("Refresh token invalid: {token}. {MORE}"));
        match ledger.refreshing(token, &app.client_id, now, grace).map_err(invalid)? {
            Refreshing::First(spent) => {
                let pair = new_pair(desk, &app.client_id, &spent.scopes, lifetime);
                let pair = ledger.rotate(token, &spent.scopes, pair, now, lifetime);
                Ok(tokens(&pair, &spent.scopes, lifetime))
            }
            Refreshing::Again(pair, spent) => {
                let left = ledger.access(&pair.access, now).map_or(0, |access| access.expires - now);
                Ok(tokens(&pair, &spent.scopes, left))
            }
        }
    }

    fn decided(&self, desk: &Desk, login: Login, answer: Answer) -> Reply {
        let Answer::Approve(scopes) = answer else {
            return login.back(&[("error_description", "The user denied the request."), ("error", "access_denied")]);
        };
        let text = chance::hex(40);
        let code = Code {
            client: login.client.clone(),
            redirect_uri: login.named.then(|| login.redirect_uri.clone()),
            scopes,
            challenge: login.challenge.clone(),
            expires: desk.now() + CODE_LIFETIME,
            details: (),
            spent_on: None,
        };
        held(&self.ledger).put_code(text.clone(), code);
        login.back(&[("code", &text)])
    }
}

impl Login {
    fn back(&self, pairs: &[(&str, &str)]) -> Reply {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all: Vec<_> = pairs.iter().copied().chain(state).collect();
        Reply::redirect(&format!("{}#_=_", with_query(&self.redirect_uri, &all)))
    }
}

fn read(desk: &Desk, call: &Call) -> Result<(Login, Question), &'static str> {
    let value = |name| first(&call.query, name).filter(|text| !text.is_empty());
    let app = desk.app(value("client_id").unwrap_or_default()).ok_or("Invalid client_id")?;
    let named = value("redirect_uri");
    let redirect_uri = match (named, app.redirect_uris.as_slice()) {
        (Some(uri), _) if app.allows_redirect(uri) => uri.to_owned(),
        (None, [only]) => only.clone(),
        _ => return Err("Invalid redirect_uri: it must match one that is registered for the app"),
    };
    if value("response_type") != Some("code") {
        return Err("Invalid response_type: it must be code");
    }
    let scopes: Vec<String> = value("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    if scopes.is_empty() || scopes.iter().any(|scope| !SCOPES.iter().any(|(known, _)| known == scope)) {
        return Err("Invalid scope: it must name at least one scope, and no unknown one");
    }
    let challenge = match value("code_challenge") {
        None if app.is_public() => return Err("Missing code_challenge: a client app must use PKCE"),
        None => None,
        // The default is the weaker one (RFC 7636 §4.3).
        Some(text) => {
            Some(Challenge::new(text, value("code_challenge_method").unwrap_or("plain")).ok_or("Invalid code_challenge or method")?)
        }
    };
    let login = Login {
        client: app.client_id,
        redirect_uri,
        named: named.is_some(),
        state: first(&call.query, "state").map(str::to_owned),
        challenge,
    };
    Ok((login, Question { title: "Fitbit", app: app.name, scopes, selectable: true }))
}

/// A server app sends Basic, a client app its id in the body and no secret.
fn client(desk: &Desk, call: &Call) -> Result<Registration, Reply> {
    let refuse = |message: &str| errors(401, "invalid_client", None, &format!("{message} {MORE}"));
    let Some(header) = call.header("authorization") else {
        let id = first(&call.form, "client_id").unwrap_or_default();
        let app = desk.app(id).filter(Registration::is_public);
        return app.ok_or_else(|| refuse("Invalid authorization header format. The header was not recognized to be basic."));
    };
    let decoded = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let decoded = decoded.and_then(|(_, text)| STANDARD.decode(text.trim()).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    let Some((id, secret)) = decoded.as_deref().and_then(|text| text.split_once(':')) else {
        return Err(refuse(&format!("Invalid authorization header format. The header was not recognized to be basic: {header}.")));
    };
    let app = desk.app(id).filter(|app| !app.is_public() && app.client_secret == secret);
    app.ok_or_else(|| refuse("Invalid client credentials."))
}

fn lifetime(desk: &Desk) -> i64 {
    desk.faults().access_token_lifetime.map_or(LIFETIME, i64::from)
}

fn tokens(pair: &Pair, scopes: &[String], lifetime: i64) -> Reply {
    let body = json!({
        "access_token": pair.access, "expires_in": lifetime, "refresh_token": pair.refresh, "scope": scopes.join(" "),
        "token_type": "Bearer", "user_id": USER,
    });
    Reply::json(200, &body).no_store()
}

fn new_pair(desk: &Desk, client: &str, scopes: &[String], lifetime: i64) -> Pair {
    let now = desk.wall();
    let short: Vec<_> = SCOPES.iter().filter(|(name, _)| scopes.iter().any(|scope| scope == name)).map(|(_, short)| *short).collect();
    let claims = json!({
        "aud": client, "sub": USER, "iss": "Fitbit", "typ": "access_token", "scopes": short.join(" "),
        "exp": now + lifetime, "iat": now, "jti": chance::hex(16),
    });
    Pair { access: jwt::hs256(&json!({"alg": "HS256"}), &claims, &chance::bytes::<32>()), refresh: chance::hex(64) }
}
