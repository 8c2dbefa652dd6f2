//! What OAuth 2 needs to know of a provider.

use crate::endpoint::Endpoint;
use crate::error::Misuse;
use crate::form::Value;
use crate::jose::{Algorithm, Algorithms};
use crate::oauth2::redirect_uri::RedirectUri;
use crate::settings::Signal;

/// What OAuth 2 needs to know of a provider (RFC 6749).
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Authorization endpoint (§3.1). A browser goes there; it carries no credentials of ours. `None`: nobody is sent anywhere. People enter a code on
    /// another device then, where `device_authorization` is there, and otherwise tokens that were made elsewhere are imported.
    pub authorize: Option<Endpoint>,
    /// Token endpoint (§3.2).
    pub token: Endpoint,
    /// Where refresh requests go, where that is not the token endpoint.
    pub refresh: Option<Endpoint>,
    /// How tokens are renewed where the access token does that itself, and no refresh token comes.
    pub renewal: Option<Renewal>,
    /// Revocation endpoint (RFC 7009), where there is one.
    pub revoke: Option<Endpoint>,
    /// Device authorization endpoint (RFC 8628 §3.1), where there is one.
    pub device_authorization: Option<Endpoint>,
    /// How that endpoint is asked and answers, where it is a PIN's of before RFC 8628.
    pub pin: Option<Pin>,
    /// Pushed authorization request endpoint (RFC 9126 §2), where there is one.
    pub pushed: Option<Endpoint>,
    /// Whether requests must be pushed (RFC 9126 §5): then nothing goes through the browser instead, also if pushing fails.
    pub pushed_required: bool,
    /// Whether requests are signed (RFC 9101), by the client's own key.
    pub request_object: bool,
    /// Backchannel authentication endpoint (OpenID CIBA Core §7), where there is one.
    pub backchannel_authentication: Option<Endpoint>,
    /// Issuer identifier: what `iss` of a callback must equal (RFC 9207), where it is known.
    pub issuer: Option<String>,
    /// Whether a callback without `iss` is refused (`authorization_response_iss_parameter_supported`).
    pub iss_required: bool,
    /// Where the issuer's public keys are (`jwks_uri`), where ID tokens shall be verified. It is asked without credentials.
    pub jwks: Option<Endpoint>,
    /// What ID tokens may be signed with: as this app was registered, or as the server's metadata lists. RS256 is what a server uses that was told
    /// nothing else (OpenID Connect Registration §2).
    pub id_token_algorithms: Algorithms,
    /// Who else may be addressed by ID tokens of this app (`aud`): a server that names its project beside the app, say. It is for us to know them (OpenID
    /// Connect Core §3.1.3.7, rule 3), so nothing that a server says fills this.
    pub trusted_audiences: Vec<String>,
    /// Whether the ID token of a hybrid answer must have the hash of the state (`s_hash`), as FAPI 1 Advanced §5.2.3.1 wants it.
    pub state_hash: bool,
    /// What signed authorization answers (JARM) may be signed with: as this app was registered, or as the server's metadata lists; RS256 by JARM §3.
    pub response_algorithms: Algorithms,
    /// Where the server tells more about the person (OpenID Connect Core §5.3), where it does.
    pub userinfo: Option<Endpoint>,
    /// What those answers are signed with, if that was agreed on at registration (`userinfo_signed_response_alg`). `None`: they are plain.
    pub userinfo_algorithms: Option<Algorithms>,
    /// Where a browser goes to end the person's session at the server (OpenID Connect RP-Initiated Logout §2.1).
    pub end_session: Option<Endpoint>,
    /// Whether tokens are bound to a key of ours (RFC 9449).
    pub dpop: Dpop,
    /// What proofs may be signed with (`dpop_signing_alg_values_supported`).
    pub dpop_algorithms: Algorithms,
    /// Whether the issuer's own metadata names these endpoints, and not our configuration: then they may not be ones that only we can reach, wherever
    /// their names lead when they are asked (F4).
    pub discovered: bool,
    /// How the client says who it is at the token endpoint (§2.3). An app without a secret always sends its id in the body.
    pub client_auth: ClientAuth,
    /// Whom the assertions of [`ClientAuth::SecretJwt`] and [`ClientAuth::PrivateKeyJwt`] are for (`aud`), where that is not `issuer`: some servers take
    /// their token endpoint alone (RFC 7523 §3). Only for who knows the server to say: one that is filled from metadata which somebody else wrote makes an
    /// assertion that is meant for one server good at another (audience injection).
    pub assertion_audience: Option<String>,
    /// What a client secret says that we sign ourselves, with [`ClientAuth::SignedSecret`].
    pub signed_secret: Option<SignedSecret>,
    /// What token requests look like.
    pub token_body: TokenBody,
    /// What revocation requests look like.
    pub revocation_body: RevocationBody,
    /// Proof key (RFC 7636). `S256` unless a provider file says otherwise, with its source.
    pub pkce: Pkce,
    /// Scopes to ask for when the person names none.
    pub scopes: Vec<String>,
    /// What joins scopes; a space by RFC 6749 §3.3.
    pub scope_separator: String,
    /// Whether `response_type=code` is sent (§4.1.1 requires it; some servers document none).
    pub response_type: bool,
    /// Whether the token request repeats `redirect_uri` (§4.1.3 requires it; some servers document none).
    pub redirect_uri_at_token: bool,
    /// What is sent as `redirect_uri` in its place: the name that a server gave to it at registration. The answer is awaited at the URI itself.
    pub redirect_name: Option<String>,
    /// Other names of parameters of requests, by the RFC's: `client_id` is `client_key` for one provider, and `appid` for another. They hold for the
    /// authorization URL and for everything that is sent to the server itself.
    pub parameter_names: Vec<(String, String)>,
    /// Other values of `grant_type`, by the RFC's: `refresh` for `refresh_token`.
    pub grant_types: Vec<(String, String)>,
    /// What the authorization URL ends with behind a `#`, where a server wants that. RFC 6749 §3.1 lets no endpoint have one; a browser keeps it to
    /// itself, and so to the page's script.
    pub authorize_fragment: Option<String>,
    /// How the token endpoint says no, where that is not as the RFC has it. To be understood, the deviation `own-error` has to be allowed.
    pub token_error: Option<TokenError>,
    /// What an error answer to a refresh says where it means `invalid_grant` (§5.2) in words of the provider's own: the refresh token is not good any more.
    /// Judged before anything else in the answer, and of refreshes alone. Not for what can also be the app's or the request's fault: somebody has to log in
    /// again then, for nothing.
    pub grant_ended: Vec<Signal>,
    /// Where a token answer has its members, where that is not its top: a JSON pointer (RFC 6901) to an object, such as `/data`. To be read there, the
    /// deviation `nested-tokens` has to be allowed.
    pub tokens_at: Option<String>,
    /// What this provider calls its bearer tokens in `token_type`, where that is not `Bearer`. To be taken, the deviation `other-token-type` has to be
    /// allowed.
    pub token_type: Option<String>,
    /// Further parameters of the authorization URL.
    pub authorize_params: Vec<(String, String)>,
    /// Further parameters of the token request.
    pub token_params: Vec<(String, String)>,
    /// Lifetime of access tokens in seconds where answers name none.
    pub default_lifetime: Option<u32>,
    /// The member of token answers that says for how many seconds the refresh token is good, where that is not `refresh_token_expires_in`.
    pub refresh_expires_in: Option<String>,
}

