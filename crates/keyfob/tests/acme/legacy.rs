//! The two grants that nobody should use: for an app that is registered for them, and for no other.

use keyfob::OsEntropy;
use keyfob::proto::oauth2::legacy::{authorize_implicit, password};
use keyfob::proto::oauth2::{AccessRequest, AuthorizeRequest, Client};
use keyfob::proto::{Answer, Secret, TokenSet};
use keyfob_sandbox::Metadata;

use crate::kit::{CALLBACK, House};

fn named(grants: &[&str], responses: &[&str]) -> Metadata {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Metadata { grant_types: list(grants), response_types: list(responses), ..Metadata::default() }
}

#[tokio::test]
async fn rfc6749_4_3_a_password_is_for_an_app_that_is_registered_for_it() {
    for (metadata, word, refusal) in [
        (named(&["password"], &[]), "robin-sandbox-password-not-real", None),
        (named(&["password"], &[]), "guessed", Some("invalid_grant")),
        (Metadata::default(), "robin-sandbox-password-not-real", Some("unsupported_grant_type")),
        (named(&["client_credentials"], &[]), "robin-sandbox-password-not-real", Some("unsupported_grant_type")),
    ] {
        let house = House::new(metadata, |_| {}).await;
        let client = Client::new(&house.settings, house.app.clone()).unwrap();
        let exchange = password(&client, "robin", &Secret::new(word), &AccessRequest::scopes(["profile"])).unwrap();
        let answer = house.keyfob.exchange(exchange.request()).await.unwrap();
        match (exchange.receive(&answer, house.keyfob.now()), refusal) {
            (Ok(received), None) => assert!(matches!(received.tokens, TokenSet::OAuth2(_))),
            (Err(error), Some(refusal)) => assert!(error.to_string().contains(refusal), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }
}

#[tokio::test]
async fn rfc6749_4_2_a_token_alone_is_for_an_app_that_is_registered_for_it() {
    for (metadata, good) in [(named(&[], &["token"]), true), (Metadata::default(), false), (named(&[], &["code"]), false)] {
        let house = House::new(metadata, |_| {}).await;
        let client = Client::new(&house.settings, house.app.clone()).unwrap();
        let request = AuthorizeRequest { redirect_uri: CALLBACK.into(), scopes: vec!["profile".to_owned()], ..Default::default() };
        let (url, pending) = authorize_implicit(&client, &request, house.keyfob.now(), &OsEntropy).unwrap();
        let back = house.visit(&url).await;
        assert!(!back.contains("code=") && !back.split('#').next().unwrap().contains("access_token"), "{back}");
        let received = pending.receive(&client, Answer::Url(&back), house.keyfob.now());
        assert_eq!(received.is_ok(), good, "{received:?}");
    }
}
