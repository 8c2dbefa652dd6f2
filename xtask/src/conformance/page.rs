//! The table: as the page `docs/conformance.md`, and for a screen.

use super::marks::Marks;
use super::rows::{Guard, Ours, Row};
use super::tree;

pub(super) const FILE: &str = "docs/conformance.md";

const HEAD: &str = "\
# Conformance: the relying-party tests of the OpenID suite

The OpenID Foundation's conformance suite tests relying parties with a server that is wrong in one way at a time. Here are tests of our own for the same
cases, by the names that the suite gives them: each drives a session against the sandbox's `acme`, which is told to be wrong in that one way, and has a
twin, nearly the same, that succeeds. (The suite itself was not run, and this is no certification.)

A test that cannot fail shows nothing. So for each the *guard* is named, the lines that make it green, and `cargo xtask conformance` takes them out of a copy
of the source: the test must be red then, and its twin must stay green. *Red without it* says that this was seen, for the guard as it is now.

This page is written by `cargo xtask conformance`, from `rows.toml` and `red.toml` in `crates/keyfob/tests/conformance/`.

";

pub(super) fn write(rows: &[Row], marks: &Marks) -> Result<(), String> {
    tree::write(&crate::root().join(FILE), markdown(rows, marks).as_bytes())
}

pub(super) fn markdown(rows: &[Row], marks: &Marks) -> String {
    let mut page = HEAD.to_owned();
    page.push_str(&format!(
        "{}.\n\n| test of the suite | ours | its twin | guard | red without it |\n|---|---|---|---|---|\n",
        counts(rows, marks)
    ));
    for row in rows {
        let line = match &row.ours {
            Ours::Exempt(reason) => format!("| `{}` | exempt: {} | | | |\n", row.suite, cell(reason)),
            Ours::Unwritten => format!("| `{}` | not written yet | | | |\n", row.suite),
            Ours::Tested(tested) => {
                let guards: Vec<_> = tested.guards.iter().map(cited).collect();
                let red = if marks.holds(row) { "yes" } else { "**not seen**" };
                format!("| `{}` | `{}` | `{}` | {} | {red} |\n", row.suite, tested.test, tested.twin, guards.join("<br>"))
            }
        };
        page.push_str(&line);
    }
    page
}

pub(super) fn screen(rows: &[Row], marks: &Marks) -> String {
    let mut table = String::new();
    for row in rows {
        let line = match &row.ours {
            Ours::Exempt(reason) => format!("exempt  {}: {reason}\n", row.suite),
            Ours::Unwritten => format!("-       {}: not written yet\n", row.suite),
            Ours::Tested(tested) => {
                let red = if marks.holds(row) { "red" } else { "?" };
                let guards: Vec<_> = tested.guards.iter().map(Guard::shown).collect();
                format!("{red:<6}  {}: {}  without  {}\n", row.suite, tested.test, guards.join(" and "))
            }
        };
        table.push_str(&line);
    }
    table + &counts(rows, marks) + "\n"
}

fn counts(rows: &[Row], marks: &Marks) -> String {
    let tested = rows.iter().filter(|row| row.tested().is_some()).count();
    let red = rows.iter().filter(|row| marks.holds(row)).count();
    let exempt = rows.iter().filter(|row| matches!(row.ours, Ours::Exempt(_))).count();
    let left = match rows.len() - tested - exempt {
        0 => String::new(),
        left => format!("; {left} not written yet"),
    };
    let all = rows.len();
    format!("{all} tests of the suite: {tested} have one of ours, {red} of them seen red without their guard; {exempt} exempt{left}")
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
    use super::super::rows;
    use super::*;

    #[test]
    fn a_guard_s_bars_do_not_end_the_cell() {
        let text = "[[row]]\nsuite = \"s\"\ntest = \"t\"\ntwin = \"u\"\nguard = { file = \"crates/a/b.rs\", text = \"a ||\\n  b\" }\n[[row]]\nsuite = \"x\"\nexempt = \"why\"\n";
        let rows = rows::parse(text).expect("rows");
        let page = markdown(&rows, &Marks::default());
        assert!(page.contains("| `s` | `t` | `u` | [a/b.rs](../crates/a/b.rs): `a \\|\\| b` | **not seen** |\n"), "{page}");
        assert!(page.contains("2 tests of the suite: 1 have one of ours, 0 of them seen red without their guard; 1 exempt."), "{page}");
        assert!(screen(&rows, &Marks::default()).starts_with("?       s: t  without  a/b.rs: a || b\nexempt  x: why\n"));
    }
}
