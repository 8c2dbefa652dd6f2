//! Which section of which RFC a message is by.

use keyfob::proto::encode;

use crate::wire::{Answered, Exchange};

/// The person's way to the provider's page.
pub(super) fn away(url: &str) -> &'static str {
    if url.contains("oauth_token=") { "RFC 5849 §2.2" } else { "RFC 6749 §4.1.1" }
}

/// Their way back.
pub(super) fn back(url: &str) -> &'static str {
    if url.contains("oauth_token=") { "RFC 5849 §2.2" } else { "RFC 6749 §4.1.2" }
}

/// A request: by what is in it, since an endpoint may be anywhere.
pub(super) fn request(exchange: &Exchange) -> &'static str {
    let query = exchange.uri.query().unwrap_or_default().as_bytes();
    let form: Vec<(Vec<u8>, Vec<u8>)> = encode::decode_pairs(&exchange.body).chain(encode::decode_pairs(query)).collect();
    let value = |wanted: &str| form.iter().find(|(name, _)| name == wanted.as_bytes()).map(|(_, value)| value.as_slice());
    let authorization = exchange.headers.get(http::header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
    let authorization = String::from_utf8_lossy(authorization).to_ascii_lowercase();
    let protocol = |name: &str| authorization.contains(&format!("{name}=")) || value(name).is_some();
    if authorization.starts_with("oauth ") || protocol("oauth_signature") {
        return match () {
            () if protocol("oauth_callback") => "RFC 5849 §2.1",
            () if protocol("oauth_verifier") => "RFC 5849 §2.3",
            () => "RFC 5849 §3.1",
        };
    }
    match value("grant_type") {
        Some(b"authorization_code") if value("code_verifier").is_some() => "RFC 6749 §4.1.3, RFC 7636 §4.5",
        Some(b"authorization_code") => "RFC 6749 §4.1.3",
        Some(b"refresh_token") => "RFC 6749 §6",
        Some(b"client_credentials") => "RFC 6749 §4.4.2",
        Some(b"urn:ietf:params:oauth:grant-type:device_code") => "RFC 8628 §3.4",
        Some(b"urn:ietf:params:oauth:grant-type:token-exchange") => "RFC 8693 §2.1",
        Some(_) => "RFC 6749 §4.5",
        None if exchange.uri.path().contains("/.well-known/openid-configuration") => "OpenID Connect Discovery 1.0 §4",
        None if exchange.uri.path().contains("/.well-known/") => "RFC 8414 §3.1",
        None if answer_has(exchange, "device_code") => "RFC 8628 §3.1",
        None if answer_has(exchange, "request_uri") => "RFC 9126 §2.1",
        None if answer_has(exchange, "keys") => "RFC 7517 §5",
        None if authorization.starts_with("bearer ") => "RFC 6750 §2.1",
        None if authorization.starts_with("dpop ") => "RFC 9449 §7.1",
        None if value("token").is_some() => "RFC 7009 §2.1",
        None => "RFC 9110 §9",
    }
}

/// Its answer.
pub(super) fn answer(exchange: &Exchange, answered: &Answered) -> &'static str {
    let good = answered.status.is_success();
    match request(exchange) {
        "RFC 5849 §2.1" => "RFC 5849 §2.1",
        "RFC 5849 §2.3" => "RFC 5849 §2.3",
        "RFC 8628 §3.1" => "RFC 8628 §3.2",
        "RFC 8628 §3.4" => "RFC 8628 §3.5",
        "RFC 8693 §2.1" => "RFC 8693 §2.2",
        "RFC 9126 §2.1" => "RFC 9126 §2.2",
        "RFC 7009 §2.1" => "RFC 7009 §2.2",
        "RFC 7517 §5" => "RFC 7517 §5",
        "RFC 8414 §3.1" => "RFC 8414 §3.2",
        "RFC 6750 §2.1" | "RFC 9449 §7.1" if answered.status == http::StatusCode::UNAUTHORIZED => "RFC 6750 §3",
        asked if asked.starts_with("RFC 6749") => {
            if good {
                "RFC 6749 §5.1"
            } else {
                "RFC 6749 §5.2"
            }
        }
        _ => "RFC 9110 §15",
    }
}

fn answer_has(exchange: &Exchange, member: &str) -> bool {
    let Ok(answered) = &exchange.answer else { return false };
    serde_json::from_slice::<serde_json::Value>(&answered.body).is_ok_and(|value| value.get(member).is_some())
}
