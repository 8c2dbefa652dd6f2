//! What the tests share: a provider of each kind, answers, and entropy that is the same in every run.
#![allow(dead_code, unreachable_pub, reason = "every test file uses a part of it")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use http::{Method, Response};
use keyfob_proto::{
    Answer, App, Deviation, Deviations, Endpoint, Entropy, Error, Flow, OAuth1Tokens, OAuth2Tokens, Outgoing, Received, Secret, Settings,
    Timestamp, TokenSet, encode, oauth1, oauth2,
};

/// When the tests take place.
pub const NOW: Timestamp = Timestamp::from_unix(1_795_000_000);
pub const CLIENT_ID: &str = "example-client-id";
pub const CLIENT_SECRET: &str = "sandbox-secret-not-real";
pub const CALLBACK: &str = "http://127.0.0.1:8123/callback";

/// A pseudo-random function over a counter (SipHash), so that its output looks like the operating system's and is still the same in
/// every run. A plain counter would hide a nonce that uses a part of its entropy only.
pub struct Chance {
    seed: u64,
    drawn: Cell<u64>,
}

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: Cell::new(0) }
    }
}

impl Entropy for Chance {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(self.seed);
            hasher.write_u64(self.drawn.replace(self.drawn.get() + 1));
            let bytes = hasher.finish().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

/// An OAuth 2 provider that keeps to its RFCs.
pub fn oauth2_settings(change: impl FnOnce(&mut Settings, &mut oauth2::Settings)) -> Settings {
    let mut flow = oauth2::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
    flow.revoke = Some(endpoint("https://login.example/revoke"));
    flow.device_authorization = Some(endpoint("https://login.example/device"));
    flow.backchannel_authentication = Some(endpoint("https://login.example/backchannel"));
    flow.issuer = Some("https://login.example".into());
    flow.scopes = vec!["read".into(), "write".into()];
    let mut settings = settings(Flow::OAuth2(flow.clone()));
    change(&mut settings, &mut flow);
    settings.flow = Flow::OAuth2(flow);
    settings
}

/// An OAuth 1.0a provider that keeps to its RFC.
pub fn oauth1_settings(change: impl FnOnce(&mut Settings, &mut oauth1::Settings)) -> Settings {
    let mut flow = oauth1::Settings::new(
        endpoint("https://login.example/oauth/request_token"),
        endpoint("https://login.example/oauth/authorize"),
        endpoint("https://login.example/oauth/access_token"),
    );
    let mut settings = settings(Flow::OAuth1(flow.clone()));
    change(&mut settings, &mut flow);
    settings.flow = Flow::OAuth1(flow);
    settings
}

fn settings(flow: Flow) -> Settings {
    Settings::new("example", flow, endpoint("https://api.example/v1"))
}

pub fn app() -> App {
    App::confidential(CLIENT_ID, CLIENT_SECRET)
}

pub fn oauth2_client(change: impl FnOnce(&mut Settings, &mut oauth2::Settings)) -> oauth2::Client {
    oauth2::Client::new(&oauth2_settings(change), app()).expect("a client")
}

pub fn oauth1_client(change: impl FnOnce(&mut Settings, &mut oauth1::Settings)) -> oauth1::Client {
    oauth1::Client::new(&oauth1_settings(change), app()).expect("a client")
}

pub fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url).expect("an endpoint")
}

/// Begins an OAuth 2 login at [`CALLBACK`].
pub fn begin2(client: &oauth2::Client, seed: u64) -> (String, oauth2::Pending) {
    begin2_at(client, CALLBACK, seed)
}

pub fn begin2_at(client: &oauth2::Client, redirect_uri: &str, seed: u64) -> (String, oauth2::Pending) {
    let request = oauth2::AuthorizeRequest { redirect_uri: redirect_uri.into(), ..Default::default() };
    client.authorize(&request, NOW, &Chance::new(seed)).expect("a URL")
}

/// The callback that answers this login.
pub fn callback2(pending: &oauth2::Pending, rest: &str) -> String {
    format!("{}?state={}&{rest}", pending.redirect_uri(), pending.key().expose())
}

/// A code exchange that waits for its answer.
pub fn exchange2(client: &oauth2::Client) -> oauth2::Exchange {
    let (_, pending) = begin2(client, 1);
    let verified = pending.verify(Answer::Url(&callback2(&pending, "code=code-1")), NOW).expect("verified");
    client.exchange(verified).expect("an exchange")
}

/// Begins an OAuth 1 login with these temporary credentials.
pub fn begin1(client: &oauth1::Client, callback: oauth1::Callback, body: &str) -> Result<(String, oauth1::Pending), Error> {
    client.request_token(callback, NOW, &Chance::new(2)).expect("a request").receive(&form_answer(200, body), NOW)
}

