//! The parameters of actions: what a person may say, and what is sent for it.

use std::collections::BTreeMap;

use keyfob_proto::Misuse;
use keyfob_proto::scrub::printable;
use serde::Serialize;
use serde_json::Value;

use crate::{moment, nearest, pattern};

/// A parameter of an action.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Parameter {
    /// Its name: `device`.
    pub name: String,
    /// What it means.
    pub about: String,
    /// What it takes.
    #[serde(flatten)]
    pub kind: ParameterKind,
    /// Whether the action cannot do without it.
    pub required: bool,
    /// What is taken when nothing is said. Of a moment it may be told from now (`3 days ago`): [`Action::at`](crate::Action::at) knows when that is.
    pub default: Option<String>,
    /// Whether it may be said by its place (`dim 12 50`) and not only by its name.
    pub positional: bool,
    /// What people call those of its values that say little to them, where something is chosen: `min_temp`, the lowest temperature.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub titles: BTreeMap<String, String>,
}

/// What a parameter takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "type")]
#[non_exhaustive]
pub enum ParameterKind {
    /// Any text, or text of one form.
    Text {
        /// A regular expression for the whole text.
        pattern: Option<String>,
    },
    /// A whole number.
    Integer {
        /// The least.
        min: Option<i64>,
        /// The greatest.
        max: Option<i64>,
    },
    /// A number.
    Number {
        /// The least.
        min: Option<f64>,
        /// The greatest.
        max: Option<f64>,
    },
    /// Yes or no.
    Flag {
        /// What is sent for yes.
        yes: String,
        /// What is sent for no.
        no: String,
    },
    /// One of these.
    Choice {
        /// The choices.
        choices: Vec<String>,
    },
    /// Several of these, with commas between.
    List {
        /// The choices; empty: any text.
        choices: Vec<String>,
    },
    /// A moment: seconds since 1970, or a date, or date and time. Sent as seconds.
    Time {
        /// Words that are sent as they are (`last`).
        words: Vec<String>,
    },
    /// A date, `yyyy-mm-dd`.
    Date {
        /// Words that are sent as they are (`today`).
        words: Vec<String>,
    },
    /// Bits by name, added up: `3`, or `TURNON|TURNOFF`. Sent as a number.
    Flags {
        /// The names and their bits.
        bits: Vec<(String, u64)>,
    },
}

impl ParameterKind {
    /// The name a provider file uses.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Integer { .. } => "integer",
            Self::Number { .. } => "number",
            Self::Flag { .. } => "flag",
            Self::Choice { .. } => "choice",
            Self::List { .. } => "list",
            Self::Time { .. } => "time",
            Self::Date { .. } => "date",
            Self::Flags { .. } => "flags",
        }
    }

    /// What it takes, for messages and forms: `a whole number from 0 to 255`.
    pub fn expects(&self) -> String {
        fn range<T: std::fmt::Display>(what: &str, min: &Option<T>, max: &Option<T>) -> String {
            match (min, max) {
                (Some(min), Some(max)) => format!("{what} from {min} to {max}"),
                (Some(min), None) => format!("{what} of at least {min}"),
                (None, Some(max)) => format!("{what} of at most {max}"),
                (None, None) => what.to_owned(),
            }
        }
        match self {
            Self::Text { pattern: Some(pattern) } => format!("text of the form {pattern}"),
            Self::Text { pattern: None } => "text".to_owned(),
            Self::Integer { min, max } => range("a whole number", min, max),
            Self::Number { min, max } => range("a number", min, max),
            Self::Flag { .. } => "yes or no".to_owned(),
            Self::Choice { choices } => format!("one of {}", choices.join(", ")),
            Self::List { choices } if choices.is_empty() => "values with commas between".to_owned(),
            Self::List { choices } => format!("some of {}, with commas between", choices.join(", ")),
            Self::Time { words } if words.is_empty() => "a moment (2020-01-31, 2020-01-31T12:00:00Z, or seconds since 1970)".to_owned(),
            Self::Time { words } => {
                format!("a moment (2020-01-31, 2020-01-31T12:00:00Z, or seconds since 1970) or {}", words.join(", "))
            }
            Self::Date { words } if words.is_empty() => "a date (yyyy-mm-dd)".to_owned(),
            Self::Date { words } => format!("a date (yyyy-mm-dd) or {}", words.join(", ")),
            Self::Flags { bits } => {
                let names: Vec<&str> = bits.iter().map(|(name, _)| name.as_str()).collect();
                format!("a number, or names with | between: {}", names.join(", "))
            }
        }
    }
}

