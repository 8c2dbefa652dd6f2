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
