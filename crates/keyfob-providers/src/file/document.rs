//! A TOML file as a tree that remembers where everything was written, so that every later complaint has a line and a column.

use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use super::advice::text_of;
use crate::problem::Problem;

/// The files of one provider: the embedded one, the user's own, or both.
#[derive(Default)]
pub(crate) struct Files {
    read: Vec<(String, String)>,
    laid: Option<Laid>,
}

/// A file that lies over another, as both were written: what is wrong with the other then is the first one's doing.
struct Laid {
    over: Node,
    under: Node,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    file: usize,
    offset: usize,
}

impl Place {
    /// Whether two are in one file.
    pub(crate) fn is_beside(self, other: Self) -> bool {
        self.file == other.file
    }

    /// Whether it is so many bytes behind another one.
    pub(crate) fn is_behind(self, other: Self, bytes: usize) -> bool {
        self.is_beside(other) && self.offset == other.offset + bytes
    }
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
        let file = self.read.len();
        self.read.push((name.to_owned(), text.to_owned()));
        let start = Place { file, offset: 0 };
        if text.len() > LARGEST {
            let message = format!("expected a file of at most {LARGEST} bytes, found {}", text.len());
            let hint = "this is hardly a provider's file; what a provider needs is a few pages of text";
            return Err(vec![self.problem(start, message, Some(hint.to_owned()))]);
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            // What the parser makes of everything behind a bracket that has no end is no mistake of its own.
            if errors.iter().any(|error| error.message().starts_with("unclosed"))
                && let Some((offset, bracket)) = open_bracket(text)
            {
                let message = format!("this is no TOML: a {bracket} that nothing closes");
                let hint = "each [ has its ], and each { its }; lists stand in the one, tables in the other";
                return Err(vec![self.problem(Place { file, offset }, message, Some(hint.to_owned()))]);
            }
            // Nobody reads more, and each is looked up in the text.
            const MOST: usize = 50;
            let mut lines = std::collections::BTreeSet::new();
            let mut twice = Vec::new();
            return Err(errors
                .iter()
                .take(MOST)
                // What comes of a mistake behind it on its line is no other one.
                .filter(|error| lines.insert(line_of(text, error.span().unwrap_or_default().start).0))
                // Nor are the keys below a heading that is there twice.
                .filter(|error| error.message() != DUPLICATE || !is_below_one(text, error.span().unwrap_or_default().start, &mut twice))
                .map(|error| {
                    let span = error.span().unwrap_or_default();
                    let place = Place { file, offset: span.start };
                    match text.get(span) {
                        Some(key) if error.message() == DUPLICATE => {
                            let hint = match is_heading(line_of(text, place.offset).1) {
                                true => "a section, too, is there once: what belongs to it stands under one heading",
                                false => "leave one of the two away",
                            };
                            self.problem(place, format!("the key \"{}\" is there twice", key.trim()), Some(hint.to_owned()))
                        }
                        _ => {
                            let hint = toml_hint(line_of(text, place.offset).1, error.message());
                            self.problem(place, format!("this is no TOML: {}", error.message().replace('\n', ", ")), Some(hint))
                        }
                    }
                })
                .collect());
        }
        let mut problems = Vec::new();
        let content = self.table(file, table.get_ref(), &mut problems);
        if problems.is_empty() { Ok(Node { place: start, value: content }) } else { Err(problems) }
    }

    /// From now on `over` lies over `under`.
    pub(crate) fn lay(&mut self, over: &Node, under: &Node) {
        self.laid = Some(Laid { over: over.clone(), under: under.clone() });
    }

    /// Whether something stands in the file that another lies over.
    pub(crate) fn is_below(&self, place: Place) -> bool {
        self.laid.as_ref().is_some_and(|laid| laid.under.place.file == place.file)
    }

    /// A problem at a place. One in a file that another lies over is told of that other one: the first is right, and often nowhere on the disk.
    pub(crate) fn problem(&self, place: Place, message: String, hint: Option<String>) -> Problem {
        match self.laid.as_ref().filter(|_| self.is_below(place)) {
            Some(laid) => {
                let found = self.told(place, message, hint);
                let message = format!("{}: that comes of laying this file over {}, line {}", found.message, found.file, found.line);
                self.told(laid.cause(place), message, found.hint)
            }
            None => self.told(place, message, hint),
        }
    }

    fn told(&self, place: Place, message: String, hint: Option<String>) -> Problem {
        let (file, text) = self.read.get(place.file).map_or(("", ""), |(name, text)| (name.as_str(), text.as_str()));
        let (line, column) = position(text, place.offset);
        Problem { file: file.to_owned(), line, column, message, hint }
    }

    /// Where a byte of a string value was written: exact for strings without escapes, and their beginning otherwise.
    pub(crate) fn inside(&self, place: Place, value: &str, at: usize) -> Place {
        let Some(written) = self.read.get(place.file).and_then(|(_, text)| text.get(place.offset..)) else { return place };
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
                problems.push(self.problem(
                    place,
                    format!("expected a whole number of 64 bits, found {integer}"),
                    Some("from -2^63 to 2^63-1".to_owned()),
                ));
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

impl Laid {
    /// The key of the file above that has to do with a place in the one below: the deepest on the way there, or the only one that there is, or the file's
    /// beginning.
    fn cause(&self, place: Place) -> Place {
        let (mut over, mut under, mut cause) = (&self.over, &self.under, self.over.place);
        while let (Content::Table(above), Content::Table(below)) = (&over.value, &under.value) {
            // Members are in the order of the file: the last one that begins before the place has it.
            let Some((key, node)) = below.iter().take_while(|(key, _)| key.place <= place).last() else { break };
            let Some((own, next)) = above.iter().find(|(own, _)| own.name == key.name) else { break };
            (over, under, cause) = (next, node, own.place);
        }
        // Where the way ends in the middle, what is said alone there is what did it.
        while let Content::Table(members) = &over.value
            && let [(key, node)] = members.as_slice()
        {
            (over, cause) = (node, key.place);
        }
        cause
    }
}

/// Line and column of a byte, as editors count them. A byte that is none of this text is behind it.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or(before).chars().count() + 1)
}

