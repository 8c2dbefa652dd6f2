//! What programs with valet keys can do, and what they cannot: over real sockets, against the pretend providers and one made by hand.
#![allow(missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod book;
mod headers;
mod keys;
mod log;
mod paths;
mod signed;
mod token;
mod under_way;
mod wire;
