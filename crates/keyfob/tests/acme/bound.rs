//! Tokens that are bound to a key (DPoP, RFC 9449): made at login, proved at every call, kept through refresh; and nonces.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::HeaderValue;
use keyfob::login::client_credentials;
use keyfob::proto::oauth2::{AccessRequest, Dpop};
use keyfob::proto::{Answer, Flow, Settings};
use keyfob::{Body, DeviceLogin, Error, Health, Keyfob, Login, LoginOptions, Redirect, Store};
use keyfob_sandbox::{DpopNonce, Faults, Flaw, Metadata};

use crate::common::{self, Served, app, endpoint, json, keyfob, parameter, provider};
use crate::kit::{CALLBACK, House, tokens};

fn nonces(at: DpopNonce) -> Faults {
    Faults { dpop_nonce: Some(at), ..Faults::default() }
}

#[tokio::test]
async fn g3_one_key_for_login_calls_and_refresh() {
    let house = House::bound().await;
    let account = house.log_in(LoginOptions::default()).await.unwrap().account;
    let key = tokens(&account).proof_key.clone().unwrap();
    assert!(house.seen("/authorize")[0].value("dpop_jkt").is_some(), "the code is bound as well (§10)");
    let session = house.session().await;
    session.get("/me").send().await.unwrap().json().await.unwrap();
    session.refresh().await.unwrap();
    session.post("/echo").json(&serde_json::json!({})).send().await.unwrap().json().await.unwrap();
    let after = house.account().await;
    assert!(tokens(&after).proof_key.as_ref().unwrap().same_as(key.expose()), "the same key");
    assert!(!tokens(&after).access.same_as(tokens(&account).access.expose()));
    for path in ["/token", "/api/me", "/api/echo"] {
        let seen = house.seen(path);
        assert!(
            !seen.is_empty() && seen.iter().all(|seen| seen.status == 200 && seen.credential_headers.contains(&"dpop".into())),
            "{seen:?}"
        );
    }
    // Another login has another key.
    let again = house.log_in(LoginOptions::default()).await.unwrap().account;
    assert!(!tokens(&again).proof_key.as_ref().unwrap().same_as(key.expose()));
}

#[tokio::test]
async fn g3_a_login_that_was_stored_goes_on_with_its_key() {
    let house = House::bound().await;
    let login = house.begin(LoginOptions::default()).await.unwrap();
    let back = house.visit(login.url()).await;
    let stored = serde_json::to_string(&login.stored()).unwrap();
    let resumed = Login::resume(&house.keyfob, &house.settings, &house.app, serde_json::from_str(&stored).unwrap()).unwrap();
    let verified = resumed.judge(Answer::Url(&back)).await.unwrap();
    resumed.finish(verified).await.unwrap();
    house.session().await.get("/me").send().await.unwrap().json().await.unwrap();
}

#[tokio::test]
async fn c8_a_token_that_is_not_bound_is_refused_where_a_bound_one_was_asked_for() {
    let house = House::bound().await;
    house.flaw(Flaw::TokenTypeDowngraded);
    let error = house.log_in(LoginOptions::default()).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("token_type"), "{error}");
    assert!(house.store.accounts().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_bound_token_is_not_handed_out_for_others_to_attach() {
    let house = House::bound().await;
    house.log_in(LoginOptions::default()).await.unwrap();
    let error = house.session().await.token(0).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("bound to a key"), "{error}");
    let plain = House::new(Metadata::default(), |_| {}).await;
    plain.log_in(LoginOptions::default()).await.unwrap();
    plain.session().await.token(0).await.unwrap();
}

