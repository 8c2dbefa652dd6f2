//! Looking at everything: what opening a big vault has no time for.

use keyfob::StoreError;
use rusqlite::{Connection, Row};

use super::database::sql;
use super::reads::counter;
use super::sealing::Sealing;
use crate::rows::{AccountRow, AppRow, EntryRow, PendingRow};
use crate::shelf::{ActRow, ItemRow};

/// So many sentences about damage are enough to know what to do.
const MOST_TOLD: usize = 100;

/// What a look at every page and every record of a vault found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// Apps that open.
    pub apps: u64,
    /// Accounts that open.
    pub accounts: u64,
    /// Entries of histories that open.
    pub entries: u64,
    /// Logins under way that open.
    pub logins: u64,
    /// Items of the shelf that open.
    pub items: u64,
    /// Lines of the book that open.
    pub acts: u64,
    /// What is damaged: sentences for the person, at most a hundred. Empty if all is well.
    pub damaged: Vec<String>,
}

pub(super) fn check(connection: &mut Connection, sealing: &Sealing) -> Result<Checked, StoreError> {
    let read = connection.transaction().map_err(sql)?;
    let sealer = &*sealing.keep_up(&read)?;
    let mut damaged = Vec::new();
    // SQLite names tables, indexes and pages, and nothing that is in them.
    let pages = each(&read, "PRAGMA integrity_check", |row| row.get::<_, String>(0), Ok, &mut damaged)?;
    damaged.extend(pages.into_iter().filter(|verdict| verdict != "ok"));
    let apps = "SELECT id, generation, record FROM app";
    let apps = each(&read, apps, AppRow::read, |row| row.open(sealer).map(drop), &mut damaged)?.len();
    let accounts = "SELECT number, id, name, generation, due_at, record FROM account";
    let accounts = each(&read, accounts, AccountRow::read, |(_, row)| row.open(sealer).map(drop), &mut damaged)?.len();
    let late =
        "SELECT count(*) FROM account LEFT JOIN due ON due.account = number WHERE due_at IS NOT NULL AND (at IS NULL OR at > due_at)";
    let late: u64 = read.query_row(late, (), |row| counter(row, 0)).map_err(sql)?;
    if late > 0 {
        damaged.push(format!(
            "when {late} of the accounts are due is not in the table that it is looked for in; sealing the vault anew puts that right"
        ));
    }
    let entries = "SELECT account, record FROM history";
    let entries = each(&read, entries, EntryRow::read, |row| row.open(sealer).map(drop), &mut damaged)?.len();
    let logins = "SELECT id, binding, generation, expires_at, record FROM pending";
    let logins = each(&read, logins, PendingRow::read, |row| row.open(sealer).map(drop), &mut damaged)?.len();
    let items = "SELECT kind, id, owner, expires_at, generation, record FROM item";
    let items = each(&read, items, ItemRow::read, |row| row.open(sealer).map(drop), &mut damaged)?.len();
    let acts = "SELECT number, done_at, owner, record FROM act";
    let acts = each(&read, acts, ActRow::read, |row| row.open(sealer).map(drop), &mut damaged)?.len();
    damaged.truncate(MOST_TOLD);
    let [apps, accounts, entries, logins, items, acts] = [apps, accounts, entries, logins, items, acts].map(|rows| rows as u64);
    Ok(Checked { apps, accounts, entries, logins, items, acts, damaged })
}

/// What opens; the others are told.
fn each<R, T>(
    connection: &Connection,
    query: &str,
    read: fn(&Row<'_>) -> rusqlite::Result<R>,
    open: impl Fn(R) -> Result<T, StoreError>,
    damaged: &mut Vec<String>,
) -> Result<Vec<T>, StoreError> {
    let mut good = Vec::new();
    let mut statement = connection.prepare(query).map_err(sql)?;
    for row in statement.query_map((), read).map_err(sql)? {
        match row.map_err(sql).and_then(&open) {
            Ok(opened) => good.push(opened),
            Err(error @ (StoreError::Corrupt(_) | StoreError::Newer(_))) if damaged.len() < MOST_TOLD => damaged.push(error.to_string()),
            Err(StoreError::Corrupt(_) | StoreError::Newer(_)) => {}
            // The disk, say: that is no finding.
            Err(error) => return Err(error),
        }
    }
    Ok(good)
}
