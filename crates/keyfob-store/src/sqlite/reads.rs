//! What is read: rows in, opened records out.

use keyfob::history::Entry;
use keyfob::proto::App;
use keyfob::store::{Damaged, EntryNumber, Inventory, Versioned};
use keyfob::{Account, AccountId, StoreError};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::database::sql;
use crate::rows::{AccountRow, AppRow, EntryRow, PendingRow, is_of_the_record};
use crate::seal::Sealer;

pub(super) fn apps(connection: &Connection, sealer: &Sealer) -> Result<Vec<(String, App)>, StoreError> {
    let rows = all(connection, "SELECT id, generation, record FROM app", (), AppRow::read)?;
    let mut apps = rows.into_iter().map(|row| row.open(sealer)).collect::<Result<Vec<_>, _>>()?;
    apps.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(apps)
}

pub(super) fn app(connection: &Connection, sealer: &Sealer, provider: &str) -> Result<Option<App>, StoreError> {
    let row = AppRow::find(connection, &AppRow::id(sealer, provider))?;
    row.map(|row| row.open(sealer).map(|(_, app)| app)).transpose()
}

pub(super) fn accounts(connection: &Connection, sealer: &Sealer) -> Result<Vec<Versioned<Account>>, StoreError> {
    let query = "SELECT number, id, name, generation, due_at, record FROM account";
    let mut statement = connection.prepare_cached(query).map_err(sql)?;
    // One row at a time: all of them sealed and opened at once would be twice as much.
    let rows = statement.query_map((), AccountRow::read).map_err(sql)?;
    let mut accounts = rows.map(|row| row.map_err(sql)?.1.open(sealer)).collect::<Result<Vec<_>, _>>()?;
    accounts.sort_by(|one, other| one.value.name.cmp(&other.value.name));
    Ok(accounts)
}

/// What opens, and what does not; of those alone that may be due by then.
pub(super) fn inventory(connection: &Connection, sealer: &Sealer, due_by: Option<i64>) -> Result<Inventory, StoreError> {
    let query = "SELECT number, id, name, generation, due_at, record FROM account WHERE ?1 IS NULL OR due_at IS NULL OR due_at <= ?1";
    let mut statement = connection.prepare_cached(query).map_err(sql)?;
    // A column that cannot be read is this row's damage; where no next row comes, nobody knows how many there are.
    let rows = statement.query_map((due_by,), |row| Ok((AccountRow::read(row), row.get(1), row.get(2)))).map_err(sql)?;
    let mut found = Inventory::default();
    for row in rows {
        let (row, id, name) = row.map_err(sql)?;
        match row.map_err(sql).and_then(|(_, row)| row.open(sealer)) {
            Ok(account) => found.accounts.push(account),
            Err(error) if !is_of_the_record(&error) => return Err(error),
            Err(error) => {
                let name = id.ok().zip(name.ok()).and_then(|(id, name)| name_of(connection, sealer, id, name));
                found.damaged.push(Damaged { name, error });
            }
        }
    }
    found.accounts.sort_by(|one, other| one.value.name.cmp(&other.value.name));
    Ok(found)
}

/// What an account whose record does not open is called: its history is sealed apart, and what is found by another name is not the one that it tells of.
fn name_of(connection: &Connection, sealer: &Sealer, id: Vec<u8>, name: Vec<u8>) -> Option<String> {
    let newest = "SELECT account, record FROM history WHERE account = ? ORDER BY number DESC LIMIT 1";
    one(connection, newest, (id,), EntryRow::read).ok()??.name(sealer, &name)
}

pub(super) fn account(connection: &Connection, sealer: &Sealer, name: &str) -> Result<Option<Versioned<Account>>, StoreError> {
    let name = AccountRow::name(sealer, name);
    // The name is the one that was asked for: it need not be fetched to be bound in.
    let query = "SELECT id, generation, due_at, record FROM account WHERE name = ?";
    let read = |row: &Row<'_>| {
        Ok(AccountRow { id: row.get(0)?, name: name.to_vec(), generation: counter(row, 1)?, due_at: row.get(2)?, record: row.get(3)? })
    };
    one(connection, query, (name,), read)?.map(|row| row.open(sealer)).transpose()
}

