//! Authorization requests that are pushed or signed, and responses that are posted or signed.

use keyfob_proto::jose::{Algorithm, Sign};
use keyfob_sandbox::Metadata;
use serde_json::{Value, json};

use crate::common::{get, get_url, query, unix};
use crate::kit::{Acme, CALLBACK, CHALLENGE, VERIFIER, claims, error, jwks, key, signed};

const ASKED: [(&str, &str); 6] = [
    ("response_type", "code"),
    ("redirect_uri", CALLBACK),
    ("scope", "profile"),
    ("state", "pushed"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

fn only(acme: &Acme, name: &str, value: &str) -> String {
    format!("{}/authorize?client_id={}&{name}={value}", acme.origin, acme.app.client_id)
}

#[tokio::test]
async fn a_pushed_request_is_good_once_for_a_minute_and_its_own_app() {
    let acme = Acme::start().await;
    let answer = acme.post("/par", &ASKED).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["expires_in"], 60);
    let uri = answer.json()["request_uri"].as_str().expect("text").to_owned();
    let back = query(get_url(&only(&acme, "request_uri", &uri)).await.location());
    assert_eq!(get(&back, "state"), "pushed");
    assert_eq!(acme.exchange(get(&back, "code"), VERIFIER).await.status, 200);
    assert_eq!(get_url(&only(&acme, "request_uri", &uri)).await.status, 400, "once");

    let push = async || acme.post("/par", &ASKED).await.json()["request_uri"].as_str().expect("text").to_owned();
    let uri = push().await;
    acme.sandbox.advance(61);
    assert_eq!(get_url(&only(&acme, "request_uri", &uri)).await.status, 400, "late");
    let other = format!("{}/authorize?client_id=acme-demo-public&request_uri={}", acme.origin, push().await);
    assert_eq!(get_url(&other).await.status, 400, "another app's");

    let mut wrong = ASKED.to_vec();
    wrong.push(("request_uri", "urn:x"));
    assert_eq!(error(&acme.post("/par", &wrong).await), (400, "invalid_request".into()));
    let mut wrong = ASKED.to_vec();
    wrong[1].1 = "https://evil.example/";
    assert_eq!(error(&acme.post("/par", &wrong).await), (400, "invalid_request".into()));
}

#[tokio::test]
async fn who_has_to_push_has_to_push() {
    let acme = Acme::with(Metadata { require_pushed_authorization_requests: true, ..Metadata::default() }).await;
    assert_eq!(get(&acme.back(&[]).await, "error"), "invalid_request");
    assert_eq!(acme.post("/par", &ASKED).await.status, 201);
    let all = Acme::start().await;
    assert!(!get(&all.back(&[]).await, "code").is_empty());
    all.sandbox.faults("acme").update(|faults| faults.require_par = true);
    assert_eq!(get(&all.back(&[]).await, "error"), "invalid_request");
}

fn object(acme: &Acme, key: &dyn Sign, change: impl FnOnce(&mut Value)) -> String {
    let mut object = json!({
        "iss": "mine", "aud": acme.origin, "exp": unix() + 60, "client_id": "mine", "max_age": 100, "scope": "openid", "response_type": "code",
        "redirect_uri": CALLBACK, "state": "signed", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    });
    change(&mut object);
    signed(key, Some("oauth-authz-req+jwt"), &object)
}

#[tokio::test]
async fn only_the_signed_parameters_count() {
    let key = key(Algorithm::PS256);
    let acme = Acme::with(Metadata { jwks: Some(jwks(&*key)), require_signed_request_object: true, ..Metadata::default() }).await;
    assert_eq!(get(&acme.back(&[]).await, "error"), "invalid_request", "unsigned");
    let text = object(&acme, &*key, |_| {});
    let back = acme.back(&[("request", &text), ("state", "plain"), ("scope", "profile echo")]).await;
    assert_eq!(get(&back, "state"), "signed");
    let tokens = acme.exchange(get(&back, "code"), VERIFIER).await.json();
    assert_eq!(tokens["scope"], "openid");
    assert!(claims(tokens["id_token"].as_str().expect("text"))["auth_time"].is_number());
    for (name, value) in [
        ("iss", json!("another")),
        ("aud", json!("https://elsewhere.example")),
        ("exp", json!(unix() - 10)),
        ("exp", json!(null)),
        ("client_id", json!("acme-demo")),
        ("request_uri", json!("urn:x")),
    ] {
        let text = object(&acme, &*key, |object| object[name] = value.clone());
        assert_eq!(get_url(&only(&acme, "request", &text)).await.status, 400, "{name}: {value}");
    }
    let stranger = self::key(Algorithm::PS256);
    assert_eq!(get_url(&only(&acme, "request", &object(&acme, &*stranger, |_| {}))).await.status, 400);
    let pushed = acme.post("/par", &[("request", &object(&acme, &*key, |_| {}))]).await;
    let uri = pushed.json()["request_uri"].as_str().expect("text").to_owned();
    assert_eq!(get(&query(get_url(&only(&acme, "request_uri", &uri)).await.location()), "state"), "signed");
}

#[tokio::test]
async fn responses_come_by_the_mode_that_was_asked_for() {
    let acme = Acme::start().await;
    let fragment = get_url(&acme.authorize_url(&[("response_mode", "fragment")])).await;
    assert!(fragment.location().contains("#code="));
    let page = get_url(&acme.authorize_url(&[("response_mode", "form_post"), ("state", "a\"><b")])).await;
    assert_eq!(page.status, 200);
    let text = page.text();
    assert!(text.contains(&format!("action=\"{CALLBACK}\"")) && text.contains("name=\"code\"") && text.contains("name=\"iss\""), "{text}");
    assert!(!text.contains("a\"><b"));
    let nonce = text.split("<script nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a script");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains(&format!("script-src 'nonce-{nonce}'")), "the one script may run: {policy}");
    assert_eq!(get(&acme.back(&[("response_mode", "web_message")]).await, "error"), "invalid_request");

    for mode in ["jwt", "query.jwt"] {
        let back = acme.back(&[("response_mode", mode)]).await;
        let names: Vec<_> = back.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["response"]);
        let said = claims(get(&back, "response"));
        assert_eq!((&said["iss"], &said["aud"], &said["state"]), (&json!(acme.origin), &json!("acme-demo"), &json!("abc")));
        assert_eq!(acme.exchange(said["code"].as_str().expect("a code"), VERIFIER).await.status, 200);
    }
    let refused = acme.back(&[("response_mode", "jwt"), ("scope", "fly")]).await;
    assert_eq!(claims(get(&refused, "response"))["error"], "invalid_scope");
    let posted = get_url(&acme.authorize_url(&[("response_mode", "form_post.jwt")])).await.text();
    assert!(posted.contains("name=\"response\"") && !posted.contains("name=\"code\""));
}
