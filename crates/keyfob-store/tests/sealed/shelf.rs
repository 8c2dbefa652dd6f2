//! The shelf: what an item is and whose, until when, and what was done in which order.

use keyfob::StoreError;
use keyfob::store::{EntryNumber, Expected, Generation};
use keyfob_store::shelf::{Act, Item, Kind};
use keyfob_store::{Shelf, Vault};
use rusqlite::Connection;

use crate::common::{BEGAN, Home, wait};
use crate::knife::{NOW, assert_corrupt, cut, edit};

const KEY: Kind = Kind("key");

/// Two items that differ in every column, and three lines; still open, to be edited under its eyes.
fn filled() -> (Home, Vault, Connection) {
    let home = Home::new();
    let vault = home.open();
    wait(async {
        let one = Item::new("one", "canary-content-one").owned_by("alice").until(NOW.plus(60));
        vault.put_item(KEY, &one, Expected::Nothing).await?;
        let two = Item::new("two", "canary-content-two").owned_by("mallory").until(NOW.plus(600));
        vault.put_item(KEY, &two, Expected::Nothing).await?;
        vault.put_item(KEY, &two, Expected::Anything).await?;
        vault.put_item(Kind("person"), &Item::new("alice", "nobody's"), Expected::Nothing).await?;
        let act = |at, owner: &str| Act { at: NOW.plus(at), owner: Some(owner.to_owned()), content: b"canary-act".to_vec().into() };
        vault.record(vec![act(1, "alice"), act(2, "mallory")]).await?;
        vault.record(vec![Act { owner: None, ..act(3, "nobody") }]).await
    })
    .expect("puts");
    let sql = home.sql();
    (home, vault, sql)
}

fn read(vault: &Vault, id: &str) -> Result<bool, StoreError> {
    wait(vault.item(KEY, id, NOW)).map(|found| found.is_some())
}

/// Nobody reads it, replaces it, or has it.
#[track_caller]
fn assert_refused(vault: &Vault, id: &str, what: &str) {
    assert_corrupt(wait(vault.item(KEY, id, NOW)), what);
    assert_corrupt(wait(vault.items(KEY, None, None, 10, NOW)), what);
    assert_corrupt(wait(vault.take_item(KEY, id, NOW)), what);
    for expected in [Expected::Anything, Expected::Nothing, Expected::Generation(Generation(1)), Expected::Generation(Generation(2))] {
        assert_corrupt(wait(vault.put_item(KEY, &Item::new(id, "over it"), expected)), what);
    }
}

#[test]
fn j8_every_bit_and_length_of_an_item_counts() {
    let (_home, vault, sql) = filled();
    cut(&sql, "item", "id", &"one", || read(&vault, "one"));
}

#[test]
fn j8_every_bit_and_length_of_a_line_counts() {
    let (_home, vault, sql) = filled();
    cut(&sql, "act", "number", &2, || wait(vault.acts(None, None, 10)).map(|found| found.len() == 3));
}

/// Whoever could move a row, or a part of one, would have another's key, or one for ever.
#[test]
fn l23_columns_exchanged_between_items_are_refused() {
    for column in ["record", "owner", "expires_at", "generation"] {
        let (_home, vault, sql) = filled();
        sql.execute_batch(&format!("CREATE TEMP TABLE was AS SELECT id, {column} AS it FROM item WHERE kind = 'key'")).expect("keeps");
        edit(&sql, &format!("UPDATE item SET {column} = (SELECT it FROM was WHERE was.id <> item.id) WHERE kind = 'key'"));
        assert_refused(&vault, "one", column);
        assert_refused(&vault, "two", column);
        assert_eq!(sql.query_row("SELECT count(*) FROM item", (), |row| row.get::<_, i64>(0)).expect("reads"), 3, "{column}: they stay");
    }
}

