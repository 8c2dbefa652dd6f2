//! Apps, and logins under way.

use std::sync::LazyLock;

use keyfob::proto::{App, Secret, Timestamp};
use keyfob::{PendingLogin, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::PostgresVault;
use super::accounts::is_damage;
use super::connections::{Again, Answer};
use super::schema::get;
use super::sealing::guard;
use crate::rows::{AppRow, MOST_PENDING, PendingRow, Places, after, signed, unsigned};
use crate::seal::Sealer;

/// How often an app is written again because it was changed in between.
const MOST_ROUNDS: usize = 100;

const APPS: &str = "SELECT id, generation, record FROM keyfob.app";
const APP: &str = "SELECT id, generation, record FROM keyfob.app WHERE id = $1";
static PUT_APP: LazyLock<String> = LazyLock::new(|| {
    let guard = guard(4);
    format!(
        "INSERT INTO keyfob.app AS app (id, generation, record) SELECT $1::bytea, $2::bigint, $3::bytea {guard}
         ON CONFLICT (id) DO UPDATE SET generation = $2, record = $3 WHERE app.generation = $2 - 1
         RETURNING 1"
    )
});
const REMOVE_APP: &str = "DELETE FROM keyfob.app WHERE id = $1 RETURNING 1";

const PENDING_NUMBER: &str = "SELECT nextval('keyfob.pending_number')";
/// How many there are of a crowd, and for its purpose. Two who count at once may both find room for one: a bound, and no promise to the last login.
const COUNT_PENDING: &str = "
    SELECT count(*) FILTER (WHERE generation >= $1 AND generation < $2), count(*) FROM keyfob.pending
     WHERE generation >= $3 AND generation < $4 AND expires_at > $5";
const DROP_EXPIRED: &str = "DELETE FROM keyfob.pending WHERE expires_at <= $1";
/// Of those of no crowd the newest that there may be, less the one that comes, are left; two that do this at once let go of different ones.
static PUT_PENDING: LazyLock<String> = LazyLock::new(|| {
    let guard = guard(7);
    format!(
        "WITH crowded AS (
            DELETE FROM keyfob.pending WHERE (id, binding) IN (
                SELECT id, binding FROM keyfob.pending
                 WHERE generation <= (SELECT generation FROM keyfob.pending WHERE generation < $8 ORDER BY generation DESC OFFSET $6 LIMIT 1)
                   AND NOT (id = $1 AND binding = $2)
                   FOR UPDATE SKIP LOCKED)
         )
         INSERT INTO keyfob.pending (id, binding, generation, expires_at, record)
         SELECT $1::bytea, $2::bytea, $3::bigint, $4::bigint, $5::bytea {guard}
         ON CONFLICT (id, binding) DO UPDATE SET generation = $3, expires_at = $4, record = $5
         RETURNING 1"
    )
});
const FIND_PENDING: &str = "
    WITH expired AS (DELETE FROM keyfob.pending WHERE expires_at <= $3)
    SELECT id, binding, generation, expires_at, record FROM keyfob.pending WHERE id = $1 AND binding = $2 AND expires_at > $3";
const TAKE_PENDING: &str = "DELETE FROM keyfob.pending WHERE id = $1 AND binding = $2 AND generation = $3 AND record = $4 RETURNING 1";

pub(super) async fn apps(vault: &PostgresVault) -> Result<Vec<(String, App)>, StoreError> {
    let mut now = vault.sealing.now();
    loop {
        let rows = run(vault, APPS, &[]).await?.rows;
        let found = rows.iter().map(|row| AppRow::from_row(row)?.open(&now.sealer)).collect::<Result<Vec<_>, _>>();
        match vault.sealing.newer(&now, is_damage(&found)).await? {
            Some(newer) => now = newer,
            None => {
                let mut apps = found?;
                apps.sort_by(|(one, _), (other, _)| one.cmp(other));
                return Ok(apps);
            }
        }
    }
}

pub(super) async fn app(vault: &PostgresVault, provider: &str) -> Result<Option<App>, StoreError> {
    let mut now = vault.sealing.now();
    loop {
        let found = find_app(vault, &now.sealer, provider).await?.map(|row| row.open(&now.sealer).map(|(_, app)| app)).transpose();
        match vault.sealing.newer(&now, matches!(found, Ok(None)) || is_damage(&found)).await? {
            Some(newer) => now = newer,
            None => return found,
        }
    }
}

/// What is there is opened before it is replaced: a damaged row is told, and left.
pub(super) async fn put_app(vault: &PostgresVault, provider: &str, app: &App) -> Result<(), StoreError> {
    let mut now = vault.sealing.now();
    for _ in 0..MOST_ROUNDS {
        let found = find_app(vault, &now.sealer, provider).await?;
        let generation = match found {
            None => Ok(1),
            Some(row) => {
                let next = after(row.generation)?;
                row.open(&now.sealer).map(|_| next)
            }
        };
        if let Some(newer) = vault.sealing.newer(&now, is_damage(&generation)).await? {
            now = newer;
            continue;
        }
        let row = AppRow::seal(&now.sealer, provider, app, generation?)?;
        let generation = signed(row.generation)?;
        let Answer { rows, repeated } = run(vault, &PUT_APP, &[&row.id, &generation, &row.record, &now.generation]).await?;
        if !rows.is_empty() {
            return Ok(());
        }
        match vault.sealing.newer(&now, true).await? {
            Some(newer) => now = newer,
            // If the first answer was lost, the second finds the generation moved on: by us, or by somebody who came just after.
            None if repeated => return Ok(()),
            None => {}
        }
    }
    Err(StoreError::Conflict)
}

