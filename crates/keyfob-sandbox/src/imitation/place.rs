//! Where a provider's hosts are: each on a port of its own here, so that a request to the wrong one of them is seen.

use std::collections::BTreeMap;

use url::Url;

/// A provider's hosts, in the order of their ports here.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    /// `https://api.example`, and where it is here.
    known: Vec<(String, String)>,
}

/// A URL of the file: which host, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: usize,
    /// Without query; `/` at least.
    pub(super) path: String,
    pub(super) query: Option<String>,
    /// As it was written, without its origin.
    rest: String,
}

impl Hosts {
    /// Takes a URL apart, and notes its host.
    pub(super) fn place(&mut self, url: &str) -> Result<Place, String> {
        let parsed = Url::parse(url).map_err(|problem| format!("{url} is no URL: {problem}"))?;
        let origin = parsed.origin().ascii_serialization();
        let rest = url.splitn(4, '/').nth(3).map_or_else(String::new, |rest| format!("/{rest}"));
        let host = match self.known.iter().position(|(known, _)| *known == origin) {
            Some(host) => host,
            None => {
                self.known.push((origin, String::new()));
                self.known.len() - 1
            }
        };
        Ok(Place { host, path: parsed.path().to_owned(), query: parsed.query().map(str::to_owned), rest })
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn open(&mut self, host: usize, here: String) {
        self.known[host].1 = here;
    }

    /// The URL by which a place is asked here.
    pub(super) fn here(&self, place: &Place) -> String {
        format!("{}{}", self.known[place.host].1, place.rest)
    }

    pub(super) fn origin(&self, host: usize) -> &str {
        &self.known[host].1
    }

    /// Where each host is.
    pub(super) fn map(&self) -> BTreeMap<String, String> {
        self.known.iter().cloned().collect()
    }
}

/// Fills the places of a template: `{{` and `}}` are braces.
pub(super) fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            text.push_str(&rest[..1]);
            rest = after;
            continue;
        }
        let (name, after) = rest[1..].split_once('}').ok_or_else(|| format!("a brace that does not end in \"{template}\""))?;
        text.push_str(&value(name).ok_or_else(|| format!("nothing for {{{name}}} of \"{template}\""))?);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

/// Whether a text fits a template: what stands between its places has to be there, and each place holds something without `/`.
pub(super) fn fits(template: &str, text: &str) -> bool {
    // A character that no path, query or header of a request has.
    let Ok(pattern) = fill(template, |_| Some("\u{1}".into())) else { return false };
    let mut pieces = pattern.split('\u{1}');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut at_end = true;
    for piece in pieces {
        let from = rest.find('/').unwrap_or(rest.len());
        let held = if piece.is_empty() { from } else { rest[..].find(piece).unwrap_or(usize::MAX) };
        if held == 0 || held > from {
            return false;
        }
        rest = &rest[held + piece.len()..];
        at_end = rest.is_empty();
    }
    at_end && rest.is_empty()
}

/// Whether a template is text alone.
pub(super) fn is_plain(template: &str) -> bool {
    fill(template, |_| None).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_and_compared() {
        assert_eq!(fill("{{ {a} }}", |name| Some(name.to_uppercase())), Ok("{ A }".into()));
        assert!(fill("{a", |_| Some(String::new())).is_err());
        assert!(fits("/locks/{id}/status", "/locks/12/status"));
        assert!(fits("/1/user/-/date/{date}.json", "/1/user/-/date/today.json"));
        assert!(fits("/me", "/me"));
        for other in ["/locks//status", "/locks/1/2/status", "/locks/1/statu", "/locks/1/status/", "/lock/1/status"] {
            assert!(!fits("/locks/{id}/status", other), "{other}");
        }
        assert!(!fits("/me", "/mex"));
    }

    #[test]
    fn each_host_has_a_port_and_urls_keep_their_spelling() {
        let mut hosts = Hosts::default();
        let mut place = |url| hosts.place(url).expect("a URL");
        let (api, login, below) = (place("https://api.example"), place("https://login.example/a?b=c"), place("https://api.example/v1/"));
        assert_eq!((api.host, login.host, below.host), (0, 1, 0));
        hosts.open(0, "http://127.0.0.1:1".into());
        hosts.open(1, "http://127.0.0.1:2".into());
        assert_eq!(hosts.here(&api), "http://127.0.0.1:1");
        assert_eq!(hosts.here(&login), "http://127.0.0.1:2/a?b=c");
        assert_eq!((login.path.as_str(), login.query.as_deref()), ("/a", Some("b=c")));
    }
}
