//! The book of who did what: lines by number, which are written once.

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::EntryNumber;
use rusqlite::{Connection, Row};

use super::database::sql;
use super::reads::{all, counter, limit};
use super::writer::Write;
use crate::rows::{after, signed};
use crate::seal::Sealer;
use crate::shelf::{Act, ActRow};

pub(super) const ACTS: &str = "SELECT number, done_at, owner, record FROM act WHERE number < ? ORDER BY number DESC LIMIT ?";
pub(super) const ACTS_OF: &str =
    "SELECT number, done_at, owner, record FROM act WHERE number < ? AND owner = ? ORDER BY number DESC LIMIT ?";
pub(super) const NEWEST: &str = "SELECT coalesce(max(number), 0) FROM act";
/// Not the newest of all, whose number would be given again: a line that was kept elsewhere could take the new one's place.
pub(super) const SWEEP: &str = "DELETE FROM act WHERE number IN (
    SELECT number FROM act WHERE done_at < ? AND number < (SELECT max(number) FROM act) ORDER BY done_at LIMIT ?)";

/// The newest, the newest first.
pub(super) fn acts(
    connection: &Connection,
    sealer: &Sealer,
    owner: Option<&str>,
    before: Option<EntryNumber>,
    most: usize,
) -> Result<Vec<(EntryNumber, Act)>, StoreError> {
    let rows = rows(connection, owner, before, most)?;
    rows.into_iter().map(|row| Ok((EntryNumber(row.number), row.open(sealer)?))).collect()
}

/// The numbers of those, which are not sealed.
pub(super) fn numbers(
    connection: &Connection,
    owner: Option<&str>,
    before: Option<EntryNumber>,
    most: usize,
) -> Result<Vec<EntryNumber>, StoreError> {
    Ok(rows(connection, owner, before, most)?.into_iter().map(|row| EntryNumber(row.number)).collect())
}

fn rows(connection: &Connection, owner: Option<&str>, before: Option<EntryNumber>, most: usize) -> Result<Vec<ActRow>, StoreError> {
    // No number is so high that SQLite could not count to it.
    let before = before.and_then(|EntryNumber(before)| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    match owner {
        None => all(connection, ACTS, (before, limit(most)), ActRow::read),
        Some(owner) => all(connection, ACTS_OF, (before, owner, limit(most)), ActRow::read),
    }
}

/// Writes lines after the last one, all of them or, on an error, none.
pub(super) fn record(write: &Connection, sealer: &Sealer, acts: &[Act]) -> Result<(), StoreError> {
    let newest = write.prepare_cached(NEWEST).and_then(|mut newest| newest.query_row((), |row| counter(row, 0)));
    let mut number = newest.map_err(sql)?;
    // Whatever can fail has to do so before the first change.
    let mut rows = Vec::with_capacity(acts.len());
    for act in acts {
        number = after(number)?;
        rows.push((signed(number)?, ActRow::seal(sealer, number, act)?));
    }
    let mut put = write.prepare_cached("INSERT INTO act (number, done_at, owner, record) VALUES (?, ?, ?, ?)").map_err(sql)?;
    for (number, row) in rows {
        put.execute((number, row.done_at, row.owner, row.record)).map_err(sql)?;
    }
    Ok(())
}

impl Write<'_> {
    pub(super) fn record(&self, acts: &[Act]) -> Result<(), StoreError> {
        record(self.connection, &self.sealer, acts)
    }

    pub(super) fn sweep_acts(&self, before: Timestamp, most: usize) -> Result<usize, StoreError> {
        self.execute(SWEEP, (before.as_unix(), limit(most)))
    }
}

impl ActRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { number: counter(row, 0)?, done_at: row.get(1)?, owner: row.get(2)?, record: row.get(3)? })
    }
}