#[tokio::test]
async fn g2_a_nonce_is_taken_from_any_answer_and_asked_for_once_when_it_is_new() {
    let house = House::bound().await;
    house.faults(nonces(DpopNonce::Both));
    house.log_in(LoginOptions::default()).await.unwrap();
    assert_eq!(house.statuses("/token"), [400, 200], "once more, with the nonce");
    let session = house.session().await;
    let call = async || session.get("/me").send().await.unwrap().json().await.unwrap();
    call().await;
    call().await;
    assert_eq!(house.statuses("/api/me"), [401, 200, 200], "the resource has a nonce of its own, and it is kept");
    house.forget();
    session.refresh().await.unwrap();
    assert_eq!(house.statuses("/token"), [200], "and so is the token endpoint's");
    // The server renews it after five minutes.
    house.advance(301);
    house.forget();
    session.refresh().await.unwrap();
    call().await;
    assert_eq!((house.statuses("/token"), house.statuses("/api/me")), (vec![400, 200], vec![401, 200]));
    assert_eq!(house.account().await.health, Health::Ok);
}

#[tokio::test]
async fn g2_a_body_that_is_at_hand_is_sent_again_and_a_stream_is_not() {
    let house = House::bound().await;
    house.log_in(LoginOptions::default()).await.unwrap();
    house.faults(nonces(DpopNonce::Resource));
    let session = house.session().await;
    let stream = || Body::stream(http_body_util::Full::new(bytes::Bytes::from_static(b"streamed")));
    let call = || session.post("/echo").header(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    assert_eq!(call().stream(stream()).send().await.unwrap().status(), 401, "it is gone");
    let echoed = call().stream(stream()).send().await.unwrap().json().await.unwrap();
    assert_eq!(echoed["body"], "streamed", "but the next one knows the nonce");
    house.advance(301);
    house.forget();
    let echoed = session.post("/echo").body(HeaderValue::from_static("text/plain"), b"kept".to_vec()).send().await.unwrap();
    assert_eq!(echoed.json().await.unwrap()["body"], "kept");
    assert_eq!(house.statuses("/api/echo"), [401, 200]);
}

#[tokio::test]
async fn g2_a_bound_token_that_has_ended_is_refreshed_and_the_call_proved_anew() {
    let house = House::bound().await;
    house.log_in(LoginOptions::default()).await.unwrap();
    house.faults(nonces(DpopNonce::Both));
    house.sandbox.faults("acme").expire_access_tokens();
    house.session().await.get("/me").send().await.unwrap().json().await.unwrap();
    let statuses = house.statuses("/api/me");
    assert_eq!(statuses.last(), Some(&200), "{statuses:?}");
    assert_eq!(house.statuses("/token"), [200, 400, 200]);
}

#[tokio::test]
async fn g3_the_app_s_own_account_is_bound_and_renewed_with_its_key() {
    let house = House::new(Metadata::default(), |flow| (flow.dpop, flow.scopes) = (Dpop::Wanted, vec!["echo".to_owned()])).await;
    house.faults(nonces(DpopNonce::Both));
    let request = AccessRequest::default();
    let made = client_credentials(&house.keyfob, &house.settings, &house.app, "acme", &request).await.unwrap().account;
    assert_eq!(house.statuses("/token"), [400, 200]);
    house.sandbox.faults("acme").expire_access_tokens();
    house.session().await.get("/echo").send().await.unwrap().json().await.unwrap();
    let (made, now) = (tokens(&made).clone(), tokens(&house.account().await).clone());
    assert!(now.proof_key.unwrap().same_as(made.proof_key.unwrap().expose()) && !now.access.same_as(made.access.expose()));
}

/// A server that wants another nonce every time, and is never content.
async fn never_content(challenge: &'static str) -> (Served, Settings) {
    let number = AtomicUsize::new(0);
    let server = Served::start(move |request| {
        let number = number.fetch_add(1, Ordering::SeqCst);
        let nonce = format!("dpop-nonce: nonce-{number}\r\n");
        let body = r#"{"error":"use_dpop_nonce"}"#;
        let (status, more) = if request.starts_with("POST /token") { ("400 Bad Request", "") } else { ("401 Unauthorized", challenge) };
        json(status, body).replacen("content-type", &format!("{nonce}{more}content-type"), 1)
    })
    .await;
    let settings = bound(&server.origin);
    (server, settings)
}

fn bound(origin: &str) -> Settings {
    let mut settings = provider(origin);
    let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
    flow.dpop = Dpop::Wanted;
    settings
}

async fn exchange(keyfob: &Keyfob, settings: &Settings) -> Result<keyfob::LoggedIn, Error> {
    let redirect = Redirect::Uri(CALLBACK.to_owned());
    let login = Login::begin(keyfob, settings, &app(), "pretend", redirect, vec![]).await?;
    let state = parameter(login.url(), "state");
    let verified = login.verify(Answer::Url(&format!("{CALLBACK}?code=c&state={state}")))?;
    login.finish(verified).await
}

#[tokio::test]
async fn g2_a_server_that_is_never_content_is_asked_twice() {
    let (server, settings) = never_content("").await;
    let error = exchange(&keyfob(), &settings).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("use_dpop_nonce"), "{error}");
    assert_eq!(server.asked("POST /token"), 2);
}

