//! One transaction, which several jobs may share.

use std::cell::RefCell;

use keyfob::StoreError;
use rusqlite::Connection;

use super::open::Open;
use super::{Takes, Write};
use crate::sqlite::database::sql;
use crate::sqlite::sealing::Sealing;

/// A transaction, and whether it still stands.
pub(super) struct Transaction<'a> {
    write: Write<'a>,
    /// Of what others have written: nobody else can commit until it ends, and its own commit is no news.
    pub(super) version_of_others: i64,
    /// The only job needs no savepoint: the transaction is its own.
    alone: bool,
    /// Why nothing in it can be committed.
    lost: RefCell<Option<StoreError>>,
}

impl<'a> Transaction<'a> {
    /// `BEGIN IMMEDIATE`: waits for its turn at the start, so that what was read cannot be changed by another before the write. From then on
    /// nobody else can seal the vault anew.
    pub(super) fn begin(open: &'a Open, sealing: &Sealing, alone: bool) -> Result<Self, StoreError> {
        let connection = &open.connection;
        run(connection, "BEGIN IMMEDIATE")?;
        let begun = open.version_of_others().and_then(|version| Ok((version, open.sealer_at(version, sealing)?)));
        let (version_of_others, sealer) = begun.inspect_err(|_| drop(run(connection, "ROLLBACK")))?;
        Ok(Self { write: Write { connection, sealer }, version_of_others, alone, lost: RefCell::default() })
    }

    pub(super) fn attempt<R>(&self, takes: Takes, work: impl FnOnce(&Write<'_>) -> Result<R, StoreError>) -> Result<R, StoreError> {
        if let Some(lost) = &*self.lost.borrow() {
            return Err(lost.again());
        }
        let connection = self.write.connection;
        // The only job needs no savepoint either: the transaction is its own.
        let saved = takes == Takes::Back && !self.alone;
        if saved {
            run(connection, "SAVEPOINT job")?;
        }
        let before = connection.total_changes();
        let result = work(&self.write);
        let ended = match &result {
            // A full or failing disk makes SQLite take back everything.
            Err(error) if connection.is_autocommit() => Err(error.again()),
            Ok(_) if saved => run(connection, "RELEASE job"),
            Err(_) if saved => run(connection, "ROLLBACK TO job").and_then(|()| run(connection, "RELEASE job")),
            Ok(_) => Ok(()),
            Err(_) if self.alone => run(connection, "ROLLBACK"),
            Err(_) if connection.total_changes() == before => Ok(()),
            // Half of it is there: nothing may be committed.
            Err(error) => Err(error.again()),
        };
        if let Err(error) = ended {
            *self.lost.borrow_mut() = Some(error);
        }
        result
    }

    pub(super) fn commit(self) -> Result<(), StoreError> {
        match self.lost.take() {
            Some(error) => Err(error),
            None if self.write.connection.is_autocommit() => Ok(()),
            None => run(self.write.connection, "COMMIT"),
        }
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.write.connection.is_autocommit() {
            drop(run(self.write.connection, "ROLLBACK"));
        }
    }
}

fn run(connection: &Connection, statement: &str) -> Result<(), StoreError> {
    connection.prepare_cached(statement).and_then(|mut statement| statement.execute(())).map(drop).map_err(sql)
}
