//! Reading a tree of values: every complaint is collected.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use keyfob_proto::scrub::printable;
use keyfob_proto::{Endpoint, Template};

use super::advice::{THE_TOKEN, last, more_fields, text_line, url_hint, word_known_as};
use super::document::{Content, Files, Key, Node, Place};
use super::table::Table;
use crate::jq::Expression;
use crate::problem::Problem;
use crate::{nearest, pattern};

/// Collects complaints.
pub(crate) struct Reader<'a> {
    files: &'a Files,
    problems: RefCell<Vec<Problem>>,
    /// Whether something is wrong with what templates may name.
    is_unsure: Cell<bool>,
    /// The places that nothing fills, of which one complaint is enough.
    strangers: RefCell<BTreeSet<String>>,
    /// Every table and member that was looked at: the reference is held to it.
    #[cfg(test)]
    pub(super) asked: RefCell<std::collections::BTreeSet<(String, &'static str)>>,
}

/// Where no other hint is known.
const GENERAL_HINT: &str = "docs/provider-files.md says what stands there";

impl<'a> Reader<'a> {
    pub(crate) fn new(files: &'a Files) -> Self {
        Self {
            files,
            problems: RefCell::default(),
            is_unsure: Cell::new(false),
            strangers: RefCell::default(),
            #[cfg(test)]
            asked: RefCell::default(),
        }
    }

