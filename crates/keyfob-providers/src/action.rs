//! Actions: API calls that a provider file names. From arguments to a request, from the answer to a table.

use std::collections::BTreeMap;
use std::fmt;

use http::{HeaderName, HeaderValue, Method};
use keyfob_proto::scrub::printable;
use keyfob_proto::{Misuse, Template, Timestamp, encode};
use serde_json::Value;

use crate::jq::{self, Expression, Val};
use crate::nearest;
use crate::parameter::{Argument, Parameter};
use crate::table::{Axis, Cell, CellKind, Column, Link, Row, Table, View};

/// An API call that a provider file names.
#[derive(Clone, Debug)]
pub struct Action {
    /// Its name: what is typed (`lock-now`).
    pub name: String,
    /// What it does, in a sentence.
    pub about: String,
    /// Whether it changes something in the world, so that a page asks before it is done.
    pub acts: bool,
    /// What it takes, in the order of the file.
    pub parameters: Vec<Parameter>,
    /// The scopes without which the provider refuses it.
    pub scopes: Vec<String>,
    pub(crate) call: Call,
    pub(crate) shown: Shown,
    pub(crate) page: Option<Page>,
    /// Names that the login has values for.
    pub(crate) kept: Vec<String>,
}

/// The request of an action, relative to the API's base URL, ready to be signed and sent.
#[derive(Clone, PartialEq, Eq)]
pub struct ActionRequest {
    /// The method.
    pub method: Method,
    /// Path and query, percent-encoded: to be sent as it is.
    pub target: String,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Content type and body.
    pub body: Option<(&'static str, Vec<u8>)>,
}

/// What somebody gave the action (a door's PIN, say) is in its query and its body, and is not shown.
impl fmt::Debug for ActionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, query) = self.target.split_once('?').map_or((self.target.as_str(), ""), |(path, _)| (path, "?…"));
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let body = self.body.as_ref().map(|(media_type, bytes)| format!("{media_type}, {} bytes", bytes.len()));
        f.debug_struct("ActionRequest")
            .field("method", &self.method)
            .field("target", &format_args!("{path}{query}"))
            .field("headers", &names)
            .field("body", &body)
            .finish()
    }
}

/// An answer that has not the shape that the action's file expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The action.
    pub action: String,
    /// What was expected and found, in a sentence; text of the server in it is without control characters.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer has not the shape that the action {} expects: {}", self.action, self.why)
    }
}

impl std::error::Error for Unreadable {}

impl Action {
    /// How it is typed: `dim ID LEVEL`, optional ones in brackets.
    pub fn usage(&self) -> String {
        let mut usage = self.name.clone();
        for parameter in &self.parameters {
            let name = parameter.name.to_uppercase();
            match (parameter.positional, parameter.required) {
                (true, true) => usage.push_str(&format!(" {name}")),
                (true, false) => usage.push_str(&format!(" [{name}]")),
                (false, true) => usage.push_str(&format!(" --{} {name}", parameter.name)),
                (false, false) => usage.push_str(&format!(" [--{} {name}]", parameter.name)),
            }
        }
        usage
    }

    /// Whether the file says what its columns are; otherwise they are what an answer has.
    pub fn names_columns(&self) -> bool {
        !self.shown.columns.is_empty()
    }

    /// Whether its answer can be a [chart](Table::chart): it has columns for both axes.
    pub fn is_charted(&self) -> bool {
        [Axis::X, Axis::Y].into_iter().all(|axis| self.shown.columns.iter().any(|column| column.axis == Some(axis)))
    }

    /// Those of its scopes that are not among these. A wider scope may do in the place of one that is missing: only the provider knows.
    pub fn lacking(&self, granted: &[String]) -> Vec<&str> {
        self.scopes.iter().filter(|scope| !granted.contains(scope)).map(String::as_str).collect()
    }

    /// Whether its request has this value, which a login brings.
    pub fn needs(&self, kept: &str) -> bool {
        self.kept.iter().any(|name| name == kept) && self.call.names().any(|name| name == kept)
    }

