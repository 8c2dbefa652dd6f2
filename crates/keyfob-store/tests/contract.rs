//! The contract of `keyfob::Store`, on the sealed vault and on the store in memory.

mod common;
#[path = "common/contract.rs"]
#[allow(unreachable_pub, reason = "tests of other stores share it")]
mod contract;

use std::sync::Arc;

use common::Home;
use contract::Fresh;
use keyfob::{MemoryStore, Store};

contract::contract!(vault, super::vault);
contract::contract!(memory, super::memory);

/// Two vaults on one file, as two processes would have it open.
async fn vault() -> Option<Fresh> {
    let home = Home::new();
    let (store, other) = (Arc::new(home.open()), Arc::new(home.open()));
    Some(Fresh { store, other, keep: Box::new(home) })
}

async fn memory() -> Option<Fresh> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    Some(Fresh { other: Arc::clone(&store), store, keep: Box::new(()) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d8_processes_that_end_after_one_look_come_to_the_misdated_all_the_same() {
    let home = Home::new();
    let store: Arc<dyn Store> = Arc::new(home.open());
    contract::misdated_found_by_short_processes(&store, async || Arc::new(home.open()) as Arc<dyn Store>).await;
}