    /// All complaints, in the order of the files.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        problems
    }

    /// Reads what templates may name: an app's fields, the parameters of an action. Where something is wrong there, that is the mistake, and not each place
    /// that has such a name.
    pub(crate) fn names<T>(&self, read: impl FnOnce() -> T) -> T {
        let before = self.told();
        let names = read();
        if self.told() > before {
            self.lose_names();
        }
        names
    }

    /// Nothing is known of what templates may name.
    pub(crate) fn lose_names(&self) {
        self.is_unsure.set(true);
    }

    /// Reads what may name these names and those of `names` that are read meanwhile.
    pub(crate) fn scope<T>(&self, read: impl FnOnce() -> T) -> T {
        let (outside, strangers) = (self.is_unsure.get(), self.strangers.take());
        let read = read();
        self.is_unsure.set(outside);
        self.strangers.replace(strangers);
        read
    }

    /// A name that is none of those that are known, as long as it is certain which these are.
    pub(crate) fn unknown_name(&self, place: Place, message: impl Into<String>, hint: Option<String>) {
        if !self.is_unsure.get() {
            self.problem(place, message, hint);
        }
    }

    /// Whether something stands in the file that another lies over.
    pub(crate) fn is_below(&self, place: Place) -> bool {
        self.files.is_below(place)
    }

    pub(crate) fn problem(&self, place: Place, message: impl Into<String>, hint: Option<String>) {
        // Nobody is told what is wrong without being told where to find what is right.
        let hint = hint.unwrap_or_else(|| GENERAL_HINT.to_owned());
        let message = message.into();
        let mut problems = self.problems.borrow_mut();
        // What a file does to the one below it at many places is told once.
        let is_alike = |told: &Problem| told.message.starts_with(&message) && told.hint.as_ref() == Some(&hint);
        if self.files.is_below(place) && problems.iter().any(is_alike) {
            return;
        }
        let problem = self.files.problem(place, message, Some(hint));
        problems.push(problem);
    }

    /// A table, to be read member by member. Something else is a complaint, and reads as an empty table.
    pub(crate) fn table<'r>(&'r self, name: &str, node: &'r Node) -> Table<'r> {
        let members: &[(Key, Node)] = match &node.value {
            Content::Table(members) => members,
            other => {
                let key = last(name);
                let hint = format!("{key} = {{ … }}, or a heading [{name}] with a line for each of its keys");
                self.problem(node.place, format!("expected a table for {name}, found {}", other.kind()), Some(hint));
                // One mistake, one complaint: what would be in it is not missing besides.
                return Table::told(self, name, node.place);
            }
        };
        Table::new(self, name, node.place, members)
    }

    /// A value as text, with its place.
    pub(crate) fn text(&self, name: &str, node: &Node) -> Option<Text> {
        self.text_as(name, node, || format!("text stands in quotes: {}", text_line(name, node)))
    }

    /// The same, with another hint.
    pub(super) fn text_as(&self, name: &str, node: &Node, hint: impl Fn() -> String) -> Option<Text> {
        match &node.value {
            Content::Text(text) => Some(Text { value: text.clone(), place: node.place }),
            other => {
                let message = format!("expected a string for {name}, found {}", other.kind());
                self.problem(node.place, message, Some(hint()));
                None
            }
        }
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&self, text: &Text, what: &str, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(name, _)| *name == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let ours = word_known_as(&text.value).iter().find(|word| known.iter().any(|(name, _)| name == *word));
            let hint = match ours {
                Some(ours) => Some(format!("did you mean \"{ours}\"?")),
                None => nearest::suggest(&text.value, known.iter().map(|(name, _)| *name)),
            };
            self.problem(text.place, format!("expected {what}, found \"{}\"", text.value), hint);
        }
        found
    }

    /// A template that may use these names: the app's fields, and what a login keeps.
    pub(crate) fn template(&self, text: &Text, names: &[&str]) -> Option<Template> {
        self.template_over(text, names, more_fields)
    }

    /// A template that may use these names; `add` says how there would be one more.
    pub(crate) fn template_over(&self, text: &Text, names: &[&str], add: impl Fn(&str) -> String) -> Option<Template> {
        match Template::parse(&text.value) {
            Ok(template) => {
                let mut known = true;
                for name in template.names().filter(|name| !names.contains(name)) {
                    known = false;
                    let place = self.files.inside(text.place, &text.value, text.value.find(&format!("{{{name}}}")).unwrap_or(0));
                    let hint = match nearest::suggest(name, names.iter().copied()) {
                        _ if name == "access_token" => THE_TOKEN.to_owned(),
                        Some(near) if near.ends_with('?') => near,
                        Some(known) => format!("{known}; or {}", add(name)),
                        None => add(name),
                    };
                    if self.strangers.borrow_mut().insert(name.to_owned()) {
                        self.unknown_name(place, format!("a template with the unknown name {{{name}}}"), Some(hint));
                    }
                }
                known.then_some(template)
            }
            Err(misuse) => {
                let hint = "a place is a name in braces: {name}; a brace that is none of a place is written twice: {{ and }}";
                self.problem(text.place, misuse.to_string(), Some(hint.to_owned()));
                None
            }
        }
    }

    /// A URL that we send something to, possibly with places that the app's fields fill.
    pub(crate) fn endpoint(&self, text: &Text, fields: &[&str]) -> Option<Template> {
        let template = self.template(text, fields)?;
        self.is_endpoint(text, &template, "x")?;
        Some(template)
    }

    /// The API's URL: as an endpoint, and it may begin with a place for a whole origin, which the login says.
    pub(crate) fn base_url(&self, text: &Text, names: &[&str]) -> Option<Template> {
        let template = self.template(text, names)?;
        let origin = if template.as_str().starts_with('{') { "https://x" } else { "x" };
        self.is_endpoint(text, &template, origin)?;
        Some(template)
    }

    /// Whether a template is a URL that we send something to, once something stands in its first place, and the like in the others.
    fn is_endpoint(&self, text: &Text, template: &Template, first: &str) -> Option<()> {
        self.is_no_strange_place(text)?;
        let begin = template.names().next();
        let sample = template.render(|name| Some(if Some(name) == begin { first } else { "x" }.to_owned())).ok()?;
        if let Err(misuse) = Endpoint::parse(&sample) {
            self.problem(text.place, misuse.to_string(), Some(url_hint(&text.value).to_owned()));
            return None;
        }
        Some(())
    }

    /// Whether an address or a path has no place as shells, other programs and documents write one: that would be sent as it is.
    pub(crate) fn is_no_strange_place(&self, text: &Text) -> Option<()> {
        for (mark, what) in [
            ("${", "a $ in front of a place"),
            ("{{", "braces that are written twice, which are braces in an address"),
            ("/:", "a name behind a colon, which is no place"),
        ] {
            let is_place = |at: &usize| mark != "/:" || text.value[at + 2..].starts_with(|c: char| c.is_ascii_alphabetic());
            let at = text.value.match_indices(mark).map(|(at, _)| at).find(is_place);
            if let Some(at) = at {
                let place = self.files.inside(text.place, &text.value, at);
                self.problem(place, what, Some("a place is a name in braces: {name}".to_owned()));
                return None;
            }
        }
        Some(())
    }

    /// Whether a regular expression is one, and none with what programs put around it.
    pub(crate) fn is_pattern(&self, text: &Text) -> bool {
        let wrong = match pattern::parse(&text.value) {
            Err(why) => Some((format!("a pattern that is no regular expression: {}", why.replace('\n', " ")), pattern::HINT)),
            // As other languages write one. Paths that begin and end so have a slash within, or no anchor.
            Ok(_) if text.value.starts_with("/^") && text.value.ends_with("$/") => {
                Some(("a pattern between slashes, which are part of the value here".to_owned(), "leave the two slashes away"))
            }
            Ok(_) => None,
        };
        let is_right = wrong.is_none();
        if let Some((message, hint)) = wrong {
            self.problem(text.place, message, Some(hint.to_owned()));
        }
        is_right
    }

    /// That a text is the name of a parameter, of a member, of what is kept: no template, no path, no more than one.
    pub(crate) fn check_plain_name(&self, text: &Text, what: &str) {
        let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"{}=&?/\"".contains(c);
        if text.value.is_empty() || !text.value.chars().all(is_plain) {
            let message = format!("expected {what}, found \"{}\"", printable(&text.value));
            self.problem(text.place, message, Some("the name alone, as it is sent: no braces, no path, no value".to_owned()));
        }
    }

    /// Whether something was told of a place already.
    pub(crate) fn is_told(&self, place: Place) -> bool {
        let there = self.files.problem(place, String::new(), None);
        self.problems.borrow().iter().any(|told| (&told.file, told.line, told.column) == (&there.file, there.line, there.column))
    }

    /// How many complaints there are so far: what follows from one is not told beside it.
    pub(crate) fn told(&self) -> usize {
        self.problems.borrow().len()
    }

    /// A jq expression.
    pub(crate) fn expression(&self, text: &Text) -> Option<Expression> {
        // A place of a template would make an object.
        let inside = text.value.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        if let Some(name) = inside.filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')) {
            self.problem(
                text.place,
                format!("expected jq, found the place {{{name}}}"),
                Some(format!("the member is .{name}, and an argument $args.{name}")),
            );
            return None;
        }
        match Expression::parse(&text.value) {
            Ok(expression) => Some(expression),
            Err(refusal) => {
                let place = refusal.at.map_or(text.place, |at| self.files.inside(text.place, &text.value, at));
                let hint = jq_hint(&text.value).or(refusal.hint).unwrap_or_else(|| JQ_HINT.to_owned());
                self.problem(place, refusal.message, Some(hint));
                None
            }
        }
    }
}

