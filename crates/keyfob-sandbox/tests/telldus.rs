//! Telldus: the login by hand-made requests, its quirks, its devices.

mod common;

use common::{Put, Response, Signer, decide, get, get_url, pin, query, send};
use keyfob_sandbox::{Consent, Placement, Registration, Sandbox};
use serde_json::json;

const CALLBACK: &str = "http://127.0.0.1:40000/callback";

async fn start() -> (Sandbox, String, Registration) {
    let sandbox = Sandbox::start().await.expect("free ports");
    sandbox.consent("telldus", Consent::Approve);
    let (origin, app) = (sandbox.origin("telldus"), sandbox.app("telldus"));
    (sandbox, origin, app)
}

fn consumer(app: &Registration) -> (&str, &str) {
    (&app.client_id, &app.client_secret)
}

/// Temporary credentials: token and secret.
async fn request_token(origin: &str, app: &Registration, callback: Option<&str>) -> (String, String) {
    let extra: Vec<_> = callback.iter().map(|uri| ("oauth_callback", *uri)).collect();
    let url = format!("{origin}/oauth/requestToken");
    let answer = Signer::new(consumer(app), None).send(Put::Header, "POST", &url, &extra, &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pairs = answer.form();
    (get(&pairs, "oauth_token").to_owned(), get(&pairs, "oauth_token_secret").to_owned())
}

async fn exchange(origin: &str, app: &Registration, token: (&str, &str), verifier: Option<&str>) -> Response {
    let extra: Vec<_> = verifier.iter().map(|verifier| ("oauth_verifier", *verifier)).collect();
    let url = format!("{origin}/oauth/accessToken");
    Signer::new(consumer(app), Some(token)).send(Put::Header, "GET", &url, &extra, &[]).await
}

async fn ready_call(origin: &str, app: &Registration, path: &str, pairs: &[(&str, &str)]) -> Response {
    let ready = app.ready.as_ref().expect("a ready token");
    let token = Some((ready.token.as_str(), ready.token_secret.as_str()));
    Signer::new(consumer(app), token).send(Put::Header, "GET", &format!("{origin}{path}"), &[], pairs).await
}

#[tokio::test]
async fn the_whole_login_then_devices() {
    let (sandbox, origin, app) = start().await;
    let url = format!("{origin}/oauth/requestToken");
    let answer = Signer::new(consumer(&app), None).send(Put::Header, "GET", &url, &[("oauth_callback", CALLBACK)], &[]).await;
    let text = answer.text();
    assert!(text.starts_with("oauth_callback_confirmed=1&oauth_token="), "{text}");
    assert!(text.ends_with("&xoauth_token_ttl=3600"), "{text}");
    let pairs = answer.form();
    let (token, secret) = (get(&pairs, "oauth_token"), get(&pairs, "oauth_token_secret"));
    assert_eq!((token.len(), secret.len()), (41, 32));

    let back = get_url(&format!("{origin}/oauth/authorize?oauth_token={token}")).await;
    assert_eq!(back.status, 302);
    assert!(back.location().starts_with(&format!("{CALLBACK}?oauth_token={token}&oauth_verifier=")));
    let verifier = get(&query(back.location()), "oauth_verifier").to_owned();
    assert_eq!(verifier.len(), 10);

    let answer = exchange(&origin, &app, (token, secret), Some(&verifier)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let pairs = answer.form();
    let credentials = Some((get(&pairs, "oauth_token"), get(&pairs, "oauth_token_secret")));
    let again = exchange(&origin, &app, (token, secret), Some(&verifier)).await;
    assert_eq!(again.status, 401);
    assert!(again.text().contains("does not exist or is not enabled."), "{}", again.text());

    let list = Signer::new(consumer(&app), credentials)
        .send(Put::Header, "GET", &format!("{origin}/json/devices/list"), &[], &[("supportedMethods", "TURNON|TURNOFF")])
        .await
        .json();
    assert!(list.get("devices").is_none(), "the key is the singular");
    assert_eq!(list["device"][1]["name"], "Living room lamp");
    assert_eq!(list["device"][1]["methods"], 3);

    let lines: Vec<_> = sandbox.seen("telldus").iter().map(keyfob_sandbox::Seen::line).collect();
    let oauth = "oauth_consumer_key=SANDBOXPUBLICKEYNOTREAL000000001,oauth_nonce=<masked>,oauth_signature=<masked>,\
                 oauth_signature_method=HMAC-SHA1,oauth_timestamp=<masked>";
    assert_eq!(
        lines,
        [
            format!(
                "GET /oauth/requestToken header[oauth_callback=http://127.0.0.1:<port>/callback,{oauth},oauth_version=1.0] query[] body[] -> 200"
            ),
            "GET /oauth/authorize header[] query[oauth_token=<masked>] body[] -> 302".to_owned(),
            format!(
                "GET /oauth/accessToken header[{oauth},oauth_token=<masked>,oauth_verifier=<masked>,oauth_version=1.0] query[] body[] -> 200"
            ),
            format!(
                "GET /oauth/accessToken header[{oauth},oauth_token=<masked>,oauth_verifier=<masked>,oauth_version=1.0] query[] body[] -> 401"
            ),
            format!(
                "GET /json/devices/list header[{oauth},oauth_token=<masked>,oauth_version=1.0] query[supportedMethods=TURNON|TURNOFF] body[] -> 200"
            ),
        ]
    );
}

#[tokio::test]
async fn every_placement_and_plaintext_are_accepted() {
    let (sandbox, origin, app) = start().await;
    let ready = app.ready.clone().expect("a ready token");
    let mut signer = Signer::new(consumer(&app), Some((&ready.token, &ready.token_secret)));
    let url = format!("{origin}/json/clients/list");
    for method in ["HMAC-SHA1", "PLAINTEXT"] {
        signer.method = method;
        for (put, verb, placement) in [
            (Put::Header, "GET", Placement::Header),
            (Put::Query, "GET", Placement::Query),
            (Put::Body, "POST", Placement::Body),
            (Put::Header, "POST", Placement::Header),
        ] {
            let answer = signer.send(put, verb, &url, &[], &[("extras", "a b+c%å")]).await;
            assert_eq!(answer.status, 200, "{method} {verb}: {}", answer.text());
            assert_eq!(answer.json()["client"][0]["name"], "home");
            assert_eq!(sandbox.seen("telldus").last().expect("one").placement, placement);
        }
    }
    signer.method = "HMAC-SHA256";
    assert_eq!(signer.send(Put::Header, "GET", &url, &[], &[]).await.status, 401);
}

#[tokio::test]
async fn a_denial_comes_back_without_verifier_and_spends_the_token() {
    let (sandbox, origin, app) = start().await;
    sandbox.consent("telldus", Consent::Deny);
    let (token, secret) = request_token(&origin, &app, Some(CALLBACK)).await;
    let back = get_url(&format!("{origin}/oauth/authorize?oauth_token={token}")).await;
    assert_eq!(back.location(), format!("{CALLBACK}?oauth_token={token}"));
    assert_eq!(exchange(&origin, &app, (&token, &secret), None).await.status, 401);
}

#[tokio::test]
async fn a_callback_on_the_authorize_url_wins_and_oob_shows_a_pin() {
    let (_sandbox, origin, app) = start().await;
    let (token, _) = request_token(&origin, &app, Some(CALLBACK)).await;
    let other = "http://127.0.0.1:41000/other?x=1";
    let url = format!("{origin}/oauth/authorize?oauth_token={token}&oauth_callback={}", common::encode(other));
    assert!(get_url(&url).await.location().starts_with(&format!("{other}&oauth_token=")));

    for callback in [Some("oob"), None] {
        let (token, secret) = request_token(&origin, &app, callback).await;
        let page = get_url(&format!("{origin}/oauth/authorize?oauth_token={token}")).await;
        let answer = exchange(&origin, &app, (&token, &secret), Some(&pin(&page))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_person_decides_on_the_page() {
    let (sandbox, origin, app) = start().await;
    sandbox.consent("telldus", Consent::Ask);
    let (token, secret) = request_token(&origin, &app, Some(CALLBACK)).await;
    let url = format!("{origin}/oauth/authorize?oauth_token={token}");

    let early = exchange(&origin, &app, (&token, &secret), Some("0123456789")).await;
    assert_eq!(early.status, 401);
    assert_eq!(early.header("content-type"), Some("text/plain;charset=UTF-8"));
    assert!(early.text().starts_with("OAuth Verification Failed: Can't exchange request token"), "{}", early.text());

    let forged = common::post_form(&format!("{origin}/oauth/authorize"), &[], &[("ticket", "guess"), ("decision", "approve")]).await;
    assert_eq!(forged.status, 400);
    let back = decide(&url, "approve", &[]).await;
    let verifier = get(&query(back.location()), "oauth_verifier").to_owned();

    assert_eq!(exchange(&origin, &app, (&token, &secret), Some("0000000000")).await.status, 401);
    assert_eq!(exchange(&origin, &app, (&token, &secret), None).await.status, 401, "strict by default");
    sandbox.faults("telldus").update(|faults| faults.lenient = true);
    assert_eq!(exchange(&origin, &app, (&token, &secret), Some("0000000000")).await.status, 401);
    drop(verifier);
    assert_eq!(exchange(&origin, &app, (&token, &secret), None).await.status, 200, "as the real server does");
}

#[tokio::test]
async fn signatures_timestamps_and_nonces_are_judged() {
    let (sandbox, origin, app) = start().await;
    let url = format!("{origin}/oauth/requestToken");
    let wrong = Signer::new((&app.client_id, "other"), None).send(Put::Header, "POST", &url, &[], &[]).await;
    assert_eq!(wrong.status, 401);
    let base =
        format!("OAuth Verification Failed: Verification of signature failed (signature base string was \"POST&{}&", common::encode(&url));
    assert!(wrong.text().starts_with(&base), "{}", wrong.text());
    let unknown = Signer::new(("nobody", "x"), None).send(Put::Header, "POST", &url, &[], &[]).await;
    assert_eq!(
        unknown.text(),
        "OAuth Verification Failed: The consumer_key \"nobody\" token \"\" combination does not exist or is not enabled."
    );
    let unsigned = get_url(&format!("{origin}/json/devices/list")).await;
    assert_eq!(unsigned.status, 401);
    assert_eq!(unsigned.json()["error"], "OAuth Verification Failed: Can't verify request, missing oauth_consumer_key or oauth_token");

    let mut signer = Signer::new(consumer(&app), None);
    signer.nonce = Some("same".into());
    signer.timestamp = Some(common::unix().to_string());
    assert_eq!(signer.send(Put::Header, "POST", &url, &[], &[]).await.status, 200);
    let replayed = signer.send(Put::Header, "POST", &url, &[], &[]).await;
    assert_eq!(
        replayed.text(),
        "OAuth Verification Failed: Duplicate timestamp/nonce combination, possible replay attack.  Request rejected."
    );
    signer.timestamp = Some((common::unix() - 700).to_string());
    let old = signer.send(Put::Header, "POST", &url, &[], &[]).await.text();
    assert!(old.contains("Timestamp is out of sequence. Request rejected. Got "), "{old}");

    sandbox.faults("telldus").update(|faults| faults.clock_skew = 86_400);
    let skewed = Signer::new(consumer(&app), None).send(Put::Header, "POST", &url, &[], &[]).await;
    assert!(skewed.text().contains("out of sequence"), "{}", skewed.text());
}

#[tokio::test]
async fn request_tokens_last_an_hour() {
    let (sandbox, origin, app) = start().await;
    let (token, _) = request_token(&origin, &app, Some(CALLBACK)).await;
    sandbox.advance(3601);
    let page = get_url(&format!("{origin}/oauth/authorize?oauth_token={token}")).await;
    assert_eq!(page.status, 400);
    assert!(page.header("location").is_none());
}

#[tokio::test]
async fn devices_keep_state_and_groups_act_on_their_members() {
    let (sandbox, origin, app) = start().await;
    let call = |path: &'static str, pairs: &'static [(&'static str, &'static str)]| ready_call(&origin, &app, path, pairs);
    let state = async |id: &'static str| {
        let list = call("/json/devices/list", &[("supportedMethods", "915")]).await.json();
        let device = list["device"].as_array().expect("devices").iter().find(|d| d["id"] == id).expect("there").clone();
        (device["state"].as_u64().expect("a number"), device["statevalue"].clone())
    };
    assert_eq!(state("240001").await, (2, json!("0")));
    assert_eq!(call("/json/device/turnOn", &[("id", "240001")]).await.json(), json!({"status": "success"}));
    assert_eq!(state("240001").await, (1, json!("0")));
    call("/json/device/dim", &[("id", "240001"), ("level", "128")]).await;
    assert_eq!(state("240001").await, (16, json!("128")));
    call("/json/device/command", &[("id", "240003"), ("method", "256")]).await;
    assert_eq!(state("240003").await.0, 256);
    call("/json/device/turnOff", &[("id", "240000")]).await;
    assert_eq!((state("240001").await.0, state("240002").await.0), (2, 2));
    let history = call("/json/device/history", &[("id", "240001")]).await.json();
    let entries = history["history"].as_array().expect("entries");
    let ours: Vec<_> = entries.iter().filter(|entry| entry["origin"] == "API").collect();
    assert_eq!((ours.len(), &ours[1]["stateValue"]), (3, &json!(128)));
    assert!(entries.len() > ours.len() && entries.is_sorted_by_key(|entry| entry["ts"].as_i64()), "the house was lived in: {entries:?}");

    for (path, pairs, code) in [
        ("/json/device/turnOn", &[("id", "1")][..], 1),
        ("/json/device/turnOn", &[("id", "250001")][..], 3),
        ("/json/device/turnOn", &[("id", "240003")][..], 7),
        ("/json/device/dim", &[("id", "240001"), ("level", "256")][..], 6),
        ("/json/device/fly", &[("id", "240001")][..], 1),
    ] {
        let answer = ready_call(&origin, &app, path, pairs).await;
        assert_eq!((answer.status, &answer.json()["code"]), (200, &json!(code)), "{path}");
        assert!(answer.json()["error"].is_string());
    }
    sandbox.faults("telldus").update(|faults| faults.client_offline = true);
    let offline = call("/json/device/turnOn", &[("id", "240001")]).await;
    assert_eq!((offline.status, offline.json()["error"].clone()), (200, json!("The client for this device is currently offline")));
}

#[tokio::test]
async fn methods_are_zero_unless_asked_for() {
    let (_sandbox, origin, app) = start().await;
    for (supported, expected) in [(None, 0), (Some("3"), 3), (Some("915"), 19), (Some("DIM|UP"), 16)] {
        let pairs: Vec<_> = supported.iter().map(|bits| ("supportedMethods", *bits)).collect();
        let info = ready_call(&origin, &app, "/json/device/info", &[&pairs[..], &[("id", "240001")]].concat()).await;
        assert_eq!(info.json()["methods"], expected);
    }
}

#[tokio::test]
async fn the_three_forms_of_a_call_agree() {
    let (_sandbox, origin, app) = start().await;
    let json_form = ready_call(&origin, &app, "/json/clients/list", &[]).await;
    let query_form = ready_call(&origin, &app, "/clients/list", &[("format", "json")]).await;
    assert_eq!(json_form.json(), query_form.json());
    let xml = ready_call(&origin, &app, "/xml/clients/list", &[]).await;
    assert_eq!(xml.header("content-type"), Some("text/xml;charset=UTF-8"));
    assert!(xml.text().contains("<clients><client ") && xml.text().contains(" id=\"10000\""), "{}", xml.text());
    let refused = get_url(&format!("{origin}/xml/clients/list")).await;
    assert!(refused.text().contains("<error>OAuth Verification Failed: "), "{}", refused.text());
    assert_eq!(get_url(&format!("{origin}/")).await.status, 404);
}

#[tokio::test]
async fn sensors_measure() {
    let (_sandbox, origin, app) = start().await;
    let list = ready_call(&origin, &app, "/json/sensors/list", &[("includeValues", "1")]).await.json();
    assert_eq!(list["sensor"][0]["name"], "Balcony");
    list["sensor"][0]["temp"].as_str().expect("text").parse::<f64>().expect("a number");
    let info = ready_call(&origin, &app, "/json/sensor/info", &[("id", "2813568")]).await.json();
    assert_eq!(info["data"][0]["name"], "wavg");
    let history =
        ready_call(&origin, &app, "/json/sensor/history", &[("id", "2813567"), ("from", "1704067200"), ("to", "1704070800")]).await.json();
    assert_eq!(history["history"].as_array().expect("points").len(), 7);
}

#[tokio::test]
async fn faults_on_request() {
    let (sandbox, origin, app) = start().await;
    sandbox.faults("telldus").update(|faults| {
        faults.too_many_requests = 1;
        faults.retry_after = 3;
    });
    let limited = ready_call(&origin, &app, "/json/clients/list", &[]).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("3")));
    assert_eq!(ready_call(&origin, &app, "/json/clients/list", &[]).await.status, 200);
    sandbox.faults("telldus").update(|faults| faults.retired = true);
    assert_eq!(send("POST", &format!("{origin}/oauth/requestToken"), &[], "").await.status, 410);
}
