//! D13: many accounts at one provider.

use std::collections::BTreeMap;
use std::time::Duration;

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
