//! OpenID Connect: metadata, keys, ID tokens, sessions, `UserInfo`.

use std::sync::Arc;

use keyfob_proto::jose::{Algorithms, AwsLc, Jws, KeySet, Keys};
use keyfob_sandbox::Metadata;
use serde_json::{Value, json};

use crate::common::{get, get_url, query, send};
use crate::kit::{Acme, VERIFIER, claims, head};

async fn key_set(acme: &Acme) -> KeySet {
    let answer = get_url(&format!("{}/jwks", acme.origin)).await;
    KeySet::read(&answer.body, Arc::new(AwsLc)).expect("public keys")
}

fn good(text: &str, set: &KeySet) -> bool {
    Jws::read(text).expect("signed text").verify(&Keys::Set(set), &Algorithms::asymmetric()).is_ok()
}

async fn userinfo(acme: &Acme, tokens: &Value) -> crate::common::Response {
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().expect("text"));
    send("GET", &format!("{}/userinfo", acme.origin), &[("authorization", &bearer)], "").await
}

#[tokio::test]
async fn one_document_at_two_places() {
    let acme = Acme::start().await;
    let openid = get_url(&format!("{}/.well-known/openid-configuration", acme.origin)).await.json();
    let oauth = get_url(&format!("{}/.well-known/oauth-authorization-server", acme.origin)).await.json();
    assert_eq!(openid, oauth);
    assert_eq!(openid["issuer"], acme.origin);
    let base = acme.origin.as_str();
    for (name, url) in openid.as_object().expect("an object").iter().filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri")
    {
        let url = url.as_str().expect("a URL");
        assert!(url.starts_with(base), "{name}");
        assert_ne!(get_url(url).await.status, 404, "{name} is there");
    }
}

#[tokio::test]
async fn an_id_token_is_about_this_login() {
    let acme = Acme::start().await;
    let (claims, tokens) = acme.openid(&[]).await;
    assert_eq!((&claims["iss"], &claims["aud"], &claims["nonce"]), (&json!(acme.origin), &json!("acme-demo"), &json!("n-1")));
    assert!(claims["at_hash"].is_string() && claims["sid"].is_string() && claims.get("auth_time").is_none());
    assert!(claims.get("email").is_none(), "scopes give claims at UserInfo (OpenID Connect Core §5.4)");
    assert!(good(tokens["id_token"].as_str().expect("text"), &key_set(&acme).await));
    let none = acme.login().await;
    assert!(none.get("id_token").is_none(), "no scope openid, no ID token");

    let again = acme.refresh(&tokens, &[]).await.json();
    let renewed = self::claims(again["id_token"].as_str().expect("an ID token at refresh"));
    for name in ["iss", "sub", "aud", "sid"] {
        assert_eq!(renewed[name], claims[name], "{name} stays (OpenID Connect Core §12.2)");
    }
    assert!(renewed.get("nonce").is_none());
}

#[tokio::test]
async fn each_app_has_its_algorithm() {
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA", "HS256"] {
        let acme = Acme::with(Metadata { id_token_signed_response_alg: Some(algorithm.into()), ..Metadata::default() }).await;
        let (_, tokens) = acme.openid(&[]).await;
        let token = tokens["id_token"].as_str().expect("text");
        assert_eq!(head(token)["alg"], algorithm);
        assert!(algorithm == "HS256" || good(token, &key_set(&acme).await), "{algorithm}");
    }
}

#[tokio::test]
async fn e12_keys_are_changed_and_the_ones_before_stay_once() {
    let acme = Acme::start().await;
    let (_, first) = acme.openid(&[]).await;
    let before = key_set(&acme).await;
    acme.sandbox.rotate_keys("acme");
    let (_, second) = acme.openid(&[]).await;
    let (first, second) = (first["id_token"].as_str().expect("text"), second["id_token"].as_str().expect("text"));
    assert_ne!(head(first)["kid"], head(second)["kid"]);
    assert!(!good(second, &before));
    let after = key_set(&acme).await;
    assert!(good(first, &after) && good(second, &after));
    acme.sandbox.rotate_keys("acme");
    let last = key_set(&acme).await;
    assert!(!good(first, &last) && good(second, &last));
}