#[tokio::test]
async fn g2_a_resource_asks_in_any_case_of_the_scheme_and_is_asked_twice() {
    let given =
        Served::start(|_| json("200 OK", r#"{"access_token":"access-1","token_type":"dpop","refresh_token":"r","expires_in":3600}"#));
    let given = given.await;
    for (challenge, times) in [
        ("www-authenticate: dPOP error=\"use_dpop_nonce\"\r\n", 2),
        ("www-authenticate: Bearer, DPoP realm=\"a\", error=\"use_dpop_nonce\"\r\n", 2),
        ("", 1),
    ] {
        let (server, mut settings) = never_content(challenge).await;
        let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
        flow.token = endpoint(&format!("{}/token", given.origin));
        // An answer that says "expired" as well is no reason for a refresh while it is the nonce that is wanted; that comes after.
        settings.api.expired.clear();
        let keyfob = keyfob();
        exchange(&keyfob, &settings).await.unwrap();
        let answer = keyfob.session(settings, app(), "pretend").await.unwrap().get("/me").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), server.asked("GET /api/me")), (401, times), "{challenge}");
    }
}

#[tokio::test]
async fn c11_a_code_is_sent_once_more_for_a_nonce_and_for_nothing_else() {
    let nonce = "dpop-nonce: n-1\r\ncontent-type";
    for answer in [
        json("400 Bad Request", r#"{"error":"invalid_grant"}"#).replacen("content-type", nonce, 1),
        json("400 Bad Request", r#"{"error":"use_dpop_nonce"}"#),
        json("503 Service Unavailable", r#"{"error":"use_dpop_nonce"}"#).replacen("content-type", nonce, 1),
        json("200 OK", r#"{"error":"use_dpop_nonce"}"#).replacen("content-type", nonce, 1),
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{".to_owned(),
        String::new(),
    ] {
        let answered = Arc::new(answer);
        let theirs = answered.clone();
        let server = Served::start(move |_| theirs.to_string()).await;
        assert!(exchange(&keyfob(), &bound(&server.origin)).await.is_err());
        assert_eq!(server.asked("POST /token"), 1, "{answered}");
    }
}

#[tokio::test]
async fn a_login_on_another_device_is_bound_too() {
    let server = Served::start(|request| {
        let proved = request.lines().any(|line| line.to_ascii_lowercase().starts_with("dpop: "));
        match (request.starts_with("POST /device"), proved) {
            (true, _) => json(
                "200 OK",
                r#"{"device_code":"d","user_code":"WDJB","verification_uri":"https://login.example/device","expires_in":60,"interval":1}"#,
            ),
            (false, true) => json("200 OK", r#"{"access_token":"access-1","token_type":"DPoP"}"#),
            (false, false) => json("400 Bad Request", r#"{"error":"invalid_dpop_proof"}"#),
        }
    })
    .await;
    let mut settings = bound(&server.origin);
    let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
    flow.device_authorization = Some(common::endpoint(&format!("{}/device", server.origin)));
    let mut login = DeviceLogin::begin(&keyfob(), &settings, &app(), "pretend", vec![]).await.unwrap();
    let account = login.wait().await.unwrap().account;
    assert!(tokens(&account).proof_key.is_some());
}