    /// The parameters that may be said by their place, in that order.
    pub fn positional(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| parameter.positional)
    }

    /// Gives words that were said by their place their names, beside arguments that were named; `Misuse` if there are more words than
    /// places.
    ///
    /// # Errors
    ///
    /// `Misuse`, as said; its hint is the usage.
    pub fn bind(&self, words: &[String], mut named: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Misuse> {
        let places: Vec<&Parameter> = self.positional().filter(|parameter| !named.contains_key(&parameter.name)).collect();
        if let Some(surplus) = words.get(places.len()) {
            let most = match places.len() {
                0 => "no word".to_owned(),
                1 => "at most one word".to_owned(),
                more => format!("at most {more} words"),
            };
            return Err(Misuse::new(format!("{most} after {}", self.name), format!("\"{}\" as well", printable(surplus)))
                .with_hint(format!("usage: {}", self.usage())));
        }
        named.extend(places.iter().zip(words).map(|(parameter, word)| (parameter.name.clone(), word.clone())));
        Ok(named)
    }

    /// The arguments with moments that are told from now (`3 days ago`) as they are at this one: those that are said, and the default of
    /// those that are not. A default is left away where a moment behind it is said: a beginning made up could lie behind the end that
    /// somebody asked for.
    pub fn at(&self, said: &BTreeMap<String, String>, now: Timestamp) -> BTreeMap<String, String> {
        let mut arguments = said.clone();
        let mut is_ended = false;
        for parameter in self.parameters.iter().rev().filter(|parameter| parameter.is_moment()) {
            let text = said.get(&parameter.name).or(parameter.default.as_ref().filter(|_| !is_ended));
            if let Some(ago) = text.and_then(|text| parameter.ago(text)) {
                arguments.insert(parameter.name.clone(), parameter.written(now.plus(-ago)));
            }
            is_ended |= said.contains_key(&parameter.name);
        }
        arguments
    }

    /// The request for these arguments, of an account that these values are kept with. `Misuse` names the parameter that is missing, unknown, or of
    /// another type, or the value that the login did not bring.
    ///
    /// # Errors
    ///
    /// `Misuse`, as said.
    pub fn request(&self, arguments: &BTreeMap<String, String>, kept: &BTreeMap<String, String>) -> Result<ActionRequest, Misuse> {
        let mut read = self.arguments(arguments)?;
        for name in self.call.names().filter(|name| self.kept.iter().any(|known| known == name)) {
            let value = kept.get(name).ok_or_else(|| {
                Misuse::new(format!("a value for {name}, which a login brings"), "an account that has none").with_hint(format!(
                    "log in again; where the provider's answer has no {name}, no login brings it, and keep in its file is to be corrected"
                ))
            })?;
            read.insert(name.to_owned(), Argument { sent: value.clone(), json: Value::from(value.clone()) });
        }
        self.call.render(&read)
    }

    /// Whether what was said so far is what its parameters take, and a span of time ends after it begins; the rest may still be said.
    ///
    /// # Errors
    ///
    /// `Misuse` for the first that is not.
    pub fn check(&self, said: &BTreeMap<String, String>) -> Result<(), Misuse> {
        let mut read = BTreeMap::new();
        for parameter in &self.parameters {
            if let Some(said) = said.get(&parameter.name) {
                read.insert(parameter.name.clone(), parameter.read(said)?);
            }
        }
        self.in_order(&read)
    }

    /// What an answer looks like to a person. The arguments are those of the request: columns may depend on them.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] for an answer of another shape than the file says, with what was looked for.
    pub fn table(&self, arguments: &BTreeMap<String, String>, answer: &Value) -> Result<Table, Unreadable> {
        let unreadable = |why: String| Unreadable { action: self.name.clone(), why };
        let read = self.arguments(arguments).map_err(|misuse| unreadable(misuse.to_string()))?;
        let args = jq::from_json(&Value::Object(read.iter().map(|(name, argument)| (name.clone(), argument.json.clone())).collect()));
        let rows = self.rows(&args, answer)?;
        let captions = self.parameters.iter().map(|parameter| (parameter.name.as_str(), &parameter.titles)).collect();
        self.shown.table(&read, &captions, &args, rows).map_err(unreadable)
    }

    /// The arguments for the next page of a long answer; `None` if this was the last.
    ///
    /// # Errors
    ///
    /// [`Unreadable`], as [`table`](Self::table).
    pub fn next(&self, arguments: &BTreeMap<String, String>, answer: &Value) -> Result<Option<BTreeMap<String, String>>, Unreadable> {
        let unreadable = |why: String| Unreadable { action: self.name.clone(), why };
        let Some(page) = &self.page else { return Ok(None) };
        let read = self.arguments(arguments).map_err(|misuse| unreadable(misuse.to_string()))?;
        let args = jq::from_json(&Value::Object(read.iter().map(|(name, argument)| (name.clone(), argument.json.clone())).collect()));
        let rows = self.rows(&args, answer)?;
        if rows.len() < page.full {
            return Ok(None);
        }
        let program = page.value.program().map_err(unreadable)?;
        let next = rows.last().and_then(|row| program.first(row.clone(), &args, 0)).map(|value| jq::to_json(&value));
        let next = match next {
            Some(Value::String(text)) => text,
            Some(value @ Value::Number(_)) => value.to_string(),
            _ => return Ok(None),
        };
        // A page that leads to itself would be asked for for ever.
        if read.get(&page.set).is_some_and(|argument| argument.sent == next) {
            return Ok(None);
        }
        let mut arguments = arguments.clone();
        arguments.insert(page.set.clone(), next);
        Ok(Some(arguments))
    }

    /// The parameter that says where the next page of a long answer begins.
    pub fn goes_on_by(&self) -> Option<&str> {
        self.page.as_ref().map(|page| page.set.as_str())
    }

    /// Whether its answer goes on as that of any call does, by `Link` headers or [`crate::Provider::pages`]: it is a list that is asked for by GET, and the
    /// action has no way of its own.
    pub fn goes_on_by_links(&self) -> bool {
        self.page.is_none() && !self.acts && self.call.method == Method::GET && self.shown.view == View::List
    }

    /// Whether answers come in pages by a way of the action's own.
    pub fn has_pages(&self) -> bool {
        self.page.is_some()
    }

    fn rows(&self, args: &Val, answer: &Value) -> Result<Vec<Val>, Unreadable> {
        let unreadable = |why: String| Unreadable { action: self.name.clone(), why };
        let input = jq::from_json(answer);
        match &self.shown.rows {
            Some(rows) => {
                let program = rows.program().map_err(unreadable)?;
                program.run(input, args, 0).into_iter().collect::<Result<_, _>>().map_err(unreadable)
            }
            None => Ok(vec![input]),
        }
    }

    fn arguments(&self, said: &BTreeMap<String, String>) -> Result<BTreeMap<String, Argument>, Misuse> {
        for name in said.keys() {
            if !self.parameters.iter().any(|parameter| parameter.name == *name) {
                let names = self.parameters.iter().map(|parameter| parameter.name.as_str());
                let misuse = Misuse::new(format!("a parameter of {}", self.name), format!("\"{}\"", printable(name)));
                return Err(match nearest::nearest(name, names) {
                    Some(near) => misuse.with_hint(format!("did you mean \"{near}\"?")),
                    None => misuse,
                });
            }
        }
        let mut read = BTreeMap::new();
        for parameter in &self.parameters {
            match said.get(&parameter.name).or(parameter.fixed_default()) {
                Some(said) => {
                    read.insert(parameter.name.clone(), parameter.read(said)?);
                }
                // What stands in the path, and has a default only as long as nothing else is said, cannot be left away.
                None if parameter.required || self.call.path.names().any(|name| name == parameter.name) => {
                    return Err(Misuse::new(format!("{} for {}", parameter.kind.expects(), parameter.name), "nothing"));
                }
                None => {}
            }
        }
        Ok(read)
    }
}

