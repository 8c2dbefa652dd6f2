//! What an expression of a script comes to, as far as that stands in the script: texts and what is put together of them, dictionaries, lists, numbers. What is
//! known only when it runs is a gap that has a name.

use std::collections::{HashMap, HashSet};

use keyfob::proto::encode;
use serde_json::{Map, Value as Json, json};
use zeroize::Zeroizing;

/// Larger than this nothing is that a call says.
pub(super) const HEAVIEST: usize = 16 * 1024;

/// Deeper than this no value is that a call has, and what copies, writes and drops it calls itself.
const DEEPEST: usize = 64;

/// What is known of a value.
#[derive(Clone)]
pub(super) enum Value {
    Text(Vec<Piece>),
    /// In the order in which it is written.
    Map(Vec<(String, Value)>),
    List(Vec<Value>),
    /// A number, true, false or nothing.
    Plain(Json),
    /// What is known when the script runs, by the name that it has there.
    Gap(String),
    /// The same as JSON.
    Dumped(Box<Value>),
}

/// A piece of a text.
#[derive(Clone)]
pub(super) enum Piece {
    Said(Zeroizing<String>),
    Gap(String),
}

impl Piece {
    pub(super) fn weight(&self) -> usize {
        1 + match self {
            Self::Said(text) => text.len(),
            Self::Gap(name) => name.len(),
        }
    }
}

/// What names stand for, as far as the script was read.
#[derive(Default)]
pub(super) struct Names {
    here: HashMap<String, Value>,
    /// What they came to stand for in the end, for where nothing is said of them before.
    in_the_end: HashMap<String, Value>,
}

impl Names {
    /// For reading the script once more: what a function needs may be said below it.
    pub(super) fn again(self) -> Self {
        Self { here: HashMap::new(), in_the_end: self.here }
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        // `a = [a, a]`, line after line, would be more than there is memory; and `a = [a]` deeper than our stack.
        let value = if value.weight() > HEAVIEST || !value.is_shallow() { Value::Gap(name.to_owned()) } else { value };
        self.here.insert(name.to_owned(), value);
    }

    fn of(&self, name: &str) -> Option<&Value> {
        self.here.get(name).or_else(|| self.in_the_end.get(name))
    }

    /// A dictionary gets more members.
    pub(super) fn merge(&mut self, name: &str, more: Value) {
        if let Some(known) =
            self.here.get_mut(name).filter(|known| matches!(known, Value::Map(_)) && known.weight() + more.weight() <= HEAVIEST)
        {
            known.merge(more);
        }
    }

    pub(super) fn weight(&self, name: &str) -> usize {
        self.of(name).map_or(0, Value::weight)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.of(name).is_some()
    }

