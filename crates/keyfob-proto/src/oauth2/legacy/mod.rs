//! Two grants of RFC 6749 that nobody should use any more (RFC 9700 §2.1.2, §2.4; OAuth 2.1 has dropped both), for servers that know nothing
//! else. They stand in a module of their own so that their use shows: nothing else in this crate refers to them.

mod implicit;
mod password;

pub use implicit::{ImplicitPending, authorize_implicit, push_implicit};
pub use password::password;
