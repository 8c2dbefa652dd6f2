//! `rows.toml`: tests of the suite, or requirements, by their names, and what stands behind each of ours.

use std::collections::BTreeSet;
use std::fs;

use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

use super::list::List;
use super::needs::Need;
pub(super) use super::program::Program;

/// A test of the suite, or a requirement.
#[derive(Debug)]
pub(super) struct Row {
    /// The name that the suite, or the page of the requirements, gives it.
    pub(super) name: String,
    /// Which of the entries of this name it is, from 1 on: what a row says may hang on several lines, and each has a test that sees it.
    pub(super) nth: usize,
    pub(super) ours: Ours,
}

#[derive(Debug)]
pub(super) enum Ours {
    Tested(Tested),
    /// Why there is none.
    Exempt(String),
    /// Not written yet.
    Unwritten,
}

/// Our test, and how one sees that it can fail.
#[derive(Debug)]
pub(super) struct Tested {
    pub(super) program: Program,
    pub(super) test: String,
    /// The test that passes all the same, without the guard as well: it was not the whole house that fell.
    pub(super) twin: String,
    pub(super) guards: Vec<Guard>,
    /// What both tests need beside their program.
    pub(super) needs: BTreeSet<Need>,
}

/// Lines without which the test is red. Several where one rule is kept in two places, and either would do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Guard {
    pub(super) file: String,
    pub(super) text: String,
    pub(super) without: String,
}

impl Row {
    /// Its own among all entries: the name, with the number behind it from the second on.
    pub(super) fn key(&self) -> String {
        if self.nth == 1 { self.name.clone() } else { format!("{}-{}", self.name, self.nth) }
    }

    pub(super) fn tested(&self) -> Option<&Tested> {
        match &self.ours {
            Ours::Tested(tested) => Some(tested),
            Ours::Exempt(_) | Ours::Unwritten => None,
        }
    }
}

impl Tested {
    /// Changes with anything that was looked at.
    pub(super) fn fingerprint(&self) -> String {
        let guards = self.guards.iter().flat_map(|guard| [&guard.file, &guard.text, &guard.without]);
        hash([&self.test, &self.twin].into_iter().chain(guards))
    }

    /// Changes with any line of the files that the test and its guards are in.
    pub(super) fn files(&self) -> String {
        let guards = self.guards.iter().map(|guard| fs::read_to_string(crate::root().join(&guard.file)).unwrap_or_default());
        hash(self.program.sources_with(&self.test).chain(guards).collect::<Vec<_>>().iter())
    }
}

impl Guard {
    /// On one line, for people.
    pub(super) fn shown(&self) -> String {
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let file = self.file.strip_prefix("crates/").unwrap_or(&self.file);
        match text.char_indices().nth(90) {
            Some((end, _)) => format!("{file}: {}…", &text[..end]),
            None => format!("{file}: {text}"),
        }
    }
}

fn hash<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn read(list: &List) -> Result<Vec<Row>, String> {
    let text = fs::read_to_string(crate::root().join(list.rows)).map_err(|problem| format!("cannot read {}: {problem}", list.rows))?;
    parse(list, &text)
}

pub(super) fn parse(list: &List, text: &str) -> Result<Vec<Row>, String> {
    let file: Table = text.parse().map_err(|problem| format!("{}: {problem}", list.rows))?;
    let rows = file.get("row").and_then(Value::as_array).ok_or_else(|| format!("{} has no [[row]]", list.rows))?;
    let mut parsed: Vec<Row> = Vec::new();
    for value in rows {
        let mut row = row(list, value)?;
        row.nth += parsed.iter().filter(|before| before.name == row.name).count();
        parsed.push(row);
    }
    Ok(parsed)
}

fn row(list: &List, value: &Value) -> Result<Row, String> {
    let name = text(value, list.key).ok_or_else(|| format!("{}: a row without {}: {value}", list.rows, list.key))?;
    if let Some(reason) = text(value, "exempt") {
        return Ok(Row { name, nth: 1, ours: Ours::Exempt(reason) });
    }
    if ["test", "twin", "guard"].iter().all(|key| value.get(key).is_none()) {
        return Ok(Row { name, nth: 1, ours: Ours::Unwritten });
    }
    let missing = |key: &str| format!("{}: {name} has no {key}", list.rows);
    let guards = match value.get("guard") {
        Some(Value::Array(several)) if !several.is_empty() => several.iter().collect(),
        Some(one @ Value::Table(_)) => vec![one],
        _ => return Err(missing("guard")),
    };
    let guard = |value: &Value| {
        let needed = |name: &str| text(value, name).ok_or_else(|| missing(&format!("guard.{name}")));
        Ok(Guard { file: needed("file")?, text: needed("text")?, without: text(value, "without").unwrap_or_default() })
    };
    let own = text(value, "package").zip(text(value, "target")).map(|(package, target)| Program { package, target });
    let tested = Tested {
        program: own.or_else(|| list.program()).ok_or_else(|| missing("package and target"))?,
        test: text(value, "test").ok_or_else(|| missing("test"))?,
        twin: text(value, "twin").ok_or_else(|| missing("twin"))?,
        guards: guards.into_iter().map(guard).collect::<Result<_, String>>()?,
        needs: needs(value).map_err(|unknown| format!("{}: {name} needs {unknown}, which is nothing that is known", list.rows))?,
    };
    Ok(Row { name, nth: 1, ours: Ours::Tested(tested) })
}

