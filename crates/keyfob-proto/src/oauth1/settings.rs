//! What OAuth 1.0a needs to know of a provider.

use std::str::FromStr;

use crate::endpoint::Endpoint;
use crate::error::Misuse;

/// What OAuth 1.0a needs to know of a provider (RFC 5849).
#[derive(Clone, Debug, PartialEq)]
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
    /// Further parameters of the request for temporary credentials (a scope, the application's name). Signed, and sent where the protocol
    /// parameters are, but in the query where those are in the header.
    pub request_token_params: Vec<(String, String)>,
    /// Further parameters of the token request, in the same way.
    pub access_token_params: Vec<(String, String)>,
    /// Whether bodies that are no form are signed as well.
    pub body_hash: BodyHash,
    /// Requests without a token say `oauth_token=`, with nothing behind it, instead of leaving it out (RFC 5849 §3.1 lets them).
    pub empty_token: bool,
    /// Nobody logs in: there are no tokens, and the app's own keys sign every call ("one-legged"). The three endpoints are never asked then.
    pub one_legged: bool,
    /// Nobody logs in: tokens are made elsewhere, on a page of the provider's, and imported. The three endpoints are never asked then.
    pub imported: bool,
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
            request_token_params: Vec::new(),
            access_token_params: Vec::new(),
            body_hash: BodyHash::Off,
            empty_token: false,
            one_legged: false,
            imported: false,
        }
    }

    /// A server without tokens, whose calls the app's own keys sign alone (RFC 5849 §3.1 lets `oauth_token` be left out). It has no endpoints but
    /// its API.
    pub fn one_legged(api: Endpoint) -> Self {
        Self { one_legged: true, ..Self::new(api.clone(), api.clone(), api) }
    }

    /// A server whose tokens are made elsewhere, and imported. It has no endpoints but its API.
    pub fn imported(api: Endpoint) -> Self {
        Self { imported: true, ..Self::new(api.clone(), api.clone(), api) }
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

/// Whether bodies that are no form are signed (`oauth_body_hash`, the OAuth Request Body Hash extension, draft 4). RFC 5849 leaves them out
/// of the signature: whoever is in the middle can exchange them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyHash {
    /// No hash is sent.
    #[default]
    Off,
    /// A hash is sent with every call whose body is at hand. A stream is sent without.
    On,
    /// The provider requires it: a stream, whose hash nobody knows beforehand, is refused.
    Required,
}

/// How a request is signed (RFC 5849 §3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureMethod {
    /// `HMAC-SHA1` (§3.4.2).
    HmacSha1,
    /// `HMAC-SHA256`, in use beyond the RFC.
    HmacSha256,
    /// `HMAC-SHA512`, in use beyond the RFC.
    HmacSha512,
    /// `RSA-SHA1` (§3.4.3).
    RsaSha1,
    /// `RSA-SHA256`, in use beyond the RFC.
    RsaSha256,
    /// `RSA-SHA512`, in use beyond the RFC.
    RsaSha512,
    /// `PLAINTEXT` (§3.4.4): only over TLS, or loopback.
    Plaintext,
}

impl SignatureMethod {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::HmacSha1, Self::HmacSha256, Self::HmacSha512, Self::RsaSha1, Self::RsaSha256, Self::RsaSha512, Self::Plaintext];

    /// Those whose key is the two shared secrets.
    pub const SHARED_SECRET: &[Self] = &[Self::HmacSha1, Self::HmacSha256, Self::HmacSha512, Self::Plaintext];

    /// Those whose key is a private key (§3.4.3).
    pub const RSA: &[Self] = &[Self::RsaSha1, Self::RsaSha256, Self::RsaSha512];

    /// The value of `oauth_signature_method`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HMAC-SHA1",
            Self::HmacSha256 => "HMAC-SHA256",
            Self::HmacSha512 => "HMAC-SHA512",
            Self::RsaSha1 => "RSA-SHA1",
            Self::RsaSha256 => "RSA-SHA256",
            Self::RsaSha512 => "RSA-SHA512",
            Self::Plaintext => "PLAINTEXT",
        }
    }

    /// The hash it signs with; `None` for PLAINTEXT, which signs nothing.
    pub const fn hash(self) -> Option<Hash> {
        match self {
            Self::HmacSha1 | Self::RsaSha1 => Some(Hash::Sha1),
            Self::HmacSha256 | Self::RsaSha256 => Some(Hash::Sha256),
            Self::HmacSha512 | Self::RsaSha512 => Some(Hash::Sha512),
            Self::Plaintext => None,
        }
    }

    /// Whether its key is a private key.
    pub const fn is_rsa(self) -> bool {
        matches!(self, Self::RsaSha1 | Self::RsaSha256 | Self::RsaSha512)
    }
}

/// The hash of a signature method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-1. In an HMAC it is sound; in a signature it lives on because RFC 5849 §3.4.3 knows no other.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl FromStr for SignatureMethod {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        Self::ALL.iter().copied().find(|method| method.name() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|method| method.name()).collect();
            Misuse::new(format!("one of {}", known.join(", ")), format!("\"{text}\""))
                .of("RFC 5849 §3.4")
                .with_hint("take one of these names as it stands there")
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
