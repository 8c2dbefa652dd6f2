//! The contract of `keyfob_store::Shelf`, on the sealed vault and on the shelf in memory.

mod common;
#[path = "common/shelf.rs"]
#[allow(unreachable_pub, reason = "tests of other shelves share it")]
mod shelf;

use std::sync::Arc;

use common::Home;
use keyfob_store::{MemoryShelf, Shelf};
use shelf::Shelves;

shelf::shelf_contract!(vault, super::vault);
shelf::shelf_contract!(memory, super::memory);

/// Two vaults on one file, as two processes would have it open.
async fn vault() -> Option<Shelves> {
    let home = Home::new();
    let (shelf, other) = (Arc::new(home.open()), Arc::new(home.open()));
    Some(Shelves { shelf, other, keep: Box::new(home) })
}

async fn memory() -> Option<Shelves> {
    let shelf: Arc<dyn Shelf> = Arc::new(MemoryShelf::default());
    Some(Shelves { other: Arc::clone(&shelf), shelf, keep: Box::new(()) })
}
