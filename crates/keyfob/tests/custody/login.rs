//! Logging in while somebody else changes what the name stands for.

use std::time::Duration;

use keyfob::login::client_credentials;
use keyfob::proto::oauth2::AccessRequest;
use keyfob::proto::{Answer, Settings, TransportKind};
use keyfob::store::Expected;
use keyfob::{Account, Error, LoggedIn, Login, Redirect, Store};

use super::common::{app, parameter, provider};
use super::house::{House, NOW, account};
use super::provider::Act;
use super::watched::Write;

/// When a login is in the midst of it.
#[derive(Clone, Copy, Debug)]
enum During {
    /// The code is being exchanged.
    Exchange,
    /// The account was looked up, and is being written.
    Write,
}

/// Logs in as `home`, and does this halfway.
async fn log_in(house: &House, during: During, meanwhile: impl AsyncFnOnce()) -> Result<LoggedIn, Error> {
    let redirect = Redirect::Uri("http://127.0.0.1:9/callback".to_owned());
    let keyfob = house.keyfob();
    let login = Login::begin(&keyfob, &provider("https://provider.example"), &app(), "home", redirect, vec![]).await.unwrap();
    let verified = login.verify(Answer::Query(&format!("code=abc&state={}", parameter(login.url(), "state")))).unwrap();
    let (moment, long) = (Duration::from_secs(1), Duration::from_secs(2));
    match during {
        During::Exchange => house.provider.habits(|habits| habits.delay = long),
        During::Write => *house.store.delay.lock().unwrap() = long,
    }
    let login = tokio::spawn(login.finish(verified));
    tokio::time::sleep(moment).await;
    *house.store.delay.lock().unwrap() = Duration::ZERO;
    meanwhile().await;
    login.await.unwrap()
}

fn is_of_the_login(account: &Account) -> bool {
    account.tokens.refresh_token().unwrap().expose() == "refresh-2"
}

#[tokio::test(start_paused = true)]
async fn a_name_that_another_provider_takes_meanwhile_is_not_taken_back() {
    for during in [During::Exchange, During::Write] {
        let house = House::empty();
        let others = Account { provider: "another".to_owned(), ..account("home", "9", NOW, None) };
        let error = log_in(&house, during, async || house.put(others.clone()).await).await.unwrap_err();
        assert!(matches!(&error, Error::TakenName { provider, .. } if provider == "another"), "{during:?}: {error}");
        let kept = house.kept().await;
        assert_eq!((kept.id, kept.provider.as_str()), (others.id, "another"), "{during:?}");
        // Nobody will use them.
        assert_eq!(house.provider.asked(), ["authorization_code", "revoke refresh-2", "revoke access-2"], "{during:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn d9_an_account_that_is_logged_out_meanwhile_does_not_come_back_under_its_old_id() {
    for during in [During::Exchange, During::Write] {
        let house = House::fresh().await;
        let before = house.kept().await;
        let logout = async || assert!(house.store.remove_account("home", None).await.unwrap());
        let logged_in = log_in(&house, during, logout).await.unwrap();
        let kept = house.kept().await;
        assert!(!logged_in.replaced && is_of_the_login(&kept), "{during:?}");
        assert_ne!(kept.id, before.id, "{during:?}: an id is never used again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_between_does_not_cost_a_login_its_tokens() {
    for during in [During::Exchange, During::Write] {
        let house = House::fresh().await;
        let before = house.record().await;
        let refreshed = Account { id: before.value.id.clone(), ..account("home", "7", NOW, None) };
        let refresh = async || {
            house.store.put_account(&refreshed, Expected::Generation(before.generation), None).await.unwrap();
        };
        assert!(log_in(&house, during, refresh).await.unwrap().replaced);
        let kept = house.kept().await;
        assert!(is_of_the_login(&kept) && kept.id == before.value.id, "{during:?}");
    }
}

/// The store takes nothing from the moment when the code has left.
async fn without_room(house: &House) -> Error {
    let full = async || house.store.fail(&[Write::Other]);
    log_in(house, During::Exchange, full).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn d6_tokens_of_a_login_that_cannot_be_kept_are_revoked_and_the_error_says_so() {
    let house = House::empty();
    let error = without_room(&house).await;
    assert!(matches!(error, Error::NotKept { revoked: true, .. }), "{error}");
    assert_eq!(house.provider.asked(), ["authorization_code", "revoke refresh-2", "revoke access-2"]);
    assert!(error.to_string().ends_with("its new tokens are gone here, and are revoked there"), "{error}");
    assert!(error.hint().unwrap().ends_with("; then log in again: keyfob login home"));

    let house = House::empty();
    for act in [Act::Nothing, Act::Fail(TransportKind::Timeout)] {
        house.provider.next(act);
    }
    let error = without_room(&house).await;
    assert!(matches!(error, Error::NotKept { revoked: false, .. }) && error.to_string().contains("are not revoked there"), "{error}");
}

/// An app needs nobody to ask again; its tokens are as good as a person's to whoever steals them.
#[tokio::test(start_paused = true)]
async fn d6_tokens_of_the_app_itself_that_cannot_be_kept_are_revoked() {
    let house = House::empty();
    house.store.fail(&[Write::Other]);
    let settings = provider("https://provider.example");
    let error = client_credentials(&house.keyfob(), &settings, &app(), "home", &AccessRequest::default()).await.unwrap_err();
    assert!(matches!(error, Error::NotKept { revoked: true, .. }), "{error}");
    assert_eq!(house.provider.asked(), ["client_credentials", "revoke access-2"]);
}

#[tokio::test(start_paused = true)]
async fn d6_a_login_that_is_still_good_is_not_ended_by_one_that_cannot_be_kept() {
    let house = House::fresh().await;
    let error = without_room(&house).await;
    assert!(matches!(error, Error::NotKept { revoked: false, .. }), "{error}");
    assert_eq!(house.provider.asked(), ["authorization_code"], "at some providers the old tokens would go, too");
    assert_eq!(house.refresh_token().await, "refresh-1");
}

#[tokio::test(start_paused = true)]
async fn d6_a_caller_who_goes_away_loses_no_login() {
    let house = House::empty();
    house.provider.habits(|habits| habits.delay = Duration::from_secs(2));
    let keyfob = house.keyfob();
    let redirect = Redirect::Uri("http://127.0.0.1:9/callback".to_owned());
    let login = Login::begin(&keyfob, &provider("https://provider.example"), &app(), "home", redirect, vec![]).await.unwrap();
    let verified = login.verify(Answer::Query(&format!("code=abc&state={}", parameter(login.url(), "state")))).unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(1), login.finish(verified)).await.is_err(), "the code is on its way");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(is_of_the_login(&house.kept().await));
}

/// Issuer, token endpoint and client id of two providers can be the same: nothing else would tell whose login it is.
#[tokio::test]
async fn a_login_that_was_kept_goes_on_with_its_own_provider_and_no_other() {
    let house = House::empty();
    let (keyfob, settings) = (house.keyfob(), provider("https://provider.example"));
    let redirect = Redirect::Uri("http://127.0.0.1:9/callback".to_owned());
    let login = Login::begin(&keyfob, &settings, &app(), "home", redirect, vec![]).await.unwrap();
    assert!(Login::resume(&keyfob, &settings, &app(), login.stored()).is_ok());
    let others = Settings { provider: "another".to_owned(), ..settings };
    let wrong = Login::resume(&keyfob, &others, &app(), login.stored()).unwrap_err();
    assert_eq!(wrong.to_string(), "expected a login with \"another\", whose settings these are, but found one with \"pretend\"");
}
