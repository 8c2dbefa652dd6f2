//! Apps, accounts and pending logins: rows in, rows out, one immediate transaction per write.
//!
//! A row is opened before it is replaced: a damaged one is reported and left where it is, never written over.

use keyfob::proto::{App, Secret, Timestamp};
use keyfob::store::{Expected, Generation, Versioned};
use keyfob::{Account, AccountId, PendingLogin, StoreError};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior};
use serde::{Deserialize, Serialize};

use crate::database::sql;
use crate::seal::{Place, Sealer};

/// How many logins may be under way at once; beyond it the oldest make room.
const MOST_PENDING: i64 = 1000;

/// The records of one vault.
pub(crate) struct Records {
    connection: Connection,
    sealer: Sealer,
}

/// What is sealed for an app: the provider's name is not in the row.
#[derive(Serialize, Deserialize)]
struct AppRecord {
    provider: String,
    app: App,
}

impl Records {
    pub(crate) fn new(connection: Connection, sealer: Sealer) -> Self {
        Self { connection, sealer }
    }

    pub(crate) fn apps(&mut self) -> Result<Vec<(String, App)>, StoreError> {
        let rows = all(&self.connection, "SELECT id, generation, record FROM app", AppRow::read)?;
        let mut apps = rows.into_iter().map(|row| row.open(&self.sealer)).collect::<Result<Vec<_>, _>>()?;
        apps.sort_by(|one, other| one.provider.cmp(&other.provider));
        Ok(apps.into_iter().map(|record| (record.provider, record.app)).collect())
    }

    pub(crate) fn app(&mut self, provider: &str) -> Result<Option<App>, StoreError> {
        let id = self.sealer.provider(provider);
        let row = AppRow::find(&self.connection, &id)?;
        row.map(|row| row.open(&self.sealer).map(|record| record.app)).transpose()
    }

    pub(crate) fn put_app(&mut self, provider: String, app: App) -> Result<(), StoreError> {
        let id = self.sealer.provider(&provider);
        let record = AppRecord { provider, app };
        let (write, sealer) = begin(&mut self.connection, &self.sealer)?;
        let generation = match AppRow::find(&write, &id)? {
            None => 1,
            Some(row) => {
                let next = after(row.generation)?;
                row.open(sealer)?;
                next
            }
        };
        let sealed = sealer.seal(&app_place(&id, generation), &record)?;
        write
            .execute("INSERT OR REPLACE INTO app (id, generation, record) VALUES (?, ?, ?)", (&id, signed(generation)?, sealed))
            .map_err(sql)?;
        write.commit().map_err(sql)
    }

    /// Does not open the row, so that a damaged one can be got rid of by name.
    pub(crate) fn remove_app(&mut self, provider: &str) -> Result<bool, StoreError> {
        let id = self.sealer.provider(provider);
        let (write, _) = begin(&mut self.connection, &self.sealer)?;
        let removed = write.execute("DELETE FROM app WHERE id = ?", (&id,)).map_err(sql)?;
        write.commit().map_err(sql)?;
        Ok(removed > 0)
    }

    pub(crate) fn accounts(&mut self) -> Result<Vec<Versioned<Account>>, StoreError> {
        let rows = all(&self.connection, "SELECT id, name, generation, record FROM account", AccountRow::read)?;
        let mut accounts = rows.into_iter().map(|row| row.open(&self.sealer)).collect::<Result<Vec<_>, _>>()?;
        accounts.sort_by(|one, other| one.value.name.cmp(&other.value.name));
        Ok(accounts)
    }

    pub(crate) fn account(&mut self, name: &str) -> Result<Option<Versioned<Account>>, StoreError> {
        let row = AccountRow::find(&self.connection, &self.sealer.name(name))?;
        row.map(|row| row.open(&self.sealer)).transpose()
    }

