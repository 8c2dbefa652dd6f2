//! Rows under the knife, as in SQLite: whoever can write the database, and has no key, can destroy and can go back in time, and nothing else.

use keyfob::proto::{App, Timestamp};
use keyfob::store::{Expected, Generation};
use keyfob::{AccountId, Store, StoreError};
use keyfob_store::PostgresVault;
use keyfob_testbed::Database;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::common::{BEGAN, CANARIES, app, error, healthy_account, oauth1_account, oauth1_pending, oauth2_account, oauth2_pending};
use crate::contract::entry;
use crate::support::{open, past, vault};

const NOW: Timestamp = Timestamp::from_unix(BEGAN + 1);

/// Two accounts with a history, two apps, two logins; still open, to be edited under its eyes.
struct Filled {
    one: AccountId,
    two: AccountId,
    vault: PostgresVault,
    sql: Client,
    database: Database<'static>,
}

async fn filled() -> Option<Filled> {
    let (database, vault) = vault().await?;
    let (one, two) = (oauth2_account("one"), oauth1_account("two"));
    let filling = async {
        vault.put_app("one", &app()).await?;
        vault.put_app("two", &App::public("other")).await?;
        vault.put_account(&one, Expected::Nothing, Some(&entry(&one, 1))).await?;
        vault.put_account(&two, Expected::Nothing, Some(&entry(&two, 2))).await?;
        vault.put_pending(&oauth2_pending("state-one"), "browser").await?;
        vault.put_pending(&oauth1_pending("token-two"), "browser").await
    };
    filling.await.expect("puts");
    let sql = past(&database).await;
    Some(Filled { one: one.id, two: two.id, vault, sql, database })
}

#[track_caller]
fn assert_corrupt<T>(result: Result<T, StoreError>, what: &str) {
    let error = error(result);
    assert!(matches!(error, StoreError::Corrupt(_)), "{what}: {error:?}");
}

impl Filled {
    /// Edits rows; there must be some.
    async fn edit(&self, statement: &str, parameters: &[&(dyn ToSql + Sync)]) {
        let edited = self.sql.execute(statement, parameters).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        assert!(edited > 0, "{statement}");
    }

    /// Exchanges a column between the two rows of a table.
    async fn swap(&self, table: &str, column: &str) {
        // A unique index looks after every row: let go of it, and never mind, for the vault is open.
        for index in ["account_name"] {
            self.sql.batch_execute(&format!("DROP INDEX IF EXISTS keyfob.{index}")).await.expect("drops");
        }
        self.sql.batch_execute("ALTER TABLE keyfob.account DROP CONSTRAINT IF EXISTS account_pkey; ALTER TABLE keyfob.pending DROP CONSTRAINT IF EXISTS pending_pkey; ALTER TABLE keyfob.app DROP CONSTRAINT IF EXISTS app_pkey").await.expect("drops");
        let swap = format!("UPDATE keyfob.{table} t SET {column} = (SELECT o.{column} FROM keyfob.{table} o WHERE o.ctid <> t.ctid)");
        self.edit(&swap, &[]).await;
    }

    /// Every bit and every length of one record, each refused by whoever reads it with an error that names its table; then it is put back.
    async fn cut(&self, table: &str, row: &str, read: impl AsyncFn() -> Result<bool, StoreError>) {
        let (found, put) =
            (format!("SELECT record FROM keyfob.{table} WHERE {row}"), format!("UPDATE keyfob.{table} SET record = $1 WHERE {row}"));
        let good: Vec<u8> = self.sql.query_one(&found, &[]).await.expect("reads").get(0);
        let put = self.sql.prepare(&put).await.expect("prepares");
        let refused = async |bad: &[u8], what: String| {
            assert_eq!(self.sql.execute(&put, &[&bad]).await.expect("edits"), 1, "{table}");
            match read().await {
                Err(StoreError::Corrupt(why)) => assert!(why.contains(&format!("the table \"{table}\"")), "{table}, {what}: {why}"),
                other => panic!("{table}, {what}: {other:?}"),
            }
        };
        assert!(good.len() > 45, "more than salt, nonce and tag: {} bytes", good.len());
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            refused(&bad, format!("bit {bit} of {}", good.len() * 8)).await;
        }
        for length in 0..good.len() {
            refused(&good[..length], format!("{length} of {} bytes", good.len())).await;
        }
        refused(&[good.as_slice(), &[0]].concat(), "a byte more".to_owned()).await;
        assert_eq!(self.sql.execute(&put, &[&good]).await.expect("edits"), 1, "{table}");
        assert!(read().await.expect("reads"), "{table}: and unharmed it opens");
    }

    async fn record_of_one(&self) -> Vec<u8> {
        self.sql.query_one("SELECT record FROM keyfob.account WHERE id = $1", &[&bytes(&self.one)]).await.expect("reads").get(0)
    }

    async fn put_record_of_one(&self, record: &[u8]) {
        self.edit("UPDATE keyfob.account SET record = $1 WHERE id = $2", &[&record, &bytes(&self.one)]).await;
    }
}

