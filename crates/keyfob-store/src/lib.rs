#![doc = include_str!("../README.md")]

mod header;
mod key;
mod place;
mod rows;
mod seal;
mod sqlite;

pub use key::KeySource;
pub use sqlite::Vault;