impl Settings {
    /// A server that keeps to its RFCs: Basic authentication, form bodies, proof key, scopes joined by spaces. Its habits are
    /// fields to change.
    pub fn new(authorize: Endpoint, token: Endpoint) -> Self {
        Self {
            authorize: Some(authorize),
            token,
            refresh: None,
            renewal: None,
            revoke: None,
            device_authorization: None,
            pin: None,
            pushed: None,
            pushed_required: false,
            request_object: false,
            backchannel_authentication: None,
            issuer: None,
            iss_required: false,
            jwks: None,
            id_token_algorithms: Algorithms::of([Algorithm::RS256]),
            trusted_audiences: Vec::new(),
            state_hash: false,
            response_algorithms: Algorithms::of([Algorithm::RS256]),
            userinfo: None,
            userinfo_algorithms: None,
            end_session: None,
            dpop: Dpop::Off,
            dpop_algorithms: Algorithms::of([Algorithm::ES256]),
            discovered: false,
            client_auth: ClientAuth::Basic,
            assertion_audience: None,
            signed_secret: None,
            token_body: TokenBody::Form,
            revocation_body: RevocationBody::Form,
            pkce: Pkce::S256,
            scopes: Vec::new(),
            scope_separator: " ".to_owned(),
            response_type: true,
            redirect_uri_at_token: true,
            redirect_name: None,
            parameter_names: Vec::new(),
            grant_types: Vec::new(),
            authorize_fragment: None,
            token_error: None,
            grant_ended: Vec::new(),
            tokens_at: None,
            token_type: None,
            authorize_params: Vec::new(),
            token_params: Vec::new(),
            default_lifetime: None,
            refresh_expires_in: None,
        }
    }

