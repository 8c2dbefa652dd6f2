//! `check` looks at everything, and tells what is damaged one by one.

use std::sync::Arc;

use keyfob::Store;
use keyfob::store::Expected;

use crate::common::{Home, oauth2_account, wait};
use crate::knife::{edit, filled};

#[test]
fn j8_a_check_finds_every_damaged_record_and_counts_the_others() {
    let (_home, vault, sql) = filled();
    let whole = wait(vault.check()).expect("looks");
    assert_eq!((whole.apps, whole.accounts, whole.entries, whole.logins), (2, 2, 2, 2));
    assert!(whole.damaged.is_empty(), "{whole:?}");
    for table in ["app", "account", "history", "pending"] {
        edit(&sql, &format!("UPDATE {table} SET record = x'00' WHERE record = (SELECT max(record) FROM {table})"));
    }
    let found = wait(vault.check()).expect("looks");
    assert_eq!((found.apps, found.accounts, found.entries, found.logins), (1, 1, 1, 1));
    assert_eq!(found.damaged.len(), 4, "{found:?}");
    for table in ["app", "account", "history", "pending"] {
        assert!(found.damaged.iter().any(|told| told.contains(&format!("\"{table}\""))), "{table}: {found:?}");
    }
}

/// Opening a big vault does not read all of it; the check does.
#[test]
fn j8_a_damaged_index_of_a_big_vault_is_found_by_a_check() {
    let home = Home::new();
    let vault = Arc::new(home.open());
    wait(async {
        let local = tokio::task::LocalSet::new();
        let writing = (0..1500).map(|number| {
            let vault = Arc::clone(&vault);
            local
                .spawn_local(async move { vault.put_account(&oauth2_account(&format!("account-{number}")), Expected::Nothing, None).await })
        });
        let writing: Vec<_> = writing.collect();
        local
            .run_until(async {
                for write in writing {
                    write.await.expect("it ends").expect("puts");
                }
            })
            .await;
    });
    drop(vault);
    let sql = home.sql();
    let name: Vec<u8> = sql.query_row("SELECT name FROM account WHERE number = 700", (), |row| row.get(0)).expect("reads");
    drop(sql);
    let mut bytes = std::fs::read(home.vault()).expect("reads");
    assert!(bytes.len() > 1 << 20, "{}", bytes.len());
    let places: Vec<_> = (0..bytes.len() - name.len()).filter(|&at| bytes[at..at + name.len()] == name).collect();
    assert_eq!(places.len(), 2, "in the row and in the index");
    // The row is the one with the record behind it; the index is the other.
    let longest = |at: usize| bytes[at + name.len()..(at + name.len() + 200).min(bytes.len())].iter().filter(|byte| **byte != 0).count();
    let index = if longest(places[0]) < longest(places[1]) { places[0] } else { places[1] };
    bytes[index + 7] ^= 1;
    std::fs::write(home.vault(), bytes).expect("writes");
    let vault = home.open();
    assert!(!wait(vault.check()).expect("looks").damaged.is_empty());
}
