//! Acme: what the specifications ask of a server, and what a client must bear.

#[path = "../common/mod.rs"]
mod common;
mod kit;

mod around;
mod clients;
mod core;
mod dpop;
mod flaws;
mod grants;
mod logout;
mod oauth;
mod openid;
mod registration;
mod requests;
mod tokens;
