//! `cargo xtask conformance` and `cargo xtask guards`: does each test of a list see what it is there to see? Its guard (the lines that make it green) is
//! taken out of a copy of the source; then the test must fail, and its twin must pass.
//!
//! ```text
//!  rows.toml ──► groups of one guard ──► tree: the copy without it ──► proof: build, test red, twin green ──► red.toml, a page in docs
//!  list.rs: the tests of the conformance suite (docs/conformance.md); the rows of docs/requirements.md (docs/guards.md)
//! ```
//!
//! It takes long (each guard is a build), so it is run by hand, and only for what was not seen yet. What was seen is checked in, with a fingerprint of
//! test, twin and guard: `cargo xtask test` fails where that does not fit any more.

mod day;
mod list;
mod marks;
mod needs;
mod page;
mod program;
mod proof;
mod rows;
mod tree;

use std::collections::BTreeSet;
use std::fs;

pub(crate) use list::{CONFORMANCE, List, REQUIREMENTS};
use marks::Marks;
use needs::Need;
use proof::Tests;
use rows::{Guard, Ours, Program, Row, Tested};
use tree::Tree;

/// Does what the words say; true if every row that was tried is red without its guard.
pub(crate) fn run(list: &List, words: &[&str]) -> bool {
    if words == ["--list"] {
        return told(shown(list));
    }
    let mut wanted = Wanted { names: Vec::new(), parts: Vec::new(), all: false };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match (*word, word.starts_with('-')) {
            ("--all", _) => wanted.all = true,
            ("--only", _) => wanted.parts.extend(words.next()),
            (name, false) => wanted.names.push(name),
            _ => {
                eprintln!("usage: cargo xtask {} [NAME…] [--only PART] [--all] | --list", list.command);
                return false;
            }
        }
    }
    told(prove(list, &wanted))
}

/// The table for a screen, and what is wrong with it: for `cargo xtask test`.
pub(crate) fn state(list: &List) -> Result<(String, Vec<String>), String> {
    let (rows, marks) = (rows::read(list)?, Marks::read(list)?);
    let mut wrong = judged(list, &rows, &marks);
    if written_page(list)? != page::markdown(list, &rows, &marks) {
        wrong.push(format!("{} is not what these rows say: cargo xtask {} --list writes it", list.page, list.command));
    }
    let table = if list.shown { page::screen(list, &rows, &marks) } else { page::counts(list, &rows, &marks) };
    Ok((table, wrong))
}

/// What is wrong with rows and marks: also a row that nobody has seen red, or that has nothing behind it.
fn judged(list: &List, rows: &[Row], marks: &Marks) -> Vec<String> {
    let mut wrong = rows::wrong(list, rows);
    wrong.extend(marks.stale(rows));
    wrong.extend(rows.iter().filter(|row| matches!(row.ours, Ours::Unwritten)).map(|row| format!("{}: {}", row.name, list.unwritten)));
    wrong
}

struct Wanted<'a> {
    /// Rows by their whole names (`D4`), or one entry of a row that has several (`D4-2`).
    names: Vec<&'a str>,
    /// Parts of the names of rows and tests.
    parts: Vec<&'a str>,
    /// Also what was seen before.
    all: bool,
}

impl Wanted<'_> {
    fn has(&self, row: &Row, tested: &Tested, marks: &Marks) -> bool {
        if self.names.is_empty() && self.parts.is_empty() {
            return self.all || !marks.is_fresh(row);
        }
        let is_named = |name: &&str| *name == row.name || *name == row.key();
        self.names.iter().any(is_named) || self.parts.iter().any(|part| row.name.contains(part) || tested.test.contains(part))
    }
}

/// Writes the page and prints the table, and tries nothing.
fn shown(list: &List) -> Result<Vec<String>, String> {
    let (rows, marks) = (rows::read(list)?, Marks::read(list)?);
    page::write(list, &rows, &marks)?;
    print!("{}", page::screen(list, &rows, &marks));
    Ok(judged(list, &rows, &marks))
}

fn prove(list: &List, wanted: &Wanted<'_>) -> Result<Vec<String>, String> {
    let (rows, mut marks) = (rows::read(list)?, Marks::read(list)?);
    let wrong = rows::wrong(list, &rows);
    if !wrong.is_empty() {
        return Ok(wrong);
    }
    let groups = groups(&rows, |row, tested| wanted.has(row, tested, &marks));
    if groups.is_empty() {
        println!("nothing to try: everything of that name was seen to be red without its guard");
        return shown(list);
    }
    let count: usize = groups.iter().map(|group| group.rows.len()).sum();
    println!("{count} tests behind {} guards; first all of them as they are", groups.len());
    let tree = Tree::fresh()?;
    let mut wrong = Vec::new();
    let sound = sound(&tree, &groups, &mut wrong);
    for (nth, group) in groups.iter().enumerate() {
        let rows_of_it: Vec<_> = group.rows.iter().filter(|(row, _)| sound.contains(&row.key())).collect();
        if rows_of_it.is_empty() {
            continue;
        }
        println!("{}/{}  without {}", nth + 1, groups.len(), group.guards.iter().map(Guard::shown).collect::<Vec<_>>().join(" and "));
        let without = tree.without(group.guards)?;
        let built = Tests::build(&tree, group.program, &needs_of(&group.rows));
        for (row, tested) in rows_of_it {
            let outcome = built.as_ref().map_err(|found| format!("does not build: {found}")).and_then(|tests| tests.needs_guard(tested));
            match &outcome {
                Ok(said) => println!("      red    {}  {said}", row.key()),
                Err(found) => {
                    println!("      WRONG  {}  {found}", row.key());
                    wrong.push(format!("{}: {found}", row.key()));
                }
            }
            marks.set(row, tested, outcome.ok().map(|_| day::today()));
        }
        without.put_back()?;
        // After each guard, so that nothing is lost to whoever has enough of it.
        marks.write(list, &rows)?;
        page::write(list, &rows, &marks)?;
    }
    Ok(wrong)
}

