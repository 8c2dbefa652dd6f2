//! A table that is being read, member by member: what nobody asked for is a mistyped name.

use std::cell::RefCell;

use super::advice::{elsewhere, known_as, line, list_of_texts, list_of_values, of_authorize, quoted, written};
use super::document::{Content, Key, Node, Place};
use super::reader::{Reader, Text};
use crate::nearest;

/// A table that is being read. [`Table::finish`] complains about members that nobody asked for.
pub(crate) struct Table<'r> {
    pub(crate) reader: &'r Reader<'r>,
    pub(crate) name: String,
    pub(crate) place: Place,
    members: &'r [(Key, Node)],
    /// Whether it is no table, which was told.
    pub(crate) is_told: bool,
    asked: RefCell<Vec<&'static str>>,
    /// With the place that needs it.
    missed: RefCell<Vec<(&'static str, Place)>>,
}

impl<'r> Table<'r> {
    pub(super) fn new(reader: &'r Reader<'r>, name: &str, place: Place, members: &'r [(Key, Node)]) -> Self {
        Self { reader, name: name.to_owned(), place, members, is_told: false, asked: RefCell::default(), missed: RefCell::default() }
    }

    /// In the place of what is no table.
    pub(super) fn told(reader: &'r Reader<'r>, name: &str, place: Place) -> Self {
        Self { is_told: true, ..Self::new(reader, name, place, &[]) }
    }

    /// A member, if it is there.
    pub(crate) fn get(&self, key: &'static str) -> Option<&'r Node> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.members.iter().find(|(known, _)| known.name == key).map(|(_, node)| node)
    }

    /// A member with the place of its name, whether or not it is asked for.
    pub(crate) fn key(&self, name: &str) -> Option<(Place, &'r Node)> {
        self.members.iter().find(|(known, _)| known.name == name).map(|(key, node)| (key.place, node))
    }

