//! RFC 9470: what a new token would not mend spends no refresh token, and the error says which login would.

use keyfob::proto::oauth2::Prompt;
use keyfob::{ApiError, Error, LoginOptions};
use keyfob_sandbox::Metadata;

use crate::kit::{House, tokens};

async fn refused(house: &House) -> ApiError {
    let answer = house.session().await.get("/secure").send().await.unwrap();
    match answer.read().await {
        Err(Error::Api(error)) => *error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rfc9470_3_a_stronger_sign_in_is_asked_for_by_name_and_helps() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let account = house.log_in(LoginOptions::default()).await.unwrap().account;
    let error = refused(&house).await;
    assert_eq!(house.statuses("/api/secure"), [401], "once");
    assert_eq!(house.statuses("/token"), [200], "the login's own: nothing is refreshed for it");
    assert!(error.message.as_deref().is_some_and(|message| message.contains("sign in again")), "{error:?}");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("acr_values \"urn:acme:second-factor\"")), "{error:?}");

    let options = LoginOptions::stepping_up(&account, error.login_with.as_ref().expect("another login helps"));
    assert_eq!(options.acr_values, ["urn:acme:second-factor"]);
    assert_eq!(options.scopes, tokens(&account).scopes, "as much as before");
    house.log_in(options).await.unwrap();
    house.session().await.get("/secure").send().await.unwrap().read().await.unwrap();

    // What was fresh is old after five minutes, for a token that is good.
    house.advance(301);
    house.forget();
    let error = refused(&house).await;
    let asked = error.login_with.clone().expect("another login helps");
    assert_eq!((asked.max_age, house.statuses("/token").len()), (Some(300), 0));
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("max_age 300")), "{error:?}");
    // The strength that the person had is not asked for by the server; a program that knows its APIs keeps it.
    let options = LoginOptions { acr_values: vec!["urn:acme:second-factor".to_owned()], ..LoginOptions::stepping_up(&account, &asked) };
    house.log_in(LoginOptions { prompt: vec![Prompt::Login], ..options }).await.unwrap();
    house.session().await.get("/secure").send().await.unwrap().read().await.unwrap();
}

#[tokio::test]
async fn rfc6750_3_1_missing_scopes_are_asked_for_beside_those_there_are() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let account = house.log_in(LoginOptions::scopes(["openid", "profile"])).await.unwrap().account;
    let Err(Error::Api(error)) = house.session().await.get("/echo").send().await.unwrap().read().await else { panic!("no scope for it") };
    assert_eq!((house.statuses("/api/echo"), house.statuses("/token").len()), (vec![403], 1));
    let options = LoginOptions::stepping_up(&account, error.login_with.as_ref().expect("another login helps"));
    assert_eq!(options.scopes, ["openid", "profile", "echo"]);
}

#[tokio::test]
async fn rfc9449_7_1_a_proof_that_is_not_taken_spends_no_refresh_token() {
    let house = House::bound().await;
    house.log_in(LoginOptions::default()).await.unwrap();
    house.forget();
    // This machine's clock is behind.
    house.misset(-3600);
    let Err(Error::Api(error)) = house.session().await.get("/me").send().await.unwrap().read().await else { panic!("an old proof") };
    assert_eq!((house.statuses("/api/me"), house.statuses("/token").len()), (vec![401], 0));
    assert_eq!(error.login_with, None, "no login helps");
    assert!(error.hint.as_deref().is_some_and(|hint| hint.contains("clock")), "{error:?}");
}
