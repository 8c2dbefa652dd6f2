//! The grants beside code and refresh.

use keyfob_proto::jose::Algorithm;
use keyfob_sandbox::{Consent, Metadata};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::common::{decide, get_url};
use crate::kit::{Acme, assertion, claims, error, jwks, key};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CIBA: &str = "urn:openid:params:grant-type:ciba";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

#[tokio::test]
async fn an_app_on_its_own_behalf_has_no_refresh_token_and_no_person() {
    let acme = Acme::start().await;
    let tokens = acme.post("/token", &[("grant_type", "client_credentials")]).await.json();
    assert!(tokens.get("refresh_token").is_none() && tokens["scope"] == "echo");
    assert_eq!(acme.call("GET", "/api/echo", &tokens, "").await.status, 200);
    let told = acme.post("/introspect", &[("token", tokens["access_token"].as_str().expect("text"))]).await.json();
    assert_eq!((&told["sub"], told.get("username")), (&json!("acme-demo"), None));
    let openid = acme.post("/token", &[("grant_type", "client_credentials"), ("scope", "openid")]).await;
    assert_eq!(error(&openid), (400, "invalid_scope".into()));
}

#[tokio::test]
async fn h1_a_device_waits_at_the_server_s_pace() {
    let acme = Acme::start().await;
    acme.sandbox.consent("acme", Consent::Ask);
    let asked = acme.post("/device_authorization", &[("scope", "openid profile")]).await.json();
    let code = asked["device_code"].as_str().expect("text");
    let poll = async || acme.post("/token", &[("grant_type", DEVICE), ("device_code", code)]).await;
    assert_eq!(asked["interval"], 5);
    assert_eq!(error(&poll().await), (400, "authorization_pending".into()));
    // The clock goes back first, so that however slow this machine is, the next poll comes too soon.
    for _ in 0..20 {
        acme.sandbox.advance(-60);
        assert_eq!(error(&poll().await), (400, "slow_down".into()));
        acme.sandbox.advance(60);
    }
    acme.sandbox.advance(-60);
    assert_eq!(error(&poll().await), (400, "slow_down".into()));
    acme.sandbox.advance(40);
    assert_eq!(error(&poll().await), (400, "slow_down".into()), "the interval has grown to more than a hundred seconds");
    acme.sandbox.advance(200);
    assert_eq!(error(&poll().await), (400, "authorization_pending".into()));
    let page = asked["verification_uri_complete"].as_str().expect("a URL");
    assert_eq!(decide(page, "approve", &["openid", "profile"]).await.status, 200);
    acme.sandbox.advance(200);
    let tokens = poll().await.json();
    assert_eq!(claims(tokens["id_token"].as_str().expect("an ID token"))["sub"], "robin-demo");
    assert_eq!(error(&poll().await), (400, "invalid_grant".into()), "once");
    assert_eq!(get_url(page).await.status, 404, "the code is used");
}