/// The first bracket that is not closed, or by another one. What is in quotes or behind a # is text.
fn open_bracket(text: &str) -> Option<(usize, char)> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut rest = text;
    while let Some(found) = rest.find(['[', ']', '{', '}', '"', '\'', '#']) {
        let here = &rest[found..];
        let at = text.len() - here.len();
        let mark = here.chars().next()?;
        let mut end = 1;
        match mark {
            '[' | '{' => open.push((at, mark)),
            ']' | '}' => {
                let bracket = open.pop()?;
                if (bracket.1 == '[') != (mark == ']') {
                    return Some(bracket);
                }
            }
            '#' => end = here.find('\n').unwrap_or(here.len()),
            _ => end = end_of_quotes(here),
        }
        rest = &here[end..];
    }
    open.first().copied()
}

/// Where a text in TOML's quotes ends, in bytes: one of three quotes on any line, another on its own.
fn end_of_quotes(quoted: &str) -> usize {
    let mark = &quoted[..1];
    let (begin, end) = match quoted.starts_with(&mark.repeat(3)) {
        true => (3, mark.repeat(3)),
        false => (1, mark.to_owned()),
    };
    let mut at = begin;
    while at < quoted.len() {
        let here = &quoted[at..];
        if here.starts_with(&end) {
            return at + end.len();
        }
        let c = here.chars().next().unwrap_or_default();
        if c == '\n' && begin == 1 {
            return at;
        }
        at += c.len_utf8();
        // What is escaped ends nothing.
        if c == '\\' && mark == "\"" {
            at += quoted[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    quoted.len()
}

/// Whether a line is a heading, and no row of a list.
fn is_heading(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default().trim();
    let inside = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|inside| inside.trim_start_matches(['[', ' ']).starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// What the parser says of a key that is there already.
const DUPLICATE: &str = "duplicate key";

/// Whether a key stands below a heading that is among those that were there already; a heading becomes one of them.
fn is_below_one(text: &str, offset: usize, twice: &mut Vec<usize>) -> bool {
    let at = line_of(text, offset).0;
    let heading = text.lines().take(at + 1).enumerate().filter(|(_, line)| is_heading(line)).last().map(|(at, _)| at);
    match heading {
        Some(heading) if heading == at => {
            twice.push(heading);
            false
        }
        heading => heading.is_some_and(|heading| twice.contains(&heading)),
    }
}

/// The number of a line, and the line.
fn line_of(text: &str, offset: usize) -> (usize, &str) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count(), text[start..].split('\n').next().unwrap_or_default())
}

/// What is probably meant by a line that is no TOML.
fn toml_hint(line: &str, message: &str) -> String {
    let (name, _) = line.split_once('=').unwrap_or_default();
    if message.contains("unquoted key") && !name.trim().is_empty() && !name.contains(['"', '\'']) {
        return format!("a name with anything but letters, digits, - and _ stands in quotes: {} = …", text_of(name.trim()));
    }
    general_hint(line, message).to_owned()
}

fn general_hint(line: &str, message: &str) -> &'static str {
    let value = line.split_once('=').map_or("", |(_, value)| value.trim_start());
    let is_quoted = |mark: &char| line.matches(*mark).count() % 2 == 1;
    if line.trim_start().starts_with('[') && message.contains("newline") {
        "a [section] stands on a line of its own, and each key on one below it"
    } else if line.contains(['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}', '\u{ab}', '\u{bb}']) {
        "text stands in straight quotes: key = \"…\""
    } else if message.contains("escape") {
        "what has a \\ in it stands between single quotes, as it is: pattern = '\\d+'"
    } else if line.trim_start().starts_with("//")
        || line.rsplit_once(['"', '\'', ']', '}']).is_some_and(|(_, behind)| behind.trim_start().starts_with("//"))
    {
        "a remark begins with #"
    } else if line.trim_end().ends_with(';') {
        "leave the ; at the end of the line away"
    } else if line.contains(['\u{a0}', '\u{2003}', '\u{200b}']) {
        "there is a blank in it that is none of the keyboard's: type it anew"
    } else if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") {
        "true and false are written in small letters"
    } else if ["null", "none", "nil"].iter().any(|nothing| value.eq_ignore_ascii_case(nothing)) {
        "leave the line away: what is not there is not said"
    } else if line.contains("==") {
        "one = stands between a key and its value"
    } else if line.contains(" = ") && is_day(line) {
        "a date is written as 2026-11-21, without quotes"
    } else if message.contains("basic string") && is_quoted(&'"')
        || message.contains("literal string") && is_quoted(&'\'')
        || line.matches('"').count() == 1
    {
        "a text in quotes has no end on its line: key = \"…\"; one of several lines stands in three quotes"
    } else if value.starts_with(|c: char| c.is_alphabetic()) {
        "text stands in quotes: key = \"…\"; true, false and numbers do not"
    } else if !line.contains('=') && line.contains(':') {
        "= stands between a key and its value: key = \"…\""
    } else {
        "a line is key = value, or a [section]; text stands in quotes, lists in [ ], tables in { }; docs/provider-files.md has an example of each key"
    }
}