#[test]
fn l23_an_item_cannot_be_changed_in_any_column() {
    for change in [
        "id = 'three'",
        "owner = 'mallory'",
        "owner = NULL",
        "owner = ''",
        "expires_at = NULL",
        "expires_at = 9223372036854775807",
        "expires_at = expires_at + 1",
        "expires_at = 1",
        "generation = 2",
        "generation = 0",
        "generation = -1",
        "record = x''",
        "record = (SELECT record FROM act LIMIT 1)",
    ] {
        let (_home, vault, sql) = filled();
        edit(&sql, &format!("UPDATE item SET {change} WHERE id = 'one'"));
        let id = if change.starts_with("id") { "three" } else { "one" };
        assert_corrupt(wait(vault.item(KEY, id, NOW)), change);
        assert_corrupt(wait(vault.take_item(KEY, id, NOW)), change);
        assert_corrupt(wait(vault.put_item(KEY, &Item::new(id, "over it"), Expected::Anything)), change);
        assert!(read(&vault, "two").expect("the other is there"), "{change}");
        // The way out is to remove it by its id.
        assert!(wait(vault.remove_item(KEY, id)).expect("removes"));
    }
    // Of nobody's item somebody's, and of one that never ends one that has an end.
    for change in ["owner = ''", "owner = 'alice'", "expires_at = 9223372036854775807", "kind = 'key'"] {
        let (_home, vault, sql) = filled();
        edit(&sql, &format!("UPDATE item SET {change} WHERE kind = 'person'"));
        let kind = if change.starts_with("kind") { KEY } else { Kind("person") };
        assert_corrupt(wait(vault.item(kind, "alice", NOW)), change);
    }
}

#[test]
fn j8_an_old_record_under_a_new_generation_is_refused() {
    let (_home, vault, sql) = filled();
    let old: Vec<u8> = sql.query_row("SELECT record FROM item WHERE id = 'one'", (), |row| row.get(0)).expect("reads");
    let one = Item::new("one", "canary-content-one").owned_by("alice").until(NOW.plus(60));
    wait(vault.put_item(KEY, &one, Expected::Generation(Generation(1)))).expect("puts");
    sql.execute("UPDATE item SET record = ? WHERE id = 'one'", (old,)).expect("edits");
    assert_refused(&vault, "one", "an old one");
}

#[test]
fn j8_a_line_cannot_be_changed_doubled_or_put_elsewhere() {
    for change in [
        "UPDATE act SET owner = 'mallory' WHERE number = 1",
        "UPDATE act SET owner = NULL WHERE number = 1",
        "UPDATE act SET owner = '' WHERE number = 3",
        "UPDATE act SET done_at = done_at + 1 WHERE number = 1",
        "UPDATE act SET record = (SELECT record FROM act WHERE number = 2) WHERE number = 1",
        "UPDATE act SET number = 7 WHERE number = 1",
        "INSERT INTO act SELECT 7, done_at, owner, record FROM act WHERE number = 1",
        "UPDATE act SET number = CASE number WHEN 1 THEN -2 ELSE -1 END WHERE number < 3",
        "UPDATE act SET record = (SELECT record FROM item WHERE id = 'one') WHERE number = 1",
    ] {
        let (_home, vault, sql) = filled();
        edit(&sql, change);
        assert_corrupt(wait(vault.acts(None, None, 10)), change);
        // So that the others can be read one by one.
        if !change.contains("-2") {
            assert_eq!(
                wait(vault.numbers(None, None, 10)).expect("reads").len(),
                if change.starts_with("INSERT") { 4 } else { 3 },
                "{change}"
            );
        }
        // What is past it is still to be read, and to be added to.
        if !change.contains('7') && !change.contains("''") {
            assert_eq!(wait(vault.acts(None, None, 1)).expect("reads").len(), 1, "{change}");
            assert!(wait(vault.acts(None, Some(EntryNumber(4)), 1)).is_ok(), "{change}");
            let line = Act { at: NOW, owner: None, content: Vec::new().into() };
            wait(vault.record(vec![line])).expect("writes");
        }
    }
}

