#![doc = include_str!("../README.md")]
#![warn(clippy::missing_errors_doc)]

pub mod agent;
mod checked;
mod header;
mod key;
#[cfg(feature = "measure")]
#[doc(hidden)]
pub mod measure;
mod memory;
mod nonces;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod rekey;
mod rows;
mod seal;
mod sealing;
pub mod shelf;
mod sqlite;
pub mod transfer;

pub use checked::Checked;
pub use key::{KeySource, SealedWith};
pub use memory::keep_memory_private;
pub use place::open_ways;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresPlace, PostgresVault};
pub use rekey::Rekeyed;
pub use shelf::{MemoryShelf, Shelf};
pub use sqlite::{Inspection, Vault};
