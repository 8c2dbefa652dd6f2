//! OAuth 2 (RFC 6749): authorization code with `state` and proof key, token exchange, refresh, revocation, and attaching the token.
//!
//! ```text
//!  Client::authorize ──► (URL to open, Pending)
//!                            │  the person approves, and comes back
//!                            ▼
//!  Client::exchange ◄── Verified ◄── Pending::verify(answer)
//!        │
//!        ▼
//!  Exchange::receive ──► tokens ──► attach(every call)
//!                          │  expired
//!                          └──► Client::refresh ──► Exchange::receive ──► tokens
//! ```
//!
//! The step people forget is a type: only [`Pending::verify`] makes a [`Verified`], and only [`Client::exchange`] takes one.

pub mod assertion;
mod attach;
mod client;
pub mod dpop;
mod error_response;
pub(crate) mod identity;
mod jar;
mod jarm;
pub(crate) mod json;
mod pending;
mod pkce;
mod settings;
mod token_response;

pub use attach::attach;
pub use client::{AuthorizeRequest, Client, Exchange, Revocation, TokenKind};
pub use pending::{Pending, Verified};
pub use pkce::s256_challenge;
pub use settings::{ClientAuth, Pkce, Settings, TokenBody};
