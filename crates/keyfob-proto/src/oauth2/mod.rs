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

mod access_request;
mod asked;
pub mod assertion;
mod attach;
mod authorize;
mod by_reference;
pub mod challenge;
mod client;
pub mod client_id_document;
pub(crate) mod document;
pub mod dpop;
mod drawn;
mod error_response;
mod grant;
mod hybrid;
mod id_token_terms;
pub(crate) mod identity;
pub mod introspection;
mod jar;
mod jarm;
pub(crate) mod json;
mod json_answer;
pub mod jwt_access_token;
pub mod legacy;
pub mod mcp;
pub mod metadata;
mod par;
mod pending;
mod pkce;
mod rar;
mod redirect_uri;
pub mod registration;
pub mod resource_metadata;
mod sending;
mod settings;
mod special;
mod successor;
mod token_response;

pub use access_request::AccessRequest;
pub use attach::{attach, attach_bound};
pub use authorize::{AuthorizeRequest, Display, Prompt, ResponseMode};
pub use by_reference::{RequestByReference, Signing};
pub use client::{Client, Exchange, Revocation, TokenKind};
pub use grant::{
    BackchannelAuthentication, BackchannelLogin, BackchannelRequest, Delivery, DeviceAuthorization, DeviceLogin, Exchanged, Hint, Step,
    SubjectToken, TokenExchange, TokenExchangeRequest, TokenType,
};
pub use hybrid::{Hybrid, HybridAnswer, HybridPending};
pub use id_token_terms::IdTokenTerms;
pub use par::PushedRequest;
pub use pending::{Pending, Verified};
pub use pkce::s256_challenge;
pub use rar::AuthorizationDetail;
pub use redirect_uri::RedirectUri;
pub use settings::{ClientAuth, Dpop, LongLived, Pin, Pkce, Renewal, RevocationBody, Settings, SignedSecret, TokenBody, TokenError};
