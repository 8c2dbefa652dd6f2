//! L19: somebody else's login under the account's name. What was begun for one person is not done with another's tokens.

use std::time::Duration;

use keyfob::store::Expected;
use keyfob::{Account, AccountId, Error, Health, Session, Store};

use super::house::{House, NOW, account};
use super::provider::Act;
use super::watched::Write;

/// Somebody else logs in under the name: another process writes it.
async fn another_logs_in(house: &House) -> Account {
    let account = Account { id: AccountId::random(), ..account("home", "9", NOW, Some(NOW + 3600)) };
    house.put(account.clone()).await;
    account
}

fn is_another(error: &Error) -> bool {
    matches!(error, Error::AnotherLogin { account } if account == "home")
}

#[tokio::test(start_paused = true)]
async fn l19_a_call_whose_token_is_refused_is_not_sent_with_somebody_elses() {
    let house = House::fresh().await;
    let keyfob = house.keyfob();
    let session = house.session_of(&keyfob, "home").await;
    let before = session.account().id;
    let another = another_logs_in(&house).await;
    house.provider.expire("access-1");
    let error = session.get("/door/open").send().await.err().unwrap();
    assert!(is_another(&error), "{error}");
    assert_eq!(house.provider.calls(), 1, "with the token that was refused");
    assert_eq!(session.account().id, before, "this session stays who it was");
    assert!(is_another(&session.refresh().await.err().unwrap()));
    assert_eq!(house.provider.asked(), [""; 0], "nobody's token is spent");
    // Whoever opens the account now gets the one that is there.
    let now = house.session_of(&keyfob, "home").await;
    assert_eq!((now.account().id, token(&now).await.unwrap()), (another.id, "access-9".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn l19_a_refresh_does_not_hand_out_somebody_elses_token() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(2));
    let session = house.session().await;
    let asks = tokio::spawn({
        let session = session.clone();
        async move { token(&session).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let another = another_logs_in(&house).await;
    let error = asks.await.unwrap().unwrap_err();
    assert!(is_another(&error), "{error}");
    assert_eq!((house.kept().await.id, house.refresh_token().await), (another.id, "refresh-9".to_owned()), "which stay");
    // Before anything is asked, too.
    let error = token(&session).await.unwrap_err();
    assert!(is_another(&error), "{error}");
    assert_eq!(house.provider.asked(), ["refresh-1"]);
}

/// Nor is the refusal told as that account's, which needs no login.
#[tokio::test(start_paused = true)]
async fn l19_a_refusal_is_not_told_of_somebody_elses_account() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(2));
    house.provider.next(Act::Say(400, r#"{"error":"invalid_grant"}"#));
    let session = house.session().await;
    let asks = tokio::spawn({
        let session = session.clone();
        async move { token(&session).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let another = another_logs_in(&house).await;
    let error = asks.await.unwrap().unwrap_err();
    assert!(is_another(&error), "{error}");
    let kept = house.kept().await;
    assert_eq!((kept.id, kept.health), (another.id, Health::Ok));
}

#[tokio::test(start_paused = true)]
async fn l19_reading_the_store_again_opens_the_account_that_is_there() {
    let house = House::fresh().await;
    let session = house.session().await;
    let before = session.account().id;
    let another = another_logs_in(&house).await;
    let now = session.reread().await.unwrap();
    assert_eq!((now.account().id, session.account().id), (another.id, before));
    assert_eq!(token(&now).await.unwrap(), "access-9");
    assert_eq!(token(&session).await.unwrap(), "access-1", "its own is good for half an hour");
}

/// A session that another one took the place of may have what nobody else has.
#[tokio::test(start_paused = true)]
async fn d6_a_session_that_was_replaced_is_settled_too() {
    let house = House::new().await;
    let keyfob = house.keyfob();
    let session = house.session_of(&keyfob, "home").await;
    house.store.fail(&[Write::Tokens]);
    assert_eq!(token(&session).await.unwrap(), "access-2");
    let mut settings = session.settings().clone();
    settings.api.more_origins.clear();
    settings.api.base = super::common::endpoint("https://provider.example/v2/");
    let other = keyfob.session(settings, super::common::app(), "home").await.unwrap();
    house.store.fail(&[]);
    keyfob.settle(Duration::from_secs(1)).await.unwrap();
    assert!(session.unsaved().is_none());
    assert_eq!(house.refresh_token().await, "refresh-2");
    drop(other);
}

/// Whoever logs out has the old tokens revoked: the new ones would live on, known to nobody.
#[tokio::test(start_paused = true)]
async fn d9_new_tokens_that_could_not_be_written_are_revoked_after_a_logout_elsewhere() {
    let house = House::new().await;
    let session = house.session().await;
    house.store.fail(&[Write::Tokens]);
    assert_eq!(token(&session).await.unwrap(), "access-2");
    house.store.remove_account("home", None).await.unwrap();
    house.store.fail(&[]);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(house.provider.asked(), ["refresh-1", "revoke refresh-2", "revoke access-2"]);
    assert!(session.unsaved().is_none());
    assert!(house.store.account("home").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn d9_a_logout_writes_and_revokes_what_could_not_be_written_before() {
    let house = House::new().await;
    let keyfob = house.keyfob();
    let session = house.session_of(&keyfob, "home").await;
    house.store.fail(&[Write::Tokens]);
    assert_eq!(token(&session).await.unwrap(), "access-2");
    house.store.fail(&[]);
    let begun = tokio::time::Instant::now();
    keyfob::logout(&keyfob, &super::common::provider("https://provider.example"), &super::common::app(), "home", true).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(100), "nobody holds it any more");
    assert_eq!(house.provider.asked(), ["refresh-1", "revoke refresh-2", "revoke access-2"]);
}

/// What was in memory alone does not take somebody else's place.
#[tokio::test(start_paused = true)]
async fn l19_what_could_not_be_written_is_not_written_over_somebody_elses() {
    let house = House::new().await;
    let session = house.session().await;
    house.store.fail(&[Write::Tokens]);
    assert_eq!(token(&session).await.unwrap(), "access-2");
    let another = Account { id: AccountId::random(), ..account("home", "9", NOW, Some(NOW + 3600)) };
    house.store.put_account(&another, Expected::Anything, None).await.unwrap();
    house.store.fail(&[]);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(session.unsaved().is_none());
    assert_eq!((house.kept().await.id, house.refresh_token().await), (another.id, "refresh-9".to_owned()));
    let error = session.refresh().await.err().unwrap();
    assert!(is_another(&error), "{error}");
}

async fn token(session: &Session) -> Result<String, Error> {
    Ok(session.token(0).await?.expose().to_owned())
}
