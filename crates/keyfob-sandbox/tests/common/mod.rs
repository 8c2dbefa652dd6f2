//! A hand-made HTTP client and OAuth 1 signer: nothing of what is tested here is used to test it.
#![allow(dead_code, unreachable_pub)]

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha1::Sha1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer, read to the end.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body is as long as its head promised.
    pub complete: bool,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|problem| panic!("{problem}: {}", self.text()))
    }

    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_else(|| panic!("no redirect but {} {}", self.status, self.text()))
    }
}

/// The first value of this name.
pub fn get<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// The query of a URL.
pub fn query(url: &str) -> Vec<(String, String)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or("");
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// `application/x-www-form-urlencoded`.
pub fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Response {
    let rest = url.strip_prefix("http://").expect("an http URL");
    let at = rest.find('/').unwrap_or(rest.len());
    let (host, target) = (&rest[..at], if at == rest.len() { "/" } else { &rest[at..] });
    let mut head = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        let _ = write!(head, "Host: {host}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    raw(host, format!("{head}\r\n{body}").as_bytes()).await
}

/// Sends bytes as they are and reads until the server closes.
pub async fn raw(host: &str, bytes: &[u8]) -> Response {
    let mut stream = TcpStream::connect(host).await.expect("the sandbox listens");
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(20), read).await.expect("an answer within 20 s");
    parse(&answer)
}

pub async fn get_url(url: &str) -> Response {
    send("GET", url, &[], "").await
}

pub async fn post_form(url: &str, headers: &[(&str, &str)], pairs: &[(&str, &str)]) -> Response {
    let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
    all.extend_from_slice(headers);
    send("POST", url, &all, &form(pairs)).await
}

pub async fn post_json(url: &str, body: &Value) -> Response {
    send("POST", url, &[("content-type", "application/json")], &body.to_string()).await
}

/// Follows the consent page as a browser would: takes the ticket and posts the decision.
pub async fn decide(url: &str, decision: &str, scopes: &[&str]) -> Response {
    let page = get_url(url).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    let field = |before: &str| {
        let start = text.find(before).unwrap_or_else(|| panic!("no {before} in {text}")) + before.len();
        text[start..].split('"').next().expect("a value").to_owned()
    };
    let (action, ticket) = (field("action=\""), field("name=\"ticket\" value=\""));
    let origin = &url[..url[7..].find('/').expect("a path") + 7];
    let mut pairs = vec![("ticket", ticket.as_str()), ("decision", decision)];
    pairs.extend(scopes.iter().map(|scope| ("scope", *scope)));
    post_form(&format!("{origin}{action}"), &[], &pairs).await
}

pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// The element `pin` of a page.
pub fn pin(page: &Response) -> String {
    let text = page.text();
    let rest = text.split_once("id=\"pin\">").unwrap_or_else(|| panic!("no PIN in {text}")).1;
    rest.split('<').next().expect("text").to_owned()
}

pub fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Where OAuth 1 parameters go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Put {
    Header,
    Query,
    Body,
}

/// An OAuth 1 client written down once more, slowly and plainly.
pub struct Signer<'a> {
    pub consumer: (&'a str, &'a str),
    pub token: Option<(&'a str, &'a str)>,
    pub method: &'a str,
    pub timestamp: Option<String>,
    pub nonce: Option<String>,
}

impl<'a> Signer<'a> {
    pub fn new(consumer: (&'a str, &'a str), token: Option<(&'a str, &'a str)>) -> Self {
        Self { consumer, token, method: "HMAC-SHA1", timestamp: None, nonce: None }
    }

    /// Signs and sends; `extra` are further `oauth_` parameters, `pairs` the form body of a POST or the query of a GET.
    pub async fn send(&self, put: Put, method: &str, url: &str, extra: &[(&str, &str)], pairs: &[(&str, &str)]) -> Response {
        let nonce = self.nonce.clone().unwrap_or_else(fresh);
        let timestamp = self.timestamp.clone().unwrap_or_else(|| unix().to_string());
        let mut oauth: Vec<(&str, &str)> = vec![
            ("oauth_consumer_key", self.consumer.0),
            ("oauth_nonce", &nonce),
            ("oauth_signature_method", self.method),
            ("oauth_timestamp", &timestamp),
            ("oauth_version", "1.0"),
        ];
        if let Some((token, _)) = self.token {
            oauth.push(("oauth_token", token));
        }
        oauth.extend_from_slice(extra);
        let signature = self.sign(method, url, oauth.iter().chain(pairs));
        oauth.push(("oauth_signature", &signature));

        let (mut in_query, mut in_body) = if method == "GET" { (pairs.to_vec(), vec![]) } else { (vec![], pairs.to_vec()) };
        let mut headers = Vec::new();
        let header: Vec<String> = oauth.iter().map(|(name, value)| format!("{name}=\"{}\"", encode(value))).collect();
        let header = format!("OAuth {}", header.join(", "));
        match put {
            Put::Header => headers.push(("authorization", header.as_str())),
            Put::Query => in_query.extend(oauth),
            Put::Body => in_body.extend(oauth),
        }
        let url = if in_query.is_empty() { url.to_owned() } else { format!("{url}?{}", form(&in_query)) };
        if in_body.is_empty() { send(method, &url, &headers, "").await } else { post_form(&url, &headers, &in_body).await }
    }

    fn sign<'p>(&self, method: &str, url: &str, pairs: impl Iterator<Item = &'p (&'p str, &'p str)>) -> String {
        let secret = self.token.map_or("", |(_, secret)| secret);
        let key = format!("{}&{}", encode(self.consumer.1), encode(secret));
        if self.method == "PLAINTEXT" {
            return key;
        }
        let mut encoded: Vec<_> = pairs.map(|(name, value)| (encode(name), encode(value))).collect();
        encoded.sort();
        let joined: Vec<_> = encoded.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let base = format!("{method}&{}&{}", encode(url), encode(&joined.join("&")));
        let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("any key");
        mac.update(base.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

/// RFC 5849 §3.6.
pub fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

pub fn fresh() -> String {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).expect("entropy");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse(answer: &[u8]) -> Response {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("no head in {answer:?}"));
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let rest = &answer[end + 4..];
    let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let (body, complete) = if value("transfer-encoding").as_deref() == Some("chunked") {
        unchunk(rest)
    } else {
        let length = value("content-length").and_then(|length| length.parse().ok()).unwrap_or(rest.len());
        (rest.to_vec(), rest.len() == length)
    };
    Response { status: status.expect("a status line"), headers, body, complete }
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|w| w == b"\r\n") else { return (body, false) };
        let Ok(size) = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16) else { return (body, false) };
        rest = &rest[end + 2..];
        if size == 0 {
            return (body, true);
        }
        if rest.len() < size + 2 {
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}
