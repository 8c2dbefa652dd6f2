//! The sandbox for tests that know nothing of async: programs of other people are watched with plain blocking calls.

use std::ops::Deref;

use keyfob_sandbox::{Builder, Sandbox, Seen};
use tokio::runtime::Runtime;

/// A running sandbox with threads of its own.
pub struct World {
    // Dropped in this order: the providers, then the threads they run on.
    sandbox: Sandbox,
    _runtime: Runtime,
}

impl World {
    /// All services on free ports.
    pub fn start() -> Self {
        Self::of(Sandbox::builder())
    }

    /// A sandbox as it is told.
    ///
    /// # Panics
    /// If it does not start.
    pub fn of(builder: Builder) -> Self {
        let runtime = Runtime::new().expect("threads");
        let sandbox = runtime.block_on(builder.start()).expect("free ports");
        Self { sandbox, _runtime: runtime }
    }

    /// The canonical lines of what a service saw, without what browsers ask for on their own.
    pub fn lines(&self, service: &str) -> Vec<String> {
        self.sandbox.seen(service).iter().filter(|seen| seen.path != "/favicon.ico").map(Seen::line).collect()
    }
}

impl Deref for World {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}
