//! Moving everything out of a database, and into one.

use deadpool_postgres::Transaction;
use keyfob::StoreError;
use tokio_postgres::{Error, IsolationLevel, Row};

use super::PostgresVault;
use super::accounts::limit;
use super::acts;
use super::failure::failed;
use super::schema::get;
use crate::rows::{AccountRow, AppRow, EntryRow, signed};
use crate::seal::Sealer;
use crate::shelf::{Act, ActRow, ItemRow};
use crate::transfer::{Inflow, Item, Moved, Outflow};

/// Rows are read in chunks of so many.
const CHUNK: usize = 1000;

const APPS: &str = "SELECT id, generation, record FROM keyfob.app WHERE id > $1 ORDER BY id LIMIT $2";
const ACCOUNTS: &str = "SELECT id, name, generation, due_at, record FROM keyfob.account WHERE id > $1 ORDER BY id LIMIT $2";
const ENTRIES: &str = "SELECT account, record, number FROM keyfob.history WHERE number > $1 ORDER BY number LIMIT $2";

const ITEMS: &str =
    "SELECT kind, id, owner, expires_at, generation, record FROM keyfob.item WHERE (kind, id) > ($1, $2) ORDER BY kind, id LIMIT $3";
const ACTS: &str = "SELECT number, done_at, owner, record FROM keyfob.act WHERE number > $1 ORDER BY number LIMIT $2";

const ANY: &str = "SELECT EXISTS (SELECT FROM keyfob.app) OR EXISTS (SELECT FROM keyfob.account) OR EXISTS (SELECT FROM keyfob.history)";
const ANY_OF_SHELF: &str = "SELECT EXISTS (SELECT FROM keyfob.item) OR EXISTS (SELECT FROM keyfob.act)";
const LOCK: &str = "LOCK TABLE keyfob.app, keyfob.account, keyfob.history, keyfob.item, keyfob.act IN SHARE ROW EXCLUSIVE MODE";
const PUT_APPS: &str = "INSERT INTO keyfob.app (id, generation, record) SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[])";
const PUT_ACCOUNTS: &str = "INSERT INTO keyfob.account (id, name, generation, due_at, record)
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[])";
/// In order: their numbers are drawn as they come.
const PUT_ENTRIES: &str = "INSERT INTO keyfob.history (account, record)
    SELECT account, record FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS e (account, record, place) ORDER BY place";
const PUT_ITEMS: &str = "INSERT INTO keyfob.item (kind, id, owner, expires_at, generation, record)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[])";
const PUT_ACTS: &str = "INSERT INTO keyfob.act (number, done_at, owner, record)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[])";

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
    if out.with_shelf() {
        pour_shelf(&reading, sealer, &mut out, error).await?;
    }
    out.finish().await
}

async fn pour_shelf(
    reading: &Transaction<'_>,
    sealer: &Sealer,
    out: &mut Outflow,
    error: impl Fn(Error) -> StoreError,
) -> Result<(), StoreError> {
    let (mut kind, mut id) = (String::new(), String::new());
    loop {
        let rows = reading.query(ITEMS, &[&kind, &id, &limit(CHUNK)]).await.map_err(&error)?;
        for row in &rows {
            let row = ItemRow::from_row(row)?;
            kind.clone_from(&row.kind);
            id.clone_from(&row.id);
            out.pass(Item::OfShelf(kind.clone(), Box::new(row.open(sealer)?))).await?;
        }
        if rows.is_empty() {
            break;
        }
    }
    let mut after = i64::MIN;
    loop {
        let rows = reading.query(ACTS, &[&after, &limit(CHUNK)]).await.map_err(&error)?;
        for row in &rows {
            out.pass(Item::Act(Box::new(ActRow::from_row(row)?.open(sealer)?))).await?;
        }
        let Some(row) = rows.last() else { return Ok(()) };
        after = get(row, 0)?;
    }
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
        return Err(StoreError::NotEmpty);
    }
    let mut moved = Moved::default();
    loop {
        let items = from.some().await?;
        if items.is_empty() {
            break;
        }
        let first_of_shelf = moved.items + moved.acts == 0 && items.iter().any(Item::is_of_shelf);
        if first_of_shelf && get(&write.query_one(ANY_OF_SHELF, &[]).await.map_err(error)?, 0)? {
            return Err(StoreError::NotEmpty);
        }
        items.iter().for_each(|item| moved.count(item));
        let sealed = Sealed::of(sealer, &items)?;
        sealed.put(&write).await.map_err(error)?;
        put_acts(&write, sealer, &items, error).await?;
    }
    write.commit().await.map_err(error)?;
    Ok(moved)
}

/// In order, under numbers of this vault.
async fn put_acts(write: &Transaction<'_>, sealer: &Sealer, items: &[Item], error: impl Fn(Error) -> StoreError) -> Result<(), StoreError> {
    let acts: Vec<&Act> = items.iter().filter_map(|item| if let Item::Act(act) = item { Some(&**act) } else { None }).collect();
    if acts.is_empty() {
        return Ok(());
    }
    let drawn = write.query(acts::NUMBERS, &[&limit(acts.len())]).await.map_err(&error)?;
    let numbers: Vec<i64> = drawn.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    let acts::Columns { dates, owners, records } = acts::Columns::seal(sealer, &numbers, acts)?;
    write.execute(PUT_ACTS, &[&numbers, &dates, &owners, &records]).await.map_err(error).map(drop)
}

/// A bundle, sealed: one list a column.
#[derive(Default)]
struct Sealed {
    apps: (Vec<Vec<u8>>, Vec<i64>, Vec<Vec<u8>>),
    accounts: Accounts,
    entries: (Vec<Vec<u8>>, Vec<Vec<u8>>),
    items: Items,
}

#[derive(Default)]
struct Items {
    kinds: Vec<String>,
    ids: Vec<String>,
    owners: Vec<Option<String>>,
    expiries: Vec<Option<i64>>,
    generations: Vec<i64>,
    records: Vec<Vec<u8>>,
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
                Item::OfShelf(kind, record) => {
                    let row = ItemRow::seal(sealer, kind, &record.value, record.generation.0)?;
                    let Items { kinds, ids, owners, expiries, generations, records } = &mut sealed.items;
                    generations.push(signed(row.generation)?);
                    kinds.push(row.kind);
                    ids.push(row.id);
                    owners.push(row.owner);
                    expiries.push(row.expires_at);
                    records.push(row.record);
                }
                // Sealed with their numbers, which the database gives.
                Item::Act(_) => {}
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
        let Items { kinds, ids, owners, expiries, generations, records } = &self.items;
        if !ids.is_empty() {
            write.execute(&write.prepare_cached(PUT_ITEMS).await?, &[kinds, ids, owners, expiries, generations, records]).await?;
        }
        Ok(())
    }
}
