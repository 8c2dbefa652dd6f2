//! Requests that other programs signed: the mistake that each makes is found.

#![allow(missing_docs)]

mod common;

use common::House;
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
