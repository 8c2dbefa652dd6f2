//! What the walk-throughs share: the pretend providers, and a person who goes where a login sends them.
//!
//! `tests/sessions.rs` walks with the library, `tests/command_*.rs` with the command, `tests/web.rs` with a real browser.

pub mod canary;
pub mod command;
pub mod library;
pub mod person;
pub mod tap;

pub use command::House;
pub use library::Library;
pub use tap::Tap;
