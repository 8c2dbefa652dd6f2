//! What went wrong at the database: what it means for the vault, and whether to try again.

use std::io;

use keyfob::StoreError;
use keyfob::store::Refusal;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::PostgresVault;
use super::address::Address;

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    pub(super) fate: Fate,
}

/// What became of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It never left: there was no connection, or it had ended before.
    Unsent,
    /// The connection ended under it: nobody knows.
    Unknown,
    /// The server takes no writes (a standby: it was the primary when we connected, or will be). Nothing was done; another connection may lead to the one that
    /// does.
    Standby,
    /// The server took it back, because another was in its way: the same statement may succeed now.
    Undone,
    /// A key that must be there once would have been there twice.
    Duplicate,
    /// Refused, for a reason that will not go away.
    Refused,
}

/// The same of a vault's own connection, where nobody has to know what became of it.
pub(super) fn failed(vault: &PostgresVault, error: &Error) -> StoreError {
    Failure::of(vault.connections.address(), error).error
}

impl Failure {
    /// Of connecting.
    pub(super) fn connecting(address: &Address, error: &Error) -> Self {
        let mut failure = Self::of(address, error);
        failure.fate = if failure.fate == Fate::Refused { Fate::Refused } else { Fate::Unsent };
        failure
    }

    /// Of a statement.
    pub(super) fn of(address: &Address, error: &Error) -> Self {
        let place = address.place();
        let Some(refused) = error.as_db_error() else {
            let chain = chain(error);
            let io = chain.iter().find_map(|error| error.downcast_ref::<io::Error>());
            let fate = if error.is_closed() || io.is_some() { Fate::Unknown } else { Fate::Refused };
            let text = address.scrub(&chain.iter().map(ToString::to_string).collect::<Vec<_>>().join(": "));
            // No kernel's words: what the driver says where none of the hosts that answered takes writes.
            if io.is_some_and(|io| io.kind() == io::ErrorKind::PermissionDenied && io.raw_os_error().is_none()) {
                return Self { error: StoreError::Refused(format!("{place} takes no writes: {text}"), Refusal::Standby), fate };
            }
            // A server that ends takes its socket along: nobody listens there.
            let kind = match io.map_or(io::ErrorKind::Other, io::Error::kind) {
                io::ErrorKind::NotFound => io::ErrorKind::ConnectionRefused,
                kind => kind,
            };
            return Self { error: StoreError::Io(format!("{place}: {text}"), io::Error::new(kind, text)), fate };
        };
        let (code, said) = (refused.code(), address.scrub(refused.message()));
        let no = |refusal, what: &str| StoreError::Refused(format!("{place} {what}: {said}"), refusal);
        let io = |kind, what: &str| StoreError::Io(format!("{place} {what}: {said}"), io::Error::new(kind, said.clone()));
        let (fate, error) = match code {
            &SqlState::UNIQUE_VIOLATION => (Fate::Duplicate, StoreError::Conflict),
            &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => {
                (Fate::Undone, no(Refusal::Busy, "could not do this beside what others do"))
            }
            &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN | &SqlState::CANNOT_CONNECT_NOW => {
                (Fate::Unknown, io(io::ErrorKind::ConnectionReset, "is going down or coming up"))
            }
            &SqlState::READ_ONLY_SQL_TRANSACTION => (Fate::Standby, no(Refusal::Standby, "takes no writes now")),
            code if code.code().starts_with("08") => (Fate::Unknown, io(io::ErrorKind::ConnectionReset, "lost the connection")),
            &SqlState::DISK_FULL => (Fate::Refused, io(io::ErrorKind::StorageFull, "has a full disk")),
            code => (Fate::Refused, final_word(code, no)),
        };
        Self { error, fate }
    }

    /// Nobody answered in time.
    pub(super) fn silence(address: &Address, fate: Fate) -> Self {
        let place = address.place();
        Self { error: StoreError::Io(format!("{place} does not answer"), io::ErrorKind::TimedOut.into()), fate }
    }
}

fn final_word(code: &SqlState, no: impl Fn(Refusal, &str) -> StoreError) -> StoreError {
    match code {
        &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            no(Refusal::Entry, "refuses the user, the password, or this way to connect")
        }
        &SqlState::INVALID_CATALOG_NAME => no(Refusal::Entry, "has no database of that name; create it first"),
        &SqlState::INSUFFICIENT_PRIVILEGE => no(Refusal::Right, "does not allow its user what the vault needs"),
        &SqlState::TOO_MANY_CONNECTIONS => no(Refusal::Full, "has no connection left"),
        &SqlState::QUERY_CANCELED => no(Refusal::Busy, "took too long, and nothing was changed"),
        &SqlState::LOCK_NOT_AVAILABLE => no(Refusal::Busy, "is waiting for somebody else, and nothing was changed"),
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => StoreError::Corrupt("PostgreSQL finds its own files damaged".to_owned()),
        &SqlState::UNDEFINED_TABLE | &SqlState::UNDEFINED_COLUMN | &SqlState::INVALID_SCHEMA_NAME => {
            StoreError::Corrupt("its tables are not what they were".to_owned())
        }
        code => no(Refusal::Other, &format!("refuses (SQLSTATE {})", code.code())),
    }
}

/// An error and its causes.
fn chain(error: &Error) -> Vec<&(dyn std::error::Error + 'static)> {
    let first: &(dyn std::error::Error + 'static) = error;
    let mut chain = vec![first];
    while let Some(next) = chain.last().copied().and_then(|error| error.source()) {
        chain.push(next);
    }
    chain
}
