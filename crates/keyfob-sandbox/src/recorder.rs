//! What a service saw, with secrets masked: the transcript that interoperability tests compare with a reviewed one.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::Call;

/// One request and the status of its answer. Holds no secret, no port and no time of ours, so that two runs give equal
/// values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The service that was asked.
    pub service: String,
    /// The method.
    pub method: String,
    /// The path as it was sent, without query.
    pub path: String,
    /// Where credentials were.
    pub placement: Placement,
    /// The headers that carried credentials, sorted.
    pub credential_headers: Vec<String>,
    /// All parameters, sorted by place, name and value; secrets and what differs from run to run are `<masked>`.
    pub parameters: Vec<Parameter>,
    /// The media type of the body, where there was one.
    pub content_type: Option<String>,
    /// The status of the answer.
    pub status: u16,
}

/// One parameter of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Parameter {
    /// Where it was.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Its value, or `<masked>`.
    pub value: String,
}

/// Where a parameter was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the `Authorization` header or a provider's own credential header.
    Header,
    /// In the query.
    Query,
    /// In a form body.
    Body,
    /// A member of a JSON body.
    Json,
    /// A body of another kind: the value is its size.
    Opaque,
}

/// Where the credentials of a request were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// Nowhere.
    None,
    /// In the `Authorization` header.
    Header,
    /// In headers of the provider's own.
    CustomHeaders,
    /// In the query.
    Query,
    /// In the body.
    Body,
}

impl Seen {
    pub(crate) fn new(service: &str, own_headers: &[&str], call: &Call, status: u16) -> Self {
        let mut parameters = Vec::new();
        let mut credential_headers = Vec::new();
        let mut placement = Placement::None;

        take_pairs(&mut parameters, Place::Query, &call.query);
        if holds_credentials(&call.query) {
            placement = Placement::Query;
        }
        take_body(&mut parameters, call);
        if parameters.iter().any(|p| matches!(p.place, Place::Body | Place::Json) && is_credential(&p.name)) {
            placement = Placement::Body;
        }
        for name in own_headers {
            if call.headers.contains_key(*name) {
                placement = Placement::CustomHeaders;
                credential_headers.push((*name).to_owned());
                parameters.push(Parameter::new(Place::Header, name, MASK));
            }
        }
        for value in call.headers.get_all("authorization") {
            placement = Placement::Header;
            credential_headers.push("authorization".into());
            take_authorization(&mut parameters, &String::from_utf8_lossy(value.as_bytes()));
        }

        parameters.sort();
        credential_headers.sort();
        Self {
            service: service.into(),
            method: call.method.to_string(),
            path: call.path().into(),
            placement,
            credential_headers,
            parameters,
            content_type: call.media_type(),
            status,
        }
    }

    /// The canonical line: `POST /oauth/request_token header[…] query[…] body[…] -> 200`. A JSON body is `json[…]`,
    /// a body of another kind `opaque[size=N]`. Names and values are percent-encoded where they would spoil the line.
    pub fn line(&self) -> String {
        let mut line = format!("{} {}", self.method, self.path);
        for (place, name, always) in [
            (Place::Header, "header", true),
            (Place::Query, "query", true),
            (Place::Body, "body", !self.parameters.iter().any(|p| p.place > Place::Body)),
            (Place::Json, "json", false),
            (Place::Opaque, "opaque", false),
        ] {
            let items: Vec<String> =
                self.parameters.iter().filter(|p| p.place == place).map(|p| format!("{}={}", escape(&p.name), escape(&p.value))).collect();
            if always || !items.is_empty() {
                let _ = write!(line, " {name}[{}]", items.join(","));
            }
        }
        let _ = write!(line, " -> {}", self.status);
        line
    }

    /// The value of a parameter, wherever it was.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|p| p.name == name).map(|p| p.value.as_str())
    }
}

