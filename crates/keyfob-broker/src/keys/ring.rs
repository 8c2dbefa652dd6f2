//! The keys in use.
//!
//! A key is read from the shelf once and kept in memory as long as the shelf tells what changes: one that is revoked, here or by another instance, is
//! gone within half a second. While nobody tells (the connection for that is lost), every request reads the shelf.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{Expected, Generation};
use keyfob_store::Shelf;
use keyfob_store::shelf::{Change, Changes};
use tokio::sync::OnceCell;

use super::rate::Buckets;
use super::text::{Digest, Shown};
use super::{KIND, Recent, Record, ValetKey, is_number};

/// Keys that are kept in memory.
const MOST: usize = 10_000;

/// The moment of last use is written no more often.
const NOTED: i64 = 60;

/// The keys in use.
pub(crate) struct Ring {
    shelf: Arc<dyn Shelf>,
    held: Mutex<Held>,
    following: OnceCell<()>,
    /// Whether changes are told now.
    told: AtomicBool,
    buckets: Buckets,
    /// Uses that are to be noted, by the key's number. The first is being written, where there is one.
    waiting: Mutex<BTreeMap<String, (Arc<Fob>, Timestamp)>>,
}

struct Held {
    keys: Recent<Arc<Fob>>,
    /// Moves on with every change: what was read before one is not kept after it.
    changes: u64,
}

/// A key, ready to be held against what somebody shows.
pub(crate) struct Fob {
    pub(crate) key: ValetKey,
    digest: Digest,
    generation: Generation,
    /// When it was used last, as far as that is written or about to be.
    noted: AtomicI64,
}

impl Ring {
    pub(crate) fn new(shelf: Arc<dyn Shelf>) -> Arc<Self> {
        Arc::new(Self {
            shelf,
            held: Mutex::new(Held { keys: Recent::new(MOST), changes: 0 }),
            following: OnceCell::new(),
            told: AtomicBool::new(false),
            buckets: Buckets::default(),
            waiting: Mutex::default(),
        })
    }

    /// The key that is shown, if it is one, and has not ended.
    pub(crate) async fn find(self: &Arc<Self>, shown: &Shown<'_>, now: Timestamp) -> Result<Option<Arc<Fob>>, StoreError> {
        let fob = self.read(shown.id, now).await?;
        Ok(fob.filter(|fob| shown.is(&fob.digest) && fob.key.expires_at.is_none_or(|end| now < end)))
    }

    /// Whether a key is still one: it was not revoked since, and has not ended. What cannot be looked up now is believed.
    pub(crate) async fn holds(self: &Arc<Self>, fob: &Fob, now: Timestamp) -> bool {
        fob.key.expires_at.is_none_or(|end| now < end) && !matches!(self.read(&fob.key.id, now).await, Ok(None))
    }

    /// Counts a use; an error says how long to wait.
    pub(crate) fn take_turn(&self, fob: &Fob) -> Result<(), Duration> {
        match fob.key.rate {
            Some(rate) => self.buckets.take(&fob.key.id, rate, Instant::now()),
            None => Ok(()),
        }
    }

