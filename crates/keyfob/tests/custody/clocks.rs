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

/// Each asks in a process of its own, which knows no more than the store and the clocks: one minute for all of them.
async fn asks_once_a_minute(house: &House, jump: i64, run: impl Fn(i64)) {
    run(1000);
    assert_eq!(house.session().await.token(0).await.unwrap().expose(), "access-2");
    house.provider.expire("access-2");
    house.clock.turn(jump);
    for seconds in [0, 30, 58] {
        run(1000 + seconds);
        let other = house.session().await;
        assert_eq!(other.token(0).await.unwrap().expose(), "access-2", "{jump}");
        assert_eq!(other.get("/x").send().await.unwrap().status(), 401, "the answer is the caller's to judge: {jump}");
        assert_eq!(house.provider.asked().len(), 1, "asked again after {seconds} seconds at {jump}");
    }
    // Whoever asks for it in so many words gets it; and so does everybody a minute later.
    run(1061);
    house.session().await.get("/x").send().await.unwrap();
    house.session().await.refresh().await.unwrap();
    assert!((2..=3).contains(&house.provider.asked().len()), "{jump}");
}

#[tokio::test(start_paused = true)]
async fn d8_the_minute_of_one_process_is_that_of_all_of_a_machine() {
    for jump in [10 * YEAR, -10 * YEAR, -NOW, 30 * 86_400, -3600, 3600, 61, -61] {
        let house = House::new().await;
        asks_once_a_minute(&house, jump, |seconds| house.clock.run_for(seconds)).await;
    }
}

/// Of machines, too, where a database server gives out the right to refresh: they have its clock in common.
#[tokio::test(start_paused = true)]
async fn d8_the_minute_of_one_machine_is_that_of_all_on_a_database() {
    for jump in [10 * YEAR, -10 * YEAR, 3600, -3600, 61, -61] {
        let house = House::new().await;
        *house.store.lapsing.lock().unwrap() = true;
        asks_once_a_minute(&house, jump, |seconds| house.store.serve_for(seconds)).await;
    }
}

/// On a busy machine the server's answer lies there for a while before it is read: that makes no token younger than it is.
#[tokio::test(start_paused = true)]
async fn a_token_that_has_ended_is_not_taken_for_new_by_an_answer_that_was_read_late() {
    let house = House::new().await;
    *house.store.lapsing.lock().unwrap() = true;
    house.provider.habits(|habits| habits.lifetime = Some(20));
    house.store.serve_for(1000);
    assert_eq!(house.session().await.token(0).await.unwrap().expose(), "access-2");
    house.clock.turn(20);
    *house.store.late_by.lock().unwrap() = Duration::from_secs(15);
    house.store.serve_for(1005);
    assert_eq!(house.session().await.token(0).await.unwrap().expose(), "access-3");
}

/// A machine that was started again counts from the beginning, and what it wrote before tells nothing.
#[tokio::test(start_paused = true)]
async fn a_minute_before_the_machine_was_started_again_is_nobody_s() {
    let house = House::new().await;
    house.clock.run_for(1000);
    house.session().await.token(0).await.unwrap();
    let mut account = house.kept().await;
    account.refreshed.as_mut().and_then(|moment| moment.uptime.as_mut()).expect("it is known").boot = "another start".to_owned();
    house.put(account).await;
    house.clock.turn(30 * 86_400);
    assert_eq!(house.session().await.token(0).await.unwrap().expose(), "access-3");
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
