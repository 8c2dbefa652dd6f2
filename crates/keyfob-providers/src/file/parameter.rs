//! `[[actions.NAME.parameters]]`: what a person may say, and of which type it is.

use std::collections::BTreeMap;

use super::advice::{TWICE, joined, quoted, written};
use super::document::{Content, Node};
use super::provider::no_name;
use super::table::Table;
use crate::nearest;
use crate::parameter::{Parameter, ParameterKind};
use crate::provider::Provider;

/// What an action can be told, as the file has it.
pub(super) fn parameter_names(action: &Node) -> Vec<&str> {
    let names = action.get("parameters").into_iter().flat_map(Node::items).filter_map(|parameter| match parameter.get("name")?.value {
        Content::Text(ref name) => Some(name.as_str()),
        _ => None,
    });
    names.collect()
}

/// What an action takes.
pub(super) fn parameters(action: &Table<'_>) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for table in action.tables("parameters") {
        let reader = table.reader;
        let name = table.required("name");
        let about = table.text("about").map_or_else(String::new, |text| text.value);
        let before = reader.told();
        let kind = kind(&table).filter(|_| reader.told() == before);
        // Where it is not known what is taken, nobody knows what could have a title.
        let titles = table.get("titles").and(kind.as_ref()).map_or_else(BTreeMap::new, |kind| titles(&table, kind));
        let required = table.flag("required");
        let default = table.get("default").and_then(|node| {
            let example = || format!("text stands in quotes: default = {}", joined(node).unwrap_or_else(|| quoted(node)));
            reader.text_as(&format!("{}.default", table.name), node, example)
        });
        let positional = table.flag("positional").unwrap_or(false);
        let place = table.place;
        table.finish();
        let Some(name) = name else { continue };
        if !Provider::is_name(&name.value) {
            no_name(reader, &name, "parameter's name");
        }
        if parameters.iter().any(|parameter| parameter.name == name.value) {
            reader.problem(name.place, format!("the parameter {} is there twice", name.value), Some(TWICE.to_owned()));
        }
        if required == Some(true) && default.is_some() {
            reader.problem(
                place,
                format!("the parameter {} is required and has a default", name.value),
                Some("leave one of the two away: what has a default need not be said".to_owned()),
            );
        }
        let is_known = kind.is_some();
        let parameter = Parameter {
            name: name.value,
            about,
            kind: kind.unwrap_or(ParameterKind::Text { pattern: None }),
            required: required.unwrap_or(positional && default.is_none()),
            default: default.as_ref().map(|text| text.value.clone()),
            positional,
            titles,
        };
        if let Some(default) = default.as_ref().filter(|_| is_known)
            && parameter.fixed_default().is_some()
            && let Err(misuse) = parameter.read(&default.value)
        {
            let hint = "write one that it takes; or change what it takes: its type, and what else is said of that".to_owned();
            reader.problem(default.place, format!("a default that the parameter does not take: {misuse}"), misuse.hint.or(Some(hint)));
        }
        if positional && parameter.required && parameters.iter().any(|earlier| earlier.positional && !earlier.required) {
            reader.problem(
                place,
                format!("the positional parameter {} is required, one before it is not", parameter.name),
                Some("put it before the other: those that may be left away come last".to_owned()),
            );
        }
        parameters.push(parameter);
    }
    parameters
}

/// What is said of some types, and of no other.
pub(super) const OF_TYPES: &[(&str, &[&str])] = &[
    ("pattern", &["text"]),
    ("min", &["integer", "number"]),
    ("max", &["integer", "number"]),
    ("yes", &["flag"]),
    ("no", &["flag"]),
    ("choices", &["choice", "list"]),
    ("words", &["time", "date"]),
    ("bits", &["flags"]),
    ("titles", &["choice", "list", "flags"]),
];

