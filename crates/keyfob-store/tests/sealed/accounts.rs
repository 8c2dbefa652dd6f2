//! Accounts: their records, names, ids, generations, and when they are due.

use keyfob::proto::Timestamp;
use keyfob::store::{Expected, Generation};
use keyfob::{Grant, Health, Store, StoreError};

use crate::common::{BEGAN, Home, app, healthy_account, oauth1_account, oauth2_account, wait};
use crate::knife::{ONE, assert_corrupt, cut, edit, filled, record, swap};

#[test]
fn j8_every_bit_and_length_of_an_account_counts() {
    let (_home, vault, sql) = filled();
    cut(&sql, "account", "number", &1, || wait(vault.account("one")).map(|found| found.is_some()));
}

/// Whoever could move it would keep an account from being refreshed, or have it refreshed all the time.
#[test]
fn j8_another_due_moment_is_refused() {
    let home = Home::new();
    let vault = home.open();
    let account = healthy_account("home", BEGAN);
    wait(vault.put_account(&account, Expected::Nothing, None)).expect("puts");
    let sql = home.sql();
    for due_at in ["due_at + 1", "due_at - 1", "NULL", "0", &i64::MAX.to_string()] {
        edit(&sql, &format!("UPDATE account SET due_at = {due_at}"));
        assert_corrupt(wait(vault.account("home")), due_at);
        assert_corrupt(wait(vault.put_account(&account, Expected::Anything, None)), due_at);
        let due = account.due_at().expect("it can be due").as_unix();
        edit(&sql, &format!("UPDATE account SET due_at = {due}"));
        assert!(wait(vault.account("home")).expect("reads").is_some());
    }
}

/// What an older version wrote is sealed, and stays so until somebody writes: it is read without.
#[test]
fn a_mark_that_no_version_sets_any_more_is_not_read() {
    let home = Home::new();
    let vault = home.open();
    let mut account = healthy_account("home", BEGAN);
    let reason = "the server refused: invalid_grant (HTTP 400)".to_owned();
    account.health = Health::NeedsLogin { reason, since: Timestamp::from_unix(BEGAN) };
    account.grant = Grant::ClientCredentials(Box::default());
    wait(vault.put_account(&account, Expected::Nothing, None)).expect("puts");
    let read = wait(vault.account("home")).expect("reads").expect("it is there");
    assert_eq!(read.value.health, Health::Ok);
    let again = wait(vault.put_account(&read.value, Expected::Generation(read.generation), None)).expect("puts");
    let due = wait(vault.lease_due(Timestamp::from_unix(BEGAN + 3600), Timestamp::from_unix(BEGAN + 3660), 10)).expect("leases");
    assert_eq!(due.into_iter().map(|found| found.generation).collect::<Vec<_>>(), [again], "and it is due again");
}

#[test]
fn j8_a_damaged_record_is_not_written_over_and_hides_no_other() {
    let (_home, vault, sql) = filled();
    edit(&sql, &format!("UPDATE account SET record = x'00' WHERE {ONE}"));
    edit(&sql, "UPDATE app SET record = x'00' WHERE length(record) = (SELECT max(length(record)) FROM app)");
    for expected in [Expected::Anything, Expected::Generation(Generation(1))] {
        assert_corrupt(wait(vault.put_account(&oauth2_account("one"), expected, None)), "put over it");
    }
    assert_corrupt(wait(vault.put_app("one", &app())), "put over it");
    assert_corrupt(wait(vault.accounts()), "listed");
    assert_corrupt(wait(vault.apps()), "listed");
    assert!(wait(vault.account("two")).expect("reads").is_some());
    assert!(wait(vault.app("two")).expect("reads").is_some());
    // The way out is to remove it by name.
    assert!(wait(vault.remove_account("one", None)).expect("removes"));
    assert!(wait(vault.remove_app("one")).expect("removes"));
    assert_eq!(wait(vault.accounts()).expect("lists").len(), 1);
}

