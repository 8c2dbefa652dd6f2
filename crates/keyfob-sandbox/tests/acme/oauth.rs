//! OAuth 2 as it was before anything was added to it.

use keyfob_sandbox::Consent;
use serde_json::json;

use crate::common::{self, decide, get, get_url, post_form, query, send};
use crate::kit::{Acme, CALLBACK, VERIFIER, error};

#[tokio::test]
async fn the_whole_login() {
    let acme = Acme::start().await;
    let meta = get_url(&format!("{}/.well-known/oauth-authorization-server", acme.origin)).await.json();
    assert_eq!(meta["issuer"], acme.origin);
    let back = get_url(&acme.authorize_url(&[])).await;
    let pairs = query(back.location());
    assert_eq!((get(&pairs, "state"), get(&pairs, "iss")), ("abc", acme.origin.as_str()));
    let answer = acme.exchange(get(&pairs, "code"), VERIFIER).await;
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
    let tokens = answer.json();
    assert_eq!((tokens["token_type"].clone(), tokens["scope"].clone()), (json!("Bearer"), json!("profile echo")));
    assert_eq!(acme.call("GET", "/api/me", &tokens, "").await.json()["sub"], "robin-demo");
    let echo = acme.call("PATCH", "/api/echo/a/%2e%2e/b;c?x=%27'", &tokens, "hello").await.json();
    assert_eq!(echo["method"], "PATCH");
    assert_eq!(echo["target"], "/api/echo/a/%2e%2e/b;c?x=%27'", "byte for byte");
    assert_eq!((echo["body"].clone(), echo["headers"]["x-more"].clone()), (json!("hello"), json!(["1"])));
    assert!(echo["headers"].get("authorization").is_none());
}

#[tokio::test]
async fn errors_that_must_not_redirect_and_errors_that_must() {
    let acme = Acme::start().await;
    for changed in [
        ("client_id", "nobody"),
        ("client_id", ""),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", ""),
        ("redirect_uri", "http://127.0.0.1:47000/callback/../x"),
    ] {
        let answer = get_url(&acme.authorize_url(&[changed])).await;
        assert_eq!((answer.status, answer.header("location")), (400, None), "{changed:?}");
    }
    for (changed, expected) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("scope", "profile fly"), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
    ] {
        let answer = get_url(&acme.authorize_url(&[changed])).await;
        let pairs = query(answer.location());
        assert_eq!((get(&pairs, "error"), get(&pairs, "state")), (expected, "abc"), "{changed:?}");
        assert_eq!(get(&pairs, "iss"), acme.origin);
    }
    let twice = get_url(&format!("{}&scope=echo", acme.authorize_url(&[]))).await;
    assert_eq!(get(&query(twice.location()), "error"), "invalid_request");
}

#[tokio::test]
async fn clients_authenticate_one_way() {
    let acme = Acme::start().await;
    let url = format!("{}/token", acme.origin);
    let code = acme.code(&[]).await;
    let pairs = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    let wrong = post_form(&url, &[("authorization", &common::basic("acme-demo", "wrong"))], &pairs).await;
    assert_eq!(error(&wrong), (401, "invalid_client".into()));
    assert!(wrong.header("www-authenticate").expect("a challenge").starts_with("Basic "));
    let raw = post_form(&url, &[("authorization", &common::basic(&acme.app.client_id, &acme.app.client_secret))], &pairs).await;
    assert_eq!(raw.status, 401, "a secret that was not form-encoded is another secret");
    let both = acme.post("/token", &[&pairs[..], &[("client_secret", &acme.app.client_secret)]].concat()).await;
    assert_eq!(error(&both), (400, "invalid_request".into()));
    let twice = acme.post("/token", &[&pairs[..], &[("code", "x")]].concat()).await;
    assert_eq!(error(&twice), (400, "invalid_request".into()));
    let json = common::post_json(&url, &json!({"grant_type": "authorization_code"})).await;
    assert_eq!(error(&json), (400, "invalid_request".into()));
    assert_eq!(send("GET", &url, &[], "").await.status, 405);
    let post = [&pairs[..], &[("client_id", &acme.app.client_id), ("client_secret", &acme.app.client_secret)]].concat();
    assert_eq!(post_form(&url, &[], &post).await.status, 200, "client_secret_post");
}

