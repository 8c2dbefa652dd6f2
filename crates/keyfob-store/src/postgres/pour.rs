//! Moving everything out of a database, and into one.

use deadpool_postgres::Transaction;
use keyfob::StoreError;
use tokio_postgres::{Error, IsolationLevel, Row};

use super::PostgresVault;
use super::accounts::limit;
use super::failure::Failure;
use super::schema::get;
use crate::rows::{AccountRow, AppRow, EntryRow, signed};
use crate::seal::Sealer;
use crate::transfer::{Inflow, Item, Moved, Outflow, not_empty};

/// Rows are read in chunks of so many.
const CHUNK: usize = 1000;

const APPS: &str = "SELECT id, generation, record FROM keyfob.app WHERE id > $1 ORDER BY id LIMIT $2";
const ACCOUNTS: &str = "SELECT id, name, generation, due_at, record FROM keyfob.account WHERE id > $1 ORDER BY id LIMIT $2";
const ENTRIES: &str = "SELECT account, record, number FROM keyfob.history WHERE number > $1 ORDER BY number LIMIT $2";

const ANY: &str = "SELECT EXISTS (SELECT FROM keyfob.app) OR EXISTS (SELECT FROM keyfob.account) OR EXISTS (SELECT FROM keyfob.history)";
const LOCK: &str = "LOCK TABLE keyfob.app, keyfob.account, keyfob.history IN SHARE ROW EXCLUSIVE MODE";
const PUT_APPS: &str = "INSERT INTO keyfob.app (id, generation, record) SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[])";
const PUT_ACCOUNTS: &str = "INSERT INTO keyfob.account (id, name, generation, due_at, record)
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[])";
/// In order: their numbers are drawn as they come.
const PUT_ENTRIES: &str = "INSERT INTO keyfob.history (account, record)
    SELECT account, record FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS e (account, record, place) ORDER BY place";

/// All of it, as it was at one moment.
pub(super) async fn pour(vault: &PostgresVault, mut out: Outflow) -> Result<(), StoreError> {
    let error = |error| failed(vault, &error);
    let mut connection = vault.connections.get().await.map_err(|failure| failure.error)?;
    let reading = connection.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    let reading = reading.start().await.map_err(error)?;
    let sealer = &*vault.sealing.within(&*reading).await?.sealer;
    let mut last: Vec<u8> = Vec::new();
    loop {
        let rows = reading.query(APPS, &[&last, &limit(CHUNK)]).await.map_err(error)?;
        for row in &rows {
            let (provider, app) = AppRow::from_row(row)?.open(sealer)?;
            out.pass(Item::App(provider, Box::new(app))).await?;
        }
        let Some(row) = rows.last() else { break };
        last = get(row, 0)?;
    }
    last.clear();
    loop {
        let rows = reading.query(ACCOUNTS, &[&last, &limit(CHUNK)]).await.map_err(error)?;
        for row in &rows {
            out.pass(Item::Account(Box::new(AccountRow::from_row(row)?.open(sealer)?))).await?;
        }
        let Some(row) = rows.last() else { break };
        last = get(row, 0)?;
    }
    let mut after = i64::MIN;
    loop {
        let rows: Vec<Row> = reading.query(ENTRIES, &[&after, &limit(CHUNK)]).await.map_err(error)?;
        for row in &rows {
            out.pass(Item::Entry(Box::new(EntryRow::from_row(row)?.open(sealer)?))).await?;
        }
        let Some(row) = rows.last() else { break };
        after = get(row, 2)?;
    }
    out.finish().await
}

/// Into an empty vault, in one transaction: all of it, or nothing. Nobody else writes meanwhile.
pub(super) async fn fill(vault: &PostgresVault, mut from: Inflow) -> Result<Moved, StoreError> {
    let error = |error| failed(vault, &error);
    let mut connection = vault.connections.get().await.map_err(|failure| failure.error)?;
    let write = connection.transaction().await.map_err(error)?;
    write.batch_execute(LOCK).await.map_err(error)?;
    // Nobody seals it anew while this has its locks.
    let sealer = &*vault.sealing.within(&*write).await?.sealer;
    if get(&write.query_one(ANY, &[]).await.map_err(error)?, 0)? {
        return Err(not_empty());
    }
    let mut moved = Moved::default();
    loop {
        let items = from.some().await?;
        if items.is_empty() {
            break;
        }
        items.iter().for_each(|item| moved.count(item));
        Sealed::of(sealer, &items)?.put(&write).await.map_err(error)?;
    }
    write.commit().await.map_err(error)?;
    Ok(moved)
}

fn failed(vault: &PostgresVault, error: &Error) -> StoreError {
    Failure::of(vault.connections.address(), error).error
}

/// A bundle, sealed: one list a column.
#[derive(Default)]
struct Sealed {
    apps: (Vec<Vec<u8>>, Vec<i64>, Vec<Vec<u8>>),
    accounts: Accounts,
    entries: (Vec<Vec<u8>>, Vec<Vec<u8>>),
}

#[derive(Default)]
struct Accounts {
    ids: Vec<Vec<u8>>,
    names: Vec<Vec<u8>>,
    generations: Vec<i64>,
    dues: Vec<Option<i64>>,
    records: Vec<Vec<u8>>,
}

impl Sealed {
    fn of(sealer: &Sealer, items: &[Item]) -> Result<Self, StoreError> {
        let mut sealed = Self::default();
        for item in items {
            match item {
                Item::App(provider, app) => {
                    let row = AppRow::seal(sealer, provider, app, 1)?;
                    let generation = signed(row.generation)?;
                    sealed.apps.extend([(row.id, generation, row.record)]);
                }
                Item::Account(record) => {
                    let row = AccountRow::seal(sealer, &record.value, record.generation.0)?;
                    let Accounts { ids, names, generations, dues, records } = &mut sealed.accounts;
                    generations.push(signed(row.generation)?);
                    ids.push(row.id);
                    names.push(row.name);
                    dues.push(row.due_at);
                    records.push(row.record);
                }
                Item::Entry(entry) => {
                    let row = EntryRow::seal(sealer, entry)?;
                    sealed.entries.extend([(row.account, row.record)]);
                }
            }
        }
        Ok(sealed)
    }

    async fn put(&self, write: &Transaction<'_>) -> Result<(), Error> {
        let (ids, generations, records) = &self.apps;
        if !ids.is_empty() {
            write.execute(&write.prepare_cached(PUT_APPS).await?, &[ids, generations, records]).await?;
        }
        let Accounts { ids, names, generations, dues, records } = &self.accounts;
        if !ids.is_empty() {
            write.execute(&write.prepare_cached(PUT_ACCOUNTS).await?, &[ids, names, generations, dues, records]).await?;
        }
        let (accounts, records) = &self.entries;
        if !accounts.is_empty() {
            write.execute(&write.prepare_cached(PUT_ENTRIES).await?, &[accounts, records]).await?;
        }
        Ok(())
    }
}
