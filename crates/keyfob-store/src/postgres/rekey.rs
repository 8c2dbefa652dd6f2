//! Sealing everything anew: one transaction, so that the vault is never half under one key and half under another.

use keyfob::StoreError;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Transaction};

use super::PostgresVault;
use super::accounts::TURN;
use super::failure::{Failure, Fate, failed};
use super::schema::{self, get};
use crate::header::Header;
use crate::key::{self, KeySource, Next};
use crate::rekey::Rekeyed;
use crate::rows::{AccountRow, AppRow, EntryRow, signed};
use crate::seal::Sealer;
use crate::shelf::{ActRow, ItemRow};

/// So many rows are in memory at once.
const MOST: i32 = 1000;

/// Readers go on, with what was there before. Everybody else waits: also a vault that is being filled, and another rekey. In the order in which
/// a write of an account takes its locks, so that no two wait for each other.
const LOCK: &str = "LOCK TABLE keyfob.app, keyfob.account, keyfob.history, keyfob.pending, keyfob.item, keyfob.act IN EXCLUSIVE MODE";
/// Who may not write it is told so before there is a new key, and before anything was done for nothing.
const MAY_WRITE: &str = "SELECT FROM keyfob.header FOR UPDATE";

const APPS: &str = "SELECT id, generation, record FROM keyfob.app";
const ACCOUNTS: &str = "SELECT id, name, generation, due_at, record FROM keyfob.account";
const ENTRIES: &str = "SELECT account, record, number FROM keyfob.history";

const ITEMS: &str = "SELECT kind, id, owner, expires_at, generation, record FROM keyfob.item";
const ACTS: &str = "SELECT number, done_at, owner, record FROM keyfob.act";

const PUT_APPS: &str = "
    UPDATE keyfob.app SET id = new.id, record = new.record
      FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS new (old, id, record) WHERE app.id = new.old";
/// A lease is for one due moment: with another it ends.
const PUT_ACCOUNTS: &str = "
    UPDATE keyfob.account SET id = new.id, name = new.name, due_at = new.due_at, record = new.record,
           leased_until = CASE WHEN account.due_at IS NOT DISTINCT FROM new.due_at THEN leased_until ELSE 0 END
      FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::bigint[], $5::bytea[]) AS new (old, id, name, due_at, record)
     WHERE account.id = new.old";
const PUT_ENTRIES: &str = "
    UPDATE keyfob.history SET account = new.account, record = new.record
      FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS new (number, account, record) WHERE history.number = new.number";
const PUT_ITEMS: &str = "
    UPDATE keyfob.item SET record = new.record
      FROM unnest($1::text[], $2::text[], $3::bytea[]) AS new (kind, id, record) WHERE item.kind = new.kind AND item.id = new.id";
const PUT_ACTS: &str = "
    UPDATE keyfob.act SET record = new.record
      FROM unnest($1::bigint[], $2::bytea[]) AS new (number, record) WHERE act.number = new.number";

pub(super) async fn rekey(vault: &PostgresVault, to: &KeySource) -> Result<Rekeyed, StoreError> {
    let error = |error| failed(vault, &error);
    // A connection of its own: if this is given up in the middle, the server takes everything back, and nobody gets that connection.
    let (mut client, _connection) = vault.connections.dial().await.map_err(|failure| failure.error)?;
    let write = begin(&mut client).await.map_err(error)?;
    let current = vault.sealing.within(&write).await?;
    let old = schema::read_header(&write).await.map_err(error)??;
    let (source, there) = (to.clone(), old.clone());
    let mut next = schema::apart(source, move |source, _| source.next(&there), &mut Vec::new()).await?;
    let (header, sealer, count) = match seal_all(vault, &write, &current.sealer, &old, &mut next).await {
        Ok(sealed) => sealed,
        Err(error) => {
            // The server has not been asked to keep it, and takes it back whatever becomes of the connection.
            next.abandon();
            return Err(error);
        }
    };
    if let Err(error) = write.commit().await {
        let failure = Failure::of(vault.connections.address(), &error);
        return Err(match (failure.fate, failure.error) {
            // Whoever opens it finds out, by which of the keys fits: both stay.
            (Fate::Unknown, StoreError::Io(what, source)) => {
                StoreError::Io(format!("{what}; whether it was sealed anew is not known, and the next opening finds out"), source)
            }
            (Fate::Unknown, error) => error,
            (_, error) => {
                next.abandon();
                error
            }
        });
    }
    // A key file that opens nothing any more would only open what was copied before.
    let useless = vault.sealing.key_file().filter(|_| old.kdf.is_none());
    vault.sealing.go_on(sealer, &header, to);
    let Next { swap, .. } = next;
    if let Some(swap) = swap {
        swap.finish()?;
    } else if let Some(useless) = useless {
        key::remove_useless(&useless, &header)?;
    }
    KeySource::forget(&old.vault_id()?, old.generation()?);
    Ok(Rekeyed { sealed: count, generation: header.generation()? })
}

async fn begin(client: &mut Client) -> Result<Transaction<'_>, Error> {
    let write = client.transaction().await?;
    // Whoever opens the vault and finds the key file of a killed rekey waits for this, until the server has done with that rekey.
    write.execute("SELECT pg_advisory_xact_lock($1)", &[&schema::LOCK]).await?;
    write.batch_execute(LOCK).await?;
    write.batch_execute(MAY_WRITE).await?;
    Ok(write)
}