#[tokio::test]
async fn prompt_max_age_and_acr() {
    let acme = Acme::start().await;
    let openid = [("scope", "openid"), ("nonce", "n")];
    let with = |more: &[(&'static str, &'static str)]| [&openid[..], more].concat();
    assert_eq!(get(&acme.back(&with(&[("prompt", "none")])).await, "error"), "login_required");
    acme.openid(&[]).await;
    assert!(!get(&acme.back(&with(&[("prompt", "none")])).await, "code").is_empty());
    let consent = acme.back(&[("scope", "openid echo"), ("nonce", "n"), ("prompt", "none")]).await;
    assert_eq!(get(&consent, "error"), "consent_required");
    assert_eq!(get(&acme.back(&with(&[("prompt", "none login")])).await, "error"), "invalid_request");
    assert_eq!(get(&acme.back(&with(&[("prompt", "shout")])).await, "error"), "invalid_request");
    assert_eq!(get(&acme.back(&with(&[("max_age", "-1")])).await, "error"), "invalid_request");

    let first = acme.openid(&[("max_age", "1000")]).await.0["auth_time"].as_i64().expect("auth_time, since max_age was asked");
    acme.sandbox.advance(600);
    assert_eq!(acme.openid(&[("max_age", "1000")]).await.0["auth_time"], first);
    acme.sandbox.advance(600);
    assert_eq!(get(&acme.back(&with(&[("prompt", "none"), ("max_age", "1000")])).await, "error"), "login_required");
    assert!(acme.openid(&[("max_age", "1000")]).await.0["auth_time"].as_i64().expect("a time") > first);
    acme.sandbox.advance(5);
    let now = acme.openid(&[("prompt", "login"), ("max_age", "1000")]).await.0["auth_time"].as_i64().expect("a time");
    assert!(now >= first + 1205, "prompt=login asks again");

    let strong = "urn:acme:second-factor";
    assert_eq!(acme.openid(&[]).await.0["acr"], "urn:acme:password");
    assert_eq!(acme.openid(&[("acr_values", strong)]).await.0["acr"], strong);
    let essential = r#"{"id_token":{"acr":{"essential":true,"values":["urn:other"]}}}"#;
    assert_eq!(get(&acme.back(&with(&[("claims", essential)])).await, "error"), "unmet_authentication_requirements");
    let other = r#"{"id_token":{"sub":{"value":"somebody"}}}"#;
    assert_eq!(get(&acme.back(&with(&[("claims", other)])).await, "error"), "login_required");
}

#[tokio::test]
async fn claims_come_where_they_were_asked_for() {
    let acme = Acme::start().await;
    let (claims, tokens) =
        acme.openid(&[("scope", "openid"), ("claims", r#"{"id_token":{"email":null},"userinfo":{"locale":null}}"#)]).await;
    assert_eq!(claims["email"], "robin@sandbox.invalid");
    assert_eq!(userinfo(&acme, &tokens).await.json(), json!({"sub": "robin-demo", "locale": "en"}));
    let (_, tokens) = acme.openid(&[("scope", "openid email")]).await;
    let told = userinfo(&acme, &tokens).await.json();
    assert_eq!((&told["email_verified"], told.get("name")), (&json!(true), None));
    let plain = acme.login().await;
    assert_eq!(userinfo(&acme, &plain).await.status, 403);
    assert_eq!(get_url(&format!("{}/userinfo", acme.origin)).await.status, 401);
}

#[tokio::test]
async fn userinfo_is_signed_for_who_is_registered_so() {
    let acme = Acme::with(Metadata { userinfo_signed_response_alg: Some("ES256".into()), ..Metadata::default() }).await;
    let (_, tokens) = acme.openid(&[]).await;
    let answer = userinfo(&acme, &tokens).await;
    assert_eq!(answer.header("content-type"), Some("application/jwt"));
    let told = claims(&answer.text());
    assert_eq!((&told["iss"], &told["aud"], &told["sub"]), (&json!(acme.origin), &json!("mine"), &json!("robin-demo")));
    assert!(good(&answer.text(), &key_set(&acme).await));
}

#[tokio::test]
async fn offline_access_needs_consent() {
    let acme = Acme::start().await;
    let (_, tokens) = acme.openid(&[("scope", "openid offline_access")]).await;
    assert_eq!(tokens["scope"], "openid");
    let (_, tokens) = acme.openid(&[("scope", "openid offline_access"), ("prompt", "consent")]).await;
    assert_eq!(tokens["scope"], "openid offline_access");
}

#[tokio::test]
async fn a_hybrid_login_answers_in_the_fragment() {
    let acme = Acme::start().await;
    let hybrid = [("response_type", "code id_token"), ("scope", "openid"), ("nonce", "n-2")];
    let location = get_url(&acme.authorize_url(&hybrid)).await.location().replace('#', "?");
    let back = query(&location);
    let token = claims(get(&back, "id_token"));
    assert!(token["c_hash"].is_string() && token["s_hash"].is_string() && token.get("at_hash").is_none());
    let tokens = acme.exchange(get(&back, "code"), VERIFIER).await.json();
    assert_eq!(claims(tokens["id_token"].as_str().expect("text"))["sub"], token["sub"]);
    for wrong in [("response_mode", "query"), ("nonce", ""), ("scope", "profile")] {
        let refused = get_url(&acme.authorize_url(&[&hybrid[..], &[wrong]].concat())).await;
        assert!(refused.location().contains("error=invalid_request"), "{wrong:?}");
    }
}
