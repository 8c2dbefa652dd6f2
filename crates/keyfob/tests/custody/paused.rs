//! After failures: pauses that grow.

use std::time::Duration;

use keyfob::proto::TransportKind;
use keyfob::store::Expected;
use keyfob::{Error, Store};
use tokio::time::Instant;

use super::house::{House, NOW, tokens};
use super::provider::Act;

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_is_asked_less_and_less_often() {
    let house = House::new().await;
    for _ in 0..100 {
        house.provider.next(Act::Say(503, "{}"));
    }
    let session = house.session().await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(600) {
        let error = session.token(0).await.unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{error}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // 1, 2, 4 … 256 s: nine to eleven requests in ten minutes, instead of 1200.
    let asked = house.provider.asked().len();
    assert!((8..=12).contains(&asked), "{asked}");
    // Insisting is allowed.
    assert!(session.refresh().await.is_err());
    assert_eq!(house.provider.asked().len(), asked + 1);
}

/// A handler that opens a session for each request, and keeps none.
#[tokio::test(start_paused = true)]
async fn a_pause_outlives_the_session() {
    let house = House::new().await;
    let keyfob = house.keyfob();
    for _ in 0..100 {
        house.provider.next(Act::Say(503, "{}"));
    }
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(600) {
        let error = house.session_of(&keyfob, "home").await.token(0).await.unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{error:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let asked = house.provider.asked().len();
    assert!((8..=12).contains(&asked), "{asked}");
    // Other tokens have no part in it.
    let mut account = house.kept().await;
    account.tokens = tokens("9", NOW - 7200, Some(NOW - 3600));
    account.spending = None;
    house.store.put_account(&account, Expected::Anything, None).await.unwrap();
    assert!(house.session_of(&keyfob, "home").await.token(0).await.is_err());
    assert_eq!(house.provider.asked().len(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn during_a_pause_a_token_that_is_still_good_is_used() {
    let house = House::fresh().await;
    house.clock.turn(1800 - 20);
    house.provider.next(Act::Fail(TransportKind::Connect));
    let session = house.session().await;
    for _ in 0..20 {
        session.get("/x").send().await.unwrap();
    }
    assert_eq!(house.provider.asked().len(), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    session.get("/x").send().await.unwrap();
    assert_eq!(house.refresh_token().await, "refresh-2");
}

#[tokio::test(start_paused = true)]
async fn during_a_pause_somebody_elses_success_counts() {
    let house = House::new().await;
    house.provider.next(Act::Say(503, "{}"));
    let session = house.session().await;
    assert!(session.token(0).await.is_err());
    let mut account = house.kept().await;
    account.tokens = tokens("9", NOW, Some(NOW + 3600));
    house.store.put_account(&account, Expected::Anything, None).await.unwrap();
    assert_eq!(session.token(0).await.unwrap().expose(), "access-9");
}

/// By both clocks.
async fn pass(house: &House, seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    house.clock.turn(seconds.cast_signed());
}

#[tokio::test(start_paused = true)]
async fn c10_a_wish_to_be_left_alone_is_kept_to_by_all_processes() {
    let house = House::new().await;
    house.provider.next(Act::SayWait("30"));
    let (session, idle) = (house.session().await, house.session().await);
    assert!(matches!(session.token(0).await.unwrap_err(), Error::Protocol(_)));
    for _ in 0..2 {
        // Within the process, in one that had read the account before, and in new ones.
        for session in [session.clone(), idle.clone(), house.session().await] {
            session.token(0).await.unwrap_err();
        }
        pass(&house, 14).await;
    }
    let error = house.session().await.token(0).await.unwrap_err();
    assert!(matches!(&error, Error::AskedToWait { left, .. } if left.as_secs() == 2), "{error}");
    assert_eq!(house.provider.asked().len(), 1);
    assert_eq!(house.kept().await.health, keyfob::Health::Ok);
    pass(&house, 2).await;
    assert_eq!(house.session().await.token(0).await.unwrap().expose(), "access-2");
    assert_eq!(house.kept().await.spending, None, "the wish ends with the success");
    // The others find that.
    pass(&house, 1).await;
    assert_eq!(idle.token(0).await.unwrap().expose(), "access-2");
    assert_eq!(house.provider.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn c10_a_wish_to_be_left_alone_has_a_limit_and_no_clock_makes_it_longer() {
    for after in ["86400", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let house = House::new().await;
        house.provider.next(Act::SayWait(after));
        let session = house.session().await;
        session.token(0).await.unwrap_err();
        pass(&house, 59).await;
        session.token(0).await.unwrap_err();
        assert_eq!(house.provider.asked().len(), 1, "{after}");
        pass(&house, 1).await;
        assert_eq!(session.token(0).await.unwrap().expose(), "access-2", "{after}");
    }
    for turned in [-10_000, -31, 31, 10_000] {
        let house = House::new().await;
        house.provider.next(Act::SayWait("30"));
        house.session().await.token(0).await.unwrap_err();
        house.clock.turn(turned);
        let begun = Instant::now();
        let session = house.session().await;
        while session.token(0).await.is_err() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        assert!(begun.elapsed() <= Duration::from_secs(62), "{:?} at {turned}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn c10_whoever_insists_is_let_through_a_wish_to_be_left_alone() {
    let house = House::new().await;
    house.provider.next(Act::SayWait("30"));
    house.session().await.token(0).await.unwrap_err();
    house.session().await.refresh().await.unwrap();
    assert_eq!(house.refresh_token().await, "refresh-2");
}
