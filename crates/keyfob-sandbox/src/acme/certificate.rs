//! Client certificates (RFC 8705): who a client is by the one that it shows, and tokens that are good beside it alone.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::refuse;
use crate::apps::Registration;
use crate::desk::Desk;
use crate::message::{Call, Reply};

/// §2.1.1, §2.2.1.
pub(super) const METHODS: [&str; 2] = ["tls_client_auth", "self_signed_tls_client_auth"];

/// What clients with a certificate are sent to instead of the usual ones (§5).
pub(super) const ALIASES: [(&str, &str); 7] = [
    ("token_endpoint", "/token"),
    ("revocation_endpoint", "/revoke"),
    ("introspection_endpoint", "/introspect"),
    ("pushed_authorization_request_endpoint", "/par"),
    ("device_authorization_endpoint", "/device_authorization"),
    ("backchannel_authentication_endpoint", "/bc-authorize"),
    ("userinfo_endpoint", "/userinfo"),
];

/// Whether the certificate that was shown is the app's, by the method that it is registered with (§2).
pub(super) fn is_shown(desk: &Desk, call: &Call, app: &Registration) -> Result<(), &'static str> {
    let (Some(shown), Some(door)) = (&call.certificate, desk.door()) else { return Err("the app has to show its certificate") };
    let good = match app.metadata.token_endpoint_auth_method.as_deref() {
        // §2.1: the authority's word, and the one name that was registered.
        Some("tls_client_auth") => {
            app.metadata.tls_client_auth_san_dns.as_ref().is_some_and(|name| door.authority.vouches(shown, name, desk.now()))
        }
        // §2.2: nobody's word, but the very certificate.
        _ => certificates(app).any(|registered| registered == *shown),
    };
    if good { Ok(()) } else { Err("another certificate than the app is registered with") }
}

/// The certificates that it is registered with: the first of each key's chain (RFC 7517 §4.7).
pub(super) fn certificates(app: &Registration) -> impl Iterator<Item = Vec<u8>> + '_ {
    let keys = app.metadata.jwks.as_ref().and_then(|jwks| jwks.get("keys")).and_then(Value::as_array);
    keys.into_iter().flatten().filter_map(|key| STANDARD.decode(key.get("x5c")?.get(0)?.as_str()?).ok())
}

/// `x5t#S256` of what was shown (§3.1).
pub(super) fn thumbprint(call: &Call) -> Option<String> {
    call.certificate.as_ref().map(|der| URL_SAFE_NO_PAD.encode(Sha256::digest(der)))
}

/// The certificate that the tokens of this request are bound to, for an app whose tokens are (§3.4).
pub(super) fn binds(call: &Call, app: &Registration) -> Result<Option<String>, Reply> {
    if !app.is_known_by_certificate() && !app.metadata.tls_client_certificate_bound_access_tokens {
        return Ok(None);
    }
    let missing = || refuse(400, "invalid_request", "the app's tokens are bound to a certificate, and none was shown");
    thumbprint(call).map(Some).ok_or_else(missing)
}
