//! When accounts are due, in SQLite: a refresh writes one page, and everybody who is due is found all the same.

use std::sync::Arc;

use keyfob::proto::Timestamp;
use keyfob::store::{Expected, Versioned};
use keyfob::{Account, Store};
use keyfob_store::{KeySource, Vault};

use crate::common::{BEGAN, Home, healthy_account, wait};

mod common;

const HOUR: i64 = 3600;

/// The moment from which accounts whose tokens came an hour and a bit ago are due, whatever was drawn for each.
fn after_an_hour() -> Timestamp {
    Timestamp::from_unix(BEGAN + HOUR)
}

fn put(vault: &Vault, account: &Account) {
    wait(vault.put_account(account, Expected::Anything, None)).expect("puts");
}

/// Some hundreds in one transaction.
fn put_together(vault: &Arc<Vault>, accounts: impl Iterator<Item = Account>) {
    wait(async {
        let mut writes = tokio::task::JoinSet::new();
        for account in accounts {
            let vault = Arc::clone(vault);
            writes.spawn(async move { vault.put_account(&account, Expected::Anything, None).await.expect("puts") });
        }
        writes.join_all().await;
    });
}

/// The same account with tokens that came so much later.
fn refreshed(account: &Account, received_at: i64) -> Account {
    Account { id: account.id.clone(), ..healthy_account(&account.name, received_at) }
}

fn lease(vault: &Vault, now: Timestamp, most: usize) -> Vec<String> {
    let leased: Vec<Versioned<Account>> = wait(vault.lease_due(now, now.plus(60), most)).expect("leases");
    leased.into_iter().map(|found| found.value.name).collect()
}

/// So many pages the log has: each is 4096 bytes, and 24 before it.
fn pages(home: &Home) -> u64 {
    let log = std::fs::metadata(home.folder().join("vault.db-wal")).expect("a log").len();
    (log - 32) / (4096 + 24)
}

#[test]
fn a_refresh_writes_one_page() {
    let home = Home::new();
    let vault = home.open();
    // Enough of them that row, name and due moment lie on different pages.
    let accounts: Vec<_> = (0..300).map(|number| healthy_account(&format!("account-{number}"), BEGAN)).collect();
    accounts.iter().for_each(|account| put(&vault, account));
    let before = pages(&home);
    for (number, account) in accounts.iter().take(50).enumerate() {
        put(&vault, &refreshed(account, BEGAN + HOUR));
        assert_eq!(pages(&home) - before, number as u64 + 1);
    }
}

/// Far more were refreshed than are looked at in one transaction, and all of them come before the one that was not.
#[test]
fn who_is_due_behind_many_that_were_refreshed_is_found() {
    let home = Home::new();
    let vault = Arc::new(home.open());
    let accounts: Vec<_> = (0..2500).map(|number| healthy_account(&format!("account-{number}"), BEGAN)).collect();
    let late = healthy_account("late", BEGAN + 600);
    let again: Vec<_> = accounts.iter().map(|account| refreshed(account, BEGAN + HOUR)).collect();
    put_together(&vault, accounts.into_iter().chain([late]));
    put_together(&vault, again.into_iter());
    let now = after_an_hour().plus(600);
    assert_eq!(lease(&vault, now, 10), ["late"]);
    assert!(lease(&vault, now, 10).is_empty(), "each once");
    // They were moved on, to where they are due.
    let moved: i64 = home.sql().query_row("SELECT count(*) FROM due WHERE at > ?", (now.as_unix(),), |row| row.get(0)).expect("counts");
    assert_eq!(moved, 2500);
    let mut found = 0;
    while let more @ 1.. = lease(&vault, now.plus(HOUR), 1000).len() {
        found += more;
    }
    // The late one's lease is over by then.
    assert_eq!(found, 2501);
    assert!(wait(vault.check()).expect("looks").damaged.is_empty());
}

#[test]
fn a_due_moment_that_comes_earlier_is_found_at_once() {
    let home = Home::new();
    let vault = home.open();
    let account = healthy_account("home", BEGAN + HOUR);
    put(&vault, &account);
    assert!(lease(&vault, after_an_hour(), 10).is_empty());
    put(&vault, &refreshed(&account, BEGAN));
    assert_eq!(lease(&vault, after_an_hour(), 10), ["home"]);
}

