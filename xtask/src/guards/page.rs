//! The table: as a page in `docs`, and for a screen.

use std::collections::BTreeSet;

use super::list::List;
use super::marks::Marks;
use super::rows::{Guard, Ours, Row};
use super::tree;

pub(super) fn write(list: &List, rows: &[Row], marks: &Marks) -> Result<(), String> {
    tree::write(&crate::root().join(list.page), markdown(list, rows, marks).as_bytes())
}

/// Made of rows and marks alone: a change of any other file leaves it as it is.
pub(super) fn markdown(list: &List, rows: &[Row], marks: &Marks) -> String {
    let mut page = list.head.to_owned();
    page.push_str(&format!(
        "{}.\n\n| {} | ours | its twin | guard | red without it |\n|---|---|---|---|---|\n",
        counts(list, rows, marks),
        list.columns
    ));
    for row in rows {
        let line = match &row.ours {
            Ours::Exempt(reason) => format!("| `{}` | exempt: {} | | | |\n", row.name, cell(reason)),
            Ours::Unwritten => format!("| `{}` | {} | | | |\n", row.name, list.unwritten),
            Ours::Tested(tested) => {
                let guards: Vec<_> = tested.guards.iter().map(cited).collect();
                let red = match marks.day(row) {
                    Some(day) => day,
                    None if marks.holds(row) => "yes",
                    None => "**not seen**",
                };
                let test =
                    if list.is_of_many() { format!("`{}` of {}", tested.test, tested.program) } else { format!("`{}`", tested.test) };
                format!("| `{}` | {test} | `{}` | {} | {red} |\n", row.name, tested.twin, guards.join("<br>"))
            }
        };
        page.push_str(&line);
    }
    page
}

pub(super) fn screen(list: &List, rows: &[Row], marks: &Marks) -> String {
    let mut table = String::new();
    for row in rows {
        let line = match &row.ours {
            Ours::Exempt(reason) => format!("exempt   {}: {reason}\n", row.name),
            Ours::Unwritten => format!("-        {}: {}\n", row.name, list.unwritten),
            Ours::Tested(tested) => {
                let red = if marks.is_fresh(row) {
                    "red"
                } else if marks.holds(row) {
                    "was red"
                } else {
                    "?"
                };
                let guards: Vec<_> = tested.guards.iter().map(Guard::shown).collect();
                format!("{red:<7}  {}: {}  without  {}\n", row.key(), tested.test, guards.join(" and "))
            }
        };
        table.push_str(&line);
    }
    table + &counts(list, rows, marks) + "\n"
}

pub(super) fn counts(list: &List, rows: &[Row], marks: &Marks) -> String {
    let names = |wanted: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| wanted(row)).map(|row| row.name.as_str()).collect::<BTreeSet<_>>();
    let (all, tested) = (names(&|_| true).len(), names(&|row| row.tested().is_some()));
    // Of a row with several entries each has to be seen.
    let red = tested.difference(&names(&|row| !marks.holds(row))).count();
    let exempt = names(&|row| matches!(row.ours, Ours::Exempt(_))).len();
    let left = match names(&|row| matches!(row.ours, Ours::Unwritten)).len() {
        0 => String::new(),
        left => format!("; {left} {}", list.unwritten),
    };
    let pairs = match rows.iter().filter(|row| row.tested().is_some()).count() {
        pairs if pairs == tested.len() => String::new(),
        pairs => format!(" ({pairs} pairs of test and guard)"),
    };
    let (are, tested) = (list.are, tested.len());
    format!("{all} {are}: {tested} have one of ours{pairs}, {red} of them seen red without their guard; {exempt} exempt{left}")
}

/// A guard in a cell: the file, and the beginning of the lines.
fn cited(guard: &Guard) -> String {
    let shown = guard.shown();
    let (file, text) = shown.split_once(": ").unwrap_or((&shown, ""));
    // Code with a backtick in it is fenced by two.
    let fence = if text.contains('`') { "``" } else { "`" };
    format!("[{file}](../{}): {fence}{}{fence}", guard.file, text.replace('|', "\\|"))
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::super::list::CONFORMANCE;
    use super::super::rows;
    use super::*;

    #[test]
    fn a_guard_s_bars_do_not_end_the_cell() {
        let text = "[[row]]\nsuite = \"s\"\ntest = \"t\"\ntwin = \"u\"\nguard = { file = \"crates/a/b.rs\", text = \"a ||\\n  b\" }\n[[row]]\nsuite = \"x\"\nexempt = \"why\"\n";
        let rows = rows::parse(&CONFORMANCE, text).expect("rows");
        let page = markdown(&CONFORMANCE, &rows, &Marks::default());
        assert!(page.contains("| `s` | `t` | `u` | [a/b.rs](../crates/a/b.rs): `a \\|\\| b` | **not seen** |\n"), "{page}");
        assert!(page.contains("2 tests of the suite: 1 have one of ours, 0 of them seen red without their guard; 1 exempt."), "{page}");
        let more = text.replace("\n  b", "\n  c").split("[[row]]\nsuite = \"x\"").next().expect("there is one").to_owned() + text;
        let page = markdown(&CONFORMANCE, &rows::parse(&CONFORMANCE, &more).expect("rows"), &Marks::default());
        assert!(page.contains("2 tests of the suite: 1 have one of ours (2 pairs of test and guard), 0 of them seen red"), "{page}");
        assert!(screen(&CONFORMANCE, &rows, &Marks::default()).starts_with("?        s: t  without  a/b.rs: a || b\nexempt   x: why\n"));
    }
}
