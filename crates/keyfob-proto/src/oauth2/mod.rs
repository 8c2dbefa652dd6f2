//! OAuth 2 (RFC 6749).

mod settings;

pub use settings::{ClientAuth, Pkce, Settings, TokenBody};
