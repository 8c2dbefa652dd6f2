//! What OAuth 1.0a needs to know of a provider.

use std::str::FromStr;

use crate::endpoint::Endpoint;
use crate::error::Misuse;

/// What OAuth 1.0a needs to know of a provider (RFC 5849).
#[derive(Clone, Debug)]
pub struct Settings {
    /// Temporary Credential Request endpoint (§2.1).
    pub request_token: Endpoint,
    /// Resource Owner Authorization endpoint (§2.2). A browser goes there; it carries no credentials of ours.
    pub authorize: Endpoint,
    /// Token Request endpoint (§2.3).
    pub access_token: Endpoint,
    /// How requests are signed (§3.4).
    pub signature: SignatureMethod,
    /// Where the protocol parameters travel (§3.5).
    pub placement: Placement,
    /// Method of the two token requests; RFC 5849 recommends POST.
    pub token_method: http::Method,
    /// `realm` of the `Authorization` header (§3.5.1), where the provider asks for one.
    pub realm: Option<String>,
    /// When the callback is told.
    pub callback: CallbackAt,
    /// Further parameters of the authorization URL (a scope, an expiration).
    pub authorize_params: Vec<(String, String)>,
}

impl Settings {
    /// A server that keeps to RFC 5849: HMAC-SHA1 in the `Authorization` header, POST, the callback told at the beginning. Its habits
    /// are fields to change.
    pub fn new(request_token: Endpoint, authorize: Endpoint, access_token: Endpoint) -> Self {
        Self {
            request_token,
            authorize,
            access_token,
            signature: SignatureMethod::HmacSha1,
            placement: Placement::Header,
            token_method: http::Method::POST,
            realm: None,
            callback: CallbackAt::RequestToken,
            authorize_params: Vec::new(),
        }
    }
}

/// When the callback URL is told to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallbackAt {
    /// With the request for temporary credentials (RFC 5849 §2.1).
    RequestToken,
    /// On the authorization URL, as before revision A.
    Authorize,
    /// Never: the server uses what was registered, or shows a PIN.
    Registered,
}

/// How a request is signed (RFC 5849 §3.4). RSA's three take their seats here when they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureMethod {
    /// `HMAC-SHA1` (§3.4.2).
    HmacSha1,
    /// `HMAC-SHA256`, in use beyond the RFC.
    HmacSha256,
    /// `HMAC-SHA512`, in use beyond the RFC.
    HmacSha512,
    /// `PLAINTEXT` (§3.4.4): only over TLS, or loopback.
    Plaintext,
}

impl SignatureMethod {
    /// All of them.
    pub const ALL: &[Self] = &[Self::HmacSha1, Self::HmacSha256, Self::HmacSha512, Self::Plaintext];

    /// The value of `oauth_signature_method`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HMAC-SHA1",
            Self::HmacSha256 => "HMAC-SHA256",
            Self::HmacSha512 => "HMAC-SHA512",
            Self::Plaintext => "PLAINTEXT",
        }
    }
}

impl FromStr for SignatureMethod {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        Self::ALL.iter().copied().find(|method| method.name() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|method| method.name()).collect();
            Misuse::new(format!("one of {}", known.join(", ")), format!("\"{text}\""))
        })
    }
}

/// Where the protocol parameters travel (RFC 5849 §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// `Authorization: OAuth …` (§3.5.1), the RFC's first choice.
    Header,
    /// The form body (§3.5.2).
    Body,
    /// The query (§3.5.3).
    Query,
}