/// The others can be taken out, and whoever logs in again, or out, is rid of it: by its name, and by nobody else's.
#[test]
fn j8_a_damaged_record_is_told_by_its_name_and_makes_way() {
    let (_home, vault, sql) = filled();
    assert!(!wait(vault.remove_damaged("one")).expect("looks"), "what opens stays");
    edit(&sql, &format!("UPDATE account SET record = x'00' WHERE {ONE}"));
    let found = wait(vault.inventory(None)).expect("lists");
    assert_eq!(found.accounts.iter().map(|account| account.value.name.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(found.damaged.iter().map(|damaged| damaged.name.as_deref()).collect::<Vec<_>>(), [Some("one")]);
    assert!(matches!(found.damaged[0].error, StoreError::Corrupt(_)), "{found:?}");
    assert!(!wait(vault.remove_damaged("two")).expect("looks") && !wait(vault.remove_damaged("three")).expect("looks"));
    assert!(wait(vault.remove_damaged("one")).expect("removes") && !wait(vault.remove_damaged("one")).expect("looks"));
    wait(vault.put_account(&oauth2_account("one"), Expected::Nothing, None)).expect("puts");
    assert_eq!(wait(vault.accounts()).expect("lists").len(), 2);
}

/// Also where a column is of no account at all; and what its history is called that is found by another name is not told as its own.
#[test]
fn j8_nothing_that_was_swapped_is_among_what_opens() {
    for column in ["record", "name"] {
        let (_home, vault, sql) = filled();
        swap(&sql, "account", column);
        let found = wait(vault.inventory(None)).expect("lists");
        assert_eq!((found.accounts.len(), found.damaged.len()), (0, 2), "{column}");
        let is_named = found.damaged.iter().all(|damaged| damaged.name.is_some());
        assert_eq!(is_named, column == "record", "{column}: {found:?}");
    }
    let (_home, vault, sql) = filled();
    edit(&sql, &format!("UPDATE account SET generation = -1 WHERE {ONE}"));
    let found = wait(vault.inventory(None)).expect("lists");
    assert_eq!((found.accounts.len(), found.damaged[0].name.as_deref()), (1, Some("one")));
    assert!(wait(vault.remove_damaged("one")).expect("removes"));
}

#[test]
fn who_is_due_later_is_not_looked_at() {
    let home = Home::new();
    let vault = home.open();
    let due = healthy_account("due", BEGAN);
    for account in [&due, &healthy_account("later", BEGAN + 100_000), &oauth1_account("never")] {
        wait(vault.put_account(account, Expected::Nothing, None)).expect("puts");
    }
    let names = |by| {
        let found = wait(vault.inventory(Some(by))).expect("lists");
        found.accounts.into_iter().map(|account| account.value.name).collect::<Vec<_>>()
    };
    let at = due.due_at().expect("it can be due");
    assert_eq!((names(at.plus(-1)), names(at)), (vec!["never".to_owned()], vec!["due".to_owned(), "never".to_owned()]));
}

#[test]
fn j8_records_swapped_between_accounts_are_refused() {
    let (_home, vault, sql) = filled();
    swap(&sql, "account", "record");
    assert_corrupt(wait(vault.account("one")), "one");
    assert_corrupt(wait(vault.account("two")), "two");
    assert_corrupt(wait(vault.accounts()), "all");
}

/// Row `two` under the name of `one`: a lamp would get the door's tokens.
#[test]
fn j8_names_swapped_between_accounts_are_refused() {
    let (_home, vault, sql) = filled();
    swap(&sql, "account", "name");
    assert_corrupt(wait(vault.account("one")), "one");
    assert_corrupt(wait(vault.account("two")), "two");
}

#[test]
fn j8_another_id_is_refused() {
    let (_home, vault, sql) = filled();
    edit(&sql, &format!("UPDATE account SET id = x'{}' WHERE {ONE}", "41".repeat(16)));
    assert_corrupt(wait(vault.account("one")), "account");
    edit(&sql, "UPDATE app SET id = x'00' WHERE length(record) = (SELECT min(length(record)) FROM app)");
    assert_corrupt(wait(vault.apps()), "app");
}

#[test]
fn j8_another_generation_is_refused() {
    let (_home, vault, sql) = filled();
    for generation in [2, 0, 7, i64::MAX, -1] {
        edit(&sql, &format!("UPDATE account SET generation = {generation}"));
        assert_corrupt(wait(vault.account("one")), "read");
        // Believing the number would let a stale writer win.
        for expected in [Expected::Anything, Expected::Generation(Generation(generation.unsigned_abs()))] {
            assert_corrupt(wait(vault.put_account(&oauth2_account("one"), expected, None)), "swap");
        }
        edit(&sql, &format!("UPDATE app SET generation = {generation}"));
        assert_corrupt(wait(vault.app("one")), "app");
        assert_corrupt(wait(vault.put_app("one", &app())), "app");
    }
}

#[test]
fn j8_an_old_record_under_a_new_generation_is_refused() {
    let (_home, vault, sql) = filled();
    let old = record(&sql);
    let account = wait(vault.account("one")).expect("reads").expect("it is there");
    wait(vault.put_account(&account.value, Expected::Generation(account.generation), None)).expect("swaps");
    sql.execute(&format!("UPDATE account SET record = ? WHERE {ONE}"), (old,)).expect("edits");
    assert_corrupt(wait(vault.account("one")), "old");
}
