#![doc = include_str!("../README.md")]

pub mod agent;
mod header;
mod key;
mod memory;
mod place;
mod rows;
mod seal;
mod sqlite;

pub use key::{KeySource, SealedWith};
pub use memory::keep_memory_private;
pub use sqlite::Vault;