/// The accounts of these numbers, as far as they are still there, the longest due first.
pub(super) fn leased(connection: &Connection, sealer: &Sealer, numbers: &[i64]) -> Result<Vec<Versioned<Account>>, StoreError> {
    let query = "SELECT number, id, name, generation, due_at, record FROM account WHERE number = ?";
    let mut query = connection.prepare_cached(query).map_err(sql)?;
    let mut due = Vec::with_capacity(numbers.len());
    for number in numbers {
        let Some((_, row)) = query.query_row((number,), AccountRow::read).optional().map_err(sql)? else { continue };
        let due_at = row.due_at;
        match row.open(sealer) {
            Ok(record) => due.push((due_at, record)),
            // It stays leased, and is told by whoever asks for it by name: it must not keep all others from being refreshed.
            Err(error) => tracing::error!(%error, "an account that is due cannot be opened"),
        }
    }
    due.sort_by_key(|(due_at, _)| *due_at);
    Ok(due.into_iter().map(|(_, record)| record).collect())
}

pub(super) fn history(connection: &Connection, sealer: &Sealer, id: &AccountId) -> Result<Vec<Entry>, StoreError> {
    let query = "SELECT account, record FROM history WHERE account = ? ORDER BY number";
    let rows = all(connection, query, (AccountRow::id(sealer, id),), EntryRow::read)?;
    rows.into_iter().map(|row| row.open(sealer)).collect()
}

pub(super) fn entries(
    connection: &Connection,
    sealer: &Sealer,
    after: Option<EntryNumber>,
    most: usize,
) -> Result<Vec<(EntryNumber, Entry)>, StoreError> {
    let read = |row: &Row<'_>| Ok((counter(row, 2)?, EntryRow::read(row)?));
    let rows = match after {
        None => all(connection, "SELECT account, record, number FROM history ORDER BY number DESC LIMIT 1", (), read),
        Some(EntryNumber(after)) => {
            let query = "SELECT account, record, number FROM history WHERE number > ? ORDER BY number LIMIT ?";
            // No number is so high that SQLite could not count to it.
            all(connection, query, (i64::try_from(after).unwrap_or(i64::MAX), limit(most)), read)
        }
    }?;
    rows.into_iter().map(|(number, row)| Ok((EntryNumber(number), row.open(sealer)?))).collect()
}

impl AppRow {
    pub(super) fn find(connection: &Connection, id: &[u8]) -> Result<Option<Self>, StoreError> {
        one(connection, "SELECT id, generation, record FROM app WHERE id = ?", (id,), Self::read)
    }

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, generation: counter(row, 1)?, record: row.get(2)? })
    }
}

impl AccountRow {
    /// With its number.
    pub(super) fn find(connection: &Connection, name: &[u8]) -> Result<Option<(i64, Self)>, StoreError> {
        one(connection, "SELECT number, id, name, generation, due_at, record FROM account WHERE name = ?", (name,), Self::read)
    }

    /// With its number before it.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Self)> {
        Ok((row.get(0)?, Self::read_after(row, 1)?))
    }

    /// From that column on.
    pub(super) fn read_after(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        let generation = counter(row, at + 2)?;
        Ok(Self { id: row.get(at)?, name: row.get(at + 1)?, generation, due_at: row.get(at + 3)?, record: row.get(at + 4)? })
    }
}

impl EntryRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Self::read_after(row, 0)
    }

    /// From that column on.
    pub(super) fn read_after(row: &Row<'_>, at: usize) -> rusqlite::Result<Self> {
        Ok(Self { account: row.get(at)?, record: row.get(at + 1)? })
    }
}

impl PendingRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, binding: row.get(1)?, generation: counter(row, 2)?, expires_at: row.get(3)?, record: row.get(4)? })
    }
}

pub(super) fn one<T>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    connection.prepare_cached(query).and_then(|mut query| query.query_row(parameters, read).optional()).map_err(sql)
}

pub(super) fn all<T>(
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
pub(super) fn counter(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
