//! The resources: who am I, and a mirror. Bearer tokens in header, form or query, but in one place (RFC 6750 §2, §3.1).

use axum::http::{Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::Acme;
use crate::desk::{Desk, held};
use crate::message::{Call, Reply};

pub(super) const SUBJECT: &str = "robin-demo";

impl Acme {
    pub(super) fn resource(&self, desk: &Desk, call: &Call) -> Reply {
        let scope = match call.path() {
            "/api/me" => "profile",
            "/api/echo" => "echo",
            path if path.starts_with("/api/echo/") => "echo",
            _ => return Reply::json(404, &json!({"error": "not_found"})),
        };
        let token = match token(call) {
            Err(reply) => return reply,
            Ok(None) => return challenge(401, ""),
            Ok(Some(token)) => token,
        };
        let granted = match held(&self.ledger).access(token, desk.now()) {
            Err(_) => return challenge(401, ", error=\"invalid_token\", error_description=\"unknown, expired or revoked\""),
            Ok(access) => access.scopes.iter().any(|granted| granted == scope),
        };
        if !granted || desk.faults().missing_scope {
            return challenge(403, &format!(", error=\"insufficient_scope\", scope=\"{scope}\""));
        }
        match (scope, &call.method) {
            ("echo", _) => Reply::json(200, &echo(call)),
            (_, &Method::GET) => Reply::json(200, &json!({"sub": SUBJECT, "name": "Robin Demo", "email": "robin@sandbox.invalid"})),
            _ => Reply::method_not_allowed("GET"),
        }
    }
}

fn token(call: &Call) -> Result<Option<&str>, Reply> {
    let authorization = call.headers.get_all("authorization").iter().count();
    let in_pairs = |pairs: &[(String, String)]| pairs.iter().filter(|(name, _)| name == "access_token").count();
    let form = if call.method == Method::GET { 0 } else { in_pairs(&call.form) };
    if authorization + in_pairs(&call.query) + form > 1 {
        return Err(challenge(400, ", error=\"invalid_request\", error_description=\"more than one token\""));
    }
    if authorization == 1 {
        return Ok(call.bearer());
    }
    Ok(call.param("access_token"))
}

/// What came, without the credentials.
fn echo(call: &Call) -> Value {
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in &call.headers {
        if name != header::AUTHORIZATION && name != header::COOKIE {
            let value = json!(String::from_utf8_lossy(value.as_bytes()));
            match headers.entry(name.as_str()).or_insert_with(|| json!([])) {
                Value::Array(values) => values.push(value),
                _ => unreachable!("only arrays are put in"),
            }
        }
    }
    let mut body = json!({"method": call.method.as_str(), "target": masked(call), "headers": headers});
    match std::str::from_utf8(&call.body) {
        Ok(text) => body["body"] = json!(text),
        Err(_) => body["body_base64"] = json!(STANDARD.encode(&call.body)),
    }
    if call.form.iter().any(|(name, _)| name == "access_token") {
        body["body"] = json!("<masked: it held the token>");
    }
    body
}

/// The target byte for byte, but for a token in the query.
fn masked(call: &Call) -> String {
    let Some((path, query)) = call.target.split_once('?') else { return call.target.clone() };
    let parts = query.split('&').map(|part| if part.starts_with("access_token=") { "access_token=<masked>" } else { part });
    format!("{path}?{}", parts.collect::<Vec<_>>().join("&"))
}

fn challenge(status: u16, more: &str) -> Reply {
    let body = if status == 400 { "invalid_request" } else { "unauthorized" };
    Reply::json(status, &json!({"error": body})).with(header::WWW_AUTHENTICATE, &format!("Bearer realm=\"acme\"{more}"))
}
