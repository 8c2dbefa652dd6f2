//! Client authentication by assertion.

use keyfob_proto::Secret;
use keyfob_proto::jose::{Algorithm, HmacKey};
use keyfob_sandbox::Metadata;
use serde_json::json;

use crate::common::{post_form, unix};
use crate::kit::{Acme, assertion, error, jwks, key};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn ask(acme: &Acme, text: &str, more: &[(&str, &str)]) -> crate::common::Response {
    let pairs = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", text)];
    post_form(&format!("{}/token", acme.origin), &[], &[&pairs, more].concat()).await
}

fn by(method: &str) -> Metadata {
    Metadata { token_endpoint_auth_method: Some(method.into()), ..Metadata::default() }
}

#[tokio::test]
async fn g4_an_assertion_is_for_the_issuer_alone_fresh_short_and_used_once() {
    let key = key(Algorithm::ES256);
    let acme = Acme::with(Metadata { jwks: Some(jwks(&*key)), ..by("private_key_jwt") }).await;
    let text = assertion(&acme, &*key, "mine", |_| {});
    assert_eq!(ask(&acme, &text, &[]).await.status, 200);
    assert_eq!(error(&ask(&acme, &text, &[]).await), (401, "invalid_client".into()), "the same again");
    let token_endpoint = format!("{}/token", acme.origin);
    for (name, value) in [
        ("aud", json!(token_endpoint)),
        ("aud", json!([acme.origin])),
        ("iss", json!("another")),
        ("sub", json!("another")),
        ("jti", json!(null)),
        ("exp", json!(null)),
        ("exp", json!(unix() - 1)),
        ("exp", json!(unix() + 3600)),
        ("iat", json!(unix() + 3600)),
    ] {
        let text = assertion(&acme, &*key, "mine", |claims| claims[name] = value.clone());
        assert_eq!(error(&ask(&acme, &text, &[]).await), (401, "invalid_client".into()), "{name}: {value}");
    }
    let other = self::key(Algorithm::ES256);
    let text = assertion(&acme, &*other, "mine", |_| {});
    assert_eq!(ask(&acme, &text, &[]).await.status, 401, "another key");
    let text = assertion(&acme, &*key, "mine", |_| {});
    assert_eq!(ask(&acme, &text, &[("client_secret", "x")]).await.status, 400, "two methods");
    assert_eq!(ask(&acme, &text, &[("client_id", "acme-demo")]).await.status, 401, "in another's name");
    assert_eq!(ask(&acme, &text, &[("client_id", "mine")]).await.status, 200);
    assert_eq!(acme.post("/token", &[("grant_type", "client_credentials")]).await.status, 401, "the secret is not the registered method");
}

#[tokio::test]
async fn a_secret_signs_for_who_is_registered_so() {
    let acme = Acme::with(by("client_secret_jwt")).await;
    let key = HmacKey::new(Algorithm::HS256, &Secret::new(acme.app.client_secret.clone())).expect("long enough");
    assert_eq!(ask(&acme, &assertion(&acme, &key, "mine", |_| {}), &[]).await.status, 200);
    let wrong = HmacKey::new(Algorithm::HS256, &Secret::new("w".repeat(40))).expect("long enough");
    assert_eq!(ask(&acme, &assertion(&acme, &wrong, "mine", |_| {}), &[]).await.status, 401);
}

#[tokio::test]
async fn the_registered_method_is_the_only_one() {
    let post = Acme::with(by("client_secret_post")).await;
    assert_eq!(post.post("/token", &[("grant_type", "client_credentials")]).await.status, 401);
    let pairs = [("grant_type", "client_credentials"), ("client_id", "mine"), ("client_secret", post.app.client_secret.as_str())];
    assert_eq!(post_form(&format!("{}/token", post.origin), &[], &pairs).await.status, 200);
    let narrow = Acme::with(Metadata { grant_types: vec!["authorization_code".into()], ..Metadata::default() }).await;
    let refused = narrow.post("/token", &[("grant_type", "client_credentials")]).await;
    assert_eq!(error(&refused), (400, "unauthorized_client".into()));
}
