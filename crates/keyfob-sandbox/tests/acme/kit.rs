//! A login at acme by hand, and keys of a client.
#![allow(unreachable_pub)]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyfob_proto::jose::{Algorithm, AwsLc, Crypto as _, Sign, sign_compact};
use keyfob_sandbox::{Consent, Metadata, Registration, Sandbox};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::{self, Response, form, get, get_url, post_form, query, send};

pub const CALLBACK: &str = "http://127.0.0.1:47000/callback";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub struct Acme {
    pub sandbox: Sandbox,
    pub origin: String,
    pub app: Registration,
}

impl Acme {
    pub async fn start() -> Self {
        let sandbox = Sandbox::builder().only(["acme"]).consent(Consent::Approve).start().await.expect("free ports");
        let (origin, app) = (sandbox.origin("acme"), sandbox.app("acme"));
        Self { sandbox, origin, app }
    }

    pub fn authorize_url(&self, changed: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", self.app.client_id.as_str()),
            ("redirect_uri", CALLBACK),
            ("scope", "profile echo"),
            ("state", "abc"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changed {
            pairs.retain(|(known, _)| known != name);
            pairs.push((name, value));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        format!("{}/authorize?{}", self.origin, form(&pairs))
    }

    pub async fn code(&self, changed: &[(&str, &str)]) -> String {
        let back = get_url(&self.authorize_url(changed)).await;
        get(&query(back.location()), "code").to_owned()
    }

    pub async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Response {
        // RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
        let encoded = |text: &str| form(&[("", text)])[1..].to_owned();
        let basic = common::basic(&encoded(&self.app.client_id), &encoded(&self.app.client_secret));
        post_form(&format!("{}{path}", self.origin), &[("authorization", &basic)], pairs).await
    }

    pub async fn exchange(&self, code: &str, verifier: &str) -> Response {
        let pairs = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", verifier)];
        self.post("/token", &pairs).await
    }

    pub async fn login(&self) -> Value {
        let answer = self.exchange(&self.code(&[]).await, VERIFIER).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub async fn refresh(&self, tokens: &Value, more: &[(&str, &str)]) -> Response {
        let token = tokens["refresh_token"].as_str().expect("text");
        self.post("/token", &[&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat()).await
    }

    pub async fn call(&self, method: &str, path: &str, tokens: &Value, body: &str) -> Response {
        let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("text"));
        send(method, &format!("{}{path}", self.origin), &[("authorization", &bearer), ("x-more", "1")], body).await
    }
}

pub fn error(answer: &Response) -> (u16, String) {
    (answer.status, answer.json()["error"].as_str().expect("an error").to_owned())
}

impl Acme {
    /// With an app of its own.
    pub async fn with(metadata: Metadata) -> Self {
        let mut acme = Self::start().await;
        acme.app.client_id = "mine".into();
        acme.app.client_secret = "a secret that is long enough for HS256, for sure".into();
        acme.app.metadata = metadata;
        acme.sandbox.register("mine", acme.app.clone());
        acme
    }

    /// The claims of an OpenID Connect login, and its tokens.
    pub async fn openid(&self, changed: &[(&str, &str)]) -> (Value, Value) {
        let asked = [&[("scope", "openid profile email"), ("nonce", "n-1")], changed].concat();
        let answer = self.exchange(&self.code(&asked).await, VERIFIER).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let tokens = answer.json();
        (claims(tokens["id_token"].as_str().expect("an ID token")), tokens)
    }

    /// What the authorization endpoint sends back.
    pub async fn back(&self, changed: &[(&str, &str)]) -> Vec<(String, String)> {
        query(get_url(&self.authorize_url(changed)).await.location())
    }
}

/// The payload of signed text, unchecked.
pub fn claims(text: &str) -> Value {
    part(text, 1)
}

/// The header of signed text, unchecked.
pub fn head(text: &str) -> Value {
    part(text, 0)
}

fn part(text: &str, nth: usize) -> Value {
    let part = text.split('.').nth(nth).unwrap_or_else(|| panic!("no signed text: {text}"));
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

pub fn key(algorithm: Algorithm) -> Arc<dyn Sign> {
    let key = AwsLc.generate(algorithm).expect("a key").named("client-key");
    AwsLc.signer(algorithm, &key).expect("it signs")
}

pub fn jwks(key: &dyn Sign) -> Value {
    let mut jwk = key.public_key().expect("a key pair").to_jwk();
    jwk.insert("kid".into(), json!(key.key_id()));
    json!({ "keys": [jwk] })
}

pub fn signed(key: &dyn Sign, kind: Option<&str>, claims: &Value) -> String {
    let header: Map<String, Value> = kind.map(|kind| ("typ".to_owned(), json!(kind))).into_iter().collect();
    sign_compact(key, header, claims.to_string().as_bytes()).expect("it signs")
}

/// A client's assertion about itself, or somebody else.
pub fn assertion(acme: &Acme, key: &dyn Sign, subject: &str, change: impl FnOnce(&mut Value)) -> String {
    let now = common::unix();
    let mut claims = json!({
        "iss": acme.app.client_id, "sub": subject, "aud": acme.origin, "jti": common::fresh(), "iat": now, "exp": now + 60,
    });
    change(&mut claims);
    signed(key, None, &claims)
}

/// A proof of possession (RFC 9449 §4.2).
pub fn proof(key: &dyn Sign, method: &str, url: &str, nonce: Option<&str>, token: Option<&str>) -> String {
    let mut claims = json!({"jti": common::fresh(), "htm": method, "htu": url, "iat": common::unix()});
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    if let Some(token) = token {
        claims["ath"] = json!(URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
    }
    let mut header = Map::new();
    header.insert("typ".into(), json!("dpop+jwt"));
    header.insert("jwk".into(), Value::Object(key.public_key().expect("a key pair").to_jwk()));
    // The one kind of text whose key has no name.
    header.insert("alg".into(), json!(key.algorithm().name()));
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(json!(header).to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).expect("it signs")))
}
