//! OpenID Connect (Core 1.0): who the person is, told in signed text.
//!
//! ```text
//!  Client::authorize (scope openid: a nonce is drawn and kept) ──► … ──► Exchange::receive_signed(answer, keys)
//!                                                                             │ every rule of Core §3.1.3.7
//!                                                                             ▼
//!                                                       tokens, and an IdToken: (issuer, subject)
//! ```
//!
//! What leads there: [`WebFinger`] finds a person's issuer, [`InitiatedLogin`] reads a login that somebody else begins. What follows: [`UserInfo`] and
//! its [`ClaimSource`]s, [`CheckSession`], and the three logouts.

mod claim_sources;
mod id_token;
mod initiated_login;
mod logout;
mod requested;
mod session_status;
mod userinfo;
mod webfinger;

pub use claim_sources::{ClaimSource, ClaimsRequest, SignedClaims, Source, SourcedClaims};
pub use id_token::{Expected, Hashes, IdToken};
pub use initiated_login::InitiatedLogin;
pub use logout::{EndSession, LogoutToken, SeenLogouts, front_channel_logout};
pub(crate) use requested::RequestedClaims;
pub use session_status::{CheckSession, SessionStatus};
pub use userinfo::{UserInfo, UserInfoRequest};
pub use webfinger::{Finding, WebFinger};
