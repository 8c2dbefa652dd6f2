//! The authorization endpoint (RFC 6749 §4.1, OpenID Connect Core §3.1.2, §3.3.2): exact redirect URIs, PKCE S256 for everyone (RFC 9700 §2.1.1).

use serde_json::Value;

use super::details::{Details, Login, lifetime};
use super::id_token::{Beside, INTENT};
use super::person::{ACR, Demand, is_known};
use super::rar::authorization_details;
use super::request::Asked;
use super::resource::resources;
use super::response::{Back, Mode};
use super::session::session_state;
use super::{Acme, CODE_LIFETIME, once, scopes};
use crate::apps::Registration;
use crate::chance;
use crate::consent::{Answer, Question};
use crate::desk::{Desk, held};
use crate::message::{Call, Reply, first};
use crate::oauth2::{Challenge, Code};
use crate::page;

/// A valid request that waits for the person.
pub(super) struct Waiting {
    back: Back,
    asks: Asks,
}

/// What a valid request asks for.
pub(super) struct Asks {
    /// None for a token alone, which no code stands for.
    challenge: Option<Challenge>,
    scopes: Vec<String>,
    hybrid: bool,
    /// Whether an access token comes through the browser: beside code and ID token, or alone (legacy, RFC 6749 §4.2).
    token: bool,
    prompt: Vec<String>,
    demand: Demand,
    nonce: Option<String>,
    id_token_claims: Vec<String>,
    intent: Option<String>,
    userinfo_claims: Vec<String>,
    resources: Vec<String>,
    authorization_details: Option<Value>,
    jkt: Option<String>,
}

