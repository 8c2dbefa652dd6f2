//! OpenID Connect (Core 1.0): who the person is, told in signed text.
//!
//! ```text
//!  Client::authorize (scope openid: a nonce is drawn and kept) ──► … ──► Exchange::receive_signed(answer, keys)
//!                                                                             │ every rule of Core §3.1.3.7
//!                                                                             ▼
//!                                                       tokens, and an IdToken: (issuer, subject)
//! ```

mod id_token;
mod logout;
mod userinfo;

pub use id_token::{Expected, Hashes, IdToken};
pub use logout::{EndSession, LogoutToken, front_channel_logout};
pub use userinfo::{UserInfo, UserInfoRequest};