impl Parameter {
    /// How many seconds before now a text says, where a moment is asked for (`3 days ago`).
    pub(crate) fn ago(&self, said: &str) -> Option<i64> {
        if self.is_moment() { moment::ago(said) } else { None }
    }

    /// What is taken when nothing is said, if it is the same at all times.
    pub(crate) fn fixed_default(&self) -> Option<&String> {
        self.default.as_ref().filter(|default| self.ago(default).is_none())
    }

    /// What is sent for what a person said.
    pub(crate) fn read(&self, said: &str) -> Result<Argument, Misuse> {
        let wrong = || Misuse::new(format!("{} for {}", self.kind.expects(), self.name), format!("\"{}\"", printable(said)));
        let among = |choices: &[String], said: &str| {
            let exact = choices.iter().find(|choice| *choice == said);
            exact.or_else(|| choices.iter().find(|choice| choice.eq_ignore_ascii_case(said))).cloned().ok_or_else(|| {
                let misuse = Misuse::new(format!("{} for {}", self.kind.expects(), self.name), format!("\"{}\"", printable(said)));
                match nearest::nearest(said, choices.iter().map(String::as_str)) {
                    Some(near) => misuse.with_hint(format!("did you mean \"{near}\"?")),
                    None => misuse,
                }
            })
        };
        if said.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err(Misuse::new(format!("{} for {}", self.kind.expects(), self.name), "text with control characters"));
        }
        match &self.kind {
            ParameterKind::Text { pattern } => {
                if pattern.as_deref().is_some_and(|pattern| !pattern::matches(pattern, said)) {
                    return Err(wrong());
                }
                Ok(Argument::text(said))
            }
            ParameterKind::Integer { min, max } => {
                let number: i64 = said.trim().parse().map_err(|_| wrong())?;
                if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
                    return Err(wrong());
                }
                Ok(Argument { sent: number.to_string(), json: Value::from(number) })
            }
            ParameterKind::Number { min, max } => {
                let number: f64 = said.trim().parse().map_err(|_| wrong())?;
                if !number.is_finite() || min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
                    return Err(wrong());
                }
                Ok(Argument { sent: number.to_string(), json: Value::from(number) })
            }
            ParameterKind::Flag { yes, no } => {
                let flag = match said.trim().to_ascii_lowercase().as_str() {
                    "yes" | "true" | "1" | "on" => true,
                    "no" | "false" | "0" | "off" => false,
                    _ => return Err(wrong()),
                };
                Ok(Argument { sent: if flag { yes } else { no }.clone(), json: Value::from(flag) })
            }
            ParameterKind::Choice { choices } => among(choices, said.trim()).map(|choice| Argument::text(&choice)),
            ParameterKind::List { choices } => {
                let mut items = Vec::new();
                for item in said.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                    items.push(if choices.is_empty() { item.to_owned() } else { among(choices, item)? });
                }
                if items.is_empty() {
                    return Err(wrong());
                }
                Ok(Argument { sent: items.join(","), json: Value::from(items) })
            }
            ParameterKind::Time { words } => {
                if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(said.trim())) {
                    return Ok(Argument::text(word));
                }
                let seconds = moment::parse(said).ok_or_else(wrong)?;
                Ok(Argument { sent: seconds.to_string(), json: Value::from(seconds) })
            }
            ParameterKind::Date { words } => {
                let word = words.iter().find(|word| word.eq_ignore_ascii_case(said.trim())).cloned();
                word.or_else(|| moment::date(said)).map(|date| Argument::text(&date)).ok_or_else(wrong)
            }
            ParameterKind::Flags { bits } => {
                let names: Vec<String> = bits.iter().map(|(name, _)| name.clone()).collect();
                let mut sum = 0;
                for part in said.split(['|', ',', '+']).map(str::trim).filter(|part| !part.is_empty()) {
                    sum |= match part.parse::<u64>() {
                        Ok(number) => number,
                        Err(_) => {
                            let name = among(&names, part)?;
                            bits.iter().find(|(known, _)| *known == name).map_or(0, |(_, bit)| *bit)
                        }
                    };
                }
                if said.trim().is_empty() {
                    return Err(wrong());
                }
                Ok(Argument { sent: sum.to_string(), json: Value::from(sum) })
            }
        }
    }
}