    /// A server whose tokens are made elsewhere and imported: `token` is where they are renewed.
    pub fn imported(token: Endpoint) -> Self {
        Self { authorize: None, ..Self::new(token.clone(), token) }
    }

    /// A server that has no page to send a browser to: people log in on another device alone (RFC 8628), by a code that `device` gives out.
    pub fn on_device(device: Endpoint, token: Endpoint) -> Self {
        Self { device_authorization: Some(device), ..Self::imported(token) }
    }

    /// Whether people log in on another device, and in no other way.
    pub fn is_device_only(&self) -> bool {
        self.authorize.is_none() && self.device_authorization.is_some()
    }

    /// Where a browser goes.
    pub(crate) fn page(&self) -> Result<&Endpoint, Misuse> {
        self.authorize.as_ref().ok_or_else(|| if self.is_device_only() { device_only() } else { crate::settings::imported() })
    }

    /// That the ID token of a login with these scopes can be judged, before somebody approves it for nothing. What an issuer lists and can be learned from its
    /// published keys may be nothing at all: one that signs with the app's secret alone is taken at our own word, never at its (CVE-2017-11424).
    pub(crate) fn check_id_tokens(&self, scopes: &[String]) -> Result<(), Misuse> {
        let judged = self.jwks.is_some() && scopes.iter().any(|scope| scope == "openid");
        if judged && self.id_token_algorithms.iter().next().is_none() {
            return Err(Misuse::new(
                "an algorithm that ID tokens are signed with (id_token_algorithms)",
                "none whose keys are published, in what the issuer lists",
            )
            .of("OpenID Connect Core §3.1.3.7")
            .with_hint("where they are signed with the app's secret, say so in the provider's file: id_token_algorithms = [\"HS256\"]"));
        }
        Ok(())
    }

    /// What says in a request where the answer goes.
    pub(crate) fn redirect_of<'a>(&'a self, uri: &'a RedirectUri) -> Value<'a> {
        self.redirect_name.as_deref().map_or_else(|| Value::Spelled(uri.spelled()), Value::Any)
    }

    /// What this server calls a parameter.
    pub(crate) fn name_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.parameter_names.iter().find(|(known, _)| known == name).map_or(name, |(_, own)| own)
    }

    /// What this server calls a grant.
    pub(crate) fn grant_of<'a>(&'a self, grant_type: &'a str) -> &'a str {
        self.grant_types.iter().find(|(known, _)| known == grant_type).map_or(grant_type, |(_, own)| own)
    }

    /// The authorization URL with what it has to end with.
    pub(crate) fn ended(&self, url: String) -> String {
        match &self.authorize_fragment {
            Some(fragment) => format!("{url}#{fragment}"),
            None => url,
        }
    }

    /// The same where it may be known how the name is spelled.
    #[inline(always)]
    pub(crate) fn value_of<'a>(&'a self, name: Value<'a>) -> Value<'a> {
        if self.parameter_names.is_empty() { name } else { Value::Any(self.name_of(name.text())) }
    }
}

/// What is told where a browser is about to be sent to a server that has no page for it.
fn device_only() -> Misuse {
    Misuse::new("a provider that a browser is sent to", "one where people log in on another device alone (RFC 8628)")
        .with_hint("begin a device login: Client::device_authorization; in a session DeviceLogin::begin")
}

/// How a token endpoint says no in a way of its own. Pointers are JSON pointers (RFC 6901).
#[derive(Clone, Debug, PartialEq)]
pub struct TokenError {
    /// Where the error's code is.
    pub code: String,
    /// Where its sentence is.
    pub message: Option<String>,
    /// Codes that stand there and mean that there is no error.
    pub none: Vec<serde_json::Value>,
    /// Codes that mean `invalid_grant` (RFC 6749 §5.2): what was sent is not good any more, and somebody has to log in.
    pub invalid_grant: Vec<serde_json::Value>,
}