/// Every row but those of logins under way: the browser's secret that they are bound to is not in the vault. They begin anew.
async fn seal_all(
    vault: &PostgresVault,
    write: &Transaction<'_>,
    current: &Sealer,
    old: &Header,
    next: &mut Next,
) -> Result<(Header, Sealer, u64), StoreError> {
    let (header, sealer) = old.anew(&next.key, next.kdf.take())?;
    write.batch_execute("DELETE FROM keyfob.pending").await.map_err(|error| failed(vault, &error))?;
    let mut count = 0;
    let tables: [(&str, &str, Anew); 5] = [
        (APPS, PUT_APPS, apps),
        (ACCOUNTS, PUT_ACCOUNTS, accounts),
        (ENTRIES, PUT_ENTRIES, entries),
        (ITEMS, PUT_ITEMS, items),
        (ACTS, PUT_ACTS, acts),
    ];
    for (query, put, anew) in tables {
        count += in_chunks(vault, write, query, put, |rows| anew(rows, current, &sealer)).await?;
    }
    schema::move_header(write, &header).await.map_err(|error| failed(vault, &error))?;
    Ok((header, sealer, count))
}

/// Rows in, as they were; what they are to be out, one list a column.
type Anew = fn(&[Row], &Sealer, &Sealer) -> Result<Columns, StoreError>;
type Columns = Vec<Box<dyn ToSql + Sync + Send>>;

fn apps(rows: &[Row], current: &Sealer, sealer: &Sealer) -> Result<Columns, StoreError> {
    let (mut olds, mut ids, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let row = AppRow::from_row(row)?;
        let generation = row.generation;
        olds.push(row.id.clone());
        let (provider, app) = row.open(current)?;
        let row = AppRow::seal(sealer, &provider, &app, generation)?;
        ids.push(row.id);
        records.push(row.record);
    }
    Ok(vec![Box::new(olds), Box::new(ids), Box::new(records)])
}

fn accounts(rows: &[Row], current: &Sealer, sealer: &Sealer) -> Result<Columns, StoreError> {
    let (mut olds, mut ids, mut names, mut dues, mut records) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let row = AccountRow::from_row(row)?;
        olds.push(row.id.clone());
        let record = row.open(current)?;
        let row = AccountRow::seal(sealer, &record.value, record.generation.0)?;
        ids.push(row.id);
        names.push(row.name);
        dues.push(row.due_at);
        records.push(row.record);
    }
    Ok(vec![Box::new(olds), Box::new(ids), Box::new(names), Box::new(dues), Box::new(records)])
}

fn entries(rows: &[Row], current: &Sealer, sealer: &Sealer) -> Result<Columns, StoreError> {
    let (mut numbers, mut accounts, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        numbers.push(get::<i64>(row, 2)?);
        let row = EntryRow::seal(sealer, &EntryRow::from_row(row)?.open(current)?)?;
        accounts.push(row.account);
        records.push(row.record);
    }
    Ok(vec![Box::new(numbers), Box::new(accounts), Box::new(records)])
}

fn items(rows: &[Row], current: &Sealer, sealer: &Sealer) -> Result<Columns, StoreError> {
    let (mut kinds, mut ids, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let row = ItemRow::from_row(row)?;
        let kind = row.kind.clone();
        let item = row.open(current)?;
        let row = ItemRow::seal(sealer, &kind, &item.value, item.generation.0)?;
        kinds.push(row.kind);
        ids.push(row.id);
        records.push(row.record);
    }
    Ok(vec![Box::new(kinds), Box::new(ids), Box::new(records)])
}

fn acts(rows: &[Row], current: &Sealer, sealer: &Sealer) -> Result<Columns, StoreError> {
    let (mut numbers, mut records) = (Vec::new(), Vec::new());
    for row in rows {
        let row = ActRow::from_row(row)?;
        let number = row.number;
        records.push(ActRow::seal(sealer, number, &row.open(current)?)?.record);
        numbers.push(signed(number)?);
    }
    Ok(vec![Box::new(numbers), Box::new(records)])
}

/// Every row of a table, a thousand at a time; how many there were. A portal goes on with what was there when it was opened, whatever has
/// become of the rows that it has given.
async fn in_chunks(
    vault: &PostgresVault,
    write: &Transaction<'_>,
    query: &str,
    put: &str,
    anew: impl Fn(&[Row]) -> Result<Columns, StoreError>,
) -> Result<u64, StoreError> {
    let error = |error| failed(vault, &error);
    let put = write.prepare(put).await.map_err(error)?;
    let portal = write.bind(query, &[]).await.map_err(error)?;
    let mut count = 0;
    loop {
        let rows = write.query_portal(&portal, MOST).await.map_err(error)?;
        if rows.is_empty() {
            return Ok(count);
        }
        for rows in rows.chunks(TURN) {
            let columns = anew(rows)?;
            let parameters: Vec<_> = columns.iter().map(|column| &**column as &(dyn ToSql + Sync)).collect();
            let done = write.execute(&put, &parameters).await.map_err(error)?;
            // Each has its row, which nobody else can have changed. Otherwise something of the old key would stay.
            if done != rows.len() as u64 {
                return Err(StoreError::Corrupt("its tables are not what they were: a row that was read cannot be written".to_owned()));
            }
            count += done;
        }
    }
}
