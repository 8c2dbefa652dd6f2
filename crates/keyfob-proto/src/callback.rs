//! What comes back from the authorization page, in every way it can come: a request to our callback, or text that a person
//! pasted.

use std::collections::BTreeSet;

use http::{HeaderMap, Method};

use crate::encode;
use crate::endpoint::{Origin, is_private_use, is_scheme};
use crate::error::Misbehaved;
use crate::oauth2::json::{Json, Object};

/// What a person or browser brought back.
///
/// ```
/// use keyfob_proto::Answer;
///
/// assert!(matches!(Answer::read(" https://app.example/cb?code=a&state=b\n"), Answer::Url("https://app.example/cb?code=a&state=b")));
/// assert!(matches!(Answer::read("?code=a&state=b"), Answer::Query("code=a&state=b")));
/// assert!(matches!(Answer::read("481516"), Answer::Bare("481516")));
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// The whole redirect URL.
    Url(&'a str),
    /// The query of the redirect, without `?`; the caller saw to it that it came to the right place.
    Query(&'a str),
    /// The fragment of the redirect, without `#`, as a page of ours read it out.
    Fragment(&'a str),
    /// A form that the browser posted (OAuth 2.0 Form Post Response Mode): see [`FormPost::read`].
    Form(FormPost<'a>),
    /// A bare code or PIN, which carries no state.
    Bare(&'a str),
}

impl<'a> Answer<'a> {
    /// Recognises pasted text: a redirect URL, its query, or a bare code or PIN. Space around it is dropped.
    pub fn read(text: &'a str) -> Self {
        let text = text.trim();
        let is_query = |text: &str| {
            ["code=", "state=", "error=", "oauth_verifier=", "oauth_token=", "denied="]
                .iter()
                .any(|name| text.starts_with(name) || text.contains(&format!("&{name}")))
        };
        if begins_with_scheme(text) {
            Self::Url(text)
        } else if let Some((place, query)) = text.split_once('?')
            && !place.contains(['=', '&'])
        {
            // Browsers show addresses without their scheme; the state tells whether it is ours.
            Self::Query(query)
        } else if is_query(text) {
            Self::Query(text)
        } else {
            Self::Bare(text)
        }
    }
}

/// Whether it is a URL from its first character on (RFC 3986 §3.1). One may also stand in a parameter, as `iss` does where the browser's bar shows it decoded.
fn begins_with_scheme(text: &str) -> bool {
    is_private_use(text) || text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme))
}

impl std::fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Url(_) => "Answer::Url(…)",
            Self::Query(_) => "Answer::Query(…)",
            Self::Fragment(_) => "Answer::Fragment(…)",
            Self::Form(_) => "Answer::Form(…)",
            Self::Bare(_) => "Answer::Bare(…)",
        })
    }
}

/// A posted authorization answer. It can only be made of a request that is one: a link or an image makes a browser send a GET, and a script of
/// another site a body of another type, so neither can pass for it.
///
/// ```
/// use http::{HeaderMap, Method, header::CONTENT_TYPE};
/// use keyfob_proto::{Answer, FormPost};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse()?);
/// let answer = Answer::Form(FormPost::read(&Method::POST, &headers, b"code=a&state=b")?);
/// assert!(FormPost::read(&Method::GET, &headers, b"code=a&state=b").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct FormPost<'a>(&'a str);

impl<'a> FormPost<'a> {
    /// Reads the request to the redirect URI. That it belongs to the browser that began the login is for the caller to see: the request comes
    /// from another site, and cookies marked `SameSite=Lax` stay at home.
    ///
    /// # Errors
    ///
    /// `Misbehaved` if it is no POST, its type is not `application/x-www-form-urlencoded`, or the body is no text.
    pub fn read(method: &Method, headers: &HeaderMap, body: &'a [u8]) -> Result<Self, Misbehaved> {
        const SECTION: &str = "OAuth 2.0 Form Post Response Mode §2";
        if method != Method::POST {
            return Err(Misbehaved::new(SECTION, "a POST", "another method"));
        }
        if crate::message::media_type(headers) != "application/x-www-form-urlencoded" {
            return Err(Misbehaved::new(SECTION, "application/x-www-form-urlencoded", "another content type, or none"));
        }
        let text = std::str::from_utf8(body).map_err(|_| Misbehaved::new(SECTION, "a form", "bytes that are no text"))?;
        Ok(Self(text))
    }

    pub(crate) fn text(self) -> &'a str {
        self.0
    }
}

impl std::fmt::Debug for FormPost<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormPost(…)")
    }
}

