#![doc = include_str!("../README.md")]

mod database;
mod header;
mod key;
mod place;
mod records;
mod seal;
mod vault;
mod worker;

pub use key::KeySource;
pub use vault::Vault;