/// An id as it lies in the database.
fn bytes(id: &AccountId) -> Vec<u8> {
    let digits = id.as_str().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits")).collect()
}

#[tokio::test]
async fn j8_a_check_finds_every_damaged_record_and_counts_the_others() {
    let Some(filled) = filled().await else { return };
    let whole = filled.vault.check().await.expect("looks");
    assert_eq!((whole.apps, whole.accounts, whole.entries, whole.logins, whole.damaged.len()), (2, 2, 2, 2, 0), "{whole:?}");
    for table in ["app", "account", "history", "pending"] {
        let edit = format!(
            "UPDATE keyfob.{table} SET record = '\\x00' WHERE record = (SELECT record FROM keyfob.{table} ORDER BY record DESC LIMIT 1)"
        );
        filled.edit(&edit, &[]).await;
    }
    let found = filled.vault.check().await.expect("looks");
    assert_eq!((found.apps, found.accounts, found.entries, found.logins), (1, 1, 1, 1));
    assert_eq!(found.damaged.len(), 4, "{found:?}");
    for table in ["app", "account", "history", "pending"] {
        assert!(found.damaged.iter().any(|told| told.contains(&format!("\"{table}\""))), "{table}: {found:?}");
    }
}

#[tokio::test]
async fn j8_every_bit_and_length_of_an_account_counts() {
    let Some(filled) = filled().await else { return };
    let row = format!("id = '\\x{}'", filled.one.as_str());
    filled.cut("account", &row, async || filled.vault.account("one").await.map(|found| found.is_some())).await;
}

#[tokio::test]
async fn j8_every_bit_and_length_of_an_app_counts() {
    let Some(filled) = filled().await else { return };
    let longest = "SELECT encode(id, 'hex') FROM keyfob.app ORDER BY length(record) DESC LIMIT 1";
    let row = format!("id = '\\x{}'", filled.database.sql(longest));
    filled.cut("app", &row, async || filled.vault.app("one").await.map(|found| found.is_some())).await;
}

#[tokio::test]
async fn j8_every_bit_and_length_of_an_entry_counts() {
    let Some(filled) = filled().await else { return };
    filled.cut("history", "number = 1", async || filled.vault.history(&filled.one).await.map(|found| !found.is_empty())).await;
}

/// Whoever is refused does not take it: at the end it is still there to be handed out.
#[tokio::test]
async fn j8_every_bit_and_length_of_a_login_counts() {
    let Some(filled) = filled().await else { return };
    let row = "generation = (SELECT min(generation) FROM keyfob.pending)";
    let take = async || filled.vault.take_pending("state-one", "browser", NOW).await.map(|found| found.is_some());
    filled.cut("pending", row, take).await;
}

#[tokio::test]
async fn j8_a_damaged_record_is_not_written_over_and_hides_no_other() {
    let Some(filled) = filled().await else { return };
    let Filled { vault, .. } = &filled;
    filled.put_record_of_one(&[0]).await;
    filled.edit("UPDATE keyfob.app SET record = '\\x00' WHERE length(record) = (SELECT max(length(record)) FROM keyfob.app)", &[]).await;
    for expected in [Expected::Anything, Expected::Nothing, Expected::Generation(Generation(1))] {
        assert_corrupt(vault.put_account(&oauth2_account("one"), expected, None).await, "put over it");
    }
    assert_eq!(filled.record_of_one().await, [0]);
    assert_corrupt(vault.put_app("one", &app()).await, "put over it");
    assert_corrupt(vault.accounts().await, "listed");
    assert_corrupt(vault.apps().await, "listed");
    assert!(vault.account("two").await.expect("reads").is_some());
    assert!(vault.app("two").await.expect("reads").is_some());
    // The way out is to remove it by name.
    assert!(vault.remove_account("one", None).await.expect("removes"));
    assert!(vault.remove_app("one").await.expect("removes"));
    assert_eq!(vault.accounts().await.expect("lists").len(), 1);
}

