//! Where a redirect leads (L12). A client follows `Location` by itself, and sends what it sent before: many leave `Authorization` behind when
//! the host changes, and none does so with a header of ours. So `Location` is there only where it leads back here.

use http::HeaderValue;
use keyfob::proto::{Endpoint, encode};
use url::Url;

use crate::keys::Path;

/// Where a redirect leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// Below the API's base: to the same account, here.
    Here(HeaderValue),
    /// Somewhere else; nobody follows that with a key.
    Elsewhere(HeaderValue),
    /// Nowhere that can be said.
    None,
}

/// Judges the `Location` of an answer to a request for this path.
pub(super) fn judge(location: &HeaderValue, base: &Endpoint, path: &Path, account: &str) -> Location {
    let base = base.as_str().trim_end_matches('/');
    let asked = Url::parse(&format!("{base}{}", path.as_str()));
    let (Ok(asked), Ok(location), Ok(root)) = (asked, location.to_str(), Url::parse(base)) else { return Location::None };
    let Ok(there) = asked.join(location) else { return Location::None };
    let value = |text: &str| HeaderValue::from_str(text).ok();
    let below = there.path().strip_prefix(root.path().trim_end_matches('/')).filter(|rest| rest.starts_with('/'));
    let is_ours = there.origin() == root.origin() && there.username().is_empty() && there.password().is_none();
    // What would be refused when it came back is not what is meant.
    let path = below.filter(|_| is_ours).and_then(|rest| Path::read(rest).ok());
    match path {
        Some(path) => {
            let query = there.query().map(|query| format!("?{query}")).unwrap_or_default();
            value(&format!("/api/{}{}{query}", encode::percent(account), path.as_str())).map_or(Location::None, Location::Here)
        }
        None => value(there.as_str()).map_or(Location::None, Location::Elsewhere),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(location: &str) -> Location {
        let base = Endpoint::parse("https://api.example/v1").expect("a base");
        judge(&location.parse().expect("a value"), &base, &Path::read("/users/locks").expect("a path"), "telldus/cabin")
    }

    #[test]
    fn l12_a_redirect_below_the_base_leads_back_here() {
        let here = |text: &'static str| Location::Here(HeaderValue::from_static(text));
        assert_eq!(judged("https://api.example/v1/users/1?a=b"), here("/api/telldus%2Fcabin/users/1?a=b"));
        assert_eq!(judged("/v1/users/1"), here("/api/telldus%2Fcabin/users/1"));
        assert_eq!(judged("keys"), here("/api/telldus%2Fcabin/users/keys"));
        assert_eq!(judged("https://API.example:443/v1/x#f"), here("/api/telldus%2Fcabin/x"));
    }

    #[test]
    fn l12_any_other_is_told_and_not_followed() {
        for location in [
            "https://evil.example/v1/users",
            "//evil.example/v1/users",
            "http://api.example/v1/users",
            "https://api.example:8443/v1/users",
            "https://api.example/v2/users",
            "https://api.example/v1evil",
            "https://a:b@api.example/v1/users",
            "/v1/../admin",
            "/v1/a%2f..%2fb",
            "javascript:alert(1)",
        ] {
            assert!(matches!(judged(location), Location::Elsewhere(_)), "{location}: {:?}", judged(location));
        }
        assert_eq!(judged("https://[/"), Location::None);
    }
}
