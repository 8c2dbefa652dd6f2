//! Reading a tree of values member by member: every complaint is collected, and what nobody asked for is a mistyped name.

use std::cell::RefCell;

use keyfob_proto::{Endpoint, Template};

use super::document::{Content, Files, Key, Node, Place};
use crate::jq::Expression;
use crate::nearest;
use crate::problem::Problem;

/// Collects complaints.
pub(crate) struct Reader<'a> {
    files: &'a Files,
    problems: RefCell<Vec<Problem>>,
    /// Every table and member that was looked at: the reference is held to it.
    #[cfg(test)]
    pub(super) asked: RefCell<std::collections::BTreeSet<(String, &'static str)>>,
}

/// Of two of one name.
pub(super) const TWICE: &str = "leave one of the two away, or give it another name";

/// Where no other hint is known.
const GENERAL_HINT: &str = "docs/provider-files.md says what stands there";

impl<'a> Reader<'a> {
    pub(crate) fn new(files: &'a Files) -> Self {
        Self {
            files,
            problems: RefCell::default(),
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

    /// Whether something stands in the file that another lies over.
    pub(crate) fn is_below(&self, place: Place) -> bool {
        self.files.is_below(place)
    }

    pub(crate) fn problem(&self, place: Place, message: impl Into<String>, hint: Option<String>) {
        // Nobody is told what is wrong without being told where to find what is right.
        let hint = hint.unwrap_or_else(|| GENERAL_HINT.to_owned());
        let problem = self.files.problem(place, message.into(), Some(hint));
        self.problems.borrow_mut().push(problem);
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
                return Table { is_told: true, ..self.members(name, node.place, &[]) };
            }
        };
        self.members(name, node.place, members)
    }

    fn members<'r>(&'r self, name: &str, place: Place, members: &'r [(Key, Node)]) -> Table<'r> {
        Table { reader: self, name: name.to_owned(), place, members, is_told: false, asked: RefCell::default(), missed: RefCell::default() }
    }

    /// A value as text, with its place.
    pub(crate) fn text(&self, name: &str, node: &Node) -> Option<Text> {
        self.text_as(name, node, || format!("{} = \"…\"", last(name)))
    }

    /// The same, with another example of what could stand there.
    fn text_as(&self, name: &str, node: &Node, example: impl Fn() -> String) -> Option<Text> {
        match &node.value {
            Content::Text(text) => Some(Text { value: text.clone(), place: node.place }),
            other => {
                let message = format!("expected a string for {name}, found {}", other.kind());
                self.problem(node.place, message, Some(format!("text stands in quotes: {}", example())));
                None
            }
        }
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&self, text: &Text, what: &str, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(name, _)| *name == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let hint = nearest::suggest(&text.value, known.iter().map(|(name, _)| *name));
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
                        Some(near) if near.ends_with('?') => near,
                        Some(known) => format!("{known}; or {}", add(name)),
                        None => add(name),
                    };
                    let hint = Some(hint);
                    self.problem(place, format!("a template with the unknown name {{{name}}}"), hint);
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
        let begin = template.names().next();
        let sample = template.render(|name| Some(if Some(name) == begin { first } else { "x" }.to_owned())).ok()?;
        if let Err(misuse) = Endpoint::parse(&sample) {
            self.problem(text.place, misuse.to_string(), Some(url_hint(&text.value).to_owned()));
            return None;
        }
        Some(())
    }

    /// A jq expression.
    pub(crate) fn expression(&self, text: &Text) -> Option<Expression> {
        match Expression::parse(&text.value) {
            Ok(expression) => Some(expression),
            Err(refusal) => {
                let place = refusal.at.map_or(text.place, |at| self.files.inside(text.place, &text.value, at));
                let hint =
                    "each bracket and each quote has its other one, and steps follow each other by |: .items[] | select(.kind == \"lamp\")";
                self.problem(place, refusal.message, refusal.hint.or(Some(hint.to_owned())));
                None
            }
        }
    }
}

/// A string and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) place: Place,
}

/// A table that is being read. [`Table::finish`] complains about members that nobody asked for.
pub(crate) struct Table<'r> {
    pub(crate) reader: &'r Reader<'r>,
    pub(crate) name: String,
    pub(crate) place: Place,
    members: &'r [(Key, Node)],
    /// Whether it is no table, which was told.
    pub(crate) is_told: bool,
    asked: RefCell<Vec<&'static str>>,
    missed: RefCell<Vec<&'static str>>,
}

