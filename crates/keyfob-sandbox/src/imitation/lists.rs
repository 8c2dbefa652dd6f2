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
        if !self.counts().is_empty() {
            return self.counted(reply, 0);
        }
        let told = [
            (&limits.limit, LIMIT.to_string()),
            (&limits.remaining, remaining.to_string()),
            (&limits.usage, LIMIT.saturating_sub(remaining).to_string()),
            (&limits.reset, begins.to_string()),
            // A second count, of which more are left, has to be told apart from it.
            (&limits.structured, format!("\"long\";r={};t=9000, \"short\";r={remaining};t={reset}", LIMIT * 10)),
            (&limits.policy, format!("\"short\";q={LIMIT};w=60, \"long\";q={};w=86400", LIMIT * 20)),
        ];
        for (name, value) in told {
            reply = with(reply, name.as_ref(), &value);
        }
        reply
    }

    /// The counts that are told at once, where there are several.
    pub(super) fn counts(&self) -> Vec<(Option<u64>, Option<i64>)> {
        let Some(limits) = &self.file.api.limits else { return Vec::new() };
        let has_limit = [Some(limits.limit.is_some()), limits.reads.as_ref().map(|reads| reads.limit.is_some())];
        let of_each: Vec<bool> = has_limit.into_iter().flatten().flat_map(|has| vec![has; limits.periods.len().max(1)]).collect();
        if of_each.len() < 2 && limits.periods.is_empty() {
            return Vec::new();
        }
        let count =
            |(at, has): (usize, bool)| (has.then_some(LIMIT + at as u64), limits.periods.get(at % limits.periods.len().max(1)).copied());
        of_each.into_iter().enumerate().map(count).collect()
    }

    /// The answer with headers that count all of that: of the one of this number the fewest are left, and of the others many.
    pub(super) fn counted(&self, mut reply: Reply, fewest: usize) -> Reply {
        let Some(limits) = &self.file.api.limits else { return reply };
        let reads = limits.reads.as_ref().map(|reads| (&reads.limit, &reads.remaining, &reads.usage));
        let periods = limits.periods.len().max(1);
        for (set, (limit, remaining, usage)) in [(&limits.limit, &limits.remaining, &limits.usage)].into_iter().chain(reads).enumerate() {
            let all = |of: fn(u64, u64) -> u64| {
                let number = |at: usize| {
                    let at = set * periods + at;
                    let limit = LIMIT + at as u64;
                    of(limit, if at == fewest { REMAINING } else { limit - at as u64 })
                };
                (0..periods).map(|at| number(at).to_string()).collect::<Vec<_>>().join(",")
            };
            reply = with(reply, limit.as_ref(), &all(|limit, _| limit));
            reply = with(reply, remaining.as_ref(), &all(|_, left| left));
            reply = with(reply, usage.as_ref(), &all(|limit, left| limit - left));
        }
        reply
    }
}

fn with(reply: Reply, name: Option<&String>, value: &str) -> Reply {
    match name.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok()) {
        Some(name) => reply.with(name, value),
        None => reply,
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
