//! Authorization server metadata (RFC 8414) and OpenID Connect Discovery: what a server says about itself.
//!
//! ```text
//!  Discovery::of(issuer) ──► request ──► receive ─┬► Step::Next: the next well-known URL
//!                                                 └► Step::Done: CachedMetadata ──► Metadata::settings ──► oauth2::Settings
//! ```
//!
//! A document is believed about the one issuer it was asked for, byte for byte, and about nothing else (F1).

mod cached;
mod discovery;
mod settings;
mod signed;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::document::Document;
use crate::endpoint::Endpoint;
use crate::error::Misbehaved;
use crate::reach::Reach;
use crate::scrub::printable;

pub use cached::CachedMetadata;
pub use discovery::{Discovery, Order, Step};
pub(crate) use discovery::{is_absent, issuer_identifier};
pub use settings::{Preferences, Pushed};
pub(in crate::oauth2) use signed::Signed;

pub(crate) const SECTION: &str = "RFC 8414 §2";

/// What an authorization server says about itself. Fields have the names of the registry (RFC 8414 §7.1, OpenID Connect Discovery §3); lists that are
/// absent are empty, or hold the default that their specification names. Every endpoint is `https` (or this machine's own), and leads nowhere that
/// only we can reach.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "where the name is the registry's, and says it all")]
pub struct Metadata {
    /// The issuer, as it was asked for.
    pub issuer: String,
    /// Absent where no grant uses it.
    pub authorization_endpoint: Option<Endpoint>,
    /// Absent where only the implicit grant is spoken, which is not spoken here.
    pub token_endpoint: Option<Endpoint>,
    pub jwks_uri: Option<Endpoint>,
    pub registration_endpoint: Option<Endpoint>,
    pub scopes_supported: Vec<String>,
    pub response_types_supported: Vec<String>,
    /// `query` and `fragment` where the server names none (§2).
    pub response_modes_supported: Vec<String>,
    /// `authorization_code` and `implicit` where the server names none (§2).
    pub grant_types_supported: Vec<String>,
    /// How a client says who it is at the token endpoint.
    pub token_endpoint_auth: Authentication,
    /// The same at the revocation endpoint.
    pub revocation_endpoint_auth: Authentication,
    /// The same at the introspection endpoint.
    pub introspection_endpoint_auth: Authentication,
    /// RFC 7009.
    pub revocation_endpoint: Option<Endpoint>,
    /// RFC 7662.
    pub introspection_endpoint: Option<Endpoint>,
    /// RFC 9701 §7.
    pub introspection_signing_alg_values_supported: Vec<String>,
    /// RFC 7636. `None`: the server does not say, which is not the same as "none of them".
    pub code_challenge_methods_supported: Option<Vec<String>>,
    /// RFC 9126 §5.
    pub pushed_authorization_request_endpoint: Option<Endpoint>,
    /// Whether every authorization request must be pushed (RFC 9126 §5).
    pub require_pushed_authorization_requests: bool,
    /// RFC 9207 §3: whether a callback without `iss` is somebody else's.
    pub authorization_response_iss_parameter_supported: bool,
    /// RFC 9449 §5.1.
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// RFC 8705 §3.3.
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Where the endpoints of these names are for those who show a certificate (RFC 8705 §5).
    pub mtls_endpoint_aliases: BTreeMap<String, Endpoint>,
    /// RFC 9101 §10.5.
    pub require_signed_request_object: bool,
    pub request_object_signing_alg_values_supported: Vec<String>,
    pub request_object_encryption_alg_values_supported: Vec<String>,
    pub request_object_encryption_enc_values_supported: Vec<String>,
    pub request_parameter_supported: bool,
    /// True where the server does not say (OpenID Connect Discovery §3).
    pub request_uri_parameter_supported: bool,
    pub require_request_uri_registration: bool,
    /// JARM §4.
    pub authorization_signing_alg_values_supported: Vec<String>,
    pub authorization_encryption_alg_values_supported: Vec<String>,
    pub authorization_encryption_enc_values_supported: Vec<String>,
    /// RFC 8628 §4.
    pub device_authorization_endpoint: Option<Endpoint>,
    /// CIBA §4.
    pub backchannel_authentication_endpoint: Option<Endpoint>,
    pub backchannel_token_delivery_modes_supported: Vec<String>,
    pub backchannel_authentication_request_signing_alg_values_supported: Vec<String>,
    pub backchannel_user_code_parameter_supported: bool,
    /// RFC 9396 §10.
    pub authorization_details_types_supported: Vec<String>,
    /// RFC 9728 §4: the resources that this server gives tokens for, where it says. Theirs is the last word.
    pub protected_resources: Vec<String>,
    /// Whether a client id may be the URL of a document about the client (draft-ietf-oauth-client-id-metadata-document §5).
    pub client_id_metadata_document_supported: bool,
    pub userinfo_endpoint: Option<Endpoint>,
    pub userinfo_signing_alg_values_supported: Vec<String>,
    pub subject_types_supported: Vec<String>,
    pub id_token_signing_alg_values_supported: Vec<String>,
    pub id_token_encryption_alg_values_supported: Vec<String>,
    pub id_token_encryption_enc_values_supported: Vec<String>,
    pub acr_values_supported: Vec<String>,
    pub claims_supported: Vec<String>,
    pub claims_parameter_supported: bool,
    pub prompt_values_supported: Vec<String>,
    pub display_values_supported: Vec<String>,
    pub ui_locales_supported: Vec<String>,
    pub claims_locales_supported: Vec<String>,
    /// OpenID Connect RP-Initiated Logout §2.1.
    pub end_session_endpoint: Option<Endpoint>,
    /// OpenID Connect Session Management §3.3.
    pub check_session_iframe: Option<Endpoint>,
    pub frontchannel_logout_supported: bool,
    pub frontchannel_logout_session_supported: bool,
    pub backchannel_logout_supported: bool,
    pub backchannel_logout_session_supported: bool,
    /// For developers, to be shown, never fetched.
    pub service_documentation: Option<String>,
    /// How the server wants what it knows to be used; to be shown, never fetched.
    pub op_policy_uri: Option<String>,
    /// The server's terms; to be shown, never fetched.
    pub op_tos_uri: Option<String>,
    /// RFC 8414 §2.1: the same once more, signed. Kept as it came; nothing of it is believed until somebody checks it.
    pub signed_metadata: Option<String>,
    document: Map<String, Value>,
}

