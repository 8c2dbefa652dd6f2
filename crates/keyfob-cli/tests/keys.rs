//! Valet keys and API tokens, from being made to being taken back.

#![allow(missing_docs)]

mod common;

use common::House;
use keyfob::transport::Transport;
use keyfob::{Body, HyperTransport};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_listed_and_revoked() {
    let house = House::new().await;
    house.log_in("august").await;
    let make =
        ["key", "create", "--account", "august", "--allow", "GET /users/locks/**", "--rate", "10/min", "--expires", "7d", "--name", "cron"];
    let made = house.json(&make).await;
    let (id, key) = (made["id"].as_str().expect("an id"), made["key"].as_str().expect("a key"));
    assert!(key.starts_with("kfk_") && key.len() == 75 && key[4..].starts_with(id), "{made}");
    let listed = house.json(&["key", "list"]).await;
    let one = &listed[0];
    assert_eq!((one["id"].as_str(), one["name"].as_str(), one["account"].as_str()), (Some(id), Some("cron"), Some("august")));
    assert_eq!((&one["allow"][0], &one["rate"], &one["token"]), (&"GET /users/locks/**".into(), &"10/min".into(), &false.into()));
    assert!(one.get("key").is_none() && !listed.to_string().contains(&key[30..]), "{listed}");
    // Nor is it in the vault, in any way that can be read.
    let vault = std::fs::read(house.vault()).expect("a vault");
    assert!(!vault.windows(20).any(|part| part == &key.as_bytes()[30..50]));

    assert_eq!(house.json(&["key", "revoke", id]).await["revoked"], true);
    assert_eq!(house.json(&["key", "list"]).await, serde_json::json!([]));
    house.run(&["key", "revoke", id]).await.exits(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_token_is_made_listed_and_revoked() {
    let house = House::new().await;
    house.log_in("august").await;
    let made = house.json(&["key", "create", "--api", "--name", "deploy", "--expires", "30d"]).await;
    let (id, token) = (made["id"].as_str().expect("an id"), made["key"].as_str().expect("a token"));
    assert!(token.starts_with("kft_") && token[4..].starts_with(id), "{made}");
    let listed = house.json(&["key", "list"]).await;
    assert_eq!((&listed[0]["id"], &listed[0]["api"], &listed[0]["name"]), (&id.into(), &true.into(), &"deploy".into()));
    assert!(!listed.to_string().contains(&token[30..]), "{listed}");
    // It has no rules, so that none may be given; and a key has an account.
    for words in [
        &["key", "create", "--api", "--name", "x", "--allow", "GET /**"][..],
        &["key", "create", "--api", "--name", "x", "--account", "august"],
        &["key", "create", "--api"],
        &["key", "create", "--allow", "GET /**"],
    ] {
        house.run(words).await.exits(2);
    }
    assert_eq!(house.json(&["key", "revoke", id]).await["revoked"], true);
    assert_eq!(house.json(&["key", "list"]).await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_still_opens_after_its_account_got_another_name() {
    let house = House::new().await;
    house.log_in("acme").await;
    let made = house.json(&["key", "create", "--account", "acme", "--allow", "GET /api/**", "--name", "script"]).await;
    let key = made["key"].as_str().expect("a key");
    let listen = format!("127.0.0.1:{}", keyfob_testbed::port::reserve());
    let mut serve = house.start(&["serve", "--listen", &listen]);
    serve.line(|line| line.contains(&listen)).await;
    let status = async |account: &str| get(&format!("http://{listen}/api/{account}/api/me"), key).await;
    assert_eq!(status("acme").await, 200);
    // While the web app runs, and knows the key by now.
    house.good(&["account", "rename", "acme", "acme/home"]).await;
    assert_eq!(status("acme%2Fhome").await, 200, "the key follows the account's id");
    assert!((400..500).contains(&status("acme").await), "nobody has that name any more");
    serve.interrupt();
    serve.end_listening().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_another_persons_says_that_keys_have_ended() {
    let house = House::new().await;
    let tokens = r#"{"access_token":"example-access-token-not-real","user_id":"SOMEBODY-ELSE"}"#;
    house.run_with(&["import", "fitbit", "--stdin"], tokens).await.exits(0);
    house.good(&["key", "create", "--account", "fitbit", "--allow", "GET /1/**", "--name", "script"]).await;
    let ended = house.log_in("fitbit").await;
    assert!(
        ended.stderr.contains("note: another person than before: 1 valet key that was made for that login opens nothing"),
        "{ended:#?}"
    );
    // The same person once more ends nothing, and nothing is said.
    house.good(&["key", "create", "--account", "fitbit", "--allow", "GET /1/**", "--name", "other"]).await;
    let again = house.log_in("fitbit").await;
    assert!(again.stderr.contains("logged in again") && !again.stderr.contains("another person"), "{again:#?}");
}

async fn get(url: &str, key: &str) -> u16 {
    let transport = HyperTransport::builder().loopback_only(true).build().expect("a certificate store");
    let request = http::Request::get(url).header("authorization", format!("Bearer {key}"));
    transport.send(request.body(Body::empty()).expect("a URL")).await.expect("an answer").status().as_u16()
}
