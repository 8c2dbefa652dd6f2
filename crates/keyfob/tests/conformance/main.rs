//! The relying-party tests of the OpenID conformance suite, as tests of sessions: each drives one against a provider that is wrong in that one way (the
//! sandbox's `acme`, with a flaw), and has a twin that passes.
//!
//! ```text
//!  rows.toml    every test of the suite by its name: our test, its twin, and the lines that make it green (its guard)
//!  rows.rs      that the list is whole, and true
//!  op.rs        the provider                 driver.rs    the relying party: discover ──► log in ──► refresh, call, userinfo
//!  …            the tests, by what they are about
//! ```
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test")]

mod discovery;
mod driver;
mod fapi;
mod hybrid;
mod id_tokens;
mod keys;
mod logout;
mod op;
mod refresh;
mod requests;
mod rows;
mod userinfo;
