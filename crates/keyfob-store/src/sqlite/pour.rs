//! Moving everything out of a file, and into one.

use keyfob::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::acts;
use super::database::sql;
use super::readers::Pool;
use super::rekey::in_chunks;
use super::sealing::Sealing;
use crate::rows::{AccountRow, AppRow, EntryRow};
use crate::seal::Sealer;
use crate::shelf::{ActRow, ItemRow};
use crate::transfer::{Inflow, Item, Moved, Outflow};

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
    if out.with_shelf() {
        let items = "SELECT number, kind, id, owner, expires_at, generation, record FROM item WHERE number > ? ORDER BY number LIMIT ?";
        let send = |_, row: ItemRow| out.send(Item::OfShelf(row.kind.clone(), Box::new(row.open(sealer)?)));
        in_chunks(&read, items, |row| ItemRow::read_after(row, 1), send)?;
        let acts = "SELECT number, done_at, owner, record FROM act WHERE number > ? ORDER BY number LIMIT ?";
        in_chunks(&read, acts, ActRow::read, |_, row: ActRow| out.send(Item::Act(Box::new(row.open(sealer)?))))?;
    }
    // Before the other end is told that it has everything.
    pool.counts()?;
    out.end()
}

/// Into an empty vault, in one transaction: all of it, or nothing.
pub(super) fn fill(connection: &mut Connection, sealing: &Sealing, mut from: Inflow) -> Result<Moved, StoreError> {
    let write = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    let sealer = &*sealing.keep_up(&write)?;
    let is_any = |query: &str| write.query_row(query, (), |row| row.get::<_, bool>(0)).map_err(sql);
    if is_any("SELECT EXISTS (SELECT 1 FROM app) OR EXISTS (SELECT 1 FROM account) OR EXISTS (SELECT 1 FROM history)")? {
        return Err(StoreError::NotEmpty);
    }
    let mut moved = Moved::default();
    while let Some(item) = from.next()? {
        let first_of_shelf = item.is_of_shelf() && moved.items + moved.acts == 0;
        if first_of_shelf && is_any("SELECT EXISTS (SELECT 1 FROM item) OR EXISTS (SELECT 1 FROM act)")? {
            return Err(StoreError::NotEmpty);
        }
        put(&write, sealer, &item)?;
        moved.count(&item);
    }
    write.commit().map_err(sql)?;
    Ok(moved)
}

fn put(write: &Transaction<'_>, sealer: &Sealer, item: &Item) -> Result<(), StoreError> {
    match item {
        Item::App(provider, app) => AppRow::seal(sealer, provider, app, 1)?.insert(write),
        Item::Account(record) => AccountRow::seal(sealer, &record.value, record.generation.0)?.insert(write),
        Item::Entry(entry) => {
            let row = EntryRow::seal(sealer, entry)?;
            let put = "INSERT INTO history (account, record) VALUES (?, ?)";
            write.prepare_cached(put).and_then(|mut put| put.execute((row.account, row.record))).map_err(sql)?;
            Ok(())
        }
        Item::OfShelf(kind, record) => ItemRow::seal(sealer, kind, &record.value, record.generation.0)?.insert(write),
        Item::Act(act) => acts::record(write, sealer, std::slice::from_ref(act)),
    }
}
