//! Records under the knife: whoever can write the file, and has no key, can destroy and can go back in time, and nothing else. One file for
//! each thing that is kept.

#[path = "../common/mod.rs"]
mod common;

mod accounts;
mod apps;
mod check;
mod header;
mod history;
mod knife;
mod logins;
mod rest;
mod shelf;
mod tables;
