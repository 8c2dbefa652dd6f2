//! Sealing everything anew: one transaction, so that the vault is never half under one key and half under another.

use std::path::Path;

use keyfob::StoreError;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior};

use super::database::{self, sql};
use super::due;
use super::sealing::Sealing;
use crate::key::{self, KeySource, Next};
use crate::place::Lock;
use crate::rekey::Rekeyed;
use crate::rows::{AccountRow, AppRow, EntryRow};
use crate::seal::Sealer;
use crate::shelf::{ActRow, ItemRow};

/// So many rows are in memory at once.
const MOST: u32 = 500;

pub(super) fn rekey(connection: &mut Connection, sealing: &Sealing, vault: &Path, to: &KeySource) -> Result<Rekeyed, StoreError> {
    let write = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
    // Whoever was faster has sealed it anew already: on from there.
    let current = sealing.keep_up(&write)?;
    let old = database::read_header(&write)?;
    let mut next = to.next(&old)?;
    let sealed = old.anew(&next.key, next.kdf.take()).and_then(|(header, sealer)| {
        let count = seal_all(&write, &current, &sealer)?;
        database::write_header(&write, &header)?;
        // Who opens the vault now finds header and key file both of before, or both of after.
        Ok((header, sealer, count, Lock::take(vault)?))
    });
    let (header, sealer, count, lock) = match sealed {
        Ok(sealed) => sealed,
        Err(error) => {
            next.abandon();
            return Err(error);
        }
    };
    // When this fails, nobody knows whether it was done. Opening finds out, by which of the keys fits.
    write.commit().map_err(sql)?;
    // A key file that opens nothing any more would only open what was copied before.
    let useless = sealing.key_file().filter(|_| old.kdf.is_none());
    sealing.go_on(sealer, &header, to);
    let Next { swap, .. } = next;
    if let Some(swap) = swap {
        swap.finish()?;
    } else if let Some(useless) = useless {
        key::remove_useless(&useless, &header)?;
    }
    drop(lock);
    // What was sealed under the old key leaves the file, as far as the disk lets it go.
    drop(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())));
    KeySource::forget(&old.vault_id()?, old.generation()?);
    Ok(Rekeyed { sealed: count, generation: header.generation()? })
}

/// Every row but those of logins under way: the browser's secret that they are bound to is not in the vault. They begin anew.
fn seal_all(write: &Transaction<'_>, old: &Sealer, new: &Sealer) -> Result<u64, StoreError> {
    write.execute("DELETE FROM pending", ()).map_err(sql)?;
    Ok(apps(write, old, new)? + accounts(write, old, new)? + entries(write, old, new)? + items(write, old, new)? + acts(write, old, new)?)
}

fn apps(write: &Transaction<'_>, old: &Sealer, new: &Sealer) -> Result<u64, StoreError> {
    let mut read = write.prepare("SELECT id, generation, record FROM app").map_err(sql)?;
    let rows = read.query_map((), AppRow::read).map_err(sql)?.collect::<Result<Vec<_>, _>>().map_err(sql)?;
    write.execute("DELETE FROM app", ()).map_err(sql)?;
    let mut count = 0;
    for row in rows {
        let generation = row.generation;
        let (provider, app) = row.open(old)?;
        AppRow::seal(new, &provider, &app, generation)?.insert(write)?;
        count += 1;
    }
    Ok(count)
}

fn accounts(write: &Transaction<'_>, old: &Sealer, new: &Sealer) -> Result<u64, StoreError> {
    let chunk = "SELECT number, id, name, generation, due_at, record FROM account WHERE number > ? ORDER BY number LIMIT ?";
    let put = "UPDATE account SET id = ?2, name = ?3, record = ?4 WHERE number = ?1";
    due::begin_anew(write)?;
    in_chunks(
        write,
        chunk,
        |row| AccountRow::read_after(row, 1),
        |number, row: AccountRow| {
            let record = row.open(old)?;
            let row = AccountRow::seal(new, &record.value, record.generation.0)?;
            write.prepare_cached(put).and_then(|mut put| put.execute((number, row.id, row.name, row.record))).map_err(sql)?;
            Ok(())
        },
    )
}

fn entries(write: &Transaction<'_>, old: &Sealer, new: &Sealer) -> Result<u64, StoreError> {
    let chunk = "SELECT number, account, record FROM history WHERE number > ? ORDER BY number LIMIT ?";
    let put = "UPDATE history SET account = ?2, record = ?3 WHERE number = ?1";
    in_chunks(
        write,
        chunk,
        |row| EntryRow::read_after(row, 1),
        |number, row: EntryRow| {
            let row = EntryRow::seal(new, &row.open(old)?)?;
            write.prepare_cached(put).and_then(|mut put| put.execute((number, row.account, row.record))).map_err(sql)?;
            Ok(())
        },
    )
}

fn items(write: &Transaction<'_>, old: &Sealer, new: &Sealer) -> Result<u64, StoreError> {
    let chunk = "SELECT number, kind, id, owner, expires_at, generation, record FROM item WHERE number > ? ORDER BY number LIMIT ?";
    let put = "UPDATE item SET record = ?2 WHERE number = ?1";
    in_chunks(
        write,
        chunk,
        |row| ItemRow::read_after(row, 1),
        |number, row: ItemRow| {
            let kind = row.kind.clone();
            let item = row.open(old)?;
            let row = ItemRow::seal(new, &kind, &item.value, item.generation.0)?;
            write.prepare_cached(put).and_then(|mut put| put.execute((number, row.record))).map_err(sql)?;
            Ok(())
        },
    )
}

fn acts(write: &Transaction<'_>, old: &Sealer, new: &Sealer) -> Result<u64, StoreError> {
    let chunk = "SELECT number, done_at, owner, record FROM act WHERE number > ? ORDER BY number LIMIT ?";
    let put = "UPDATE act SET record = ?2 WHERE number = ?1";
    in_chunks(write, chunk, ActRow::read, |number, row: ActRow| {
        let row = ActRow::seal(new, row.number, &row.open(old)?)?;
        write.prepare_cached(put).and_then(|mut put| put.execute((number, row.record))).map_err(sql)?;
        Ok(())
    })
}

/// Every row of a table that has numbers, a few at a time; how many there were.
pub(super) fn in_chunks<T>(
    connection: &Connection,
    query: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    mut each: impl FnMut(i64, T) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let (mut after, mut count) = (i64::MIN, 0);
    loop {
        let mut statement = connection.prepare_cached(query).map_err(sql)?;
        let rows = statement.query_map((after, MOST), |row| Ok((row.get::<_, i64>(0)?, read(row)?))).map_err(sql)?;
        let rows = rows.collect::<Result<Vec<_>, _>>().map_err(sql)?;
        let full = rows.len() == MOST as usize;
        for (number, row) in rows {
            after = number;
            count += 1;
            each(number, row)?;
        }
        if !full {
            return Ok(count);
        }
    }
}
