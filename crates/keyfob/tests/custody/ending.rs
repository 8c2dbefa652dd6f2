//! Programs that end while a token is being spent, or while its successor is in their memory alone.

use std::time::Duration;

use keyfob::proto::TransportKind;
use keyfob::{Error, Policy, Session, Store, StoreError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::house::{House, NOW, account};
use super::provider::Act;
use super::watched::Write;

/// A refresh that has left.
async fn begin(session: &Session) -> JoinHandle<Result<(), Error>> {
    let session = session.clone();
    let begun = tokio::spawn(async move { session.token(0).await.map(drop) });
    sleep(Duration::from_secs(1)).await;
    begun
}

#[tokio::test(start_paused = true)]
async fn a_program_that_ends_waits_for_what_it_began_and_begins_nothing() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(3));
    let keyfob = house.keyfob();
    let session = house.session_of(&keyfob, "home").await;
    let begun = begin(&session).await;
    keyfob.settle(Duration::from_secs(10)).await.unwrap();
    assert_eq!(house.refresh_token().await, "refresh-2");
    begun.await.unwrap().unwrap();

    tokio::time::sleep(Duration::from_secs(3600)).await;
    let elsewhere = house.store.try_hold(&house.kept().await.id).await.unwrap();
    let waits = tokio::spawn(async move { session.token(0).await.map(drop) });
    tokio::time::sleep(Duration::from_secs(1)).await;
    keyfob.settle(Duration::from_secs(10)).await.unwrap();
    drop(elsewhere);
    assert!(matches!(waits.await.unwrap().unwrap_err(), Error::Stopped { .. }));
    assert_eq!(house.provider.asked().len(), 1, "called off");
}

/// Somebody else's refresh ends while ours is waited for: that is no reason to begin.
#[tokio::test(start_paused = true)]
async fn a_program_that_ends_begins_no_account_while_it_waits_for_another() {
    let house = House::new().await;
    let other = account("attic", "1", NOW - 3660, Some(NOW - 60));
    house.put(other.clone()).await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(20));
    let keyfob = house.keyfob();
    let (home, attic) = (house.session_of(&keyfob, "home").await, house.session_of(&keyfob, "attic").await);
    let elsewhere = house.store.try_hold(&other.id).await.unwrap().unwrap();
    let (begun, waits) = (begin(&home).await, begin(&attic).await);
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        drop(elsewhere);
    });
    keyfob.settle(Policy::SETTLING).await.unwrap();
    begun.await.unwrap().unwrap();
    assert!(matches!(waits.await.unwrap().unwrap_err(), Error::Stopped { .. }));
    assert_eq!(house.provider.asked().len(), 1, "called off");
}

/// The worst that a request can come to: it is lost at the very end of its time, sent once more, and answered at the end of that.
#[tokio::test(start_paused = true)]
async fn a_program_that_ends_waits_until_the_request_cannot_be_under_way_any_more() {
    let house = House::new().await;
    house.provider.habits(|habits| (habits.delay, habits.grace) = (Duration::from_secs(29), true));
    house.provider.next(Act::Lose(TransportKind::Timeout));
    let keyfob = house.keyfob();
    let session = house.session_of(&keyfob, "home").await;
    // Whoever asked is gone.
    begin(&session).await.abort();
    keyfob.settle(Policy::SETTLING).await.unwrap();
    assert_eq!(house.refresh_token().await, "refresh-2");
    assert!(keyfob.unsettled().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_program_that_does_not_wait_so_long_is_told_what_may_be_lost() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(25));
    let keyfob = house.keyfob();
    assert!(keyfob.unsettled().is_none());
    let begun = begin(&house.session_of(&keyfob, "home").await).await;
    let error = keyfob.settle(Duration::from_secs(10)).await.unwrap_err();
    for error in [error, keyfob.unsettled().unwrap()] {
        let (told, hint) = (error.to_string(), error.hint().unwrap());
        assert!(matches!(error, Error::Unfinished { .. }) && told.contains("\"home\" has begun, and is not over"), "{told}");
        assert!(hint.contains("keyfob refresh home") && hint.contains("keyfob login home") && !hint.contains("try again"), "{hint}");
    }
    // It goes on all the same, in a process that does.
    begun.await.unwrap().unwrap();
    assert_eq!(house.refresh_token().await, "refresh-2");
}

/// A vault that is sealed anew, a database that fails over.
#[tokio::test(start_paused = true)]
async fn d6_a_program_that_ends_waits_for_minutes_for_a_store_that_is_busy_or_away() {
    let house = House::new().await;
    let keyfob = house.keyfob();
    let session = house.session_of(&keyfob, "home").await;
    for error in
        [StoreError::Locked("its agent".to_owned()), StoreError::Io("db1".to_owned(), std::io::ErrorKind::ConnectionRefused.into())]
    {
        *house.store.broken.lock().unwrap() = Some(error);
        house.store.fail(&[Write::Tokens]);
        session.refresh().await.unwrap();
        assert!(matches!(keyfob.unsettled(), Some(Error::Unsaved { .. })));
        let store = house.store.clone();
        tokio::spawn(async move {
            sleep(Duration::from_secs(200)).await;
            store.fail(&[]);
        });
        keyfob.settle(Policy::SETTLING).await.unwrap();
        assert!(keyfob.unsettled().is_none());
    }
    assert_eq!(house.refresh_token().await, "refresh-3");
}

/// Nobody is kept waiting for what no time brings; and who ends is not told to keep the program running.
#[tokio::test(start_paused = true)]
async fn d6_a_program_that_ends_does_not_wait_for_a_store_that_stays_as_it_is() {
    for error in [StoreError::WrongKey(String::new()), StoreError::Corrupt(String::new()), StoreError::Newer(String::new())] {
        let house = House::new().await;
        let keyfob = house.keyfob();
        let session = house.session_of(&keyfob, "home").await;
        let mends = error.hint();
        *house.store.broken.lock().unwrap() = Some(error);
        house.store.fail(&[Write::Tokens]);
        session.token(0).await.unwrap();
        let begun = Instant::now();
        let error = keyfob.settle(Policy::SETTLING).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(1), "{error}");
        let hint = error.hint().unwrap();
        assert!(matches!(error, Error::Unsaved { .. }) && hint.starts_with(mends) && hint.contains("keyfob login home"), "{error}: {hint}");
        assert!(!hint.contains("running"), "{hint}");
    }
}
