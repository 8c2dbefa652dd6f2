//! Page after page, by `Link: <…>; rel="next"` (RFC 8288).

use http::{HeaderMap, Method, header};
use keyfob::{Answer, Session};
use serde_json::Value;

use super::retry;
use crate::card::{Card, Doing};
use crate::exit::Exit;
use crate::output::Output;
use crate::request::LARGEST;

/// How to go on.
pub(super) struct Paging<'a> {
    pub(super) session: &'a Session,
    /// So many pages at most.
    pub(super) most: u32,
    pub(super) retries: u32,
}

impl Paging<'_> {
    /// The page that is there, and those behind it. A page at another origin than the account's is not asked for: the session refuses it.
    pub(super) async fn read(&self, first: Answer, path: &str, out: &Output, what: &str) -> Result<Vec<Value>, Card> {
        let mut pages = Vec::new();
        let (mut answer, mut here, mut seen) = (first, path.to_owned(), vec![path.to_owned()]);
        loop {
            let next =
                next(answer.headers()).and_then(|target| resolved(&here, &target, self.session.settings().api.base.origin().as_str()));
            if !answer.status().is_success() {
                return Err(Card::of(what, &answer.read().await.err().unwrap_or_else(|| unexpected().into())).exiting(Exit::Http));
            }
            let bytes = answer.into_http().into_body().bytes(LARGEST as usize).await.doing(what)?;
            pages.push(serde_json::from_slice(&bytes).map_err(|error| {
                Card::new(
                    Exit::Error,
                    what,
                    format!("the answer is no JSON: {error}"),
                    "see it as it came: leave --jq, --format and --paginate away",
                )
            })?);
            let Some(next) = next.filter(|_| self.most > 1) else { return Ok(pages) };
            if pages.len() as u32 >= self.most {
                out.note(&out.note_paint().warn(&format!("there is more: only {} pages were read (--pages N reads more)", self.most)));
                return Ok(pages);
            }
            // A server that leads in a circle would be asked for ever.
            if seen.contains(&next) {
                return Err(Card::new(Exit::Error, what, "the pages lead back to one that was read already", "read fewer: --pages N"));
            }
            seen.push(next.clone());
            here = next;
            let call = || self.session.call(Method::GET, here.clone());
            answer = retry::send(call, &Method::GET, self.retries, out, what).await?;
        }
    }
}

fn unexpected() -> keyfob::proto::Misuse {
    keyfob::proto::Misuse::new("a page", "an answer that is none")
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

/// A target may be relative (RFC 3986 §4.2): to the root, or to the page itself.
fn resolved(here: &str, target: &str, origin: &str) -> Option<String> {
    if target.contains("://") {
        return Some(target.to_owned());
    }
    if target.starts_with('/') && !target.starts_with("//") {
        return Some(format!("{origin}{target}"));
    }
    target.starts_with('?').then(|| format!("{}{target}", here.split('?').next().unwrap_or_default()))
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
        let at = |target| resolved("/x?page=1", target, "https://a.example");
        assert_eq!(at("https://b.example/y").as_deref(), Some("https://b.example/y"));
        assert_eq!(at("/y?page=2").as_deref(), Some("https://a.example/y?page=2"));
        assert_eq!(at("?page=2").as_deref(), Some("/x?page=2"));
        assert_eq!((at("//b.example/y"), at("y")), (None, None));
    }
}
