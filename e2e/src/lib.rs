//! What the walk-throughs share: the pretend providers, and a person who goes where a login sends them.
//!
//! `tests/sessions.rs` walks with the library, `tests/command.rs` with the command, `tests/web.rs` with a real browser; in `tests/elsewhere.rs` nobody sends it back.
//! `tests/clock.rs` turns the clock, `tests/together.rs` runs commands at once, `tests/canaries` and `tests/debug.rs` look for secrets,
//! `tests/memory.rs` looks into processes. `tests/catalogue.rs` walks to every provider of the catalogue, imitated from its file.

pub mod canary;
pub mod command;
pub mod library;
pub mod mutation;
pub mod person;
pub mod tap;
pub mod terminal;
pub mod walk;

pub use command::House;
pub use library::Library;
pub use tap::Tap;
pub use terminal::Terminal;
