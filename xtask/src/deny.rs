//! What may be depended on, by the lists of `deny.toml`: licences, crates, second versions, sources. cargo-deny reads the same file and does this and
//! more, but takes minutes to build; this takes a second, and is run by everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use toml::{Table, Value};

/// What is against the lists.
pub(crate) fn wrong() -> Result<Vec<String>, String> {
    let rules = Rules::read(&read("deny.toml")?)?;
    // Not `cargo metadata`: it lists crates that no feature in use asks for. Not offline: on a fresh machine, what only an optional feature needs is not there.
    let mut command = crate::cargo();
    command.args(["tree", "--workspace", "--all-features", "--locked", "--edges", "normal,build,dev"]);
    let output = command.args(["--prefix", "none", "--format", "{p}|{l}"]).output();
    let output = output.map_err(|problem| format!("cannot run cargo tree: {problem}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let crates: BTreeSet<Crate> = String::from_utf8_lossy(&output.stdout).lines().filter_map(Crate::read).collect();
    let mut wrong = rules.judge(&crates);
    for lock in ["Cargo.lock", "fuzz/Cargo.lock", "bench/peers/crates/Cargo.lock"] {
        wrong.extend(rules.judge_sources(lock, &read(lock)?)?);
    }
    Ok(wrong)
}

/// Whether an advisory stands against what is in `Cargo.lock`: asked of the advisory database, where cargo-deny is there and can fetch it.
pub(crate) fn advisories() -> Result<Command, String> {
    let deny = |arguments: &[&str]| {
        let mut command = crate::cargo();
        command.arg("deny").args(arguments);
        command
    };
    let fetched = deny(&["fetch", "db"]).output();
    if !fetched.is_ok_and(|output| output.status.success()) {
        return Err(
            "the advisory database: cargo-deny is not there or cannot fetch it (cargo install cargo-deny --locked); skips advisories"
                .to_owned(),
        );
    }
    Ok(deny(&["check", "--disable-fetch", "advisories"]))
}

/// A crate in use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    licence: String,
}

impl Crate {
    /// `name v1.2.3 (/path)|MIT OR Apache-2.0`, and ` (*)` where it was listed before.
    fn read(line: &str) -> Option<Self> {
        let (package, licence) = line.trim_end_matches(" (*)").rsplit_once('|')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some(Self { name: name.to_owned(), version: version.to_owned(), licence: licence.to_owned() })
    }
}

struct Rules {
    licences: BTreeSet<String>,
    /// Name and reason.
    banned: BTreeMap<String, String>,
    /// Name, the first version that may be used, and why not one before.
    floors: Vec<(String, String, String)>,
    /// Name and the beginning of the version that may be a second one.
    skipped: Vec<(String, String)>,
    registries: BTreeSet<String>,
}

impl Rules {
    fn read(text: &str) -> Result<Self, String> {
        let file: Table = text.parse().map_err(|problem| format!("deny.toml: {problem}"))?;
        let list = |table: &str, name: &str| -> Result<Vec<Value>, String> {
            let list = file.get(table).and_then(|table| table.get(name)).and_then(Value::as_array);
            list.cloned().ok_or_else(|| format!("deny.toml has no list {name} in [{table}]"))
        };
        let texts = |list: Vec<Value>| list.into_iter().filter_map(|text| text.as_str().map(str::to_owned)).collect();
        let member = |entry: &Value, name: &str| {
            entry.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("deny.toml: {entry} has no {name}"))
        };
        let (from_version, always): (Vec<Value>, Vec<Value>) =
            list("bans", "deny")?.into_iter().partition(|entry| entry.get("crate").is_some());
        let banned = always.into_iter().map(|entry| Ok((member(&entry, "name")?, member(&entry, "reason")?)));
        let floors = from_version.into_iter().map(|entry| {
            let spec = member(&entry, "crate")?;
            let (name, floor) = spec
                .split_once("@<")
                .filter(|(_, floor)| number(floor).is_some())
                .ok_or_else(|| format!("deny.toml: \"{spec}\" is no name and version below which it is denied, such as \"h2@<0.4.16\""))?;
            Ok((name.to_owned(), floor.to_owned(), member(&entry, "reason")?))
        });
        let skipped = list("bans", "skip")?;
        let skipped = skipped.iter().map(|entry| {
            member(entry, "reason")?;
            let name = member(entry, "crate")?;
            let (name, version) = name.split_once('@').ok_or_else(|| format!("deny.toml: {name} has no version"))?;
            Ok((name.to_owned(), version.to_owned()))
        });
        Ok(Self {
            licences: texts(list("licenses", "allow")?),
            banned: banned.collect::<Result<_, String>>()?,
            floors: floors.collect::<Result<_, String>>()?,
            skipped: skipped.collect::<Result<_, String>>()?,
            registries: texts(list("sources", "allow-registry")?),
        })
    }

    fn judge(&self, crates: &BTreeSet<Crate>) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut used = BTreeSet::new();
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for Crate { name, version, licence } in crates {
            if let Some(reason) = self.banned.get(name) {
                wrong.push(format!("{name} is not allowed: {reason}"));
            }
            for (_, floor, reason) in self.floors.iter().filter(|(denied, ..)| denied == name) {
                if number(version) < number(floor) {
                    wrong.push(format!("{name} {version} is not allowed, from {floor} on it is: {reason}"));
                }
            }
            if !allowed(licence, &self.licences) {
                wrong.push(format!("the licence of {name} {version} is not allowed: \"{licence}\""));
            }
            match self.skipped.iter().find(|(skipped, begin)| skipped == name && begins(version, begin)) {
                Some(skip) => drop(used.insert(skip)),
                None => versions.entry(name).or_default().push(version),
            }
        }
        for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
            wrong.push(format!("{name} is there more than once: {}", versions.join(", ")));
        }
        for (name, version) in self.skipped.iter().filter(|skip| !used.contains(skip)) {
            wrong.push(format!("{name}@{version} is no second version any more: take it off the list in deny.toml"));
        }
        wrong
    }

    fn judge_sources(&self, name: &str, lock: &str) -> Result<Vec<String>, String> {
        let lock: Table = lock.parse().map_err(|problem| format!("{name}: {problem}"))?;
        let packages = lock.get("package").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let sources: BTreeSet<&str> = packages.iter().filter_map(|package| package.get("source")?.as_str()).collect();
        let known = |source: &str| source.strip_prefix("registry+").is_some_and(|registry| self.registries.contains(registry));
        Ok(sources.into_iter().filter(|source| !known(source)).map(|source| format!("{name}: a crate from {source}")).collect())
    }
}

