//! The vault in PostgreSQL, on a server of its own. One binary, so that `cargo test` starts one cluster for all of them.
#![cfg(feature = "postgres")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/contract.rs"]
#[allow(unreachable_pub, reason = "tests of other stores share it")]
mod contract;
#[path = "../common/shelf.rs"]
#[allow(unreachable_pub, reason = "tests of other shelves share it")]
mod shelf;

mod failures;
mod holds;
mod leases;
mod locked;
mod machines;
mod moved;
mod rekey;
mod schema;
mod sealed;
mod shelves;
mod support;
mod tls;

contract::contract!(postgres, super::support::fresh);
shelf::shelf_contract!(postgres_shelf, super::support::fresh_shelf);
