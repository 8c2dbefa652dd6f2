//! `/token/{account}`.

use crate::support::gate::{Instance, Vault, pretend};

#[tokio::test]
async fn a_key_that_may_see_it_gets_a_valid_token() {
    let vault = Vault::default();
    let (sandbox, services) = pretend(&vault, &["netatmo", "telldus"]).await;
    let instance = Instance::start(&vault, services).await;
    let key = vault.made("netatmo", &[], |new| new.may_see_token = true).await.text;
    let reply = instance.ask(key.expose(), "GET", "/token/netatmo").await;
    assert_eq!(
        (reply.status, reply.header("content-type"), reply.header("cache-control")),
        (200, Some("application/json"), Some("no-store"))
    );
    let members = reply.json();
    let stored = async || keyfob::Store::account(&*vault.store, "netatmo").await.expect("the store").expect("an account").value.tokens;
    let access = |tokens| match tokens {
        keyfob::proto::TokenSet::OAuth2(tokens) => tokens.access.expose().to_owned(),
        _ => panic!("OAuth 2"),
    };
    assert_eq!(members["access_token"], access(stored().await).as_str());
    assert_eq!((members["token_type"].as_str(), members["scope"].as_str()), (Some("Bearer"), Some("read_station")));
    let expires_at = members["expires_at"].as_str().expect("a moment");
    assert!(expires_at.len() == 20 && expires_at.ends_with('Z') && expires_at.contains('T'), "{expires_at}");
    // One that ends is renewed first.
    vault.clock_forward(10_800 - 30);
    sandbox.advance(10_800 - 30);
    let renewed = instance.ask(key.expose(), "GET", "/token/netatmo").await.json();
    assert_ne!(renewed["access_token"], members["access_token"]);
    assert_eq!(renewed["access_token"], access(stored().await).as_str());

    assert_eq!(instance.ask(key.expose(), "POST", "/token/netatmo").await.code(), "method");
    assert_eq!(instance.ask(key.expose(), "GET", "/api/netatmo/api/getstationsdata").await.status, 403, "no rule allows it");
    let other = vault.key("netatmo", &["* /**"]).await;
    let refused = instance.ask(&other, "GET", "/token/netatmo").await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "not-allowed"));
    let signed = vault.made("telldus", &[], |new| new.may_see_token = true).await.text;
    let refused = instance.ask(signed.expose(), "GET", "/token/telldus").await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "no-token"));
    assert!(refused.json()["hint"].as_str().is_some_and(|hint| hint.contains("/api/")));
    let asked: Vec<_> =
        vault.book().await.into_iter().filter(|line| line["act"] == "token-asked").map(|line| line["status"].clone()).collect();
    assert_eq!(asked, [409, 403, 405, 200, 200]);
}
