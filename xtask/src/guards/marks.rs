//! `red.toml`: which rows were seen to be red without their guards, each with fingerprints of what was looked at.

use std::collections::BTreeMap;
use std::fs;

use toml::{Table, Value};

use super::list::List;
use super::rows::{Row, Tested};

#[derive(Default)]
pub(super) struct Marks(BTreeMap<String, Mark>);

/// Older marks say neither what the files around the guard were, nor the day.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    /// Of test, twin and guard as the row has them.
    guard: String,
    /// Of the files that test and guards are in.
    files: Option<String>,
    day: Option<String>,
}

impl Marks {
    pub(super) fn read(list: &List) -> Result<Self, String> {
        // None yet is none seen.
        let text = fs::read_to_string(crate::root().join(list.marks)).unwrap_or_default();
        Self::parse(list, &text)
    }

    fn parse(list: &List, text: &str) -> Result<Self, String> {
        let file: Table = text.parse().map_err(|problem| format!("{}: {problem}", list.marks))?;
        let mark = |(name, mark): (String, Value)| {
            let text = |key: &str| mark.get(key).and_then(Value::as_str).map(str::to_owned);
            let guard = mark.as_str().map(str::to_owned).or_else(|| text("guard"));
            let guard = guard.ok_or_else(|| format!("{}: the mark of {name} has no fingerprint", list.marks))?;
            Ok((name, Mark { guard, files: text("files"), day: text("day") }))
        };
        file.into_iter().map(mark).collect::<Result<_, _>>().map(Self)
    }

    /// Whether it was seen, and the row has not changed since.
    pub(super) fn holds(&self, row: &Row) -> bool {
        self.of(row).is_some()
    }

    /// Whether, besides, the files are as they were then. A mark that does not say what they were says nothing of that: it is tried again, and has it then.
    pub(super) fn is_fresh(&self, row: &Row) -> bool {
        let files = row.tested().map(Tested::files);
        self.of(row).is_some_and(|mark| mark.files.is_some() && mark.files == files)
    }

    /// The day on which it was seen, where that was noted.
    pub(super) fn day(&self, row: &Row) -> Option<&str> {
        self.of(row)?.day.as_deref()
    }

    fn of(&self, row: &Row) -> Option<&Mark> {
        let tested = row.tested()?;
        self.0.get(&row.key()).filter(|mark| mark.guard == tested.fingerprint())
    }

    pub(super) fn set(&mut self, row: &Row, tested: &Tested, red: Option<String>) {
        match red {
            Some(day) => {
                let mark = Mark { guard: tested.fingerprint(), files: Some(tested.files()), day: Some(day) };
                self.0.insert(row.key(), mark)
            }
            None => self.0.remove(&row.key()),
        };
    }

    /// Rows that nobody has seen red as they are now.
    pub(super) fn stale(&self, rows: &[Row]) -> Vec<String> {
        let unseen = rows.iter().filter(|row| row.tested().is_some() && !self.holds(row));
        let why = |row: &Row| if self.0.contains_key(&row.key()) { "changed since it was seen" } else { "never seen" };
        unseen.map(|row| format!("{}: {} to be red without its guard", row.key(), why(row))).collect()
    }

    /// Those of the rows that there are.
    pub(super) fn write(&self, list: &List, rows: &[Row]) -> Result<(), String> {
        super::tree::write(&crate::root().join(list.marks), self.text(list, rows).as_bytes())
    }

    fn text(&self, list: &List, rows: &[Row]) -> String {
        let lines = rows.iter().filter_map(|row| self.0.get(&row.key()).map(|mark| mark.line(&row.key())));
        head(list) + &lines.collect::<String>()
    }
}

impl Mark {
    fn line(&self, name: &str) -> String {
        match (&self.files, &self.day) {
            (Some(files), Some(day)) => format!("{name} = {{ guard = \"{}\", files = \"{files}\", day = \"{day}\" }}\n", self.guard),
            _ => format!("{name} = \"{}\"\n", self.guard),
        }
    }
}

fn head(list: &List) -> String {
    format!(
        "\
# Written by `cargo xtask {}`: tests that were seen to fail without their guards, while their twins passed. Beside each name is a fingerprint
# of test, twin and guard in rows.toml: where one of them changes, the mark is void, and `cargo xtask test` says so.
",
        list.command
    )
}

#[cfg(test)]
mod tests {
    use super::super::list::{CONFORMANCE, REQUIREMENTS};
    use super::super::rows::parse;
    use super::*;

    const ROW: &str = "[[row]]\nsuite = \"s\"\ntest = \"t\"\ntwin = \"u\"\nguard = { file = \"crates/none.rs\", text = \"x\" }\n";

    #[test]
    fn a_mark_is_void_when_the_guard_changes() {
        let rows = parse(&CONFORMANCE, ROW).expect("rows");
        let mut marks = Marks::default();
        assert!(marks.stale(&rows)[0].contains("never seen"));
        marks.set(&rows[0], rows[0].tested().expect("a test"), Some("2026-11-27".to_owned()));
        let marks = Marks::parse(&CONFORMANCE, &marks.text(&CONFORMANCE, &rows)).expect("what was written is read");
        assert!(marks.stale(&rows).is_empty() && marks.is_fresh(&rows[0]));
        assert_eq!(marks.day(&rows[0]), Some("2026-11-27"));
        let changed = parse(&CONFORMANCE, &ROW.replace("\"x\"", "\"y\"")).expect("rows");
        assert!(marks.stale(&changed)[0].contains("changed since"));
        assert_eq!(marks.day(&changed[0]), None);
        assert_eq!(marks.text(&CONFORMANCE, &[]), head(&CONFORMANCE), "rows that are gone leave nothing behind");
    }

    #[test]
    fn a_mark_is_to_be_seen_again_when_a_file_changes_and_when_it_does_not_say_what_the_files_were() {
        let rows = parse(&CONFORMANCE, ROW).expect("rows");
        let guard = rows[0].tested().expect("a test").fingerprint();
        let read = |mark: &str| Marks::parse(&REQUIREMENTS, &format!("s = {mark}\n")).expect("a mark");
        let other = read(&format!("{{ guard = \"{guard}\", files = \"0123456789abcdef\", day = \"2026-11-27\" }}"));
        assert!(other.holds(&rows[0]) && !other.is_fresh(&rows[0]));
        let old = read(&format!("\"{guard}\""));
        assert!(old.holds(&rows[0]) && !old.is_fresh(&rows[0]) && old.day(&rows[0]).is_none());
        assert!(old.stale(&rows).is_empty(), "it was seen: `cargo xtask test` has nothing to say");
        assert_eq!(
            old.text(&CONFORMANCE, &rows),
            format!("{}s = \"{guard}\"\n", head(&CONFORMANCE)),
            "and stays as it was, until it is seen again"
        );
        assert!(Marks::parse(&CONFORMANCE, "s = 1").is_err());
    }
}
