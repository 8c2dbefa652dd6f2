//! A part of a list that may be long: what a search finds of it, so many at a time, in the order that people expect. Without script, and without a page that
//! never ends.

use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyfob::proto::encode;

use crate::failure::Failure;

/// So many are on a page.
const MOST: usize = 50;

/// A list that is seen at a glance needs no search.
const FEW: usize = 12;

/// Which part somebody asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    q: String,
    /// The last one of the page before.
    after: Option<String>,
}

/// That part, and what its page says about it.
pub(crate) struct Part<T> {
    pub(crate) items: Vec<T>,
    /// What was searched for.
    pub(crate) q: String,
    /// Whether the list is one to search in.
    pub(crate) is_long: bool,
    /// How many there are of them, in a sentence.
    pub(crate) told: String,
    /// The address of the first page, on a later one.
    pub(crate) first: Option<String>,
    /// The address of the next page.
    pub(crate) next: Option<String>,
}

impl<T> Part<T> {
    /// The same, of what is made of each.
    pub(crate) fn map<U>(self, made: impl Fn(T) -> U) -> Part<U> {
        let Self { items, q, is_long, told, first, next } = self;
        Part { items: items.into_iter().map(made).collect(), q, is_long, told, first, next }
    }
}

impl Wanted {
    /// What a query says.
    pub(crate) fn of(query: Option<&str>) -> Result<Self, Failure> {
        let fields = encode::decode_text_pairs(query.unwrap_or_default().as_bytes()).map_err(|_| Failure::nowhere())?;
        let said =
            |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty());
        let after = said("after").map(|cursor| opened(cursor).ok_or_else(Failure::nowhere)).transpose()?;
        Ok(Self { q: said("q").unwrap_or_default().to_owned(), after })
    }

    /// What is searched for.
    pub(crate) fn q(&self) -> &str {
        &self.q
    }

    /// Whether it is the beginning of the whole list.
    pub(crate) fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// That part of a list. `key` is what it is sorted by, the same for no two; `words` is what is searched in.
    pub(crate) fn part<T>(
        self,
        path: &str,
        name: [&str; 2],
        all: Vec<T>,
        key: impl Fn(&T) -> String,
        words: impl Fn(&T) -> String,
    ) -> Part<T> {
        let Self { q, after } = self;
        let is_long = all.len() > FEW || !q.is_empty() || after.is_some();
        let wanted: Vec<String> = q.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let is_found = |entry: &T| {
            let words = if wanted.is_empty() { String::new() } else { words(entry).to_lowercase() };
            wanted.iter().all(|word| words.contains(word.as_str()))
        };
        let mut found: Vec<(String, T)> = all.into_iter().filter(is_found).map(|entry| (key(&entry), entry)).collect();
        found.sort_by(|(one, _), (other, _)| natural(one, other));
        let many = found.len();
        let begins = after.as_deref().map_or(0, |after| found.partition_point(|(key, _)| natural(key, after) != Ordering::Greater));
        let shown: Vec<(String, T)> = found.into_iter().skip(begins).take(MOST).collect();
        let ends = begins + shown.len();
        let link = |cursor: Option<&str>| {
            let pairs = [("q", Some(q.as_str()).filter(|q| !q.is_empty())), ("after", cursor)];
            let query = encode::form_pairs(pairs.iter().filter_map(|(name, value)| Some((*name, (*value)?))));
            if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
        };
        let next = shown.last().filter(|_| ends < many).map(|(key, _)| link(Some(&URL_SAFE_NO_PAD.encode(key))));
        let counted = format!("{many} {}", if many == 1 { name[0] } else { name[1] });
        let told = if shown.len() == many { counted } else { format!("{} to {ends} of {counted}", begins + 1) };
        let first = after.is_some().then(|| link(None));
        Part { items: shown.into_iter().map(|(_, entry)| entry).collect(), is_long, told, first, next, q }
    }
}

fn opened(cursor: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

/// As people order names: capitals beside small letters, and a number by how large it is (`account2` before `account10`).
pub(crate) fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (first, second) = (left.chars().next(), right.chars().next());
        let (Some(first), Some(second)) = (first, second) else {
            // The same to a person, and not the same: some order, always this one.
            return first.is_some().cmp(&second.is_some()).then_with(|| one.cmp(other));
        };
        let order = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (number, another);
            (number, left) = digits(left);
            (another, right) = digits(right);
            number.len().cmp(&another.len()).then_with(|| number.cmp(another))
        } else {
            (left, right) = (&left[first.len_utf8()..], &right[second.len_utf8()..]);
            first.to_lowercase().cmp(second.to_lowercase())
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The digits that a text begins with, without zeros in front; and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    (number.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(query: &str, many: usize) -> Part<String> {
        let all = (1..=many).rev().map(|number| format!("Account{number}")).collect();
        Wanted::of(Some(query)).expect("a query").part("/x", ["account", "accounts"], all, Clone::clone, Clone::clone)
    }

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        let mut names = ["b", "account10", "Account2", "account", "account02", "account1/x", "ä", "a9z", "a10", "account2"];
        names.sort_by(|one, other| natural(one, other));
        assert_eq!(names, ["a9z", "a10", "account", "account1/x", "Account2", "account02", "account2", "account10", "b", "ä"]);
        for one in names {
            for other in names {
                assert_eq!(natural(one, other), natural(other, one).reverse(), "{one} {other}");
                assert_eq!(natural(one, other) == Ordering::Equal, one == other);
            }
        }
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let (mut query, mut seen) = (String::new(), Vec::new());
        loop {
            let part = part(&query, 120);
            assert_eq!(part.first.is_some(), !seen.is_empty());
            seen.extend(part.items);
            let Some(next) = part.next else { break };
            query = next.strip_prefix("/x?").expect("a query").to_owned();
        }
        assert_eq!(seen, (1..=120).map(|number| format!("Account{number}")).collect::<Vec<_>>());
        assert_eq!(part("", 120).told, "1 to 50 of 120 accounts");
    }

    #[test]
    fn a_search_finds_all_words_and_is_kept_from_page_to_page() {
        let found = part("q=ACC+11", 120);
        assert_eq!((found.items.len(), found.told.as_str(), found.next), (11, "11 accounts", None), "11, and 110 to 119");
        let next = part("q=account", 60).next.expect("another page");
        assert!(next.starts_with("/x?q=account&after="), "{next}");
        let none = part("q=nothing", 60);
        assert_eq!((none.items.len(), none.told.as_str(), none.is_long), (0, "0 accounts", true));
        assert!(!part("", FEW).is_long && part("", MOST).next.is_none());
        assert!(Wanted::of(Some("after=%20!")).is_err() && Wanted::of(Some("q=%ff")).is_err());
    }
}
