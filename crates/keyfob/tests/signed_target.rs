//! What was signed is what is sent: for any target a person can write, the server finds our signature valid over the bytes it got.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{Scripted, app, endpoint, json, keyfob, provider};
use keyfob::proto::oauth1::server::SignedRequest;
use keyfob::proto::oauth1::{self, Body, Placement, SignatureMethod};
use keyfob::proto::{Flow, OAuth1Tokens, Secret, Settings, Timestamp, TokenSet};
use keyfob::session::CallBody;
use keyfob::store::Expected;
use keyfob::{Account, AccountId, Error, Health};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

fn signing(origin: &str, placement: Placement, signature: SignatureMethod) -> Settings {
    let mut settings = provider(origin);
    settings.api.base = endpoint(origin);
    let at = |path: &str| endpoint(&format!("{origin}{path}"));
    let flow = oauth1::Settings::new(at("/request"), at("/authorize"), at("/access"));
    settings.flow = Flow::OAuth1(oauth1::Settings { signature, placement, ..flow });
    settings
}

fn account(settings: &Settings) -> Account {
    Account {
        id: AccountId::random(),
        name: "pretend".to_owned(),
        provider: settings.provider.clone(),
        client_id: app().client_id,
        tokens: TokenSet::OAuth1(OAuth1Tokens { token: Secret::new("token-1"), secret: Secret::new("token secret & 1") }),
        kept: BTreeMap::new(),
        origins: settings.origins(),
        requested_scopes: vec![],
        tolerated: vec![],
        grant: keyfob::Grant::Approval,
        health: Health::Ok,
        logged_in_at: Timestamp::from_unix(0),
        spending: None,
        refreshed: None,
    }
}

#[tokio::test]
async fn the_transport_sends_the_request_target_as_signed() {
    const CASES: usize = 120;
    let mut runner = TestRunner::deterministic();
    let path = "/[a-zA-Z0-9._~!$&'()*+,;=:@%/é|\" <>{}-]{0,24}(%2[0-9A-Fa-f]|/\\.\\./|//|%2e%2e){0,3}";
    let query = "(\\?([a-zA-Z0-9._~!$'()*+,;:@/?é &=|-]{0,6}(%2[0-9A-Fa-f]|%C3%a9|%25)?){0,4})?";
    let form = "([a-z0-9+=&é ]{0,6}(%2[0-9A-Fa-f]|%C3%A9)?){0,4}";
    for placement in [Placement::Header, Placement::Query] {
        for signature in [SignatureMethod::HmacSha1, SignatureMethod::HmacSha512] {
            let server = Scripted::start(vec![json("200 OK", "{}"); CASES]).await;
            let (keyfob, settings) = (keyfob(), signing(&server.origin, placement, signature));
            keyfob.store().put_account(&account(&settings), Expected::Nothing, None).await.unwrap();
            let session = keyfob.session(settings, app(), "pretend").await.unwrap();
            let mut bodies = Vec::new();
            for case in 0..CASES {
                let (path, query, form) = (path, query, form).new_tree(&mut runner).unwrap().current();
                let call = if case % 2 == 0 {
                    bodies.push(String::new());
                    session.get(format!("{path}{query}"))
                } else {
                    bodies.push(form.clone());
                    session
                        .post(format!("{path}{query}"))
                        .body(http::HeaderValue::from_static("application/x-www-form-urlencoded"), form.into_bytes())
                };
                assert_eq!(call.send().await.unwrap().status(), 200, "{path}{query}");
            }
            let secret = app().client_secret.unwrap();
            for (request, body) in server.requests().iter().zip(bodies) {
                let mut words = request.split(' ');
                let (method, target) = (words.next().unwrap().parse().unwrap(), words.next().unwrap());
                let mut headers = http::HeaderMap::new();
                for line in request.lines().skip(1).take_while(|line| !line.is_empty()) {
                    let (name, value) = line.split_once(": ").unwrap();
                    headers.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
                }
                let read = SignedRequest::read(&method, &server.origin, target, &headers, Body::of(&headers, body.as_bytes())).unwrap();
                read.verify(secret.expose(), "token secret & 1").unwrap_or_else(|problem| panic!("{target}: {problem}"));
            }
        }
    }
}

#[tokio::test]
async fn i7_a_form_that_streams_is_refused_where_its_parameters_would_have_to_be_signed() {
    let server = Scripted::start(vec![json("200 OK", "{}")]).await;
    let (keyfob, settings) = (keyfob(), signing(&server.origin, Placement::Header, SignatureMethod::HmacSha1));
    keyfob.store().put_account(&account(&settings), Expected::Nothing, None).await.unwrap();
    let session = keyfob.session(settings, app(), "pretend").await.unwrap();
    let post = |media_type| {
        let body = CallBody::Stream(keyfob::Body::from(b"a=b".to_vec()));
        session.post("/x").header(http::header::CONTENT_TYPE, http::HeaderValue::from_static(media_type)).carrying(body)
    };
    let error = post("application/x-www-form-urlencoded; charset=utf-8").send().await.unwrap_err();
    assert!(matches!(&error, Error::Protocol(keyfob::proto::Error::Misuse(_))), "{error}");
    assert!(server.requests().is_empty(), "nothing is sent with a signature that cannot be right");
    // What is shown is what would be sent, and no more.
    let error = post("application/x-www-form-urlencoded").explain().unwrap_err();
    assert!(matches!(&error, Error::Protocol(keyfob::proto::Error::Misuse(_))), "{error}");
    assert!(post("application/octet-stream").explain().is_ok());
    let elsewhere = session.get("https://elsewhere.example/x").explain().unwrap_err();
    assert!(matches!(elsewhere, Error::Unbound { .. }), "{elsewhere}");
    assert_eq!(post("application/octet-stream").send().await.unwrap().status(), 200);
}
