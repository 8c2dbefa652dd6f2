//! The schema: made whole or not at all, moved on by one process at a time, never touched when it is newer or not ours.

use std::path::PathBuf;

use deadpool_postgres::{GenericClient, Object};
use keyfob::StoreError;
use tokio_postgres::Row;

use super::connections::Connections;
use super::failure::Failure;
use crate::header::{self, Header};
use crate::key::KeySource;
use crate::seal::Sealer;

/// Each takes a vault from the version of its index to the next.
const MIGRATIONS: &[&str] =
    &[include_str!("../../migrations/postgres/001_vault.sql"), include_str!("../../migrations/postgres/002_shelf.sql")];

/// "KEYFOB" and a one: whoever makes or moves a vault in this database, or seals it anew, holds it.
pub(super) const LOCK: i64 = 0x4B45_5946_4F42_0001;

/// The header's row.
pub(super) const HEADER: &str = "SELECT format, vault, cipher, generation, kdf, data_key, checksum FROM keyfob.header";

/// What an opened vault has.
pub(super) struct Opened {
    pub(super) sealer: Sealer,
    pub(super) header: Header,
    pub(super) key_made: Option<PathBuf>,
    pub(super) warnings: Vec<String>,
}

/// Opens the vault; makes it, where there is none and `make` says so.
pub(super) async fn open(connections: &Connections, source: &KeySource, make: bool) -> Result<Opened, StoreError> {
    let to_error = |error| Failure::of(connections.address(), &error).error;
    let mut connection = connections.get().await.map_err(|failure| failure.error)?;
    let mut warnings = Vec::new();
    let looked = connection.query_one(LOOK, &[]).await.map_err(to_error)?;
    let (is_there, fsync): (bool, String) = (get(&looked, 0)?, get(&looked, 1)?);
    if fsync != "on" {
        warnings.push(format!(
            "{} runs with fsync off: a power cut there can lose or damage what it acknowledged",
            connections.address().place()
        ));
    }
    let mut version = if is_there { version(&connection).await.map_err(to_error)?? } else { 0 };
    if version == 0 && !make {
        return Err(StoreError::Missing(connections.address().place().to_string()));
    }
    let mut key_made = None;
    if version < MIGRATIONS.len() {
        key_made = move_on(connections, &mut connection, source, &mut warnings).await?;
        version = MIGRATIONS.len();
    }
    debug_assert_eq!(version, MIGRATIONS.len(), "a newer one was refused");
    check_structure(&connection).await.map_err(to_error)??;
    let (header, sealer) = unseal(connections, &mut connection, source, &mut warnings).await?;
    Ok(Opened { sealer, header, key_made, warnings })
}

/// Opens the header, whatever moment of a rekey it was read at; and puts in order what a killed one has left on this machine.
async fn unseal(
    connections: &Connections,
    connection: &mut Object,
    source: &KeySource,
    warnings: &mut Vec<String>,
) -> Result<(Header, Sealer), StoreError> {
    let to_error = |error| Failure::of(connections.address(), &error).error;
    let leftover = apart(source.clone(), |source, _| source.leftover(), warnings).await?;
    let mut header = read_header(&***connection).await.map_err(to_error)??;
    if let Some(leftover) = leftover {
        // The server may still be at the commit of a client that is dead. Only then is it known which of two keys is the vault's.
        let settled = connection.transaction().await.map_err(to_error)?;
        settled.execute("SELECT pg_advisory_xact_lock_shared($1)", &[&LOCK]).await.map_err(to_error)?;
        header = read_header(&*settled).await.map_err(to_error)??;
        settled.commit().await.map_err(to_error)?;
        let known = header.clone();
        apart(source.clone(), move |_, _| leftover.settle(&known), warnings).await?;
    }
    loop {
        let known = header.clone();
        match apart(source.clone(), move |source, warnings| source.open(&known, warnings), warnings).await {
            Ok(sealer) => return Ok((header, sealer)),
            Err(error) => {
                // It was sealed anew after the header was read, and before its key was.
                let read = std::mem::replace(&mut header, read_header(&***connection).await.map_err(to_error)??);
                if header.generation == read.generation {
                    return Err(error);
                }
            }
        }
    }
}