    pub(crate) fn put_account(&mut self, account: &Account, expected: Expected) -> Result<Generation, StoreError> {
        let name = self.sealer.name(&account.name);
        let (write, sealer) = begin(&mut self.connection, &self.sealer)?;
        let found = AccountRow::find(&write, &name)?.map(|row| row.open(sealer)).transpose()?;
        if !is_as_expected(found.as_ref(), &account.id, expected) {
            return Err(StoreError::Conflict);
        }
        let generation = found.map_or(Ok(1), |found| after(found.generation.0))?;
        let id = account.id.as_str().as_bytes();
        let sealed = sealer.seal(&account_place(id, generation, &[&name]), account)?;
        write.execute("DELETE FROM account WHERE name = ?", (&name,)).map_err(sql)?;
        write
            .execute("INSERT INTO account (id, name, generation, record) VALUES (?, ?, ?, ?)", (id, name, signed(generation)?, sealed))
            .map_err(|error| match error.sqlite_error_code() {
                // The id is there under another name.
                Some(ErrorCode::ConstraintViolation) => StoreError::Conflict,
                _ => sql(error),
            })?;
        write.commit().map_err(sql)?;
        Ok(Generation(generation))
    }

    /// Does not open the row, so that a damaged one can be got rid of by name.
    pub(crate) fn remove_account(&mut self, name: &str) -> Result<bool, StoreError> {
        let name = self.sealer.name(name);
        let (write, _) = begin(&mut self.connection, &self.sealer)?;
        let removed = write.execute("DELETE FROM account WHERE name = ?", (&name,)).map_err(sql)?;
        write.commit().map_err(sql)?;
        Ok(removed > 0)
    }

    pub(crate) fn put_pending(&mut self, login: &PendingLogin, binding: &Secret) -> Result<(), StoreError> {
        let (id, binding) = self.sealer.pending(login.key(), binding);
        let expires_at = login.pending.expires_at().as_unix();
        let (write, sealer) = begin(&mut self.connection, &self.sealer)?;
        let newest: Option<i64> = write.query_row("SELECT max(generation) FROM pending", (), |row| row.get(0)).map_err(sql)?;
        let generation = after(newest.map_or(Ok(0), unsigned)?)?;
        let sealed = sealer.seal(&pending_place(&id, generation, &[&binding, &expires_at.to_be_bytes()]), login)?;
        write
            .execute(
                "INSERT OR REPLACE INTO pending (id, binding, generation, expires_at, record) VALUES (?, ?, ?, ?, ?)",
                (id, binding, signed(generation)?, expires_at, sealed),
            )
            .map_err(sql)?;
        write
            .execute(
                "DELETE FROM pending WHERE generation <= (SELECT generation FROM pending ORDER BY generation DESC LIMIT 1 OFFSET ?)",
                (MOST_PENDING,),
            )
            .map_err(sql)?;
        write.commit().map_err(sql)
    }

    /// In one transaction, which holds the only write lock: of any number of processes, one deletes the row and has it.
    pub(crate) fn take_pending(&mut self, key: &Secret, binding: &Secret, now: Timestamp) -> Result<Option<PendingLogin>, StoreError> {
        let (id, binding) = self.sealer.pending(key, binding);
        let (write, sealer) = begin(&mut self.connection, &self.sealer)?;
        write.execute("DELETE FROM pending WHERE expires_at <= ?", (now.as_unix(),)).map_err(sql)?;
        let taken = write
            .query_row("DELETE FROM pending WHERE id = ? AND binding = ? RETURNING generation, expires_at, record", (id, binding), |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
            })
            .optional()
            .map_err(sql)?;
        // Opened before the commit: a damaged row stays.
        let login = taken
            .map(|(generation, expires_at, sealed)| {
                sealer.open(&pending_place(&id, unsigned(generation)?, &[&binding, &expires_at.to_be_bytes()]), sealed)
            })
            .transpose()?;
        write.commit().map_err(sql)?;
        Ok(login)
    }
}

