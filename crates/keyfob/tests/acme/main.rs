//! Sessions against a strict server that speaks everything: what the core can say reaches it, and what it gets wrong on request is refused.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test")]

#[path = "../common/mod.rs"]
mod common;

mod asserted;
mod bound;
mod certificates;
mod client_documents;
mod discovered;
mod given;
mod hybrid;
mod kit;
mod legacy;
mod oauth1;
mod person;
mod pushed;
mod refused;
mod signed;
mod stepped_up;
mod steps;