#[tokio::test]
async fn a_device_is_refused_or_forgotten() {
    let acme = Acme::start().await;
    let start = async || acme.post("/device_authorization", &[]).await.json()["device_code"].as_str().expect("text").to_owned();
    let poll = async |code: String| acme.post("/token", &[("grant_type", DEVICE), ("device_code", &code)]).await;
    assert_eq!(poll(start().await).await.status, 200, "a script said yes");
    acme.sandbox.consent("acme", Consent::Deny);
    assert_eq!(error(&poll(start().await).await), (400, "access_denied".into()));
    acme.sandbox.consent("acme", Consent::Ask);
    let code = start().await;
    acme.sandbox.advance(601);
    assert_eq!(error(&poll(code.clone()).await), (400, "expired_token".into()));
    assert_eq!(error(&acme.post("/token", &[("grant_type", CIBA), ("auth_req_id", &code)]).await), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn ciba_by_poll() {
    let acme = Acme::start().await;
    acme.sandbox.consent("acme", Consent::Ask);
    let ask = async |pairs: &[(&str, &str)]| acme.post("/bc-authorize", pairs).await;
    for (pairs, expected) in [
        (vec![("scope", "profile"), ("login_hint", "robin")], "invalid_scope"),
        (vec![("scope", "openid"), ("login_hint", "nobody")], "unknown_user_id"),
        (vec![("scope", "openid")], "invalid_request"),
        (vec![("scope", "openid"), ("login_hint", "robin"), ("id_token_hint", "x")], "invalid_request"),
        (vec![("scope", "openid"), ("login_hint", "robin"), ("binding_message", "a\u{7}")], "invalid_binding_message"),
    ] {
        assert_eq!(error(&ask(&pairs).await), (400, expected.into()), "{pairs:?}");
    }
    let asked = ask(&[("scope", "openid"), ("login_hint", "robin"), ("binding_message", "W4SCT")]).await.json();
    let id = asked["auth_req_id"].as_str().expect("text");
    let poll = async || acme.post("/token", &[("grant_type", CIBA), ("auth_req_id", id)]).await;
    assert_eq!(error(&poll().await), (400, "authorization_pending".into()));
    let page = get_url(&format!("{}/device", acme.origin)).await.text();
    assert!(page.contains("W4SCT"), "the person sees the message");
    let code = page.split("user_code=").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    decide(&format!("{}/device?user_code={code}", acme.origin), "approve", &["openid"]).await;
    acme.sandbox.advance(6);
    let token = poll().await.json();
    assert_eq!(claims(token["id_token"].as_str().expect("text"))["urn:openid:params:jwt:claim:auth_req_id"], id);
}

#[tokio::test]
async fn ciba_by_ping() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let acme = Acme::with(Metadata {
        backchannel_token_delivery_mode: Some("ping".into()),
        backchannel_client_notification_endpoint: Some(format!("http://{}/ping", listener.local_addr().expect("bound"))),
        ..Metadata::default()
    })
    .await;
    let asked = [("scope", "openid"), ("login_hint", "robin")];
    assert_eq!(error(&acme.post("/bc-authorize", &asked).await), (400, "invalid_request".into()), "no notification token");
    let token = "0123456789abcdef0123456789";
    let answer = acme.post("/bc-authorize", &[&asked[..], &[("client_notification_token", token)]].concat()).await.json();
    let (mut stream, _) = listener.accept().await.expect("a ping");
    let mut text = vec![0; 4096];
    let mut read = 0;
    while !String::from_utf8_lossy(&text[..read]).contains('}') {
        read += stream.read(&mut text[read..]).await.expect("bytes");
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("sent");
    let text = String::from_utf8_lossy(&text[..read]).into_owned();
    let id = answer["auth_req_id"].as_str().expect("text");
    assert!(text.starts_with("POST /ping ") && text.contains(&format!("Bearer {token}")) && text.contains(id), "{text}");
    assert_eq!(acme.post("/token", &[("grant_type", CIBA), ("auth_req_id", id)]).await.status, 200);
}

#[tokio::test]
async fn a_token_is_exchanged_for_a_lesser_one() {
    let acme = Acme::start().await;
    let tokens = acme.login().await;
    let subject = tokens["access_token"].as_str().expect("text");
    let app = acme.post("/token", &[("grant_type", "client_credentials")]).await.json();
    let pairs = [("grant_type", EXCHANGE), ("subject_token", subject), ("subject_token_type", ACCESS_TOKEN)];
    let api = format!("{}/api", acme.origin);
    let more = [
        ("scope", "echo"),
        ("resource", &api),
        ("actor_token", app["access_token"].as_str().expect("text")),
        ("actor_token_type", ACCESS_TOKEN),
    ];
    let answer = acme.post("/token", &[&pairs[..], &more].concat()).await.json();
    assert_eq!((&answer["issued_token_type"], &answer["scope"]), (&json!(ACCESS_TOKEN), &json!("echo")));
    let said = claims(answer["access_token"].as_str().expect("text"));
    assert_eq!((&said["act"]["sub"], &said["aud"], &said["sub"]), (&json!("acme-demo"), &json!(api), &json!("robin-demo")));
    assert_eq!(acme.call("GET", "/api/me", &answer, "").await.status, 403);
    for (wrong, expected) in [
        (("scope", "openid"), "invalid_scope"),
        (("audience", "https://elsewhere.example"), "invalid_target"),
        (("requested_token_type", "urn:x"), "invalid_request"),
        (("actor_token", subject), "invalid_request"),
    ] {
        assert_eq!(error(&acme.post("/token", &[&pairs[..], &[wrong]].concat()).await), (400, expected.into()), "{wrong:?}");
    }
}

#[tokio::test]
async fn an_assertion_speaks_for_a_person() {
    let key = key(Algorithm::EdDSA);
    let acme = Acme::with(Metadata { jwks: Some(jwks(&*key)), ..Metadata::default() }).await;
    let ask = async |text: String| {
        let pairs = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &text)];
        acme.post("/token", &pairs).await
    };
    let good = assertion(&acme, &*key, "robin-demo", |_| {});
    let tokens = ask(good.clone()).await.json();
    assert_eq!(acme.call("GET", "/api/me", &tokens, "").await.json()["sub"], "robin-demo");
    assert_eq!(error(&ask(good).await), (400, "invalid_grant".into()), "once");
    assert_eq!(error(&ask(assertion(&acme, &*key, "somebody", |_| {})).await), (400, "invalid_grant".into()));
    assert_eq!(
        error(&ask(assertion(&acme, &*key, "robin-demo", |claims| claims["aud"] = json!("x"))).await),
        (400, "invalid_grant".into())
    );
}
