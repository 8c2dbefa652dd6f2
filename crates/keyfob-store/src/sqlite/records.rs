//! Apps, accounts, their history and pending logins: rows in, rows out, one immediate transaction per write.
//!
//! A row is opened before it is replaced: a damaged one is reported and left where it is, never written over.

use keyfob::history::{Entry, MOST_ENTRIES};
use keyfob::proto::{App, Secret, Timestamp};
use keyfob::store::{EntryNumber, Expected, Generation, Versioned};
use keyfob::{Account, AccountId, PendingLogin, StoreError};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, Row, Transaction, TransactionBehavior};

use super::database::sql;
use super::sealing::Sealing;
use crate::rows::{self, AccountRow, AppRow, EntryRow, MOST_PENDING, PendingRow, after, signed, unsigned};
use crate::seal::Sealer;

/// The records of one vault.
pub(super) struct Records {
    pub(super) connection: Connection,
    pub(super) sealing: Sealing,
}

impl Records {
    pub(super) fn new(connection: Connection, sealing: Sealing) -> Self {
        Self { connection, sealing }
    }

    pub(super) fn apps(&mut self) -> Result<Vec<(String, App)>, StoreError> {
        let mut apps = self.read(Vec::is_empty, |connection, sealer| {
            let rows = all(connection, "SELECT id, generation, record FROM app", (), AppRow::read)?;
            rows.into_iter().map(|row| row.open(sealer)).collect::<Result<Vec<_>, _>>()
        })?;
        apps.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(apps)
    }

    pub(super) fn app(&mut self, provider: &str) -> Result<Option<App>, StoreError> {
        self.read(Option::is_none, |connection, sealer| {
            let row = AppRow::find(connection, &AppRow::id(sealer, provider))?;
            row.map(|row| row.open(sealer).map(|(_, app)| app)).transpose()
        })
    }

    pub(super) fn put_app(&mut self, provider: &str, app: &App) -> Result<(), StoreError> {
        let (write, sealer) = begin(&mut self.connection, &mut self.sealing)?;
        let generation = match AppRow::find(&write, &AppRow::id(sealer, provider))? {
            None => 1,
            Some(row) => {
                let next = after(row.generation)?;
                row.open(sealer)?;
                next
            }
        };
        AppRow::seal(sealer, provider, app, generation)?.insert(&write)?;
        write.commit().map_err(sql)
    }

    /// Does not open the row, so that a damaged one can be got rid of by name.
    pub(super) fn remove_app(&mut self, provider: &str) -> Result<bool, StoreError> {
        let (write, sealer) = begin(&mut self.connection, &mut self.sealing)?;
        let removed = write.execute("DELETE FROM app WHERE id = ?", (&AppRow::id(sealer, provider),)).map_err(sql)?;
        write.commit().map_err(sql)?;
        Ok(removed > 0)
    }

    pub(super) fn accounts(&mut self) -> Result<Vec<Versioned<Account>>, StoreError> {
        let mut accounts = self.read(Vec::is_empty, |connection, sealer| {
            let rows = all(connection, "SELECT id, name, generation, due_at, record FROM account", (), AccountRow::read)?;
            rows.into_iter().map(|row| row.open(sealer)).collect::<Result<Vec<_>, _>>()
        })?;
        accounts.sort_by(|one, other| one.value.name.cmp(&other.value.name));
        Ok(accounts)
    }

    pub(super) fn account(&mut self, name: &str) -> Result<Option<Versioned<Account>>, StoreError> {
        self.read(Option::is_none, |connection, sealer| {
            let row = AccountRow::find(connection, &AccountRow::name(sealer, name))?;
            row.map(|row| row.open(sealer)).transpose()
        })
    }

    pub(super) fn put_account(&mut self, account: &Account, expected: Expected, entry: Option<&Entry>) -> Result<Generation, StoreError> {
        let (write, sealer) = begin(&mut self.connection, &mut self.sealing)?;
        let found = AccountRow::find(&write, &AccountRow::name(sealer, &account.name))?;
        let (found_id, found_due) = found.as_ref().map(|row| (row.id.clone(), row.due_at)).unzip();
        let found = found.map(|row| row.open(sealer)).transpose()?;
        if !rows::is_as_expected(found.as_ref(), &account.id, expected) {
            return Err(StoreError::Conflict);
        }
        let row = AccountRow::seal(sealer, account, found.map_or(Ok(1), |found| after(found.generation.0))?)?;
        let generation = signed(row.generation)?;
        if let Some(found_id) = found_id {
            // A lease is for one due moment: with another it ends.
            let again = "UPDATE account SET id = ?2, generation = ?3, due_at = ?4, record = ?5,
                                leased_until = CASE WHEN ?6 THEN leased_until ELSE 0 END WHERE id = ?1";
            let same_due = found_due == Some(row.due_at);
            write
                .prepare_cached(again)
                .and_then(|mut again| again.execute((found_id, row.id, generation, row.due_at, row.record, same_due)))
        } else {
            let anew = "INSERT INTO account (id, name, generation, due_at, record) VALUES (?, ?, ?, ?, ?)";
            write.prepare_cached(anew).and_then(|mut anew| anew.execute((row.id, row.name, generation, row.due_at, row.record)))
        }
        .map_err(|error| match error.sqlite_error_code() {
            // The id is there under another name.
            Some(ErrorCode::ConstraintViolation) => StoreError::Conflict,
            _ => sql(error),
        })?;
        enter(&write, sealer, entry)?;
        write.commit().map_err(sql)?;
        Ok(Generation(row.generation))
    }