impl Parameter {
    fn new(place: Place, name: &str, value: &str) -> Self {
        let value = if is_masked(name) || value == MASK { MASK.to_owned() } else { without_ports(value) };
        Self { place, name: clip(name), value: clip(&value) }
    }
}

const MASK: &str = "<masked>";

/// Secrets, and what differs from run to run.
const MASKED: [&str; 36] = [
    "access_token",
    "actor_token",
    "assertion",
    "auth_req_id",
    "client_assertion",
    "client_notification_token",
    "client_secret",
    "code",
    "code_challenge",
    "code_verifier",
    "device_code",
    "dpop_jkt",
    "id_token",
    "id_token_hint",
    "login_hint_token",
    "logout_token",
    "nonce",
    "oauth_nonce",
    "oauth_signature",
    "oauth_timestamp",
    "oauth_token",
    "oauth_token_secret",
    "oauth_verifier",
    "password",
    "pin",
    "refresh_token",
    "registration_access_token",
    "request",
    "request_uri",
    "response",
    "state",
    "subject_token",
    "ticket",
    "token",
    "user_code",
    "x_auth_password",
];

fn is_masked(name: &str) -> bool {
    MASKED.contains(&name)
}

/// Parameters that authenticate a request, as against those it is about.
fn is_credential(name: &str) -> bool {
    ["access_token", "client_assertion", "client_secret", "oauth_consumer_key", "oauth_signature"].contains(&name)
}

fn holds_credentials(pairs: &[(String, String)]) -> bool {
    pairs.iter().any(|(name, _)| is_credential(name))
}

fn take_pairs(parameters: &mut Vec<Parameter>, place: Place, pairs: &[(String, String)]) {
    parameters.extend(pairs.iter().map(|(name, value)| Parameter::new(place, name, value)));
}

fn take_body(parameters: &mut Vec<Parameter>, call: &Call) {
    if call.body.is_empty() {
        return;
    }
    if call.is_form() {
        return take_pairs(parameters, Place::Body, &call.form);
    }
    let json = call.media_type().is_some_and(|kind| kind.contains("json"));
    match json.then(|| serde_json::from_slice(&call.body)) {
        Some(Ok(Value::Object(members))) => parameters.extend(members.iter().map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Parameter::new(Place::Json, name, &text)
        })),
        _ => parameters.push(Parameter::new(Place::Opaque, "size", &call.body.len().to_string())),
    }
}

fn take_authorization(parameters: &mut Vec<Parameter>, value: &str) {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case("oauth") {
        for item in rest.split(',') {
            let (name, quoted) = item.trim().split_once('=').unwrap_or((item.trim(), ""));
            let value = quoted.trim().trim_matches('"');
            let decoded = form_value(value);
            if !name.is_empty() {
                parameters.push(Parameter::new(Place::Header, name, &decoded));
            }
        }
    } else if scheme.eq_ignore_ascii_case("basic") {
        // Who it is may be seen, the secret may not.
        let decoded = STANDARD.decode(rest.trim()).unwrap_or_default();
        let decoded = String::from_utf8_lossy(&decoded);
        let who = decoded.split(':').next().unwrap_or_default();
        parameters.push(Parameter::new(Place::Header, "authorization", &format!("Basic {who}:{MASK}")));
    } else if let Some(scheme) = ["Bearer", "DPoP"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known)) {
        parameters.push(Parameter::new(Place::Header, "authorization", &format!("{scheme} {MASK}")));
    } else {
        parameters.push(Parameter::new(Place::Header, "authorization", MASK));
    }
}

/// Percent-decodes a value of an OAuth 1 header, where `+` means itself.
fn form_value(value: &str) -> String {
    crate::message::pairs(format!("v={}", value.replace('+', "%2B")).as_bytes())
        .into_iter()
        .next()
        .map_or_else(String::new, |(_, value)| value)
}