/// What it takes; `None`, where what is said of that is wrong.
fn kind(table: &Table<'_>) -> Option<ParameterKind> {
    let names = ["text", "integer", "number", "flag", "choice", "list", "time", "date", "flags"];
    let known = names.map(|name| (name, name));
    let name = match table.get("type") {
        None => Some("text"),
        Some(_) => table.word("type", &known),
    };
    // Without the type nobody knows which keys belong to it: they are not told as well.
    let Some(name) = name else {
        for (key, _) in OF_TYPES {
            table.get(key);
        }
        return None;
    };
    for (key, types) in OF_TYPES.iter().filter(|(_, types)| !types.contains(&name)) {
        if let Some((place, _)) = table.key(key) {
            table.get(key);
            let own: Vec<String> = types.iter().map(|name| format!("type = \"{name}\"")).collect();
            let hint = format!("say {}, or leave it away", own.join(" or "));
            table.reader.problem(place, format!("{key} of a parameter whose type is {name}"), Some(hint));
        }
    }
    let choices = |needed: bool| {
        let choices = table.strings("choices");
        if needed && table.is_left_out("choices") {
            table.missing("choices");
        }
        choices
    };
    Some(match name {
        "integer" => {
            let (min, max) = (table.integer("min", i64::MIN, i64::MAX), table.integer("max", i64::MIN, i64::MAX));
            in_order(table, min, max);
            ParameterKind::Integer { min, max }
        }
        "number" => {
            let (min, max) = (table.float("min"), table.float("max"));
            in_order(table, min, max);
            ParameterKind::Number { min, max }
        }
        "flag" => ParameterKind::Flag {
            yes: table.text("yes").map_or_else(|| "true".to_owned(), |text| text.value),
            no: table.text("no").map_or_else(|| "false".to_owned(), |text| text.value),
        },
        "choice" => ParameterKind::Choice { choices: choices(true) },
        "list" => ParameterKind::List { choices: choices(false) },
        "time" => ParameterKind::Time { words: table.strings("words") },
        "date" => ParameterKind::Date { words: table.strings("words") },
        "flags" => ParameterKind::Flags { bits: bits(table) },
        _ => {
            let pattern = table.text("pattern");
            if pattern.as_ref().is_some_and(|text| !table.reader.is_pattern(text)) {
                return None;
            }
            ParameterKind::Text { pattern: pattern.map(|text| text.value) }
        }
    })
}

/// Where the least is above the most, nothing can be said.
fn in_order<T: PartialOrd + std::fmt::Display>(table: &Table<'_>, min: Option<T>, max: Option<T>) {
    if let (Some(min), Some(max), Some(node)) = (min, max, table.get("min"))
        && min > max
    {
        let hint = format!("min is the least that is taken, and max the most: min = {max}, max = {min}");
        table.reader.problem(node.place, format!("min is {min}, and max is {max}: no value is between them"), Some(hint));
    }
}

/// What people call what can be chosen.
fn titles(table: &Table<'_>, kind: &ParameterKind) -> BTreeMap<String, String> {
    let values: Vec<&str> = match kind {
        ParameterKind::Choice { choices } | ParameterKind::List { choices } => choices.iter().map(String::as_str).collect(),
        ParameterKind::Flags { bits } => bits.iter().map(|(name, _)| name.as_str()).collect(),
        _ => return BTreeMap::new(),
    };
    let mut titles = BTreeMap::new();
    for (key, text) in table.named_texts("titles") {
        if !values.contains(&key.name.as_str()) {
            let hint = nearest::suggest(&key.name, values.iter().copied());
            table.reader.problem(key.place, format!("a title for {}, which cannot be chosen", key.name), hint);
        }
        titles.insert(key.name, text.value);
    }
    titles
}

fn bits(table: &Table<'_>) -> Vec<(String, u64)> {
    let Some(node) = table.get("bits") else {
        table.missing("bits");
        return Vec::new();
    };
    let bits = table.reader.table(&format!("{}.bits", table.name), node);
    let read = bits.all().iter().filter_map(|(key, node)| match node.value {
        Content::Integer(bit) if bit > 0 => Some((key.name.clone(), bit.unsigned_abs())),
        _ => {
            let hint = format!("a number without quotes, of its own for each: {} = 1, then 2, 4, 8", written(&key.name));
            table.reader.problem(
                node.place,
                format!("expected a number from 1 for the bit {}, found {}", key.name, found(node)),
                Some(hint),
            );
            None
        }
    });
    read.collect()
}

/// What stands there, for messages.
fn found(node: &Node) -> String {
    match &node.value {
        Content::Integer(number) => number.to_string(),
        other => other.kind().to_owned(),
    }
}
