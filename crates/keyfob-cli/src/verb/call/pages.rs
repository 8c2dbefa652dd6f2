//! Page after page: by `Link: <…>; rel="next"` (RFC 8288), or as the provider's file says.

use http::Method;
use keyfob::Session;
use keyfob::links::{self, Lost, Walk};
use keyfob::proto::encode::without_byte_order_mark;
use keyfob::proto::scrub::printable;
use keyfob::transport::packing;
use keyfob_providers::Pages;
use serde_json::Value;

use super::charset::{Charset, media_type};
use super::follow::Came;
use super::retry;
use super::show::OF_LINES;
use crate::card::Card;
use crate::exit::Exit;
use crate::output::Output;
use crate::perform::{tell_of_no_list, there_is_more};
use crate::request::Carried;

/// How to go on.
pub(super) struct Paging<'a> {
    pub(super) session: &'a Session,
    /// What the call carried: its headers go along to each page.
    pub(super) carried: &'a Carried,
    /// So many pages at most; `None`: nobody asked for pages.
    pub(super) most: Option<u32>,
    pub(super) retries: u32,
    /// How the provider's long answers go on, where that is not by links.
    pub(super) pages: Option<&'a Pages>,
}

impl Paging<'_> {
    /// The page that is there, and those behind it. A page at another origin than the account's is not asked for: the session refuses it.
    pub(super) async fn read(&self, first: Came, path: &str, out: &Output, what: &str) -> Result<Vec<Value>, Card> {
        let mut pages = Vec::new();
        let mut answer = first;
        let mut walk = Walk::begin(self.session.settings().api.base.as_str(), path).map_err(|error| lost(what, error))?;
        loop {
            let (linked, packing) = (links::next(answer.headers()), packing(answer.headers()));
            let (charset, is_of_lines) = (Charset::of(answer.headers()), OF_LINES.contains(&media_type(answer.headers()).as_str()));
            // An error is none of the data, also one that the provider says with status 200.
            let bytes = if answer.may_be_error() { answer.read(what, &self.session.account()).await? } else { answer.bytes(what).await? };
            // 204, and whoever forgets it: of nothing jq makes nothing. Behind other pages it would be taken for their end.
            if bytes.trim_ascii().is_empty() && pages.is_empty() {
                return Ok(pages);
            }
            let text = charset.utf8(&bytes);
            let page = value(without_byte_order_mark(&text), is_of_lines).map_err(|error| {
                // It was called: whoever reads that it was not would do it again.
                let (why, next) = match &packing {
                    Some(coding) => {
                        (format!("the answer is packed: {}", printable(coding)), "ask for it as it is: Accept-Encoding:identity")
                    }
                    None => (format!("the answer is no JSON: {error}"), "see it as it came: leave --jq, --format and --paginate away"),
                };
                Card::new(Exit::Error, format!("cannot read the answer of {}", self.session.account().name), why, next)
            })?;
            let next = linked.or_else(|| self.pages?.next(walk.here().as_str(), &page));
            let counted = self.pages.filter(|_| next.is_none() && self.most.is_some() && pages.is_empty());
            if let Some(Err(why)) = counted.map(|counted| counted.check(&page)) {
                tell_of_no_list(&why, out);
            }
            pages.push(page);
            let (Some(next), Some(most)) = (next, self.most) else { return Ok(pages) };
            if pages.len() as u32 >= most {
                out.note(&out.note_paint().warn(&there_is_more(most as usize)));
                return Ok(pages);
            }
            // Left out, it would end the loop as if that had been all.
            let text = walk.step(&next).map_err(|error| lost(what, error))?;
            let carried = self.carried.onward(false);
            let again = retry::Again { session: self.session, method: &Method::GET, carried: &carried, retries: self.retries, out, what };
            answer = Came::Ours(again.send(|| carried.clone().call(self.session, Method::GET, &text)).await?);
        }
    }
}

/// The answer; of lines, the list of them.
fn value(text: &[u8], is_of_lines: bool) -> serde_json::Result<Value> {
    if !is_of_lines {
        return serde_json::from_slice(text);
    }
    serde_json::Deserializer::from_slice(text).into_iter().collect::<serde_json::Result<_>>().map(Value::Array)
}

/// It is as it is on the server's side, so there is nothing to do but to read less at once.
fn lost(what: &str, lost: Lost) -> Card {
    let next = match lost {
        Lost::Unresolved => "read the pages one by one: leave --paginate away",
        Lost::Circle => "read fewer: --pages N",
    };
    Card::new(Exit::Error, what, lost.to_string(), next)
}