#[test]
fn j8_a_row_of_another_vault_is_refused() {
    let (home, vault, _sql) = filled();
    let other = Home::new();
    drop(other.open());
    let copy = format!(
        "ATTACH '{}' AS there; INSERT INTO there.item SELECT * FROM main.item; INSERT INTO there.act SELECT * FROM main.act; DETACH there;",
        other.vault().display()
    );
    home.sql().execute_batch(&copy).expect("copies");
    drop(vault);
    let stranger = other.open();
    assert_refused(&stranger, "one", "another vault's");
    assert_corrupt(wait(stranger.acts(None, None, 10)), "another vault's");
}

#[test]
fn j8_a_check_finds_what_is_damaged_on_the_shelf() {
    let (_home, vault, sql) = filled();
    let whole = wait(vault.check()).expect("looks");
    assert_eq!((whole.items, whole.acts), (3, 3));
    assert!(whole.damaged.is_empty(), "{whole:?}");
    edit(&sql, "UPDATE item SET owner = 'mallory' WHERE id = 'one'");
    edit(&sql, "UPDATE act SET done_at = 1 WHERE number = 2");
    let found = wait(vault.check()).expect("looks");
    assert_eq!((found.items, found.acts, found.damaged.len()), (2, 2, 2), "{found:?}");
    // The others are found by their ids, and read one by one.
    assert!(wait(vault.items(Kind("key"), None, None, 10, NOW)).is_err());
    let ids = wait(vault.ids(Kind("key"), None, None, 10, NOW)).expect("unopened");
    assert_eq!(ids, ["one", "two"]);
    assert!(
        wait(vault.item(Kind("key"), "one", NOW)).is_err() && wait(vault.item(Kind("key"), "two", NOW)).is_ok_and(|item| item.is_some())
    );
    for table in ["item", "act"] {
        assert!(found.damaged.iter().any(|told| told.contains(&format!("\"{table}\""))), "{table}: {found:?}");
    }
}

/// Ids, owners and times lie open, and nothing else: not while the vault is open (the log is there then), and not after.
#[test]
fn l23_what_an_item_or_a_line_holds_is_nowhere_to_be_read() {
    let (home, vault, sql) = filled();
    let assert_silent = || {
        for entry in std::fs::read_dir(home.folder()).expect("a folder") {
            let path = entry.expect("an entry").path();
            let bytes = std::fs::read(&path).expect("reads");
            for needle in [b"canary".as_slice(), b"nobody's", b"63616e617279", b"Y2FuYXJ5"] {
                assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{}", path.display());
            }
        }
    };
    assert_silent();
    drop(sql);
    drop(vault);
    assert_silent();
    assert!(std::fs::read(home.vault()).expect("reads").windows(7).any(|window| window == b"mallory"), "the search finds what is there");
}

#[test]
fn a_vault_of_the_first_version_is_moved_on() {
    let home = Home::new();
    let vault = home.open();
    let account = crate::common::healthy_account("home", BEGAN);
    wait(keyfob::Store::put_account(&vault, &account, Expected::Nothing, None)).expect("puts");
    drop(vault);
    home.go_back_to(1);
    let vault = home.open();
    assert!(wait(keyfob::Store::account(&vault, "home")).expect("reads").is_some());
    wait(vault.put_item(KEY, &Item::new("one", "content"), Expected::Nothing)).expect("puts");
    drop(vault);
    let version: i64 = home.sql().query_row("PRAGMA user_version", (), |row| row.get(0)).expect("reads");
    assert_eq!(version, 3);
    assert!(wait(home.open().item(KEY, "one", NOW)).expect("reads").is_some());
    // A table of that version in a vault that says it is of the one before was not put there by us.
    home.sql().execute_batch("PRAGMA user_version = 1").expect("edits");
    assert_corrupt(home.try_open(), "of both");
}
