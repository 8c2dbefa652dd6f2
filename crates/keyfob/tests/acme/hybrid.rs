//! Hybrid logins: the ID token that comes through the browser holds the code, and the one of the exchange is about the same person.

use keyfob::proto::oauth2::Hybrid;
use keyfob::proto::{Answer, Flow};
use keyfob::{Login, LoginOptions, Store};
use keyfob_sandbox::{Faults, Flaw, Metadata};

use crate::common::endpoint;
use crate::kit::House;

fn hybrid() -> LoginOptions {
    LoginOptions { hybrid: Some(Hybrid::IdToken), ..LoginOptions::default() }
}

#[tokio::test]
async fn a_hybrid_login_says_who_it_is_twice() {
    for push in [false, true] {
        let mut house = House::new(Metadata::default(), |_| {}).await;
        if push {
            let Flow::OAuth2(flow) = &mut house.settings.flow else { panic!("OAuth 2") };
            (flow.pushed, flow.pushed_required) = (Some(endpoint(&format!("{}/par", house.origin))), true);
        }
        let logged_in = house.log_in(hybrid()).await.unwrap();
        assert_eq!(logged_in.id_token.unwrap().subject, "robin-demo");
        assert_eq!(house.seen("/par").len(), usize::from(push));
    }
}

#[tokio::test]
async fn a_hybrid_login_can_be_stored_and_goes_on() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let login = house.begin(hybrid()).await.unwrap();
    let back = house.visit(login.url()).await;
    let stored = serde_json::to_string(&login.stored()).unwrap();
    let resumed = Login::resume(&house.keyfob, &house.settings, &house.app, serde_json::from_str(&stored).unwrap());
    assert!(resumed.verify(Answer::Url(&back)).is_err(), "not without keys");
    let verified = resumed.judge(Answer::Url(&back)).await.unwrap();
    resumed.finish(verified).await.unwrap();
}

#[tokio::test]
async fn e7_what_came_through_the_browser_is_judged_before_the_code_is_spent() {
    let house = House::new(Metadata::default(), |_| {}).await;
    for flaw in
        [Flaw::IdTokenCHash, Flaw::IdTokenNoCHash, Flaw::IdTokenSHash, Flaw::IdTokenNonce, Flaw::IdTokenSignature, Flaw::IdTokenAlgNone]
    {
        house.flaw(flaw);
        let login = house.begin(hybrid()).await.unwrap();
        let back = house.visit(login.url()).await;
        let error = login.judge(Answer::Url(&back)).await.unwrap_err();
        assert!(!error.ends_login(), "{flaw:?}: {error}");
    }
    assert!(house.seen("/token").is_empty() && house.store.accounts().await.unwrap().is_empty());
    // No keys are fetched for what is not even an answer to this login.
    let other = House::new(Metadata::default(), |_| {}).await;
    other.flaw(Flaw::ResponseState);
    let login = other.begin(hybrid()).await.unwrap();
    let back = other.visit(login.url()).await;
    assert!(login.judge(Answer::Url(&back)).await.is_err());
    assert!(other.seen("/jwks").is_empty());
}

#[tokio::test]
async fn the_second_id_token_is_about_the_person_of_the_first() {
    let house = House::new(Metadata::default(), |_| {}).await;
    house.flaw(Flaw::IdTokenSub);
    house.refuses(hybrid(), "OpenID Connect Core §3.3.3.6").await;
    assert_eq!(house.statuses("/revoke"), [200, 200], "and what came with it is revoked");
    house.faults(Faults::default());
    house.log_in(hybrid()).await.unwrap();
}
