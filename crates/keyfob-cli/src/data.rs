//! The answer of a call, or the rows of an action, as data: picked out by jq, and as JSON, lines, comma-separated values or a table.

use clap::ValueEnum;
use keyfob::proto::Scrubber;
use keyfob_providers::{Query, Table};
use serde_json::{Map, Value};

use crate::card::Card;
use crate::exit::Exit;
use crate::output::{Output, json_without_terminal_controls, without_terminal_controls};
use crate::pretty::pretty;
use crate::sheet::{self, Sheet};

/// What data is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Indented for a person, on one line for a program
    Json,
    /// A line for each element
    Ndjson,
    /// Comma-separated values (RFC 4180)
    Csv,
    /// Columns
    Table,
}

/// What is to be made of data.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    jq: Option<Query>,
    format: Format,
    /// Whether text stands without quotes, as `jq -r` has it.
    raw: bool,
}

impl Shape {
    /// What was asked for; of nothing, the data itself as JSON.
    pub(crate) fn of(jq: Option<Query>, format: Option<Format>) -> Self {
        Self { jq, format: format.unwrap_or(Format::Json), raw: format.is_none() }
    }
}

/// An expression as somebody types it.
pub(crate) fn query(text: &str) -> Result<Query, String> {
    Query::parse(text).map_err(|misuse| match &misuse.hint {
        Some(hint) => format!("{misuse}; {hint}"),
        None => misuse.to_string(),
    })
}

/// Shows the rows of an action: an object for each, or its columns in the order that it has them.
pub(crate) fn show_rows(table: &Table, shape: &Shape, scrubber: &Scrubber, out: &Output) -> Result<(), Card> {
    match (&shape.jq, shape.format) {
        (None, Format::Csv) => out.exact(&safe(&cleaned(sheet::comma_separated(table), out), scrubber, out)),
        _ => show(vec![sheet::json(table)], shape, scrubber, out),
    }
}

/// Shows what came, page for page.
pub(crate) fn show(pages: Vec<Value>, shape: &Shape, scrubber: &Scrubber, out: &Output) -> Result<(), Card> {
    let mut values = joined(pages);
    if let Some(query) = &shape.jq {
        let mut results = Vec::new();
        for value in &values {
            results.extend(query.run(value).map_err(|why| {
                Card::new(
                    Exit::Error,
                    "the expression does not fit the answer",
                    // jq quotes what it could not use: all of an answer, perhaps, and what lets anybody in with it.
                    shortened(&scrubber.mask(&why)),
                    "see the answer without --jq, and correct the expression",
                )
            })?);
        }
        values = results;
    }
    let text = match shape.format {
        Format::Json => values.iter().map(|value| json(value, shape, out)).collect::<Vec<_>>().join("\n"),
        Format::Ndjson => rows(values, shape.jq.is_none())
            .iter()
            .map(|row| json_without_terminal_controls(&row.to_string()))
            .collect::<Vec<_>>()
            .join("\n"),
        Format::Csv => cleaned(Rows::of(values, shape.jq.is_none()).sheet().comma_separated(), out),
        Format::Table => return Rows::of(values, shape.jq.is_none()).print(scrubber, out),
    };
    if text.is_empty() { Ok(()) } else { out.exact(&safe(&text, scrubber, out)) }
}

/// As much of a sentence as is read.
fn shortened(why: &str) -> String {
    const MOST: usize = 200;
    match why.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &why[..end]),
        None => why.to_owned(),
    }
}

/// What a server says commands no terminal. Programs get it as it is: what is a mark of direction in a name there, or a line break of a message, is data.
fn cleaned(text: String, out: &Output) -> String {
    if out.to_person { without_terminal_controls(&text) } else { text }
}

/// What a server says shows a person no secret. Programs get it as it is.
fn safe(text: &str, scrubber: &Scrubber, out: &Output) -> String {
    if out.to_person { scrubber.mask(text) } else { text.to_owned() }
}

