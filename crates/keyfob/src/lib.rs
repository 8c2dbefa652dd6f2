//! Sessions for OAuth APIs: log in once, then call.

mod account;
mod entropy;
pub mod login;
mod memory;
pub mod store;

pub use account::{Account, AccountId, Health, PendingLogin};
pub use entropy::{OsEntropy, random_hex};
pub use keyfob_proto as proto;
pub use memory::MemoryStore;
pub use store::{Store, StoreError};
