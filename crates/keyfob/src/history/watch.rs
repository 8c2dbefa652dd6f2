//! Following the history of all accounts, across processes and machines.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::Entry;
use crate::entropy;
use crate::error::Error;
use crate::keyfob::Keyfob;
use crate::store::{EntryNumber, StoreError};

/// How long it is waited for. After that the number was given up, or its entry made room for newer ones.
const LATE: Duration = Duration::from_secs(10);

/// Follows what happens to the tokens of all accounts in a store, whichever process does it.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Duration;
/// # use keyfob::{HyperTransport, Keyfob, MemoryStore};
/// use keyfob::history::Watch;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(HyperTransport::new()?));
/// let mut watch = Watch::begin(&keyfob, Duration::from_secs(1)).await?;
/// loop {
///     let entry = watch.next().await?;
///     println!("{} {:?}, by {}", entry.account, entry.event, entry.by);
/// }
/// # }
/// ```
pub struct Watch {
    keyfob: Keyfob,
    every: Duration,
    newest: u64,
    /// What was seen under that number: it stands there for as long as the store is not put back to an earlier state.
    last: Option<Entry>,
    /// Numbers before the newest that were not there, and since when they are missed.
    missing: BTreeMap<u64, Instant>,
    /// What was seen and not told yet, with its number.
    ready: VecDeque<(u64, Entry)>,
    looked: Option<Instant>,
}

impl Watch {
    /// How many entries are asked for at once.
    pub const PAGE: usize = 500;

    /// How far back a number is waited for that is not there yet: on a database with several writers it may belong to a transaction that
    /// takes longer than a later one.
    pub const LOOK_BACK: u64 = 256;

    /// Follows from now on, and looks about once every `every`.
    ///
    /// # Errors
    ///
    /// `Store`.
    pub async fn begin(keyfob: &Keyfob, every: Duration) -> Result<Self, Error> {
        let newest = keyfob.store().entries(None, 1).await?.last().map_or(0, |(number, _)| number.0);
        let begin = newest.saturating_sub(Self::LOOK_BACK);
        let (missing, ready) = (BTreeMap::new(), VecDeque::new());
        let mut watch = Self { keyfob: keyfob.clone(), every, newest: begin, last: None, missing, ready, looked: Some(Instant::now()) };
        watch.look().await?;
        // That was before us; what is missing in it may still come.
        watch.ready.clear();
        Ok(watch)
    }

    /// The next entry. Can be cancelled without losing any, and called again after an error.
    ///
    /// # Errors
    ///
    /// `Store`.
    pub async fn next(&mut self) -> Result<Entry, Error> {
        self.next_numbered().await.map(|(_, entry)| entry)
    }

    /// The same with its number.
    ///
    /// # Errors
    ///
    /// `Store`.
    pub async fn next_numbered(&mut self) -> Result<(EntryNumber, Entry), Error> {
        loop {
            if let Some((number, entry)) = self.ready.pop_front() {
                return Ok((EntryNumber(number), entry));
            }
            // Where thousands came at once, their room would be kept for good.
            self.ready.shrink_to_fit();
            if let Some(looked) = self.looked {
                tokio::time::sleep_until(looked + entropy::about(self.every)).await;
            }
            self.looked = Some(Instant::now());
            self.look().await?;
        }
    }

    /// What has come since, with one look and no wait: for whoever has moments of their own to ask.
    ///
    /// # Errors
    ///
    /// `Store`. What was seen until then comes with the next one.
    pub async fn news(&mut self) -> Result<Vec<Entry>, Error> {
        self.looked = Some(Instant::now());
        self.look().await?;
        Ok(std::mem::take(&mut self.ready).into_iter().map(|(_, entry)| entry).collect())
    }

    /// How far the history was told: every entry up to this number was, but for those that were given up. For whoever writes down where to go on.
    pub fn position(&self) -> u64 {
        let untold = self.ready.iter().map(|(number, _)| *number).chain(self.missing.keys().next().copied());
        untold.min().map_or(self.newest, |oldest| oldest.saturating_sub(1))
    }

    /// One look: everything after the oldest number that is missed, and the newest that was seen once more.
    async fn look(&mut self) -> Result<(), StoreError> {
        let now = Instant::now();
        let mut after = self.missing.first_key_value().map_or(self.newest, |(number, _)| *number).saturating_sub(1);
        let (newest, mut is_there) = (self.newest, self.last.is_none());
        loop {
            let page = self.keyfob.store().entries(Some(EntryNumber(after)), Self::PAGE).await?;
            let is_last = page.len() < Self::PAGE;
            for (EntryNumber(number), entry) in page {
                after = number;
                if number == newest && self.last.as_ref().is_some_and(|last| *last != entry) {
                    return self.begin_anew().await;
                }
                // It may have made room for newer ones since.
                is_there |= number >= newest;
                let is_news = if number > self.newest {
                    let from = (self.newest + 1).max(number.saturating_sub(Self::LOOK_BACK));
                    self.missing.extend((from..number).map(|missing| (missing, now)));
                    (self.newest, self.last) = (number, Some(entry.clone()));
                    true
                } else {
                    self.missing.remove(&number).is_some()
                };
                if is_news {
                    self.ready.push_back((number, entry));
                }
            }
            if is_last {
                break;
            }
        }
        if !is_there {
            return self.begin_anew().await;
        }
        self.missing.retain(|_, since| now.duration_since(*since) < LATE);
        Ok(())
    }

    /// What was seen is not there any more: a database was put back from a backup, and counts again from where it was then. What has happened since is told by
    /// its time, of those that are newer than what was seen.
    async fn begin_anew(&mut self) -> Result<(), StoreError> {
        tracing::warn!("the vault was put back to an earlier state: refresh tokens that were spent since then may be refused");
        let newest = self.keyfob.store().entries(None, 1).await?.last().map_or(0, |(number, _)| number.0);
        let entries = self.keyfob.store().entries(Some(EntryNumber(newest.saturating_sub(Self::LOOK_BACK))), Self::PAGE).await?;
        let seen = self.last.take().map(|last| last.at);
        self.missing.clear();
        (self.newest, self.last) = entries.last().map_or((0, None), |(number, entry)| (number.0, Some(entry.clone())));
        let news = entries.into_iter().filter(|(_, entry)| Some(entry.at) > seen);
        self.ready.extend(news.map(|(number, entry)| (number.0, entry)));
        Ok(())
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("newest", &self.newest).field("every", &self.every).finish_non_exhaustive()
    }
}