fn json(value: &Value, shape: &Shape, out: &Output) -> String {
    match value {
        Value::String(text) if shape.raw => cleaned(text.clone(), out),
        value => {
            let text = json_without_terminal_controls(&value.to_string());
            if out.to_person { pretty(&text, out.paint()).unwrap_or(text) } else { text }
        }
    }
}

/// Pages that are lists are one list.
fn joined(pages: Vec<Value>) -> Vec<Value> {
    if pages.len() > 1 && pages.iter().all(Value::is_array) {
        let all = pages.into_iter().flat_map(|page| if let Value::Array(items) = page { items } else { Vec::new() });
        return vec![all.collect()];
    }
    pages
}

/// The elements: of lists, and of whole answers that are a list with a wrapping around it (`{"device":[…]}`). What a filter chose is wrapped in nothing.
fn rows(values: Vec<Value>, whole: bool) -> Vec<Value> {
    let elements = |value: Value| match value {
        Value::Array(items) => items,
        Value::Object(members) if whole && is_wrapping(&members) => {
            members.into_iter().find_map(|(_, value)| if let Value::Array(items) = value { Some(items) } else { None }).unwrap_or_default()
        }
        other => vec![other],
    };
    values.into_iter().flat_map(elements).collect()
}

/// Whether it is there for one list of things. A thing that has a list of words (`{"id":1,"tags":["x"]}`), or of parts, is none: its other members would
/// be lost. Of an empty list nobody knows what it is a list of: then they may say no more than how the call went, and where in a longer list this is.
fn is_wrapping(members: &Map<String, Value>) -> bool {
    /// What a thing is called by.
    const OWN: [&str; 3] = ["id", "name", "title"];
    let mut lists = members.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_array()?)));
    let (Some((name, items)), None) = (lists.next(), lists.next()) else { return false };
    match members.len() {
        1 => true,
        2 | 3 if OWN.iter().any(|own| members.contains_key(*own)) => false,
        2 | 3 if items.is_empty() => {
            let around = members.iter().filter(|(other, _)| *other != name);
            !["errors", "warnings"].contains(&name) && around.into_iter().all(|(name, value)| value.is_null() || is_of_a_list(name))
        }
        2 | 3 => items.iter().all(Value::is_object),
        _ => false,
    }
}

/// Whether a member beside a list is of the list, or of the answer, by its name.
fn is_of_a_list(name: &str) -> bool {
    const WORDS: [&str; 14] =
        ["count", "cursor", "limit", "links", "meta", "metadata", "more", "next", "offset", "ok", "page", "paging", "success", "total"];
    // `has_more`, `nextPageToken`, `@odata.count`
    let mut words = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            _ if !c.is_alphanumeric() => words.push(String::new()),
            Some(word) if !c.is_uppercase() => word.push(c),
            _ => words.push(c.to_lowercase().collect()),
        }
    }
    words.iter().any(|word| WORDS.contains(&word.as_str()))
}

/// Columns and their cells.
struct Rows {
    columns: Vec<String>,
    cells: Vec<Vec<String>>,
}

