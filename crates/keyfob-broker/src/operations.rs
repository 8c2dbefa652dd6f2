//! What whoever runs the program has decided, and what all guards share: whom to believe, what is too much, what is counted, whether the
//! end is near.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyfob::proto::Secret;
use tokio::sync::watch;

use crate::guard::{Rates, RequestId};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peer::Proxies;

/// How far the program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It takes requests.
    Serving,
    /// It takes requests, and tells everybody to go elsewhere with the next one.
    Leaving,
    /// It finishes what is under way.
    Stopping,
    /// Whatever is still under way is cut off.
    Over,
}

/// What the guards share.
pub(crate) struct Operations {
    pub(crate) proxies: Proxies,
    pub(crate) limits: Limits,
    pub(crate) rates: Rates,
    pub(crate) metrics: Arc<Metrics>,
    /// Who may read the metrics at the address that browsers use; nobody, where there is none.
    pub(crate) metrics_token: Option<Secret>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) readiness: Readiness,
    ids: Ids,
}

/// The vault's last answer to "are you there?". Asked by one at a time: a crowd of probes is one question.
#[derive(Debug, Default)]
pub(crate) struct Readiness(pub(crate) tokio::sync::Mutex<Option<(Instant, bool)>>);

impl Readiness {
    /// For so long an answer counts.
    pub(crate) const FRESH: Duration = Duration::from_secs(1);
}

/// Names for requests, unique among all instances: one drawn at the start, and a number.
#[derive(Debug)]
struct Ids {
    own: String,
    next: AtomicU64,
}

impl Operations {
    pub(crate) fn new(proxies: Proxies, limits: Limits, metrics: Arc<Metrics>, metrics_token: Option<Secret>) -> Arc<Self> {
        let mut own = keyfob::random_hex();
        own.truncate(16);
        Arc::new(Self {
            proxies,
            rates: Rates::new(limits.clone()),
            limits,
            metrics,
            metrics_token,
            phase: watch::Sender::new(Phase::Serving),
            readiness: Readiness::default(),
            ids: Ids { own, next: AtomicU64::new(0) },
        })
    }

    /// A name for a request that brought none.
    pub(crate) fn request_id(&self) -> RequestId {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let number = self.ids.next.fetch_add(1, Ordering::Relaxed);
        let width = (number.checked_ilog2().unwrap_or(0) / 4 + 1).max(6);
        let mut name = Vec::with_capacity(self.ids.own.len() + 1 + width as usize);
        name.extend_from_slice(self.ids.own.as_bytes());
        name.push(b'-');
        name.extend((0..width).rev().map(|at| DIGITS[(number >> (4 * at)) as usize & 0xf]));
        RequestId::new(name)
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").field("proxies", &self.proxies).field("phase", &self.phase()).finish_non_exhaustive()
    }
}
