//! The lists that there are: what each is about, where its rows and marks lie, and what its page says.

use std::collections::BTreeSet;
use std::fs;

use super::rows::{Program, Row};

/// Rows with a test each, and the lines without which that test has to fail.
pub(crate) struct List {
    /// How it is asked for: `cargo xtask NAME`.
    pub(super) command: &'static str,
    pub(super) rows: &'static str,
    pub(super) marks: &'static str,
    pub(super) page: &'static str,
    /// The key that names a row.
    pub(super) key: &'static str,
    /// Where the tests are, if the rows do not say it each.
    program: Option<(&'static str, &'static str)>,
    /// The page that says which rows there have to be.
    named_by: Option<&'static str>,
    /// Its table is shown by every `cargo xtask test`, and not only its line of counts.
    pub(super) shown: bool,
    /// What its rows are, in the line of counts.
    pub(super) are: &'static str,
    /// What is said of a row with nothing behind it.
    pub(super) unwritten: &'static str,
    pub(super) head: &'static str,
    pub(super) columns: &'static str,
}

/// The relying-party tests of the OpenID conformance suite.
pub(crate) const CONFORMANCE: List = List {
    command: "conformance",
    rows: "crates/keyfob/tests/conformance/rows.toml",
    marks: "crates/keyfob/tests/conformance/red.toml",
    page: "docs/conformance.md",
    key: "suite",
    program: Some(("keyfob", "conformance")),
    named_by: None,
    shown: true,
    are: "tests of the suite",
    unwritten: "not written yet",
    head: "\
# Conformance: the relying-party tests of the OpenID suite

The OpenID Foundation's conformance suite tests relying parties with a server that is wrong in one way at a time. Here are tests of our own for the same
cases, by the names that the suite gives them: each drives a session against the sandbox's `acme`, which is told to be wrong in that one way, and has a
twin, nearly the same, that succeeds. (The suite itself was not run, and this is no certification.)

A test that cannot fail shows nothing. So for each the *guard* is named, the lines that make it green, and `cargo xtask conformance` takes them out of a copy
of the source: the test must be red then, and its twin must stay green. *Red without it* is the day on which that was seen, for this test, twin and guard, or
just *yes*, where the day was not noted yet. `cargo xtask conformance` tries those again, and the ones around which the text has changed since.

This page is written by `cargo xtask conformance`, from `rows.toml` and `red.toml` in `crates/keyfob/tests/conformance/`.

",
    columns: "test of the suite",
};

/// The rows of docs/requirements.md.
pub(crate) const REQUIREMENTS: List = List {
    command: "guards",
    rows: "xtask/guards/rows.toml",
    marks: "xtask/guards/red.toml",
    page: "docs/guards.md",
    key: "row",
    program: None,
    named_by: Some("docs/requirements.md"),
    shown: false,
    are: "rows",
    unwritten: "no guard named yet",
    head: "\
# What each requirement hangs on

A test that cannot fail shows nothing. So for [what must hold](requirements.md) a test of each row is named here with its *guard*, the lines that make it
green, and with a twin, a test of the same program that does not need them. `cargo xtask guards` takes the guard out of a copy of the source: the test must
be red then, and its twin must stay green. Where a row hangs on lines of several kinds (two databases, a lock and what is done without it), each has an entry.

*Red without it* is the day on which that was seen, for this test, twin and guard. The text around them may have changed since: `cargo xtask guards --list`
says for which rows it has, and `cargo xtask guards` tries those, and the ones that nobody has seen red, again.

This page is written by `cargo xtask guards`, from `rows.toml` and `red.toml` in `xtask/guards/`.

",
    columns: "row",
};

impl List {
    /// The program that a row's test is in, unless the row says another.
    pub(super) fn program(&self) -> Option<Program> {
        self.program.map(|(package, target)| Program { package: package.to_owned(), target: target.to_owned() })
    }

    /// Whether its rows are tests of several programs.
    pub(super) fn is_of_many(&self) -> bool {
        self.program.is_none()
    }

    /// What the page of the requirements has and the list has not.
    pub(super) fn missing(&self, rows: &[Row]) -> Vec<String> {
        let Some(page) = self.named_by else { return Vec::new() };
        let Ok(text) = fs::read_to_string(crate::root().join(page)) else { return vec![format!("cannot read {page}")] };
        let there: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let missing = named(&text).filter(|name| !there.contains(name));
        missing.map(|name| format!("{name} is a row of {page}, and has no entry in {}", self.rows)).collect()
    }
}

/// The first column of the tables: a letter and a number.
fn named(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()).filter(|name| {
        let (letter, number) = name.split_at_checked(1).unwrap_or_default();
        letter.chars().all(|c| c.is_ascii_uppercase()) && number.parse::<u32>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::super::rows::parse;
    use super::*;

    #[test]
    fn a_row_of_the_page_without_an_entry_is_told() {
        assert_eq!(named("| row | what |\n|---|---|\n| A1 | x |\n| A12 | A13 |\n").collect::<Vec<_>>(), ["A1", "A12"]);
        let rows = parse(&REQUIREMENTS, "[[row]]\nrow = \"A1\"\n").expect("rows");
        let missing = REQUIREMENTS.missing(&rows);
        assert!(missing.iter().any(|line| line.starts_with("A2 ")) && !missing.iter().any(|line| line.starts_with("A1 ")), "{missing:?}");
        assert!(CONFORMANCE.missing(&rows).is_empty());
    }
}