/// Ports differ from run to run: `http://127.0.0.1:49152/callback` becomes `http://127.0.0.1:<port>/callback`.
fn without_ports(value: &str) -> String {
    let mut text = value.to_owned();
    for host in ["://127.0.0.1:", "://localhost:", "://[::1]:"] {
        if let Some(at) = text.find(host) {
            let start = at + host.len();
            let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 {
                text.replace_range(start..start + digits, "<port>");
            }
        }
    }
    text
}

/// A transcript is for reading.
fn clip(text: &str) -> String {
    const LONGEST: usize = 512;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b",[]%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderMap, HeaderValue, Method};
    use bytes::Bytes;

    fn seen(method: Method, target: &str, headers: &[(&'static str, &str)], body: &'static str) -> Seen {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, HeaderValue::from_str(value).expect("a header"));
        }
        Seen::new("telldus", &["x-august-api-key"], &Call::new(method, target, map, Bytes::from_static(body.as_bytes())), 200)
    }

    #[test]
    fn a_line_shows_names_and_places_but_no_secret() {
        let header =
            r#"OAuth realm="", oauth_token="s3cret%21", oauth_consumer_key="key%2B1",oauth_callback="http%3A%2F%2F127.0.0.1%3A4%2Fc""#;
        let seen = seen(
            Method::POST,
            "/p?b=1&a=x,y",
            &[("authorization", header), ("content-type", "application/x-www-form-urlencoded")],
            "code=s3cret&grant_type=authorization_code",
        );
        assert_eq!(
            seen.line(),
            "POST /p header[oauth_callback=http://127.0.0.1:<port>/c,oauth_consumer_key=key+1,oauth_token=<masked>,realm=] \
             query[a=x%2Cy,b=1] body[code=<masked>,grant_type=authorization_code] -> 200"
        );
        assert_eq!(seen.placement, Placement::Header);
        assert!(!format!("{seen:?}").contains("s3cret"));
    }

    #[test]
    fn placements_are_told_apart() {
        assert_eq!(seen(Method::GET, "/", &[], "").placement, Placement::None);
        assert_eq!(seen(Method::GET, "/?oauth_signature=x", &[], "").placement, Placement::Query);
        assert_eq!(seen(Method::GET, "/", &[("x-august-api-key", "k")], "").placement, Placement::CustomHeaders);
        let json = seen(Method::POST, "/", &[("content-type", "application/json")], r#"{"client_secret":"s","n":1}"#);
        assert_eq!(json.placement, Placement::Body);
        assert_eq!(json.line(), "POST / header[] query[] json[client_secret=<masked>,n=1] -> 200");
        let basic = seen(Method::POST, "/", &[("authorization", "Basic aWQ6czNjcmV0")], "");
        assert_eq!(basic.line(), "POST / header[authorization=Basic%20id:<masked>] query[] body[] -> 200");
    }

    #[test]
    fn other_bodies_are_a_size() {
        let opaque = seen(Method::POST, "/", &[("content-type", "text/plain")], "hello");
        assert_eq!(opaque.line(), "POST / header[] query[] opaque[size=5] -> 200");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_requests_neither_panic_nor_show_a_secret(header in "[ -~]{0,60}", target in "[!-~]{0,60}", kind in 0..3_usize, body: Vec<u8>) {
            let kind = ["application/x-www-form-urlencoded", "application/json", "text/plain"][kind];
            let mut map = HeaderMap::new();
            for value in [header.as_str(), "Bearer s3cret", "Basic eDpzM2NyZXQ=", "OAuth oauth_token=\"s3cret\""] {
                map.append("authorization", HeaderValue::from_str(value).expect("a header"));
            }
            map.insert("x-august-api-key", HeaderValue::from_static("s3cret"));
            map.insert("content-type", HeaderValue::from_static(kind));
            let call = Call::new(Method::POST, &format!("/p?state=s3cret&{target}"), map, Bytes::from(body));
            let seen = Seen::new("august", &["x-august-api-key"], &call, 200);
            proptest::prop_assert!(!seen.line().contains("s3cret"), "{}", seen.line());
            proptest::prop_assert!(seen.line().is_ascii());
        }
    }
}