/// How the client says who it is at the token endpoint (RFC 6749 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuth {
    /// `client_secret_basic`: id and secret form-encoded in `Authorization: Basic` (§2.3.1).
    Basic,
    /// The same, and where there is no secret, Basic with an empty password: for servers that want the header of public clients, too.
    BasicEmpty,
    /// As `Basic`, without the encoding: for servers that take id and secret as they are, and refuse encoded ones.
    BasicRaw,
    /// The secret alone in `Authorization: Basic`, as the name, with an empty password, and the id nowhere: for servers that know an app by its secret.
    BasicSecret,
    /// `client_secret_post`: id and secret in the body (§2.3.1).
    Post,
    /// As `Post`, but the secret is a JWT about the client that is signed with a key of ours, anew for each request: what it says is in
    /// [`Settings::signed_secret`]. See [`Client::with_key`](super::Client::with_key).
    SignedSecret,
    /// `client_secret_jwt`: an assertion signed with the secret (OpenID Connect Core §9).
    SecretJwt,
    /// `private_key_jwt`: an assertion signed with a key of ours (RFC 7523 §2.2). See [`Client::with_key`](super::Client::with_key).
    PrivateKeyJwt,
    /// `tls_client_auth` or `self_signed_tls_client_auth`: the certificate that the transport shows says it (RFC 8705 §2).
    Tls,
    /// `none`: a public client sends its id alone (§3.2.1).
    None,
}

/// What a client secret says that we sign ourselves, beside the client (`sub`) and its time (`iat`, `exp`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedSecret {
    /// `iss`: whose key signs, as the server knows them.
    pub issuer: String,
    /// `aud`: whom it is for, as the server calls itself.
    pub audience: String,
}

/// Whether tokens are bound to a key of ours (DPoP, RFC 9449): a stolen one is worth nothing then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dpop {
    /// They are not.
    #[default]
    Off,
    /// They are: a key is made at login, and an answer with tokens that are not bound is refused (§5).
    Wanted,
}

/// What token requests look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenBody {
    /// `application/x-www-form-urlencoded` (RFC 6749 §4.1.3).
    Form,
    /// JSON, for servers that document that.
    Json,
    /// No body: a POST whose parameters are in its query. What is said of [`Query`](Self::Query) is true of it, too.
    QueryPost,
    /// No body: a GET whose parameters are in its query. RFC 6749 §3.2 wants a POST, since URLs are written into logs and a secret with them; so only for
    /// servers that take nothing else.
    Query,
}

/// What revocation requests look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevocationBody {
    /// A form with `token` and `token_type_hint` (RFC 7009 §2.1).
    Form,
    /// `token` as JSON, and nothing beside it.
    Json,
    /// A form that has the token as `access_token` or as `refresh_token`.
    ByKind,
}

/// A renewal by the access token itself: a GET at [`Settings::refresh`] with `grant_type` and `access_token` in its query, while the token is good. Who has
/// the access token can have it for ever, so it is kept and noted as a refresh token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// `grant_type` of that request.
    pub grant_type: String,
    /// What the login's token is exchanged for at once, where only the token of that exchange is renewed.
    pub long_lived: Option<LongLived>,
}

/// An exchange of a login's token for one that lives longer: a GET with `grant_type`, `client_secret` and `access_token` in its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongLived {
    /// Where it is asked for.
    pub endpoint: Endpoint,
    /// `grant_type` of that request.
    pub grant_type: String,
}

/// A login on another device as it was before RFC 8628: the device authorization endpoint is asked by GET, as a browser asks for an authorization page, and
/// what it answers goes by other names. The rest is that RFC's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// `response_type` of the request.
    pub response_type: String,
    /// The member of the answer that a person enters (`user_code` in the RFC).
    pub user_code: String,
    /// The member that names the login at the token endpoint (`device_code`).
    pub device_code: String,
    /// Where a person enters the PIN (`verification_uri`), which no answer says.
    pub page: Endpoint,
    /// Seconds in the unit of `expires_in`: 60, where that counts minutes.
    pub unit: u32,
    /// `grant_type` of the token request.
    pub grant_type: String,
    /// The parameter of the token request that names the login (`device_code`).
    pub parameter: String,
}

/// Proof key for code exchange (RFC 7636).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pkce {
    /// The challenge is the SHA-256 of the verifier (§4.2).
    S256,
    /// None is sent: only where a provider file says so, with its source.
    Off,
}