/// Does not open the row, so that a damaged one can be got rid of by name.
pub(super) async fn remove_app(vault: &PostgresVault, provider: &str) -> Result<bool, StoreError> {
    let mut now = vault.sealing.now();
    let mut ever_repeated = false;
    loop {
        let id = AppRow::id(&now.sealer, provider);
        let Answer { rows, repeated } = run(vault, REMOVE_APP, &[&id.as_slice()]).await?;
        ever_repeated |= repeated;
        if !rows.is_empty() {
            return Ok(true);
        }
        match vault.sealing.newer(&now, true).await? {
            Some(newer) => now = newer,
            None => return Ok(ever_repeated),
        }
    }
}

pub(super) async fn put_pending(vault: &PostgresVault, login: &PendingLogin, binding: &str) -> Result<(), StoreError> {
    // Sealed with its place in the order of arrival, which is therefore drawn first.
    let drawn = run(vault, PENDING_NUMBER, &[]).await?.rows;
    let number = drawn.first().map(|row| get(row, 0)).transpose()?.unwrap_or_default();
    let rest = i64::from(MOST_PENDING - 1);
    let mut now = vault.sealing.now();
    if let Some(crowd) = &login.crowd {
        let (Places { crowd: own, purpose }, at) = (Places::of(&now.sealer, login), login.pending.began_at().as_unix());
        run(vault, DROP_EXPIRED, &[&at]).await?;
        let counted = run(vault, COUNT_PENDING, &[&own.start, &own.end, &purpose.start, &purpose.end, &at]).await?.rows;
        let count = |column| counted.first().map(|row| get::<i64>(row, column)).transpose().map(|count| count.unwrap_or_default());
        let of = |column| count(column).map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        crowd.admits(of(0)?, of(1)?)?;
    }
    loop {
        let places = Places::of(&now.sealer, login);
        let number = places.numbered(number);
        // Whoever is of a crowd takes no place from anybody.
        let end = if login.crowd.is_none() { places.crowd.end } else { 0 };
        let row = PendingRow::seal(&now.sealer, login, &Secret::new(binding), unsigned(number)?)?;
        let parameters: [&(dyn ToSql + Sync); 8] =
            [&row.id, &row.binding, &number, &row.expires_at, &row.record, &rest, &now.generation, &end];
        if !run(vault, &PUT_PENDING, &parameters).await?.rows.is_empty() {
            return Ok(());
        }
        // Nothing else keeps it from being written.
        now = vault.sealing.newer(&now, true).await?.ok_or(StoreError::Conflict)?;
    }
}

/// Opened first: a damaged row stays. Of any number of callers that have opened it, one deletes it, and has it.
pub(super) async fn take_pending(
    vault: &PostgresVault,
    key: &str,
    binding: &str,
    at: Timestamp,
) -> Result<Option<PendingLogin>, StoreError> {
    let mut now = vault.sealing.now();
    let (login, found) = loop {
        let (id, binding) = PendingRow::ids(&now.sealer, (&Secret::new(key)).into(), &Secret::new(binding));
        let found = run(vault, FIND_PENDING, &[&id.as_slice(), &binding.as_slice(), &at.as_unix()]).await?.rows;
        match found.first().map(PendingRow::from_row).transpose()? {
            Some(row) => {
                let taken = (row.id.clone(), row.binding.clone(), signed(row.generation)?, row.record.clone());
                break (row.open(&now.sealer)?, taken);
            }
            // Begun since the vault was sealed anew, by a process that knows it.
            None => match vault.sealing.newer(&now, true).await? {
                Some(newer) => now = newer,
                None => return Ok(None),
            },
        }
    };
    let (id, binding, generation, record) = found;
    let Answer { rows, repeated } = run(vault, TAKE_PENDING, &[&id, &binding, &generation, &record]).await?;
    match (rows.is_empty(), repeated) {
        (false, _) => Ok(Some(login)),
        (true, false) => Ok(None),
        // It may have been us, and it may have been another: never twice.
        (true, true) => {
            let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            Err(StoreError::Io("the connection was lost while a login was handed out; begin it again".to_owned(), lost))
        }
    }
}

async fn find_app(vault: &PostgresVault, sealer: &Sealer, provider: &str) -> Result<Option<AppRow>, StoreError> {
    let id = AppRow::id(sealer, provider);
    run(vault, APP, &[&id.as_slice()]).await?.rows.first().map(AppRow::from_row).transpose()
}

async fn run(vault: &PostgresVault, statement: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Answer, StoreError> {
    vault.connections.run(statement, parameters, Again::Once).await.map_err(|failure| failure.error)
}

impl AppRow {
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: get(row, 0)?, generation: unsigned(get(row, 1)?)?, record: get(row, 2)? })
    }
}

impl PendingRow {
    pub(super) fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: get(row, 0)?,
            binding: get(row, 1)?,
            generation: unsigned(get(row, 2)?)?,
            expires_at: get(row, 3)?,
            record: get(row, 4)?,
        })
    }
}
