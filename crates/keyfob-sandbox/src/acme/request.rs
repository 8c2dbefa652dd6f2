//! Where the parameters of an authorization request come from: the request itself, a signed request object (JAR, RFC 9101), or what was pushed
//! beforehand (PAR, RFC 9126).

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::keys::{Said, client_claims};
use super::{Acme, answer, once, refuse};
use crate::apps::Registration;
use crate::chance;
use crate::desk::{Desk, held};
use crate::fetch::fetch;
use crate::message::{Call, Pairs, Reply};

/// How long a pushed request waits, in seconds.
const LIFETIME: i64 = 60;
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// Pushed requests kept at once.
const KEPT: usize = 10_000;

/// Pushed requests by their `request_uri`.
#[derive(Default)]
pub(super) struct Pushed(HashMap<String, Waiting>);

struct Waiting {
    client: String,
    asked: Asked,
    expires: i64,
}

/// An authorization request's parameters, and how they came.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) parameters: Pairs,
    pub(super) pushed: bool,
    pub(super) signed: bool,
}

impl Asked {
    /// The one value of a parameter; `Err` if it is repeated.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, ()> {
        once(&self.parameters, name)
    }
}

impl Acme {
    /// RFC 9126 §2: judged as it would be at the authorization endpoint, and kept.
    pub(super) fn push(&self, desk: &Desk, call: &Call) -> Reply {
        let app = match self.authenticate(desk, call) {
            Ok(app) => app,
            Err(reply) => return reply,
        };
        if call.form.iter().any(|(name, _)| name == "request_uri") {
            return refuse(400, "invalid_request", "request_uri cannot be pushed");
        }
        // Client authentication is no part of the request; client_id is, and is known now however the client said it.
        let credentials = ["client_secret", "client_assertion", "client_assertion_type", "client_id"];
        let mut parameters: Pairs = call.form.iter().filter(|(name, _)| !credentials.contains(&name.as_str())).cloned().collect();
        parameters.push(("client_id".into(), app.client_id.clone()));
        let asked = match opened(desk, &app, &call.origin, Asked { parameters, pushed: true, signed: false }) {
            Ok(asked) => asked,
            Err((error, why)) => return refuse(400, error, &why),
        };
        // RFC 9449 §10.1: a proof at this endpoint binds the code as `dpop_jkt` would.
        let asked = match self.token_proof_of_push(desk, call, asked) {
            Ok(asked) => asked,
            Err(reply) => return reply,
        };
        if let Err((error, why)) = self.judged(desk, call, &app, &asked) {
            return refuse(400, error, &why);
        }
        let now = desk.now();
        let uri = format!("{PREFIX}{}", chance::opaque());
        let mut pushed = held(&self.pushed);
        if pushed.0.len() >= KEPT {
            pushed.0.retain(|_, waiting| waiting.expires > now);
        }
        if pushed.0.len() >= KEPT {
            return refuse(503, "temporarily_unavailable", "too many pushed requests wait");
        }
        pushed.0.insert(uri.clone(), Waiting { client: app.client_id, asked, expires: now + LIFETIME });
        answer(201, &json!({"request_uri": uri, "expires_in": LIFETIME}))
    }

    fn token_proof_of_push(&self, desk: &Desk, call: &Call, mut asked: Asked) -> Result<Asked, Reply> {
        if !call.headers.contains_key("dpop") {
            return Ok(asked);
        }
        let key = self.token_proof(desk, call, &Registration::default())?;
        match (asked.one("dpop_jkt"), key) {
            (Ok(Some(named)), Some(key)) if named != key => Err(refuse(400, "invalid_dpop_proof", "dpop_jkt names another key")),
            (Ok(None), Some(key)) => {
                asked.parameters.push(("dpop_jkt".into(), key));
                Ok(asked)
            }
            _ => Ok(asked),
        }
    }