fn needs(value: &Value) -> Result<BTreeSet<Need>, String> {
    let named = value.get("needs").and_then(Value::as_array).into_iter().flatten();
    named.map(|name| name.as_str().and_then(Need::read).ok_or_else(|| name.to_string())).collect()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// What is wrong with rows before anything is built: a guard that is not there (any more), or in two places; a test that is not there.
pub(super) fn wrong(list: &List, rows: &[Row]) -> Vec<String> {
    let mut wrong = list.missing(rows);
    wrong.extend(rows.iter().enumerate().filter_map(|(at, row)| misplaced(list, &rows[..at], row)));
    for (row, tested) in rows.iter().filter_map(|row| Some((row, row.tested()?))) {
        for guard in &tested.guards {
            let source = fs::read_to_string(crate::root().join(&guard.file)).unwrap_or_default();
            match source.matches(guard.text.as_str()).count() {
                1 if !is_test(&guard.file) && guard.text != guard.without => {}
                found => {
                    wrong.push(format!("{}: its guard must be in its file, once, and is there {found} times: {}", row.key(), guard.shown()))
                }
            }
        }
        if tested.test == tested.twin {
            wrong.push(format!("{}: a test is not its own twin", row.key()));
        }
        for name in [&tested.test, &tested.twin] {
            if tested.program.sources_with(name).next().is_none() {
                wrong.push(format!("{}: {} has no test {name}", row.key(), tested.program));
            }
        }
    }
    wrong
}

/// Entries of one row follow one another, and each is another pair of test and guard; what is exempt, or not written, has one.
fn misplaced(list: &List, before: &[Row], row: &Row) -> Option<String> {
    let mut same = before.iter().filter(|other| other.name == row.name).peekable();
    same.peek()?;
    let apart = before.last().is_some_and(|last| last.name != row.name);
    let is_another = |other: &Row| other.tested().zip(row.tested()).is_some_and(|(other, this)| other.fingerprint() != this.fingerprint());
    let twice = !same.all(is_another);
    (apart || twice).then(|| format!("{} stands twice in {}", row.name, list.rows))
}

/// A guard is never in what tests alone have: that would only show that the test can be broken.
fn is_test(file: &str) -> bool {
    file.contains("/tests/") || ["e2e/", "interop/", "testbed/", "torture/"].iter().any(|folder| file.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::super::list::CONFORMANCE;
    use super::*;

    const ROW: &str = "[[row]]\nsuite = \"s\"\ntest = \"t\"\ntwin = \"u\"\nguard = { file = \"crates/none.rs\", text = \"x\" }\n";

    fn fingerprint(text: &str) -> String {
        parse(&CONFORMANCE, text).expect("rows")[0].tested().expect("a test").fingerprint()
    }

    #[test]
    fn a_fingerprint_changes_with_whatever_was_looked_at() {
        let before = fingerprint(ROW);
        assert_eq!(before.len(), 16);
        for (of, to) in
            [("\"t\"", "\"t2\""), ("\"u\"", "\"u2\""), ("none.rs", "nobody.rs"), ("\"x\"", "\"y\""), ("\"x\"", "\"x\", without = \"y\"")]
        {
            assert_ne!(fingerprint(&ROW.replace(of, to)), before, "{to}");
        }
        let several = ROW.replace("guard = {", "guard = [{ file = \"crates/none.rs\", text = \"z\" }, {").replace(" }\n", " }]\n");
        assert_ne!(fingerprint(&several), before);
    }

    #[test]
    fn a_guard_that_is_gone_is_told() {
        let wrong = wrong(&CONFORMANCE, &parse(&CONFORMANCE, ROW).expect("rows"));
        assert!(wrong.len() == 3 && wrong[0].contains("0 times") && wrong[2].contains("has no test u"), "{wrong:?}");
    }

    #[test]
    fn a_row_has_as_many_entries_as_there_are_lines_it_hangs_on() {
        let twice = |more: &str| {
            let rows = parse(&CONFORMANCE, &format!("{ROW}{more}")).expect("rows");
            let keys: Vec<_> = rows.iter().map(Row::key).collect();
            (keys, wrong(&CONFORMANCE, &rows).iter().any(|line| line == &format!("s stands twice in {}", CONFORMANCE.rows)))
        };
        let (other, apart) = (ROW.replace("\"x\"", "\"y\""), ROW.replace("\"s\"", "\"r\""));
        assert_eq!(twice(&other), (vec!["s".to_owned(), "s-2".to_owned()], false));
        assert!(twice(ROW).1, "the same once more");
        assert!(twice("[[row]]\nsuite = \"s\"\nexempt = \"why\"\n").1, "tested, and exempt");
        assert_eq!(twice(&format!("{apart}{other}")), (vec!["s".to_owned(), "r".to_owned(), "s-2".to_owned()], true));
    }

    #[test]
    fn what_a_test_needs_is_one_of_the_things_that_are_known() {
        let needs = |list: &str| parse(&CONFORMANCE, &format!("{ROW}needs = {list}\n"));
        let tested = |list: &str| needs(list).expect("rows")[0].tested().expect("a test").needs.iter().copied().collect::<Vec<_>>();
        assert_eq!(tested(r#"["peers", "command"]"#), [Need::Command, Need::Peers]);
        assert_eq!(tested("[]"), []);
        assert!(needs(r#"["the moon"]"#).is_err_and(|problem| problem.contains("the moon")));
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in ["test", "twin", "guard"] {
            let without: String = ROW.lines().filter(|line| !line.starts_with(name)).map(|line| format!("{line}\n")).collect();
            let problem = parse(&CONFORMANCE, &without).expect_err("it is missing");
            assert!(problem.contains(&format!("s has no {name}")), "{problem}");
        }
        assert!(matches!(parse(&CONFORMANCE, "[[row]]\nsuite = \"s\"\nexempt = \"why\"").expect("rows")[0].ours, Ours::Exempt(_)));
        assert!(matches!(parse(&CONFORMANCE, "[[row]]\nsuite = \"s\"\n").expect("rows")[0].ours, Ours::Unwritten));
    }
}