impl Rows {
    fn of(values: Vec<Value>, whole: bool) -> Self {
        /// What people look for first.
        const FIRST: [&str; 4] = ["id", "name", "title", "type"];
        let rows = rows(values, whole);
        let mut names: Vec<String> = rows.iter().filter_map(Value::as_object).flat_map(Map::keys).cloned().collect();
        names.sort_by_key(|name| (FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()), name.clone()));
        names.dedup();
        if rows.iter().any(|row| !row.is_object()) && !names.iter().any(|name| name == "value") {
            names.push("value".to_owned());
        }
        let cells = rows.iter().map(|row| match row {
            Value::Object(members) => names.iter().map(|name| members.get(name).map(cell).unwrap_or_default()).collect(),
            other => names.iter().map(|name| if name == "value" { cell(other) } else { String::new() }).collect(),
        });
        Self { cells: cells.collect(), columns: names }
    }

    fn print(&self, scrubber: &Scrubber, out: &Output) -> Result<(), Card> {
        if self.cells.is_empty() {
            out.note(&out.note_paint().dim("nothing there"));
            return Ok(());
        }
        let mut sheet = Sheet::new(self.columns.iter().map(|name| without_terminal_controls(name)));
        for row in &self.cells {
            sheet.row(row.iter().map(|text| safe(&one_line(text), scrubber, out)));
        }
        sheet.print(out)
    }

    fn sheet(&self) -> Sheet {
        let mut sheet = Sheet::new(&self.columns);
        self.cells.iter().for_each(|row| sheet.row(row));
        sheet
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn one_line(text: &str) -> String {
    without_terminal_controls(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn any_answer_has_rows() {
        let names = |value: Value| {
            let rows = Rows::of(vec![value], true);
            (rows.columns.join(" "), rows.cells.iter().map(|row| row.join("|")).collect::<Vec<_>>().join("/"))
        };
        assert_eq!(
            names(json!({"device": [{"b": 1, "name": "Lamp"}, {"id": 7, "b": [1]}]})),
            ("id name b".into(), "|Lamp|1/7||[1]".into())
        );
        assert_eq!(names(json!({"a": 1, "b": null})), ("a b".into(), "1|".into()));
        assert_eq!(names(json!([1, "x", {"a": true}])), ("a value".into(), "|1/|x/true|".into()));
        assert_eq!(names(json!([])), (String::new(), String::new()));
        // Two lists: the object is the row.
        assert_eq!(names(json!({"a": [1], "b": [2]})).1, "[1]|[2]");
        // A thing with a list of words is no list with a wrapping.
        assert_eq!(names(json!({"id": 1, "name": "a", "tags": ["x", "y"]})), ("id name tags".into(), "1|a|[\"x\",\"y\"]".into()));
        assert_eq!(names(json!({"tags": ["x", "y"]})), ("value".into(), "x/y".into()));
        assert_eq!(names(json!([1, {"value": 2}])), ("value".into(), "1/2".into()));
    }

    /// What is dropped is missed by nobody.
    #[test]
    fn a_thing_that_has_a_list_is_no_wrapping() {
        let is_wrapping = |value: Value| value.as_object().is_some_and(is_wrapping);
        for thing in [
            json!({"id": 1, "name": "home", "rooms": [{"id": 7}]}),
            json!({"title": "home", "rooms": [{"id": 7}]}),
            json!({"id": "001", "success": true, "errors": []}),
            json!({"success": true, "errors": []}),
            json!({"temperature": 21, "alarms": []}),
            json!({"status": "online", "alarms": []}),
        ] {
            assert!(!is_wrapping(thing.clone()), "{thing}");
        }
        for wrapping in [
            json!({"errors": []}),
            json!({"devices": []}),
            json!({"devices": [], "error": null}),
            json!({"ok": true, "channels": [], "response_metadata": {"next_cursor": ""}}),
            json!({"items": [], "totalCount": 0, "has_more": false}),
            json!({"value": [], "@odata.count": 0}),
            json!({"items": [], "nextPageToken": ""}),
            json!({"temperatures": [{"at": 1}], "unit": "C"}),
        ] {
            assert!(is_wrapping(wrapping.clone()), "{wrapping}");
        }
    }

    /// Of each thing that a filter chose, every member is there.
    #[test]
    fn what_a_filter_chose_is_wrapped_in_nothing() {
        let chosen = || vec![json!({"id": 1, "of": [{"a": 1}]}), json!({"id": 2, "of": []})];
        assert_eq!(Rows::of(chosen(), false).sheet().comma_separated(), "id,of\r\n1,\"[{\"\"a\"\":1}]\"\r\n2,[]");
        assert_eq!(rows(chosen(), false), chosen());
    }

    #[test]
    fn pages_that_are_lists_are_one() {
        assert_eq!(joined(vec![json!([1]), json!([2, 3])]), [json!([1, 2, 3])]);
        assert_eq!(joined(vec![json!([1]), json!({})]), [json!([1]), json!({})]);
    }
}
