//! Long answers, page by page, and how many calls are left.

use axum::http::HeaderName;
use serde_json::{Value, json};

use super::Imitated;
use super::file::{Counts, Pages, ResetIn};
use super::shape::at_pointer;
use crate::message::{Call, Reply, with_query};

/// So many pages a long answer has.
const PAGES: usize = 3;

/// And so many items each of them.
const ITEMS: usize = 2;

/// What the headers about the rate limit say.
pub(super) const LIMIT: u64 = 150;
pub(super) const REMAINING: u64 = 41;
pub(super) const RESET: i64 = 30;

impl Imitated {
    /// How many pages a long answer has, where the file says how it goes on.
    pub(super) fn pages(&self) -> usize {
        self.file.api.pages.as_ref().map_or(0, |_| PAGES)
    }

    /// The page of this number, to a call that asks for it and for no other. The items say which they are.
    pub(super) fn page(&self, call: &Call, at: usize) -> Result<Reply, String> {
        let pages = self.file.api.pages.as_ref().ok_or("no page, as far as the file says")?;
        let parameter = if pages.next.is_some() { "imitated-page" } else { pages.parameter.as_deref().unwrap_or_default() };
        let asked = call.query.iter().find(|(name, _)| name == parameter).map(|(_, value)| value.clone());
        let due = (at > 0).then(|| mark(pages, at));
        if asked != due {
            return Err(format!("{parameter} asks for {asked:?}, and page {at} is {due:?}"));
        }
        let items: Vec<String> =
            if at < PAGES { (0..ITEMS).map(|item| format!("item-{}", at * ITEMS + item)).collect() } else { Vec::new() };
        let more = at + 1 < PAGES;
        let body = match (&pages.next, &pages.cursor, &pages.items) {
            (Some(next), ..) => {
                let url = self.places.base.as_ref().map(|base| with_query(&self.here(base), &[(parameter, &mark(pages, at + 1))]));
                beside(next, if more { json!(url) } else { Value::Null }, &items)
            }
            // Behind the last page some have an empty text.
            (_, Some(cursor), _) => beside(cursor, json!(if more { mark(pages, at + 1) } else { String::new() }), &items),
            (_, _, Some(pointer)) => at_pointer(pointer, json!(items)),
            _ => json!(items),
        };
        Ok(Reply::json(200, &body))
    }

    /// The answer with the headers that tell how many calls are left.
    pub(super) fn limited(&self, mut reply: Reply, remaining: u64, reset: i64) -> Reply {
        let Some(limits) = &self.file.api.limits else { return reply };
        let begins = match limits.reset_in {
            Some(ResetIn::Moment) => self.clock.now() + reset,
            _ => reset,
        };
        let told = [(&limits.limit, LIMIT.to_string()), (&limits.remaining, remaining.to_string()), (&limits.reset, begins.to_string())];
        for (name, value) in told {
            if let Some(name) = name.as_ref().and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok()) {
                reply = reply.with(name, &value);
            }
        }
        reply
    }
}

/// What asks for a page.
fn mark(pages: &Pages, at: usize) -> String {
    match pages.counts {
        Some(Counts::Pages) => (at + 1).to_string(),
        Some(Counts::Items) => (at * ITEMS).to_string(),
        // It has to be encoded.
        None => format!("page+{at}/="),
    }
}

fn beside(pointer: &str, value: Value, items: &[String]) -> Value {
    let mut body = at_pointer(pointer, value);
    if let Some(members) = body.as_object_mut() {
        members.entry("imitated").or_insert_with(|| json!(items));
    }
    body
}
