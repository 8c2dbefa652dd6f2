//! Logging in.

mod pending;

pub use pending::Pending;