impl<'r> Table<'r> {
    /// A member, if it is there.
    pub(crate) fn get(&self, key: &'static str) -> Option<&'r Node> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.members.iter().find(|(known, _)| known.name == key).map(|(_, node)| node)
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
                    let hint = format!("{}, or leave it away where it is not needed", line(&self.path(key)));
                    self.reader.problem(text.place, format!("{} is empty", self.path(key)), Some(hint));
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
        self.missed.borrow_mut().push(key);
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
                self.wrong(key, node, "a date such as 2026-11-21 (without quotes)", other.kind());
                None
            }
        }
    }

    pub(crate) fn array(&self, key: &'static str) -> &'r [Node] {
        self.list(key, || format!("a list stands in brackets: {key} = [ … ]"))
    }

    fn list(&self, key: &'static str, hint: impl FnOnce() -> String) -> &'r [Node] {
        match self.get(key) {
            None => &[],
            Some(node) => match &node.value {
                Content::Array(items) => items,
                other => {
                    let message = format!("expected an array for {}, found {}", self.path(key), other.kind());
                    self.reader.problem(node.place, message, Some(hint()));
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
        let text = |node: &Node| self.reader.text_as(&self.path(key), node, || format!("{key} = [\"…\"]"));
        self.array(key).iter().filter_map(text).collect()
    }

    pub(crate) fn strings(&self, key: &'static str) -> Vec<String> {
        self.texts(key).into_iter().map(|text| text.value).collect()
    }

    pub(crate) fn table(&self, key: &'static str) -> Option<Table<'r>> {
        self.get(key).map(|node| self.reader.table(&self.path(key), node))
    }

    /// An array of tables. What is none is a complaint, and one only.
    pub(crate) fn tables(&self, key: &'static str) -> Vec<Table<'r>> {
        let path = self.path(key);
        let hint = || format!("{key} = [{{ … }}], or a heading [[{path}]] for each, with a line for each of its keys");
        let table = |node: &'r Node| match &node.value {
            Content::Table(members) => Some(self.reader.members(&path, node.place, members)),
            other => {
                self.reader.problem(node.place, format!("expected a table in {path}, found {}", other.kind()), Some(hint()));
                None
            }
        };
        self.list(key, hint).iter().filter_map(table).collect()
    }

    /// Whether nothing in an array of tables is something else.
    pub(crate) fn is_of_tables(&self, key: &'static str) -> bool {
        let all_tables = |items: &[Node]| items.iter().all(|item| matches!(item.value, Content::Table(_)));
        self.get(key).is_none_or(|node| matches!(&node.value, Content::Array(items) if all_tables(items)))
    }

    /// A table of free names with strings in it.
    pub(crate) fn named_texts(&self, key: &'static str) -> Vec<(Key, Text)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let table = self.reader.table(&self.path(key), node);
        let text = |key: &Key, node: &Node| self.reader.text_as(&table.path(&key.name), node, || format!("{} = \"…\"", written(&key.name)));
        table.all().iter().filter_map(|(key, node)| Some((key.clone(), text(key, node)?))).collect()
    }

    /// A table of free names with strings (or numbers and flags, as they are written) in it.
    pub(crate) fn pairs(&self, key: &'static str) -> Vec<(Key, Text)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        let table = self.reader.table(&self.path(key), node);
        let text = |name: &Key, node: &Node| match &node.value {
            Content::Integer(number) => Some(Text { value: number.to_string(), place: node.place }),
            Content::Flag(flag) => Some(Text { value: flag.to_string(), place: node.place }),
            _ => self.reader.text_as(&table.path(&name.name), node, || format!("{} = \"…\"", written(&name.name))),
        };
        table.all().iter().filter_map(|(key, node)| Some((key.clone(), text(key, node)?))).collect()
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&self, key: &'static str, known: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        self.reader.word(&text, &format!("one of {} for {}", names.join(", "), self.path(key)), known)
    }

    /// A table inside this one that was left away, where everything in it may be.
    pub(crate) fn empty(&self, key: &'static str) -> Self {
        self.reader.members(&self.path(key), self.place, &[])
    }

    /// Complains about members that nobody asked for, and about those that are missing.
    pub(crate) fn finish(self) {
        let asked = self.asked.borrow();
        #[cfg(test)]
        self.reader.asked.borrow_mut().extend(asked.iter().map(|key| (self.name.clone(), *key)));
        let mut missed = self.missed.borrow_mut();
        for (key, _) in self.members {
            if !asked.contains(&key.name.as_str()) {
                let place = if self.name.is_empty() { "at the top".to_owned() } else { format!("in {}", self.name) };
                let inside = key.name.split_once('_').filter(|(table, rest)| elsewhere(rest) == Some(table));
                let meant = match inside {
                    Some((table, _)) => missed.iter().copied().find(|key| *key == table),
                    None => nearest::nearest(&key.name, missed.iter().copied()),
                };
                let hint = match meant {
                    _ if inside.is_some() => inside.map(|(table, rest)| format!("it belongs into [{table}], as {rest} = …")),
                    Some(meant) => Some(format!("did you mean \"{meant}\"?")),
                    None if self.name.is_empty() && ["oauth1", "oauth2"].contains(&key.name.as_str()) => Some(format!(
                        "leave it away: it is for another kind, {}",
                        if key.name == "oauth1" { "\"oauth1\"" } else { "\"oauth2\" or \"oidc\"" }
                    )),
                    None if elsewhere(&key.name).is_some_and(|table| table != self.name) => elsewhere(&key.name).map(|table| match table {
                        "" => "it belongs to the top, above every [section]".to_owned(),
                        table => format!("it belongs into [{table}]"),
                    }),
                    None => self.similar(&key.name, key.place, &asked),
                };
                self.reader.problem(key.place, format!("the unknown key {} {place}", key.name), hint);
                // One mistake, one complaint: what was mistyped is not also missing.
                let meant = meant.map(str::to_owned);
                missed.retain(|key| Some(*key) != meant.as_deref());
            }
        }
        for key in missed.iter().filter(|_| !self.is_told) {
            self.reader.problem(self.place, format!("{} is missing", self.path(key)), Some(format!("add it: {}", line(&self.path(key)))));
        }
    }

    /// What was perhaps meant by a name that is none. Whoever changes a file of ours means those of its keys that are not in the own one, too.
    fn similar(&self, typed: &str, place: Place, known: &[&'static str]) -> Option<String> {
        let is_there = |name: &str| self.members.iter().any(|(key, node)| key.name == name && node.place.is_beside(place));
        let near = nearest::all_nearest(typed, known.iter().copied());
        match near.iter().any(|near| !is_there(near)) {
            false if !near.is_empty() => Some(format!("\"{}\" is there already: leave this one away", near[0])),
            _ => nearest::suggest(typed, known.iter().copied().filter(|known| !is_there(known))),
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

/// How an app gets a field more.
pub(super) fn more_fields(name: &str) -> String {
    format!("add a field to client.fields: {{ name = \"{name}\", label = \"…\" }}")
}

/// A name as TOML has it.
fn written(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_bare { name.to_owned() } else { format!("\"{}\"", name.escape_debug()) }
}

/// The key at the end of a path.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// What makes a URL one that credentials may go to: for whoever wrote one that is none, what to write instead.
pub fn url_hint(text: &str) -> &'static str {
    if text.starts_with("http://") {
        "secrets go over TLS only; plain http is for this machine (127.0.0.1, [::1], localhost)"
    } else if !text.is_ascii() {
        "a host with other letters is written as DNS has it (xn--…), and they are percent-encoded in a path"
    } else if text.contains('#') {
        "leave the # and what comes after it away: it is sent to nobody"
    } else {
        "write the whole address: https://hub.example/path (no other scheme); a port is a number up to 65535, and there is no name or password in it"
    }
}

/// The one table that a key can be in, where it is one of those that have no namesake: `""` is the top.
pub(super) fn elsewhere(key: &str) -> Option<&'static str> {
    BELONGS.iter().find(|(_, keys)| keys.contains(&key)).map(|(table, _)| *table)
}

/// By table, the keys that no other table has. The reference is held to it.
pub(super) const BELONGS: &[(&str, &[&str])] = &[
    ("", &["homepage", "sources", "independent_client", "verified", "keep", "import", "deviations", "origins", "actions"]),
    ("endpoints", &["request_token", "authorize", "token", "refresh", "revoke", "jwks", "device", "par", "userinfo", "end_session"]),
    ("client", &["register_url", "register_help", "redirect", "token_env"]),
    ("retired", &["on", "successor", "note"]),
    ("client.redirect", &["suggested", "any_port", "oob", "device_only"]),
    (
        "oauth1",
        &["signature", "placement", "token_method", "realm", "callback", "request_token_params", "access_token_params", "body_hash"],
    ),
    (
        "oauth2",
        &[
            "client_auth",
            "signed_secret",
            "pkce",
            "pkce_reason",
            "token_body",
            "renewal",
            "pin",
            "scope_separator",
            "redirect_uri_at_token",
            "redirect_name",
            "parameter_names",
            "grant_types",
            "authorize_fragment",
            "token_error",
            "tokens_at",
            "token_type",
            "token_params",
            "default_lifetime",
            "refresh_lifetime",
            "refresh_lifetime_from",
            "rotates",
            "iss_required",
            "id_token_algorithms",
            "par_required",
            "request_object",
            "dpop",
        ],
    ),
    ("api", &["base_url", "hosts", "more_origins", "attach", "expired", "revoked", "failed", "limits", "batch", "method_override"]),
];

/// What could stand behind keys that are needed: who has the program alone has no page to look it up. The reference is held to it.
pub(super) const EXAMPLES: &[(&str, &str)] = &[
    ("signature", "\"HMAC-SHA1\""),
    ("client_auth", "\"post\""),
    ("pkce_reason", "\"not documented\""),
    ("refresh_lifetime", "5184000"),
    ("invalid_grant", "[40029, 42002]"),
    ("name", "\"room\""),
    ("label", "\"Shop\""),
    ("help", "\"Settings, API, New token: copy both.\""),
    ("code", "\"/errcode\""),
    ("pin.grant_type", "\"hubPin\""),
    ("renewal.grant_type", "\"hub_refresh\""),
    ("long_lived_grant_type", "\"hub_exchange\""),
    ("audience", "\"https://hub.example\""),
    ("device_code", "\"code\""),
    ("pin.page", "\"https://hub.example/apps\""),
    ("pages.parameter", "\"cursor\""),
    ("response_type", "\"hubPin\""),
    ("user_code", "\"hubPin\""),
    ("on", "2020-01-31"),
    ("note", "\"New apps are not taken any more.\""),
    ("reset_in", "\"seconds\""),
    ("path", "\"/lamps/{id}\""),
    ("choices", "[\"on\", \"off\"]"),
    ("bits", "{ TURNON = 1 }"),
    ("value", "\".name\""),
    ("action", "\"set\""),
    ("full", "1024"),
    ("set", "\"from\""),
];

/// A line as it could be, for a key that is missing.
pub(super) fn line(path: &str) -> String {
    let key = last(path);
    let value = match key {
        "status" if path != "status" => "[401], the statuses of such an answer",
        "kind" => "\"oauth2\", or \"oauth1\" or \"oidc\"",
        "status" => "\"live\", or \"retired\" with a table [retired]",
        "title" => "\"…\", what people call it",
        "about" => "\"…\", a sentence",
        "checked" => "2026-11-21, the day on which you read the page",
        "confidence" => "\"verified\", if the page was read; otherwise \"inferred\" or \"assumed\"",
        "sources" => "[{ url = \"https://…\", checked = 2026-11-21, confidence = \"verified\", about = \"…\" }]",
        "fields" => "[{ name = \"client_id\", label = \"…\" }], with the label that the provider's page has",
        "refresh_lifetime_from" => "\"use\", where each use makes it longer, or \"login\", where none does",
        "authorize" | "token" | "request_token" | "url" | "issuer" | "base_url" => "\"https://…\"",
        "endpoints" | "client" | "oauth1" | "oauth2" | "api" | "retired" if key == path => {
            return format!("a heading [{key}], with a line for each of its keys");
        }
        _ => match EXAMPLES.iter().find(|(known, _)| path.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))) {
            Some((_, example)) => return format!("{key} = {example}, for example"),
            None => "…; docs/provider-files.md says what stands there",
        },
    };
    format!("{key} = {value}")
}