/// The others can be taken out, and whoever logs in again, or out, is rid of it: by its name, and by nobody else's.
#[tokio::test]
async fn j8_a_damaged_record_is_told_by_its_name_and_makes_way() {
    let Some(filled) = filled().await else { return };
    let Filled { vault, .. } = &filled;
    assert!(!vault.remove_damaged("one").await.expect("looks"), "what opens stays");
    filled.put_record_of_one(&[0]).await;
    let found = vault.inventory(None).await.expect("lists");
    assert_eq!(found.accounts.iter().map(|account| account.value.name.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(found.damaged.iter().map(|damaged| damaged.name.as_deref()).collect::<Vec<_>>(), [Some("one")]);
    assert!(!vault.remove_damaged("two").await.expect("looks") && !vault.remove_damaged("three").await.expect("looks"));
    assert!(vault.remove_damaged("one").await.expect("removes") && !vault.remove_damaged("one").await.expect("looks"));
    vault.put_account(&oauth2_account("one"), Expected::Nothing, None).await.expect("puts");
    assert_eq!(vault.accounts().await.expect("lists").len(), 2);
}

/// Row `two` under the name of `one`: a lamp would get the door's tokens.
#[tokio::test]
async fn j8_columns_swapped_between_accounts_are_refused() {
    for column in ["record", "name", "id", "due_at", "generation"] {
        let Some(filled) = filled().await else { return };
        // So that they differ in everything.
        let healthy = healthy_account("one", BEGAN);
        filled.vault.put_account(&healthy, Expected::Anything, None).await.expect("puts");
        filled.swap("account", column).await;
        assert_corrupt(filled.vault.account("one").await, column);
        assert_corrupt(filled.vault.account("two").await, column);
        assert_corrupt(filled.vault.accounts().await, column);
        let found = filled.vault.inventory(None).await.expect("lists");
        assert_eq!((found.accounts.len(), found.damaged.len()), (0, 2), "{column}");
    }
}

#[tokio::test]
async fn j8_an_account_cannot_be_made_due_or_of_another_time() {
    for change in ["generation = generation + 1", "due_at = 1", "id = '\\x41414141414141414141414141414141'"] {
        let Some(filled) = filled().await else { return };
        filled.edit(&format!("UPDATE keyfob.account SET {change} WHERE id = $1"), &[&bytes(&filled.one)]).await;
        assert_corrupt(filled.vault.account("one").await, change);
        let due = filled.vault.lease_due(NOW, NOW.plus(60), 10).await.expect("leases");
        assert!(due.is_empty(), "{change}: what cannot be opened is passed over, and keeps nobody else from being refreshed");
    }
}

#[tokio::test]
async fn j8_rows_of_other_tables_and_vaults_are_refused() {
    let Some(filled) = filled().await else { return };
    let Filled { vault, .. } = &filled;
    for (table, other) in [("account", "app"), ("app", "pending"), ("history", "account"), ("pending", "history")] {
        let kept: Vec<(Vec<u8>, Vec<u8>)> = filled
            .sql
            .query(&format!("SELECT record, record FROM keyfob.{table}"), &[])
            .await
            .expect("reads")
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect();
        filled.edit(&format!("UPDATE keyfob.{table} SET record = (SELECT record FROM keyfob.{other} LIMIT 1)"), &[]).await;
        let what = format!("{other} in {table}");
        match table {
            "account" => assert_corrupt(vault.account("one").await, &what),
            "app" => assert_corrupt(vault.app("one").await, &what),
            "history" => assert_corrupt(vault.history(&filled.one).await, &what),
            _ => assert_corrupt(vault.take_pending("state-one", "browser", NOW).await, &what),
        }
        assert!(!kept.is_empty());
    }
    // Another vault's row, under the same key from outside.
    let Some(stranger) = self::filled().await else { return };
    let row =
        stranger.sql.query_one("SELECT name, record FROM keyfob.account WHERE id = $1", &[&bytes(&stranger.one)]).await.expect("reads");
    let (name, record): (Vec<u8>, Vec<u8>) = (row.get(0), row.get(1));
    let plant = "INSERT INTO keyfob.account (id, name, generation, record) VALUES ($1, $2, 1, $3)";
    filled.edit(plant, &[&bytes(&stranger.one), &name, &record]).await;
    assert_corrupt(vault.accounts().await, "another vault's");
    filled.edit("DELETE FROM keyfob.account WHERE id <> $1", &[&bytes(&stranger.one)]).await;
    assert!(vault.account("one").await.expect("looks").is_none(), "not even found by name");
}

#[tokio::test]
async fn j8_an_entry_cannot_be_given_to_another_account() {
    let Some(filled) = filled().await else { return };
    filled.swap("history", "account").await;
    assert_corrupt(filled.vault.history(&filled.one).await, "one");
    assert_corrupt(filled.vault.history(&filled.two).await, "two");
    assert_corrupt(filled.vault.entries(Some(keyfob::store::EntryNumber(0)), 10).await, "all");
}

#[tokio::test]
async fn j8_columns_swapped_between_apps_are_refused() {
    for column in ["record", "id"] {
        let Some(filled) = filled().await else { return };
        filled.swap("app", column).await;
        assert_corrupt(filled.vault.app("one").await, column);
        assert_corrupt(filled.vault.apps().await, column);
    }
}

#[tokio::test]
async fn j8_pending_logins_cannot_be_changed_and_stay_when_refused() {
    for change in ["expires_at = expires_at + 1000000", "generation = generation + 10", "record = '\\x01'"] {
        let Some(filled) = filled().await else { return };
        filled.edit(&format!("UPDATE keyfob.pending SET {change}"), &[]).await;
        for _ in 0..2 {
            assert_corrupt(filled.vault.take_pending("state-one", "browser", NOW).await, change);
        }
        assert_eq!(filled.database.sql("SELECT count(*) FROM keyfob.pending"), "2", "{change}");
    }
}

/// A login that somebody else began, made to look like the victim's browser's (A3, A13): the binding is part of what is sealed.
#[tokio::test]
async fn j8_a_pending_login_cannot_be_given_another_browser() {
    let Some(filled) = filled().await else { return };
    filled.vault.put_pending(&oauth2_pending("state-one"), "attacker").await.expect("puts");
    let rows = filled.sql.query("SELECT binding FROM keyfob.pending ORDER BY generation", &[]).await.expect("reads");
    let [victim, _, attacker] = rows.iter().map(|row| row.get(0)).collect::<Vec<Vec<u8>>>().try_into().expect("three");
    assert_ne!(victim, attacker);
    filled.edit("DELETE FROM keyfob.pending WHERE binding = $1", &[&victim]).await;
    filled.edit("UPDATE keyfob.pending SET binding = $1 WHERE binding = $2", &[&victim, &attacker]).await;
    assert_corrupt(filled.vault.take_pending("state-one", "browser", NOW).await, "moved");
}

/// Everything that rests: in the tables, and in the server's own files, its log among them.
#[tokio::test]
async fn j10_nothing_that_rests_can_be_read() {
    let Some(cluster) = keyfob_testbed::Cluster::start(&keyfob_testbed::Options {
        settings: vec![("log_statement".to_owned(), "all".to_owned()), ("log_parameter_max_length".to_owned(), "-1".to_owned())],
        ..keyfob_testbed::Options::default()
    }) else {
        return;
    };
    let vault = open(&cluster.database().url()).await;
    let account = oauth2_account("canary-provider/canary-label");
    let filling = async {
        vault.put_app("canary-provider", &app()).await?;
        vault.put_account(&account, Expected::Nothing, Some(&entry(&account, 1))).await?;
        vault.put_account(&oauth1_account("canary-provider/canary-label-2"), Expected::Nothing, None).await?;
        vault.put_pending(&oauth2_pending("canary-state-e3c0d1f2"), "canary-binding-c0ffee12").await?;
        vault.put_pending(&oauth1_pending("canary-temporary-token-6e5d"), "canary-binding-c0ffee12").await?;
        vault.take_pending("canary-temporary-token-6e5d", "canary-binding-c0ffee12", NOW).await.map(drop)
    };
    filling.await.expect("puts");
    let shown = format!("{vault:?} {:?} {}", vault.warnings(), vault.place());
    cluster.stop();
    let looked = search(cluster.folder());
    assert!(looked > 500, "{looked} files");
    assert!(cluster.log().contains("keyfob.account"), "the log has the statements");
    assert!(CANARIES.iter().all(|canary| canary.starts_with("canary")) && !shown.contains("canary"), "{shown}");
}

/// Looks through every file below; says how many there were.
fn search(folder: &std::path::Path) -> usize {
    let mut looked = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            looked += search(&path);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).expect("reads");
            // They all begin with it; and in SQL bytes are written in hexadecimal digits.
            for needle in [b"canary".as_slice(), b"63616e617279"] {
                let found = bytes.windows(needle.len()).position(|window| window == needle);
                assert!(found.is_none(), "byte {found:?} of {}", path.display());
            }
            looked += 1;
        }
    }
    looked
}
