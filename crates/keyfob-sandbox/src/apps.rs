//! Apps: who may ask, and where the answer may go.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// An app that is registered with one of the services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A public client has no secret (RFC 6749 §2.1).
    pub fn is_public(&self) -> bool {
        self.client_secret.is_empty()
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
    let app = |service: &str, client_id: &str, client_secret: &str| Registration {
        service: service.into(),
        name: "Demo app".into(),
        client_id: client_id.into(),
        client_secret: client_secret.into(),
        fields: BTreeMap::new(),
        redirect_uris: REDIRECT_URIS.map(String::from).into(),
        ready: None,
    };
    let mut august = app("august", "5a9db0c5-0000-4000-8000-000000000001", "august-sandbox-secret-not-real=");
    august.fields.insert("api_key".into(), "5a9db0c5-0000-4000-8000-00000000a001".into());
    let mut telldus = app("telldus", "SANDBOXPUBLICKEYNOTREAL000000001", "SANDBOXPRIVATEKEYNOTREAL00000001");
    telldus.ready =
        Some(Ready { token: "5a9db0c500000000000000000000000005e0be100".into(), token_secret: "5a9db0c5000000000000000000007e11".into() });
    vec![
        ("august", august),
        ("netatmo", app("netatmo", "5a9db0c50000000000000001", "netatmo-sandbox-secret-not-real")),
        ("fitbit", app("fitbit", "2SANDB", "5a9db0c500000000000000000000f17b")),
        ("fitbit-public", app("fitbit", "2SANDP", "")),
        ("fitbit-oauth1", app("fitbit", "5a9db0c5000000000000000000002013", "5a9db0c5000000000000000000002014")),
        ("telldus", telldus),
        ("acme", app("acme", "acme-demo", "acme sandbox:secret/not+real%")),
        ("acme-public", app("acme", "acme-demo-public", "")),
    ]
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
        ] {
            assert!(app.allows_redirect(good), "{good}");
        }
        for bad in [
            "http://127.0.0.1:49152/callback/",
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
