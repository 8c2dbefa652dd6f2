//! Looking at everything: what opening a big vault has no time for.

use keyfob::StoreError;
use rusqlite::{Connection, Row};

use super::database::sql;
use super::reads::counter;
use super::sealing::Sealing;
use crate::checked::Checked;
use crate::rows::{AccountRow, AppRow, EntryRow, PendingRow};
use crate::shelf::{ActRow, ItemRow};

pub(super) fn check(connection: &mut Connection, sealing: &Sealing) -> Result<Checked, StoreError> {
    let read = connection.transaction().map_err(sql)?;
    let sealer = &*sealing.keep_up(&read)?;
    let mut found = Checked::default();
    // SQLite names tables, indexes and pages, and nothing that is in them.
    let damage = |verdict: String| if verdict == "ok" { Ok(()) } else { Err(StoreError::Corrupt(verdict)) };
    each(&read, "PRAGMA integrity_check", |row| row.get(0), damage, &mut found)?;
    let apps = "SELECT id, generation, record FROM app";
    found.apps = each(&read, apps, AppRow::read, |row| row.open(sealer).map(drop), &mut found)?;
    let accounts = "SELECT number, id, name, generation, due_at, record FROM account";
    found.accounts = each(&read, accounts, AccountRow::read, |(_, row)| row.open(sealer).map(drop), &mut found)?;
    let late =
        "SELECT count(*) FROM account LEFT JOIN due ON due.account = number WHERE due_at IS NOT NULL AND (at IS NULL OR at > due_at)";
    let late: u64 = read.query_row(late, (), |row| counter(row, 0)).map_err(sql)?;
    if late > 0 {
        found.tell_of(format!(
            "when {late} of the accounts are due is not in the table that it is looked for in; sealing the vault anew puts that right"
        ));
    }
    let entries = "SELECT account, record FROM history";
    found.entries = each(&read, entries, EntryRow::read, |row| row.open(sealer).map(drop), &mut found)?;
    let logins = "SELECT id, binding, generation, expires_at, record FROM pending";
    found.logins = each(&read, logins, PendingRow::read, |row| row.open(sealer).map(drop), &mut found)?;
    let items = "SELECT kind, id, owner, expires_at, generation, record FROM item";
    found.items = each(&read, items, ItemRow::read, |row| row.open(sealer).map(drop), &mut found)?;
    let acts = "SELECT number, done_at, owner, record FROM act";
    found.acts = each(&read, acts, ActRow::read, |row| row.open(sealer).map(drop), &mut found)?;
    Ok(found)
}

/// How many open; the others are told.
fn each<R>(
    connection: &Connection,
    query: &str,
    read: fn(&Row<'_>) -> rusqlite::Result<R>,
    open: impl Fn(R) -> Result<(), StoreError>,
    found: &mut Checked,
) -> Result<u64, StoreError> {
    let mut good = 0;
    let mut statement = connection.prepare(query).map_err(sql)?;
    for row in statement.query_map((), read).map_err(sql)? {
        match row.map_err(sql).and_then(&open) {
            Ok(()) => good += 1,
            Err(error) => found.tell(error)?,
        }
    }
    Ok(good)
}