/// How a client may say who it is at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authentication {
    /// `…_auth_methods_supported`. `client_secret_basic` where the server names none (RFC 8414 §2).
    pub methods: Vec<String>,
    /// `…_auth_signing_alg_values_supported`: what assertions may be signed with.
    pub algorithms: Vec<String>,
}

impl Metadata {
    /// Reads a document about this issuer.
    pub(crate) fn of(issuer: &Endpoint, document: Map<String, Value>) -> Result<Self, Misbehaved> {
        let reach = Reach::of(issuer);
        let d = Document::new(&document, SECTION);
        // RFC 8414 §3.3, byte for byte: a server that may speak for another one could have our codes and secrets sent to itself (mix-up).
        let claimed = d.required("issuer")?;
        if claimed != issuer.as_str() {
            return Err(Misbehaved::new("RFC 8414 §3.3", format!("the issuer {issuer}"), format!("\"{}\"", printable(claimed))).with_hint(
                "compare it letter for letter, a slash at the end too; do not take over the other one unless its owner says so",
            ));
        }
        let endpoint = |name| d.endpoint(name, &reach);
        let (texts, flag) = (|name| d.texts(name), |name| d.flag(name).map(|flag| flag.unwrap_or(false)));
        let auth = |of: &str| Authentication::of(&d, of);
        Ok(Self {
            issuer: claimed.to_owned(),
            authorization_endpoint: endpoint("authorization_endpoint")?,
            token_endpoint: endpoint("token_endpoint")?,
            jwks_uri: endpoint("jwks_uri")?,
            registration_endpoint: endpoint("registration_endpoint")?,
            scopes_supported: texts("scopes_supported")?,
            response_types_supported: texts("response_types_supported")?,
            response_modes_supported: or(d.list("response_modes_supported")?, &["query", "fragment"]),
            grant_types_supported: or(d.list("grant_types_supported")?, &["authorization_code", "implicit"]),
            token_endpoint_auth: auth("token_endpoint")?,
            revocation_endpoint_auth: auth("revocation_endpoint")?,
            introspection_endpoint_auth: auth("introspection_endpoint")?,
            revocation_endpoint: endpoint("revocation_endpoint")?,
            introspection_endpoint: endpoint("introspection_endpoint")?,
            introspection_signing_alg_values_supported: texts("introspection_signing_alg_values_supported")?,
            code_challenge_methods_supported: d.list("code_challenge_methods_supported")?,
            pushed_authorization_request_endpoint: endpoint("pushed_authorization_request_endpoint")?,
            require_pushed_authorization_requests: flag("require_pushed_authorization_requests")?,
            authorization_response_iss_parameter_supported: flag("authorization_response_iss_parameter_supported")?,
            dpop_signing_alg_values_supported: texts("dpop_signing_alg_values_supported")?,
            tls_client_certificate_bound_access_tokens: flag("tls_client_certificate_bound_access_tokens")?,
            mtls_endpoint_aliases: aliases(&d, &reach)?,
            require_signed_request_object: flag("require_signed_request_object")?,
            request_object_signing_alg_values_supported: texts("request_object_signing_alg_values_supported")?,
            request_object_encryption_alg_values_supported: texts("request_object_encryption_alg_values_supported")?,
            request_object_encryption_enc_values_supported: texts("request_object_encryption_enc_values_supported")?,
            request_parameter_supported: flag("request_parameter_supported")?,
            request_uri_parameter_supported: d.flag("request_uri_parameter_supported")?.unwrap_or(true),
            require_request_uri_registration: flag("require_request_uri_registration")?,
            authorization_signing_alg_values_supported: texts("authorization_signing_alg_values_supported")?,
            authorization_encryption_alg_values_supported: texts("authorization_encryption_alg_values_supported")?,
            authorization_encryption_enc_values_supported: texts("authorization_encryption_enc_values_supported")?,
            device_authorization_endpoint: endpoint("device_authorization_endpoint")?,
            backchannel_authentication_endpoint: endpoint("backchannel_authentication_endpoint")?,
            backchannel_token_delivery_modes_supported: texts("backchannel_token_delivery_modes_supported")?,
            backchannel_authentication_request_signing_alg_values_supported: texts(
                "backchannel_authentication_request_signing_alg_values_supported",
            )?,
            backchannel_user_code_parameter_supported: flag("backchannel_user_code_parameter_supported")?,
            authorization_details_types_supported: texts("authorization_details_types_supported")?,
            protected_resources: texts("protected_resources")?,
            client_id_metadata_document_supported: flag("client_id_metadata_document_supported")?,
            userinfo_endpoint: endpoint("userinfo_endpoint")?,
            userinfo_signing_alg_values_supported: texts("userinfo_signing_alg_values_supported")?,
            subject_types_supported: texts("subject_types_supported")?,
            id_token_signing_alg_values_supported: texts("id_token_signing_alg_values_supported")?,
            id_token_encryption_alg_values_supported: texts("id_token_encryption_alg_values_supported")?,
            id_token_encryption_enc_values_supported: texts("id_token_encryption_enc_values_supported")?,
            acr_values_supported: texts("acr_values_supported")?,
            claims_supported: texts("claims_supported")?,
            claims_parameter_supported: flag("claims_parameter_supported")?,
            prompt_values_supported: texts("prompt_values_supported")?,
            display_values_supported: texts("display_values_supported")?,
            ui_locales_supported: texts("ui_locales_supported")?,
            claims_locales_supported: texts("claims_locales_supported")?,
            end_session_endpoint: endpoint("end_session_endpoint")?,
            check_session_iframe: endpoint("check_session_iframe")?,
            frontchannel_logout_supported: flag("frontchannel_logout_supported")?,
            frontchannel_logout_session_supported: flag("frontchannel_logout_session_supported")?,
            backchannel_logout_supported: flag("backchannel_logout_supported")?,
            backchannel_logout_session_supported: flag("backchannel_logout_session_supported")?,
            service_documentation: d.page("service_documentation")?,
            op_policy_uri: d.page("op_policy_uri")?,
            op_tos_uri: d.page("op_tos_uri")?,
            signed_metadata: d.text("signed_metadata")?.map(str::to_owned),
            document,
        })
    }

