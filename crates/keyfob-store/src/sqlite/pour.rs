//! Moving everything out of a file, and into one.

use keyfob::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::database::sql;
use super::readers::Pool;
use super::rekey::in_chunks;
use super::sealing::Sealing;
use crate::rows::{AccountRow, AppRow, EntryRow, signed};
use crate::seal::Sealer;
use crate::transfer::{Inflow, Item, Moved, Outflow, not_empty};

/// All of it, as it was at one moment.
pub(super) fn pour(connection: &mut Connection, pool: &Pool, mut out: Outflow) -> Result<(), StoreError> {
    let read = connection.transaction().map_err(sql)?;
    let sealer = &*pool.sealing.keep_up(&read)?;
    let mut apps = read.prepare("SELECT id, generation, record FROM app").map_err(sql)?;
    for row in apps.query_map((), AppRow::read).map_err(sql)?.collect::<Result<Vec<_>, _>>().map_err(sql)? {
        let (provider, app) = row.open(sealer)?;
        out.send(Item::App(provider, Box::new(app)))?;
    }
    drop(apps);
    let accounts = "SELECT number, id, name, generation, due_at, record FROM account WHERE number > ? ORDER BY number LIMIT ?";
    in_chunks(
        &read,
        accounts,
        |row| AccountRow::read_after(row, 1),
        |_, row: AccountRow| out.send(Item::Account(Box::new(row.open(sealer)?))),
    )?;
    let entries = "SELECT number, account, record FROM history WHERE number > ? ORDER BY number LIMIT ?";
    in_chunks(&read, entries, |row| EntryRow::read_after(row, 1), |_, row: EntryRow| out.send(Item::Entry(Box::new(row.open(sealer)?))))?;
    // Before the other end is told that it has everything.
    pool.counts()?;
    out.end()
}

/// Into an empty vault, in one transaction: all of it, or nothing.
pub(super) fn fill(connection: &mut Connection, sealing: &Sealing, mut from: Inflow) -> Result<Moved, StoreError> {
    let write = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    let sealer = &*sealing.keep_up(&write)?;
    let any: bool = write
        .query_row("SELECT EXISTS (SELECT 1 FROM app) OR EXISTS (SELECT 1 FROM account) OR EXISTS (SELECT 1 FROM history)", (), |row| {
            row.get(0)
        })
        .map_err(sql)?;
    if any {
        return Err(not_empty());
    }
    let mut moved = Moved::default();
    while let Some(item) = from.next()? {
        put(&write, sealer, &item)?;
        moved.count(&item);
    }
    write.commit().map_err(sql)?;
    Ok(moved)
}

fn put(write: &Transaction<'_>, sealer: &Sealer, item: &Item) -> Result<(), StoreError> {
    match item {
        Item::App(provider, app) => AppRow::seal(sealer, provider, app, 1)?.insert(write),
        Item::Account(record) => {
            let row = AccountRow::seal(sealer, &record.value, record.generation.0)?;
            let put = "INSERT INTO account (id, name, generation, due_at, record) VALUES (?, ?, ?, ?, ?)";
            let generation = signed(row.generation)?;
            write
                .prepare_cached(put)
                .and_then(|mut put| put.execute((row.id, row.name, generation, row.due_at, row.record)))
                .map_err(sql)?;
            Ok(())
        }
        Item::Entry(entry) => {
            let row = EntryRow::seal(sealer, entry)?;
            let put = "INSERT INTO history (account, record) VALUES (?, ?)";
            write.prepare_cached(put).and_then(|mut put| put.execute((row.account, row.record))).map_err(sql)?;
            Ok(())
        }
    }
}