/// What says whose answer it is, or what it is: such a one comes once, and as text. A second `code` or `state` is an injection.
const MEANT: [&str; 18] = [
    "state",
    "iss",
    "code",
    "error",
    "response",
    "access_token",
    "token_type",
    "expires_in",
    "scope",
    "refresh_token",
    "id_token",
    "oauth_token",
    "oauth_verifier",
    "oauth_problem",
    "denied",
    "sid",
    "login_hint",
    "target_link_uri",
];

/// The parameters of a redirect, each at most once.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Longer than this is no callback of ours.
    pub(crate) const LONGEST_QUERY: usize = 16 * 1024;

    /// Fragments and forms may carry an ID token.
    pub(crate) const LONGEST_ELSEWHERE: usize = 128 * 1024;

    /// Reads a query, which `section` of the RFC describes. A parameter that is [meant](MEANT) and comes twice is refused (`once` says where). The others keep
    /// no answer from being one: what comes twice of them is left alone, and what is no UTF-8 is read as old programs write, a byte a character.
    pub(crate) fn read(query: &str, section: &'static str, once: &'static str) -> Result<Self, Misbehaved> {
        Self::read_up_to(Self::LONGEST_QUERY, query, section, once)
    }

    /// The same for text of another length.
    pub(crate) fn read_up_to(longest: usize, query: &str, section: &'static str, once: &'static str) -> Result<Self, Misbehaved> {
        if query.len() > longest {
            return Err(Misbehaved::new(section, "a short query", "an endless one"));
        }
        let pairs: Vec<_> = encode::decode_pairs(query.as_bytes()).map(|(name, value)| (old_text(name), value)).collect();
        let mut seen = BTreeSet::new();
        let twice: BTreeSet<_> = pairs.iter().filter(|(name, _)| !seen.insert(name)).map(|(name, _)| name.clone()).collect();
        let is_meant = |name: &String| MEANT.contains(&name.as_str());
        if let Some(name) = twice.iter().find(|name| is_meant(name)) {
            return Err(Misbehaved::new(once, "every parameter once", format!("\"{name}\" twice")));
        }
        let single = pairs.into_iter().filter(|(name, _)| !twice.contains(name));
        let read = single.map(|(name, value)| match String::from_utf8(value) {
            Ok(value) => Ok((name, value)),
            Err(_) if is_meant(&name) => Err(Misbehaved::new(section, "UTF-8 text", "other bytes")),
            Err(other) => Ok((name, old_text(other.into_bytes()))),
        });
        Ok(Self(read.collect::<Result<_, _>>()?))
    }

    /// What was read elsewhere, each once.
    pub(crate) fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// All that were read.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// A parameter's value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All of them, as members: how a token that came through a browser gets to the one reader of token answers.
    pub(crate) fn members(&self) -> Object<'_> {
        let members = self.0.iter().map(|(name, value)| (name.as_str().into(), Json::Text(value.as_str().into()))).collect();
        Object::of(members).ok().expect("each is there once")
    }

    /// The values of these names.
    pub(crate) fn keep(&self, names: &[String]) -> std::collections::BTreeMap<String, String> {
        // Kept values end up in headers and on screens: no line breaks.
        self.0.iter().filter(|(name, _)| names.contains(name)).map(|(name, value)| (name.clone(), crate::scrub::printable(value))).collect()
    }
}

/// As UTF-8, or else as Latin-1, which any bytes are.
fn old_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|other| other.into_bytes().into_iter().map(char::from).collect())
}

/// A pasted redirect URL taken apart and held against the redirect URI that was sent.
pub(crate) struct Redirect<'a> {
    pub(crate) query: &'a str,
    pub(crate) fragment: Option<&'a str>,
    /// `https://localhost/…` was pasted where `http://localhost/…` is registered: browsers upgrade the scheme of a page that
    /// cannot load, and libraries that refuse plain http teach people to type it.
    pub(crate) scheme_differs: bool,
}

/// Splits a pasted URL. `None`: it is not at the redirect URI. Scheme, host and port are compared as browsers write them (lower case,
/// no default port), the path byte for byte, but for `https` in place of `http` on loopback. What is an app's own scheme is compared byte for byte.
pub(crate) fn split<'a>(url: &'a str, redirect_uri: &str) -> Option<Redirect<'a>> {
    let (rest, fragment) = split_fragment(url);
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (expected, own_query) = redirect_uri.split_once('?').unwrap_or((redirect_uri, ""));
    // A redirect URI may have a query of its own, which comes back first (RFC 6749 §3.1.2).
    let query = if own_query.is_empty() {
        query
    } else {
        match query.strip_prefix(own_query)? {
            "" => "",
            tail => tail.strip_prefix('&')?,
        }
    };
    if is_private_use(expected) {
        return (base == expected).then_some(Redirect { query, fragment, scheme_differs: false });
    }
    let (base, expected) = (Place::of(base)?, Place::of(expected)?);
    if base == expected {
        return Some(Redirect { query, fragment, scheme_differs: false });
    }
    let loopback = expected.origin.is_loopback();
    let upgraded = base.origin.as_str().strip_prefix("https://").zip(expected.origin.as_str().strip_prefix("http://"));
    let upgraded = upgraded.is_some_and(|(a, b)| a == b) && base.path == expected.path;
    (loopback && upgraded).then_some(Redirect { query, fragment, scheme_differs: true })
}

