//! A vault with something of everything in it, and ways to cut into its rows while it is open.

use keyfob::proto::{App, Timestamp};
use keyfob::store::Expected;
use keyfob::{Store, StoreError};
use keyfob_store::Vault;
use rusqlite::{Connection, ToSql};

use crate::common::{BEGAN, Home, app, entry, error, oauth1_account, oauth1_pending, oauth2_account, oauth2_pending, wait};

pub(crate) const NOW: Timestamp = Timestamp::from_unix(BEGAN + 1);

/// The row of account `one`.
pub(crate) const ONE: &str = "number = 1";

/// Two accounts with a history each, two apps, two logins; still open, to be edited under its eyes.
pub(crate) fn filled() -> (Home, Vault, Connection) {
    let home = Home::new();
    let vault = home.open();
    wait(async {
        vault.put_app("one", &app()).await?;
        vault.put_app("two", &App::public("other")).await?;
        for account in [oauth2_account("one"), oauth1_account("two")] {
            vault.put_account(&account, Expected::Nothing, Some(&entry(&account, 1))).await?;
        }
        vault.put_pending(&oauth2_pending("state-one"), "browser").await?;
        vault.put_pending(&oauth1_pending("token-two"), "browser").await
    })
    .expect("puts");
    let sql = home.sql();
    (home, vault, sql)
}

#[track_caller]
pub(crate) fn assert_corrupt<T>(result: Result<T, StoreError>, what: &str) {
    let error = error(result);
    assert!(matches!(error, StoreError::Corrupt(_)), "{what}: {error:?}");
}

pub(crate) fn edit(sql: &Connection, statement: &str) {
    assert!(sql.execute(statement, ()).expect("edits") > 0, "{statement}");
}

/// Exchanges a column between the two rows of a table.
pub(crate) fn swap(sql: &Connection, table: &str, column: &str) {
    let mut statement = sql.prepare(&format!("SELECT id, {column} FROM {table}")).expect("prepares");
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("reads");
    let rows: Vec<(Vec<u8>, Vec<u8>)> = rows.map(|row| row.expect("reads")).collect();
    let [(one, ones), (two, twos)] = rows.as_slice() else { panic!("{} rows", rows.len()) };
    assert_ne!(ones, twos);
    // A name is unique: out of the way first.
    for (id, value) in [(one, &vec![0]), (two, ones), (one, twos)] {
        sql.execute(&format!("UPDATE {table} SET {column} = ? WHERE id = ?"), (value, id)).expect("edits");
    }
}

pub(crate) fn record(sql: &Connection) -> Vec<u8> {
    sql.query_row(&format!("SELECT record FROM account WHERE {ONE}"), (), |row| row.get(0)).expect("reads")
}

/// Every bit and every length of one record, each refused by whoever reads it with an error that names its table; then it is put back.
pub(crate) fn cut(sql: &Connection, table: &str, column: &str, key: &dyn ToSql, read: impl Fn() -> Result<bool, StoreError>) {
    let good: Vec<u8> = sql.query_row(&format!("SELECT record FROM {table} WHERE {column} = ?"), [key], |row| row.get(0)).expect("reads");
    let mut put = sql.prepare(&format!("UPDATE {table} SET record = ? WHERE {column} = ?")).expect("prepares");
    let mut put = |record: &[u8]| assert_eq!(put.execute((record, key)).expect("edits"), 1, "{table}");
    let refused = |what: String| match read() {
        Err(StoreError::Corrupt(why)) => assert!(why.contains(&format!("the table \"{table}\"")), "{table}, {what}: {why}"),
        other => panic!("{table}, {what}: {other:?}"),
    };
    assert!(good.len() > 45, "more than salt, nonce and tag: {} bytes", good.len());
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        put(&bad);
        refused(format!("bit {bit} of {}", good.len() * 8));
    }
    for length in 0..good.len() {
        put(&good[..length]);
        refused(format!("{length} of {} bytes", good.len()));
    }
    put(&[good.as_slice(), &[0]].concat());
    refused("a byte more".to_owned());
    put(&good);
    assert!(read().expect("reads"), "{table}: and unharmed it opens");
}
