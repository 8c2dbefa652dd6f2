//! `rows.toml`: the tests of the suite by their names, and what stands behind each of ours.

use std::fs;

use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

pub(super) const FILE: &str = "crates/keyfob/tests/conformance/rows.toml";

/// A test of the suite.
#[derive(Debug)]
pub(super) struct Row {
    /// The name that the suite gives it.
    pub(super) suite: String,
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
    pub(super) test: String,
    /// The test that passes all the same, without the guard as well: it was not the whole house that fell.
    pub(super) twin: String,
    pub(super) guards: Vec<Guard>,
}

/// Lines without which the test is red. Several where one rule is kept in two places, and either would do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Guard {
    pub(super) file: String,
    pub(super) text: String,
    pub(super) without: String,
}

impl Row {
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
        let mut hash = Sha256::new();
        for text in [&self.test, &self.twin].into_iter().chain(guards) {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
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

pub(super) fn read() -> Result<Vec<Row>, String> {
    let text = fs::read_to_string(crate::root().join(FILE)).map_err(|problem| format!("cannot read {FILE}: {problem}"))?;
    parse(&text)
}

pub(super) fn parse(text: &str) -> Result<Vec<Row>, String> {
    let file: Table = text.parse().map_err(|problem| format!("{FILE}: {problem}"))?;
    let rows = file.get("row").and_then(Value::as_array).ok_or_else(|| format!("{FILE} has no [[row]]"))?;
    rows.iter().map(row).collect()
}

fn row(value: &Value) -> Result<Row, String> {
    let suite = text(value, "suite").ok_or_else(|| format!("{FILE}: a row without suite: {value}"))?;
    if let Some(reason) = text(value, "exempt") {
        return Ok(Row { suite, ours: Ours::Exempt(reason) });
    }
    if ["test", "twin", "guard"].iter().all(|name| value.get(name).is_none()) {
        return Ok(Row { suite, ours: Ours::Unwritten });
    }
    let missing = |name: &str| format!("{FILE}: {suite} has no {name}");
    let guards = match value.get("guard") {
        Some(Value::Array(several)) if !several.is_empty() => several.iter().collect(),
        Some(one @ Value::Table(_)) => vec![one],
        _ => return Err(missing("guard")),
    };
    let guard = |value: &Value| {
        let needed = |name: &str| text(value, name).ok_or_else(|| missing(&format!("guard.{name}")));
        Ok(Guard { file: needed("file")?, text: needed("text")?, without: text(value, "without").unwrap_or_default() })
    };
    let tested = Tested {
        test: text(value, "test").ok_or_else(|| missing("test"))?,
        twin: text(value, "twin").ok_or_else(|| missing("twin"))?,
        guards: guards.into_iter().map(guard).collect::<Result<_, String>>()?,
    };
    Ok(Row { suite, ours: Ours::Tested(tested) })
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// What is wrong with rows before anything is built: a guard that is not there (any more), or in two places.
pub(super) fn wrong(rows: &[Row]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (row, tested) in rows.iter().filter_map(|row| Some((row, row.tested()?))) {
        for guard in &tested.guards {
            let source = fs::read_to_string(crate::root().join(&guard.file)).unwrap_or_default();
            match source.matches(guard.text.as_str()).count() {
                1 if guard.file.starts_with("crates/") && guard.text != guard.without => {}
                found => {
                    wrong.push(format!("{}: its guard must be in its file, once, and is there {found} times: {}", row.suite, guard.shown()))
                }
            }
        }
        if tested.test == tested.twin {
            wrong.push(format!("{}: a test is not its own twin", row.suite));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "[[row]]\nsuite = \"s\"\ntest = \"t\"\ntwin = \"u\"\nguard = { file = \"crates/none.rs\", text = \"x\" }\n";

    fn fingerprint(text: &str) -> String {
        parse(text).expect("rows")[0].tested().expect("a test").fingerprint()
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
        let wrong = wrong(&parse(ROW).expect("rows"));
        assert!(wrong.len() == 1 && wrong[0].contains("0 times"), "{wrong:?}");
    }

    #[test]
    fn what_is_missing_is_named() {
        for name in ["test", "twin", "guard"] {
            let without: String = ROW.lines().filter(|line| !line.starts_with(name)).map(|line| format!("{line}\n")).collect();
            let problem = parse(&without).expect_err("it is missing");
            assert!(problem.contains(&format!("s has no {name}")), "{problem}");
        }
        assert!(matches!(parse("[[row]]\nsuite = \"s\"\nexempt = \"why\"").expect("rows")[0].ours, Ours::Exempt(_)));
        assert!(matches!(parse("[[row]]\nsuite = \"s\"\n").expect("rows")[0].ours, Ours::Unwritten));
    }
}
