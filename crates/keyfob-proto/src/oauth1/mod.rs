//! OAuth 1.0a (RFC 5849), both sides.
//!
//! ```text
//!  Client::request_token ──► RequestToken::receive ──► (URL to open, Pending)
//!                                                         │  the person approves, and comes back
//!                                                         ▼
//!  Client::exchange  ◄── Verified ◄── Pending::verify(answer)
//!        │
//!        ▼
//!  Exchange::receive ──► token credentials ──► Client::sign(every call)
//! ```
//!
//! The step people forget is a type: only [`Pending::verify`] makes a [`Verified`], and only [`Client::exchange`] takes one.

mod base_string;
mod body_hash;
mod client;
mod clock;
mod explain;
mod find;
mod parameters;
mod pending;
mod problem;
mod repeat;
pub mod rsa;
pub mod server;
mod settings;
mod sign;
mod signature;
mod token;

pub use base_string::base_string;
pub use body_hash::body_hash;
pub use client::{Callback, Client, Exchange, RequestToken};
pub use clock::ClockOffset;
pub use explain::Explanation;
pub use pending::{Pending, Verified};
pub use problem::{Reason, Report};
pub use repeat::Repeat;
pub use settings::{BodyHash, CallbackAt, Hash, Placement, Settings, SignatureMethod};
pub use sign::{Buffer, Call, Nonce, Once, Signer, authorization_header};
pub use signature::{signature, signature_under};

pub use crate::message::Body;