const JQ_HINT: &str =
    "each bracket and each quote has its other one, and steps follow each other by |: .items[] | select(.kind == \"lamp\")";

/// What is probably meant by what is no jq, where it is as other languages have it.
fn jq_hint(text: &str) -> Option<String> {
    let name = |rest: &str| rest.split(|c: char| !(c.is_ascii_alphanumeric() || "-_@".contains(c))).next().unwrap_or_default().to_owned();
    let odd = text.match_indices('.').map(|(at, _)| name(&text[at + 1..])).find(|name| {
        name.starts_with('@') || name.contains('-') && name.split('-').all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()))
    });
    let hint = match odd {
        _ if text.trim_start().starts_with("$.") || text.contains("[*]") => "this is JSONPath, and jq is asked for: .items[].name",
        _ if text.trim_start().starts_with('/') => "this is a JSON pointer, and jq is asked for: .items[0].name",
        Some(name) => return Some(format!("a name with other characters than letters, digits and _ stands in quotes: .\"{name}\"")),
        _ if text.contains('\'') => "text stands in double quotes: .kind == \"lamp\"",
        _ if text.contains("&&") => "both is and: .a and .b",
        _ if text.contains("||") => "either is or: .a or .b",
        _ if text.contains("??") => "what else there is stands behind //: .a // \"none\"",
        _ if text.contains(" ? ") => "a choice is: if .on then \"on\" else \"off\" end",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// A string and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) place: Place,
}
