//! The web app of Keyfob: connect accounts, see devices, use them.
//!
//! ```text
//!  env file ─ recognise ─► Service ─┐
//!                                   ├─ Config ─► Site ─► router ─► serve
//!  vault ───────────────► Keyfob ───┘             │        │
//!                                people, seats, keys    guard ─┬► routes ──► pages
//!                                                              ├► forward ─► a provider's API, for a valet key
//!  shelf ──► people, sessions, keys, webhooks; the book        └► api ─────► JSON, for a program of a person's
//! ```
//!
//! [`router`] is the table of contents. Which provider's pages these are is data: the routes draw what its catalogue file declares.
//!
//! Without a shelf an account belongs to the browser that logged in, for this run of the program: others are told so, and shown nothing of it. With
//! one there are people, who sign in; each has accounts of their own.

pub mod api;
mod apps;
mod audit;
mod browser;
mod debug_log;
mod env_file;
mod failure;
mod forward;
mod guard;
mod health;
mod json;
pub mod keys;
mod limits;
mod links;
mod listing;
mod metrics;
mod operations;
mod overwrite;
mod page;
mod peer;
mod people;
mod problem;
mod rate;
mod recognise;
mod router;
mod routes;
mod seat;
mod serve;
mod site;
mod stranded;
mod sweep;
mod waiting;
mod way;
mod webhook;

pub use audit::Who;
pub use debug_log::DebugLog;
pub use env_file::{EnvFileError, ReadError, Variables};
pub use health::check as health_check;
pub use limits::Limits;
pub use listing::Readable;
pub use peer::{ForwardedBy, Proxies};
pub use people::{Allow, SignIn, follow};
pub use rate::Rate;
pub use recognise::{Recognised, recognise};
pub use router::{paths, router};
pub use serve::{Address, Server, Tls, TlsError, serve};
pub use site::{Config, Pretended, Service, Site, external};