    /// The parameters of a request at the authorization endpoint. The error is told to the person: nothing says yet where else to.
    pub(super) fn asked(&self, desk: &Desk, call: &Call, app: &Registration, parameters: Pairs) -> Result<Asked, String> {
        let direct = Asked { parameters, pushed: false, signed: false };
        match direct.one("request_uri") {
            Err(()) => Err("request_uri is repeated".into()),
            Ok(Some(uri)) if !uri.starts_with(PREFIX) => {
                if direct.one("request") != Ok(None) {
                    return Err("request and request_uri exclude each other".into());
                }
                // Only where the app said beforehand (§6.2): a server that fetches any URL knocks at doors for strangers.
                if !app.metadata.request_uris.iter().any(|known| known == uri) {
                    return Err("request_uri is not registered".into());
                }
                let object = fetch(uri).ok_or("there is no request object at request_uri")?;
                let unsigned = app.metadata.request_object_signing_alg.as_deref() == Some("none");
                let opened = if unsigned { unsigned_claims(&object).map(|claims| (claims, None)) } else { signed_claims(app, &object) };
                let opened = opened.and_then(|(claims, kind)| judged(desk, app, &call.origin, &direct, claims, kind.as_deref()));
                opened.map(|asked| Asked { signed: !unsigned, ..asked }).map_err(|(error, why)| format!("{error}: {why}"))
            }
            Ok(Some(uri)) => {
                if direct.one("request") != Ok(None) {
                    return Err("request and request_uri exclude each other".into());
                }
                // Good once (RFC 9126 §4): taken whatever comes of it.
                let waiting = held(&self.pushed).0.remove(uri);
                let good = waiting.filter(|waiting| waiting.client == app.client_id && desk.now() < waiting.expires);
                good.map(|waiting| waiting.asked).ok_or_else(|| "request_uri is unknown, used, expired, or another app's".into())
            }
            Ok(None) => opened(desk, app, &call.origin, direct).map_err(|(error, why)| format!("{error}: {why}")),
        }
    }
}

/// What a request object says instead of the parameters beside it (RFC 9101 §6.3: those beside it are ignored).
fn opened(desk: &Desk, app: &Registration, issuer: &str, direct: Asked) -> Result<Asked, (&'static str, String)> {
    let text = match direct.one("request") {
        Err(()) => return Err(("invalid_request", "request is repeated".into())),
        Ok(None) => return Ok(direct),
        Ok(Some(text)) => text,
    };
    let (claims, kind) = signed_claims(app, text)?;
    judged(desk, app, issuer, &direct, claims, kind.as_deref())
}

type Opened = (Map<String, Value>, Option<String>);

/// Claims and type of a request object that the app signed.
fn signed_claims(app: &Registration, text: &str) -> Result<Opened, (&'static str, String)> {
    let Said { kind, algorithm, claims } =
        client_claims(app, text, app.metadata.request_object_signing_alg.as_deref()).map_err(|why| ("invalid_request_object", why))?;
    if algorithm.is_symmetric() {
        return Err(("invalid_request_object", "it has to be signed with the app's own key".into()));
    }
    Ok((claims, kind))
}

/// Claims of one without a signature, which was fetched from the app itself.
fn unsigned_claims(text: &str) -> Result<Map<String, Value>, (&'static str, String)> {
    let part = |part: &str| serde_json::from_slice::<Map<String, Value>>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let parts: Vec<&str> = text.split('.').collect();
    let read = match parts[..] {
        [header, payload, ""] => part(header).filter(|header| header.get("alg") == Some(&json!("none"))).and_then(|_| part(payload)),
        _ => None,
    };
    read.ok_or_else(|| ("invalid_request_object", "the app is registered for request objects of alg none".into()))
}

/// What a request object has to say, and the parameters in it.
fn judged(
    desk: &Desk,
    app: &Registration,
    issuer: &str,
    direct: &Asked,
    claims: Map<String, Value>,
    kind: Option<&str>,
) -> Result<Asked, (&'static str, String)> {
    let wrong = |why: &str| ("invalid_request_object", why.to_owned());
    if !matches!(kind, None | Some("oauth-authz-req+jwt" | "jwt")) {
        return Err(wrong("\"typ\" must be oauth-authz-req+jwt"));
    }
    let says = |name: &str, value: &str| claims.get(name).and_then(Value::as_str) == Some(value);
    if !says("client_id", &app.client_id) || !says("iss", &app.client_id) {
        return Err(wrong("\"client_id\" and \"iss\" must be the client_id"));
    }
    if !says("aud", issuer) {
        return Err(wrong("\"aud\" must be the issuer"));
    }
    let now = desk.now();
    match claims.get("exp").map(Value::as_i64) {
        Some(Some(expires)) if expires > now => {}
        _ => return Err(wrong("\"exp\" must lie ahead")),
    }
    if claims.contains_key("request") || claims.contains_key("request_uri") {
        return Err(wrong("a request object holds no other"));
    }
    let own = ["iss", "aud", "exp", "iat", "nbf", "jti", "sub"];
    let mut parameters = Pairs::new();
    for (name, value) in claims.into_iter().filter(|(name, _)| !own.contains(&name.as_str())) {
        match value {
            Value::String(text) => parameters.push((name, text)),
            // Several values of `resource` are a list (RFC 9101 §4 leaves it to JSON).
            Value::Array(list) if name == "resource" => {
                parameters.extend(list.iter().filter_map(Value::as_str).map(|one| (name.clone(), one.to_owned())));
            }
            Value::Null => {}
            other => parameters.push((name, other.to_string())),
        }
    }
    Ok(Asked { parameters, pushed: direct.pushed, signed: true })
}
