//! D13: many accounts at one provider.

use std::collections::BTreeMap;
use std::time::Duration;

use keyfob::Store as _;

use super::house::{House, NOW, account};

#[tokio::test(start_paused = true)]
async fn d13_one_provider_is_asked_by_eight_at_once() {
    for (most, expected) in [(None, 8), (Some(3), 3)] {
        let house = House::empty();
        house.provider.habits(|habits| (habits.delay, habits.rotates) = (Duration::from_secs(1), false));
        let mut keyfob = house.keyfob();
        if let Some(most) = most {
            let mut policy = keyfob::Policy::default();
            policy.at_once = most;
            keyfob = keyfob.with_policy(policy);
        }
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..100 {
            let name = format!("home/{number}");
            house.put(account(&name, "1", NOW - 3660, Some(NOW - 60))).await;
            let session = house.session_of(&keyfob, &name).await;
            tasks.spawn(async move { session.token(0).await.map(drop) });
        }
        for done in tasks.join_all().await {
            done.unwrap();
        }
        assert_eq!((house.provider.asked().len(), house.provider.most_under_way()), (100, expected));
    }
}

/// Whoever had to queue for the provider has not waited for whoever refreshes the account.
#[tokio::test(start_paused = true)]
async fn d13_the_wait_for_a_place_is_not_held_against_a_holder() {
    let house = House::empty();
    house.provider.habits(|habits| (habits.delay, habits.rotates) = (Duration::from_secs(8), false));
    let mut policy = keyfob::Policy::default();
    (policy.at_once, policy.patience) = (1, Duration::from_secs(5));
    let keyfob = house.keyfob().with_policy(policy);
    let mut tasks = Vec::new();
    for name in ["home/first", "home/second"] {
        house.put(account(name, "1", NOW - 3660, Some(NOW - 60))).await;
        let session = house.session_of(&keyfob, name).await;
        tasks.push(tokio::spawn(async move { session.token(0).await.map(drop) }));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let second = house.store.account("home/second").await.unwrap().unwrap().value.id;
    let held = house.store.try_hold(&second).await.unwrap().expect("the other one queues for the provider");
    tokio::time::sleep(Duration::from_secs(8)).await;
    drop(held);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(house.provider.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn d13_tokens_that_end_together_are_not_refreshed_together() {
    let house = House::empty();
    house.provider.habits(|habits| habits.rotates = false);
    let keyfob = house.keyfob();
    let mut sessions = Vec::new();
    for number in 0..200 {
        let name = format!("home/{number}");
        house.put(account(&name, "1", NOW, Some(NOW + 3600))).await;
        sessions.push(house.session_of(&keyfob, &name).await);
    }
    // Each is called every second of the last three minutes.
    let (mut by_second, mut before) = (BTreeMap::new(), 0);
    for second in 3420..3600 {
        house.clock.set(NOW + second);
        for session in &sessions {
            session.get("/x").send().await.unwrap();
        }
        let asked = house.provider.asked().len();
        by_second.insert(second, asked - before);
        before = asked;
    }
    assert_eq!(before, 200);
    let most = by_second.values().max().unwrap();
    assert!(*most < 20, "{most} of 200 in one second: {by_second:?}");
    assert!(by_second.values().filter(|count| **count > 0).count() > 30, "spread over the minute: {by_second:?}");
}
