//! Page after page: by `Link: <…>; rel="next"` (RFC 8288), or as the provider's file says.

use http::{HeaderMap, Method, header};
use keyfob::Session;
use keyfob::proto::scrub::printable;
use keyfob::transport::packing;
use keyfob_providers::Pages;
use serde_json::Value;
use url::Url;

use super::follow::Came;
use super::retry;
use crate::card::Card;
use crate::exit::Exit;
use crate::output::Output;
use crate::request::Carried;

/// How to go on.
pub(super) struct Paging<'a> {
    pub(super) session: &'a Session,
    /// What the call carried: its headers go along to each page.
    pub(super) carried: &'a Carried,
    /// So many pages at most.
    pub(super) most: u32,
    pub(super) retries: u32,
    /// How the provider's long answers go on, where that is not by links.
    pub(super) pages: Option<&'a Pages>,
}

impl Paging<'_> {
    /// The page that is there, and those behind it. A page at another origin than the account's is not asked for: the session refuses it.
    pub(super) async fn read(&self, first: Came, path: &str, out: &Output, what: &str) -> Result<Vec<Value>, Card> {
        let mut pages = Vec::new();
        let mut answer = first;
        let mut here = absolute(self.session.settings().api.base.as_str(), path).ok_or_else(|| unresolved(what))?;
        let mut seen = vec![here.clone()];
        loop {
            let (linked, packing) = (next(answer.headers()), packing(answer.headers()));
            // An error is none of the data, also one that the provider says with status 200.
            let signals = &self.session.settings().api.failed;
            let bytes = if !answer.status().is_success() || signals.iter().any(|signal| signal.needs_body(answer.status())) {
                answer.read(what, &self.session.account()).await?
            } else {
                answer.bytes(what).await?
            };
            // 204, and whoever forgets it: of nothing jq makes nothing. Behind other pages it would be taken for their end.
            if bytes.trim_ascii().is_empty() && pages.is_empty() {
                return Ok(pages);
            }
            let page: Value = serde_json::from_slice(&bytes).map_err(|error| {
                // It was called: whoever reads that it was not would do it again.
                let (why, next) = match &packing {
                    Some(coding) => {
                        (format!("the answer is packed: {}", printable(coding)), "ask for it as it is: Accept-Encoding:identity")
                    }
                    None => (format!("the answer is no JSON: {error}"), "see it as it came: leave --jq, --format and --paginate away"),
                };
                Card::new(Exit::Error, format!("cannot read the answer of {}", self.session.account().name), why, next)
            })?;
            let next = linked.or_else(|| self.pages?.next(here.as_str(), &page));
            pages.push(page);
            let Some(next) = next.filter(|_| self.most > 1) else { return Ok(pages) };
            if pages.len() as u32 >= self.most {
                out.note(&out.note_paint().warn(&format!("there is more: only {} pages were read (--pages N reads more)", self.most)));
                return Ok(pages);
            }
            // Left out, it would end the loop as if that had been all.
            let (url, text) = resolved(&here, &next).ok_or_else(|| unresolved(what))?;
            // A server that leads in a circle would be asked for ever.
            if seen.contains(&url) {
                return Err(Card::new(Exit::Error, what, "the pages lead back to one that was read already", "read fewer: --pages N"));
            }
            seen.push(url.clone());
            here = url;
            let carried = self.carried.onward(false);
            let again = retry::Again { session: self.session, method: &Method::GET, carried: &carried, retries: self.retries, out, what };
            answer = Came::Ours(again.send(|| carried.clone().call(self.session, Method::GET, &text)).await?);
        }
    }
}

/// Where the next page is.
fn next(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(header::LINK).iter().filter_map(|value| value.to_str().ok());
    links
        .flat_map(targets)
        .find_map(|(target, relations)| relations.split_whitespace().any(|one| one.eq_ignore_ascii_case("next")).then_some(target))
}

/// Targets and their `rel`. A URL may have commas and semicolons in it, so its brackets count first.
fn targets(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((target, behind)) = rest.split_once('<').and_then(|(_, behind)| behind.split_once('>')) {
        let (parameters, more) = behind.split_at(behind.find('<').unwrap_or(behind.len()));
        let relation = parameters.split([';', ',']).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"').to_owned())
        });
        found.push((target.to_owned(), relation.unwrap_or_default()));
        rest = more;
    }
    found
}

fn unresolved(what: &str) -> Card {
    Card::new(Exit::Error, what, "the next page's address is no URL over HTTP", "read the pages one by one: leave --paginate away")
}

/// Whether it says whose it is. The query of a path may have a whole URL in it.
fn is_absolute(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Where the first page is, found as the session finds it: a path is relative to the API's base.
pub(super) fn absolute(base: &str, path: &str) -> Option<Url> {
    if is_absolute(path) {
        return Url::parse(path).ok();
    }
    let joint = if path.starts_with('/') || path.is_empty() { "" } else { "/" };
    Url::parse(&format!("{}{joint}{path}", base.trim_end_matches('/'))).ok()
}

/// A target may be relative to the page that names it (RFC 8288 §3.1, RFC 3986 §5): the URL, and what to ask for. An absolute one is asked for as it is
/// written, as cursors in it are the server's.
pub(super) fn resolved(here: &Url, target: &str) -> Option<(Url, String)> {
    let target = target.split('#').next().unwrap_or_default();
    let url = here.join(target).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    let text = if is_absolute(target) { target.to_owned() } else { url.to_string() };
    Some((url, text))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        let next_of = |links: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for link in links {
                headers.append(header::LINK, HeaderValue::from_static(link));
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
}
