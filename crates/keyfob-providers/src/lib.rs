#![doc = include_str!("../README.md")]
#![warn(clippy::missing_errors_doc)]
//!
//! # The rooms
//!
//! ```text
//! data/*.toml ─┐                                    ┌─> Settings          (keyfob-proto: log in, call)
//!              ├─ file ──> Provider ── Catalogue ───┼─> ClientHelp        (what to register, what to copy)
//! user's own ──┘   │                                └─> Action ──┬─> ActionRequest
//!               Problem: line, column, message, hint             └─> Table, Chart   (jq on the answer)
//! ```

mod action;
mod actions;
mod batch;
mod catalogue;
mod embedded;
mod file;
mod gone;
mod habits;
mod jq;
mod moment;
mod nearest;
mod pages;
mod parameter;
mod pattern;
mod problem;
mod provider;
mod query;
mod span;
mod spec;
mod table;

pub use action::{Action, ActionRequest, Unreadable};
pub use actions::Actions;
pub use batch::{Batch, BatchCall};
pub use catalogue::{Catalogue, UnknownProvider, check, check_gone, doubts, text_of};
pub use file::url_hint;
pub use gone::Gone;
pub use moment::{Day, Rfc3339};
pub use nearest::nearest;
pub use pages::{Counts, NoList, Pages};
pub use parameter::{Parameter, ParameterKind};
pub use problem::Problem;
pub use provider::{ClientHelp, Confidence, Field, Import, Kind, Provider, Redirect, RefreshFrom, RefreshLifetime, Source, Status};
pub use query::Query;
pub use table::{Axis, Cell, CellKind, Chart, Column, Link, Row, Series, Table, View};
