//! Apps: who may ask, and where the answer may go.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// An app that is registered with one of the services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The service that knows this app: `telldus`.
    pub service: String,
    /// The name that the consent page shows.
    pub name: String,
    /// Client id (RFC 6749) or consumer key (RFC 5849).
    pub client_id: String,
    /// Client secret or consumer secret; empty for a public client.
    #[serde(default)]
    pub client_secret: String,
    /// What else the service hands out at registration: `api_key`.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Where the person may be sent back to. An entry with a loopback address and no port allows every port
    /// (RFC 8252 §7.3).
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// A credential for the demo person that needs no login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// `acme`: what else it is registered with.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Client metadata, as `acme` keeps it, under the names of RFC 7591 and of the specifications that add to it. What is left out is not narrowed:
/// every grant, every response type, Basic or body for a client with a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// How it authenticates (OpenID Connect Core §9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<String>,
    /// The one algorithm of its assertions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// Its public keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    /// The grants that it may use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grant_types: Vec<String>,
    /// The response types that it may use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_types: Vec<String>,
    /// What its ID tokens are signed with; by default RS256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<String>,
    /// What `UserInfo` answers are signed with; by default they are plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<String>,
    /// What answers about tokens are signed with (RFC 9701); by default they are plain, unless asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<String>,
    /// What authorization responses are signed with (JARM); by default RS256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_signed_response_alg: Option<String>,
    /// The one algorithm of its request objects (RFC 9101).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<String>,
    /// Where its request objects are fetched (OpenID Connect Core §6.2); `none` as their algorithm is for those alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request_uris: Vec<String>,
    /// Whether it has to sign its authorization requests (RFC 9101 §10.5).
    #[serde(skip_serializing_if = "not")]
    pub require_signed_request_object: bool,
    /// Whether it has to push its authorization requests (RFC 9126 §6).
    #[serde(skip_serializing_if = "not")]
    pub require_pushed_authorization_requests: bool,
    /// Whether its access tokens are bound to a key in any case (RFC 9449 §5.2).
    #[serde(skip_serializing_if = "not")]
    pub dpop_bound_access_tokens: bool,
    /// `tls_client_auth`: the DNS name in its certificate (RFC 8705 §2.1.2). Of the names that an app may be known by this one is spoken here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_dns: Option<String>,
    /// Whether its access tokens are bound to its certificate in any case (RFC 8705 §3.4).
    #[serde(skip_serializing_if = "not")]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Where the person may be sent after a logout.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it is told of logouts (OpenID Connect Back-Channel Logout §2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Where the browser tells it of logouts (OpenID Connect Front-Channel Logout §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// `poll` or `ping` (OpenID CIBA §4); by default `poll`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_token_delivery_mode: Option<String>,
    /// Where it is told that a backchannel login is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_client_notification_endpoint: Option<String>,
}

impl Metadata {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn not(value: &bool) -> bool {
    !value
}

/// Token credentials made without a login, as Telldus hands them out on its page of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// The token.
    pub token: String,
    /// Its secret.
    pub token_secret: String,
}

impl Registration {
    /// A public client has no secret, and no key that stands for one (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        let by_key = self.metadata.token_endpoint_auth_method.as_deref() == Some("private_key_jwt");
        self.client_secret.is_empty() && !by_key && !self.is_known_by_certificate()
    }

    /// RFC 8705 §2.
    pub(crate) fn is_known_by_certificate(&self) -> bool {
        matches!(self.metadata.token_endpoint_auth_method.as_deref(), Some("tls_client_auth" | "self_signed_tls_client_auth"))
    }

    pub(crate) fn allows_redirect(&self, given: &str) -> bool {
        self.redirect_uris.iter().any(|registered| matches(registered, given))
    }
}

/// Exact string comparison (RFC 6749 §3.1.2.3, RFC 9700 §2.1), but for the port of a loopback address.
fn matches(registered: &str, given: &str) -> bool {
    if registered == given {
        return true;
    }
    let (Ok(pattern), Ok(mut url)) = (Url::parse(registered), Url::parse(given)) else {
        return false;
    };
    let loopback = match pattern.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        _ => false,
    };
    // Re-serialised text must equal what was given, so that `http://127.0.0.1:1@evil/` and friends do not pass.
    loopback
        && pattern.scheme() == "http"
        && pattern.port().is_none()
        && url.as_str() == given
        && url.set_port(None).is_ok()
        && url == pattern
}