    /// Does not open the row, so that a damaged one can be got rid of by name.
    pub(super) fn remove_account(&mut self, name: &str, entry: Option<&Entry>) -> Result<bool, StoreError> {
        let (write, sealer) = begin(&mut self.connection, &mut self.sealing)?;
        let name = AccountRow::name(sealer, name);
        let removed = write.execute("DELETE FROM account WHERE name = ?", (&name,)).map_err(sql)?;
        if removed > 0 {
            enter(&write, sealer, entry)?;
        }
        write.commit().map_err(sql)?;
        Ok(removed > 0)
    }

    pub(super) fn history(&mut self, id: &AccountId) -> Result<Vec<Entry>, StoreError> {
        let query = "SELECT account, record FROM history WHERE account = ? ORDER BY number";
        self.read(Vec::is_empty, |connection, sealer| {
            let rows = all(connection, query, (AccountRow::id(sealer, id),), EntryRow::read)?;
            rows.into_iter().map(|row| row.open(sealer)).collect()
        })
    }

    pub(super) fn entries(&mut self, after: Option<EntryNumber>, most: usize) -> Result<Vec<(EntryNumber, Entry)>, StoreError> {
        let read = |row: &Row<'_>| Ok((counter(row, 2)?, EntryRow::read(row)?));
        self.read(Vec::is_empty, |connection, sealer| {
            let rows = match after {
                None => all(connection, "SELECT account, record, number FROM history ORDER BY number DESC LIMIT 1", (), read),
                Some(EntryNumber(after)) => {
                    let query = "SELECT account, record, number FROM history WHERE number > ? ORDER BY number LIMIT ?";
                    // No number is so high that SQLite could not count to it.
                    all(connection, query, (i64::try_from(after).unwrap_or(i64::MAX), limit(most)), read)
                }
            }?;
            rows.into_iter().map(|(number, row)| Ok((EntryNumber(number), row.open(sealer)?))).collect()
        })
    }

