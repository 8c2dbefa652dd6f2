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
                None => {
                    // Where nobody asks or waits nothing is counted. Hosts can be people's own (`{shop}`), and there is no end of them.
                    by_origin.retain(|_, places| Arc::strong_count(places) > 1);
                    by_origin.entry(origin.clone()).or_insert(Arc::new(Semaphore::new(self.places))).clone()
                }
            }
        };
        // It is never closed.
        Permit { _place: places.acquire_owned().await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use keyfob_proto::Endpoint;

    use super::*;

    #[tokio::test]
    async fn hosts_that_nobody_asks_any_more_are_forgotten_and_those_in_use_are_not() {
        let limit = Limit::new(1);
        let shop = |number: usize| Endpoint::parse(&format!("https://shop-{number}.example/token")).expect("an endpoint").origin();
        let busy = limit.permit(&shop(0)).await;
        for number in 1..1000 {
            drop(limit.permit(&shop(number)).await);
        }
        let kept = || limit.by_origin.lock().expect("nobody panicked").len();
        assert_eq!(kept(), 2, "the one in use, and the last");
        let origin = shop(0);
        let mut waits = std::pin::pin!(limit.permit(&origin));
        assert!(still_waits(&mut waits).await, "its only place is taken");
        drop(busy);
        drop(limit.permit(&shop(1)).await);
        let _next = waits.await;
        let mut waits = std::pin::pin!(limit.permit(&origin));
        assert!(still_waits(&mut waits).await, "who waited has the place, and is counted");
    }

    /// Whether it still waits.
    async fn still_waits(future: &mut (impl Future<Output = Permit> + Unpin)) -> bool {
        std::future::poll_fn(|context| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())).await
    }
}
