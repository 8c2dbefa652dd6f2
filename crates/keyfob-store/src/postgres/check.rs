//! Looking at every record. The pages that they lie on are the server's to look after.

use deadpool_postgres::Transaction;
use keyfob::StoreError;
use tokio_postgres::{IsolationLevel, Row};

use super::PostgresVault;
use super::failure::failed;
use crate::checked::Checked;
use crate::rows::{AccountRow, AppRow, EntryRow, PendingRow};
use crate::shelf::{ActRow, ItemRow};

/// So many rows are in memory at a time.
const CHUNK: i32 = 1000;

pub(super) async fn check(vault: &PostgresVault) -> Result<Checked, StoreError> {
    let mut connection = vault.connections.get().await.map_err(|failure| failure.error)?;
    let reading = connection.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let reading = &reading.start().await.map_err(|error| failed(vault, &error))?;
    let sealer = &*vault.sealing.within(&**reading).await?.sealer;
    let mut found = Checked::default();
    let apps = "SELECT id, generation, record FROM keyfob.app";
    found.apps = each(vault, reading, apps, |row| AppRow::from_row(row)?.open(sealer).map(drop), &mut found).await?;
    let accounts = "SELECT id, name, generation, due_at, record FROM keyfob.account";
    found.accounts = each(vault, reading, accounts, |row| AccountRow::from_row(row)?.open(sealer).map(drop), &mut found).await?;
    let entries = "SELECT account, record FROM keyfob.history";
    found.entries = each(vault, reading, entries, |row| EntryRow::from_row(row)?.open(sealer).map(drop), &mut found).await?;
    let logins = "SELECT id, binding, generation, expires_at, record FROM keyfob.pending";
    found.logins = each(vault, reading, logins, |row| PendingRow::from_row(row)?.open(sealer).map(drop), &mut found).await?;
    let items = "SELECT kind, id, owner, expires_at, generation, record FROM keyfob.item";
    found.items = each(vault, reading, items, |row| ItemRow::from_row(row)?.open(sealer).map(drop), &mut found).await?;
    let acts = "SELECT number, done_at, owner, record FROM keyfob.act";
    found.acts = each(vault, reading, acts, |row| ActRow::from_row(row)?.open(sealer).map(drop), &mut found).await?;
    Ok(found)
}

/// How many open; the others are told.
async fn each(
    vault: &PostgresVault,
    reading: &Transaction<'_>,
    query: &str,
    open: impl Fn(&Row) -> Result<(), StoreError>,
    found: &mut Checked,
) -> Result<u64, StoreError> {
    let error = |error| failed(vault, &error);
    let mut good = 0;
    let portal = reading.bind(query, &[]).await.map_err(error)?;
    loop {
        let rows = reading.query_portal(&portal, CHUNK).await.map_err(error)?;
        if rows.is_empty() {
            return Ok(good);
        }
        for row in &rows {
            match open(row) {
                Ok(()) => good += 1,
                Err(error) => found.tell(error)?,
            }
        }
    }
}