pub const TEMPORARY: &str = "oauth_token=temporary-1&oauth_token_secret=temporary-secret-1&oauth_callback_confirmed=true";

pub fn answer(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Response<Vec<u8>> {
    let builder = Response::builder().status(status);
    let builder = if content_type.is_empty() { builder } else { builder.header("content-type", content_type) };
    builder.body(body.into()).expect("an answer")
}

pub fn json_answer(status: u16, body: impl Into<Vec<u8>>) -> Response<Vec<u8>> {
    answer(status, "application/json", body)
}

pub fn form_answer(status: u16, body: &str) -> Response<Vec<u8>> {
    answer(status, "application/x-www-form-urlencoded", body)
}

/// The form that a request carries, in order.
pub fn form(request: &Outgoing) -> Vec<(String, String)> {
    encode::decode_text_pairs(request.body()).expect("a form")
}

/// The query of a URL, by name.
pub fn query(url: &str) -> BTreeMap<String, String> {
    let (_, query) = url.split_once('?').expect("a query");
    encode::decode_text_pairs(query.as_bytes()).expect("a query").into_iter().collect()
}

pub fn pairs(text: &str) -> Vec<(String, String)> {
    let mut pairs = encode::decode_text_pairs(text.as_bytes()).expect("UTF-8");
    pairs.sort();
    pairs
}

/// What the server side makes of a request that the client signed.
pub fn read_signed(request: &Outgoing) -> oauth1::server::SignedRequest {
    read_parts(request.method(), request.uri(), request.headers(), request.body()).expect("a signed request")
}

pub fn read_parts(
    method: &Method,
    uri: &http::Uri,
    headers: &http::HeaderMap,
    body: &[u8],
) -> Result<oauth1::server::SignedRequest, oauth1::server::Problem> {
    let origin = format!("{}://{}", uri.scheme_str().expect("absolute"), uri.authority().expect("absolute"));
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    oauth1::server::SignedRequest::read(method, &origin, target, headers, oauth1::Body::of(headers, body))
}

pub fn parts(method: &str, url: &str) -> http::request::Parts {
    http::Request::builder().method(method).uri(url).body(()).expect("a request").into_parts().0
}

pub fn oauth1_tokens() -> OAuth1Tokens {
    OAuth1Tokens { token: Secret::new("token-1-long-enough"), secret: Secret::new("token-secret-1-long-enough") }
}

pub fn oauth2_tokens() -> OAuth2Tokens {
    OAuth2Tokens {
        access: Secret::new("access-1-long-enough"),
        refresh: Some(Secret::new("refresh-1-long-enough")),
        received_at: NOW,
        expires_at: Some(NOW.plus(3600)),
        refresh_expires_at: None,
        scopes: vec!["read".into()],
        identity: None,
        id_token: None,
        proof_key: None,
        resources: vec![],
        authorization_details: vec![],
    }
}

pub fn tokens2(received: &Received) -> &OAuth2Tokens {
    match &received.tokens {
        TokenSet::OAuth2(tokens) => tokens,
        other => panic!("expected OAuth 2 tokens, but found {other:?}"),
    }
}

pub fn deviations(names: &[Deviation]) -> Deviations {
    names.iter().copied().collect()
}

/// An error that leaves the login alive.
#[track_caller]
pub fn refused_alive<T>(result: Result<T, Error>) -> Error {
    let Err(error) = result else { panic!("expected a refusal") };
    assert!(!error.ends_login(), "{error}");
    error
}

// --- token answers

/// A token answer as the RFC has it.
pub const OK: &str = r#"{"access_token":"access-2","token_type":"Bearer","expires_in":3600,"refresh_token":"refresh-2"}"#;

/// What the strict client makes of an answer.
pub fn receive(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Result<Received, Error> {
    exchange2(&oauth2_client(|_, _| {})).receive(&answer(status, content_type, body), NOW)
}

pub fn receive_json(body: impl Into<Vec<u8>>) -> Result<Received, Error> {
    receive(200, "application/json", body)
}

/// The good answer with one member changed.
pub fn with(name: &str, value: serde_json::Value) -> String {
    let mut body: serde_json::Map<_, _> = serde_json::from_str(OK).expect("an object");
    body.insert(name.into(), value);
    serde_json::Value::Object(body).to_string()
}

pub fn without(name: &str) -> String {
    let mut body: serde_json::Map<_, _> = serde_json::from_str(OK).expect("an object");
    body.remove(name);
    serde_json::Value::Object(body).to_string()
}

#[track_caller]
pub fn misbehaved(result: Result<Received, Error>) -> Error {
    match result {
        Err(error @ Error::Misbehaved(_)) => error,
        other => panic!("expected a broken answer, but found {other:?}"),
    }
}
