//! What is read: rows in, opened records out.

use keyfob::history::Entry;
use keyfob::proto::{App, Timestamp};
use keyfob::store::{CLOCK_SLACK, EntryNumber, Versioned};
use keyfob::{Account, AccountId, StoreError};
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::database::sql;
use crate::rows::{AccountRow, AppRow, EntryRow, PAGE, PendingRow, Spot, next_page, passed_over, signed, unsigned};
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

/// What a look at a page found.
pub(super) struct Misdated {
    pub(super) numbers: Vec<i64>,
    /// After which spot the page begins, and after which one the next.
    pub(super) from: Spot<i64>,
    pub(super) next: Spot<i64>,
}

/// Before all accounts.
const FAR_END: Spot<i64> = (i64::MAX, i64::MAX);

/// Looks at a page of the accounts whose due moment lies far ahead: the numbers of those that are [misdated](Account::is_misdated) and nobody's.
pub(super) fn misdated(
    connection: &Connection,
    sealer: &Sealer,
    from: Option<Spot<i64>>,
    now: Timestamp,
    until: Timestamp,
) -> Result<Misdated, StoreError> {
    let query = "SELECT number, id, name, generation, due_at, record FROM account LEFT JOIN lease ON lease.account = account.number
                 WHERE due_at > ?1 AND (due_at, number) < (?2, ?3) AND (until IS NULL OR until <= ?4 OR until > ?5)
                 ORDER BY due_at DESC, number DESC LIMIT ?6";
    let (ahead, voided) = (now.plus(CLOCK_SLACK).as_unix(), until.plus(CLOCK_SLACK).as_unix());
    let from = from.map_or_else(|| somewhere(connection, ahead), Ok)?;
    let rows = all(connection, query, (ahead, from.0, from.1, now.as_unix(), voided, limit(PAGE)), AccountRow::read)?;
    let last = rows.last().and_then(|(number, row)| Some((row.due_at?, *number)));
    let next = next_page(rows.len(), last, FAR_END);
    // One that does not open is told by whoever asks for it by name.
    let is_misdated = |row: AccountRow| row.open(sealer).is_ok_and(|record| record.value.is_misdated(now, None));
    let numbers = rows.into_iter().filter_map(|(number, row)| is_misdated(row).then_some(number)).collect();
    Ok(Misdated { numbers, from, next })
}

/// Where a process begins. All of this is in the index.
fn somewhere(connection: &Connection, ahead: i64) -> Result<Spot<i64>, StoreError> {
    let count = one(connection, "SELECT count(*) FROM account WHERE due_at > ?", (ahead,), |row| row.get::<_, i64>(0))?;
    let Some(before) = passed_over(unsigned(count.unwrap_or(0))?)?.checked_sub(1) else { return Ok(FAR_END) };
    let query = "SELECT due_at, number FROM account WHERE due_at > ? ORDER BY due_at DESC, number DESC LIMIT 1 OFFSET ?";
    Ok(one(connection, query, (ahead, signed(before)?), |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or(FAR_END))
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