#[tokio::test]
async fn codes_are_bound_and_work_once() {
    let acme = Acme::start().await;
    let code = acme.code(&[]).await;
    assert_eq!(error(&acme.exchange(&code, &VERIFIER.replace('d', "e")).await), (400, "invalid_grant".into()));
    let public = acme.sandbox.app("acme-public").client_id;
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", &public),
    ];
    assert_eq!(error(&post_form(&format!("{}/token", acme.origin), &[], &pairs).await), (400, "invalid_grant".into()));
    let tokens = acme.exchange(&code, VERIFIER).await.json();
    assert_eq!(acme.call("GET", "/api/me", &tokens, "").await.status, 200);
    assert_eq!(error(&acme.exchange(&code, VERIFIER).await), (400, "invalid_grant".into()));
    assert_eq!(acme.call("GET", "/api/me", &tokens, "").await.status, 401, "a replayed code revokes what it gave");

    let code = acme.code(&[("client_id", &public)]).await;
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", &public),
    ];
    assert_eq!(post_form(&format!("{}/token", acme.origin), &[], &pairs).await.status, 200, "a public client");
    let code = acme.code(&[]).await;
    acme.sandbox.advance(61);
    assert_eq!(error(&acme.exchange(&code, VERIFIER).await), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn a_reused_refresh_token_revokes_its_family() {
    let acme = Acme::start().await;
    let first = acme.login().await;
    let second = acme.refresh(&first, &[]).await.json();
    let third = acme.refresh(&second, &[("scope", "echo")]).await.json();
    assert_eq!(third["scope"], "echo");
    assert_eq!(error(&acme.refresh(&third, &[("scope", "profile echo")]).await), (400, "invalid_scope".into()));
    assert_eq!(error(&acme.refresh(&first, &[]).await), (400, "invalid_grant".into()));
    assert_eq!(error(&acme.refresh(&third, &[]).await), (400, "invalid_grant".into()));
    assert_eq!(acme.call("GET", "/api/echo", &third, "").await.status, 401);
    let other = acme.login().await;
    assert_eq!(acme.call("GET", "/api/me", &other, "").await.status, 200, "another login is untouched");
}

#[tokio::test]
async fn bearer_errors_come_with_a_challenge() {
    let acme = Acme::start().await;
    let url = format!("{}/api/me", acme.origin);
    let bare = get_url(&url).await;
    let challenge = format!("Bearer realm=\"acme\", resource_metadata=\"{}/.well-known/oauth-protected-resource/api/me\"", acme.origin);
    assert_eq!((bare.status, bare.header("www-authenticate")), (401, Some(challenge.as_str())));
    let tokens = acme.login().await;
    let access = tokens["access_token"].as_str().expect("text");
    assert_eq!(get_url(&format!("{url}?access_token={access}")).await.status, 200);
    let two = send("GET", &format!("{url}?access_token={access}"), &[("authorization", &format!("Bearer {access}"))], "").await;
    assert_eq!(two.status, 400);
    acme.sandbox.advance(3601);
    let expired = acme.call("GET", "/api/me", &tokens, "").await;
    assert!(expired.header("www-authenticate").expect("a challenge").contains("error=\"invalid_token\""));
    let narrow = acme.exchange(&acme.code(&[("scope", "profile")]).await, VERIFIER).await.json();
    let refused = acme.call("GET", "/api/echo", &narrow, "").await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").expect("a challenge").contains("scope=\"echo\""));
}

#[tokio::test]
async fn revocation_and_introspection() {
    let acme = Acme::start().await;
    let tokens = acme.login().await;
    let (access, refresh) = (tokens["access_token"].as_str().expect("text"), tokens["refresh_token"].as_str().expect("text"));
    let told = acme.post("/introspect", &[("token", access)]).await.json();
    assert_eq!((told["active"].clone(), told["client_id"].clone()), (json!(true), json!("acme-demo")));
    assert_eq!(acme.post("/introspect", &[("token", "unknown")]).await.json(), json!({"active": false}));
    assert_eq!(acme.post("/revoke", &[("token", "unknown")]).await.status, 200);
    let foreign = [("token", refresh), ("client_id", "acme-demo-public")];
    assert_eq!(post_form(&format!("{}/revoke", acme.origin), &[], &foreign).await.status, 400);
    assert_eq!(acme.post("/revoke", &[("token", refresh)]).await.status, 200);
    assert_eq!(acme.post("/introspect", &[("token", access)]).await.json(), json!({"active": false}));
    assert_eq!(acme.call("GET", "/api/me", &tokens, "").await.status, 401);
}

#[tokio::test]
async fn wrong_issuer_denial_and_ticks() {
    let acme = Acme::start().await;
    acme.sandbox.faults("acme").update(|faults| faults.wrong_issuer = true);
    let back = get_url(&acme.authorize_url(&[])).await;
    assert_eq!(get(&query(back.location()), "iss"), "https://issuer.invalid");
    acme.sandbox.faults("acme").clear();
    acme.sandbox.consent("acme", Consent::Ask);
    let denied = decide(&acme.authorize_url(&[]), "deny", &[]).await;
    assert_eq!(get(&query(denied.location()), "error"), "access_denied");
    let some = decide(&acme.authorize_url(&[]), "approve", &["echo"]).await;
    let tokens = acme.exchange(get(&query(some.location()), "code"), VERIFIER).await.json();
    assert_eq!(tokens["scope"], "echo");
}
