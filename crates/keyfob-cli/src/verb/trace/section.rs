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
        None if exchange.uri.path().contains("/.well-known/openid-configuration") => "OpenID Connect Discovery 1.0 §4.1",
        None if exchange.uri.path().contains("/.well-known/") => "RFC 8414 §3.1",
        None if answer_has(exchange, "device_code") => "RFC 8628 §3.1",
        None if answer_has(exchange, "request_uri") => "RFC 9126 §2.1",
        // An API may have keys of its own; those of an issuer are public.
        None if authorization.is_empty() && answer_has(exchange, "keys") => "RFC 7517 §5",
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
        "OpenID Connect Discovery 1.0 §4.1" => "OpenID Connect Discovery 1.0 §4.2",
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

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, StatusCode, Version};

    use super::*;

    fn exchange(target: &str, authorization: &str, form: &str, status: u16, answered: &str) -> Exchange {
        let mut headers = HeaderMap::new();
        if !authorization.is_empty() {
            headers.insert("authorization", authorization.parse().expect("a header"));
        }
        Exchange {
            method: if form.is_empty() { Method::GET } else { Method::POST },
            uri: format!("https://a.example{target}").parse().expect("a URL"),
            headers,
            body: form.into(),
            answer: Ok(Answered {
                version: Version::HTTP_11,
                status: StatusCode::from_u16(status).expect("a status"),
                headers: HeaderMap::new(),
                body: answered.into(),
            }),
        }
    }

    /// What a login or a call can have to say, and the sections that its request and its answer are by.
    #[test]
    fn every_message_gets_the_section_it_is_by() {
        let token = r#"{"access_token":"x"}"#;
        let table: &[(&str, &str, &str, u16, &str, &str, &str)] = &[
            ("/request", "OAuth oauth_callback=\"oob\", oauth_signature=\"x\"", "", 200, "oauth_token=x", "RFC 5849 §2.1", "RFC 5849 §2.1"),
            ("/access", "OAuth oauth_verifier=\"x\", oauth_signature=\"x\"", "", 200, "oauth_token=x", "RFC 5849 §2.3", "RFC 5849 §2.3"),
            ("/access", "", "oauth_verifier=x&oauth_signature=x", 200, "oauth_token=x", "RFC 5849 §2.3", "RFC 5849 §2.3"),
            ("/api?oauth_signature=x", "", "", 200, "{}", "RFC 5849 §3.1", "RFC 9110 §15"),
            ("/api", "OAuth oauth_signature=\"x\"", "a=b", 401, "", "RFC 5849 §3.1", "RFC 9110 §15"),
            (
                "/token",
                "",
                "grant_type=authorization_code&code=x&code_verifier=x",
                200,
                token,
                "RFC 6749 §4.1.3, RFC 7636 §4.5",
                "RFC 6749 §5.1",
            ),
            ("/token", "Basic x", "grant_type=authorization_code&code=x", 400, "{}", "RFC 6749 §4.1.3", "RFC 6749 §5.2"),
            ("/token", "Basic x", "grant_type=refresh_token&refresh_token=x", 200, token, "RFC 6749 §6", "RFC 6749 §5.1"),
            ("/token", "Basic x", "grant_type=refresh_token&refresh_token=x", 400, "{}", "RFC 6749 §6", "RFC 6749 §5.2"),
            ("/token", "Basic x", "grant_type=client_credentials", 200, token, "RFC 6749 §4.4.2", "RFC 6749 §5.1"),
            (
                "/token",
                "",
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code",
                400,
                "{}",
                "RFC 8628 §3.4",
                "RFC 8628 §3.5",
            ),
            (
                "/token",
                "",
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
                200,
                token,
                "RFC 8693 §2.1",
                "RFC 8693 §2.2",
            ),
            ("/token", "", "grant_type=something-of-its-own", 200, token, "RFC 6749 §4.5", "RFC 6749 §5.1"),
            ("/device", "", "client_id=x", 200, r#"{"device_code":"x"}"#, "RFC 8628 §3.1", "RFC 8628 §3.2"),
            ("/par", "Basic x", "client_id=x", 201, r#"{"request_uri":"x"}"#, "RFC 9126 §2.1", "RFC 9126 §2.2"),
            ("/revoke", "Basic x", "token=x", 200, "", "RFC 7009 §2.1", "RFC 7009 §2.2"),
            ("/jwks", "", "", 200, r#"{"keys":[]}"#, "RFC 7517 §5", "RFC 7517 §5"),
            ("/.well-known/oauth-authorization-server", "", "", 200, "{}", "RFC 8414 §3.1", "RFC 8414 §3.2"),
            (
                "/.well-known/openid-configuration",
                "",
                "",
                200,
                "{}",
                "OpenID Connect Discovery 1.0 §4.1",
                "OpenID Connect Discovery 1.0 §4.2",
            ),
            ("/api/me", "Bearer x", "", 200, r#"{"keys":[]}"#, "RFC 6750 §2.1", "RFC 9110 §15"),
            ("/api/me", "bearer x", "", 401, "", "RFC 6750 §2.1", "RFC 6750 §3"),
            ("/api/me", "DPoP x", "", 401, "", "RFC 9449 §7.1", "RFC 6750 §3"),
            ("/api/me", "", "", 404, "", "RFC 9110 §9", "RFC 9110 §15"),
        ];
        for (target, authorization, form, status, answered, asked, said) in table {
            let exchange = exchange(target, authorization, form, *status, answered);
            let Ok(of_answer) = &exchange.answer else { unreachable!("it was answered") };
            assert_eq!(
                (request(&exchange), answer(&exchange, of_answer)),
                (*asked, *said),
                "{target} {authorization} {form} {status} {answered}"
            );
        }
        for (url, there, back_again) in [
            ("https://a.example/authorize?oauth_token=x", "RFC 5849 §2.2", "RFC 5849 §2.2"),
            ("https://a.example/authorize?response_type=code&state=x", "RFC 6749 §4.1.1", "RFC 6749 §4.1.2"),
        ] {
            assert_eq!((away(url), back(url)), (there, back_again));
        }
    }
}