/// Migrates, and writes the header of a new vault, in one transaction.
async fn move_on(
    connections: &Connections,
    connection: &mut Object,
    source: &KeySource,
    warnings: &mut Vec<String>,
) -> Result<Option<PathBuf>, StoreError> {
    let to_error = |error| Failure::of(connections.address(), &error).error;
    let step = connection.transaction().await.map_err(to_error)?;
    step.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(to_error)?;
    // Again, now that nobody else can be at it.
    let looked = step.query_one(LOOK, &[]).await.map_err(to_error)?;
    let from = if get(&looked, 0)? { version(&step).await.map_err(to_error)?? } else { 0 };
    if from == 0 {
        let (schema, holds_things): (bool, bool) = (get(&looked, 2)?, get(&looked, 3)?);
        if holds_things {
            return Err(StoreError::Corrupt("the schema \"keyfob\" of that database holds what is not a vault's".to_owned()));
        }
        if !schema {
            step.batch_execute("CREATE SCHEMA keyfob").await.map_err(to_error)?;
        }
    }
    for (done, migration) in MIGRATIONS.iter().enumerate().skip(from) {
        step.batch_execute(migration).await.map_err(to_error)?;
        let version = i32::try_from(done + 1).unwrap_or(i32::MAX);
        step.execute("INSERT INTO keyfob.migration (version) VALUES ($1)", &[&version]).await.map_err(to_error)?;
    }
    let mut made = None;
    if from == 0 {
        let (header, path) = apart(source.clone(), |source, warnings| Header::first(source, false, warnings), warnings).await?;
        made = path;
        write_header(&step, &header).await.map_err(to_error)?;
    }
    step.commit().await.map_err(to_error)?;
    Ok(made)
}

/// Key sources may read files, ask a keyring, or think for a while: not on a thread that others wait for.
pub(super) async fn apart<T: Send + 'static>(
    source: KeySource,
    work: impl FnOnce(&KeySource, &mut Vec<String>) -> Result<T, StoreError> + Send + 'static,
    warnings: &mut Vec<String>,
) -> Result<T, StoreError> {
    let work = tokio::task::spawn_blocking(move || {
        let mut told = Vec::new();
        (work(&source, &mut told), told)
    });
    let (result, told) =
        work.await.map_err(|error| StoreError::Io("the vault's key".to_owned(), std::io::Error::other(error.to_string())))?;
    for warning in told {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    result
}

/// Whether our table is there, whether what is acknowledged is on the disk, whether the schema is there, and whether anything is in it.
const LOOK: &str = "
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'keyfob' AND c.relname = 'migration'),
           current_setting('fsync'),
           EXISTS (SELECT FROM pg_namespace WHERE nspname = 'keyfob'),
           EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'keyfob')
        OR EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'keyfob')";

/// Which version it is; an error if it is one that is yet to come, or none.
async fn version(client: &impl GenericClient) -> Result<Result<usize, StoreError>, tokio_postgres::Error> {
    let row = client.query_one("SELECT max(version) FROM keyfob.migration", &[]).await?;
    Ok(get(&row, 0).and_then(|version: Option<i32>| match version.map(usize::try_from) {
        Some(Ok(version)) if version > MIGRATIONS.len() => {
            Err(StoreError::Newer(format!("its version is {version}, this program knows {}", MIGRATIONS.len())))
        }
        Some(Ok(version)) if version > 0 => Ok(version),
        _ => Err(StoreError::Corrupt("the schema \"keyfob\" of that database has no version".to_owned())),
    }))
}

