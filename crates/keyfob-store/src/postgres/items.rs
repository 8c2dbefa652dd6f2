//! Items of the shelf, by kind and id: one statement each, which is its own transaction and tells everybody of what it changed.
//!
//! Their ids are no keyed hashes, so a statement finds a row whatever it is sealed with. Therefore one that writes has the guard against a rekey
//! also where it replaces; one that deletes names the record that it has opened.

use std::sync::LazyLock;

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{Expected, Generation, Versioned};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::PostgresVault;
use super::accounts::{TURN, is_damage, limit};
use super::changes::CHANNEL;
use super::connections::{Again, Answer};
use super::failure::{Failure, Fate};
use super::schema::get;
use super::sealing::guard;
use crate::rows::{signed, unsigned};
use crate::sealing::Now;
use crate::shelf::{Item, ItemRow, check_item, is_name, next_generation};

/// How often a write that takes whatever is there looks again because that was changed under it.
const MOST_ROUNDS: usize = 100;

const ONE: &str = "SELECT kind, id, owner, expires_at, generation, record FROM keyfob.item WHERE kind = $1 AND id = $2";
const IS_OURS: &str = "SELECT 1 FROM keyfob.item WHERE kind = $1 AND id = $2 AND generation = $3 AND record = $4";
const ALL: &str = "SELECT kind, id, owner, expires_at, generation, record FROM keyfob.item
    WHERE kind = $1 AND id > $2 AND (expires_at IS NULL OR expires_at > $3) ORDER BY id LIMIT $4";
const ALL_OF: &str = "SELECT kind, id, owner, expires_at, generation, record FROM keyfob.item
    WHERE kind = $1 AND id > $2 AND (expires_at IS NULL OR expires_at > $3) AND owner = $5 ORDER BY id LIMIT $4";

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let guard = guard(7);
    telling(&format!(
        "INSERT INTO keyfob.item (kind, id, owner, expires_at, generation, record)
         SELECT $1::text, $2::text, $3::text, $4::bigint, $5::bigint, $6::bytea {guard} ON CONFLICT DO NOTHING"
    ))
});

static REPLACE: LazyLock<String> = LazyLock::new(|| {
    let guard = guard(7);
    telling(&format!(
        "UPDATE keyfob.item SET owner = $3::text, expires_at = $4::bigint, generation = $5::bigint, record = $6::bytea {guard}
            AND item.kind = $1::text AND item.id = $2::text AND item.generation = $8::bigint"
    ))
});

static REMOVE: LazyLock<String> = LazyLock::new(|| telling("DELETE FROM keyfob.item WHERE kind = $1::text AND id = $2::text"));

static TAKE: LazyLock<String> = LazyLock::new(|| {
    telling("DELETE FROM keyfob.item WHERE kind = $1::text AND id = $2::text AND generation = $3::bigint AND record = $4::bytea")
});