/// `Generation` means that record and no other: an account that was removed and made anew counts from one again, under a new id.
fn is_as_expected(found: Option<&Versioned<Account>>, id: &AccountId, expected: Expected) -> bool {
    match expected {
        Expected::Nothing => found.is_none(),
        Expected::Generation(generation) => found.is_some_and(|found| found.generation == generation && found.value.id == *id),
        Expected::Anything => true,
    }
}

/// The keyed hashes that rows are found by.
impl Sealer {
    fn provider(&self, provider: &str) -> [u8; 32] {
        self.hash("app.provider", &[provider.as_bytes()])
    }

    fn name(&self, name: &str) -> [u8; 32] {
        self.hash("account.name", &[name.as_bytes()])
    }

    /// Key and binding together make the second: so it does not show which logins one browser began.
    fn pending(&self, key: &Secret, binding: &Secret) -> ([u8; 32], [u8; 32]) {
        let (key, binding) = (key.expose().as_bytes(), binding.expose().as_bytes());
        (self.hash("pending.key", &[key]), self.hash("pending.binding", &[key, binding]))
    }
}

struct AppRow {
    id: Vec<u8>,
    generation: u64,
    record: Vec<u8>,
}

impl AppRow {
    fn find(connection: &Connection, id: &[u8; 32]) -> Result<Option<Self>, StoreError> {
        one(connection, "SELECT id, generation, record FROM app WHERE id = ?", id, Self::read)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, generation: counter(row, 1)?, record: row.get(2)? })
    }

    fn open(self, sealer: &Sealer) -> Result<AppRecord, StoreError> {
        sealer.open(&app_place(&self.id, self.generation), self.record)
    }
}

struct AccountRow {
    id: Vec<u8>,
    name: Vec<u8>,
    generation: u64,
    record: Vec<u8>,
}

impl AccountRow {
    fn find(connection: &Connection, name: &[u8; 32]) -> Result<Option<Self>, StoreError> {
        one(connection, "SELECT id, name, generation, record FROM account WHERE name = ?", name, Self::read)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, name: row.get(1)?, generation: counter(row, 2)?, record: row.get(3)? })
    }

    fn open(self, sealer: &Sealer) -> Result<Versioned<Account>, StoreError> {
        let value = sealer.open(&account_place(&self.id, self.generation, &[&self.name]), self.record)?;
        Ok(Versioned { value, generation: Generation(self.generation) })
    }
}

fn app_place(id: &[u8], generation: u64) -> Place<'_> {
    Place { table: "app", column: "record", id, generation, rest: &[] }
}

fn account_place<'a>(id: &'a [u8], generation: u64, rest: &'a [&'a [u8]; 1]) -> Place<'a> {
    Place { table: "account", column: "record", id, generation, rest }
}

fn pending_place<'a>(id: &'a [u8], generation: u64, rest: &'a [&'a [u8]; 2]) -> Place<'a> {
    Place { table: "pending", column: "record", id, generation, rest }
}

/// `BEGIN IMMEDIATE`: waits for its turn at the start, so that what was read cannot be changed by another before the write.
fn begin<'a>(connection: &'a mut Connection, sealer: &'a Sealer) -> Result<(Transaction<'a>, &'a Sealer), StoreError> {
    let write = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    Ok((write, sealer))
}

fn one<T>(connection: &Connection, query: &str, id: &[u8; 32], read: fn(&Row<'_>) -> rusqlite::Result<T>) -> Result<Option<T>, StoreError> {
    connection.query_row(query, (id,), read).optional().map_err(sql)
}

fn all<T>(connection: &Connection, query: &str, read: fn(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare(query).map_err(sql)?;
    let rows = statement.query_map((), read).map_err(sql)?;
    rows.collect::<Result<_, _>>().map_err(sql)
}

/// SQLite counts in signed numbers; ours have no sign. A negative one is damage.
fn counter(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| uncountable())
}

fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| uncountable())
}

fn after(generation: u64) -> Result<u64, StoreError> {
    generation.checked_add(1).ok_or_else(uncountable)
}

fn uncountable() -> StoreError {
    StoreError::Corrupt("a generation holds what was never written there".to_owned())
}
