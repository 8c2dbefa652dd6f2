//! The shelf goes where the vault goes: sealed anew with it, and moved with it; but not into a file to keep.

mod common;
#[path = "common/shelf.rs"]
#[allow(unreachable_pub, dead_code, unused_macros, unused_imports, reason = "it is more than is needed here")]
mod shelf;

use common::{Home, app, error, wait};
use keyfob::proto::Secret;
use keyfob::store::{Expected, Generation};
use keyfob::{Store, StoreError};
use keyfob_store::transfer::{Moved, copy_all, export, import};
use keyfob_store::{KeySource, Shelf, Vault};
use shelf::{KEY, MANY, NOW, act, everything, fill, item};

#[test]
fn everything_on_the_shelf_is_sealed_anew() {
    let home = Home::new();
    let (vault, other) = (home.open(), home.open());
    wait(fill(&vault, MANY));
    assert_eq!(wait(vault.shelf_size()).expect("counts"), (u64::from(MANY) + 1, u64::from(MANY)));
    let expected = wait(everything(&vault));
    let sql = home.sql();
    let records = || -> std::collections::HashSet<Vec<u8>> {
        let mut query = sql.prepare("SELECT record FROM item UNION ALL SELECT record FROM act").expect("a query");
        query.query_map((), |row| row.get(0)).expect("reads").collect::<Result<_, _>>().expect("reads")
    };
    let old = records();
    let done = wait(vault.rekey(&KeySource::File(home.key()))).expect("seals anew");
    assert_eq!((done.sealed, done.generation), (2 * u64::from(MANY) + 1, 2));
    let new = records();
    assert!(new.len() == old.len() && new.is_disjoint(&old), "nothing is left of the old key");
    assert!(wait(everything(&vault)) == expected);
    // Whoever had it open goes on, and so does whoever opens it.
    assert!(wait(everything(&other)) == expected);
    assert_eq!(wait(other.put_item(KEY, &item("id-00000"), Expected::Generation(Generation(2)))).expect("swaps"), Generation(3));
    wait(other.record(vec![act(1, None)])).expect("writes");
    drop((vault, other));
    let vault = home.open();
    assert!(wait(vault.take_item(KEY, "id-00001", NOW)).expect("takes").is_some());
    assert!(wait(vault.check()).expect("looks").damaged.is_empty());
}

/// The first thing that each does which had it open: everything that a shelf can do.
#[test]
fn j7_others_that_have_it_open_go_on_with_the_new_key() {
    let home = Home::new();
    let one = home.open();
    wait(fill(&one, 4));
    let others: Vec<Vault> = (0..7).map(|_| home.open()).collect();
    wait(one.rekey(&KeySource::File(home.key()))).expect("seals anew");
    assert!(wait(others[0].item(KEY, "id-00001", NOW)).expect("reads").is_some());
    assert_eq!(wait(others[1].put_item(KEY, &item("id-00001"), Expected::Anything)).expect("puts"), Generation(2));
    assert_eq!(wait(others[2].put_item(KEY, &item("new"), Expected::Nothing)).expect("puts"), Generation(1));
    assert!(wait(others[3].take_item(KEY, "id-00002", NOW)).expect("takes").is_some());
    assert_eq!(wait(others[4].items(KEY, None, None, 10, NOW)).expect("lists").len(), 4);
    wait(others[5].record(vec![act(5, None)])).expect("writes");
    assert_eq!(wait(others[6].acts(None, None, 10)).expect("reads").len(), 5);
    assert_eq!(wait(everything(&one)), wait(everything(&home.open())));
}

#[test]
fn j9_an_item_or_a_line_that_does_not_open_keeps_the_old_key() {
    for table in ["item", "act"] {
        let home = Home::new();
        let vault = home.open();
        wait(fill(&vault, 3));
        let sql = home.sql();
        sql.execute(&format!("UPDATE {table} SET record = x'00' WHERE number = 2"), ()).expect("edits");
        assert!(matches!(error(wait(vault.rekey(&KeySource::File(home.key())))), StoreError::Corrupt(_)), "{table}");
        assert_eq!(sql.query_row("SELECT generation FROM header", (), |row| row.get::<_, i64>(0)).expect("reads"), 1);
        assert!(wait(vault.item(KEY, "id-00002", NOW)).expect("reads").is_some());
    }
}

#[test]
fn everything_on_the_shelf_is_moved_with_generations_and_in_its_order() {
    let (home, target) = (Home::new(), Home::new());
    let from = home.open();
    wait(fill(&from, MANY));
    wait(from.put_app("example", &app())).expect("puts");
    let into = target.open();
    let moved = wait(copy_all(&from, &into)).expect("moves");
    let (items, acts) = (u64::from(MANY) + 1, u64::from(MANY));
    assert_eq!(moved, Moved { apps: 1, items, acts, ..Moved::default() });
    assert!(wait(everything(&into)) == wait(everything(&from)));
    assert!(wait(into.check()).expect("looks").damaged.is_empty());
}

#[test]
fn nothing_is_mixed_into_a_shelf_with_something_on_it() {
    for something in ["item", "act"] {
        let (home, target) = (Home::new(), Home::new());
        let (from, into) = (home.open(), target.open());
        wait(from.put_app("example", &app())).expect("puts");
        wait(fill(&from, 1));
        match something {
            "item" => drop(wait(into.put_item(KEY, &item("theirs"), Expected::Nothing)).expect("puts")),
            _ => wait(into.record(vec![act(1, None)])).expect("writes"),
        }
        let refused = error(wait(copy_all(&from, &into)));
        assert!(matches!(refused, StoreError::NotEmpty), "{refused:?}");
        assert!(wait(into.apps()).expect("lists").is_empty(), "nothing came over");
        // Accounts without a shelf can come to a shelf without accounts.
        drop(from);
        home.sql().execute_batch("DELETE FROM item; DELETE FROM act").expect("edits");
        wait(copy_all(&home.open(), &into)).expect("moves");
    }
}

/// Who is signed in at a web app, and what keys it gave out, is not for a file that is carried about.
#[test]
fn the_shelf_is_not_exported() {
    let (home, target) = (Home::new(), Home::new());
    let vault = home.open();
    wait(vault.put_app("example", &app())).expect("puts");
    wait(fill(&vault, 3));
    let (file, passphrase) = (home.root().join("backup.keyfob"), Secret::new("canary-export-passphrase"));
    let moved = wait(export(&vault, &home.folder(), &file, &passphrase)).expect("exports");
    assert_eq!(moved, Moved { apps: 1, ..Moved::default() });
    assert_eq!(wait(everything(&Vault::open_existing(&file, KeySource::Passphrase(passphrase.clone())).expect("opens"))), (vec![], vec![]));
    // It comes into a vault where a web app has begun already.
    let into = target.open();
    wait(fill(&into, 2));
    assert_eq!(wait(import(&file, &passphrase, &target.folder(), &into)).expect("imports").apps, 1);
}
