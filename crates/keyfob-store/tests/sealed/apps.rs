//! Apps: their records, and whose they are.

use keyfob::Store;

use crate::common::wait;
use crate::knife::{assert_corrupt, cut, filled, swap};

#[test]
fn j8_every_bit_and_length_of_an_app_counts() {
    let (_home, vault, sql) = filled();
    let longest = "SELECT id FROM app ORDER BY length(record) DESC LIMIT 1";
    let one: Vec<u8> = sql.query_row(longest, (), |row| row.get(0)).expect("reads");
    cut(&sql, "app", "id", &one, || wait(vault.app("one")).map(|found| found.is_some()));
}

#[test]
fn j8_records_swapped_between_apps_are_refused() {
    let (_home, vault, sql) = filled();
    swap(&sql, "app", "record");
    assert_corrupt(wait(vault.app("one")), "one");
    assert_corrupt(wait(vault.apps()), "all");
}