/// Whether a day is in a line, in another spelling than TOML's.
fn is_day(line: &str) -> bool {
    let words = line.split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '/' | '-')));
    words.into_iter().any(|word| {
        let parts: Vec<&str> = word.split(['.', '/', '-']).collect();
        // TOML's own spelling, unless there is no such day.
        let is_tomls = matches!(parts.as_slice(), [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2 && word.matches('-').count() == 2);
        let is_day = is_tomls && parts[1] <= "12" && parts[2] <= "31";
        parts.len() == 3 && !is_day && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
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

/// Tables of `[api]` that say one of several ways: how a token is carried, how answers go on, which headers count.
const ONE_WAY: &[&str] = &["attach", "pages", "limits"];

impl Node {
    /// Lays another tree over this one: its tables member by member, anything else as a whole. So are tables that say one of several ways: with another
    /// way beside the one that is there they would say two.
    pub(crate) fn overlay(&mut self, over: Self) {
        self.overlay_in(&[], over);
    }

    fn overlay_in(&mut self, path: &[&str], over: Self) {
        match (&mut self.value, over.value) {
            (Content::Table(members), Content::Table(others)) => {
                for (key, node) in others {
                    match members.iter_mut().find(|(known, _)| known.name == key.name) {
                        Some((_, member)) if path == ["api"] && ONE_WAY.contains(&key.name.as_str()) => *member = node,
                        Some((_, member)) => member.overlay_in(&[path, &[key.name.as_str()]].concat(), node),
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

    /// The items of a list, where it is one.
    pub(crate) fn items(&self) -> std::slice::Iter<'_, Self> {
        match &self.value {
            Content::Array(items) => items.iter(),
            _ => [].iter(),
        }
    }

    pub(crate) fn is_table(&self) -> bool {
        matches!(self.value, Content::Table(_))
    }

    /// A member of a table.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Content::Table(members) => members.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            _ => None,
        }
    }
}
