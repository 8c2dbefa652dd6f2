//! Client authentication (RFC 6749 §2.3, OpenID Connect Core §9): Basic with form-encoded halves, the body, an assertion, a certificate, or nothing for a public
//! client; never two of them, and the one that the app is registered with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::keys::{Said, client_claims};
use super::{Acme, certificate, once, refuse, unauthorized_client_header};
use crate::apps::Registration;
use crate::desk::{Desk, held};
use crate::message::{Call, Reply};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Longest life of an assertion, in seconds: RFC 7523 §3 lets a server refuse what is "unreasonably far in the future".
pub(super) const LONGEST: i64 = 300;

/// What an assertion is judged as.
pub(super) struct Assertion<'a> {
    pub(super) text: &'a str,
    /// The one algorithm that was registered.
    pub(super) only: Option<&'a str>,
    pub(super) issuer: &'a str,
}

/// What a good assertion says.
pub(super) struct Asserted {
    pub(super) subject: String,
    pub(super) scope: Option<String>,
    /// `client_secret_jwt` or `private_key_jwt`.
    pub(super) method: &'static str,
}

impl Acme {
    /// The client of a request to the token endpoint, or another that clients authenticate at.
    pub(super) fn authenticate(&self, desk: &Desk, call: &Call) -> Result<Registration, Reply> {
        well_formed(call)?;
        let field = |name| once(&call.form, name).unwrap_or_default();
        let header = call.header("authorization");
        let refused = |why: &str| {
            let reply = refuse(401, "invalid_client", why);
            if header.is_some() { unauthorized_client_header(reply) } else { reply }
        };
        let ways = [header.is_some(), field("client_secret").is_some(), field("client_assertion").is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(refuse(400, "invalid_request", "two methods of client authentication"));
        }

        let (app, method) = if let Some(header) = header {
            let (id, secret) = basic(header).ok_or_else(|| refused("the Authorization header is not Basic"))?;
            if field("client_id").is_some_and(|other| other != id) {
                return Err(refuse(400, "invalid_request", "two different clients"));
            }
            let app = desk.app(&id).filter(|app| !app.client_secret.is_empty() && app.client_secret == secret);
            (app, "client_secret_basic")
        } else if let Some(text) = field("client_assertion") {
            let (app, method) = self.asserted_client(desk, call, text, field("client_id")).map_err(|why| refused(&why))?;
            (Some(app), method)
        } else {
            let secret = field("client_secret").unwrap_or_default();
            let app = self.client(desk, field("client_id").unwrap_or_default()).filter(|app| app.client_secret == secret);
            match app.as_ref().and_then(|app| certificate::METHODS.into_iter().find(|method| is_registered_for(app, method))) {
                Some(method) => {
                    // RFC 8705 §2: a certificate says nothing in the request; who is registered for one is looked at.
                    let shown = app.as_ref().map_or(Ok(()), |app| certificate::is_shown(desk, call, app));
                    shown.map_err(refused)?;
                    (app, method)
                }
                None => (app, if secret.is_empty() { "none" } else { "client_secret_post" }),
            }
        };
        let app = app.ok_or_else(|| refused("unknown client or wrong secret"))?;
        let fits = match app.metadata.token_endpoint_auth_method.as_deref() {
            Some(registered) => registered == method,
            None => matches!(method, "client_secret_basic" | "client_secret_post") || (method == "none" && app.client_secret.is_empty()),
        };
        if fits { Ok(app) } else { Err(refused("the app is registered with another method of client authentication")) }
    }