    /// A lease that lies further ahead than any that would be given now is one of a clock that was wrong.
    pub(super) fn lease_due(&mut self, now: Timestamp, until: Timestamp, most: usize) -> Result<Vec<Versioned<Account>>, StoreError> {
        let (write, sealer) = begin(&mut self.connection, &mut self.sealing)?;
        let lease = "UPDATE account SET leased_until = ?2 WHERE number IN (
                         SELECT number FROM account WHERE due_at <= ?1 AND (leased_until <= ?1 OR leased_until > ?2) ORDER BY due_at LIMIT ?3
                     ) RETURNING id, name, generation, due_at, record";
        let rows = all(&write, lease, (now.as_unix(), until.as_unix(), limit(most)), AccountRow::read)?;
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            let due_at = row.due_at;
            match row.open(sealer) {
                Ok(record) => due.push((due_at, record)),
                // It stays leased, and is told by whoever asks for it by name: it must not keep all others from being refreshed.
                Err(error) => tracing::error!(%error, "an account that is due cannot be opened"),
            }
        }
        write.commit().map_err(sql)?;
        due.sort_by_key(|(due_at, _)| *due_at);
        Ok(due.into_iter().map(|(_, record)| record).collect())
    }

    pub(super) fn put_pending(&mut self, login: &PendingLogin, binding: &Secret) -> Result<(), StoreError> {
        let (write, sealer) = begin(&mut self.connection, &mut self.sealing)?;
        let newest: Option<i64> = write.query_row("SELECT max(generation) FROM pending", (), |row| row.get(0)).map_err(sql)?;
        let row = PendingRow::seal(sealer, login, binding, after(newest.map_or(Ok(0), unsigned)?)?)?;
        write
            .execute(
                "INSERT OR REPLACE INTO pending (id, binding, generation, expires_at, record) VALUES (?, ?, ?, ?, ?)",
                (row.id, row.binding, signed(row.generation)?, row.expires_at, row.record),
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
    pub(super) fn take_pending(&mut self, key: &Secret, binding: &Secret, now: Timestamp) -> Result<Option<PendingLogin>, StoreError> {
        let (write, sealer) = begin(&mut self.connection, &mut self.sealing)?;
        let (id, binding) = PendingRow::ids(sealer, key, binding);
        write.execute("DELETE FROM pending WHERE expires_at <= ?", (now.as_unix(),)).map_err(sql)?;
        let take = "DELETE FROM pending WHERE id = ? AND binding = ? RETURNING id, binding, generation, expires_at, record";
        let taken = write.query_row(take, (id, binding), PendingRow::read).optional().map_err(sql)?;
        // Opened before the commit: a damaged row stays.
        let login = taken.map(|row| row.open(sealer)).transpose()?;
        write.commit().map_err(sql)?;
        Ok(login)
    }
}

impl Records {
    /// Reads. What is not found, or does not open, may have been sealed anew in another process: then once more, with the new key.
    fn read<T>(&mut self, nothing: fn(&T) -> bool, work: impl Fn(&Connection, &Sealer) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let found = work(&self.connection, self.sealing.sealer());
        let doubtful = match &found {
            Ok(found) => nothing(found),
            Err(error) => matches!(error, StoreError::Corrupt(_)),
        };
        if doubtful && self.sealing.keep_up(&self.connection)? { work(&self.connection, self.sealing.sealer()) } else { found }
    }
}

impl AppRow {
    fn find(connection: &Connection, id: &[u8]) -> Result<Option<Self>, StoreError> {
        one(connection, "SELECT id, generation, record FROM app WHERE id = ?", id, Self::read)
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, generation: counter(row, 1)?, record: row.get(2)? })
    }

    pub(super) fn insert(self, write: &Transaction<'_>) -> Result<(), StoreError> {
        let put = "INSERT OR REPLACE INTO app (id, generation, record) VALUES (?, ?, ?)";
        write.execute(put, (self.id, signed(self.generation)?, self.record)).map_err(sql)?;
        Ok(())
    }
}

impl AccountRow {
    fn find(connection: &Connection, name: &[u8]) -> Result<Option<Self>, StoreError> {
        one(connection, "SELECT id, name, generation, due_at, record FROM account WHERE name = ?", name, Self::read)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Self::read_after(row, 0)
    }

    /// From that column on.
    pub(super) fn read_after(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        let generation = counter(row, at + 2)?;
        Ok(Self { id: row.get(at)?, name: row.get(at + 1)?, generation, due_at: row.get(at + 3)?, record: row.get(at + 4)? })
    }
}

impl EntryRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Self::read_after(row, 0)
    }

    /// From that column on.
    pub(super) fn read_after(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        Ok(Self { account: row.get(at)?, record: row.get(at + 1)? })
    }
}

impl PendingRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, binding: row.get(1)?, generation: counter(row, 2)?, expires_at: row.get(3)?, record: row.get(4)? })
    }
}

/// Writes an entry, and lets the account's oldest go.
fn enter(write: &Transaction<'_>, sealer: &Sealer, entry: Option<&Entry>) -> Result<(), StoreError> {
    let Some(entry) = entry else { return Ok(()) };
    let row = EntryRow::seal(sealer, entry)?;
    let put = "INSERT INTO history (account, record) VALUES (?, ?)";
    write.prepare_cached(put).and_then(|mut put| put.execute((&row.account, row.record))).map_err(sql)?;
    let trim = "DELETE FROM history WHERE account = ?1
                AND number <= (SELECT number FROM history WHERE account = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)";
    write.prepare_cached(trim).and_then(|mut trim| trim.execute((&row.account, limit(MOST_ENTRIES)))).map_err(sql)?;
    Ok(())
}

/// `BEGIN IMMEDIATE`: waits for its turn at the start, so that what was read cannot be changed by another before the write. From then on
/// nobody else can seal the vault anew.
fn begin<'a>(connection: &'a mut Connection, sealing: &'a mut Sealing) -> Result<(Transaction<'a>, &'a Sealer), StoreError> {
    let write = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    sealing.keep_up(&write)?;
    Ok((write, sealing.sealer()))
}

fn one<T>(connection: &Connection, query: &str, id: &[u8], read: fn(&Row<'_>) -> rusqlite::Result<T>) -> Result<Option<T>, StoreError> {
    connection.prepare_cached(query).and_then(|mut query| query.query_row((id,), read).optional()).map_err(sql)
}

fn all<T>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(query).map_err(sql)?;
    let rows = statement.query_map(parameters, read).map_err(sql)?;
    rows.collect::<Result<_, _>>().map_err(sql)
}

/// SQLite counts in signed numbers; ours have no sign. A negative one is damage.
fn counter(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
