//! Lists in pages. A cursor says after which entry the next page begins; what is in it is nobody's business but ours.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Serialize;

use crate::listing::Readable;
use crate::problem::Problem;

/// How many entries a page has, where nobody says.
const USUAL: usize = 50;

/// How many it has at most.
pub(super) const MOST: usize = 200;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub(super) struct Page<T> {
    /// The entries.
    pub(super) items: Vec<T>,
    /// Where the next page begins; none: this was the last one.
    pub(super) next_cursor: Option<String>,
    /// How many entries of the whole list cannot be read, and are left out: they are damaged in the vault. The log of this program names them.
    pub(super) unreadable: usize,
}

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    list: &'static str,
    pub(super) most: usize,
    /// The last entry of the page before.
    pub(super) after: Option<String>,
}

impl Window {
    pub(super) fn read(list: &'static str, limit: Option<&str>, cursor: Option<&str>) -> Result<Self, Problem> {
        let wrong = |detail: String| Problem::bad_request("query", detail);
        let most = match limit {
            None => USUAL,
            Some(text) => {
                let number =
                    text.parse().ok().filter(|number| (1..=MOST).contains(number) && text.bytes().all(|byte| byte.is_ascii_digit()));
                number.ok_or_else(|| wrong(format!("The limit should be 1 to {MOST}.")))?
            }
        };
        let after = match cursor {
            None => None,
            Some(text) => Some(opened(list, text).ok_or_else(no_cursor)?),
        };
        Ok(Self { list, most, after })
    }

    /// A page of a list that is whole, and in the order of its keys.
    pub(super) fn of<T, U>(&self, all: impl Into<Readable<T>>, key: impl Fn(&T) -> String, shown: impl Fn(T) -> U) -> Page<U> {
        let Readable { items: all, unreadable } = all.into();
        let begun = all.into_iter().filter(|entry| self.after.as_ref().is_none_or(|after| key(entry) > *after));
        let mut items: Vec<T> = begun.take(self.most + 1).collect();
        let next_cursor = (items.len() > self.most).then(|| {
            items.truncate(self.most);
            items.last().map(|last| self.cursor(&key(last)))
        });
        Page { items: items.into_iter().map(shown).collect(), next_cursor: next_cursor.flatten(), unreadable }
    }

    /// The cursor after this entry.
    pub(super) fn cursor(&self, key: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}\n{key}", self.list))
    }
}

/// It is text, as the document has it; which text is nobody's business but ours.
pub(super) fn no_cursor() -> Problem {
    Problem::cannot("cursor", "This is no cursor of this list.").hint("begin without one")
}

/// The entry that a cursor of this list was made of.
fn opened(list: &str, cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok().filter(|bytes| bytes.len() <= 512)?;
    let text = String::from_utf8(bytes).ok()?;
    let (of, key) = text.split_once('\n')?;
    (of == list).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let all: Vec<String> = (0..10).map(|number| format!("account-{number}")).collect();
        let (mut cursor, mut seen): (Option<String>, Vec<String>) = (None, Vec::new());
        loop {
            let window = Window::read("list", Some("3"), cursor.as_deref()).expect("a window");
            let page = window.of(all.clone(), Clone::clone, |entry| entry);
            assert!(page.items.len() <= 3);
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn what_is_no_cursor_or_limit_is_refused() {
        let other = Window::read("other", None, None).expect("a window").cursor("x");
        for (limit, cursor) in [
            (Some("0"), None),
            (Some("201"), None),
            (Some("+5"), None),
            (Some(""), None),
            (None, Some("")),
            (None, Some("x")),
            (None, Some(other.as_str())),
        ] {
            assert!(Window::read("list", limit, cursor).is_err(), "{limit:?} {cursor:?}");
        }
    }
}
