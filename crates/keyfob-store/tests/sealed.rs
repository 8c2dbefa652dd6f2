//! Records under the knife: whoever can write the file, and has no key, can destroy and can go back in time, and nothing else.

mod common;

use std::collections::HashSet;

use common::{
    BEGAN, CANARIES, Home, app, entry, error, healthy_account, oauth1_account, oauth1_pending, oauth2_account, oauth2_pending, wait,
};
use keyfob::proto::{App, Timestamp};
use keyfob::store::{EntryNumber, Expected, Generation};
use keyfob::{Store, StoreError};
use keyfob_store::Vault;

const NOW: Timestamp = Timestamp::from_unix(BEGAN + 1);

/// Two accounts with a history each, two apps, two logins; still open, to be edited under its eyes.
fn filled() -> (Home, Vault, rusqlite::Connection) {
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
fn assert_corrupt<T>(result: Result<T, StoreError>, what: &str) {
    let error = error(result);
    assert!(matches!(error, StoreError::Corrupt(_)), "{what}: {error:?}");
}

fn edit(sql: &rusqlite::Connection, statement: &str) {
    assert!(sql.execute(statement, ()).expect("edits") > 0, "{statement}");
}

/// Exchanges a column between the two rows of a table.
fn swap(sql: &rusqlite::Connection, table: &str, column: &str) {
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

/// The row of account `one`: generation 1, and the longer record of the two (OAuth 2 has more to keep).
const ONE: &str = "length(record) = (SELECT max(length(record)) FROM account)";

fn record(sql: &rusqlite::Connection) -> Vec<u8> {
    sql.query_row(&format!("SELECT record FROM account WHERE {ONE}"), (), |row| row.get(0)).expect("reads")
}

#[test]
fn j8_every_bit_of_a_record_counts() {
    let (_home, vault, sql) = filled();
    let id: Vec<u8> = sql.query_row(&format!("SELECT id FROM account WHERE {ONE}"), (), |row| row.get(0)).expect("reads");
    let good = record(&sql);
    let put = |record: &[u8]| sql.execute("UPDATE account SET record = ? WHERE id = ?", (record, &id)).expect("edits");
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        put(&bad);
        assert_corrupt(wait(vault.account("one")), &format!("bit {bit} of {}", good.len()));
    }
    for length in 0..good.len() {
        put(&good[..length]);
        assert_corrupt(wait(vault.account("one")), &format!("{length} of {} bytes", good.len()));
    }
    put(&[good.as_slice(), &[0]].concat());
    assert_corrupt(wait(vault.account("one")), "a byte more");
    put(&good);
    assert!(wait(vault.account("one")).expect("reads").is_some(), "and unharmed it opens");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every single bit of a record of the other tables, each refused by whoever reads that table.
#[test]
fn j8_every_bit_of_every_tables_records_counts() {
    let (_home, vault, sql) = filled();
    let one = wait(vault.account("one")).expect("reads").expect("it is there").value.id;
    let read = |table: &str| match table {
        "app" => wait(vault.app("one")).map(|found| found.is_some()),
        "history" => wait(vault.history(&one)).map(|found| !found.is_empty()),
        _ => wait(vault.take_pending("state-one", "browser", NOW)).map(|found| found.is_some()),
    };
    for (table, which) in
        [("app", "length(record) = (SELECT max(length(record)) FROM app)"), ("history", "number = 1"), ("pending", "generation = 1")]
    {
        let good: Vec<u8> = sql.query_row(&format!("SELECT record FROM {table} WHERE {which}"), (), |row| row.get(0)).expect("reads");
        // Found by what does not change with the record.
        let which = match table {
            "app" => format!(
                "id = x'{}'",
                hex(&sql.query_row::<Vec<u8>, _, _>(&format!("SELECT id FROM app WHERE {which}"), (), |row| row.get(0)).expect("reads"))
            ),
            _ => which.to_owned(),
        };
        let put = |record: &[u8]| sql.execute(&format!("UPDATE {table} SET record = ? WHERE {which}"), (record,)).expect("edits");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            put(&bad);
            assert_corrupt(read(table), &format!("{table}, bit {bit} of {}", good.len()));
        }
        for length in (0..good.len()).step_by(7) {
            put(&good[..length]);
            assert_corrupt(read(table), &format!("{table}, {length} of {} bytes", good.len()));
        }
        put(&good);
        assert!(read(table).expect("reads"), "{table}: and unharmed it opens");
    }
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

fn exchange_in_history(sql: &rusqlite::Connection, column: &str) {
    let of = |number: i64| -> Vec<u8> {
        sql.query_row(&format!("SELECT {column} FROM history WHERE number = ?"), (number,), |row| row.get(0)).expect("reads")
    };
    for (number, value) in [(1, of(2)), (2, of(1))] {
        assert_eq!(sql.execute(&format!("UPDATE history SET {column} = ?2 WHERE number = ?1"), (number, value)).expect("edits"), 1);
    }
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
    let vault = std::sync::Arc::new(home.open());
    wait(async {
        let local = tokio::task::LocalSet::new();
        let writing = (0..1500).map(|number| {
            let vault = std::sync::Arc::clone(&vault);
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
fn j8_records_swapped_between_apps_are_refused() {
    let (_home, vault, sql) = filled();
    swap(&sql, "app", "record");
    assert_corrupt(wait(vault.app("one")), "one");
    assert_corrupt(wait(vault.apps()), "all");
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

#[test]
fn j8_pending_logins_cannot_be_changed_and_stay_when_refused() {
    for change in ["expires_at = expires_at + 1000000", "generation = generation + 10", "record = x'01'"] {
        let (_home, vault, sql) = filled();
        edit(&sql, &format!("UPDATE pending SET {change}"));
        for _ in 0..2 {
            assert_corrupt(wait(vault.take_pending("state-one", "browser", NOW)), change);
        }
        assert_eq!(sql.query_row("SELECT count(*) FROM pending", (), |row| row.get::<_, i64>(0)).expect("reads"), 2, "{change}");
    }
}

#[test]
fn j8_records_swapped_between_pending_logins_are_refused() {
    for column in ["record", "generation", "binding"] {
        let (_home, vault, sql) = filled();
        match column {
            "generation" => edit(&sql, "UPDATE pending SET generation = 3 - generation"),
            _ => swap(&sql, "pending", column),
        }
        // A swapped binding is not found at all.
        match wait(vault.take_pending("state-one", "browser", NOW)) {
            Ok(None) => assert_eq!(column, "binding"),
            Ok(Some(_)) => panic!("{column}"),
            Err(error) => assert!(matches!(error, StoreError::Corrupt(_)), "{error}"),
        }
    }
}

/// A login that somebody else began, made to look like the victim's browser's (A3, A13): the binding is part of what is sealed.
#[test]
fn j8_a_pending_login_cannot_be_given_another_browser() {
    let (_home, vault, sql) = filled();
    wait(vault.put_pending(&oauth2_pending("state-one"), "attacker")).expect("puts");
    let of = |generation: i64| -> Vec<u8> {
        sql.query_row("SELECT binding FROM pending WHERE generation = ?", (generation,), |row| row.get(0)).expect("reads")
    };
    let (victim, attacker) = (of(1), of(3));
    assert_ne!(victim, attacker);
    edit(&sql, "DELETE FROM pending WHERE generation = 1");
    assert_eq!(sql.execute("UPDATE pending SET binding = ? WHERE binding = ?", (victim, attacker)).expect("edits"), 1);
    assert_corrupt(wait(vault.take_pending("state-one", "browser", NOW)), "moved");
}

#[test]
fn bindings_of_one_browser_do_not_show_that_they_are_one() {
    let (_home, _vault, sql) = filled();
    let bindings: i64 = sql.query_row("SELECT count(DISTINCT binding) FROM pending", (), |row| row.get(0)).expect("reads");
    assert_eq!(bindings, 2);
}

#[test]
fn j9_no_nonce_twice_and_a_new_salt_at_each_opening() {
    let home = Home::new();
    let account = oauth2_account("home");
    let sql = {
        drop(home.open());
        home.sql()
    };
    let (mut salts, mut nonces) = (HashSet::new(), HashSet::new());
    for opening in 0..20 {
        let vault = home.open();
        for write in 0..20 {
            wait(vault.put_account(&account, Expected::Anything, None)).expect("puts");
            let record: Vec<u8> = sql.query_row("SELECT record FROM account", (), |row| row.get(0)).expect("reads");
            salts.insert(record[1..17].to_vec());
            assert!(nonces.insert(record[17..29].to_vec()), "opening {opening}, write {write}");
        }
    }
    assert_eq!(salts.len(), 20);
}

/// Sealed as it is, what was erased is not left in free pages for whoever finds the key later.
#[test]
fn what_is_erased_is_overwritten() {
    let (home, vault, sql) = filled();
    let gone = record(&sql);
    let login: Vec<u8> = sql.query_row("SELECT record FROM pending WHERE generation = 1", (), |row| row.get(0)).expect("reads");
    drop((vault, sql));
    let there = |bytes: &[u8]| contains(&std::fs::read(home.vault()).expect("reads"), &bytes[..64]);
    assert!(there(&gone) && there(&login));
    let vault = home.open();
    wait(vault.remove_account("one", None)).expect("removes");
    wait(vault.take_pending("state-one", "browser", NOW)).expect("takes");
    drop(vault);
    assert!(!there(&gone), "the account");
    assert!(!there(&login), "the login");
}

/// Everything that rests, in every spelling a byte has, in every file of the folder while the vault is open (the log is there then), and after.
#[test]
fn j10_nothing_that_rests_can_be_read() {
    let home = Home::new();
    let vault = home.open();
    let account = oauth2_account("canary-provider/canary-label");
    wait(async {
        vault.put_app("canary-provider", &app()).await?;
        vault.put_account(&account, Expected::Nothing, None).await?;
        vault.put_account(&account, Expected::Generation(Generation(1)), None).await?;
        vault.put_account(&oauth1_account("canary-provider/canary-label-2"), Expected::Nothing, None).await?;
        vault.put_pending(&oauth2_pending("canary-state-e3c0d1f2"), "canary-binding-c0ffee12").await?;
        vault.put_pending(&oauth1_pending("canary-temporary-token-6e5d"), "canary-binding-c0ffee12").await?;
        vault.take_pending("canary-temporary-token-6e5d", "canary-binding-c0ffee12", NOW).await.map(drop)
    })
    .expect("puts");
    let looked = search(&home);
    assert!(looked.iter().any(|name| name.ends_with("vault.db-wal")), "{looked:?}");
    drop(vault);
    let looked = search(&home);
    assert!(looked.iter().any(|name| name.ends_with("vault.db")), "{looked:?}");
    let vault = home.open();
    for (what, shown) in [("vault", format!("{vault:?}")), ("warnings", format!("{:?}", vault.warnings()))] {
        assert!(!CANARIES.iter().any(|canary| shown.contains(canary)), "{what}: {shown}");
    }
}

/// Looks through every file; says which.
#[track_caller]
fn search(home: &Home) -> Vec<String> {
    let key = std::fs::read(home.key()).expect("reads");
    let data_key = String::from_utf8(key).expect("base64").trim().to_owned();
    let mut looked = Vec::new();
    for entry in std::fs::read_dir(home.folder()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("reads");
        for canary in CANARIES {
            for (spelling, needle) in spellings(canary) {
                assert!(!contains(&bytes, &needle), "{canary} ({spelling}) is in {}", path.display());
            }
        }
        if path != home.key() {
            assert!(!contains(&bytes, data_key.as_bytes()), "the key is in {}", path.display());
        }
        looked.push(path.display().to_string());
    }
    looked
}

fn spellings(canary: &str) -> Vec<(&'static str, Vec<u8>)> {
    let base64 = |skip: usize| {
        // Inside a longer text base64 has three alignments; the characters at the ends depend on the neighbours.
        let text = keyfob::proto::encode::base64(&canary.as_bytes()[skip..]);
        text.trim_end_matches('=').as_bytes()[..text.len() - 6].to_vec()
    };
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![
        ("raw", canary.as_bytes().to_vec()),
        ("base64", base64(0)),
        ("base64, second", base64(1)),
        ("base64, third", base64(2)),
        ("hex", hex.clone().into_bytes()),
        ("HEX", hex.to_uppercase().into_bytes()),
        ("UTF-16", canary.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ]
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn the_search_finds_what_is_there() {
    for (spelling, needle) in spellings("canary-state-e3c0d1f2") {
        for before in 0..3 {
            let text = [b"xyz"[..before].to_vec(), b"canary-state-e3c0d1f2".to_vec(), b"tail".to_vec()].concat();
            let encoded = keyfob::proto::encode::base64(&text).into_bytes();
            let found = contains(&encoded, &needle);
            let expected = matches!((spelling, before), ("base64", 0) | ("base64, second", 2) | ("base64, third", 1));
            assert_eq!(found, expected, "{spelling} after {before}");
        }
    }
}
