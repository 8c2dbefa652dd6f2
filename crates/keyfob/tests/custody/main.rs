//! Tokens that cannot be lost or spent twice: the rows of part D, with a provider and a store that fail on demand.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test")]

#[path = "../common/mod.rs"]
mod common;

mod another;
mod asked;
mod bound;
mod clocks;
mod ending;
mod events;
mod granted;
mod house;
mod identity;
mod lapsed;
mod late;
mod login;
mod logout;
mod lost;
mod many;
mod paused;
mod provider;
mod rename;
mod server;
mod single;
mod told;
mod unsaved;
mod upkeep;
mod watched;
