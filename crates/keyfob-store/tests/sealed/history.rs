//! What became of an account stays that account's.

use keyfob::Store;
use keyfob::store::EntryNumber;
use rusqlite::Connection;

use crate::common::wait;
use crate::knife::{assert_corrupt, cut, filled};

#[test]
fn j8_every_bit_and_length_of_an_entry_counts() {
    let (_home, vault, sql) = filled();
    let one = wait(vault.account("one")).expect("reads").expect("it is there").value.id;
    cut(&sql, "history", "number", &1, || wait(vault.history(&one)).map(|found| !found.is_empty()));
}

#[test]
fn j8_history_cannot_be_given_to_another_account() {
    let (_home, vault, sql) = filled();
    let ids = ["one", "two"].map(|name| wait(vault.account(name)).expect("reads").expect("it is there").value.id);
    exchange_in_history(&sql, "account");
    for id in &ids {
        assert_corrupt(wait(vault.history(id)), "another account's");
    }
    assert_corrupt(wait(vault.entries(Some(EntryNumber(0)), 10)), "all");
    let (_home, vault, sql) = filled();
    exchange_in_history(&sql, "record");
    assert_corrupt(wait(vault.entries(None, 1)), "another record");
}

fn exchange_in_history(sql: &Connection, column: &str) {
    let of = |number: i64| -> Vec<u8> {
        sql.query_row(&format!("SELECT {column} FROM history WHERE number = ?"), (number,), |row| row.get(0)).expect("reads")
    };
    for (number, value) in [(1, of(2)), (2, of(1))] {
        assert_eq!(sql.execute(&format!("UPDATE history SET {column} = ?2 WHERE number = ?1"), (number, value)).expect("edits"), 1);
    }
}
