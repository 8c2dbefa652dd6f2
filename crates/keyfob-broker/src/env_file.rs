//! Reading env files as `docker --env-file` reads them, so that one file serves both.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use keyfob::proto::Secret;

/// Larger files are something else, given by mistake.
const LARGEST: u64 = 64 * 1024;

/// Variables with their values, of an env file or of the process. Values are secrets until somebody knows better.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    values: BTreeMap<String, Secret>,
    notes: Vec<String>,
}

impl Variables {
    /// Reads the text of an env file: a `KEY=VALUE` a line, split at the first `=`, nothing unquoted or expanded. Empty lines and
    /// lines that begin with `#` are passed over; of a name that comes twice, the last value counts.
    pub fn parse(text: &str) -> Result<Self, EnvFileError> {
        let mut variables = Self::default();
        // Some editors put a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |problem: &'static str| EnvFileError { line: number, problem };
            let (name, value) = line.split_once('=').ok_or_else(|| wrong("KEY=VALUE, but found no ="))?;
            if name.is_empty() {
                return Err(wrong("a name in front of the ="));
            }
            if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err(wrong("a name without white space in front of the ="));
            }
            if value.chars().any(|c| c.is_control() && c != '\t') {
                return Err(wrong("a value without control characters"));
            }
            variables.note_quotes(number, name, value);
            variables.values.insert(name.to_owned(), Secret::new(value));
        }
        Ok(variables)
    }

    /// Reads an env file.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(ReadError::Io)?;
        let read = file.take(LARGEST + 1).read_to_string(&mut text).map_err(ReadError::Io)?;
        if read as u64 > LARGEST {
            return Err(ReadError::Io(io::Error::new(io::ErrorKind::InvalidData, "the file is larger than 64 KiB")));
        }
        Self::parse(&text).map_err(ReadError::Line)
    }

    /// Takes these names from the process's environment (`docker run --env-file` sets them there); others are not looked at.
    pub fn of_process<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let present = names.into_iter().filter_map(|name| Some((name.to_owned(), Secret::new(std::env::var(name).ok()?))));
        Self { values: present.collect(), notes: Vec::new() }
    }

    /// A variable's value; an empty one counts as none.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.values.get(name).filter(|value| !value.is_empty())
    }

    /// The same without these.
    pub(crate) fn without(mut self, names: &BTreeSet<&str>) -> Self {
        self.values.retain(|name, _| !names.contains(name.as_str()));
        self
    }

    /// The names, without their values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// What a person should know about the file, without values.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Somebody who is used to shells writes quotes; here they belong to the value, and the login fails far away from their cause.
    fn note_quotes(&mut self, line: usize, name: &str, value: &str) {
        let quoted = |quote: char| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
        if quoted('"') || quoted('\'') {
            let name = keyfob::proto::scrub::printable(name);
            self.notes
                .push(format!("line {line}: the quotes around the value of {name} are part of it; take them away if that is not meant"));
        }
    }
}

/// A line that is not as it should be. The line itself stays out of the message: it may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFileError {
    /// The line, from 1.
    pub line: usize,
    problem: &'static str,
}

impl fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: expected {}", self.line, self.problem)
    }
}

impl std::error::Error for EnvFileError {}

/// Why an env file could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The file itself.
    Io(io::Error),
    /// One of its lines.
    Line(EnvFileError),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Line(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, String)> {
        let variables = Variables::parse(text).expect("an env file");
        variables.values.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
    }

    #[test]
    fn lines_are_split_at_the_first_equals_sign_and_nothing_is_unquoted() {
        let text = "\u{feff}# a comment\n\nA=b=c==\n  B= spaced \nC=\"quoted\"\nD=$A # no comment\r\nE=\nA=again=\n";
        let expected = [("A", "again="), ("B", " spaced "), ("C", "\"quoted\""), ("D", "$A # no comment"), ("E", "")];
        assert_eq!(parsed(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn an_empty_value_is_none() {
        assert!(Variables::parse("A=\n").is_ok_and(|variables| variables.get("A").is_none()));
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_and_not_shown() {
        for (text, line) in
            [("A=1\nhunter2secret\n", 2), ("# x\n\n=hunter2secret", 3), ("hunter2secret B=1", 1), ("A=hunter2\u{1b}secret", 1)]
        {
            let error = Variables::parse(text).expect_err(text);
            assert_eq!(error.line, line, "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn quotes_are_kept_and_told() {
        let variables = Variables::parse("A='x'\nB=it's\n").expect("an env file");
        assert_eq!(variables.notes().len(), 1);
        assert!(variables.notes()[0].contains("line 1") && !variables.notes()[0].contains("'x'"));
    }

    #[test]
    fn values_are_not_in_debug() {
        assert!(!format!("{:?}", Variables::parse("A=hunter2secret")).contains("hunter2"));
    }
}
