//! Where one answer leads to another: a redirect by `Location` (RFC 9110 §10.2.2), a page of a long answer by `Link` (RFC 8288).

use std::fmt;

use http::header::{LINK, LOCATION};
use http::{HeaderMap, HeaderValue};
use url::Url;

/// Where the next page is, as the answer says it: `Link: <…>; rel="next"`.
pub fn next(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(LINK).iter().map(written);
    links
        .flat_map(|link| targets(&link))
        .find_map(|(target, relations)| relations.split_whitespace().any(|one| one.eq_ignore_ascii_case("next")).then_some(target))
}

/// Where a redirect leads, as the answer says it.
pub fn location(headers: &HeaderMap) -> Option<String> {
    headers.get(LOCATION).map(written)
}

/// Where a first answer is, found as a session finds it: a path is relative to the API's base.
pub fn absolute(base: &str, path: &str) -> Option<Url> {
    if is_absolute(path) {
        return Url::parse(path).ok();
    }
    let joint = if path.starts_with('/') || path.is_empty() { "" } else { "/" };
    Url::parse(&format!("{}{joint}{path}", base.trim_end_matches('/'))).ok()
}

/// A target may be relative to the page that names it (RFC 8288 §3.1, RFC 3986 §5): the URL, and what to ask for. An absolute one is asked for as it is
/// written, as cursors in it are the server's.
pub fn resolved(here: &Url, target: &str) -> Option<(Url, String)> {
    let target = target.split('#').next().unwrap_or_default();
    let url = here.join(target).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    let text = if is_absolute(target) { target.to_owned() } else { url.to_string() };
    Some((url, text))
}

/// The pages of a long answer, one behind the other.
pub struct Walk {
    here: Url,
    seen: Vec<Url>,
}

/// Why no page can be asked for, though the answer names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// What it names is no URL over HTTP.
    Unresolved,
    /// It was read before: who follows a server that leads in a circle follows it for ever.
    Circle,
}

impl Walk {
    /// Begins at this path, or whole URL, of an API.
    ///
    /// # Errors
    ///
    /// [`Lost::Unresolved`] where that is no URL.
    pub fn begin(base: &str, path: &str) -> Result<Self, Lost> {
        let here = absolute(base, path).ok_or(Lost::Unresolved)?;
        Ok(Self { seen: vec![here.clone()], here })
    }

    /// The page that was asked for last.
    pub fn here(&self) -> &Url {
        &self.here
    }

    /// Goes on to where that page leads: what to ask for.
    ///
    /// # Errors
    ///
    /// [`Lost::Unresolved`], and [`Lost::Circle`] for a page that was there before.
    pub fn step(&mut self, target: &str) -> Result<String, Lost> {
        let (url, text) = resolved(&self.here, target).ok_or(Lost::Unresolved)?;
        if self.seen.contains(&url) {
            return Err(Lost::Circle);
        }
        self.seen.push(url.clone());
        self.here = url;
        Ok(text)
    }
}

/// Without the pages: a cursor may open them to whoever reads it.
impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("pages", &self.seen.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unresolved => "the next page's address is no URL over HTTP",
            Self::Circle => "the pages lead back to one that was read already",
        })
    }
}

impl std::error::Error for Lost {}

/// Servers write bytes into their addresses, and names into titles beside them, that no header should have: they are kept as what a URL has for them.
fn written(value: &HeaderValue) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.as_bytes() {
        if byte.is_ascii() { text.push(char::from(*byte)) } else { text.push_str(&format!("%{byte:02X}")) }
    }
    text
}

/// Targets and their `rel`. A URL may have commas and semicolons in it, so its brackets count first; so may a quoted title, and brackets, too (RFC 8288 §3).
fn targets(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((target, behind)) = rest.split_once('<').and_then(|(_, behind)| behind.split_once('>')) {
        let (parameters, more) = parameters(behind);
        let relation = parameters.into_iter().find_map(|(name, value)| name.eq_ignore_ascii_case("rel").then_some(value));
        found.push((target.to_owned(), relation.unwrap_or_default()));
        rest = more;
    }
    found
}

/// Those of one link, and what stands from the next one's bracket on.
fn parameters(text: &str) -> (Vec<(String, String)>, &str) {
    let (mut found, mut begin, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    let mut keep = |piece: &str| {
        if let Some((name, value)) = piece.split_once('=') {
            found.push((name.trim().to_owned(), unquoted(value.trim())));
        }
    };
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ';' | ',' if !is_quoted => {
                keep(&text[begin..at]);
                begin = at + 1;
            }
            '<' if !is_quoted => {
                keep(&text[begin..at]);
                return (found, &text[at..]);
            }
            _ => {}
        }
    }
    keep(&text[begin..]);
    (found, "")
}