/// How the request of an action is made.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: Template,
    pub(crate) query: Vec<(String, Template)>,
    pub(crate) headers: Vec<(HeaderName, Template)>,
    pub(crate) body: CallBody,
}

/// What the body of an action's request is.
#[derive(Clone, Debug)]
pub(crate) enum CallBody {
    None,
    Form(Vec<(String, Template)>),
    Json(JsonTemplate),
}

/// JSON with templates for its strings.
#[derive(Clone, Debug)]
pub(crate) enum JsonTemplate {
    Value(Value),
    Text(Template),
    Array(Vec<JsonTemplate>),
    Object(Vec<(String, JsonTemplate)>),
}

impl Call {
    /// All names of its templates.
    fn names(&self) -> impl Iterator<Item = &str> {
        let mut templates: Vec<&Template> = vec![&self.path];
        templates.extend(self.query.iter().map(|(_, template)| template));
        templates.extend(self.headers.iter().map(|(_, template)| template));
        match &self.body {
            CallBody::None => {}
            CallBody::Form(pairs) => templates.extend(pairs.iter().map(|(_, template)| template)),
            CallBody::Json(json) => json.templates(&mut templates),
        }
        templates.into_iter().flat_map(Template::names)
    }

    fn render(&self, arguments: &BTreeMap<String, Argument>) -> Result<ActionRequest, Misuse> {
        let sent = |name: &str| arguments.get(name).map(|argument| argument.sent.clone());
        let pairs = |templates: &[(String, Template)]| -> Result<String, Misuse> {
            let present = templates.iter().filter(|(_, template)| template.names().all(|name| arguments.contains_key(name)));
            let pairs: Vec<(&str, String)> =
                present.map(|(name, template)| Ok((name.as_str(), template.render(sent)?))).collect::<Result<_, Misuse>>()?;
            Ok(encode::form_pairs(pairs.iter().map(|(name, value)| (*name, value.as_str()))))
        };
        for name in self.path.names() {
            // An argument is one segment of the path and stays there: `..` would climb out of it.
            if let Some(value @ ("" | "." | "..")) = arguments.get(name).map(|argument| argument.sent.as_str()) {
                return Err(Misuse::new(format!("a value for {name} that can be part of a path"), format!("\"{value}\"")));
            }
        }
        let mut target = self.path.render(|name| sent(name).map(|value| encode::percent(&value)))?;
        let query = pairs(&self.query)?;
        if !query.is_empty() {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str(&query);
        }
        let mut headers = Vec::new();
        for (name, template) in &self.headers {
            if template.names().all(|name| arguments.contains_key(name)) {
                let value = template.render(sent)?;
                let value = HeaderValue::from_str(&value)
                    .map_err(|_| Misuse::new(format!("a value that fits into the header {name}"), format!("\"{}\"", printable(&value))))?;
                headers.push((name.clone(), value));
            }
        }
        let body = match &self.body {
            CallBody::None => None,
            CallBody::Form(templates) => Some(("application/x-www-form-urlencoded", pairs(templates)?.into_bytes())),
            CallBody::Json(template) => {
                let json = template.render(arguments)?.unwrap_or(Value::Null);
                Some(("application/json", json.to_string().into_bytes()))
            }
        };
        Ok(ActionRequest { method: self.method.clone(), target, headers, body })
    }
}

