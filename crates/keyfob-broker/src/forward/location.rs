//! Where an answer leads (L12). A client follows `Location` by itself, and a library the `Link` of the next page, and they send what they sent before:
//! many leave `Authorization` behind when the host changes, and none does so with a header of ours. So these are there only where they lead back here.

use http::header::{CONTENT_LOCATION, LINK, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use keyfob::proto::{Endpoint, encode};
use url::Url;

use super::link::Links;
use crate::keys::Path;

/// The headers that lead somewhere, and what each is called where that is somewhere else: for a program to look at, and not for a client to follow with a key
/// in its hand. (`Operation-Location` is where Microsoft's APIs tell of what takes long.)
static LEADING: [(HeaderName, HeaderName); 4] = [
    (LOCATION, HeaderName::from_static("x-keyfob-location")),
    (CONTENT_LOCATION, HeaderName::from_static("x-keyfob-content-location")),
    (HeaderName::from_static("operation-location"), HeaderName::from_static("x-keyfob-operation-location")),
    (LINK, HeaderName::from_static("x-keyfob-link")),
];

/// Whether a header leads somewhere.
pub(super) fn leads(name: &HeaderName) -> bool {
    LEADING.iter().any(|(leading, _)| leading == name)
}

/// Puts what leads somewhere among the headers that go back, unless it `reveals` something.
pub(super) fn pass_on(
    given: &HeaderMap,
    asked: impl FnOnce() -> Option<Asked>,
    reveals: impl Fn(&HeaderValue) -> bool,
    kept: &mut HeaderMap,
) {
    // Most answers lead nowhere.
    if !LEADING.iter().any(|(name, _)| given.contains_key(name)) {
        return;
    }
    let Some(asked) = asked() else { return };
    for (name, elsewhere) in &LEADING {
        for value in given.get_all(name).into_iter().filter(|value| !reveals(value)) {
            let judged = if *name == LINK { asked.judge_links(value) } else { asked.judge_value(value) };
            for (name, text) in [name, elsewhere].into_iter().zip(judged) {
                // In another spelling it may reveal what it did not before.
                if let Some(value) = HeaderValue::from_bytes(&text).ok().filter(|value| !value.is_empty() && !reveals(value)) {
                    kept.append(name.clone(), value);
                }
            }
        }
    }
}

/// What was asked for, of which API, and how that is called here: what an answer leads to is relative to it.
pub(super) struct Asked {
    root: Url,
    url: Url,
    account: String,
}

/// Where something leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leads {
    /// Below the API's base: to the same account, here.
    Here,
    /// Somewhere else; nobody follows that with a key.
    Elsewhere,
}

impl Asked {
    pub(super) fn of(base: &Endpoint, path: &Path, account: &str) -> Option<Self> {
        let base = base.as_str().trim_end_matches('/');
        let (root, url) = (Url::parse(base).ok()?, Url::parse(&format!("{base}{}", path.as_str())).ok()?);
        Some(Self { root, url, account: encode::percent(account) })
    }

    /// Where one leads, and what stands for it; nowhere, if that cannot be said.
    fn judge(&self, target: &str) -> Option<(Leads, String)> {
        let (root, there) = (&self.root, self.url.join(target).ok()?);
        let below = there.path().strip_prefix(root.path().trim_end_matches('/')).filter(|rest| rest.starts_with('/'));
        let is_ours = there.origin() == root.origin() && there.username().is_empty() && there.password().is_none();
        // What would be refused when it came back is not what is meant.
        let Some(path) = below.filter(|_| is_ours).and_then(|rest| Path::read(rest).ok()) else {
            return Some((Leads::Elsewhere, there.into()));
        };
        let query = there.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some((Leads::Here, format!("/api/{}{}{query}", self.account, path.as_str())))
    }

    /// What of a value leads here, and what elsewhere.
    fn judge_value(&self, value: &HeaderValue) -> [Vec<u8>; 2] {
        let mut judged = [Vec::new(), Vec::new()];
        if let Some((leads, there)) = value.to_str().ok().and_then(|target| self.judge(target)) {
            judged[leads as usize] = there.into_bytes();
        }
        judged
    }

    /// The same of a list.
    fn judge_links(&self, value: &HeaderValue) -> [Vec<u8>; 2] {
        let mut judged = [Vec::new(), Vec::new()];
        for (target, parameters) in Links(value.as_bytes()) {
            let Some((leads, there)) = self.judge(target) else { continue };
            let list: &mut Vec<u8> = &mut judged[leads as usize];
            let comma: &[u8] = if list.is_empty() { b"" } else { b", " };
            list.extend([comma, b"<", there.as_bytes(), b">", parameters].concat());
        }
        judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(location: &str) -> Option<(Leads, String)> {
        let base = Endpoint::parse("https://api.example/v1").expect("a base");
        Asked::of(&base, &Path::read("/users/locks").expect("a path"), "telldus/cabin").expect("URLs").judge(location)
    }

    #[test]
    fn l12_a_redirect_below_the_base_leads_back_here() {
        let here = |text: &str| Some((Leads::Here, text.to_owned()));
        assert_eq!(judged("https://api.example/v1/users/1?a=b"), here("/api/telldus%2Fcabin/users/1?a=b"));
        assert_eq!(judged("/v1/users/1"), here("/api/telldus%2Fcabin/users/1"));
        assert_eq!(judged("keys"), here("/api/telldus%2Fcabin/users/keys"));
        assert_eq!(judged("?page=2"), here("/api/telldus%2Fcabin/users/locks?page=2"));
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
            assert!(matches!(judged(location), Some((Leads::Elsewhere, _))), "{location}: {:?}", judged(location));
        }
        assert_eq!(judged("https://[/"), None);
    }

    /// What is no known spelling of a secret may become one where a path is read.
    #[test]
    fn l12_what_reveals_a_secret_once_it_is_read_leads_nowhere() {
        let base = Endpoint::parse("https://api.example/v1").expect("a base");
        let mut given = HeaderMap::new();
        given.append(LOCATION, HeaderValue::from_static("/v1/t%306en"));
        given.append(LINK, HeaderValue::from_static("<t%306en>; rel=next"));
        given.append(CONTENT_LOCATION, HeaderValue::from_static("/v1/x"));
        let mut kept = HeaderMap::new();
        let reveals = |value: &HeaderValue| value.as_bytes().windows(5).any(|five| five == b"t06en");
        pass_on(&given, || Asked::of(&base, &Path::read("/x").ok()?, "a"), reveals, &mut kept);
        assert_eq!(kept.into_iter().collect::<Vec<_>>(), [(Some(CONTENT_LOCATION), HeaderValue::from_static("/api/a/x"))]);
    }
}
