//! What this process seals with, kept up with a rekey in another process: nothing is ever written under an old key.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use keyfob::StoreError;
use rusqlite::Connection;

use super::database::{self, sql};
use crate::header::Header;
use crate::key::KeySource;
use crate::place::Lock;
use crate::seal::Sealer;

/// The sealer of an open vault, shared by its connections, and where a new one comes from.
pub(super) struct Sealing {
    vault: PathBuf,
    now: RwLock<Now>,
}

struct Now {
    sealer: Arc<Sealer>,
    /// The header's, whose data key it has.
    generation: i64,
    source: Option<KeySource>,
}

impl Sealing {
    pub(super) fn new(vault: PathBuf, sealer: Sealer, header: &Header, source: &KeySource) -> Self {
        let now = Now { sealer: Arc::new(sealer), generation: header.generation, source: without_passphrase(source) };
        Self { vault, now: RwLock::new(now) }
    }

    pub(super) fn sealer(&self) -> Arc<Sealer> {
        Arc::clone(&self.now().sealer)
    }

    /// The sealer for what the vault is sealed with now: a new one where that was done anew. Within an immediate transaction it stays the
    /// right one until its end.
    pub(super) fn keep_up(&self, connection: &Connection) -> Result<Arc<Sealer>, StoreError> {
        let there: i64 = connection
            .prepare_cached("SELECT generation FROM header")
            .and_then(|mut read| read.query_row((), |row| row.get(0)))
            .map_err(sql)?;
        let known = || Some(self.now()).filter(|now| now.generation == there).map(|now| Arc::clone(&now.sealer));
        if let Some(sealer) = known() {
            return Ok(sealer);
        }
        // Whoever seals it anew holds this until header and key file belong together again.
        let _lock = Lock::take(&self.vault)?;
        if let Some(sealer) = known() {
            return Ok(sealer);
        }
        let header = database::read_header(connection)?;
        let source = self.now().source.clone();
        let source = source.ok_or_else(|| StoreError::Locked("it was sealed anew since it was opened; open it again".to_owned()))?;
        let mut warnings = Vec::new();
        let sealer = Arc::new(source.open(&header, &mut warnings)?);
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        self.take(Now { sealer: Arc::clone(&sealer), generation: header.generation, source: Some(source) });
        tracing::info!("the vault was sealed anew; going on with its new key");
        Ok(sealer)
    }

    /// Goes on with what this process sealed it anew with.
    pub(super) fn go_on(&self, sealer: Sealer, header: &Header, source: &KeySource) {
        let usual = self.now().source.clone().filter(|source| matches!(source, KeySource::Usual { .. }));
        let source = usual.or_else(|| without_passphrase(source));
        self.take(Now { sealer: Arc::new(sealer), generation: header.generation, source });
    }

    /// The key file that is ours, if it is what the key comes from.
    pub(super) fn key_file(&self) -> Option<PathBuf> {
        match &self.now().source {
            Some(KeySource::File(file) | KeySource::Usual { file, .. }) => Some(file.clone()),
            _ => None,
        }
    }

    fn now(&self) -> RwLockReadGuard<'_, Now> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, now: Now) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// A passphrase is not kept: a rekey elsewhere wants it, or another one, typed again.
fn without_passphrase(source: &KeySource) -> Option<KeySource> {
    Some(source).filter(|source| !matches!(source, KeySource::Passphrase(_))).cloned()
}