type Refusal = (&'static str, String);

impl Acme {
    /// GET, and POST where it is not the consent page's form (OpenID Connect Core §3.1.2.1).
    pub(super) fn authorize(&self, desk: &Desk, call: &Call) -> Reply {
        if first(&call.form, "ticket").is_some() {
            return self.consents.answer(desk, call, |waiting, answer| self.decided(desk, waiting, answer));
        }
        let parameters = if call.is_form() { call.form.clone() } else { call.query.clone() };
        // Before client and redirect URI are known to be good, errors are told here (RFC 6749 §4.1.2.1).
        let told_here = |title: &str| page::refusal(400, title, "Nothing was sent to the app. Go back to it and start again.");
        let app = once(&parameters, "client_id").ok().flatten().and_then(|id| self.client(desk, id));
        let Some(app) = app else { return told_here("Unknown or missing client_id") };
        let asked = match self.asked(desk, call, &app, parameters) {
            Ok(asked) => asked,
            Err(why) => return told_here(&why),
        };
        let redirect_uri = match asked.one("redirect_uri") {
            Ok(Some(uri)) if app.allows_redirect(uri) => uri,
            _ => return told_here("Missing or unregistered redirect_uri"),
        };
        let Ok(state) = asked.one("state") else { return told_here("Repeated state") };
        // Tokens go into no query.
        let with_token = |kind: &str| kind.contains("id_token") || (kind == "token" && is_implicit(&app));
        let hybrid = asked.one("response_type").is_ok_and(|kind| kind.is_some_and(with_token));
        let wanted = asked.one("response_mode").ok().flatten();
        let back = Back {
            redirect_uri: redirect_uri.into(),
            state: state.map(str::to_owned),
            issuer: if desk.faults().wrong_issuer { "https://issuer.invalid".to_owned() } else { call.origin.clone() },
            // A mode that is refused below is refused in the usual one.
            mode: Mode::new(wanted, hybrid).or_else(|| Mode::new(None, false)).expect("the query is always a way"),
            app,
        };
        match self.judged(desk, call, &back.app, &asked) {
            Err((error, why)) => self.respond_error(desk, &back, error, &why),
            Ok(asks) => self.ask(desk, call, Waiting { back, asks }),
        }
    }

    fn ask(&self, desk: &Desk, call: &Call, waiting: Waiting) -> Reply {
        let Waiting { back, asks } = &waiting;
        let client = back.app.client_id.clone();
        if asks.prompt.iter().any(|word| word == "none") {
            let (satisfied, allowed) = {
                let person = held(&self.person);
                (person.satisfies(&asks.demand, desk.now()), person.allowed(&client, &asks.scopes))
            };
            return match (satisfied, allowed) {
                (false, _) => self.respond_error(desk, back, "login_required", "the person has to sign in"),
                (_, false) => self.respond_error(desk, back, "consent_required", "the person has to be asked"),
                _ => {
                    let scopes = asks.scopes.clone();
                    self.decided(desk, waiting, Answer::Approve(scopes))
                }
            };
        }
        let question = Question { title: "Acme", app: back.app.name.clone(), scopes: asks.scopes.clone(), selectable: true };
        self.consents.ask(desk, call, question, waiting, |waiting, answer| self.decided(desk, waiting, answer))
    }

    /// Everything about a request but client, redirect URI and state.
    pub(super) fn judged(&self, desk: &Desk, call: &Call, app: &Registration, asked: &Asked) -> Result<Asks, Refusal> {
        let invalid = |why: &str| ("invalid_request", why.to_owned());
        let value = |name: &str| asked.one(name).map_err(|()| invalid(&format!("{name} is repeated")));
        if !value("redirect_uri")?.is_some_and(|uri| app.allows_redirect(uri)) {
            return Err(invalid("missing or unregistered redirect_uri"));
        }
        if !asked.pushed && (app.metadata.require_pushed_authorization_requests || desk.faults().require_par) {
            return Err(invalid("authorization requests have to be pushed (RFC 9126)"));
        }
        if !asked.signed && app.metadata.require_signed_request_object {
            return Err(invalid("authorization requests of this app have to be signed (RFC 9101)"));
        }
        let kind = value("response_type")?.ok_or_else(|| invalid("response_type is missing"))?;
        // The order of the words says nothing (OAuth 2.0 Multiple Response Types §3).
        let mut words: Vec<&str> = kind.split(' ').collect();
        words.sort_unstable();
        let implicit = words == ["token"] && is_implicit(app);
        let (kind, hybrid, token) = match words[..] {
            ["token"] if implicit => ("token", false, true),
            ["code"] => ("code", false, false),
            ["code", "id_token"] => ("code id_token", true, false),
            ["code", "id_token", "token"] => ("code id_token token", true, true),
            _ => return Err(("unsupported_response_type", "response_type must be code, code id_token, or code id_token token".into())),
        };
        let narrowed = |list: &[String], one: &str| !list.is_empty() && !list.iter().any(|known| known == one);
        if narrowed(&app.metadata.response_types, kind)
            || narrowed(&app.metadata.grant_types, if implicit { "implicit" } else { "authorization_code" })
        {
            return Err(("unauthorized_client", "the app is not registered for this response type".into()));
        }
        if Mode::new(value("response_mode")?, token || hybrid).is_none() {
            return Err(invalid("an unknown response_mode, or one that would put tokens into a query"));
        }
        let challenge = if implicit {
            None
        } else {
            if value("code_challenge_method")? != Some("S256") {
                return Err(invalid("code_challenge_method must be S256"));
            }
            let challenge = value("code_challenge")?.and_then(|text| Challenge::new(text, "S256"));
            Some(challenge.ok_or_else(|| invalid("code_challenge is missing or malformed"))?)
        };

        let scopes = scopes(value("scope")?.unwrap_or("profile"));
        let mut scopes = scopes.ok_or_else(|| ("invalid_scope", format!("scope must be of {}", super::SCOPES.join(", "))))?;
        let openid = scopes.iter().any(|scope| scope == "openid");
        let nonce = value("nonce")?.map(str::to_owned);
        if hybrid && !(openid && nonce.is_some()) {
            return Err(invalid("an ID token needs the scope openid and a nonce (OpenID Connect Core §3.3.2.11)"));
        }
        let prompt: Vec<String> =
            value("prompt")?.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        if prompt.iter().any(|word| !["none", "login", "consent", "select_account"].contains(&word.as_str())) {
            return Err(invalid("prompt must be of none, login, consent, select_account"));
        }
        if prompt.len() > 1 && prompt.iter().any(|word| word == "none") {
            return Err(invalid("prompt=none stands alone"));
        }
        // Without being asked for it, nobody consents to access while they are away (OpenID Connect Core §11).
        if !prompt.iter().any(|word| word == "consent") {
            scopes.retain(|scope| scope != "offline_access");
        }
        let max_age = match value("max_age")? {
            None => None,
            Some(text) => Some(text.parse::<u32>().map_err(|_| invalid("max_age must be a number of seconds"))?),
        };
        let claims = claims_parameter(value("claims")?)?;
        let acr_values = value("acr_values")?.unwrap_or_default().split(' ').filter(|v| !v.is_empty()).map(str::to_owned).collect();
        let demand = Demand {
            again: prompt.iter().any(|word| word == "login"),
            max_age: max_age.map(i64::from),
            acr_values: if claims.acr_values.is_empty() { acr_values } else { claims.acr_values },
        };
        if claims.acr_essential && !demand.acr_values.iter().any(|asked| ACR.contains(&asked.as_str())) {
            return Err(("unmet_authentication_requirements", "none of the acr that is essential is known here".into()));
        }
        self.judge_hint(value("id_token_hint")?)?;
        let named: Vec<&str> = asked.parameters.iter().filter(|(name, _)| name == "resource").map(|(_, value)| value.as_str()).collect();
        let jkt = value("dpop_jkt")?.map(str::to_owned);
        if jkt.as_ref().is_some_and(|jkt| jkt.len() != 43) {
            return Err(invalid("dpop_jkt must be a SHA-256 thumbprint"));
        }
        Ok(Asks {
            challenge,
            scopes,
            hybrid,
            token,
            prompt,
            demand,
            nonce,
            id_token_claims: claims.id_token,
            intent: claims.intent,
            userinfo_claims: claims.userinfo,
            resources: resources(&call.origin, &named).ok_or_else(|| ("invalid_target", "a resource that is not here".to_owned()))?,
            authorization_details: authorization_details(value("authorization_details")?)
                .map_err(|why| ("invalid_authorization_details", why))?,
            jkt,
        })
    }

    /// An ID token that was given before, in whatever state, says whom the app expects.
    fn judge_hint(&self, hint: Option<&str>) -> Result<(), Refusal> {
        let Some(hint) = hint else { return Ok(()) };
        let claims = self.own_claims(hint).ok_or_else(|| ("invalid_request", "id_token_hint is no ID token of ours".to_owned()))?;
        if claims.get("sub").and_then(Value::as_str).is_some_and(is_known) {
            Ok(())
        } else {
            Err(("login_required", "another person is signed in".to_owned()))
        }
    }

    fn decided(&self, desk: &Desk, waiting: Waiting, answer: Answer) -> Reply {
        let Waiting { back, asks } = waiting;
        let Answer::Approve(scopes) = answer else {
            return self.respond_error(desk, &back, "access_denied", "the person said no");
        };
        let signed_in = held(&self.person).sign_in(&asks.demand, &back.app.client_id, &scopes, desk.now());
        let login = Login {
            signed_in,
            nonce: asks.nonce,
            aged: asks.demand.max_age.is_some() || asks.id_token_claims.iter().any(|name| name == "auth_time"),
            id_token_claims: asks.id_token_claims,
            intent: asks.intent,
            userinfo_claims: asks.userinfo_claims,
            hybrid: asks.hybrid,
        };
        let details = Details {
            login: Some(login),
            jkt: asks.jkt,
            certificate: None,
            resources: asks.resources,
            audience: Vec::new(),
            authorization_details: asks.authorization_details,
            actor: None,
        };
        let text = chance::opaque();
        let access_token = if asks.token {
            match self.mint(desk, &back.issuer, &back.app, &details, &scopes) {
                Ok(token) => Some(token),
                Err(reply) => return reply,
            }
        } else {
            None
        };
        let lifetime = lifetime(desk);
        if let Some(token) = &access_token {
            held(&self.ledger).issue_access(&back.app.client_id, &scopes, &details, token.clone(), desk.now(), lifetime);
        }
        let session_state = if scopes.iter().any(|scope| scope == "openid") {
            let session = details.login.as_ref().map(|login| login.signed_in.session.as_str());
            session.and_then(|session| session_state(&back.app.client_id, &back.redirect_uri, session))
        } else {
            None
        };
        let id_token = if asks.hybrid && scopes.iter().any(|scope| scope == "openid") {
            let beside =
                Beside { access_token: access_token.as_deref(), code: Some(&text), state: back.state.as_deref(), ..Beside::default() };
            match self.id_token(desk, &back.issuer, &back.app, &details, beside) {
                Ok(token) => token,
                Err(reply) => return reply,
            }
        } else {
            None
        };
        let by_code = asks.challenge.is_some();
        let code = Code {
            client: back.app.client_id.clone(),
            redirect_uri: Some(back.redirect_uri.clone()),
            scopes,
            challenge: asks.challenge,
            expires: desk.now() + CODE_LIFETIME,
            details,
            spent_on: None,
        };
        let granted = code.scopes.join(" ");
        let mut pairs = Vec::new();
        if by_code {
            held(&self.ledger).put_code(text.clone(), code);
            pairs.push(("code", text.as_str()));
        } else {
            // It may be less than what was asked for (RFC 6749 §4.2.2).
            pairs.push(("scope", granted.as_str()));
        }
        pairs.extend(id_token.as_deref().map(|token| ("id_token", token)));
        let lifetime = lifetime.to_string();
        if let Some(token) = &access_token {
            pairs.extend([("access_token", token.as_str()), ("token_type", "Bearer"), ("expires_in", lifetime.as_str())]);
        }
        pairs.extend(session_state.as_deref().map(|state| ("session_state", state)));
        self.respond(desk, &back, &pairs)
    }
}

/// Legacy (RFC 6749 §4.2; RFC 9700 §2.1.2 has servers not offer it): for an app that is registered for it by name.
fn is_implicit(app: &Registration) -> bool {
    app.metadata.response_types.iter().any(|known| known == "token")
}

/// What `claims` asks for (OpenID Connect Core §5.5).
#[derive(Default)]
struct Requested {
    id_token: Vec<String>,
    userinfo: Vec<String>,
    acr_values: Vec<String>,
    acr_essential: bool,
    intent: Option<String>,
}

fn claims_parameter(text: Option<&str>) -> Result<Requested, Refusal> {
    let Some(text) = text else { return Ok(Requested::default()) };
    let wrong = || ("invalid_request", "claims must be a JSON object".to_owned());
    let asked: Value = serde_json::from_str(text).map_err(|_| wrong())?;
    let asked = asked.as_object().ok_or_else(wrong)?;
    let names = |part: &str| asked.get(part).and_then(Value::as_object).map(|names| names.keys().cloned().collect()).unwrap_or_default();
    let about = |name: &str| asked.get("id_token").and_then(|part| part.get(name)).cloned().unwrap_or_default();
    if about("sub").get("value").and_then(Value::as_str).is_some_and(|subject| !is_known(subject)) {
        return Err(("login_required", "another person is signed in".into()));
    }
    let acr = about("acr");
    let acr_values = match (acr.get("value"), acr.get("values")) {
        (Some(Value::String(one)), _) => vec![one.clone()],
        (_, Some(Value::Array(several))) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let acr_essential = !acr_values.is_empty() && acr.get("essential") == Some(&Value::Bool(true));
    let intent = about(INTENT).get("value").and_then(Value::as_str).map(str::to_owned);
    Ok(Requested { id_token: names("id_token"), userinfo: names("userinfo"), acr_values, acr_essential, intent })
}
