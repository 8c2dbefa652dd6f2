//! `rows.toml` is whole and true: every test of the suite once, every test of ours there, every guard where it is said to be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// How many tests the suite has for relying parties.
const SUITE: usize = 115;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    row: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// The suite's name for it.
    suite: String,
    /// What it is about, in our words.
    about: String,
    /// Our test.
    test: Option<String>,
    /// The test that passes where only that one thing is right.
    twin: Option<String>,
    /// What makes it green: without it, it is red. Several where a rule is kept twice, and either would do.
    guard: Option<Guards>,
    /// Why there is none.
    exempt: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Guards {
    One(Guard),
    Several(Vec<Guard>),
}

impl Guards {
    fn all(self) -> Vec<Guard> {
        match self {
            Self::One(guard) => vec![guard],
            Self::Several(guards) => guards,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Guard {
    file: String,
    text: String,
    #[serde(default)]
    without: String,
}

fn rows() -> Vec<Row> {
    toml::from_str::<Rows>(include_str!("rows.toml")).unwrap().row
}

/// The names of the tests in this binary, as it tells them itself.
fn tests() -> BTreeSet<String> {
    let list = Command::new(std::env::current_exe().unwrap()).args(["--list", "--format=terse"]).output().unwrap();
    String::from_utf8(list.stdout).unwrap().lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

#[test]
fn every_test_of_the_suite_is_there_once() {
    let names: Vec<String> = rows().into_iter().map(|row| row.suite).collect();
    let sorted: BTreeSet<&String> = names.iter().collect();
    assert_eq!(sorted.len(), SUITE);
    assert!(sorted.into_iter().eq(&names), "in the order of their names, each once");
}

#[test]
fn every_row_has_a_test_with_a_twin_and_a_guard_or_a_reason() {
    let tests = tests();
    let mut wrong = Vec::new();
    for row in rows() {
        let Row { suite, about, test, twin, guard, exempt } = row;
        let there = |name: &Option<String>| name.as_ref().is_some_and(|name| tests.contains(name));
        let good = match (&exempt, &guard) {
            (Some(_), None) => test.is_none() && twin.is_none(),
            (None, Some(_)) => there(&test) && there(&twin) && test != twin,
            // Not written yet.
            (None, None) => test.is_none() && twin.is_none(),
            _ => false,
        };
        if !good || about.is_empty() {
            wrong.push(format!("{suite}: test {test:?}, twin {twin:?}, guard {}, exempt {exempt:?}", guard.is_some()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_guard_is_in_its_file_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in rows() {
        for Guard { file, text, without } in row.guard.into_iter().flat_map(Guards::all) {
            let source = files.entry(file.clone()).or_insert_with(|| std::fs::read_to_string(root.join(&file)).unwrap_or_default());
            let found = source.matches(&text).count();
            if found != 1 || text == without {
                wrong.push(format!("{}: {found} times in {file}: {text}", row.suite));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
