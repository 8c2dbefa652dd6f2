//! What was read of the store a while ago, and what was put back in place there.

use std::sync::Arc;
use std::time::Duration;

use keyfob::{Error, Session, Store};
use tokio::sync::Notify;

use super::asked::without_refresh_token;
use super::common::app;
use super::house::{House, NOW, tokens};

#[tokio::test(start_paused = true)]
async fn what_was_read_before_newer_tokens_came_does_not_take_their_place() {
    let house = House::empty();
    without_refresh_token(&house, NOW - 60).await;
    let session = house.session().await;
    let late = Arc::new(Notify::new());
    *house.store.late.lock().unwrap() = Some(late.clone());
    let slow = tokio::spawn({
        let session = session.clone();
        async move { token(&session).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(house.store.late.lock().unwrap().is_none(), "it has read the old tokens");
    let mut account = house.kept().await;
    account.tokens = tokens("9", NOW, Some(NOW + 3600));
    house.put(account).await;
    assert_eq!(token(&session).await, "access-9");
    late.notify_one();
    assert_eq!(slow.await.unwrap(), "access-9");
    assert_eq!(session.account().tokens.refresh_token().unwrap().expose(), "refresh-9");
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_was_put_back_in_place_counts_from_where_it_was() {
    let house = House::new().await;
    let backup = house.kept().await;
    for _ in 0..3 {
        house.put(backup.clone()).await;
    }
    let session = house.session().await;
    house.store.remove_account("home", None).await.unwrap();
    // The same account, with the generations of its backup.
    house.put(backup).await;
    assert_eq!(token(&session).await, "access-2");
}

/// Somebody logs in with another app while new tokens are on their way: this session is the former app's, and not to go on with what it cannot use.
#[tokio::test(start_paused = true)]
async fn a_login_with_another_app_during_a_refresh_is_not_taken_up() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(2));
    let session = house.session().await;
    let refreshes = tokio::spawn({
        let session = session.clone();
        async move { session.token(0).await.map(drop) }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut account = house.kept().await;
    (account.client_id, account.spending) = ("another-client-id".to_owned(), None);
    account.tokens = tokens("9", NOW, Some(NOW + 3600));
    house.put(account).await;
    let error = refreshes.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::AnotherApp { .. }), "{error}");
    assert_eq!(session.account().client_id, app().client_id);
    assert_eq!(house.refresh_token().await, "refresh-9", "which stays");
    assert_eq!(house.provider.asked(), ["refresh-1"]);
}

async fn token(session: &Session) -> String {
    session.token(0).await.unwrap().expose().to_owned()
}
