//! Keeping up with a rekey by another process, on this machine or another: nothing is ever written under an old key.
//!
//! Every statement that puts in a sealed row has the [`guard`]: it does nothing if the header has moved on. That costs no round trip. What
//! replaces or removes a row needs none: it finds that by a keyed hash, and a hash under an old key finds nothing. It is enough because a rekey locks the tables (see [`rekey`](super::rekey)): in *read committed* PostgreSQL takes the snapshot of a statement
//! after it has the statement's table locks, and these it keeps until its commit. So whoever waited for a rekey sees the new header, and
//! whoever did not wait is done before the rekey begins.
//!
//! A statement that did or found nothing asks for the header: if that has moved on, it is done once more with the new key.

use std::sync::Arc;

use keyfob::StoreError;
use tokio::sync::Mutex;
use tokio_postgres::GenericClient;

use super::connections::{Again, Connections};
use super::failure::Failure;
use super::schema;
use crate::header::{self, Header};
use crate::key::KeySource;
use crate::seal::Sealer;
use crate::sealing::{Known, Now};

/// What a row to put in is selected from: one row if the vault is still sealed with the key of the generation that this parameter says, and
/// otherwise none.
pub(super) fn guard(parameter: usize) -> String {
    format!("FROM keyfob.header WHERE header.generation = ${parameter}::bigint")
}

/// What an open vault seals with.
pub(super) struct Sealing {
    known: Known,
    connections: Arc<Connections>,
    /// One task finds out what it is sealed with now; the others wait for it.
    asking: Mutex<()>,
}

impl Sealing {
    pub(super) fn new(connections: Arc<Connections>, sealer: Sealer, header: &Header, source: &KeySource) -> Self {
        Self { known: Known::new(sealer, header, source), connections, asking: Mutex::default() }
    }

    pub(super) fn now(&self) -> Now {
        self.known.now()
    }

    /// What to do it with once more, if the vault was sealed anew since. `doubtful` says whether that would explain what was found.
    pub(super) async fn newer(&self, than: &Now, doubtful: bool) -> Result<Option<Now>, StoreError> {
        if !doubtful {
            return Ok(None);
        }
        let _asking = self.asking.lock().await;
        let now = self.now();
        if now.generation != than.generation {
            return Ok(Some(now));
        }
        let mut header = self.header().await?;
        while header.generation != now.generation {
            match self.open(&header).await {
                Ok(sealer) => return Ok(Some(self.known.follow(sealer, &header))),
                Err(error) => {
                    // Sealed anew once more, after the header was read and before the key was.
                    let read = std::mem::replace(&mut header, self.header().await?);
                    if header.generation == read.generation {
                        return Err(error);
                    }
                }
            }
        }
        Ok(None)
    }

    /// What belongs to the header as this transaction sees it. If it keeps everybody out who would seal anew, that stays the right one until
    /// its end.
    pub(super) async fn within(&self, transaction: &impl GenericClient) -> Result<Now, StoreError> {
        let header = schema::read_header(transaction).await.map_err(|error| Failure::of(self.connections.address(), &error).error)??;
        if let Some(sealer) = self.known.of(header.generation) {
            return Ok(Now { sealer, generation: header.generation });
        }
        Ok(Now { sealer: Arc::new(self.open(&header).await?), generation: header.generation })
    }

    /// Goes on with what this process sealed it anew with.
    pub(super) fn go_on(&self, sealer: Sealer, header: &Header, source: &KeySource) {
        self.known.go_on(sealer, header, source);
    }

    /// The key file that is ours, if it is what the key comes from.
    pub(super) fn key_file(&self) -> Option<std::path::PathBuf> {
        self.known.key_file()
    }

    async fn open(&self, header: &Header) -> Result<Sealer, StoreError> {
        let (source, header) = (self.known.source()?, header.clone());
        let mut warnings = Vec::new();
        let sealer = schema::apart(source, move |source, warnings| source.open(&header, warnings), &mut warnings).await?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok(sealer)
    }

    async fn header(&self) -> Result<Header, StoreError> {
        let rows = self.connections.run(schema::HEADER, &[], Again::Once).await.map_err(|failure| failure.error)?.rows;
        rows.first().ok_or_else(header::damaged).and_then(schema::header_of)
    }
}