    /// A member by its name, as the server wrote it: those that have no field here, and whatever is invented next. Nothing in it was judged.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.document.get(name)
    }

    /// An endpoint for those who show a certificate: the alias, where the server has one of this name, or else the endpoint itself (RFC 8705 §5, G6).
    pub fn mtls_endpoint<'a>(&'a self, name: &str, usual: Option<&'a Endpoint>) -> Option<&'a Endpoint> {
        self.mtls_endpoint_aliases.get(name).or(usual)
    }
}

impl Authentication {
    fn of(d: &Document<'_>, endpoint: &str) -> Result<Self, Misbehaved> {
        let methods = or(d.list(&format!("{endpoint}_auth_methods_supported"))?, &["client_secret_basic"]);
        Ok(Self { methods, algorithms: d.texts(&format!("{endpoint}_auth_signing_alg_values_supported"))? })
    }

    /// Whether the server takes this method.
    pub fn takes(&self, method: &str) -> bool {
        self.methods.iter().any(|known| known == method)
    }
}

fn or(list: Option<Vec<String>>, default: &[&str]) -> Vec<String> {
    list.unwrap_or_else(|| default.iter().map(|&text| text.to_owned()).collect())
}

/// RFC 8705 §5: an object of endpoints by their usual names. Members that are no endpoint's are unknown, and left alone; so is whatever no specification would
/// call one: a name gets into the error about its URL.
fn aliases(d: &Document<'_>, reach: &Reach) -> Result<BTreeMap<String, Endpoint>, Misbehaved> {
    let members = match d.get("mtls_endpoint_aliases") {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(d.broke("mtls_endpoint_aliases", "an object", "something else")),
    };
    let inner = Document::new(members, "RFC 8705 §5");
    let is_name = |name: &str| name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let names = members.keys().filter(|name| name.ends_with("_endpoint") && is_name(name));
    let pairs = names.map(|name| Ok(inner.endpoint(name, reach)?.map(|endpoint| (name.clone(), endpoint))));
    pairs.filter_map(Result::transpose).collect()
}
