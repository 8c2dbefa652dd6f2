//! Rows where they do not belong: in another table, in another vault.

use keyfob::Store;

use crate::common::{Home, wait};
use crate::knife::{assert_corrupt, edit, filled};

#[test]
fn j8_records_moved_between_tables_are_refused() {
    let (_home, vault, sql) = filled();
    edit(&sql, "UPDATE app SET record = (SELECT record FROM account LIMIT 1)");
    assert_corrupt(wait(vault.app("one")), "account as app");
    edit(&sql, "UPDATE account SET record = (SELECT record FROM pending LIMIT 1)");
    assert_corrupt(wait(vault.account("one")), "pending as account");
    edit(&sql, "UPDATE account SET record = (SELECT data_key FROM header)");
    assert_corrupt(wait(vault.account("one")), "header as account");
}

#[test]
fn j8_a_row_of_another_vault_is_refused() {
    let (home, vault, _sql) = filled();
    let other = Home::new();
    drop(other.open());
    let row = |table: &str| {
        format!("ATTACH '{}' AS there; INSERT INTO there.{table} SELECT * FROM main.{table}; DETACH there;", other.vault().display())
    };
    home.sql().execute_batch(&row("account")).expect("copies");
    drop(vault);
    let stranger = other.open();
    assert_corrupt(wait(stranger.accounts()), "another vault's");
    assert!(wait(stranger.account("one")).expect("looks").is_none(), "not even found by name");
}