impl JsonTemplate {
    fn templates<'a>(&'a self, found: &mut Vec<&'a Template>) {
        match self {
            Self::Value(_) => {}
            Self::Text(template) => found.push(template),
            Self::Array(items) => items.iter().for_each(|item| item.templates(found)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.templates(found)),
        }
    }

    /// `None` where an argument is absent: the member is left out.
    fn render(&self, arguments: &BTreeMap<String, Argument>) -> Result<Option<Value>, Misuse> {
        Ok(match self {
            Self::Value(value) => Some(value.clone()),
            Self::Text(template) => {
                if !template.names().all(|name| arguments.contains_key(name)) {
                    return Ok(None);
                }
                // A place alone keeps the argument's type: numbers stay numbers.
                let alone = template.names().next().filter(|name| template.as_str() == format!("{{{name}}}"));
                match alone.and_then(|name| arguments.get(name)) {
                    Some(argument) => Some(argument.json.clone()),
                    None => Some(Value::from(template.render(|name| arguments.get(name).map(|argument| argument.sent.clone()))?)),
                }
            }
            Self::Array(items) => {
                let items: Vec<Value> = items.iter().filter_map(|item| item.render(arguments).transpose()).collect::<Result<_, _>>()?;
                Some(Value::Array(items))
            }
            Self::Object(members) => {
                let mut object = serde_json::Map::new();
                for (name, value) in members {
                    if let Some(value) = value.render(arguments)? {
                        object.insert(name.clone(), value);
                    }
                }
                Some(Value::Object(object))
            }
        })
    }
}

/// How the answer of an action is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) view: View,
    pub(crate) rows: Option<Expression>,
    pub(crate) columns: Vec<ColumnTemplate>,
    pub(crate) links: Vec<LinkTemplate>,
}

/// A column, or one for each item of a list parameter.
#[derive(Clone, Debug)]
pub(crate) struct ColumnTemplate {
    pub(crate) title: String,
    pub(crate) value: Expression,
    pub(crate) unit: Option<String>,
    pub(crate) kind: CellKind,
    pub(crate) decimals: Option<u8>,
    pub(crate) axis: Option<Axis>,
    /// The list parameter whose items make a column each; titled like the item.
    pub(crate) each: Option<String>,
    /// Units by item.
    pub(crate) units: BTreeMap<String, String>,
    /// Kinds by item.
    pub(crate) kinds: BTreeMap<String, CellKind>,
}

/// What can be done with a row.
#[derive(Clone, Debug)]
pub(crate) struct LinkTemplate {
    pub(crate) action: String,
    pub(crate) label: String,
    pub(crate) with: Vec<(String, Expression)>,
    pub(crate) when: Option<Expression>,
}

