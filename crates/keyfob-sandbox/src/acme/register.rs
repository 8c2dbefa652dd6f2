//! Dynamic registration (RFC 7591) and its management (RFC 7592).

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::Method;
use keyfob_proto::jose::{AwsLc, KeySet};
use serde_json::{Map, Value, json};
use url::Url;

use super::keys::{ALGORITHMS, CLIENT_ALGORITHMS};
use super::token::GRANTS;
use super::{Acme, METHODS, answer, certificate, refuse};
use crate::apps::{Metadata, Registration};
use crate::chance;
use crate::desk::{Desk, held};
use crate::message::{Call, Reply};
use crate::post::Post;

/// Apps that registered themselves, by client id.
#[derive(Default)]
pub(super) struct Registered(HashMap<String, Entry>);

struct Entry {
    token: String,
    issued: i64,
}

/// Registered at once; beyond it, nobody is.
const KEPT: usize = 10_000;

type Problem = (&'static str, String);

impl Acme {
    pub(super) fn register(&self, desk: &Desk, call: &Call) -> Reply {
        let asked = match read(call) {
            Ok(asked) => asked,
            Err((error, why)) => return refuse(400, error, &why),
        };
        let mut registered = held(&self.registered);
        if registered.0.len() >= KEPT {
            return refuse(503, "temporarily_unavailable", "too many apps");
        }
        let id = format!("acme-{}", chance::hex(16));
        let secret = if needs_secret(&asked.metadata) { chance::opaque() } else { String::new() };
        let app = Registration { service: desk.service.into(), client_id: id.clone(), client_secret: secret, ..asked };
        let entry = Entry { token: chance::opaque(), issued: desk.now() };
        let body = told(call, &app, &entry);
        desk.register(app);
        registered.0.insert(id, entry);
        answer(201, &body)
    }

    /// RFC 7592 §2. A wrong token and an unknown client are told alike.
    pub(super) fn manage_registration(&self, desk: &Desk, call: &Call, id: &str) -> Reply {
        let mut registered = held(&self.registered);
        let known = registered.0.get_mut(id).filter(|entry| call.bearer() == Some(entry.token.as_str()));
        let (Some(entry), Some(app)) = (known, desk.app(id)) else {
            return refuse(401, "invalid_token", "no such registration, or not its token");
        };
        match call.method {
            Method::GET => answer(200, &told(call, &app, entry)),
            Method::PUT => {
                let sent: Value = serde_json::from_slice(&call.body).unwrap_or_default();
                // §2.2: whoever replaces it says whose it is, and cannot choose a secret.
                if sent["client_id"] != app.client_id || sent.get("client_secret").is_some_and(|secret| *secret != app.client_secret) {
                    return refuse(400, "invalid_request", "client_id or client_secret is not that of this registration");
                }
                let asked = match read(call) {
                    Ok(asked) => asked,
                    Err((error, why)) => return refuse(400, error, &why),
                };
                let secret = match (needs_secret(&asked.metadata), app.client_secret.is_empty()) {
                    (false, _) => String::new(),
                    (true, false) => app.client_secret,
                    (true, true) => chance::opaque(),
                };
                let app = Registration { service: app.service, client_id: app.client_id, client_secret: secret, ..asked };
                // §2.2: the token may change, and then the old one is void.
                entry.token = chance::opaque();
                let body = told(call, &app, entry);
                desk.register(app);
                answer(200, &body)
            }
            Method::DELETE => {
                registered.0.remove(id);
                desk.deregister(id);
                held(&self.ledger).revoke_client(id);
                Reply::empty(204).no_store()
            }
            _ => Reply::method_not_allowed("GET, PUT, DELETE"),
        }
    }
}

fn needs_secret(metadata: &Metadata) -> bool {
    !matches!(
        metadata.token_endpoint_auth_method.as_deref(),
        Some("none" | "private_key_jwt" | "tls_client_auth" | "self_signed_tls_client_auth")
    )
}

/// What an app asks to be registered with, judged (RFC 7591 §2, §3.2.2).
fn read(call: &Call) -> Result<Registration, Problem> {
    let invalid = |why: String| ("invalid_client_metadata", why);
    if call.media_type().as_deref() != Some("application/json") {
        return Err(("invalid_request", "the body must be application/json".into()));
    }
    let sent: Map<String, Value> = serde_json::from_slice(&call.body).map_err(|_| invalid("the body is no JSON object".into()))?;
    let mut metadata: Metadata = serde_json::from_value(Value::Object(sent.clone())).map_err(|problem| invalid(problem.to_string()))?;
    let uris: Vec<String> = match sent.get("redirect_uris") {
        None => Vec::new(),
        Some(list) => {
            serde_json::from_value(list.clone()).map_err(|_| ("invalid_redirect_uri", "redirect_uris is no list of text".to_owned()))?
        }
    };
    // §2: what is left out has these values.
    metadata.token_endpoint_auth_method.get_or_insert_with(|| "client_secret_basic".into());
    if metadata.grant_types.is_empty() {
        metadata.grant_types = vec!["authorization_code".into()];
    }
    let by_code = metadata.grant_types.iter().any(|grant| grant == "authorization_code");
    if metadata.response_types.is_empty() && by_code {
        metadata.response_types = vec!["code".into()];
    }
    if by_code && uris.is_empty() {
        return Err(("invalid_redirect_uri", "the grant authorization_code needs redirect_uris".into()));
    }
    if let Some(bad) = uris.iter().find(|uri| !is_redirect_uri(uri)) {
        return Err(("invalid_redirect_uri", format!("not an absolute URI without fragment, or http beyond this machine: {bad}")));
    }
    judge(&metadata).map_err(invalid)?;
    let name = sent.get("client_name").and_then(Value::as_str).unwrap_or("An app without a name").to_owned();
    Ok(Registration { name, redirect_uris: uris, metadata, ..Registration::default() })
}

pub(super) fn judge(metadata: &Metadata) -> Result<(), String> {
    let among = |what: &str, found: Option<&str>, known: &[&str]| match found {
        Some(found) if !known.contains(&found) => Err(format!("{what} must be of {}", known.join(", "))),
        _ => Ok(()),
    };
    let own: Vec<&str> = ALGORITHMS.iter().map(|algorithm| algorithm.name()).collect();
    let method = metadata.token_endpoint_auth_method.as_deref();
    let methods: Vec<&str> = METHODS.into_iter().chain(certificate::METHODS).collect();
    among("token_endpoint_auth_method", method, &methods)?;
    let request_objects: Vec<&str> = CLIENT_ALGORITHMS.into_iter().chain(["none"]).collect();
    among("request_object_signing_alg", metadata.request_object_signing_alg.as_deref(), &request_objects)?;
    for (what, found) in [
        ("id_token_signed_response_alg", &metadata.id_token_signed_response_alg),
        ("userinfo_signed_response_alg", &metadata.userinfo_signed_response_alg),
        ("introspection_signed_response_alg", &metadata.introspection_signed_response_alg),
        ("authorization_signed_response_alg", &metadata.authorization_signed_response_alg),
    ] {
        // A client with a secret of 256 bits can have HS256; what we give out is that long.
        let shared = needs_secret(metadata) && found.as_deref() == Some("HS256");
        if !shared {
            among(what, found.as_deref(), &own)?;
        }
    }
    // What is legacy is registered by who runs the server, not by whoever comes.
    for grant in &metadata.grant_types {
        among("grant_types", Some(grant), &GRANTS)?;
    }
    for kind in &metadata.response_types {
        among("response_types", Some(kind), &["code", "code id_token", "code id_token token"])?;
    }
    // A private key among them would be everybody's by now.
    if let Some(jwks) = &metadata.jwks {
        KeySet::read(jwks.to_string().as_bytes(), Arc::new(AwsLc)).map_err(|wrong| format!("jwks: {wrong}"))?;
    }
    if method == Some("private_key_jwt") && metadata.jwks.is_none() {
        return Err("private_key_jwt needs jwks".into());
    }
    if method == Some("tls_client_auth") && metadata.tls_client_auth_san_dns.is_none() {
        return Err("tls_client_auth needs tls_client_auth_san_dns".into());
    }
    if method == Some("self_signed_tls_client_auth") && metadata.jwks.is_none() {
        return Err("self_signed_tls_client_auth needs jwks, with the certificate (x5c)".into());
    }
    let called = [&metadata.backchannel_logout_uri, &metadata.backchannel_client_notification_endpoint].into_iter().flatten();
    for url in called.chain(&metadata.request_uris) {
        if !Post::allows(url) {
            return Err("this server sends requests to this machine alone, by http".into());
        }
    }
    Ok(())
}

pub(super) fn is_redirect_uri(uri: &str) -> bool {
    Url::parse(uri).is_ok_and(|url| {
        let here = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        let scheme = match url.scheme() {
            "https" => true,
            "http" => here,
            // A scheme of the app's own has a dot in it (RFC 8252 §7.1); `javascript:` and `data:` have none.
            other => other.contains('.'),
        };
        scheme && url.fragment().is_none()
    })
}

/// RFC 7591 §3.2.1, RFC 7592 §3.
fn told(call: &Call, app: &Registration, entry: &Entry) -> Value {
    let mut body = json!(app.metadata);
    body["client_id"] = json!(app.client_id);
    body["client_id_issued_at"] = json!(entry.issued);
    body["client_name"] = json!(app.name);
    body["redirect_uris"] = json!(app.redirect_uris);
    body["registration_access_token"] = json!(entry.token);
    body["registration_client_uri"] = json!(format!("{}/register/{}", call.origin, app.client_id));
    if !app.client_secret.is_empty() {
        body["client_secret"] = json!(app.client_secret);
        body["client_secret_expires_at"] = json!(0);
    }
    body
}
