//! J7: commands that run at once in one home lose nothing of each other's.

use std::collections::BTreeSet;
use std::thread;

use keyfob_e2e::House;

#[test]
fn j7_commands_that_log_in_at_once_keep_all_accounts() {
    const EACH: usize = 6;
    let house = House::new();
    house.log_in("acme");
    thread::scope(|scope| {
        for side in ["left", "right"] {
            let house = &house;
            scope.spawn(move || (0..EACH).for_each(|number| drop(house.log_in(&format!("telldus/{side}-{number}")))));
        }
        // A third goes on working, and gets new tokens on the way.
        for _ in 0..EACH {
            house.good(&["refresh", "acme"]);
            house.good(&["get", "acme", "/me"]);
        }
    });
    let status = house.json(&["status", "--json"]);
    let names: BTreeSet<_> = status.as_array().expect("a list").iter().filter_map(|account| account["account"].as_str()).collect();
    assert_eq!(names.len(), 2 * EACH + 1, "{status}");
    for side in ["left", "right"] {
        assert!((0..EACH).all(|number| names.contains(format!("telldus/{side}-{number}").as_str())), "{status}");
    }
}

/// Many commands at once on one account whose token has ended: one of them gets a new one.
#[test]
fn d1_commands_at_once_on_an_ended_token_make_one_refresh() {
    let house = House::new();
    house.log_in("netatmo");
    for _ in 0..3 {
        house.world.advance(4 * 3600);
        house.world.faults("netatmo").expire_access_tokens();
        house.world.clear_seen();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| house.good(&["get", "netatmo", "/api/getstationsdata", "--fail"]));
            }
        });
        let lines = house.world.lines("netatmo");
        let refreshes = lines.iter().filter(|line| line.contains("grant_type=refresh_token")).count();
        assert_eq!(refreshes, 1, "{lines:#?}");
        // Once a minute and no more: the next round is another account's.
        house.good(&["logout", "netatmo"]);
        house.log_in("netatmo");
    }
}
