//! A vault full of accounts, and beside it a plain table with records of the same length. Made once, kept in `target/bench`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use keyfob::store::Expected;
use keyfob::{Account, AccountId, Store};
use keyfob_store::{KeySource, Vault};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

/// How long a record is, as JSON.
pub(crate) const RECORD: usize = 1024;
/// What a sealed record has more: version, salt, nonce, tag.
pub(crate) const SEAL: usize = 45;

pub(crate) struct Fixture {
    pub(crate) folder: PathBuf,
    pub(crate) accounts: usize,
}

impl Fixture {
    pub(crate) fn prepare(accounts: usize) -> Self {
        let fixture = Self { folder: Self::folder(&accounts.to_string()), accounts };
        fixture.prepare_part("whole", "vault", Self::fill_vault);
        fixture.prepare_part("plain-2", "plain.db", Self::fill_plain);
        fixture
    }

    /// Where things are kept that are made to be measured.
    pub(crate) fn folder(name: &str) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
        target.join("bench").join(name)
    }

    /// The mark is there when it is whole.
    fn prepare_part(&self, mark: &str, file: &str, fill: fn(&Self)) {
        let mark = self.folder.join(mark);
        if !mark.exists() {
            println!("  making {file} for {} accounts in {} …", self.accounts, self.folder.display());
            std::fs::create_dir_all(&self.folder).expect("a folder");
            drop(std::fs::remove_dir_all(self.folder.join(file)));
            for file in [file.to_owned(), format!("{file}-wal"), format!("{file}-shm")] {
                drop(std::fs::remove_file(self.folder.join(file)));
            }
            fill(self);
            std::fs::write(mark, "").expect("a mark");
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("vault").join(Vault::FILE_NAME)
    }

    pub(crate) fn vault(&self) -> Vault {
        Vault::open(&self.path(), KeySource::beside(&self.path())).expect("the vault opens")
    }

    pub(crate) fn name(number: usize) -> String {
        format!("account-{number}")
    }

    /// SQLite alone, on the vault's own file, with a page cache like ours.
    pub(crate) fn bare(&self) -> Connection {
        bare(&self.path())
    }

    /// SQLite alone, on a table of numbers, due moments and records.
    pub(crate) fn plain(&self) -> Connection {
        let plain = bare(&self.folder.join("plain.db"));
        plain.execute_batch("PRAGMA synchronous = FULL").expect("SQLite is careful");
        plain
    }

    /// A record for it that was never there: SQLite does not write what is there already, and the next run would measure nothing.
    pub(crate) fn record() -> Vec<u8> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        now.to_be_bytes().into_iter().cycle().take(RECORD + SEAL).collect()
    }

    fn fill_vault(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let vault = Arc::new(self.vault());
        runtime.block_on(async {
            for first in (0..self.accounts).step_by(10_000) {
                let writing: Vec<_> = (first..(first + 10_000).min(self.accounts))
                    .map(|number| {
                        let vault = Arc::clone(&vault);
                        tokio::spawn(async move { vault.put_account(&account(number, None), Expected::Nothing, None).await })
                    })
                    .collect();
                for write in writing {
                    write.await.expect("it ends").expect("it is written");
                }
            }
        });
    }

    fn fill_plain(&self) {
        let path = self.folder.join("plain.db");
        let mut plain = Connection::open(path).expect("SQLite opens it");
        plain.pragma_update(None, "journal_mode", "WAL").expect("a log");
        let table = "CREATE TABLE plain (number INTEGER PRIMARY KEY, due_at INTEGER NOT NULL, record BLOB NOT NULL);
                     CREATE INDEX plain_due ON plain (due_at)";
        plain.execute_batch(table).expect("a table");
        let write = plain.transaction().expect("a transaction");
        let record = vec![0x5A_u8; RECORD + SEAL];
        for number in 0..self.accounts {
            let put = "INSERT INTO plain VALUES (?, ?, ?)";
            let number = i64::try_from(number).unwrap_or_default();
            let due_at = 1_800_003_600 + number % 3600;
            write.prepare_cached(put).and_then(|mut put| put.execute((number, due_at, &record))).expect("it is written");
        }
        write.commit().expect("it is written");
    }
}

fn bare(path: &std::path::Path) -> Connection {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("SQLite opens it");
    connection.execute_batch("PRAGMA cache_size = -16000").expect("a page cache");
    connection
}

/// An account whose JSON is [`RECORD`] bytes. Its tokens came within the first hour, or when they were `refreshed`, in seconds after its
/// beginning.
pub(crate) fn account(number: usize, refreshed: Option<i64>) -> Account {
    let received_at = 1_800_000_000 + refreshed.unwrap_or_else(|| i64::try_from(number % 3600).unwrap_or_default());
    let value = |access: &str| {
        let tokens = json!({
            "kind": "oauth2", "access": access, "refresh": "r".repeat(64),
            "received_at": received_at, "expires_at": received_at + 3600, "scopes": ["read", "write"]
        });
        json!({
            "id": format!("{:032x}", (number as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)),
            "name": Fixture::name(number), "provider": "example", "client_id": "example-client-id", "tokens": tokens,
            "kept": { "user_id": "31337" }, "origins": ["https://api.example.org"], "requested_scopes": ["read", "write"],
            "tolerated": [], "health": { "state": "ok" }, "logged_in_at": 1_800_000_000
        })
    };
    let short = value("").to_string().len();
    let account: Account = serde_json::from_value(value(&"a".repeat(RECORD - short))).expect("an account as it rests");
    debug_assert_eq!(AccountId::from(account.id.to_string()), account.id);
    account
}
