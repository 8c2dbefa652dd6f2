//! D6: new tokens that the store cannot keep.

use std::time::Duration;

use keyfob::history::Event;
use keyfob::store::Expected;
use keyfob::{Error, Store, StoreError};

use super::house::{House, NOW, name, tokens};
use super::watched::Write;

#[tokio::test(start_paused = true)]
async fn d6_the_new_token_is_used_the_error_told_and_the_write_tried_again() {
    let house = House::new().await;
    let keyfob = house.keyfob();
    let mut events = keyfob.events();
    let session = house.session_of(&keyfob, "home").await;
    house.store.fail(&[Write::Tokens]);
    assert_eq!(session.token(0).await.unwrap().expose(), "access-2");
    session.get("/x").send().await.unwrap();
    assert_eq!(house.refresh_token().await, "refresh-1", "nothing was overwritten");

    let unsaved = session.unsaved().expect("it is told");
    assert!(matches!(&unsaved.error, StoreError::Io(_, error) if error.kind() == std::io::ErrorKind::StorageFull));
    assert_eq!((unsaved.account.as_str(), unsaved.since.as_unix()), ("home", NOW));
    let error = session.settle(Duration::from_secs(2)).await.unwrap_err();
    assert!(matches!(error, Error::Unsaved { .. }), "{error}");
    let Some(entry) = events.next().await else { panic!("an event") };
    assert!(matches!(&entry.event, Event::Unsaved { reason, .. } if reason.contains("cannot be read or written")), "{entry:?}");

    // Nobody else may spend the old one meanwhile.
    assert!(house.store.try_hold(&house.kept().await.id).await.unwrap().is_none());
    // There is room again, and nobody calls: the background does it.
    house.store.fail(&[]);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(house.refresh_token().await, "refresh-2");
    assert!(session.unsaved().is_none());
    assert_eq!(house.events().await, ["refreshed"]);
    assert_eq!(name(&events.next().await.unwrap().event), "refreshed");
    assert!(house.store.try_hold(&house.kept().await.id).await.unwrap().is_some(), "the account is free");
    assert_eq!(house.provider.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn d6_the_next_use_writes_first() {
    let house = House::new().await;
    let session = house.session().await;
    house.store.fail(&[Write::Tokens]);
    session.token(0).await.unwrap();
    house.store.fail(&[]);
    assert_eq!(session.token(0).await.unwrap().expose(), "access-2");
    assert_eq!(house.refresh_token().await, "refresh-2");
    assert!(session.unsaved().is_none());
    session.settle(Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn d6_a_program_that_ends_can_wait_for_room() {
    let house = House::new().await;
    let keyfob = house.keyfob();
    let session = house.session_of(&keyfob, "home").await;
    house.store.fail(&[Write::Tokens]);
    session.token(0).await.unwrap();
    // The session is dropped; what it got is not.
    drop(session);
    let store = house.store.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        store.fail(&[]);
    });
    keyfob.settle(Duration::from_secs(10)).await.unwrap();
    assert_eq!(house.refresh_token().await, "refresh-2");
}

#[tokio::test(start_paused = true)]
async fn d6_while_unwritten_another_refresh_spends_nothing() {
    let house = House::new().await;
    let session = house.session().await;
    house.store.fail(&[Write::Tokens]);
    session.token(0).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    for error in [session.refresh().await.err().unwrap(), session.token(0).await.err().unwrap()] {
        assert!(matches!(error, Error::Store(_)), "{error}");
    }
    assert_eq!(house.provider.asked().len(), 1);
    house.store.fail(&[]);
    session.refresh().await.unwrap();
    assert_eq!(house.provider.asked(), ["refresh-1", "refresh-2"], "from what was in memory alone");
    assert_eq!(house.events().await, ["refreshed", "refreshed"]);
}

#[tokio::test(start_paused = true)]
async fn d6_a_write_that_was_reported_as_failed_and_was_none_ends_well() {
    let house = House::new().await;
    let keyfob = house.keyfob();
    let mut events = keyfob.events();
    let session = house.session_of(&keyfob, "home").await;
    *house.store.lying.lock().unwrap() = Some(Write::Tokens);
    session.token(0).await.unwrap();
    session.settle(Duration::from_secs(1)).await.unwrap();
    assert_eq!(house.refresh_token().await, "refresh-2");
    assert_eq!(house.events().await, ["refreshed"], "once");
    for expected in ["unsaved", "refreshed"] {
        assert_eq!(name(&events.next().await.unwrap().event), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn d6_a_new_login_meanwhile_counts() {
    let house = House::new().await;
    let session = house.session().await;
    house.store.fail(&[Write::Tokens]);
    session.token(0).await.unwrap();
    let mut account = house.kept().await;
    (account.tokens, account.spending) = (tokens("9", NOW, Some(NOW + 3600)), None);
    house.store.put_account(&account, Expected::Anything, None).await.unwrap();
    house.store.fail(&[]);
    assert_eq!(session.token(0).await.unwrap().expose(), "access-9");
    assert_eq!(house.refresh_token().await, "refresh-9");
    assert!(session.unsaved().is_none());
}
