//! Requests that other programs signed: the mistake that each makes is found.

#![allow(missing_docs)]

mod common;

use common::House;
use keyfob::proto::oauth1::{self, SignatureMethod};
use keyfob::proto::{Body, encode};
use serde_json::Value;

/// What a program sends that signed `signed` and sends `sent`.
async fn asked(house: &House, signed: &[&str], sent: &str) -> Value {
    let header = house.json(&[&["header"], signed].concat()).await;
    let authorization = header["headers"][0][1].as_str().expect("a header").to_owned();
    judged(house, &authorization, sent).await
}

async fn judged(house: &House, authorization: &str, sent: &str) -> Value {
    let host = house.sandbox.origin("telldus").replace("http://", "");
    let (line, body) = sent.split_once("\n\n").unwrap_or((sent, ""));
    let form = if body.is_empty() { "" } else { "\nContent-Type: application/x-www-form-urlencoded" };
    let file = house.file("refused.txt", &format!("{line} HTTP/1.1\nHost: {host}\nAuthorization: {authorization}{form}\n\n{body}"));
    house.json(&["why", "telldus", "--request", &file]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mistake_of_another_program_is_found() {
    let house = House::new().await;
    house.log_in("telldus").await;
    let origin = house.sandbox.origin("telldus");
    let url = |path: &str| format!("{origin}{path}");
    let cases: [(&[&str], &str, &str, &[&str]); 5] = [
        (&["GET", &url("/x?a=b")], "GET /x?a=b", "neither", &[]),
        (&["GET", &url("/x")], "GET /x?a=b", "client", &["query-left-out"]),
        (&["POST", &url("/x")], "POST /x\n\na=b&c=d", "client", &["form-left-out"]),
        (&["GET", &url("/x/")], "GET /x", "client", &["slash-added"]),
        (&["GET", &url("/x?a=b%2520c")], "GET /x?a=b%20c", "client", &["not-decoded"]),
    ];
    for (signed, sent, side, mistakes) in cases {
        let found = asked(&house, signed, sent).await;
        let names: Vec<&str> =
            found["mistakes"].as_array().expect("a list").iter().filter_map(|mistake| mistake["name"].as_str()).collect();
        assert_eq!((found["side"].as_str(), names.as_slice()), (Some(side), mistakes), "{sent}: {found}");
        assert!(!found.to_string().contains(&token(&house).await), "{found}");
    }
    let ended = house.run(&["why", "telldus", "--request", &house.file("none.txt", "GET /x HTTP/1.1\nHost: a\n\n")]).await;
    ended.fails(2, ["this is no request", "no parameter of OAuth 1", "example:"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_told_from_wrong_text() {
    let house = House::new().await;
    house.log_in("telldus").await;
    let right = house.json(&["header", "GET", &format!("{}/x", house.sandbox.origin("telldus"))]).await;
    let right = right["headers"][0][1].as_str().expect("a header").to_owned();
    let at = right.find("oauth_signature=\"").expect("signed");
    // Signed with something else altogether.
    let wrong = format!("{}oauth_signature=\"bm90IGEgc2lnbmF0dXJlIQ%3D%3D\"", &right[..at]);
    let host = house.sandbox.origin("telldus").replace("http://", "");
    let file = house.file("refused.txt", &format!("GET /x HTTP/1.1\nHost: {host}\nAuthorization: {wrong}\n\n"));
    let ended = house.run(&["why", "telldus", "--request", &file]).await;
    ended.fails(1, ["none of the known mistakes", "with the secrets of this account", ""]);
    let another = right.replace("oauth_token=\"", "oauth_token=\"x");
    assert_eq!(judged(&house, &another, "GET /x").await["mistakes"][0]["name"], "another-token");
    // Encoded twice on the way into the header.
    let twice = format!("{}{}", &right[..at], right[at..].replace('%', "%25"));
    assert_eq!(judged(&house, &twice, "GET /x").await["mistakes"][0]["name"], "signature-misspelled");
}

/// Keys that are made wrong, of secrets in which everything that can be done wrong shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_made_wrong_is_found() {
    const CONSUMER: &str = "app/secret+not=real";
    const TOKEN: &str = "token&secret%not/real";
    let mut house = House::new().await;
    house.set("CONSUMER_KEY", "example-key-not-real");
    house.set("CONSUMER_SECRET", CONSUMER);
    house.good(&["app", "add", "telldus"]).await;
    let tokens = serde_json::json!({"token": "example-token-not-real", "token_secret": TOKEN}).to_string();
    house.run_with(&["import", "telldus", "--stdin"], &tokens).await.exits(0);
    let (consumer, token) = (encode::percent(CONSUMER), encode::percent(TOKEN));
    let sha1 = SignatureMethod::HmacSha1;
    let cases: [(SignatureMethod, String, &[&str]); 11] = [
        (sha1, format!("{consumer}&{token}"), &[]),
        (sha1, format!("{token}&{consumer}"), &["secrets-swapped"]),
        (sha1, format!("{consumer}&"), &["token-secret-left-out"]),
        (sha1, format!("&{token}"), &["consumer-secret-left-out"]),
        (sha1, "&".to_owned(), &["secrets-left-out"]),
        (sha1, format!("{consumer}{token}"), &["secrets-without-ampersand"]),
        (sha1, consumer.clone(), &["secrets-without-ampersand", "token-secret-left-out"]),
        (sha1, format!("{CONSUMER}&{TOKEN}"), &["secrets-not-encoded"]),
        (sha1, format!("{CONSUMER}&"), &["secrets-not-encoded", "token-secret-left-out"]),
        (SignatureMethod::HmacSha256, format!("{consumer}&{token}"), &["another-hash"]),
        (SignatureMethod::HmacSha512, format!("{consumer}&"), &["another-hash", "token-secret-left-out"]),
    ];
    let protocol = [
        ("oauth_consumer_key", "example-key-not-real"),
        ("oauth_nonce", "n-1"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131202"),
        ("oauth_token", "example-token-not-real"),
    ];
    let url = format!("{}/x", house.sandbox.origin("telldus"));
    let base_string = oauth1::base_string("GET", &url, Body::Opaque, &protocol).expect("a URL");
    let parameters: Vec<String> = protocol.iter().map(|(name, value)| format!("{name}=\"{}\"", encode::percent(value))).collect();
    for (hash, key, mistakes) in cases {
        let signature = encode::percent(&oauth1::signature_under(hash, &key, &base_string).expect("a hash"));
        let header = format!("OAuth {}, oauth_signature=\"{signature}\"", parameters.join(", "));
        let found = judged(&house, &header, "GET /x").await;
        let names: Vec<&str> =
            found["mistakes"].as_array().expect("a list").iter().filter_map(|mistake| mistake["name"].as_str()).collect();
        assert_eq!(names, mistakes, "{found}");
        assert_eq!(found["side"], if mistakes.is_empty() { "neither" } else { "client" });
        assert!(!found.to_string().contains(CONSUMER) && !found.to_string().contains(TOKEN), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_echoes_is_found_and_judged() {
    let mut house = House::new().await;
    house.log_in("telldus").await;
    let app = house.sandbox.app("telldus");
    // The app's secret is another than the provider's.
    house.set("CONSUMER_KEY", &app.client_id);
    house.set("CONSUMER_SECRET", "another-secret-not-real");
    house.good(&["app", "add", "telldus"]).await;
    let found = house.json(&["why", "telldus", "GET", "/json/devices/list", "supportedMethods==3"]).await;
    assert_eq!(found["side"], "key", "{found}");
    assert!(found["base_string"]["found"].as_str().is_some_and(|text| text.starts_with("GET&http%3A%2F%2F127.0.0.1")), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stdin_says_is_read_once_and_sent() {
    let house = House::new().await;
    house.log_in("telldus").await;
    let state = async || house.json(&["telldus", "devices"]).await[1]["State"].clone();
    assert_eq!(state().await, "off");
    house.run_with(&["why", "telldus", "POST", "/json/device/turnOn", "-d", "@-"], "id=240001").await.exits(0);
    assert_eq!(state().await, "on", "the body was sent");
}

async fn token(house: &House) -> String {
    let variables = house.json(&["env", "telldus"]).await;
    variables["KEYFOB_TOKEN"].as_str().expect("a token").to_owned()
}
