//! Signed JSON (JOSE): what OAuth 2 and OpenID Connect need of JWS (RFC 7515), JWK (RFC 7517) and JWA (RFC 7518), and no more.
//!
//! ```text
//!  a key set from a server ──► KeySet::read ──┐
//!                                             ▼
//!  text ──► Jws::read ──► Jws::verify(keys, the algorithms this use allows) ──► the payload
//!
//!  a key of ours ──► Crypto::signer ──► Sign ──► sign_compact(header, payload) ──► text
//! ```
//!
//! Who uses a token says which algorithms it may have; its header only picks one of them (RFC 8725 §3.1). `none` is no algorithm here, keys come
//! from a key set or from our own registration, never from the token (`jwk`, `jku`, `x5u` and `x5c` are not read), and what a header calls
//! critical is refused, since nothing critical is understood.
//!
//! Mathematics are somebody else's: a [`Crypto`] is passed in as a value. [`AwsLc`] (feature `aws-lc`) is the usual one; HMAC is in the core.

mod algorithm;
#[cfg(feature = "aws-lc")]
mod aws_lc;
mod crypto;
mod hmac;
mod jwk;
mod jws;
pub(crate) mod jwt;
mod key_set;
mod private;

pub use algorithm::{Algorithm, Algorithms};
#[cfg(feature = "aws-lc")]
pub use aws_lc::AwsLc;
pub use crypto::{Crypto, Sign, SignFailed, Verify};
pub use hmac::HmacKey;
pub use jwk::{Curve, Jwk, PublicKey};
pub use jws::{Header, Jws, sign_compact};
pub use jwt::{Claims, LEEWAY};
pub use key_set::{KeyCache, KeySet, Keys};
pub use private::{KeyBytes, PrivateKey};
