//! The resources: who am I, the same for a fresh and strong login, and a mirror. Bearer tokens in header, form or query, but in one place (RFC 6750 §2,
//! §3.1); tokens that are bound to a key in the header, with a proof (RFC 9449 §7.1).

use axum::http::{Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::details::Details;
use super::dpop::Unproved;
use super::person::{ACR, SUBJECT};
use super::{Acme, certificate};
use crate::desk::{Desk, held};
use crate::message::{Call, Reply};
use crate::oauth2::Access;
use crate::quirk::{Quirk, other_case};

/// How long ago the person may have signed in for `/api/secure`, in seconds.
const FRESH: i64 = 300;

impl Acme {
    pub(super) fn resource(&self, desk: &Desk, call: &Call) -> Reply {
        let scope = match call.path() {
            "/api/me" | "/api/secure" => "profile",
            "/api/echo" => "echo",
            path if path.starts_with("/api/echo/") => "echo",
            _ => return Reply::json(404, &json!({"error": "not_found"})),
        };
        let access = match self.presented(desk, call) {
            Ok(access) => access,
            Err(reply) => return reply,
        };
        if !access.scopes.iter().any(|granted| granted == scope) || desk.faults().missing_scope {
            return challenge(call, &access.details, 403, &[("error", "insufficient_scope"), ("scope", scope)]);
        }
        if call.path() == "/api/secure"
            && let Err(reply) = fresh_and_strong(desk, call, &access.details)
        {
            return reply;
        }
        match (scope, &call.method) {
            ("echo", _) => Reply::json(200, &echo(call)),
            (_, &Method::GET) => Reply::json(200, &json!({"sub": SUBJECT, "name": "Robin Demo", "email": "robin@sandbox.invalid"})),
            _ => Reply::method_not_allowed("GET"),
        }
    }

    /// The access token that the request presents, as it has to be presented: by the scheme of its type, with a proof where it is bound to a key, at
    /// the resource that it is for.
    pub(super) fn presented(&self, desk: &Desk, call: &Call) -> Result<Access<Details>, Reply> {
        let unbound = Details::default();
        let invalid =
            |details: &Details, why: &str| challenge(call, details, 401, &[("error", "invalid_token"), ("error_description", why)]);
        let (token, by_proof) = match token(call)? {
            Some(found) => found,
            None => return Err(challenge(call, &unbound, 401, &[])),
        };
        let found = held(&self.ledger).access(token, desk.now()).cloned();
        let access = found.map_err(|_| invalid(&unbound, "unknown, expired or revoked"))?;
        match &access.details.jkt {
            None if by_proof => return Err(invalid(&unbound, "the token is not bound to a key")),
            // A bound token without proof may be a stolen one (RFC 9449 §7.2).
            Some(_) if !by_proof => return Err(invalid(&access.details, "the token is bound to a key")),
            Some(bound) => {
                let proof = |error: &str, why: &str| challenge(call, &access.details, 401, &[("error", error), ("error_description", why)]);
                match self.proof(desk, call, Some(token)) {
                    Ok(Some(key)) if key == *bound => {}
                    Ok(Some(_)) => return Err(invalid(&access.details, "the token is bound to another key")),
                    Ok(None) | Err(Unproved::Missing) => return Err(proof("invalid_dpop_proof", "the proof is missing")),
                    Err(Unproved::Wrong(why)) => return Err(proof("invalid_dpop_proof", &why)),
                    Err(Unproved::Nonce(nonce)) => {
                        return Err(proof("use_dpop_nonce", "the proof must repeat our nonce").with_named("dpop-nonce", &nonce));
                    }
                }
            }
            None => {}
        }
        // RFC 8705 §3: whoever else has it has not the certificate's key.
        if access.details.certificate.is_some() && access.details.certificate != certificate::thumbprint(call) {
            return Err(invalid(&access.details, "the token is bound to a certificate, which was not shown"));
        }
        // By either door it is the same resource.
        let here = [&call.origin, &call.here].map(|origin| format!("{origin}{}", call.path()));
        let below =
            |here: &String, audience: &str| here.strip_prefix(audience).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let meant = |audience: &String| here.iter().any(|here| below(here, audience));
        if !access.details.audience.is_empty() && !access.details.audience.iter().any(meant) {
            return Err(invalid(&access.details, "the token is for another resource"));
        }
        Ok(access)
    }
}

/// Step-up (RFC 9470 §3): what is asked for is said in words that the next login can repeat.
fn fresh_and_strong(desk: &Desk, call: &Call, details: &Details) -> Result<(), Reply> {
    let wanted = |name: &str, value: &str| {
        let why = "the person has to sign in again, or more thoroughly";
        challenge(call, details, 401, &[("error", "insufficient_user_authentication"), ("error_description", why), (name, value)])
    };
    let login = details.login.as_ref().ok_or_else(|| wanted("acr_values", ACR[1]))?;
    if login.signed_in.acr != ACR[1] {
        return Err(wanted("acr_values", ACR[1]));
    }
    if desk.now() - login.signed_in.auth_time > FRESH {
        return Err(wanted("max_age", &FRESH.to_string()));
    }
    Ok(())
}

/// The token, and whether its scheme is `DPoP`.
fn token(call: &Call) -> Result<Option<(&str, bool)>, Reply> {
    let authorization = call.headers.get_all("authorization").iter().count();
    let in_pairs = |pairs: &[(String, String)]| pairs.iter().filter(|(name, _)| name == "access_token").count();
    let form = if call.method == Method::GET { 0 } else { in_pairs(&call.form) };
    if authorization + in_pairs(&call.query) + form > 1 {
        let more = [("error", "invalid_request"), ("error_description", "more than one token")];
        return Err(challenge(call, &Details::default(), 400, &more));
    }
    if authorization == 1 {
        let by_proof =
            call.header("authorization").and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("dpop"));
        return Ok(by_proof.map(|(_, token)| (token.trim(), true)).or_else(|| call.bearer().map(|token| (token, false))));
    }
    Ok(call.param("access_token").map(|token| (token, false)))
}

