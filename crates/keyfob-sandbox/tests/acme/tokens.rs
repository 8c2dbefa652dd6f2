//! What tokens are for, what they say, and what is asked about them.

use keyfob_sandbox::Metadata;
use serde_json::json;

use crate::common::{get, get_url, query};
use crate::kit::{Acme, VERIFIER, claims, error, head};

#[tokio::test]
async fn a_token_for_a_resource_is_good_there_alone() {
    let acme = Acme::start().await;
    let (api, secure) = (format!("{}/api", acme.origin), format!("{}/api/secure", acme.origin));
    let url = format!("{}&resource={}", acme.authorize_url(&[("resource", &api)]), crate::common::encode(&secure));
    let code = get(&query(get_url(&url).await.location()), "code").to_owned();
    let tokens = acme.exchange(&code, VERIFIER).await.json();
    let access = tokens["access_token"].as_str().expect("text");
    assert_eq!(head(access)["typ"], "at+jwt");
    assert_eq!(claims(access)["aud"], json!([api, secure]));
    assert_eq!(claims(access)["client_id"], "acme-demo");
    assert_eq!(acme.call("GET", "/api/me", &tokens, "").await.status, 200);

    let narrow = acme.refresh(&tokens, &[("resource", &secure)]).await.json();
    assert_eq!(claims(narrow["access_token"].as_str().expect("text"))["aud"], json!(secure));
    assert_eq!(acme.call("GET", "/api/me", &narrow, "").await.status, 401, "for another resource");
    let wide = acme.refresh(&narrow, &[]).await.json();
    assert_eq!(claims(wide["access_token"].as_str().expect("text"))["aud"], json!([api, secure]), "the grant stays as wide as it was");
    let elsewhere = acme.refresh(&wide, &[("resource", "https://elsewhere.example/")]).await;
    assert_eq!(error(&elsewhere), (400, "invalid_target".into()));
    assert_eq!(get(&acme.back(&[("resource", "https://elsewhere.example/")]).await, "error"), "invalid_target");
}

#[tokio::test]
async fn authorization_details_are_echoed() {
    let acme = Acme::start().await;
    let asked = r#"[{"type":"payment","actions":["initiate"],"amount":"12.50"}]"#;
    let tokens = acme.exchange(&acme.code(&[("authorization_details", asked)]).await, VERIFIER).await.json();
    assert_eq!(
        tokens["authorization_details"].to_string(),
        json!([{"type": "payment", "actions": ["initiate"], "amount": "12.50"}]).to_string()
    );
    let told = acme.post("/introspect", &[("token", tokens["access_token"].as_str().expect("text"))]).await.json();
    assert_eq!(told["authorization_details"], tokens["authorization_details"]);
    let refused = acme.back(&[("authorization_details", r#"[{"type":"flight"}]"#)]).await;
    assert_eq!(get(&refused, "error"), "invalid_authorization_details");
}

#[tokio::test]
async fn an_answer_about_a_token_may_be_signed() {
    let acme = Acme::with(Metadata { introspection_signed_response_alg: Some("ES256".into()), ..Metadata::default() }).await;
    let tokens = acme.login().await;
    let answer = acme.post("/introspect", &[("token", tokens["access_token"].as_str().expect("text"))]).await;
    assert_eq!(answer.header("content-type"), Some("application/token-introspection+jwt"));
    let text = answer.text();
    assert_eq!((&head(&text)["typ"], &head(&text)["alg"]), (&json!("token-introspection+jwt"), &json!("ES256")));
    let said = claims(&text);
    assert_eq!((&said["aud"], &said["token_introspection"]["active"]), (&json!("mine"), &json!(true)));
    assert!(said.get("sub").is_none() && said.get("exp").is_none(), "it must not be taken for an access token (RFC 9701 §5)");
}

#[tokio::test]
async fn a_resource_says_who_gives_tokens_for_it_and_when_more_is_needed() {
    let acme = Acme::start().await;
    let bare = get_url(&format!("{}/api/me", acme.origin)).await;
    let challenge = bare.header("www-authenticate").expect("a challenge");
    let url = challenge.split("resource_metadata=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("where its metadata is");
    let meta = get_url(url).await.json();
    assert_eq!((&meta["resource"], &meta["authorization_servers"]), (&json!(format!("{}/api/me", acme.origin)), &json!([acme.origin])));

    let weak = acme.login().await;
    let refused = acme.call("GET", "/api/secure", &weak, "").await;
    let challenge = refused.header("www-authenticate").expect("a challenge").to_owned();
    assert_eq!(refused.status, 401);
    assert!(challenge.contains("insufficient_user_authentication") && challenge.contains("acr_values=\"urn:acme:second-factor\""));
    let strong = acme.exchange(&acme.code(&[("acr_values", "urn:acme:second-factor")]).await, VERIFIER).await.json();
    assert_eq!(acme.call("GET", "/api/secure", &strong, "").await.status, 200);
    acme.sandbox.advance(301);
    let old = acme.call("GET", "/api/secure", &strong, "").await;
    assert!(old.header("www-authenticate").is_some_and(|challenge| challenge.contains("max_age=\"300\"")));
}