/// RFC 9110 §5.6.4. A quotation mark that is missing at one end is somebody's mistake, and no part of the value.
fn unquoted(value: &str) -> String {
    let (mut text, mut is_escaped) = (String::with_capacity(value.len()), false);
    for c in value.trim_matches('"').chars() {
        if c == '\\' && !is_escaped {
            is_escaped = true;
        } else {
            text.push(c);
            is_escaped = false;
        }
    }
    text
}

/// Whether it says whose it is. The query of a path may have a whole URL in it.
fn is_absolute(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        let next_of = |links: &[&str]| {
            let mut headers = HeaderMap::new();
            for link in links {
                headers.append(LINK, HeaderValue::from_bytes(link.as_bytes()).expect("a header"));
            }
            next(&headers)
        };
        assert_eq!(
            next_of(&["<https://a.example/x?page=1>; rel=\"prev\", <https://a.example/x?page=3>; rel=\"next\""]).as_deref(),
            Some("https://a.example/x?page=3")
        );
        assert_eq!(next_of(&["<a,b;c>; rel=last", "<?page=2>; title=\"x\"; REL=\"start Next\""]).as_deref(), Some("?page=2"));
        for none in ["", "<x", "<x>", "<x>; rel=nextish", "x; rel=next"] {
            assert_eq!(next_of(&[none]), None, "{none}");
        }
        // As it should not be written, and is.
        assert_eq!(next_of(&["</b>; title=\"Nächste\"; rel=next"]).as_deref(), Some("/b"));
        assert_eq!(next_of(&["</b>; title=\"a; rel=next; rel=\"next\""]).as_deref(), None, "an open quotation mark ends nowhere");
        // What is quoted is text.
        assert_eq!(next_of(&["</2>; title=\"a < b\"; rel=\"next\""]).as_deref(), Some("/2"));
        assert_eq!(next_of(&["</2>; title=\"see; rel=last\"; rel=\"next\""]).as_deref(), Some("/2"));
        assert_eq!(next_of(&["</1>; rel=\"prev\"; title=\"</x>; rel=next\""]), None);
        assert_eq!(next_of(&["</1>; title=\"a \\\"b, <x>; rel=next\"; rel=prev, </3>; rel=next"]).as_deref(), Some("/3"));
        assert_eq!(next_of(&["</b?q=café>; rel=next"]).as_deref(), Some("/b?q=caf%C3%A9"));
    }

    #[test]
    fn a_redirect_leads_on_by_bytes_that_are_no_text() {
        let at = |bytes: &[u8]| location(&[(LOCATION, HeaderValue::from_bytes(bytes).expect("a header"))].into_iter().collect());
        assert_eq!(at(b"/caf\xe9").as_deref(), Some("/caf%E9"));
        let here = absolute("https://a.example", "/x").expect("a URL");
        let there = resolved(&here, &at("https://bücher.example/ü".as_bytes()).expect("a target")).expect("a URL");
        assert_eq!(there.0.as_str(), "https://xn--bcher-kva.example/%C3%BC");
    }

    #[test]
    fn a_target_may_be_relative() {
        let here = absolute("https://a.example/v1/", "/x/y?page=1").expect("a URL");
        let at = |target| resolved(&here, target).map(|(_, text)| text);
        for (target, expected) in [
            ("https://b.example/y?c=a|b", "https://b.example/y?c=a|b"),
            ("/y?page=2", "https://a.example/y?page=2"),
            ("/y?u=https://b.example/", "https://a.example/y?u=https://b.example/"),
            ("?page=2#top", "https://a.example/v1/x/y?page=2"),
            ("items?page=2", "https://a.example/v1/x/items?page=2"),
            ("//b.example/y", "https://b.example/y"),
        ] {
            assert_eq!(at(target).as_deref(), Some(expected), "{target}");
        }
        for none in ["mailto:a@a.example", "http://", "https://a b/"] {
            assert_eq!(at(none), None, "{none}");
        }
        let elsewhere = absolute("https://a.example/v1", "https://c.example/x").expect("a URL");
        assert_eq!(resolved(&elsewhere, "/y").map(|(_, text)| text).as_deref(), Some("https://c.example/y"));
        assert_eq!(absolute("https://a.example/v1", "me").map(String::from).as_deref(), Some("https://a.example/v1/me"));
    }

    #[test]
    fn a_walk_that_leads_back_ends() {
        let mut walk = Walk::begin("https://a.example", "/x").expect("a URL");
        assert_eq!(walk.step("?page=2").as_deref(), Ok("https://a.example/x?page=2"));
        assert_eq!(walk.step("mailto:a@a.example"), Err(Lost::Unresolved));
        assert_eq!(walk.step("/x"), Err(Lost::Circle));
        assert_eq!(format!("{walk:?}"), "Walk { pages: 2, .. }");
    }
}
