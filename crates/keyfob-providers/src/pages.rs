//! How an API's long answers go on, where it is not said by a `Link` header (RFC 8288): `keyfob get --paginate` and actions read it.

use std::fmt;

use keyfob_proto::encode;
use keyfob_proto::scrub::printable;
use serde_json::Value;

/// Where the page behind an answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pages {
    /// The answer has its URL, at this JSON pointer (RFC 6901).
    Next(String),
    /// The answer has a text at this pointer that goes into this parameter of the query.
    Cursor {
        /// Where it is.
        at: String,
        /// Where it goes.
        parameter: String,
    },
    /// This parameter of the query counts, and the page without items is behind the last.
    Counted {
        /// What it is called.
        parameter: String,
        /// What it counts.
        counts: Counts,
        /// Where the items are; `None`: the answer is the list of them.
        items: Option<String>,
    },
}

/// There is no list where the items of a page are counted: nobody can tell whether the answer goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoList {
    /// Where the provider's file has them.
    items: Option<String>,
    /// Where the answer has lists.
    lists: Vec<String>,
}

impl fmt::Display for NoList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.items {
            Some(at) => write!(f, "pages.items of the provider's file is \"{at}\", where the answer has no list")?,
            None => f.write_str("pages of the provider's file has no items, and the answer is not a list itself")?,
        }
        write!(f, "; it has lists at {}", printable(&self.lists.join(", ")))
    }
}

impl std::error::Error for NoList {}

/// What the parameter of a page counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Counts {
    /// Pages, from 1.
    Pages,
    /// Items that come before it, from 0.
    Items,
}

impl Pages {
    /// Where the next page is, behind the answer that came from this URL: a URL, which may be relative to that one. `None` behind the last.
    pub fn next(&self, url: &str, answer: &Value) -> Option<String> {
        match self {
            Self::Next(at) => said(answer, at),
            Self::Cursor { at, parameter } => Some(with(url, parameter, &said(answer, at)?)),
            Self::Counted { parameter, counts, items } => {
                let list = counted(items.as_deref(), answer)?;
                let step = match counts {
                    _ if list.is_empty() => return None,
                    Counts::Pages => 1,
                    Counts::Items => u64::try_from(list.len()).ok()?,
                };
                let first = if *counts == Counts::Pages { 1 } else { 0 };
                let here = value(url, parameter).map_or(Some(first), |text| text.parse().ok())?;
                Some(with(url, parameter, &step.checked_add(here)?.to_string()))
            }
        }
    }

    /// Whether items are counted where a first answer has none, while it has lists elsewhere: then it may well go on, and [`Pages::next`] cannot tell. What has
    /// no list of anything has no pages.
    ///
    /// # Errors
    ///
    /// [`NoList`], as said.
    pub fn check(&self, answer: &Value) -> Result<(), NoList> {
        let Self::Counted { items, .. } = self else { return Ok(()) };
        let mut there = Vec::new();
        if counted(items.as_deref(), answer).is_none() {
            lists(answer, "", &mut there);
        }
        if there.is_empty() { Ok(()) } else { Err(NoList { items: items.clone(), lists: there }) }
    }
}

fn counted<'a>(items: Option<&str>, answer: &'a Value) -> Option<&'a Vec<Value>> {
    items.map_or(Some(answer), |at| answer.pointer(at))?.as_array()
}

