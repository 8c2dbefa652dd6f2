//! How many refreshes one provider is asked for at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use keyfob_proto::Origin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A place among those who ask a provider, until it is dropped. A provider that cannot be counted has places without end.
pub(crate) struct Permit {
    _place: Option<OwnedSemaphorePermit>,
}

/// Places, by the token endpoint's origin.
pub(crate) struct Limit {
    places: usize,
    by_origin: Mutex<BTreeMap<Origin, Arc<Semaphore>>>,
}

impl Limit {
    pub(crate) fn new(places: usize) -> Self {
        Self { places: places.clamp(1, Semaphore::MAX_PERMITS), by_origin: Mutex::default() }
    }

    /// Waits for a place.
    pub(crate) async fn permit(&self, origin: &Origin) -> Permit {
        let places = {
            let mut by_origin = self.by_origin.lock().unwrap_or_else(PoisonError::into_inner);
            match by_origin.get(origin) {
                Some(places) => places.clone(),
                None => by_origin.entry(origin.clone()).or_insert(Arc::new(Semaphore::new(self.places))).clone(),
            }
        };
        // It is never closed.
        Permit { _place: places.acquire_owned().await.ok() }
    }
}