/// How a long answer goes on.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// So many rows mean that there may be more.
    pub(crate) full: usize,
    /// The parameter that moves.
    pub(crate) set: String,
    /// Where to, seen from the last row.
    pub(crate) value: Expression,
}

impl Shown {
    /// `captions` are what people call the items of list parameters.
    fn table(
        &self,
        arguments: &BTreeMap<String, Argument>,
        captions: &BTreeMap<&str, &BTreeMap<String, String>>,
        args: &Val,
        rows: Vec<Val>,
    ) -> Result<Table, String> {
        if self.columns.is_empty() {
            return Ok(plain(self.view, &rows));
        }
        let mut columns = Vec::new();
        let mut cells = Vec::new();
        for template in &self.columns {
            let items: Vec<String> = match &template.each {
                None => vec![template.title.clone()],
                Some(parameter) => match arguments.get(parameter).map(|argument| &argument.json) {
                    Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
                    _ => Vec::new(),
                },
            };
            for (index, title) in items.into_iter().enumerate() {
                let unit = template.units.get(&title).or(template.unit.as_ref()).cloned();
                let kind = template.kinds.get(&title).copied().unwrap_or(template.kind);
                // Neither moments nor days are heights of a line.
                let axis = template.axis.filter(|axis| *axis == Axis::X || !kind.is_when());
                let caption = template
                    .each
                    .as_ref()
                    .and_then(|parameter| captions.get(parameter.as_str())?.get(&title))
                    .map(|caption| capital(caption));
                columns.push(Column { title, caption, unit, kind, axis });
                cells.push((template.value.program()?, index, kind, template.decimals));
            }
        }
        let links: Vec<_> = (self.links.iter())
            .map(|link| {
                let when = link.when.as_ref().map(Expression::program).transpose()?;
                let with: Vec<_> = link.with.iter().map(|(name, value)| Ok((name, value.program()?))).collect::<Result<_, String>>()?;
                Ok::<_, String>((link, when, with))
            })
            .collect::<Result<_, _>>()?;
        let rows = rows
            .into_iter()
            .map(|row| Row {
                cells: (cells.iter())
                    .map(|(program, index, kind, decimals)| {
                        // A row may lack what another one has: that is an empty cell, not an unreadable answer.
                        let value = program.first(row.clone(), args, *index).map_or(Value::Null, |value| jq::to_json(&value));
                        Cell::of(&value, *kind, *decimals)
                    })
                    .collect(),
                links: (links.iter())
                    .filter_map(|(link, when, with)| {
                        let holds = |program: &&jq::Program| {
                            program.first(row.clone(), args, 0).is_some_and(|value| !matches!(value, Val::Null | Val::Bool(false)))
                        };
                        if !when.as_ref().is_none_or(holds) {
                            return None;
                        }
                        let mut arguments = BTreeMap::new();
                        for (name, program) in with {
                            let value = match jq::to_json(&program.first(row.clone(), args, 0)?) {
                                Value::String(text) => text,
                                Value::Null => return None,
                                other => other.to_string(),
                            };
                            arguments.insert((*name).clone(), value);
                        }
                        Some(Link { action: link.action.clone(), label: link.label.clone(), arguments })
                    })
                    .collect(),
            })
            .collect();
        Ok(Table { view: self.view, columns, rows })
    }
}

/// As a heading begins.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

/// A table for a file that names no columns: one for each key, in the order they turn up.
fn plain(view: View, rows: &[Val]) -> Table {
    let rows: Vec<Value> = rows.iter().map(jq::to_json).collect();
    let mut titles: Vec<String> = Vec::new();
    for row in &rows {
        match row {
            Value::Object(members) => {
                for name in members.keys().take(50) {
                    if !titles.contains(name) && titles.len() < 50 {
                        titles.push(name.clone());
                    }
                }
            }
            _ => {
                if titles.is_empty() {
                    titles.push("value".to_owned());
                }
            }
        }
    }
    let cell = |row: &Value, title: &str| match row {
        Value::Object(members) => members.get(title).map_or(Cell::Empty, |value| Cell::of(value, CellKind::Text, None)),
        other if title == "value" => Cell::of(other, CellKind::Text, None),
        _ => Cell::Empty,
    };
    Table {
        view,
        rows: rows.iter().map(|row| Row { cells: titles.iter().map(|title| cell(row, title)).collect(), links: Vec::new() }).collect(),
        columns: (titles.iter())
            .map(|title| Column { title: printable(title), caption: None, unit: None, kind: CellKind::Text, axis: None })
            .collect(),
    }
}