/// The rows whose test and twin pass with everything in place: of the others nothing can be shown.
fn sound(tree: &Tree, groups: &[Group<'_>], wrong: &mut Vec<String>) -> BTreeSet<String> {
    let mut sound = BTreeSet::new();
    let programs: BTreeSet<&Program> = groups.iter().map(|group| group.program).collect();
    for program in programs {
        let rows: Vec<_> = groups.iter().filter(|group| group.program == program).flat_map(|group| group.rows.iter().copied()).collect();
        let built = Tests::build(tree, program, &needs_of(&rows));
        for (row, tested) in &rows {
            let passes = |name| match &built {
                Ok(tests) => tests.passes(name).map_err(|found| format!("{name} with everything in place: {found}")),
                Err(found) => Err(format!("does not build: {found}")),
            };
            match passes(&tested.test).and_then(|()| passes(&tested.twin)) {
                Ok(()) => drop(sound.insert(row.key())),
                Err(found) => wrong.push(format!("{}: {found}", row.key())),
            }
        }
    }
    sound
}

/// What any of them needs.
fn needs_of(rows: &[(&Row, &Tested)]) -> BTreeSet<Need> {
    rows.iter().flat_map(|(_, tested)| &tested.needs).copied().collect()
}

/// Rows of one program with the same guards: each is built once.
struct Group<'a> {
    program: &'a Program,
    guards: &'a [Guard],
    rows: Vec<(&'a Row, &'a Tested)>,
}

fn groups<'a>(rows: &'a [Row], wanted: impl Fn(&Row, &Tested) -> bool) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for row in rows {
        let Some(tested) = row.tested().filter(|tested| wanted(row, tested)) else { continue };
        match groups.iter_mut().find(|group| group.guards == tested.guards && *group.program == tested.program) {
            Some(group) => group.rows.push((row, tested)),
            None => groups.push(Group { program: &tested.program, guards: &tested.guards, rows: vec![(row, tested)] }),
        }
    }
    // One file after the other: a change in the core is built again by every crate above it.
    groups.sort_by_key(|group| (group.program, &group.guards[0].file));
    groups
}

fn written_page(list: &List) -> Result<String, String> {
    let file = crate::root().join(list.page);
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
        let (_, wrong) = state(&CONFORMANCE).expect("rows and marks can be read");
        assert!(wrong.is_empty(), "{}\n(cargo xtask conformance tries what was not seen yet)", wrong.join("\n"));
    }

    #[test]
    fn every_requirement_was_seen_to_be_red_without_its_guard_as_that_is_now() {
        let (_, wrong) = state(&REQUIREMENTS).expect("rows and marks can be read");
        assert!(wrong.is_empty(), "{}\n(cargo xtask guards tries what was not seen yet)", wrong.join("\n"));
    }

    #[test]
    fn a_row_that_nobody_has_seen_red_is_an_error_and_so_is_one_with_nothing_behind_it() {
        let rows = rows::parse(
            &CONFORMANCE,
            "[[row]]\nsuite = \"s\"\n[[row]]\nsuite = \"r\"\ntest = \"t\"\ntwin = \"u\"\nguard = { file = \"f\", text = \"x\" }\n",
        );
        let wrong = judged(&CONFORMANCE, &rows.expect("rows"), &Marks::default());
        for told in ["s: not written yet", "r: never seen to be red without its guard"] {
            assert!(wrong.iter().any(|line| line == told), "{wrong:?}");
        }
    }

    #[test]
    fn rows_with_one_guard_are_one_build_of_each_program() {
        let row = |name: &str, text: &str, target: &str| {
            format!(
                "[[row]]\nrow = \"{name}\"\npackage = \"p\"\ntarget = \"{target}\"\ntest = \"t\"\ntwin = \"u\"\nguard = {{ file = \"crates/a.rs\", text = \"{text}\" }}\n"
            )
        };
        let text = [row("one", "x", "a"), row("two", "y", "a"), row("three", "x", "a"), row("four", "x", "b")].concat();
        let rows = rows::parse(&REQUIREMENTS, &text).expect("rows");
        let groups = groups(&rows, |_, _| true);
        let names: Vec<Vec<_>> = groups.iter().map(|group| group.rows.iter().map(|(row, _)| row.name.as_str()).collect()).collect();
        assert_eq!(names, [vec!["one", "three"], vec!["two"], vec!["four"]]);
    }

    #[test]
    fn a_row_is_asked_for_by_its_whole_name() {
        let rows = rows::parse(
            &REQUIREMENTS,
            "[[row]]\nrow = \"D10\"\npackage = \"p\"\ntarget = \"a\"\ntest = \"t\"\ntwin = \"u\"\nguard = { file = \"f\", text = \"x\" }\n",
        )
        .expect("rows");
        let has = |names: &[&'static str], parts: &[&'static str]| {
            let wanted = Wanted { names: names.to_vec(), parts: parts.to_vec(), all: false };
            wanted.has(&rows[0], rows[0].tested().expect("a test"), &Marks::default())
        };
        assert!(has(&[], &[]) && has(&["D10"], &[]) && has(&[], &["D1"]) && !has(&["D10-2"], &[]));
        assert!(!has(&["D1"], &[]) && !has(&[], &["D2"]));
    }
}