/// A URL without query, as far as a browser leaves it alone.
#[derive(PartialEq)]
struct Place<'a> {
    origin: Origin,
    path: &'a str,
}

impl<'a> Place<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let after = url.find("://")? + 3;
        let path = url[after..].find('/').map_or("/", |at| &url[after + at..]);
        Some(Self { origin: Origin::parse(url)?, path })
    }
}

/// A query that was pasted with the fragment still on it (`code=…&state=…#_=_`): no query holds a `#` (RFC 3986 §3.4).
pub(crate) fn split_fragment(query: &str) -> (&str, Option<&str>) {
    match query.split_once('#') {
        Some((query, fragment)) => (query, Some(fragment)),
        None => (query, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_text_is_recognised() {
        assert!(matches!(Answer::read(" http://localhost/callback?code=1&state=2\n"), Answer::Url(_)));
        assert!(matches!(Answer::read("?code=1&state=2"), Answer::Query("code=1&state=2")));
        assert!(matches!(Answer::read("state=2&code=1"), Answer::Query(_)));
        assert!(matches!(Answer::read("localhost/callback?code=1&state=2"), Answer::Query("code=1&state=2")));
        assert!(matches!(Answer::read("code=1?&state=2"), Answer::Query("code=1?&state=2")));
        assert!(matches!(Answer::read("  4f2a9 "), Answer::Bare("4f2a9")));
        // A URL in it does not make it one.
        for pasted in ["code=1&state=2&iss=https://login.example", "localhost/callback?code=1&iss=http://127.0.0.1:9"] {
            assert!(matches!(Answer::read(pasted), Answer::Query(query) if query.starts_with("code=1&")), "{pasted}");
        }
        for own in ["com.example.app://back?code=1", "com.example.app:/back?code=1"] {
            assert!(matches!(Answer::read(own), Answer::Url(_)), "{own}");
        }
    }

    #[test]
    fn a_pasted_url_must_be_at_the_redirect_uri() {
        let at = |url| split(url, "http://localhost/callback").map(|r| (r.query.to_owned(), r.scheme_differs));
        assert_eq!(at("http://localhost/callback?code=1"), Some(("code=1".to_owned(), false)));
        assert_eq!(at("https://localhost/callback?code=1"), Some(("code=1".to_owned(), true)));
        assert_eq!(at("https://localhost:8/callback?code=1"), None);
        assert_eq!(at("http://localhost/callback2?code=1"), None);
        assert_eq!(at("https://evil.example/callback?code=1"), None);
        assert!(split("https://a.example/cb?x=1&code=2", "https://a.example/cb?x=1").is_some_and(|r| r.query == "code=2"));
        assert!(split("https://a.example/cb?code=2", "https://a.example/cb?x=1").is_none());
        assert!(split("https://a.example/cb?x=12&code=2", "https://a.example/cb?x=1").is_none());
        // Browsers add the root path, and drop a default port and capitals.
        assert!(split("http://localhost/?code=2", "http://localhost").is_some_and(|r| r.query == "code=2"));
        assert!(split("http://localhost/cb?code=2", "http://LocalHost:80/cb").is_some());
        assert!(split("http://localhost/CB?code=2", "http://localhost/cb").is_none(), "paths keep their case");
        assert!(split("http://localhost@evil.example/cb?code=2", "http://localhost/cb").is_none());
        assert!(split("https://a.example/cb?code=2", "http://a.example/cb").is_none(), "only on loopback");
        // An app's own scheme is nothing that a browser writes in another way (RFC 8252 §7.1).
        let at = |url| split(url, "com.example.app:/back").map(|r| r.query.to_owned());
        assert_eq!(at("com.example.app:/back?code=1"), Some("code=1".to_owned()));
        for other in
            ["com.example.app:/Back?code=1", "com.example.app://back?code=1", "com.example.app2:/back?code=1", "https://back?code=1"]
        {
            assert_eq!(at(other), None, "{other}");
        }
        // Where the path begins does not depend on how long the host is.
        assert!(split("http://a/cb?code=2", "http://a/cb").is_some() && split("http://a/b/cb?code=2", "http://a/c/cb").is_none());
    }
}