/// Others that sweep at the same time take other rows; one that was given more time meanwhile stays.
const SWEEP: &str = "
    WITH gone AS (DELETE FROM keyfob.item WHERE (kind, id) IN (
             SELECT kind, id FROM keyfob.item WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING 1)
    SELECT count(*) FROM gone";

/// A statement that changes an item; and, in the same transaction, the word of it: what is told was done, and what was done is told.
fn telling(change: &str) -> String {
    format!("WITH done AS ({change} RETURNING 1) SELECT pg_notify('{CHANNEL}', $1::text || ' ' || $2::text) FROM done")
}

pub(super) async fn one(vault: &PostgresVault, kind: &str, id: &str, at: Timestamp) -> Result<Option<Versioned<Item>>, StoreError> {
    if !is_name(id) {
        return Ok(None);
    }
    let mut now = vault.sealing.now();
    loop {
        let found = find(vault, kind, id).await?.map(|row| row.open(&now.sealer)).transpose();
        match vault.sealing.newer(&now, is_damage(&found)).await? {
            Some(newer) => now = newer,
            None => return Ok(found?.filter(|found| !found.value.is_over(at))),
        }
    }
}

/// Compare-and-swap, so that it can be asked for again until its answer is known: a second time it changes nothing.
pub(super) async fn put(vault: &PostgresVault, kind: &str, item: &Item, expected: Expected) -> Result<Generation, StoreError> {
    check_item(item)?;
    let mut now = vault.sealing.now();
    loop {
        let done = match expected {
            Expected::Nothing => write(vault, &now, kind, item, None).await,
            Expected::Generation(found) => write(vault, &now, kind, item, Some(found)).await,
            Expected::Anything => put_anyway(vault, &now, kind, item).await,
        };
        match vault.sealing.newer(&now, matches!(done, Ok(None)) || is_damage(&done)).await? {
            Some(newer) => now = newer,
            None => match done? {
                Some(generation) => return Ok(generation),
                None => return Err(conflict(vault, &now, kind, &item.id).await),
            },
        }
    }
}

/// Does not open the row, so that a damaged one can be got rid of by its id.
pub(super) async fn remove(vault: &PostgresVault, kind: &str, id: &str) -> Result<bool, StoreError> {
    if !is_name(id) {
        return Ok(false);
    }
    let Answer { rows, repeated } = run(vault, &REMOVE, &[&kind, &id], Again::Once).await.map_err(|failure| failure.error)?;
    // Asked twice because the first answer was lost: it is gone, and we may well be who removed it.
    Ok(!rows.is_empty() || repeated)
}

/// Opened first: a damaged row stays. Of any number of callers that have opened it, one deletes it, and has it.
pub(super) async fn take(vault: &PostgresVault, kind: &str, id: &str, at: Timestamp) -> Result<Option<Item>, StoreError> {
    if !is_name(id) {
        return Ok(None);
    }
    let mut now = vault.sealing.now();
    loop {
        let Some(row) = find(vault, kind, id).await? else { return Ok(None) };
        let (generation, record) = (signed(row.generation)?, row.record.clone());
        let opened = row.open(&now.sealer);
        if let Some(newer) = vault.sealing.newer(&now, is_damage(&opened)).await? {
            now = newer;
            continue;
        }
        let item = opened?.value;
        let taken = run(vault, &TAKE, &[&kind, &id, &generation, &record], Again::Once).await.map_err(|failure| failure.error)?;
        match (taken.rows.is_empty(), taken.repeated) {
            (false, _) => return Ok(Some(item).filter(|item| !item.is_over(at))),
            // Another has it; or it was changed, and is what there is to take now.
            (true, false) => {}
            // It may have been us, and it may have been another: never twice.
            (true, true) => {
                let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                return Err(StoreError::Io(
                    "the connection was lost while it was handed out, and nobody has it; begin anew".to_owned(),
                    lost,
                ));
            }
        }
    }
}

pub(super) async fn all(
    vault: &PostgresVault,
    kind: &str,
    owner: Option<&str>,
    after: Option<&str>,
    most: usize,
    at: Timestamp,
) -> Result<Vec<Versioned<Item>>, StoreError> {
    let rows = rows(vault, kind, owner, after, most, at).await?;
    let mut now = vault.sealing.now();
    let mut items = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        if number % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
        let mut opened = ItemRow::from_row(row)?.open(&now.sealer);
        if let Some(newer) = vault.sealing.newer(&now, is_damage(&opened)).await? {
            now = newer;
            opened = ItemRow::from_row(row)?.open(&now.sealer);
        }
        items.push(opened?);
    }
    Ok(items)
}

/// Does not open the rows.
pub(super) async fn ids(
    vault: &PostgresVault,
    kind: &str,
    owner: Option<&str>,
    after: Option<&str>,
    most: usize,
    at: Timestamp,
) -> Result<Vec<String>, StoreError> {
    rows(vault, kind, owner, after, most, at).await?.iter().map(|row| get(row, 1)).collect()
}

async fn rows(
    vault: &PostgresVault,
    kind: &str,
    owner: Option<&str>,
    after: Option<&str>,
    most: usize,
    at: Timestamp,
) -> Result<Vec<Row>, StoreError> {
    if !owner.is_none_or(is_name) {
        return Ok(Vec::new());
    }
    // PostgreSQL knows no zero in a text. What comes before it in the order of bytes are the same ids.
    let after = after.unwrap_or_default().split('\0').next().unwrap_or_default();
    let (at, most) = (at.as_unix(), limit(most));
    let rows = match &owner {
        None => run(vault, ALL, &[&kind, &after, &at, &most], Again::Once).await,
        Some(owner) => run(vault, ALL_OF, &[&kind, &after, &at, &most, owner], Again::Once).await,
    };
    Ok(rows.map_err(|failure| failure.error)?.rows)
}