/// Columns, unique indexes, and whatever would act when a row is touched.
///
/// A trigger or rule that somebody planted could keep a login from being taken, or a write from being done; a unique index that is missing or
/// not valid would let two accounts have one name. Other indexes are the administrator's business.
const STRUCTURE: &str = "
    SELECT coalesce(string_agg(line, E'\\n' ORDER BY line COLLATE \"C\"), '') FROM (
        SELECT format('%s.%s %s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' NOT NULL' END)
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'keyfob'::regnamespace AND c.relkind NOT IN ('i', 'I', 'S')
        UNION ALL
        SELECT format('unique %s (%s)%s', t.relname,
                      (SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid),
                      CASE WHEN NOT i.indisvalid OR i.indpred IS NOT NULL THEN ' not for all' END)
          FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
         WHERE t.relnamespace = 'keyfob'::regnamespace AND i.indisunique
        UNION ALL
        SELECT format('trigger %s', t.tgname) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE c.relnamespace = 'keyfob'::regnamespace AND NOT t.tgisinternal
        UNION ALL
        SELECT format('rule %s', r.rulename) FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relnamespace = 'keyfob'::regnamespace
        UNION ALL
        SELECT format('policy %s', p.polname) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = 'keyfob'::regnamespace
    ) AS found (line)";

const EXPECTED: &str = include_str!("structure.txt");

async fn check_structure(client: &impl GenericClient) -> Result<Result<(), StoreError>, tokio_postgres::Error> {
    let found: String = client.query_one(STRUCTURE, &[]).await?.get(0);
    Ok(if found == EXPECTED.trim_end() { Ok(()) } else { Err(StoreError::Corrupt(difference(&found))) })
}

fn difference(found: &str) -> String {
    let (is, should): (Vec<&str>, Vec<&str>) = (found.lines().collect(), EXPECTED.lines().collect());
    let odd = is.iter().find(|line| !should.contains(line)).map(|line| format!("there is \"{line}\", which we did not make"));
    let gone = should.iter().find(|line| !is.contains(line)).map(|line| format!("\"{line}\" is not there"));
    format!("its tables are not as we made them: {}", odd.or(gone).unwrap_or_default())
}

pub(super) async fn read_header(client: &impl tokio_postgres::GenericClient) -> Result<Result<Header, StoreError>, tokio_postgres::Error> {
    let row = client.query_opt(HEADER, &[]).await?;
    Ok(row.as_ref().ok_or_else(header::damaged).and_then(header_of))
}

pub(super) fn header_of(row: &Row) -> Result<Header, StoreError> {
    Ok(Header {
        format: get(row, 0)?,
        vault: get(row, 1)?,
        cipher: get(row, 2)?,
        generation: get(row, 3)?,
        kdf: get(row, 4)?,
        data_key: get(row, 5)?,
        checksum: get(row, 6)?,
    })
}

async fn write_header(client: &impl GenericClient, header: &Header) -> Result<(), tokio_postgres::Error> {
    let Header { format, vault, cipher, generation, kdf, data_key, checksum } = header;
    let write = "INSERT INTO keyfob.header (one, format, vault, cipher, generation, kdf, data_key, checksum) VALUES (1, $1, $2, $3, $4, $5, $6, $7)";
    client.execute(write, &[format, vault, cipher, generation, kdf, data_key, checksum]).await.map(drop)
}

/// Writes the header of a vault that was sealed anew.
pub(super) async fn move_header(client: &impl tokio_postgres::GenericClient, header: &Header) -> Result<(), tokio_postgres::Error> {
    let Header { format, vault, cipher, generation, kdf, data_key, checksum } = header;
    let write = "UPDATE keyfob.header SET format = $1, vault = $2, cipher = $3, generation = $4, kdf = $5, data_key = $6, checksum = $7";
    client.execute(write, &[format, vault, cipher, generation, kdf, data_key, checksum]).await.map(drop)
}

/// A column; of another type than ours it is damage.
pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(|_| StoreError::Corrupt("a column holds what was never written there".to_owned()))
}
