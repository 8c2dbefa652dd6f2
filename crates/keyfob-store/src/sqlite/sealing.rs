//! Keeping up with a rekey in another process: nothing is ever written under an old key.

use std::path::PathBuf;
use std::sync::Arc;

use keyfob::StoreError;
use rusqlite::Connection;

use super::database::{self, sql};
use crate::header::Header;
use crate::key::KeySource;
use crate::place::Lock;
use crate::seal::Sealer;
use crate::sealing::Known;

/// What the connections of an open vault seal with.
pub(super) struct Sealing {
    vault: PathBuf,
    known: Known,
}

impl Sealing {
    pub(super) fn new(vault: PathBuf, sealer: Sealer, header: &Header, source: &KeySource) -> Self {
        Self { vault, known: Known::new(sealer, header, source) }
    }

    pub(super) fn sealer(&self) -> Arc<Sealer> {
        self.known.sealer()
    }

    /// The sealer for what the vault is sealed with now: a new one where that was done anew. Within an immediate transaction it stays the
    /// right one until its end.
    pub(super) fn keep_up(&self, connection: &Connection) -> Result<Arc<Sealer>, StoreError> {
        let there: i64 = connection
            .prepare_cached("SELECT generation FROM header")
            .and_then(|mut read| read.query_row((), |row| row.get(0)))
            .map_err(sql)?;
        if let Some(sealer) = self.known.of(there) {
            return Ok(sealer);
        }
        // What is waited for is waited for before: meanwhile others may open the vault.
        let seen = database::read_header(connection)?;
        let awaited = self.known.source().map_or(Ok(None), |source| source.awaited(&seen))?;
        // Whoever seals it anew holds this until header and key file belong together again.
        let _lock = Lock::take(&self.vault)?;
        if let Some(sealer) = self.known.of(there) {
            return Ok(sealer);
        }
        let header = database::read_header(connection)?;
        let source = self.known.source()?;
        let mut warnings = Vec::new();
        let sealer = source.open_with(&header, awaited, &mut warnings)?;
        source.settle(&header)?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok(self.known.follow(sealer, &header).sealer)
    }

    /// Goes on with what this process sealed it anew with.
    pub(super) fn go_on(&self, sealer: Sealer, header: &Header, source: &KeySource) {
        self.known.go_on(sealer, header, source);
    }

    /// The key file that is ours, if it is what the key comes from.
    pub(super) fn key_file(&self) -> Option<PathBuf> {
        self.known.key_file()
    }
}
