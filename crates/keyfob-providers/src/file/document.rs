//! A TOML file as a tree that remembers where everything was written, so that every later complaint has a line and a column.

use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use crate::problem::Problem;

/// The files of one provider: the embedded one, the user's own, or both.
#[derive(Default)]
pub(crate) struct Files(Vec<(String, String)>);

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    file: usize,
    offset: usize,
}

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Content,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    Date(Datetime),
    Array(Vec<Node>),
    Table(Vec<(Key, Node)>),
}

/// A name and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) name: String,
}

/// Larger than this is no provider file.
pub(crate) const LARGEST: usize = 512 * 1024;

impl Files {
    /// Reads a file. All syntax errors are reported, not only the first.
    pub(crate) fn read(&mut self, name: &str, text: &str) -> Result<Node, Vec<Problem>> {
        let file = self.0.len();
        self.0.push((name.to_owned(), text.to_owned()));
        let start = Place { file, offset: 0 };
        if text.len() > LARGEST {
            let message = format!("expected a file of at most {LARGEST} bytes, found {}", text.len());
            return Err(vec![self.problem(start, message, None)]);
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors
                .iter()
                .map(|error| {
                    let span = error.span().unwrap_or_default();
                    let place = Place { file, offset: span.start };
                    match text.get(span) {
                        Some(key) if error.message() == "duplicate key" => {
                            let hint = "a section, too, is there once: what belongs to it stands under one heading";
                            self.problem(place, format!("the key \"{}\" is there twice", key.trim()), Some(hint.to_owned()))
                        }
                        _ => self.problem(place, format!("this is no TOML: {}", error.message().replace('\n', ", ")), None),
                    }
                })
                .collect());
        }
        let mut problems = Vec::new();
        let content = self.table(file, table.get_ref(), &mut problems);
        if problems.is_empty() { Ok(Node { place: start, value: content }) } else { Err(problems) }
    }

    /// A problem at a place.
    pub(crate) fn problem(&self, place: Place, message: String, hint: Option<String>) -> Problem {
        let (file, text) = self.0.get(place.file).map_or(("", ""), |(name, text)| (name.as_str(), text.as_str()));
        let before = text.get(..place.offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        Problem { file: file.to_owned(), line, column, message, hint }
    }

    /// Where a byte of a string value was written: exact for strings without escapes, and their beginning otherwise.
    pub(crate) fn inside(&self, place: Place, value: &str, at: usize) -> Place {
        let Some(written) = self.0.get(place.file).and_then(|(_, text)| text.get(place.offset..)) else { return place };
        let delimiters = ["\"\"\"\r\n", "'''\r\n", "\"\"\"\n", "'''\n", "\"\"\"", "'''", "\"", "'"];
        let exact = delimiters.iter().find(|delimiter| written.strip_prefix(**delimiter).is_some_and(|rest| rest.starts_with(value)));
        exact.map_or(place, |delimiter| Place { offset: place.offset + delimiter.len() + at, ..place })
    }

    fn table(&self, file: usize, table: &DeTable<'_>, problems: &mut Vec<Problem>) -> Content {
        let mut members: Vec<(Key, Node)> = table
            .iter()
            .map(|(key, value)| {
                let place = Place { file, offset: key.span().start };
                let key = Key { place, name: key.get_ref().to_string() };
                let mut node = self.node(file, value.span().start, value.get_ref(), problems);
                if matches!(node.value, Content::Table(_)) {
                    // The parser gives a table under a `[heading]` the place of the heading's bracket or of its first member.
                    node.place = place;
                }
                (key, node)
            })
            .collect();
        // The parser sorts by name; people read, and lists are shown, in the order of the file.
        members.sort_by_key(|(key, _)| key.place);
        Content::Table(members)
    }

    fn node(&self, file: usize, offset: usize, value: &DeValue<'_>, problems: &mut Vec<Problem>) -> Node {
        let place = Place { file, offset };
        let value = match value {
            DeValue::String(text) => Content::Text(text.to_string()),
            DeValue::Integer(integer) => Content::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).unwrap_or_else(|_| {
                problems.push(self.problem(place, format!("expected a whole number of 64 bits, found {integer}"), None));
                0
            })),
            DeValue::Float(float) => Content::Float(float.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Content::Flag(*flag),
            DeValue::Datetime(moment) => Content::Date(*moment),
            DeValue::Array(items) => {
                Content::Array(items.iter().map(|item| self.node(file, item.span().start, item.get_ref(), problems)).collect())
            }
            DeValue::Table(table) => self.table(file, table, problems),
        };
        Node { place, value }
    }
}

impl Content {
    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::Date(_) => "a date",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    /// Lays another tree over this one: its tables member by member, anything else as a whole.
    pub(crate) fn overlay(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Content::Table(members), Content::Table(others)) => {
                for (key, node) in others {
                    match members.iter_mut().find(|(known, _)| known.name == key.name) {
                        Some((_, member)) => member.overlay(node),
                        None => members.push((key, node)),
                    }
                }
            }
            (value, other) => {
                *value = other;
                self.place = over.place;
            }
        }
    }

    /// Takes a member out of a table.
    pub(crate) fn forget(&mut self, name: &str) {
        if let Content::Table(members) = &mut self.value {
            members.retain(|(key, _)| key.name != name);
        }
    }

    /// A member of a table.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Content::Table(members) => members.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            _ => None,
        }
    }
}
