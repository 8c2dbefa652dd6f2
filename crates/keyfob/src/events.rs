//! What this process does to tokens, as it happens.

use std::sync::{Arc, OnceLock};

use tokio::sync::broadcast;

use crate::history::Entry;

/// How many entries wait for a listener that is busy; beyond it the oldest are lost to it.
const MOST_WAITING: usize = 1024;

/// What this process does to tokens, as it happens. See [`Keyfob::events`](crate::Keyfob::events); for what all processes on one store do
/// see [`history::Watch`](crate::history::Watch).
pub struct Events {
    receiver: broadcast::Receiver<Arc<Entry>>,
    missed: u64,
}

impl Events {
    /// The next entry; `None` once no [`Keyfob`](crate::Keyfob) is left that could write one. Can be cancelled without losing any.
    pub async fn next(&mut self) -> Option<Entry> {
        loop {
            match self.receiver.recv().await {
                Ok(entry) => return Some(Arc::unwrap_or_clone(entry)),
                Err(broadcast::error::RecvError::Lagged(count)) => self.missed = self.missed.saturating_add(count),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// How many entries came while more than 1024 were waiting, and were not handed out here.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("missed", &self.missed).finish_non_exhaustive()
    }
}

/// Tells whoever listens.
pub(crate) struct Speaker {
    /// Room for a thousand entries, made for the first who listens: most programs are over before anybody does.
    sender: OnceLock<broadcast::Sender<Arc<Entry>>>,
}

impl Speaker {
    pub(crate) const fn new() -> Self {
        Self { sender: OnceLock::new() }
    }

    pub(crate) fn tell(&self, entry: &Entry) {
        if let Some(sender) = self.sender.get() {
            // Nobody listening any more is no error.
            drop(sender.send(Arc::new(entry.clone())));
        }
    }

    pub(crate) fn listen(&self) -> Events {
        Events { receiver: self.sender.get_or_init(|| broadcast::Sender::new(MOST_WAITING)).subscribe(), missed: 0 }
    }
}