/// What is sent for a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Argument {
    /// In a path, a query, a form, a header.
    pub(crate) sent: String,
    /// In a JSON body, and as `$args` of expressions.
    pub(crate) json: Value,
}

impl Argument {
    fn text(text: &str) -> Self {
        Self { sent: text.to_owned(), json: Value::from(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: ParameterKind, said: &str) -> Result<String, String> {
        let parameter = Parameter {
            name: "level".into(),
            about: String::new(),
            kind,
            required: true,
            default: None,
            positional: false,
            titles: BTreeMap::new(),
        };
        parameter.read(said).map(|argument| argument.sent).map_err(|error| match &error.hint {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        })
    }

    #[test]
    fn each_type_takes_its_values_and_names_the_parameter_otherwise() {
        let integer = || ParameterKind::Integer { min: Some(0), max: Some(255) };
        assert_eq!(read(integer(), "255"), Ok("255".into()));
        assert_eq!(read(integer(), "256"), Err("expected a whole number from 0 to 255 for level, but found \"256\"".into()));
        assert_eq!(read(ParameterKind::Number { min: None, max: None }, "1.50"), Ok("1.5".into()));
        assert!(read(ParameterKind::Number { min: None, max: None }, "NaN").is_err());
        let flag = || ParameterKind::Flag { yes: "1".into(), no: "0".into() };
        assert_eq!(read(flag(), "Yes"), Ok("1".into()));
        assert!(read(flag(), "maybe").is_err());
        let scales = || ParameterKind::Choice { choices: vec!["max".into(), "30min".into(), "1hour".into()] };
        assert_eq!(read(scales(), "MAX"), Ok("max".into()));
        assert!(read(scales(), "30mni").is_err_and(|error| error.ends_with("did you mean \"30min\"?")));
        let types = || ParameterKind::List { choices: vec!["Temperature".into(), "CO2".into()] };
        assert_eq!(read(types(), "temperature, co2"), Ok("Temperature,CO2".into()));
        assert!(read(types(), "temperature,pressure").is_err());
        assert!(read(types(), ",").is_err());
        let time = || ParameterKind::Time { words: vec!["last".into()] };
        assert_eq!(read(time(), "2020-01-01"), Ok("1577836800".into()));
        assert_eq!(read(time(), "last"), Ok("last".into()));
        assert!(read(time(), "tomorrow").is_err());
        assert_eq!(read(ParameterKind::Date { words: vec![] }, "2014-09-25"), Ok("2014-09-25".into()));
        assert!(read(ParameterKind::Date { words: vec!["today".into()] }, "25.9.2014").is_err());
        let id = || ParameterKind::Text { pattern: Some("[0-9A-F]{4}".into()) };
        assert!(read(id(), "../x").is_err());
        assert!(read(ParameterKind::Text { pattern: None }, "a\u{1b}b").is_err_and(|error| !error.contains('\u{1b}')));
    }

    #[test]
    fn bits_are_taken_as_a_number_and_by_name() {
        let bits = || ParameterKind::Flags { bits: vec![("TURNON".into(), 1), ("TURNOFF".into(), 2), ("DIM".into(), 16)] };
        assert_eq!(read(bits(), "3"), Ok("3".into()));
        assert_eq!(read(bits(), "TURNON|TURNOFF"), Ok("3".into()));
        assert_eq!(read(bits(), "turnon, dim"), Ok("17".into()));
        assert!(read(bits(), "TURNON|TRUNOFF").is_err_and(|error| error.contains("TURNOFF")));
        assert!(read(bits(), "").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(said: String) {
            for kind in [
                ParameterKind::Integer { min: None, max: None },
                ParameterKind::List { choices: vec!["a".into()] },
                ParameterKind::Time { words: vec![] },
                ParameterKind::Flags { bits: vec![("A".into(), 1)] },
                ParameterKind::Date { words: vec![] },
            ] {
                let _ = read(kind, &said);
            }
        }
    }
}
