//! What the server says about itself (RFC 8414, OpenID Connect Discovery: one document at two places) and about its API (RFC 9728).

use serde_json::{Value, json};

use super::keys::{ALGORITHMS, CLIENT_ALGORITHMS, Twist};
use super::person::ACR;
use super::response::MODES;
use super::token::GRANTS;
use super::{Acme, METHODS, SCOPES, certificate, rar};
use crate::apps::Registration;
use crate::desk::Desk;
use crate::flaw::Flaw;
use crate::message::{Call, Reply};
use crate::quirk::Quirk;

/// The issuer is the origin by which the client addresses us.
fn server(desk: &Desk, call: &Call) -> Value {
    let issuer = &call.origin;
    let url = |path: &str| json!(format!("{issuer}{path}"));
    let own: Vec<&str> = ALGORITHMS.iter().map(|algorithm| algorithm.name()).collect();
    let confidential: Vec<&str> = METHODS.iter().copied().filter(|method| *method != "none").collect();
    let assertions: Vec<&str> = CLIENT_ALGORITHMS.iter().copied().chain(["HS256", "HS384", "HS512"]).collect();
    let with_hmac: Vec<&str> = own.iter().copied().chain(["HS256"]).collect();
    let request_objects: Vec<&str> = CLIENT_ALGORITHMS.into_iter().chain(["none"]).collect();
    let mut body = json!({
        "issuer": issuer,
        "authorization_endpoint": url("/authorize"),
        "token_endpoint": url("/token"),
        "revocation_endpoint": url("/revoke"),
        "introspection_endpoint": url("/introspect"),
        "userinfo_endpoint": url("/userinfo"),
        "jwks_uri": url("/jwks"),
        "registration_endpoint": url("/register"),
        "end_session_endpoint": url("/end_session"),
        "pushed_authorization_request_endpoint": url("/par"),
        "device_authorization_endpoint": url("/device_authorization"),
        "backchannel_authentication_endpoint": url("/bc-authorize"),
        "protected_resources": [url("/api")],
        "scopes_supported": SCOPES,
        "check_session_iframe": url("/check_session"),
        "response_types_supported": ["code", "code id_token", "code id_token token"],
        "response_modes_supported": MODES,
        "grant_types_supported": GRANTS,
        "authorization_details_types_supported": rar::TYPES,
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_signing_alg_values_supported": with_hmac,
        "authorization_signing_alg_values_supported": with_hmac,
        "request_object_signing_alg_values_supported": request_objects,
        "dpop_signing_alg_values_supported": CLIENT_ALGORITHMS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": true,
        "require_request_uri_registration": true,
        "require_pushed_authorization_requests": desk.faults().require_par,
    });
    let openid = json!({
        "subject_types_supported": ["public"],
        "acr_values_supported": ACR,
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "sid", "name", "given_name", "family_name",
            "preferred_username", "locale", "zoneinfo", "updated_at", "email", "email_verified"],
        "prompt_values_supported": ["none", "login", "consent"],
        "id_token_signing_alg_values_supported": with_hmac,
        "userinfo_signing_alg_values_supported": with_hmac,
        "claims_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "backchannel_token_delivery_modes_supported": ["poll", "ping"],
        "backchannel_user_code_parameter_supported": false,
    });
    if let (Some(body), Value::Object(openid)) = (body.as_object_mut(), openid) {
        body.extend(openid);
    }
    // RFC 8414 §2: an endpoint whose methods include signed ones names their algorithms.
    for endpoint in ["token", "revocation", "introspection"] {
        body[format!("{endpoint}_endpoint_auth_signing_alg_values_supported")] = json!(assertions);
    }
    if let Some(door) = desk.door() {
        let methods: Vec<&str> = METHODS.into_iter().chain(certificate::METHODS).collect();
        for endpoint in ["token", "revocation"] {
            body[format!("{endpoint}_endpoint_auth_methods_supported")] = json!(methods);
        }
        let proven: Vec<&str> = methods.into_iter().filter(|method| *method != "none").collect();
        body["introspection_endpoint_auth_methods_supported"] = json!(proven);
        body["tls_client_certificate_bound_access_tokens"] = json!(true);
        let aliases = certificate::ALIASES.map(|(name, path)| (name.to_owned(), json!(format!("{}{path}", door.origin))));
        body["mtls_endpoint_aliases"] = Value::Object(aliases.into_iter().collect());
        body["client_id_metadata_document_supported"] = json!(true);
    }
    if desk.faults().mtls_aliases {
        body["mtls_endpoint_aliases"] = json!({ "token_endpoint": url("/mtls/token") });
    }
    match desk.faults().flaw {
        Some(Flaw::MetadataIssuer) => body["issuer"] = json!("https://issuer.invalid"),
        Some(Flaw::MetadataNoIssuer) => {
            body.as_object_mut().map(|body| body.remove("issuer"));
        }
        _ => {}
    }
    body
}

impl Acme {
    pub(super) fn metadata(&self, desk: &Desk, call: &Call) -> Reply {
        let mut body = server(desk, call);
        let (flaw, quirk) = {
            let faults = desk.faults();
            (faults.flaw, faults.quirk)
        };
        if quirk == Some(Quirk::SignedMetadata) {
            match self.said_signed(&body, &call.origin, desk.wall(), flaw) {
                Ok(text) => body["signed_metadata"] = json!(text),
                Err(reply) => return reply,
            }
        }
        Reply::json(200, &body)
    }

    /// RFC 8414 §2.1: the same, attested to by the issuer.
    fn said_signed(&self, body: &Value, issuer: &str, now: i64, flaw: Option<Flaw>) -> Result<String, Reply> {
        let mut claims = body.clone();
        claims["iss"] = json!(issuer);
        let mut twist = Twist::None;
        match flaw {
            Some(Flaw::SignedMetadataIss) => claims["iss"] = json!("https://issuer.invalid"),
            Some(Flaw::SignedMetadataAud) => claims["aud"] = json!("another-client"),
            Some(Flaw::SignedMetadataExp) => claims["exp"] = json!(now - 3600),
            Some(Flaw::SignedMetadataSignature) => twist = Twist::OtherText,
            _ => {}
        }
        self.sign(&Registration::default(), None, None, &claims, twist)
    }
}

/// Of the resource at this path (RFC 9728 §3.1: the well-known part comes before the path).
pub(super) fn resource(desk: &Desk, call: &Call, path: &str) -> Reply {
    let issuer = &call.origin;
    let wrong = desk.faults().flaw == Some(Flaw::ResourceMetadataResource);
    let body: Value = json!({
        "resource": if wrong { "https://resource.invalid".to_owned() } else { format!("{}{path}", call.here) },
        "resource_name": "Acme's API",
        "authorization_servers": [issuer],
        "scopes_supported": ["profile", "echo"],
        "bearer_methods_supported": ["header", "body", "query"],
        "dpop_signing_alg_values_supported": CLIENT_ALGORITHMS,
        "dpop_bound_access_tokens_required": false,
        "tls_client_certificate_bound_access_tokens": call.is_secure(),
        "authorization_details_types_supported": rar::TYPES,
    });
    Reply::json(200, &body)
}