/// `0.22` is the beginning of `0.22.1`, and not of `0.2.2`.
fn begins(version: &str, begin: &str) -> bool {
    version.strip_prefix(begin).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A version as three numbers, to be compared; what stands behind them (`-rc.1`, `+build`) counts for nothing. `None` for what is no version.
fn number(version: &str) -> Option<[u64; 3]> {
    let plain = version.split(['-', '+']).next()?;
    let mut parts = plain.split('.').map(|part| part.parse().ok());
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// Whether an expression (SPDX, or with `/` for OR, as old manifests have it) holds when only these licences do.
fn allowed(expression: &str, licences: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    // Both sides are read to the end, whatever the first one says.
    fn any(rest: &mut &[&str], licences: &BTreeSet<String>) -> bool {
        let mut holds = all(rest, licences);
        while let ["OR", more @ ..] = *rest {
            *rest = more;
            holds |= all(rest, licences);
        }
        holds
    }
    fn all(rest: &mut &[&str], licences: &BTreeSet<String>) -> bool {
        let mut holds = one(rest, licences);
        while let ["AND", more @ ..] = *rest {
            *rest = more;
            holds &= one(rest, licences);
        }
        holds
    }
    fn one(rest: &mut &[&str], licences: &BTreeSet<String>) -> bool {
        match *rest {
            ["(", more @ ..] => {
                *rest = more;
                let holds = any(rest, licences);
                let closed = rest.first() == Some(&")");
                *rest = rest.get(1..).unwrap_or_default();
                holds && closed
            }
            [name, "WITH", exception, more @ ..] => {
                *rest = more;
                licences.contains(&format!("{name} WITH {exception}"))
            }
            [name, more @ ..] => {
                *rest = more;
                licences.contains(*name)
            }
            [] => false,
        }
    }
    any(&mut rest, licences) && rest.is_empty()
}

fn read(file: &str) -> Result<String, String> {
    fs::read_to_string(crate::root().join(file)).map_err(|problem| format!("cannot read {file}: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m1_what_is_depended_on_is_allowed() {
        assert_eq!(wrong(), Ok(Vec::new()));
    }

    /// RFC 8252 §8.12. What is linked is held against the same list by the test above.
    #[test]
    fn a21_no_embedded_view_may_be_linked_that_a_login_could_open_in() {
        let rules = Rules::read(&read("deny.toml").expect("our own")).expect("rules");
        for view in ["cef", "servo", "tao", "tauri", "web-view", "webkit2gtk", "webview2-com", "wry"] {
            let found = rules.judge(&Crate::read(&format!("{view} v0.1.0|MIT")).into_iter().collect());
            assert!(found.iter().any(|wrong| wrong.starts_with(&format!("{view} is not allowed"))), "{view}: {found:?}");
        }
    }

    #[test]
    fn expressions_are_read_as_they_are_meant() {
        let licences = ["MIT", "ISC"].map(str::to_owned).into();
        for good in
            ["MIT", "MIT OR GPL-3.0", "GPL-3.0/MIT", "GPL-3.0 OR ISC AND MIT", "(MIT OR GPL-3.0) AND ISC", "MIT AND (ISC OR A WITH B)"]
        {
            assert!(allowed(good, &licences), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT WITH X", "(MIT OR ISC) AND GPL-3.0", "(MIT", "MIT)", "MIT ISC", "OR MIT"] {
            assert!(!allowed(bad, &licences), "{bad}");
        }
    }

    #[test]
    fn m1_what_is_against_the_lists_is_found() {
        let rules = Rules::read(
            r#"
            licenses.allow = ["MIT"]
            bans.deny = [{ name = "bad", reason = "why" }, { crate = "holey@<0.10.2", reason = "a hole" }]
            bans.skip = [{ crate = "old@0.1", reason = "r" }, { crate = "gone@1", reason = "r" }]
            sources.allow-registry = ["https://a.example/index"]
            "#,
        )
        .expect("rules");
        let tree = "ours v1.0.0 (/ours)|MIT\nbad v1.0.0|MIT\nholey v0.9.9|MIT\nholey-too v0.1.0|MIT\ntwice v1.0.0|MIT\ntwice v2.0.0|MIT (*)\nold v0.1.5|MIT\nold v0.2.0|MIT\nold v0.10.0|MIT\nfree v1.0.0|GPL-3.0\n\n";
        let found = rules.judge(&tree.lines().filter_map(Crate::read).collect());
        assert_eq!(
            found,
            [
                "bad is not allowed: why",
                "the licence of free 1.0.0 is not allowed: \"GPL-3.0\"",
                "holey 0.9.9 is not allowed, from 0.10.2 on it is: a hole",
                "old is there more than once: 0.10.0, 0.2.0",
                "twice is there more than once: 1.0.0, 2.0.0",
                "gone@1 is no second version any more: take it off the list in deny.toml",
            ]
        );
        let lock = "package = [{ name = \"ours\" }, { name = \"a\", source = \"registry+https://a.example/index\" }, { name = \"b\", source = \"git+https://b.example\" }]";
        assert_eq!(rules.judge_sources("Cargo.lock", lock), Ok(vec!["Cargo.lock: a crate from git+https://b.example".to_owned()]));
        assert!(Rules::read("bans.deny = []").is_err());
        assert!(number("0.10.2") < number("0.103.0") && number("1.0.0-rc.1") == number("1.0.0"));
        for wrong in ["1", "1.0", "1.0.0.0", "a.b.c", ""] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}