    /// Whether it has a member that another table may be asked for.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.key(key).is_some()
    }

    /// All members: for tables whose names are free.
    pub(crate) fn all(&self) -> &'r [(Key, Node)] {
        self.members
    }

    pub(crate) fn text(&self, key: &'static str) -> Option<Text> {
        self.get(key).and_then(|node| self.reader.text(&self.path(key), node))
    }

    /// Text that must be there and not empty.
    pub(crate) fn required(&self, key: &'static str) -> Option<Text> {
        match self.get(key) {
            Some(node) => {
                let text = self.reader.text(&self.path(key), node)?;
                if text.value.trim().is_empty() {
                    self.reader.problem(text.place, format!("{} is empty", self.path(key)), Some(line(&self.path(key))));
                    return None;
                }
                Some(text)
            }
            None => {
                self.missing(key);
                None
            }
        }
    }

    /// A page for people: it becomes a link, and what is no web address must not (`javascript:`).
    pub(crate) fn web(&self, key: &'static str) -> Option<Text> {
        let text = self.text(key)?;
        self.check_web(&text, key);
        Some(text)
    }

    pub(crate) fn check_web(&self, text: &Text, key: &str) {
        let host = text.value.split_once("://").filter(|(scheme, _)| ["https", "http"].contains(scheme)).map_or("", |(_, rest)| rest);
        if host.is_empty() || host.starts_with(['/', '?', '#']) || text.value.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let found = keyfob_proto::scrub::printable(&text.value);
            let message = format!("expected a web address for {}, found \"{found}\"", self.path(key));
            self.reader.problem(text.place, message, Some("it begins with https:// or http://".to_owned()));
        }
    }

    /// Complains about a member that is not there; at the end, when it is known whether it was merely mistyped.
    pub(crate) fn missing(&self, key: &'static str) {
        self.missed.borrow_mut().push((key, self.place));
    }

    /// The same of a member that another one needs: told there.
    pub(crate) fn missing_for(&self, key: &'static str, needed_by: &Node) {
        self.missed.borrow_mut().push((key, needed_by.place));
    }

    /// Whether something is in it that nobody asked for yet: a mistyped name, where all were asked for.
    pub(crate) fn has_strangers(&self) -> bool {
        let asked = self.asked.borrow();
        self.members.iter().any(|(key, _)| !asked.contains(&key.name.as_str()))
    }

    pub(crate) fn flag(&self, key: &'static str) -> Option<bool> {
        let node = self.get(key)?;
        match &node.value {
            Content::Flag(flag) => Some(*flag),
            other => {
                self.wrong(key, node, "true or false", other.kind());
                None
            }
        }
    }

    pub(crate) fn integer(&self, key: &'static str, min: i64, max: i64) -> Option<i64> {
        let node = self.get(key)?;
        match &node.value {
            Content::Integer(number) if (min..=max).contains(number) => Some(*number),
            Content::Integer(number) => {
                self.wrong(key, node, &format!("a whole number from {min} to {max}"), &number.to_string());
                None
            }
            other => {
                self.wrong(key, node, "a whole number", other.kind());
                None
            }
        }
    }

    pub(crate) fn float(&self, key: &'static str) -> Option<f64> {
        let node = self.get(key)?;
        match &node.value {
            Content::Integer(number) => Some(*number as f64),
            Content::Float(number) if number.is_finite() => Some(*number),
            other => {
                self.wrong(key, node, "a number", other.kind());
                None
            }
        }
    }

    /// A day, as `yyyy-mm-dd`.
    pub(crate) fn date(&self, key: &'static str) -> Option<String> {
        let Some(node) = self.get(key) else {
            self.missing(key);
            return None;
        };
        match &node.value {
            Content::Date(moment) if moment.time.is_none() && moment.date.is_some() => Some(moment.to_string()),
            other => {
                let found = if matches!(other, Content::Date(_)) { "a date with a time of day" } else { other.kind() };
                self.wrong(key, node, "a date such as 2026-11-21 (without quotes)", found);
                None
            }
        }
    }

    pub(crate) fn array(&self, key: &'static str) -> &'r [Node] {
        self.list(key, |node| format!("a list stands in brackets: {key} = {}", list_of_values(node)))
    }

    fn list(&self, key: &'static str, hint: impl FnOnce(&Node) -> String) -> &'r [Node] {
        match self.get(key) {
            None => &[],
            Some(node) => match &node.value {
                Content::Array(items) => items,
                other => {
                    let message = format!("expected an array for {}, found {}", self.path(key), other.kind());
                    self.reader.problem(node.place, message, Some(hint(node)));
                    &[]
                }
            },
        }
    }

    /// Whether an array says nothing. One of a wrong type is there, and told as that.
    pub(crate) fn is_left_out(&self, key: &'static str) -> bool {
        self.get(key).is_none_or(|node| matches!(&node.value, Content::Array(items) if items.is_empty()))
    }

    pub(crate) fn texts(&self, key: &'static str) -> Vec<Text> {
        let text =
            |node: &Node| self.reader.text_as(&self.path(key), node, || format!("text stands in quotes: {key} = [{}]", quoted(node)));
        let items = self.list(key, |node| format!("a list stands in brackets: {key} = {}", list_of_texts(key, node)));
        items.iter().filter_map(text).collect()
    }

    pub(crate) fn strings(&self, key: &'static str) -> Vec<String> {
        self.texts(key).into_iter().map(|text| text.value).collect()
    }

    pub(crate) fn table(&self, key: &'static str) -> Option<Table<'r>> {
        self.get(key).map(|node| self.reader.table(&self.path(key), node))
    }

    /// An array of tables. What is none is a complaint, and one only, however many there are.
    pub(crate) fn tables(&self, key: &'static str) -> Vec<Table<'r>> {
        let path = self.path(key);
        let hint = |_: &Node| format!("{}; or a heading [[{path}]] for each, with a line for each of its keys", line(&path));
        let items = self.list(key, hint);
        if let Some(other) = items.iter().find(|item| !item.is_table()) {
            self.reader.problem(other.place, format!("expected a table in {path}, found {}", other.value.kind()), Some(hint(other)));
        }
        items
            .iter()
            .filter_map(|node| match &node.value {
                Content::Table(members) => Some(Table::new(self.reader, &path, node.place, members)),
                _ => None,
            })
            .collect()
    }

    /// A table of free names with strings in it.
    pub(crate) fn named_texts(&self, key: &'static str) -> Vec<(Key, Text)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let table = self.reader.table(&self.path(key), node);
        table.all().iter().filter_map(|(key, node)| Some((key.clone(), table.named(key, node)?))).collect()
    }

    fn named(&self, key: &Key, node: &Node) -> Option<Text> {
        self.reader.text_as(&self.path(&key.name), node, || match &node.value {
            // TOML takes a name with a dot for a table in a table.
            Content::Table(inner) if inner.len() == 1 && inner[0].0.place.is_behind(key.place, key.name.len() + 1) => {
                format!("a name with a dot stands in quotes: {} = \"…\"", written(&format!("{}.{}", key.name, inner[0].0.name)))
            }
            _ => format!("text stands in quotes: {} = {}", written(&key.name), quoted(node)),
        })
    }

    /// A table of free names with strings (or numbers and flags, as they are written) in it.
    pub(crate) fn pairs(&self, key: &'static str) -> Vec<(Key, Text)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let table = self.reader.table(&self.path(key), node);
        let text = |name: &Key, node: &Node| match &node.value {
            Content::Integer(number) => Some(Text { value: number.to_string(), place: node.place }),
            Content::Flag(flag) => Some(Text { value: flag.to_string(), place: node.place }),
            _ => table.named(name, node),
        };
        table.all().iter().filter_map(|(key, node)| Some((key.clone(), text(key, node)?))).collect()
    }

    /// One of some words, as text.
    pub(crate) fn one_of(&self, key: &'static str, names: &[&str]) -> Option<Text> {
        let example = || format!("text stands in quotes: {key} = \"{}\"; it is one of {}", names[0], names.join(", "));
        self.reader.text_as(&self.path(key), self.get(key)?, example)
    }

    /// One of some words that must be there.
    pub(crate) fn required_word<T: Copy>(&self, key: &'static str, known: &[(&str, T)]) -> Option<T> {
        if self.get(key).is_none() {
            self.missing(key);
        }
        self.word(key, known)
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&self, key: &'static str, known: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let text = self.one_of(key, &names)?;
        self.reader.word(&text, &format!("one of {} for {}", names.join(", "), self.path(key)), known)
    }

    /// A table inside this one that was left away, where everything in it may be.
    pub(crate) fn empty(&self, key: &'static str) -> Self {
        Table::new(self.reader, &self.path(key), self.place, &[])
    }

    /// Complains about members that nobody asked for, and about those that are missing.
    pub(crate) fn finish(self) {
        let asked = self.asked.borrow();
        #[cfg(test)]
        self.reader.asked.borrow_mut().extend(asked.iter().map(|key| (self.name.clone(), *key)));
        let mut missed = self.missed.borrow_mut();
        let strangers: Vec<&(Key, Node)> = self.members.iter().filter(|(key, _)| !asked.contains(&key.name.as_str())).collect();
        let inside = if self.name.is_empty() { "at the top".to_owned() } else { format!("in {}", self.name) };
        for (key, node) in &strangers {
            let (meant, hint) = self.meant(key, node, &asked, &missed, strangers.len());
            self.reader.problem(key.place, format!("the unknown key {} {inside}", key.name), hint);
            // One mistake, one complaint: what was mistyped is not also missing.
            missed.retain(|(key, _)| Some(*key) != meant);
        }
        for (key, place) in missed.iter().filter(|_| !self.is_told) {
            self.reader.problem(*place, format!("{} is missing", self.path(key)), Some(format!("add it: {}", line(&self.path(key)))));
        }
    }

    /// Which of the missing members an unknown one stands for, and what to do about it.
    fn meant(
        &self,
        key: &Key,
        node: &Node,
        asked: &[&'static str],
        missed: &[(&'static str, Place)],
        strangers: usize,
    ) -> (Option<&'static str>, Option<String>) {
        let typed = key.name.as_str();
        let is_missing = |name: &str| missed.iter().map(|(key, _)| *key).find(|key| *key == name);
        if let Some((table, rest)) = typed.split_once('_').filter(|(table, rest)| elsewhere(rest) == Some(table)) {
            return (is_missing(table), Some(format!("it belongs into [{table}], as {rest} = …")));
        }
        let did_you = |meant: &str| Some(format!("did you mean \"{meant}\"?"));
        if let Some(meant) = nearest::nearest(typed, missed.iter().map(|(key, _)| *key)).and_then(is_missing) {
            return (Some(meant), did_you(meant));
        }
        // By the name that people know it by, from elsewhere.
        let is_free = |name: &&&'static str| !self.members.iter().any(|(own, _)| own.name == **name && own.place.is_beside(key.place));
        if let Some(meant) = asked.iter().filter(|name| known_as(&self.path(name), typed)).find(is_free) {
            return (Some(meant), did_you(meant));
        }
        if self.name.is_empty() && ["oauth1", "oauth2"].contains(&typed) {
            let kind = if typed == "oauth1" { "\"oauth1\"" } else { "\"oauth2\" or \"oidc\"" };
            return (None, Some(format!("leave it away: it is for another kind, {kind}")));
        }
        if self.name == "oauth2" && of_authorize(typed) {
            return (None, Some(format!("what an authorization request has besides is said so: authorize_params = {{ {typed} = \"…\" }}")));
        }
        // Of a table in a table of the same name, it is hardly the outer one that is meant.
        if let Some(table) = elsewhere(typed).filter(|table| self.may_mean(table, typed)) {
            let hint = match table {
                "" => "it belongs to the top, above every [section]".to_owned(),
                table => format!("it belongs into [{table}]"),
            };
            return (None, Some(hint));
        }
        let is_near = !nearest::all_nearest(typed, asked.iter().copied()).is_empty();
        match missed {
            // The only one that is not known, and the only one that is missing.
            [(meant, _)] if strangers == 1 && !is_near => {
                (Some(meant), Some(format!("is it \"{meant}\"? That is missing: {}", line(&self.path(meant)))))
            }
            _ => (None, self.similar(key, node, asked)),
        }
    }

    /// Whether a member may have slid from another table. What people say everywhere (`note`, `on`) has slid from one to the top alone.
    fn may_mean(&self, table: &str, typed: &str) -> bool {
        let is_inside = self.name.ends_with(&format!(".{typed}"));
        table != self.name && !is_inside && (table != "retired" || self.name.is_empty())
    }

    /// What was perhaps meant by a name that is none. Whoever changes a file of ours means those of its keys that are not in the own one, too.
    fn similar(&self, typed: &Key, node: &Node, known: &[&'static str]) -> Option<String> {
        let is_there = |name: &str| self.members.iter().any(|(key, node)| key.name == name && node.place.is_beside(typed.place));
        let near = nearest::all_nearest(&typed.name, known.iter().copied());
        match near.iter().any(|near| !is_there(near)) {
            false if !near.is_empty() => Some(match node.is_table() {
                true => format!("\"{}\" is there already: put what is in this one there", near[0]),
                false => format!("\"{}\" is there already: leave this one away", near[0]),
            }),
            _ => nearest::suggest(&typed.name, known.iter().copied().filter(|known| !is_there(known))),
        }
    }

    fn wrong(&self, key: &str, node: &Node, expected: &str, found: &str) {
        let without = if matches!(node.value, Content::Text(_)) { "without quotes: " } else { "" };
        let hint = match expected {
            "true or false" => format!("{without}{key} = true"),
            _ if expected.starts_with("a date") => format!("{key} = 2026-11-21"),
            _ => format!("{without}{key} = …, {expected}"),
        };
        self.reader.problem(node.place, format!("expected {expected} for {}, found {found}", self.path(key)), Some(hint));
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}
