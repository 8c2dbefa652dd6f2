//! D8: clocks that jump, and servers whose lifetimes are no lifetimes.

use std::time::Duration;

use super::house::{House, NOW, account};

const YEAR: i64 = 365 * 86_400;

#[tokio::test(start_paused = true)]
async fn d8_no_clock_makes_a_storm() {
    let jumps = [10 * YEAR, -10 * YEAR, -NOW, -NOW - 5, 30 * 86_400, -3600, i64::MIN / 2, i64::MAX / 2, 61, -61];
    for jump in jumps {
        let house = House::fresh().await;
        let session = house.session().await;
        for round in 0..200_usize {
            // To and fro, on every call.
            house.clock.set(if round % 2 == 0 { NOW.saturating_add(jump) } else { NOW });
            session.token(60).await.unwrap();
            session.get("/x").send().await.unwrap();
        }
        let asked = house.provider.asked().len();
        assert!(asked <= 1, "{asked} in one minute at {jump}");
        // Minute by minute it may be asked again, and no more often.
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(6)).await;
            session.token(60).await.unwrap();
        }
        let asked = house.provider.asked().len();
        assert!(asked <= 2, "{asked} in two minutes at {jump}");
    }
}

#[tokio::test(start_paused = true)]
async fn d8_tokens_from_the_future_have_no_known_end() {
    let house = House::empty();
    house.put(account("home", "1", NOW + 10 * YEAR, Some(NOW + 10 * YEAR + 3600))).await;
    let session = house.session().await;
    // A call finds out by itself.
    session.get("/x").send().await.unwrap();
    assert!(house.provider.asked().is_empty());
    // Not "fresh for ten years": by the clock that nobody turns, its time is over after an hour.
    tokio::time::sleep(Duration::from_secs(3601)).await;
    session.get("/x").send().await.unwrap();
    assert_eq!(house.provider.asked().len(), 1);

    let house = House::empty();
    house.put(account("home", "1", NOW + 10 * YEAR, Some(NOW + 10 * YEAR + 3600))).await;
    let session = house.session().await;
    // Whoever wants to be sure gets a new one, once.
    assert_eq!(session.token(60).await.unwrap().expose(), "access-2");
    assert_eq!(session.token(60).await.unwrap().expose(), "access-2");
    assert_eq!(house.provider.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn d8_after_thirty_days_asleep_there_is_one_refresh() {
    let house = House::fresh().await;
    let session = house.session().await;
    house.clock.turn(30 * 86_400);
    for _ in 0..50 {
        assert_eq!(session.token(0).await.unwrap().expose(), "access-2");
    }
    assert_eq!(house.provider.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn d8_a_lifetime_of_nothing_is_no_loop() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.lifetime = Some(0));
    let session = house.session().await;
    for _ in 0..50 {
        assert_eq!(session.token(0).await.unwrap().expose(), "access-2");
        session.get("/x").send().await.unwrap();
    }
    assert_eq!(house.provider.asked().len(), 1);
    // Another process just now: by the record.
    for _ in 0..5 {
        assert_eq!(house.session().await.token(0).await.unwrap().expose(), "access-2");
    }
    assert_eq!(house.provider.asked().len(), 1);
    // A minute later it is tried anew.
    tokio::time::sleep(Duration::from_secs(61)).await;
    house.clock.turn(61);
    assert_eq!(session.token(0).await.unwrap().expose(), "access-3");
}

#[tokio::test(start_paused = true)]
async fn d8_the_same_token_again_is_no_loop() {
    let house = House::new().await;
    house.provider.habits(|habits| (habits.reissues, habits.lifetime) = (true, None));
    house.provider.expire("access-1");
    let session = house.session().await;
    for _ in 0..10 {
        // The provider says "expired", and gives out the same token: the answer is the caller's to judge.
        assert_eq!(session.get("/x").send().await.unwrap().status(), 401);
    }
    assert_eq!(house.provider.asked().len(), 1);
    assert_eq!(house.provider.calls(), 10, "nothing was sent twice with the same token");
}

#[tokio::test(start_paused = true)]
async fn d8_expired_right_after_a_refresh_is_handed_to_the_caller() {
    let house = House::new().await;
    for number in 1..10 {
        house.provider.expire(&format!("access-{number}"));
    }
    let session = house.session().await;
    for _ in 0..10 {
        assert_eq!(session.get("/x").send().await.unwrap().status(), 401);
    }
    assert_eq!(house.provider.asked().len(), 1);
    // Other processes, too.
    assert_eq!(house.session().await.get("/x").send().await.unwrap().status(), 401);
    assert_eq!(house.provider.asked().len(), 1);
    tokio::time::sleep(Duration::from_secs(61)).await;
    house.clock.turn(61);
    assert_eq!(session.get("/x").send().await.unwrap().status(), 401);
    assert_eq!(house.provider.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_short_life_that_was_lived_is_followed_by_another() {
    let house = House::new().await;
    house.provider.habits(|habits| habits.lifetime = Some(5));
    let session = house.session().await;
    for expected in 2..8 {
        assert_eq!(session.token(0).await.unwrap().expose(), format!("access-{expected}"));
        assert_eq!(session.token(0).await.unwrap().expose(), format!("access-{expected}"));
        tokio::time::sleep(Duration::from_secs(5)).await;
        house.clock.turn(5);
    }
}