pub(super) async fn sweep(vault: &PostgresVault, now: Timestamp, most: usize) -> Result<u64, StoreError> {
    let swept = run(vault, SWEEP, &[&now.as_unix(), &limit(most)], Again::Once).await.map_err(|failure| failure.error)?;
    unsigned(swept.rows.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default())
}

/// How many items, and how many lines of the book.
pub(super) async fn size(vault: &PostgresVault) -> Result<(u64, u64), StoreError> {
    let size = "SELECT (SELECT count(*) FROM keyfob.item), (SELECT count(*) FROM keyfob.act)";
    let rows = run(vault, size, &[], Again::Once).await.map_err(|failure| failure.error)?.rows;
    let count = |column| unsigned(rows.first().map(|row| get(row, column)).transpose()?.unwrap_or_default());
    Ok((count(0)?, count(1)?))
}

/// Whatever is there: it is opened first (a damaged record is not written over), and taken for what is expected.
async fn put_anyway(vault: &PostgresVault, now: &Now, kind: &str, item: &Item) -> Result<Option<Generation>, StoreError> {
    for _ in 0..MOST_ROUNDS {
        let there = find(vault, kind, &item.id).await?.map(|row| row.open(&now.sealer)).transpose()?;
        let done = write(vault, now, kind, item, there.map(|there| there.generation)).await?;
        if done.is_some() {
            return Ok(done);
        }
        // The vault was sealed anew; or somebody was faster.
        if vault.sealing.newer(now, true).await?.is_some() {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Writes an item if that is there; `None` if something else is. If an answer was lost on the way, the row itself tells whether it was written:
/// no two sealed records are equal.
async fn write(
    vault: &PostgresVault,
    now: &Now,
    kind: &str,
    item: &Item,
    there: Option<Generation>,
) -> Result<Option<Generation>, StoreError> {
    // Nothing of ours ever counts so far.
    let Some(next) =
        next_generation(there, there.map_or(Expected::Nothing, Expected::Generation)).ok().filter(|next| signed(*next).is_ok())
    else {
        return Ok(None);
    };
    let row = ItemRow::seal(&now.sealer, kind, item, next)?;
    let (generation, found) = (signed(row.generation)?, there.map(|Generation(there)| signed(there)).transpose()?);
    let mut parameters: Vec<&(dyn ToSql + Sync)> =
        vec![&row.kind, &row.id, &row.owner, &row.expires_at, &generation, &row.record, &now.generation];
    let statement = match &found {
        None => &*INSERT,
        Some(found) => {
            parameters.push(found);
            &*REPLACE
        }
    };
    let done = Some(Generation(row.generation));
    match run(vault, statement, &parameters, Again::UntilKnown).await {
        Ok(Answer { rows, .. }) if !rows.is_empty() => Ok(done),
        Ok(Answer { repeated: false, .. }) => Ok(None),
        Ok(Answer { repeated: true, .. }) => {
            let ours = run(vault, IS_OURS, &[&row.kind, &row.id, &generation, &row.record], Again::Once).await;
            let ours = !ours.map_err(|failure| failure.error)?.rows.is_empty();
            if !ours && vault.sealing.newer(now, true).await?.is_some() {
                // If it was written, it has been sealed anew since, and is not to be told from what another wrote.
                let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                return Err(unknown("the connection was lost, and the vault was sealed anew", lost));
            }
            Ok(done.filter(|_| ours))
        }
        Err(Failure { fate: Fate::Unknown, error: StoreError::Io(what, source) }) => Err(unknown(&what, source)),
        Err(failure) => Err(failure.error),
    }
}

fn unknown(what: &str, source: std::io::Error) -> StoreError {
    StoreError::Io(format!("{what}; whether the item was written is not known"), source)
}

/// Why a write found something else than it expected: a damaged record is told as one.
async fn conflict(vault: &PostgresVault, now: &Now, kind: &str, id: &str) -> StoreError {
    match find(vault, kind, id).await.and_then(|row| row.map(|row| row.open(&now.sealer)).transpose()) {
        Err(error @ StoreError::Corrupt(_)) => error,
        _ => StoreError::Conflict,
    }
}

async fn find(vault: &PostgresVault, kind: &str, id: &str) -> Result<Option<ItemRow>, StoreError> {
    let found = run(vault, ONE, &[&kind, &id], Again::Once).await.map_err(|failure| failure.error)?;
    found.rows.first().map(ItemRow::from_row).transpose()
}

async fn run(vault: &PostgresVault, statement: &str, parameters: &[&(dyn ToSql + Sync)], again: Again) -> Result<Answer, Failure> {
    vault.connections.run(statement, parameters, again).await
}

impl ItemRow {
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            kind: get(row, 0)?,
            id: get(row, 1)?,
            owner: get(row, 2)?,
            expires_at: get(row, 3)?,
            generation: unsigned(get(row, 4)?)?,
            record: get(row, 5)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyfob::proto::Secret;
    use keyfob_testbed::{Cluster, Options};

    use super::super::{acts, address::Address, connections::Connections, schema};
    use super::*;
    use crate::KeySource;

    /// Whatever is there beside it: no statement looks at more rows than it gives.
    #[tokio::test]
    async fn a_million_items_and_lines_slow_nothing_down() {
        let Some(cluster) = Cluster::start(&Options { no_fsync: true, ..Options::default() }) else { return };
        let address = Address::parse(&Secret::new(cluster.database().url())).expect("an address");
        let connections = Arc::new(Connections::new(address).expect("a pool"));
        let key = KeySource::Text(Secret::new("01".repeat(32)));
        schema::open(&connections, &key, true).await.expect("makes a vault");
        let (client, _task) = connections.dial().await.expect("connects");
        // Enough that looking at all of them would be the worse plan.
        let filling = "
            INSERT INTO keyfob.item (kind, id, owner, expires_at, generation, record)
            SELECT 'kind-' || n % 3, md5(n::text), 'owner-' || n % 1000, n, 1, '' FROM generate_series(1, 100000) AS n;
            INSERT INTO keyfob.act (number, done_at, owner, record) SELECT n, n, 'owner-' || n % 1000, '' FROM generate_series(1, 100000) AS n;
            ANALYZE keyfob.item; ANALYZE keyfob.act;";
        client.batch_execute(filling).await.expect("fills");
        let (kind, id, owner, at, most): (&str, &str, &str, i64, i64) = ("kind-1", "b", "owner-7", 50, 20);
        let (mid, record): (i64, &[u8]) = (90_000, b"");
        let cases: [(&str, Vec<&(dyn ToSql + Sync)>, &[&str]); 9] = [
            (ONE, vec![&kind, &id], &["item_pkey"]),
            (ALL, vec![&kind, &id, &at, &most], &["item_pkey"]),
            (ALL_OF, vec![&kind, &id, &at, &most, &owner], &["item_owner"]),
            (&REMOVE, vec![&kind, &id], &["item_pkey"]),
            (&TAKE, vec![&kind, &id, &at, &record], &["item_pkey"]),
            (SWEEP, vec![&at, &most], &["item_expires", "item_pkey"]),
            (acts::ALL, vec![&mid, &most], &["act_pkey"]),
            (acts::ALL_OF, vec![&mid, &most, &owner], &["act_owner"]),
            (acts::SWEEP, vec![&at, &most], &["act_done", "act_pkey"]),
        ];
        let drawing = client.query(&format!("EXPLAIN VERBOSE {}", acts::NUMBERS_AT_ONCE), &[&most]).await.expect("explains");
        let drawing: Vec<String> = drawing.iter().map(|row| row.get(0)).collect();
        assert!(drawing.iter().any(|line| line.contains("set_config")), "it is not left out for being asked for nothing: {drawing:?}");
        for (statement, parameters, indexes) in cases {
            let rows =
                client.query(&format!("EXPLAIN {statement}"), &parameters).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
            let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let plan = plan.join("\n");
            assert!(indexes.iter().all(|index| plan.contains(index)), "{statement}:\n{plan}");
            assert!(!plan.contains("Seq Scan") && !plan.contains("Sort"), "{statement}:\n{plan}");
        }
    }
}
