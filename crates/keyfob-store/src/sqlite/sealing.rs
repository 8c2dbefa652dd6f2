//! What this process seals with, kept up with a rekey in another process: nothing is ever written under an old key.

use std::path::Path;

use keyfob::StoreError;
use rusqlite::Connection;

use super::database::{self, sql};
use crate::header::Header;
use crate::key::KeySource;
use crate::seal::Sealer;

/// The sealer of one connection, and where a new one comes from.
pub(super) struct Sealing {
    sealer: Sealer,
    /// The header's, whose data key it has.
    generation: i64,
    source: Option<KeySource>,
}

impl Sealing {
    pub(super) fn new(sealer: Sealer, header: &Header, source: &KeySource) -> Self {
        Self { sealer, generation: header.generation, source: without_passphrase(source) }
    }

    pub(super) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// Gets the new key where the vault was sealed anew; says whether it was. Within an immediate transaction it stays true until its end.
    pub(super) fn keep_up(&mut self, connection: &Connection) -> Result<bool, StoreError> {
        let now: i64 = connection
            .prepare_cached("SELECT generation FROM header")
            .and_then(|mut read| read.query_row((), |row| row.get(0)))
            .map_err(sql)?;
        if now == self.generation {
            return Ok(false);
        }
        let header = database::read_header(connection)?;
        let source =
            self.source.as_ref().ok_or_else(|| StoreError::Locked("it was sealed anew since it was opened; open it again".to_owned()))?;
        let mut warnings = Vec::new();
        let sealer = source.open(&header, &mut warnings)?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        self.take(sealer, &header);
        tracing::info!("the vault was sealed anew; going on with its new key");
        Ok(true)
    }

    /// Goes on with what this process sealed it anew with.
    pub(super) fn go_on(&mut self, sealer: Sealer, header: &Header, source: &KeySource) {
        self.take(sealer, header);
        if !matches!(self.source, Some(KeySource::Usual { .. })) {
            self.source = without_passphrase(source);
        }
    }

    /// The key file that is ours, if it is what the key comes from.
    pub(super) fn key_file(&self) -> Option<&Path> {
        match &self.source {
            Some(KeySource::File(file) | KeySource::Usual { file, .. }) => Some(file),
            _ => None,
        }
    }

    fn take(&mut self, sealer: Sealer, header: &Header) {
        (self.sealer, self.generation) = (sealer, header.generation);
    }
}

/// A passphrase is not kept: a rekey elsewhere wants it, or another one, typed again.
fn without_passphrase(source: &KeySource) -> Option<KeySource> {
    Some(source).filter(|source| !matches!(source, KeySource::Passphrase(_))).cloned()
}
