//! Client authentication (RFC 6749 §2.3.1): Basic with form-encoded halves, or the body; never both.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::{once, refuse, unauthorized_client_header};
use crate::apps::Registration;
use crate::desk::Desk;
use crate::message::{Call, Reply};

/// The client of a request to the token, revocation or introspection endpoint.
pub(super) fn authenticate(desk: &Desk, call: &Call) -> Result<Registration, Reply> {
    if !call.is_form() {
        return Err(refuse(400, "invalid_request", "the body must be application/x-www-form-urlencoded"));
    }
    // Credentials and parameters do not belong into a URL (RFC 6749 §2.3.1).
    if !call.query.is_empty() {
        return Err(refuse(400, "invalid_request", "parameters belong into the body"));
    }
    let mut names: Vec<&str> = call.form.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(refuse(400, "invalid_request", "a parameter is repeated"));
    }
    let field = |name| once(&call.form, name).unwrap_or_default();
    let Some(header) = call.header("authorization") else {
        let found = desk.app(field("client_id").unwrap_or_default());
        let found = found.filter(|app| field("client_secret").unwrap_or_default() == app.client_secret);
        return found.ok_or_else(|| refuse(401, "invalid_client", "unknown client or wrong secret"));
    };

    let refused = |why| Err(unauthorized_client_header(refuse(401, "invalid_client", why)));
    if field("client_secret").is_some() {
        return Err(refuse(400, "invalid_request", "two methods of client authentication"));
    }
    let Some((id, secret)) = basic(header) else {
        return refused("the Authorization header is not Basic");
    };
    if field("client_id").is_some_and(|other| other != id) {
        return Err(refuse(400, "invalid_request", "two different clients"));
    }
    match desk.app(&id).filter(|app| !app.is_public() && app.client_secret == secret) {
        Some(app) => Ok(app),
        None => refused("unknown client or wrong secret"),
    }
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
