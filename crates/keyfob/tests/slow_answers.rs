//! C5: answers that come a byte at a time, and never end: a call that only looks at one does not wait for it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use common::{app, endpoint, provider};
use http_body::Frame;
use keyfob::proto::{
    Error as ProtoError, Flow, OAuth1Tokens, OAuth2Tokens, Secret, Settings, Signal, Timestamp, TokenSet, TransportKind, oauth1,
};
use keyfob::store::Expected;
use keyfob::transport::Sending;
use keyfob::{Account, AccountId, Body, Error, Health, Keyfob, MemoryStore, Policy, Transport};
use tokio::time::{Instant, Sleep};

/// A byte every ten seconds: never silent for long enough to be given up.
struct Trickle(Pin<Box<Sleep>>);

impl http_body::Body for Trickle {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        ready!(self.0.as_mut().poll(cx));
        self.0.as_mut().reset(Instant::now() + Duration::from_secs(10));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }
}

struct Slow;

impl Transport for Slow {
    fn send(&self, _: http::Request<Body>) -> Sending<'_> {
        let body = Body::stream(Trickle(Box::pin(tokio::time::sleep(Duration::from_secs(10)))));
        Box::pin(async { Ok(http::Response::builder().status(401).body(body).unwrap()) })
    }
}

/// How a call of an account with these tokens ends.
async fn call(settings: Settings, tokens: TokenSet) -> Error {
    let mut policy = Policy::default();
    policy.reading = Duration::from_secs(40);
    let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(Slow)).with_policy(policy);
    let account = Account {
        id: AccountId::random(),
        name: "pretend".to_owned(),
        provider: settings.provider.clone(),
        client_id: app().client_id,
        tokens,
        kept: Default::default(),
        origins: settings.origins(),
        requested_scopes: vec![],
        tolerated: vec![],
        grant: keyfob::Grant::Approval,
        health: Health::Ok,
        logged_in_at: Timestamp::from_unix(0),
        spending: None,
        refreshed: None,
    };
    keyfob.store().put_account(&account, Expected::Nothing, None).await.unwrap();
    let session = keyfob.session(settings, app(), "pretend").await.unwrap();
    let sent = tokio::time::timeout(Duration::from_secs(60), session.get("/me").send()).await;
    sent.expect("it is given up after 40 s").map(drop).expect_err("an answer that never ends")
}

fn is_timeout(error: &Error) -> bool {
    matches!(error, Error::Protocol(ProtoError::Transport(error)) if error.kind == TransportKind::Timeout && error.origin == "https://api.example")
}

#[tokio::test(start_paused = true)]
async fn c5_an_answer_that_may_say_expired_is_waited_for_so_long() {
    let mut settings = provider("https://api.example");
    settings.api.expired =
        vec![Signal { statuses: vec![401], pointer: Some("/error".to_owned()), values: vec!["expired".into()], contains: vec![] }];
    let tokens = TokenSet::OAuth2(OAuth2Tokens {
        access: Secret::new("access-1"),
        refresh: None,
        received_at: Timestamp::from_unix(0),
        expires_at: None,
        refresh_expires_at: None,
        scopes: vec![],
        identity: None,
        id_token: None,
        authorization_details: vec![],
        proof_key: None,
        resources: vec![],
    });
    let error = call(settings, tokens).await;
    assert!(is_timeout(&error), "{error}");
}

#[tokio::test(start_paused = true)]
async fn c5_a_refusal_that_may_be_of_the_clock_is_waited_for_so_long() {
    let mut settings = provider("https://api.example");
    let at = |path: &str| endpoint(&format!("https://api.example{path}"));
    settings.flow = Flow::OAuth1(oauth1::Settings::new(at("/request"), at("/authorize"), at("/access")));
    let tokens = TokenSet::OAuth1(OAuth1Tokens { token: Secret::new("token-1"), secret: Secret::new("token-secret-1") });
    let error = call(settings, tokens).await;
    assert!(is_timeout(&error), "{error}");
}
