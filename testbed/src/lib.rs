#![doc = include_str!("../README.md")]

mod authority;
pub mod hostile;
mod network;
pub mod port;
mod postgres;
mod skip;

pub use authority::{Authority, ClientCertificate, ServerCertificate};
pub use network::TwoMachines;
pub use postgres::{Cluster, Database, Options};
pub use skip::{Why, skip};
