//! Another name, while others use the account.

use std::time::Duration;

use keyfob::history::Event;
use keyfob::{Error, Store, StoreError};

use super::house::{House, name};

#[tokio::test(start_paused = true)]
async fn a_refresh_under_way_is_waited_for_and_its_tokens_go_along() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(2));
    let session = house.session().await;
    let refreshes = tokio::spawn(async move { session.token(0).await.map(drop) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let renamed = keyfob::rename(&house.keyfob(), "home", "cabin").await.unwrap();
    refreshes.await.unwrap().unwrap();
    let kept = house.store.account("cabin").await.unwrap().unwrap().value;
    assert_eq!(kept.tokens.refresh_token().unwrap().expose(), "refresh-2");
    assert!(house.store.account("home").await.unwrap().is_none());
    let history = house.store.history(&renamed.id).await.unwrap();
    assert_eq!(history.iter().map(|entry| name(&entry.event)).collect::<Vec<_>>(), ["refreshed", "another"]);
    assert!(matches!(&history[1].event, Event::Renamed { from } if from == "home"));
    // Nothing was spent in vain: the new name goes on with what came.
    house.clock.turn(7200);
    house.session_of(&house.keyfob(), "cabin").await.token(0).await.unwrap();
    assert_eq!(house.provider.asked(), ["refresh-1", "refresh-2"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_right_meanwhile_spends_nothing() {
    let house = House::new().await;
    let session = house.session().await;
    let hold = house.store.try_hold(&house.kept().await.id).await.unwrap().unwrap();
    let renames = tokio::spawn({
        let keyfob = house.keyfob();
        async move { keyfob::rename(&keyfob, "home", "cabin").await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(house.store.account("cabin").await.unwrap().is_none(), "it waits for the holder");
    drop(hold);
    renames.await.unwrap().unwrap();
    // The session has the old name, and finds nobody there: it asks the provider for nothing.
    assert!(matches!(session.token(0).await, Err(Error::NoAccount { name }) if name == "home"));
    assert!(house.provider.asked().is_empty());
    house.session_of(&house.keyfob(), "cabin").await.token(0).await.unwrap();
    assert_eq!(house.provider.asked(), ["refresh-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_hangs_is_told_and_nothing_is_renamed() {
    let house = House::fresh().await;
    let _elsewhere = house.store.try_hold(&house.kept().await.id).await.unwrap();
    assert!(matches!(keyfob::rename(&house.keyfob(), "home", "cabin").await, Err(Error::Held { .. })));
    assert!(house.store.account("cabin").await.unwrap().is_none());
    assert!(matches!(keyfob::rename(&house.keyfob(), "attic", "cabin").await, Err(Error::NoAccount { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_stays_whose_it_is() {
    let house = House::fresh().await;
    house.put(super::house::account("cabin", "7", super::house::NOW, None)).await;
    let taken = keyfob::rename(&house.keyfob(), "home", "cabin").await;
    assert!(matches!(taken, Err(Error::Store(StoreError::Conflict))), "{taken:?}");
    assert_eq!(house.refresh_token().await, "refresh-1");
}