/// One that was refreshed long ago is not the longest due where its tokens are good for longer.
#[test]
fn the_longest_due_is_first_whoever_was_refreshed_first() {
    let home = Home::new();
    let vault = home.open();
    let early = healthy_account("early", BEGAN);
    put(&vault, &early);
    put(&vault, &healthy_account("late", BEGAN + 2 * HOUR));
    put(&vault, &refreshed(&early, BEGAN + 4 * HOUR));
    let now = Timestamp::from_unix(BEGAN + 6 * HOUR);
    assert_eq!(lease(&vault, now, 1), ["late"]);
    assert_eq!(lease(&vault, now, 1), ["early"]);
    // Whoever had a turn is not looked at first again.
    let not_moved: i64 = home
        .sql()
        .query_row("SELECT count(*) FROM due JOIN account ON number = due.account WHERE at < due_at", (), |row| row.get(0))
        .expect("counts");
    assert_eq!(not_moved, 0);
}

/// What is never refreshed in the background any more is not looked at again and again.
#[test]
fn what_is_not_due_any_more_is_forgotten() {
    let home = Home::new();
    let vault = home.open();
    let mut account = healthy_account("home", BEGAN);
    put(&vault, &account);
    account.health =
        keyfob::Health::NeedsLogin { reason: "the server refused: invalid_grant".to_owned(), since: Timestamp::from_unix(BEGAN) };
    put(&vault, &account);
    assert!(account.due_at().is_none());
    assert!(lease(&vault, after_an_hour(), 10).is_empty());
    let left: i64 = home.sql().query_row("SELECT count(*) FROM due", (), |row| row.get(0)).expect("counts");
    assert_eq!(left, 0);
    // An account is gone, and its number is given again: the new one is nobody's.
    put(&vault, &refreshed(&account, BEGAN));
    assert_eq!(lease(&vault, after_an_hour(), 10), ["home"]);
    assert!(wait(vault.remove_account("home", None)).expect("removes"));
    let left: i64 = home.sql().query_row("SELECT count(*) FROM due", (), |row| row.get(0)).expect("counts");
    assert_eq!(left, 0);
    put(&vault, &healthy_account("cabin", BEGAN));
    assert_eq!(lease(&vault, after_an_hour(), 10), ["cabin"]);
}

#[test]
fn j8_a_check_finds_who_would_never_be_due() {
    for damage in ["DELETE FROM due", "UPDATE due SET at = at + 1"] {
        let home = Home::new();
        let vault = home.open();
        put(&vault, &healthy_account("home", BEGAN));
        assert!(wait(vault.check()).expect("looks").damaged.is_empty());
        home.sql().execute_batch(damage).expect("edits");
        let damaged = wait(vault.check()).expect("looks").damaged;
        assert!(matches!(&*damaged, [told] if told.contains("when 1 of the accounts are due")), "{damaged:?}");
        wait(vault.rekey(&KeySource::beside(&home.vault()))).expect("seals anew");
        assert!(wait(vault.check()).expect("looks").damaged.is_empty());
        assert_eq!(lease(&vault, after_an_hour(), 10), ["home"]);
    }
}

/// With its leases: what another process is refreshing meanwhile is not refreshed twice.
#[test]
fn a_vault_of_the_second_version_is_moved_on() {
    let home = Home::new();
    let vault = home.open();
    ["home", "cabin"].iter().for_each(|name| put(&vault, &healthy_account(name, BEGAN)));
    drop(vault);
    home.go_back_to(2);
    let now = after_an_hour();
    let leased = "INSERT INTO lease SELECT number, ?1 FROM account WHERE number = 1";
    home.sql().execute(leased, (now.plus(60).as_unix(),)).expect("leases");
    let vault = home.open();
    assert_eq!(lease(&vault, now, 10), ["cabin"]);
    assert_eq!(lease(&vault, now.plus(60), 10).len(), 2);
}