/// The demo apps, by the name under which [`crate::Sandbox::app`] gives them. All values are made up.
pub(crate) fn demo() -> Vec<(&'static str, Registration)> {
    let app = |name: &str, service: &str, client_id: &str, client_secret: &str| Registration {
        service: service.into(),
        name: "Demo app".into(),
        client_id: client_id.into(),
        client_secret: client_secret.into(),
        fields: BTreeMap::new(),
        redirect_uris: redirect_uris(name),
        ready: None,
        metadata: Metadata::default(),
    };
    let mut august = app("august", "august", "5a9db0c5-0000-4000-8000-000000000001", "august-sandbox-secret-not-real=");
    august.fields.insert("api_key".into(), "5a9db0c5-0000-4000-8000-00000000a001".into());
    let mut telldus = app("telldus", "telldus", "SANDBOXPUBLICKEYNOTREAL000000001", "SANDBOXPRIVATEKEYNOTREAL00000001");
    telldus.ready =
        Some(Ready { token: "5a9db0c500000000000000000000000005e0be100".into(), token_secret: "5a9db0c5000000000000000000007e11".into() });
    vec![
        ("august", august),
        ("netatmo", app("netatmo", "netatmo", "5a9db0c50000000000000001", "netatmo-sandbox-secret-not-real")),
        ("fitbit", app("fitbit", "fitbit", "2SANDB", "5a9db0c500000000000000000000f17b")),
        ("fitbit-public", app("fitbit", "fitbit", "2SANDP", "")),
        ("fitbit-oauth1", app("fitbit-oauth1", "fitbit", "5a9db0c5000000000000000000002013", "5a9db0c5000000000000000000002014")),
        ("telldus", telldus),
        ("acme", app("acme", "acme", "acme-demo", "acme sandbox:secret/not+real%")),
        ("acme-oidc", app("acme-oidc", "acme", "acme-demo-oidc", "acme-oidc-sandbox-secret-not-real-and-long-enough")),
        ("acme-public", app("acme", "acme", "acme-demo-public", "")),
    ]
}

/// What an app is registered with: the usual places, and under each of them one that is this provider's alone (RFC 9700 §4.4.2.2).
pub(crate) fn redirect_uris(provider: &str) -> Vec<String> {
    let own = REDIRECT_URIS.map(|uri| format!("{uri}/{provider}"));
    REDIRECT_URIS.map(String::from).into_iter().chain(own).collect()
}

const REDIRECT_URIS: [&str; 6] = [
    "http://127.0.0.1/callback",
    "http://[::1]/callback",
    "http://localhost/callback",
    "http://localhost:5000/callback",
    "http://localhost:30368/callback",
    "https://localhost/callback",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_match_exactly_but_for_the_port_of_a_loopback_address() {
        let app = &demo()[0].1;
        for good in [
            "http://127.0.0.1/callback",
            "http://127.0.0.1:49152/callback",
            "http://[::1]:1/callback",
            "http://localhost:5000/callback",
            "https://localhost/callback",
            "http://127.0.0.1:49152/callback/august",
            "http://localhost:5000/callback/august",
        ] {
            assert!(app.allows_redirect(good), "{good}");
        }
        for bad in [
            "http://127.0.0.1:49152/callback/",
            "http://127.0.0.1:49152/callback/netatmo",
            "http://127.0.0.1:49152/callback?x=1",
            "http://127.0.0.1:49152/callback#f",
            "http://127.0.0.1:1@evil.example/callback",
            "http://user@127.0.0.1:1/callback",
            "http://127.0.0.1:1/x/../callback",
            "https://127.0.0.1:1/callback",
            "http://localhost:5001/callback",
            "http://127.0.0.2:1/callback",
            "http://127.1:80/callback",
            "javascript:alert(1)",
            "",
        ] {
            assert!(!app.allows_redirect(bad), "{bad}");
        }
    }
}
