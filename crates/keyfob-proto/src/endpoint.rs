//! URLs we send secrets to, and the origins they belong to.

use std::fmt::{self, Write as _};

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::error::Misuse;
use crate::form::Form;

/// An absolute URL that credentials may be sent to: `https`, or `http` on a loopback host (RFC 6749 §3.2, RFC 5849 §2.1).
///
/// The text is kept as given beside the parsed form, because what was registered, signed or announced is compared byte for
/// byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    text: String,
    uri: Uri,
    origin: Origin,
}

impl Endpoint {
    /// Reads a URL. `Misuse` if it is relative, has user information or a fragment, or is `http` off loopback.
    ///
    /// # Errors
    ///
    /// `Misuse`, as said; it shows the URL without query and fragment, and nothing of one with user information.
    pub fn parse(text: &str) -> Result<Self, Misuse> {
        // A password, or a token in query or fragment, must not get into a message.
        let shown = text.split(['?', '#']).next().filter(|shown| !shown.contains('@')).map(crate::scrub::printable);
        let shown = shown.filter(|shown| !shown.is_empty()).map_or(String::new(), |shown| format!(": {shown}"));
        let wrong = |found: &str| {
            Misuse::new("an absolute URL of https, or of http on loopback", format!("{found}{shown}"))
                .of("RFC 6749 §3.1")
                .with_hint("write it from https:// on, without user, password and #")
        };
        if text.contains('#') {
            return Err(wrong("a URL with a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| wrong("text that is no URL"))?;
        if let Some(scheme) = uri.scheme_str().filter(|scheme| !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))) {
            return Err(wrong(&format!("a URL of the scheme {}", crate::scrub::printable(scheme))));
        }
        let origin = Origin::of(&uri).ok_or_else(|| wrong("a URL without scheme and host, or with user information"))?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if origin.is_loopback() => {}
            _ => return Err(wrong("a URL that is neither https nor on loopback")),
        }
        Ok(Self { text: text.to_owned(), uri, origin })
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL, parsed.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// The same, where it is only looked at: with every call.
    pub(crate) fn as_origin(&self) -> &Origin {
        &self.origin
    }

    /// The same path and query at another origin: how a provider is pointed at the sandbox.
    ///
    /// # Errors
    ///
    /// `Misuse` where the whole is no endpoint: an `http` origin off loopback.
    pub fn at(&self, origin: &Origin) -> Result<Self, Misuse> {
        let rest = self.uri.path_and_query().map_or("/", |rest| rest.as_str());
        let bare = !self.text.ends_with('/') && rest == "/";
        Self::parse(&format!("{origin}{}", if bare { "" } else { rest }))
    }

    /// The URL with more query parameters, percent-encoded.
    pub fn with_query<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut form = Form::behind(self);
        pairs.into_iter().for_each(|(name, value)| form.pair(name, value));
        form.into_text()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Scheme, host and port, in the one spelling that can be compared: lower case, default port left out. Stored as text, and
/// judged again when it is read.
///
/// ```
/// use keyfob_proto::Origin;
///
/// assert_eq!(Origin::parse("HTTPS://Api.Example:443/v1?x=y").map(|origin| origin.to_string()).as_deref(), Some("https://api.example"));
/// assert_eq!(Origin::parse("https://api.example@evil.example/"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

impl Origin {
    /// Whether a text is a URL that has an origin. Most are made of letters, digits and the like, and need no parsing to be told.
    pub(crate) fn is_of(text: &str) -> bool {
        is_simple(text) || Self::parse(text).is_some()
    }

    /// The origin of an absolute `http` or `https` URL; `None` for anything else, and for a URL with user information
    /// (`https://real.example@evil.example/` is how tokens are talked out of clients).
    pub fn of(uri: &Uri) -> Option<Self> {
        let (scheme, host, port) = Self::parts_of(uri)?;
        // In one piece: it is worked out with every call.
        let mut text = String::with_capacity(scheme.len() + "://".len() + host.len() + ":65535".len());
        text.push_str(scheme);
        text.push_str("://");
        text.push_str(host);
        text[scheme.len()..].make_ascii_lowercase();
        if let Some(port) = port {
            // Writing to text does not fail.
            let _ = write!(text, ":{port}");
        }
        Some(Self(text))
    }

    /// Whether it is a URL that has one.
    pub(crate) fn is_there(uri: &Uri) -> bool {
        Self::parts_of(uri).is_some()
    }

    /// Scheme, host as it is written, and the port where it is not the scheme's own.
    fn parts_of(uri: &Uri) -> Option<(&'static str, &str, Option<u16>)> {
        let scheme = uri.scheme_str()?;
        let (scheme, default) = ["https", "http"].into_iter().zip([443_u16, 80]).find(|(known, _)| scheme.eq_ignore_ascii_case(known))?;
        let authority = uri.authority()?;
        let (whole, host) = (authority.as_str(), authority.host());
        if whole.as_bytes().contains(&b'@') || host.is_empty() {
            return None;
        }
        // The parser lets a port through that is no port number; guessing what was meant is not ours.
        let port = match whole.strip_prefix(host)? {
            "" => default,
            port => port.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?,
        };
        if let Some(literal) = host.strip_prefix('[') {
            // It lets brackets through that hold no IPv6 address, too.
            literal.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().ok()?;
        }
        Some((scheme, host, Some(port).filter(|port| *port != default)))
    }

    /// The origin of an absolute URL given as text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(&text.parse().ok()?)
    }

    /// `scheme://host[:port]`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the host is this machine: `127.0.0.0/8`, `[::1]` or `localhost`.
    pub fn is_loopback(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The host, in lower case; an IPv6 address in its brackets.
    pub fn host(&self) -> &str {
        self.authority().0
    }

    /// The port, where it is not the scheme's own.
    pub fn port(&self) -> Option<u16> {
        self.authority().1.parse().ok()
    }

    fn authority(&self) -> (&str, &str) {
        let authority = self.0.split_once("://").map_or("", |(_, authority)| authority);
        let end = authority.find(']').map_or(0, |at| at + 1);
        match authority[end..].find(':') {
            Some(at) => (&authority[..end + at], &authority[end + at + 1..]),
            None => (authority, ""),
        }
    }
}

impl TryFrom<String> for Origin {
    type Error = Misuse;

    fn try_from(text: String) -> Result<Self, Misuse> {
        // What rests is in that spelling already; every account that is read has such.
        let plain = |host: &str| !host.is_empty() && host.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
        if text.strip_prefix("https://").is_some_and(plain) && text.len() < 256 {
            return Ok(Self(text));
        }
        Self::parse(&text).ok_or_else(|| {
            Misuse::new("an origin such as https://api.example", "other text")
                .of("RFC 6454 §4")
                .with_hint("write scheme, host and port alone, without a path")
        })
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a text is an `http` or `https` URL with a name or an IPv4 address for a host, perhaps a port, and a path of characters that stand for themselves.
fn is_simple(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return false };
    let (authority, path) = rest.split_at(rest.bytes().position(|byte| byte == b'/').unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    !host.is_empty()
        && host.bytes().all(name)
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok()
        && path.len() < 1024
        && path.bytes().all(|byte| name(byte) || matches!(byte, b'/' | b'_' | b'~'))
}

/// Whether a text is the scheme of a URI (RFC 3986 §3.1).
pub(crate) fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Whether a URI is of a private-use scheme, which an app has for itself: one with a dot in it (RFC 8252 §7.1, RFC 7595 §3.8), so neither `javascript:` nor
/// `data:` nor whatever else means something to every browser. And with a path, since `app.example:8080` is a host.
pub(crate) fn is_private_use(uri: &str) -> bool {
    uri.split_once(":/")
        .is_some_and(|(scheme, path)| scheme.contains('.') && is_scheme(scheme) && path.bytes().all(|byte| byte.is_ascii_graphic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spelling_that_is_taken_as_it_is_is_the_one_that_parsing_gives() {
        for text in ["https://a", "https://api.example", "https://1.2.3.4", "https://xn--bcher-kva.example", "https://-.-", "https://."] {
            let taken = Origin::try_from(text.to_owned()).expect("an origin");
            assert_eq!((Some(&taken), taken.as_str()), (Origin::parse(text).as_ref(), text));
        }
        for other in ["https://", "https:///", "https://a.example@b.example", "https://a_b c", "api.example"] {
            assert_eq!(Origin::try_from(other.to_owned()).ok(), Origin::parse(other), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_needs_no_parsing_would_have_been_parsed(text in "https?://[a-zA-Z0-9.@:_\\[\\]-]{0,9}(:[0-9]{0,6})?(/[a-zA-Z0-9._~%/@-]{0,9})?") {
            proptest::prop_assert!(!is_simple(&text) || Origin::parse(&text).is_some(), "{text}");
            proptest::prop_assert_eq!(Origin::is_of(&text), Origin::parse(&text).is_some());
        }
    }

    #[test]
    fn most_redirect_uris_need_no_parsing() {
        for simple in ["http://127.0.0.1:54321/callback", "http://localhost:8123/", "https://app.example/oauth/callback", "https://a"] {
            assert!(is_simple(simple), "{simple}");
        }
        for other in
            ["app://callback", "http://[::1]:9/x", "https://a:99999/", "https://a:/", "https:///", "https://u@a/", "https://a/?x=y"]
        {
            assert!(!is_simple(other), "{other}");
        }
    }

    #[test]
    fn i6_c1_endpoints_are_https_or_loopback() {
        for good in ["https://a.example/x", "http://127.0.0.1:80/x", "http://localhost:1/", "http://[::1]:9/x?y=z"] {
            assert!(Endpoint::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/x",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "https://user@a.example/",
            "https://a.example/#x",
            "/x",
            "ftp://a.example/",
            "",
        ] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn origins_have_one_spelling() {
        assert_eq!(Origin::parse("HTTPS://A.Example:443/x"), Origin::parse("https://a.example"));
        assert_ne!(Origin::parse("http://a.example:443/"), Origin::parse("https://a.example/"));
        assert_eq!(Origin::parse("https://a.example@b.example/"), None);
        assert_eq!(Origin::parse("https://a.example:99999/"), None);
        assert_eq!(Origin::parse("https://a.example:+443/"), None);
        assert_eq!(Origin::parse("https://a.example:/"), None);
        assert_eq!(Origin::parse("https://[::1]:8443/").map(String::from), Some("https://[::1]:8443".to_owned()));
        for no_address in ["https://[:1]:8/", "https://[abcd:efgh::1]/", "https://[::::::]/path", "https://[a.example]/"] {
            assert_eq!(Origin::parse(no_address), None, "{no_address}");
        }
    }

    #[test]
    fn a_stored_origin_is_judged_when_it_is_read() {
        let origin = Origin::parse("https://a.example").expect("an origin");
        let stored = serde_json::to_string(&origin).expect("text");
        assert_eq!(stored, r#""https://a.example""#);
        assert_eq!(serde_json::from_str::<Origin>(&stored).expect("an origin"), origin);
        assert!(serde_json::from_str::<Origin>(r#""https://a.example@b.example""#).is_err());
    }

    #[test]
    fn an_endpoint_moves_to_another_origin_with_its_path() {
        let sandbox = Origin::parse("http://127.0.0.1:8900").expect("an origin");
        let moved = Endpoint::parse("https://a.example/oauth/x?y=1").and_then(|e| e.at(&sandbox)).expect("an endpoint");
        assert_eq!(moved.as_str(), "http://127.0.0.1:8900/oauth/x?y=1");
        let bare = Endpoint::parse("https://a.example").and_then(|e| e.at(&sandbox)).expect("an endpoint");
        assert_eq!(bare.as_str(), "http://127.0.0.1:8900");
    }
}
