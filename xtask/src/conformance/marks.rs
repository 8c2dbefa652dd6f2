//! `red.toml`: which rows were seen to be red without their guards, each with the fingerprint of what was looked at.

use std::collections::BTreeMap;
use std::fs;

use toml::{Table, Value};

use super::rows::{Row, Tested};

const FILE: &str = "crates/keyfob/tests/conformance/red.toml";

const HEAD: &str = "\
# Written by `cargo xtask conformance`: tests that were seen to fail without their guards, while their twins passed. Beside each name is a fingerprint
# of test, twin and guard in rows.toml: where one of them changes, the mark is void, and `cargo xtask test` says so.
";

#[derive(Default)]
pub(super) struct Marks(BTreeMap<String, String>);

impl Marks {
    pub(super) fn read() -> Result<Self, String> {
        // None yet is none seen.
        let text = fs::read_to_string(crate::root().join(FILE)).unwrap_or_default();
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: Table = text.parse().map_err(|problem| format!("{FILE}: {problem}"))?;
        let mark = |(suite, mark): (String, Value)| match mark {
            Value::String(mark) => Ok((suite, mark)),
            _ => Err(format!("{FILE}: the mark of {suite} is no text")),
        };
        file.into_iter().map(mark).collect::<Result<_, _>>().map(Self)
    }

    /// Whether it was seen, and nothing changed since.
    pub(super) fn holds(&self, row: &Row) -> bool {
        row.tested().is_some_and(|tested| self.0.get(&row.suite) == Some(&tested.fingerprint()))
    }

    pub(super) fn set(&mut self, row: &Row, tested: &Tested, red: bool) {
        if red {
            self.0.insert(row.suite.clone(), tested.fingerprint());
        } else {
            self.0.remove(&row.suite);
        }
    }

    /// Rows that nobody has seen red as they are now.
    pub(super) fn stale(&self, rows: &[Row]) -> Vec<String> {
        let unseen = rows.iter().filter(|row| row.tested().is_some() && !self.holds(row));
        let why = |row: &Row| if self.0.contains_key(&row.suite) { "changed since it was seen" } else { "never seen" };
        unseen.map(|row| format!("{}: {} to be red without its guard", row.suite, why(row))).collect()
    }

    /// Those of the rows that there are.
    pub(super) fn write(&self, rows: &[Row]) -> Result<(), String> {
        super::tree::write(&crate::root().join(FILE), self.text(rows).as_bytes())
    }

    fn text(&self, rows: &[Row]) -> String {
        let marks = rows.iter().filter_map(|row| self.0.get(&row.suite).map(|mark| format!("{} = \"{mark}\"\n", row.suite)));
        HEAD.to_owned() + &marks.collect::<String>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::parse;
    use super::*;

    const ROW: &str = "[[row]]\nsuite = \"s\"\ntest = \"t\"\ntwin = \"u\"\nguard = { file = \"crates/none.rs\", text = \"x\" }\n";

    #[test]
    fn a_mark_is_void_when_the_guard_changes() {
        let rows = parse(ROW).expect("rows");
        let mut marks = Marks::default();
        assert!(marks.stale(&rows)[0].contains("never seen"));
        marks.set(&rows[0], rows[0].tested().expect("a test"), true);
        let marks = Marks::parse(&marks.text(&rows)).expect("what was written is read");
        assert!(marks.stale(&rows).is_empty());
        let changed = parse(&ROW.replace("\"x\"", "\"y\"")).expect("rows");
        assert!(marks.stale(&changed)[0].contains("changed since"));
        assert_eq!(marks.text(&[]), HEAD, "rows that are gone leave nothing behind");
    }
}