    fn asserted_client(&self, desk: &Desk, call: &Call, text: &str, named: Option<&str>) -> Result<(Registration, &'static str), String> {
        if once(&call.form, "client_assertion_type").unwrap_or_default() != Some(JWT_BEARER) {
            return Err(format!("client_assertion_type must be {JWT_BEARER}"));
        }
        // Who it is from decides which keys it is checked with; nothing else of it is believed before that.
        let id = named.map(str::to_owned).or_else(|| unverified_issuer(text)).ok_or("the assertion names no issuer")?;
        let app = self.client(desk, &id).ok_or("unknown client")?;
        let only = app.metadata.token_endpoint_auth_signing_alg.clone();
        let asserted = self.judge_assertion(desk, &app, &Assertion { text, only: only.as_deref(), issuer: &call.origin })?;
        if asserted.subject != app.client_id {
            return Err("\"sub\" must be the client_id".into());
        }
        Ok((app, asserted.method))
    }

    /// RFC 7523 §3, with the audience as the attack of 2025 on several providers taught: our issuer identifier, as one text.
    pub(super) fn judge_assertion(&self, desk: &Desk, app: &Registration, given: &Assertion<'_>) -> Result<Asserted, String> {
        let Said { algorithm, claims, .. } = client_claims(app, given.text, given.only)?;
        let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str);
        if text("iss") != Some(&app.client_id) {
            return Err("\"iss\" must be the client_id".into());
        }
        if text("aud") != Some(given.issuer) {
            return Err(format!("\"aud\" must be the issuer, as one text: {}", given.issuer));
        }
        let now = desk.now();
        let expires = claims.get("exp").and_then(serde_json::Value::as_i64).ok_or("\"exp\" is missing")?;
        if expires <= now || expires > now + LONGEST {
            return Err(format!("\"exp\" must lie ahead, by at most {LONGEST} seconds"));
        }
        for name in ["iat", "nbf"] {
            if claims.get(name).and_then(serde_json::Value::as_i64).is_some_and(|begins| begins > now + 60) {
                return Err(format!("\"{name}\" lies ahead"));
            }
        }
        let id = text("jti").ok_or("\"jti\" is missing")?;
        if !held(&self.once).first(&format!("assertion {} {id}", app.client_id), expires, now) {
            return Err("the assertion was used before (\"jti\")".into());
        }
        let subject = text("sub").ok_or("\"sub\" is missing")?.to_owned();
        let method = if algorithm.is_symmetric() { "client_secret_jwt" } else { "private_key_jwt" };
        Ok(Asserted { subject, scope: text("scope").map(str::to_owned), method })
    }
}

fn is_registered_for(app: &Registration, method: &str) -> bool {
    app.metadata.token_endpoint_auth_method.as_deref() == Some(method)
}

/// A form without repetitions; what is to be repeated is named by RFC 8707 and RFC 8693.
fn well_formed(call: &Call) -> Result<(), Reply> {
    if !call.is_form() {
        return Err(refuse(400, "invalid_request", "the body must be application/x-www-form-urlencoded"));
    }
    // Credentials and parameters do not belong into a URL (RFC 6749 §2.3.1).
    if !call.query.is_empty() {
        return Err(refuse(400, "invalid_request", "parameters belong into the body"));
    }
    let mut names: Vec<&str> =
        call.form.iter().map(|(name, _)| name.as_str()).filter(|name| !["resource", "audience"].contains(name)).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(refuse(400, "invalid_request", "a parameter is repeated"));
    }
    Ok(())
}

/// `iss` of a JWT that nobody has checked yet.
fn unverified_issuer(text: &str) -> Option<String> {
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    claims["iss"].as_str().map(str::to_owned)
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decode(id)?, decode(secret)?))
}

fn decode(half: &str) -> Option<String> {
    // A raw `&` or `=` was not form-encoded, and would be cut off by the decoder.
    if half.contains(['&', '=']) {
        return None;
    }
    let line = format!("v={half}");
    form_urlencoded::parse(line.as_bytes()).next().map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_are_form_decoded() {
        let header = format!("Basic {}", STANDARD.encode("a%3Ab:c+d%25"));
        assert_eq!(basic(&header), Some(("a:b".into(), "c d%".into())));
        assert_eq!(basic(&format!("Basic {}", STANDARD.encode("a:b&c"))), None);
        assert_eq!(basic("Basic !"), None);
        assert_eq!(basic("Bearer x"), None);
    }
}
