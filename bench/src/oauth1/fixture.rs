//! Two requests that everybody signs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyfob::proto::oauth1::{self, Client, Once, Signer};
use keyfob::proto::{App, Endpoint, Flow, OAuth1Tokens, Settings, Timestamp, encode};

const KEY: &str = "FEHUVEW84RAFR5SP22RABURUPHAFRUNU";
const SECRET: &str = "sandbox-secret-not-real";
const TOKEN: &str = "5f0e9a7d41c8b26390fd17ae62c4b8d305";
const TOKEN_SECRET: &str = "token-secret-not-real";
pub(super) const NONCE: &str = "0123456789abcdef0123456789abcdef";
pub(super) const TIMESTAMP: i64 = 1_795_000_000;

/// Nothing is drawn where nonce and time are given.
pub(super) const NOTHING: fn(&mut [u8]) = |_| {};

pub(super) struct Fixture {
    pub(super) method: &'static str,
    base: &'static str,
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
}

impl Fixture {
    pub(super) fn get() -> Self {
        let query = [("supportedMethods", "1023"), ("extras", "coordinate,time")];
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let fixture = Self { method: "GET", base: "https://api.telldus.com/json/devices/list", query, form: Vec::new() };
        assert_eq!(fixture.base_string().len(), 358);
        fixture
    }

    pub(super) fn post() -> Self {
        let words = "the quick brown fox & jumps over the lazy dog, 100% sure? été ".repeat(2);
        let value = |at: usize| words.chars().skip(at * 7 % 30).take(26).collect();
        let form = (0..20).map(|at| (format!("field_{at:02}"), value(at))).collect();
        let fixture = Self { method: "POST", base: "https://api.example.com/v1/weather-records/update", query: Vec::new(), form };
        assert_eq!(fixture.base_string().len(), 1646);
        fixture
    }

    pub(super) fn url(&self) -> String {
        let query = encode::form_pairs(self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        if query.is_empty() { self.base.to_owned() } else { format!("{}?{query}", self.base) }
    }

    /// Without the query.
    pub(super) fn base_url(&self) -> &'static str {
        self.base
    }

    /// The form's parameters.
    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        self.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// All parameters, for those who take them apart from the URL.
    pub(super) fn all_pairs(&self) -> Vec<(&str, &str)> {
        self.query.iter().chain(&self.form).map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// What the HMAC is keyed with.
    pub(super) fn key(&self) -> String {
        format!("{SECRET}&{TOKEN_SECRET}")
    }

    pub(super) fn credentials(&self) -> [&'static str; 4] {
        [KEY, SECRET, TOKEN, TOKEN_SECRET]
    }

    pub(super) fn signer(&self) -> Signer {
        let at = |path: &str| Endpoint::parse(&format!("https://login.example{path}")).expect("an endpoint");
        let flow = oauth1::Settings::new(at("/request"), at("/authorize"), at("/access"));
        let provider = Settings::new("example", Flow::OAuth1(flow), at("/"));
        let client = Client::new(&provider, App::confidential(KEY, SECRET)).expect("a client");
        client.signer(Some(&OAuth1Tokens { token: TOKEN.into(), secret: TOKEN_SECRET.into() })).expect("a signer")
    }

    pub(super) fn once(&self) -> Once<'static> {
        Once { nonce: NONCE, timestamp: Timestamp::from_unix(TIMESTAMP), entropy: &NOTHING }
    }

    pub(super) fn base_string(&self) -> String {
        let timestamp = TIMESTAMP.to_string();
        let protocol = [
            ("oauth_consumer_key", KEY),
            ("oauth_token", TOKEN),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_version", "1.0"),
            ("oauth_timestamp", &timestamp),
            ("oauth_nonce", NONCE),
        ];
        let form = encode::form_pairs(self.pairs());
        oauth1::base_string(self.method, &self.url(), oauth1::Body::Form(form.as_bytes()), &protocol).expect("a URL")
    }

    pub(super) fn signature(&self) -> String {
        let method = oauth1::SignatureMethod::HmacSha1;
        oauth1::signature(method, SECRET, TOKEN_SECRET, &self.base_string()).expect("shared secrets")
    }
}

/// What is in a PEM block.
pub(super) fn der(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(text).expect("base64")
}
