//! The grants beside code and refresh, one file each.

mod assertion;
mod backchannel;
mod client_credentials;
mod device;
mod exchange;
mod password;
mod saml;
mod waiting;

pub use saml::SamlAssertion;
pub(super) use saml::SamlKey;
pub(super) use waiting::Logins;

/// RFC 8628 §3.4.
pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// RFC 8693 §2.1.
pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// RFC 7523 §2.1.
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// RFC 7522 §2.1.
pub(super) const SAML_BEARER: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";
/// OpenID CIBA Core §10.1.
pub(super) const CIBA: &str = "urn:openid:params:grant-type:ciba";
