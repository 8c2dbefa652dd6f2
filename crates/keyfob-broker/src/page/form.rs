//! Forms for the parameters of actions.

use std::collections::BTreeMap;

use keyfob::proto::Timestamp;
use keyfob_providers::{Action, Parameter, ParameterKind};

use super::words;

/// A field of a form.
pub(crate) struct FormField {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) about: String,
    /// What it takes, where that is more than what the field lets somebody type.
    pub(crate) takes: Option<String>,
    pub(crate) required: bool,
    pub(crate) value: String,
    pub(crate) ask: Ask,
}

/// How a field asks.
pub(crate) enum Ask {
    /// A line of text.
    Text {
        pattern: Option<String>,
        placeholder: String,
    },
    Number {
        min: String,
        max: String,
        step: &'static str,
    },
    Date,
    /// One of these: value, label, whether it is chosen.
    One(Vec<(String, String, bool)>),
    /// Some of these.
    Some(Vec<(String, String, bool)>),
}

impl FormField {
    /// The fields for an action's parameters, filled with what was said or what is usual.
    pub(crate) fn all(action: &Action, said: &BTreeMap<String, String>, now: Timestamp) -> Vec<Self> {
        let meant = action.at(said, now);
        action.parameters.iter().map(|parameter| Self::new(parameter, said.get(&parameter.name), meant.get(&parameter.name))).collect()
    }

    fn new(parameter: &Parameter, said: Option<&String>, meant: Option<&String>) -> Self {
        // A browser's field for a day takes a day, and shows nothing for `7 days ago`.
        let is_day = matches!(&parameter.kind, ParameterKind::Date { words } if words.is_empty());
        let said = if is_day { meant } else { said };
        let value = said.or(parameter.default.as_ref()).cloned().unwrap_or_default();
        Self {
            name: parameter.name.clone(),
            label: words(&parameter.name),
            about: parameter.about.clone(),
            takes: takes(parameter),
            required: parameter.required,
            ask: ask(parameter, &value),
            value,
        }
    }
}

/// What a form or link says to an action: by name, empty fields left out. Several values of one name are ticked boxes where the
/// parameter takes several; otherwise the first counts.
pub(crate) fn arguments(action: &Action, fields: &[(String, String)]) -> BTreeMap<String, String> {
    let mut arguments = BTreeMap::new();
    for parameter in &action.parameters {
        let mut said = fields.iter().filter(|(name, value)| *name == parameter.name && !value.is_empty()).map(|(_, value)| value.as_str());
        let said = match parameter.kind {
            ParameterKind::List { .. } | ParameterKind::Flags { .. } => said.collect::<Vec<_>>().join(","),
            _ => said.next().unwrap_or_default().to_owned(),
        };
        if !said.is_empty() {
            arguments.insert(parameter.name.clone(), said);
        }
    }
    arguments
}

fn takes(parameter: &Parameter) -> Option<String> {
    match &parameter.kind {
        // One that may be told from now is often filled in with that.
        ParameterKind::Time { .. } => Some(format!("{}, or how long ago, as 3 days ago", parameter.kind.expects())),
        ParameterKind::Date { words } if !words.is_empty() => Some(parameter.kind.expects()),
        _ => None,
    }
}

fn ask(parameter: &Parameter, value: &str) -> Ask {
    let shown = |number: Option<String>| number.unwrap_or_default();
    let title = |value: &str| parameter.titles.get(value).map_or_else(|| value.to_owned(), |title| words(title));
    let none = |chosen: bool| (String::new(), "–".to_owned(), chosen);
    match &parameter.kind {
        ParameterKind::Integer { min, max } => {
            Ask::Number { min: shown(min.map(|n| n.to_string())), max: shown(max.map(|n| n.to_string())), step: "1" }
        }
        ParameterKind::Number { min, max } => {
            Ask::Number { min: shown(min.map(|n| n.to_string())), max: shown(max.map(|n| n.to_string())), step: "any" }
        }
        ParameterKind::Flag { .. } => {
            let mut options: Vec<_> = ["yes", "no"].map(|word| (word.to_owned(), words(word), flag(value) == Some(word))).into();
            if !parameter.required && parameter.default.is_none() {
                options.insert(0, none(value.is_empty()));
            }
            Ask::One(options)
        }
        ParameterKind::Choice { choices } => {
            let mut options: Vec<_> = choices.iter().map(|c| (c.clone(), title(c), c.eq_ignore_ascii_case(value))).collect();
            if !parameter.required && parameter.default.is_none() {
                options.insert(0, none(value.is_empty()));
            }
            Ask::One(options)
        }
        ParameterKind::List { choices } if !choices.is_empty() => {
            let ticked = |choice: &str| value.split(',').any(|item| item.trim().eq_ignore_ascii_case(choice));
            Ask::Some(choices.iter().map(|choice| (choice.clone(), title(choice), ticked(choice))).collect())
        }
        ParameterKind::Flags { bits } => {
            let number: Option<u64> = value.parse().ok();
            let ticked = |name: &str, bit: u64| match number {
                Some(number) => number & bit != 0,
                None => value.split(['|', ',', '+']).any(|item| item.trim().eq_ignore_ascii_case(name)),
            };
            Ask::Some(bits.iter().map(|(name, bit)| (name.clone(), title(name), ticked(name, *bit))).collect())
        }
        ParameterKind::Date { words } if words.is_empty() => Ask::Date,
        ParameterKind::Text { pattern } => Ask::Text { pattern: pattern.clone(), placeholder: String::new() },
        other => Ask::Text { pattern: None, placeholder: other.expects() },
    }
}

fn flag(value: &str) -> Option<&'static str> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "on" => Some("yes"),
        "no" | "false" | "0" | "off" => Some("no"),
        _ => None,
    }
}
