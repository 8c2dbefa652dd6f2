//! Signed answers through the browser (JARM): verified with the issuer's keys, which are fetched when they are needed.

use std::sync::Arc;

use keyfob::login::loopback::Listener;
use keyfob::proto::Answer;
use keyfob::proto::oauth2::ResponseMode;
use keyfob::{Login, LoginOptions, Redirect, Store};
use keyfob_sandbox::{Flaw, Metadata};

use crate::common::speak;
use crate::kit::House;

fn signed() -> LoginOptions {
    LoginOptions { response_mode: Some(ResponseMode::QueryJwt), ..LoginOptions::default() }
}

#[tokio::test]
async fn a23_a_signed_answer_is_verified() {
    let house = House::new(Metadata::default(), |_| {}).await;
    house.log_in(signed()).await.unwrap();
    assert_eq!(house.seen("/jwks").len(), 1, "for answer and ID token");
}

#[tokio::test]
async fn a23_a_provider_file_may_say_that_answers_are_signed() {
    let house = House::new(Metadata::default(), |flow| flow.authorize_params = vec![("response_mode".to_owned(), "jwt".to_owned())]).await;
    let login = house.begin(LoginOptions::default()).await.unwrap();
    let back = house.visit(login.url()).await;
    assert!(back.contains("?response=") && !back.contains("code="), "{back}");
    let verified = login.judge(Answer::Url(&back)).await.unwrap();
    login.finish(verified).await.unwrap();
}

#[tokio::test]
async fn a23_one_that_is_wrong_is_refused_before_the_code_is_spent_and_the_login_lives_on() {
    let house = House::new(Metadata::default(), |_| {}).await;
    for flaw in [
        Flaw::JarmIss,
        Flaw::JarmNoIss,
        Flaw::JarmAud,
        Flaw::JarmNoAud,
        Flaw::JarmExp,
        Flaw::JarmNoExp,
        Flaw::JarmState,
        Flaw::JarmAlgNone,
        Flaw::JarmSignature,
        Flaw::JarmUnsigned,
    ] {
        house.flaw(flaw);
        let login = house.begin(signed()).await.unwrap();
        let back = house.visit(login.url()).await;
        let error = login.judge(Answer::Url(&back)).await.unwrap_err();
        assert!(!error.ends_login(), "{flaw:?}: {error}");
    }
    assert!(house.seen("/token").is_empty() && house.store.accounts().await.unwrap().is_empty());
}

#[tokio::test]
async fn a23_without_the_keys_nothing_is_judged() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let login = house.begin(signed()).await.unwrap();
    let back = house.visit(login.url()).await;
    assert!(login.verify(Answer::Url(&back)).is_err(), "that is for answers without signature");
    let no_keys = House::new(Metadata::default(), |flow| flow.jwks = None).await;
    let error = no_keys.begin(signed()).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("no jwks"), "{error}");
}

#[tokio::test]
async fn e12_an_answer_by_a_new_key_has_the_keys_fetched_again() {
    let house = House::new(Metadata::default(), |_| {}).await;
    house.log_in(signed()).await.unwrap();
    house.sandbox.rotate_keys("acme");
    house.advance(61);
    house.log_in(signed()).await.unwrap();
    assert_eq!(house.seen("/jwks").len(), 2);
}

#[tokio::test]
async fn a23_the_listener_on_this_machine_takes_signed_answers() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let listener = Listener::bind(0, "/callback").await.unwrap();
    let (address, redirect) = (listener.address(), Redirect::Uri(listener.redirect_uri()));
    let login = Login::begin_with(&house.keyfob, &house.settings, &house.app, "acme", redirect, signed()).await.unwrap();
    let back = house.visit(login.url()).await;
    let login = Arc::new(login);
    let waiting = tokio::spawn({
        let login = login.clone();
        async move { listener.wait(&login).await }
    });
    let request = |query: &str| format!("GET /callback?{query} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    assert!(speak(address, request("response=nonsense").as_bytes()).await.starts_with("HTTP/1.1 400"), "the login goes on");
    let query = back.split_once('?').unwrap().1;
    assert!(speak(address, request(query).as_bytes()).await.starts_with("HTTP/1.1 200"));
    let verified = waiting.await.unwrap().unwrap();
    Arc::into_inner(login).unwrap().finish(verified).await.unwrap();
}
