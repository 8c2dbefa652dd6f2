//! `cargo xtask conformance`: does each test of the conformance suite's list see what it is there to see? Its guard (the lines that make it green) is
//! taken out of a copy of the source; then the test must fail, and its twin must pass.
//!
//! ```text
//!  rows.toml ──► groups of one guard ──► tree: the copy without it ──► proof: build, test red, twin green ──► red.toml, docs/conformance.md
//! ```
//!
//! It takes long (each guard is a build), so it is run by hand, and only for what was not seen yet. What was seen is checked in, with a fingerprint of
//! test, twin and guard: `cargo xtask test` fails where that does not fit any more.

mod marks;
mod page;
mod proof;
mod rows;
mod tree;

use std::fs;

use marks::Marks;
use proof::Tests;
use rows::{Guard, Row, Tested};
use tree::Tree;

pub(crate) const USAGE: &str = "conformance [--only NAME] [--all] | conformance --list";

/// Does what the words say; true if every row that was tried is red without its guard.
pub(crate) fn run(words: &[&str]) -> bool {
    let wanted = match words {
        [] => Wanted { only: None, all: false },
        ["--all"] => Wanted { only: None, all: true },
        ["--only", name] => Wanted { only: Some(name), all: true },
        ["--list"] => return told(list()),
        _ => {
            eprintln!("usage: cargo xtask {USAGE}");
            return false;
        }
    };
    told(prove(&wanted))
}

/// The table for a screen, and what is wrong with it: for `cargo xtask test`.
pub(crate) fn state() -> Result<(String, Vec<String>), String> {
    let (rows, marks) = (rows::read()?, Marks::read()?);
    let mut wrong = rows::wrong(&rows);
    wrong.extend(marks.stale(&rows));
    if written_page()? != page::markdown(&rows, &marks) {
        wrong.push(format!("{} is not what these rows say: cargo xtask conformance --list writes it", page::FILE));
    }
    Ok((page::screen(&rows, &marks), wrong))
}

struct Wanted<'a> {
    only: Option<&'a str>,
    /// Also what was seen before.
    all: bool,
}

impl Wanted<'_> {
    fn has(&self, row: &Row, tested: &Tested, marks: &Marks) -> bool {
        let named = self.only.is_none_or(|name| row.suite.contains(name) || tested.test.contains(name));
        named && (self.all || !marks.holds(row))
    }
}

/// Writes the page and prints the table, and tries nothing.
fn list() -> Result<Vec<String>, String> {
    let (rows, marks) = (rows::read()?, Marks::read()?);
    page::write(&rows, &marks)?;
    print!("{}", page::screen(&rows, &marks));
    let mut wrong = rows::wrong(&rows);
    wrong.extend(marks.stale(&rows));
    Ok(wrong)
}

fn prove(wanted: &Wanted<'_>) -> Result<Vec<String>, String> {
    let (rows, mut marks) = (rows::read()?, Marks::read()?);
    let wrong = rows::wrong(&rows);
    if !wrong.is_empty() {
        return Ok(wrong);
    }
    let groups = groups(&rows, |row, tested| wanted.has(row, tested, &marks));
    if groups.is_empty() {
        println!("nothing to try: everything of that name was seen to be red without its guard");
        return list();
    }
    let count: usize = groups.iter().map(|group| group.rows.len()).sum();
    println!("{count} tests behind {} guards; first all of them as they are", groups.len());
    let tree = Tree::fresh()?;
    let tests = Tests::build(&tree)?;
    let mut wrong = Vec::new();
    for (row, tested) in groups.iter().flat_map(|group| &group.rows) {
        for name in [&tested.test, &tested.twin] {
            if let Err(found) = tests.passes(name) {
                wrong.push(format!("{}: {name} with everything in place: {found}", row.suite));
            }
        }
    }
    if !wrong.is_empty() {
        return Ok(wrong);
    }
    for (nth, group) in groups.iter().enumerate() {
        println!("{}/{}  without {}", nth + 1, groups.len(), group.guards.iter().map(Guard::shown).collect::<Vec<_>>().join(" and "));
        let without = tree.without(group.guards)?;
        let built = Tests::build(&tree);
        for (row, tested) in &group.rows {
            let outcome = built.as_ref().map_err(|found| format!("does not build: {found}")).and_then(|tests| tests.needs_guard(tested));
            match &outcome {
                Ok(said) => println!("      red    {}  {said}", row.suite),
                Err(found) => {
                    println!("      WRONG  {}  {found}", row.suite);
                    wrong.push(format!("{}: {found}", row.suite));
                }
            }
            marks.set(row, tested, outcome.is_ok());
        }
        without.put_back()?;
        // After each guard, so that nothing is lost to whoever has enough of it.
        marks.write(&rows)?;
        page::write(&rows, &marks)?;
    }
    Ok(wrong)
}

/// Rows with the same guards: each is built once.
struct Group<'a> {
    guards: &'a [Guard],
    rows: Vec<(&'a Row, &'a Tested)>,
}

fn groups<'a>(rows: &'a [Row], wanted: impl Fn(&Row, &Tested) -> bool) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for row in rows {
        let Some(tested) = row.tested().filter(|tested| wanted(row, tested)) else { continue };
        match groups.iter_mut().find(|group| group.guards == tested.guards) {
            Some(group) => group.rows.push((row, tested)),
            None => groups.push(Group { guards: &tested.guards, rows: vec![(row, tested)] }),
        }
    }
    // One file after the other: a change in the core is built again by every crate above it.
    groups.sort_by(|one, other| one.guards[0].file.cmp(&other.guards[0].file));
    groups
}

fn written_page() -> Result<String, String> {
    let file = crate::root().join(page::FILE);
    fs::read_to_string(&file).map_err(|problem| format!("cannot read {}: {problem}", file.display()))
}

fn told(result: Result<Vec<String>, String>) -> bool {
    match result {
        Ok(wrong) => {
            wrong.iter().for_each(|line| println!("wrong  {line}"));
            wrong.is_empty()
        }
        Err(problem) => {
            println!("{problem}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_was_seen_to_be_red_without_its_guard_as_that_is_now() {
        let (_, wrong) = state().expect("rows and marks can be read");
        assert!(wrong.is_empty(), "{}\n(cargo xtask conformance tries what was not seen yet)", wrong.join("\n"));
    }

    #[test]
    fn rows_with_one_guard_are_one_build() {
        let row = |suite: &str, text: &str| {
            format!("[[row]]\nsuite = \"{suite}\"\ntest = \"t\"\ntwin = \"u\"\nguard = {{ file = \"crates/a.rs\", text = \"{text}\" }}\n")
        };
        let rows = rows::parse(&[row("one", "x"), row("two", "y"), row("three", "x")].concat()).expect("rows");
        let groups = groups(&rows, |_, _| true);
        let names: Vec<Vec<_>> = groups.iter().map(|group| group.rows.iter().map(|(row, _)| row.suite.as_str()).collect()).collect();
        assert_eq!(names, [vec!["one", "three"], vec!["two"]]);
    }
}
