//! What becomes of tokens, told: the history, following it, and refreshing what is due.

#![allow(missing_docs)]

mod common;

use common::House;

#[tokio::test(flavor = "multi_thread")]
async fn the_history_says_who_spent_which_refresh_token() {
    let house = House::new().await;
    house.log_in("netatmo").await;
    house.good(&["refresh", "netatmo"]).await;
    house.good(&["refresh", "netatmo"]).await;
    let entries = house.json(&["status", "netatmo", "--history"]).await;
    let kinds: Vec<_> = entries.as_array().expect("a list").iter().map(|entry| entry["event"].as_str().expect("a word")).collect();
    assert_eq!(kinds, ["logged-in", "refreshed", "refreshed"]);
    // Each spends what the one before received.
    assert_eq!(entries[1]["spent"], entries[0]["received"]);
    assert_eq!(entries[2]["spent"], entries[1]["received"]);
    assert_eq!(entries[2]["begun_by"]["program"], "keyfob");
    assert_eq!(entries[2]["why"], "asked for");
    assert_ne!(entries[1]["by"]["pid"], entries[2]["by"]["pid"], "two processes");
    let table = house.good(&["status", "netatmo", "--history"]).await;
    assert_eq!(table.lines().count(), 4, "{table}");
    let spent = entries[2]["spent"].as_str().expect("digits");
    assert!(table.lines().last().is_some_and(|line| line.contains(spent) && line.contains("asked for")), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_needs_an_account() {
    let house = House::new().await;
    house.run(&["status", "--history"]).await.exits(2);
    house.run(&["status", "netatmo", "--history"]).await.fails(4, ["there is no account \"netatmo\"", "", "keyfob login netatmo"]);
}