/// Schemes are compared without regard to case (RFC 9110 §11.1).
pub(super) fn spelled(desk: &Desk, mut reply: Reply) -> Reply {
    if desk.faults().quirk == Some(Quirk::SchemeCase)
        && let Some(value) = reply.headers.get_mut(header::WWW_AUTHENTICATE)
        && let Some((scheme, rest)) = value.to_str().ok().and_then(|text| text.split_once(' '))
        && let Ok(changed) = format!("{} {rest}", other_case(scheme)).parse()
    {
        *value = changed;
    }
    reply
}

/// What came, without the credentials.
pub(super) fn echo(call: &Call) -> Value {
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in &call.headers {
        if name != header::AUTHORIZATION && name != header::COOKIE && name != "dpop" {
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

/// RFC 6750 §3, RFC 9449 §7.1, RFC 9728 §5.1. A token that is bound to a key is challenged for as one.
pub(super) fn challenge(call: &Call, details: &Details, status: u16, more: &[(&str, &str)]) -> Reply {
    let body = if status == 400 { "invalid_request" } else { "unauthorized" };
    // What stands between quotation marks must not end them (RFC 9110 §5.6.4).
    let quoted = |value: &str| {
        value.chars().map(|c| if c.is_ascii_graphic() && !"\"\\".contains(c) || c == ' ' { c } else { '\'' }).collect::<String>()
    };
    let mut value = format!("{} realm=\"acme\"", details.token_type());
    for (name, text) in more {
        value.push_str(&format!(", {name}=\"{}\"", quoted(text)));
    }
    // RFC 9728 §3.3: what is found there has to be about the very URL that was asked for. UserInfo is the server's own.
    if call.path().starts_with("/api/") {
        let place = format!("{}/.well-known/oauth-protected-resource{}", call.here, call.path());
        value.push_str(&format!(", resource_metadata=\"{}\"", quoted(&place)));
    }
    if details.jkt.is_some() {
        value.push_str(&format!(", algs=\"{}\"", super::keys::CLIENT_ALGORITHMS.join(" ")));
    }
    Reply::json(status, &json!({"error": body})).with(header::WWW_AUTHENTICATE, &value)
}