    /// A gap of that name, where it stands for nothing.
    pub(super) fn get(&self, name: &str) -> Value {
        self.of(name).cloned().unwrap_or_else(|| Value::Gap(name.to_owned()))
    }
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(vec![Piece::Said(Zeroizing::new(text.to_owned()))])
    }

    /// The text, if all of it is known.
    pub(super) fn known(&self) -> Option<Zeroizing<String>> {
        let Self::Text(pieces) = self else { return None };
        let mut text = Zeroizing::new(String::new());
        for piece in pieces {
            let Piece::Said(said) = piece else { return None };
            text.push_str(said);
        }
        Some(text)
    }

    /// A text without so much of its beginning, as it is filled.
    pub(super) fn behind(self, length: usize) -> Self {
        let Self::Text(pieces) = self else { return self };
        let mut left = length;
        let rest = pieces.into_iter().filter_map(|piece| {
            let written = match &piece {
                Piece::Said(said) => said.len(),
                Piece::Gap(name) => capitals(name).len(),
            };
            let skipped = left.min(written);
            left -= skipped;
            match piece {
                piece if skipped == 0 => Some(piece),
                Piece::Said(said) if skipped < written => {
                    Some(Piece::Said(Zeroizing::new(said.get(skipped..).unwrap_or_default().to_owned())))
                }
                _ => None,
            }
        });
        Self::Text(rest.collect())
    }

    /// So much of the beginning of a text, if that is known.
    pub(super) fn before(&self, length: usize) -> Self {
        let known = self.filled().filter(|_| self.known().is_some());
        known.and_then(|known| Some(Self::text(known.get(..length)?))).unwrap_or_else(|| Self::Gap("user".to_owned()))
    }

    /// A text without blanks at its beginning.
    pub(super) fn trimmed(self) -> Self {
        let blanks = match &self {
            Self::Text(pieces) => match pieces.first() {
                Some(Piece::Said(said)) => said.len() - said.trim_start().len(),
                _ => 0,
            },
            _ => 0,
        };
        self.behind(blanks)
    }

    /// One text behind another.
    pub(super) fn and(self, more: Self) -> Self {
        Self::Text([self.pieces(), more.pieces()].concat())
    }

    /// What JSON says.
    pub(super) fn of_json(json: Json) -> Self {
        match json {
            Json::String(text) => Self::text(&text),
            Json::Array(items) => Self::List(items.into_iter().map(Self::of_json).collect()),
            Json::Object(members) => Self::Map(members.into_iter().map(|(name, value)| (name, Self::of_json(value))).collect()),
            plain => Self::Plain(plain),
        }
    }

    /// The text; what is not known in it as a word in capitals, for a person to fill.
    pub(super) fn filled(&self) -> Option<Zeroizing<String>> {
        match self {
            Self::Text(pieces) => {
                let mut text = Zeroizing::new(String::new());
                for piece in pieces {
                    match piece {
                        Piece::Said(said) => text.push_str(said),
                        Piece::Gap(name) => {
                            // What is called a path begins as one.
                            let is_path = ["path", "endpoint", "route"].iter().any(|path| name.to_ascii_lowercase().ends_with(path));
                            if is_path && text.ends_with(|c: char| c.is_ascii_alphanumeric()) {
                                text.push('/');
                            }
                            text.push_str(&capitals(name));
                        }
                    }
                }
                Some(text)
            }
            Self::Gap(name) => Some(Zeroizing::new(capitals(name))),
            Self::Plain(Json::Null) => None,
            Self::Plain(plain) => Some(Zeroizing::new(plain.to_string())),
            _ => None,
        }
    }

    /// Whether that is so of a text in it, or a name.
    pub(super) fn has(&self, is_so: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::List(items) => items.iter().any(|item| item.has(is_so)),
            Self::Map(members) => members.iter().any(|(name, value)| is_so(name) || value.has(is_so)),
            Self::Dumped(value) => value.has(is_so),
            other => other.filled().is_some_and(|text| is_so(&text)),
        }
    }

    /// As JSON.
    pub(super) fn json(&self) -> Json {
        match self {
            Self::Plain(plain) => plain.clone(),
            Self::List(items) => items.iter().map(Self::json).collect(),
            Self::Map(members) => Json::Object(members.iter().map(|(name, value)| (name.clone(), value.json())).collect::<Map<_, _>>()),
            Self::Dumped(value) => json!(value.json().to_string()),
            other => Json::from(other.filled().unwrap_or_default().as_str()),
        }
    }

    /// The same as JSON. JSON in JSON in JSON is nothing that a call says, and twice as long each time.
    pub(super) fn dumped(self) -> Self {
        let dumped = Self::Dumped(Box::new(self));
        let is_too_much = matches!(&dumped, Self::Dumped(value) if matches!(**value, Self::Dumped(_))) || dumped.weight() > HEAVIEST;
        if is_too_much { Self::Gap("json".to_owned()) } else { dumped }
    }

    /// A dictionary with another's members, in place of those that have their names; anything else is that other.
    pub(super) fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Map(members), Self::Map(more)) => {
                let anew: HashSet<String> = more.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
                members.retain(|(name, _)| !anew.contains(&name.to_ascii_lowercase()));
                members.extend(more);
            }
            (known, other) => *known = other,
        }
    }

    /// How long it is, about, when it is written.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Text(pieces) => pieces.iter().map(Piece::weight).sum(),
            Self::Map(members) => members.iter().map(|(name, value)| name.len() + 1 + value.weight()).sum(),
            Self::List(items) => items.iter().map(|item| 1 + item.weight()).sum(),
            // Each quote of it has a backslash before it.
            Self::Dumped(value) => 1 + 2 * value.weight(),
            Self::Gap(name) => 1 + name.len(),
            Self::Plain(_) => 1,
        }
    }

    /// Whether it is no deeper than what a call has.
    pub(super) fn is_shallow(&self) -> bool {
        self.depth() <= DEEPEST
    }

    fn depth(&self) -> usize {
        match self {
            Self::Map(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Dumped(value) => 1 + value.depth(),
            Self::Text(_) | Self::Plain(_) | Self::Gap(_) => 0,
        }
    }

    pub(super) fn pieces(self) -> Vec<Piece> {
        match self {
            // Behind a URL's question mark.
            Self::Map(members) => {
                let pair = |(name, value): (String, Self)| {
                    let value =
                        value.known().map_or_else(|| value.pieces(), |known| vec![Piece::Said(Zeroizing::new(encode::percent(&known)))]);
                    [
                        vec![Piece::Said(Zeroizing::new(format!("{}=", encode::percent(&name))))],
                        value,
                        vec![Piece::Said(Zeroizing::new("&".to_owned()))],
                    ]
                    .concat()
                };
                members.into_iter().flat_map(pair).collect()
            }
            Self::Text(pieces) => pieces,
            Self::Gap(name) => vec![Piece::Gap(name)],
            Self::Plain(plain) => vec![Piece::Said(Zeroizing::new(plain.to_string()))],
            _ => vec![Piece::Gap("value".to_owned())],
        }
    }

    pub(super) fn name(&self) -> String {
        if let Self::Gap(name) = self { name.clone() } else { "value".to_owned() }
    }
}

/// A word for what is missing: the last one that stands in an expression (`issue["number"]`: NUMBER).
pub(super) fn capitals(name: &str) -> String {
    /// A longer one tells nobody what belongs there.
    const LONGEST_WORD: usize = 64;
    let mut words = name
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.len() <= LONGEST_WORD && word.starts_with(|c: char| c.is_ascii_alphabetic()));
    let word = words.rfind(|word| !matches!(*word, "json" | "str" | "encode" | "strip" | "get" | "format"));
    word.unwrap_or("value").to_ascii_uppercase()
}

/// The pairs of a query, or of a form: a dictionary, pairs in a list, or a text.
pub(super) fn pairs(value: &Value) -> Vec<(String, Value)> {
    match value {
        Value::Map(members) => members.clone(),
        Value::List(items) => items
            .iter()
            .filter_map(
                |item| if let Value::List(pair) = item { Some((pair.first()?.known()?.to_string(), pair.get(1)?.clone())) } else { None },
            )
            .collect(),
        text => text.filled().filter(|text| text.contains('=')).map(|text| of_query(&text)).unwrap_or_default(),
    }
}

/// The pairs of a query that is written out.
pub(super) fn of_query(query: &str) -> Vec<(String, Value)> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    encode::decode_pairs(query.as_bytes()).map(|(name, value)| (text(name), Value::text(&text(value)))).collect()
}