    /// Notes that a key was used: now and then on the shelf, and nobody waits for it.
    pub(crate) fn note_use(self: &Arc<Self>, fob: &Arc<Fob>, now: Timestamp) {
        let noted = fob.noted.load(Ordering::Relaxed);
        let is_due = now.as_unix().saturating_sub(noted) >= NOTED;
        if !is_due || fob.noted.compare_exchange(noted, now.as_unix(), Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        // At most as many as there are keys: one that waits already is not written twice.
        let mut waiting = self.waiting();
        let is_first = waiting.is_empty();
        waiting.insert(fob.key.id.clone(), (fob.clone(), now));
        drop(waiting);
        if is_first {
            let ring = self.clone();
            // What panics must not leave its note here: whoever came next would wait behind it, for ever. The others are written with the next use.
            tokio::spawn(async move {
                if tokio::spawn(ring.clone().write_notes()).await.is_err() {
                    ring.waiting().clear();
                }
            });
        }
    }

    /// Writes what waits, one after the other. All at once, where many keys are used for the first time, they would keep every connection to the vault
    /// from those who wait for an answer: PostgreSQL lets writes that are told to others commit one by one.
    async fn write_notes(self: Arc<Self>) {
        loop {
            let Some((fob, at)) = self.waiting().first_key_value().map(|(_, note)| note.clone()) else { return };
            let key = ValetKey { last_used_at: Some(at), ..fob.key.clone() };
            let item = Record::of(&key, fob.digest).item(&key);
            // Over this very record: another instance may have noted it, or somebody has revoked the key, which must not come back by this.
            match self.shelf.put_item(KIND, &item, Expected::Generation(fob.generation)).await {
                Ok(_) | Err(StoreError::Conflict) => self.forget(&key.id),
                Err(error) => tracing::debug!(%error, key = key.id, "the last use of a key was not noted"),
            }
            let mut waiting = self.waiting();
            waiting.remove(&key.id);
            // Under the lock: whoever comes next finds nothing, and begins anew.
            if waiting.is_empty() {
                return;
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<String, (Arc<Fob>, Timestamp)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key is read again when it is used next.
    pub(crate) fn forget(&self, id: &str) {
        let mut held = self.held();
        held.changes += 1;
        held.keys.remove(id);
    }

    async fn read(self: &Arc<Self>, id: &str, now: Timestamp) -> Result<Option<Arc<Fob>>, StoreError> {
        if !is_number(id) {
            return Ok(None);
        }
        match self.in_memory(id) {
            Some(fob) => Ok(Some(fob)),
            // On the heap: this part is rare, and large.
            None => Box::pin(self.on_shelf(id, now)).await,
        }
    }

    /// The key, if it was read before, and every change is told since.
    fn in_memory(&self, id: &str) -> Option<Arc<Fob>> {
        let mut held = self.held();
        if self.told.load(Ordering::Acquire) { held.keys.get(id) } else { None }
    }

    async fn on_shelf(self: &Arc<Self>, id: &str, now: Timestamp) -> Result<Option<Arc<Fob>>, StoreError> {
        self.follow().await;
        let is_told = || self.told.load(Ordering::Acquire);
        let changes = self.held().changes;
        let Some(item) = self.shelf.item(KIND, id, now).await? else { return Ok(None) };
        let (key, digest) = Record::read(&item)?;
        let noted = AtomicI64::new(key.last_used_at.map_or(i64::MIN, Timestamp::as_unix));
        let fob = Arc::new(Fob { key, digest, generation: item.generation, noted });
        let mut held = self.held();
        // A change that came while the shelf was read may have been of this key.
        if is_told() && held.changes == changes {
            held.keys.put(id, fob.clone());
        }
        Ok(Some(fob))
    }

    /// Listens to the shelf from the first use on. Where that cannot be had, it is tried again with the next request, which reads the shelf meanwhile.
    async fn follow(self: &Arc<Self>) {
        let begin = || async {
            let changes = self.shelf.changes().await?;
            self.told.store(true, Ordering::Release);
            tokio::spawn(listen(Arc::downgrade(self), changes));
            Ok::<_, StoreError>(())
        };
        if let Err(error) = self.following.get_or_try_init(begin).await {
            tracing::warn!(%error, "changes of keys are not told; every request reads the shelf");
        }
    }

    fn heed(&self, change: &Change) {
        match change {
            Change::Item { kind, id } if kind == KIND.0 => self.forget(id),
            Change::Item { .. } => {}
            Change::Anything | Change::Lost => {
                let mut held = self.held();
                held.changes += 1;
                held.keys.clear();
                self.told.store(*change == Change::Anything, Ordering::Release);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn listen(ring: Weak<Ring>, mut changes: Box<dyn Changes>) {
    loop {
        let change = changes.next().await;
        match ring.upgrade() {
            Some(ring) => ring.heed(&change),
            None => return,
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ring")
    }
}

impl fmt::Debug for Fob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fob").field("key", &self.key).finish_non_exhaustive()
    }
}