/// Where lists of objects are, from the outside in. Inside a list is no further one: that would be an item's own.
fn lists(value: &Value, at: &str, found: &mut Vec<String>) {
    /// More would be no advice.
    const SHOWN: usize = 3;
    match value {
        Value::Array(items) if items.first().is_some_and(Value::is_object) && found.len() < SHOWN => found.push(at.to_owned()),
        Value::Object(members) => {
            for (name, value) in members {
                lists(value, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        _ => {}
    }
}

/// A text or a number that says something: behind the last page many have an empty one.
fn said(answer: &Value, at: &str) -> Option<String> {
    match answer.pointer(at)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn value(url: &str, parameter: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let found = encode::decode_pairs(query.as_bytes()).find(|(name, _)| name == parameter.as_bytes());
    found.and_then(|(_, value)| String::from_utf8(value).ok())
}

/// The URL with this parameter, in place of one that it has. Nothing else in it changes.
fn with(url: &str, parameter: &str, value: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let is_other = |pair: &&str| !pair.is_empty() && encode::decode_pairs(pair.as_bytes()).all(|(name, _)| name != parameter.as_bytes());
    let new = encode::form_pairs([(parameter, value)]);
    let pairs: Vec<&str> = query.split('&').filter(is_other).chain([new.as_str()]).collect();
    format!("{path}?{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URL: &str = "https://hub.example/lamps?room=a%2Fb&c=1";

    #[test]
    fn the_answer_says_where_it_goes_on() {
        let pages = Pages::Next("/paging/next".into());
        assert_eq!(pages.next(URL, &json!({"paging": {"next": "/lamps?after=3"}})).as_deref(), Some("/lamps?after=3"));
        for last in [json!({}), json!({"paging": {"next": null}}), json!({"paging": {"next": ""}}), json!([])] {
            assert_eq!(pages.next(URL, &last), None, "{last}");
        }
    }

    #[test]
    fn a_cursor_takes_the_place_of_the_one_before() {
        let pages = Pages::Cursor { at: "/next".into(), parameter: "c".into() };
        assert_eq!(pages.next(URL, &json!({"next": "x&y"})).as_deref(), Some("https://hub.example/lamps?room=a%2Fb&c=x%26y"));
        assert_eq!(pages.next("https://hub.example/lamps#top", &json!({"next": 7})).as_deref(), Some("https://hub.example/lamps?c=7"));
        assert_eq!(pages.next(URL, &json!({"next": ""})), None);
    }

    #[test]
    fn pages_and_items_are_counted_until_none_are_left() {
        let counted = |counts, items: Option<&str>| Pages::Counted { parameter: "n".into(), counts, items: items.map(str::to_owned) };
        let two = json!([1, 2]);
        let pages = counted(Counts::Pages, None);
        assert_eq!(pages.next("https://hub.example/l", &two).as_deref(), Some("https://hub.example/l?n=2"));
        assert_eq!(pages.next("https://hub.example/l?n=2", &two).as_deref(), Some("https://hub.example/l?n=3"));
        assert_eq!(pages.next("https://hub.example/l?n=3", &json!([])), None);
        let items = counted(Counts::Items, Some("/entries"));
        let answer = json!({"entries": two});
        assert_eq!(items.next("https://hub.example/l", &answer).as_deref(), Some("https://hub.example/l?n=2"));
        assert_eq!(items.next("https://hub.example/l?n=10", &answer).as_deref(), Some("https://hub.example/l?n=12"));
        // What is no list has no next page, and what is no number is not counted on.
        for (url, answer) in
            [("https://hub.example/l", json!({"entries": 3})), ("https://hub.example/l", json!({})), ("https://hub.example/l?n=x", answer)]
        {
            assert_eq!(items.next(url, &answer), None, "{url} {answer}");
        }
        for (pages, answer, told) in [
            (
                &items,
                json!({"page": 1, "all": {"lamps": [{}]}}),
                "pages.items of the provider's file is \"/entries\", where the answer has no list; it has lists at /all/lamps",
            ),
            (
                &pages,
                json!({"a/b": [{}], "c": ["x"]}),
                "pages of the provider's file has no items, and the answer is not a list itself; it has lists at /a~1b",
            ),
        ] {
            assert_eq!(pages.check(&answer).map_err(|error| error.to_string()), Err(told.to_owned()));
        }
        for none in [json!({}), json!({"entries": []}), json!({"name": "x", "tags": ["y"]}), json!({"entries": [{}], "more": [{}]})] {
            assert_eq!(items.check(&none), Ok(()), "{none}");
        }
        let end = format!("https://hub.example/l?n={}", u64::MAX);
        assert_eq!(pages.next(&end, &two), None, "it does not wrap round");
    }
}
