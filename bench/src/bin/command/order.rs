//! What a call runs, written down for the linker, who puts it together: `crates/keyfob-cli/order.ld`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::house::House;

/// What the file says of itself.
const HEAD: &str = "/* What one call of the program runs, to lie together (build.rs). Written by
     cargo rustc --profile dist -p keyfob-cli --bin keyfob -- -C strip=none
     KEYFOB_PROGRAM=target/dist/keyfob cargo run --release -p keyfob-bench --bin command -- order
   for which valgrind and nm are wanted. A name that is not there any more does no harm, one that is new lies elsewhere: write it anew when much has changed.
   A * stands for the hash that a compiler puts into a name, and that another version of any crate changes. Where a name without it means others, too, the whole one
   is tried first. */
";

/// Runs each verb that is started again and again under callgrind, and writes what they ran.
pub(crate) fn write(house: &House, keyfob: &Path, origin: &str) {
    let url = format!("{origin}/things");
    let calls: &[&[&str]] = &[
        &["--version"],
        &["token", "bearer"],
        &["get", "hub", "/things"],
        &["get", "bearer", "/things"],
        &["header", "GET", &url, "--account", "hub"],
        &["status"],
        &["--help"],
        &["provider", "list"],
    ];
    let mut used = BTreeMap::<String, usize>::new();
    for call in calls {
        for name in run(house, keyfob, call) {
            *used.entry(name).or_default() += 1;
        }
    }
    let script = script(&used, &functions(keyfob));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/keyfob-cli/order.ld");
    std::fs::write(&path, script).expect("it can be written");
    println!("{} functions of {} calls: {}", used.len(), calls.len(), path.display());
}

/// The program's own functions that a call runs.
fn run(house: &House, keyfob: &Path, call: &[&str]) -> BTreeSet<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let written = folder.path().join("callgrind");
    let status = house.watched(&written, call).stdin(Stdio::null()).stdout(Stdio::null()).status().expect("valgrind is installed");
    assert!(status.success(), "{call:?}: {status}");
    let written = std::fs::read_to_string(written).expect("callgrind wrote it");
    let program = keyfob.file_name().expect("the program has a name").to_string_lossy();
    of_callgrind(&written, &program)
}

/// The functions of an object in callgrind's format: each name is said once, and is a number afterwards, as is each object.
fn of_callgrind(written: &str, program: &str) -> BTreeSet<String> {
    let mut names = HashMap::new();
    let mut objects = HashMap::new();
    let (mut found, mut is_ours) = (BTreeSet::new(), false);
    for line in written.lines() {
        let Some((what, rest)) = line.split_once("=(") else { continue };
        let Some((number, name)) = rest.split_once(')') else { continue };
        let name = name.trim();
        let known = match what {
            "fn" | "cfn" => &mut names,
            "ob" | "cob" => &mut objects,
            _ => continue,
        };
        if !name.is_empty() {
            known.insert(number, name);
        }
        let name = known.get(number).copied().unwrap_or_default();
        match what {
            "ob" => is_ours = Path::new(name).file_name().is_some_and(|name| name == program),
            // A function that calls itself has a number behind its name.
            "fn" if is_ours => drop(found.insert(name.split('\'').next().unwrap_or(name).to_owned())),
            _ => {}
        }
    }
    found
}

/// All functions of the program.
fn functions(keyfob: &Path) -> BTreeSet<String> {
    let output = Command::new("nm").arg("--defined-only").arg(keyfob).output().expect("nm is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let symbols = text.lines().filter_map(|line| match line.split(' ').collect::<Vec<_>>().as_slice() {
        [_, "t" | "T" | "w" | "W", name] => Some((*name).to_owned()),
        _ => None,
    });
    let all: BTreeSet<String> = symbols.collect();
    assert!(!all.is_empty(), "{} has no names: build it with -C strip=none", keyfob.display());
    all
}

/// Those that most calls run come first.
fn script(used: &BTreeMap<String, usize>, all: &BTreeSet<String>) -> String {
    let mut others = BTreeMap::<String, bool>::new();
    for name in all {
        *others.entry(shape(name)).or_default() |= !used.contains_key(name);
    }
    let mut used: Vec<_> = used.iter().filter(|(name, _)| all.contains(*name)).collect();
    used.sort_by_key(|(_, calls)| std::cmp::Reverse(**calls));
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for (name, _) in used {
        let shape = shape(name);
        if others[&shape] {
            first.push(name.clone());
            then.push(shape);
        } else {
            first.push(shape);
        }
    }
    let mut script = format!("{HEAD}SECTIONS {{\n  .text : {{\n");
    let mut told = BTreeSet::new();
    for name in first.iter().chain(&then).filter(|name| told.insert(*name)) {
        let _ = writeln!(script, "    *(.text.{name} .text.hot.{name} .text.unlikely.{name})");
    }
    // What else is run often, where the compiler was told so (`cargo xtask dist`): the web app.
    script.push_str("    *(.text.hot .text.hot.*)\n  }\n}\nINSERT AFTER .init;\n");
    script
}

/// A function's name as a pattern, without what the compiler hashed: `17h0123456789abcdefE` at its end, or in the newer form `Cs1a2B3c_` before the name of each crate.
fn shape(name: &str) -> String {
    if let Some(at) = name.rfind("17h").filter(|at| name.get(at + 19..).is_some_and(|rest| rest.starts_with('E'))) {
        return format!("{}17h*{}", &name[..at], &name[at + 19..]);
    }
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    let mut parts = name.split("Cs");
    let mut shape = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('_') {
            Some((hash, rest)) if hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                let _ = write!(shape, "Cs*_{rest}");
            }
            _ => {
                let _ = write!(shape, "Cs{part}");
            }
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_left_out_of_a_name() {
        assert_eq!(shape("_ZN4toml2de5parse17h0123456789abcdefE"), "_ZN4toml2de5parse17h*E");
        assert_eq!(shape("_ZN4toml2de5parse17h0123456789abcdefE.llvm.1"), "_ZN4toml2de5parse17h*E.llvm.1");
        assert_eq!(shape("_RNvNtCsjrHSEGnQ3l9_3std4pathNtB5_10Components"), "_RNvNtCs*_3std4pathNtB5_10Components");
        assert_eq!(shape("sqlite3_open_v2"), "sqlite3_open_v2");
    }

    #[test]
    fn functions_are_read_as_callgrind_writes_them() {
        let written = "ob=(1) /lib/libc.so.6\nfn=(1) malloc\n1 2\ncob=(2) /bin/keyfob\ncfn=(3) called\nob=(2)\nfn=(2) main\nfn=(3)\nfn=(4) again'2\nob=(1)\nfn=(5) free\n";
        assert_eq!(of_callgrind(written, "keyfob"), ["again", "called", "main"].map(str::to_owned).into());
    }

    #[test]
    fn where_a_name_means_others_too_the_whole_one_is_tried_first() {
        let [one, two, three] = ["a17h0000000000000001E", "a17h0000000000000002E", "b17h0000000000000003E"].map(str::to_owned);
        let used = BTreeMap::from([(one.clone(), 1), (three.clone(), 2)]);
        let script = script(&used, &BTreeSet::from([one, two, three]));
        let names: Vec<_> = script.lines().filter_map(|line| line.trim().strip_prefix("*(.text.")?.split(' ').next()).collect();
        // What else is often run comes behind them.
        assert_eq!(names, ["b17h*E", "a17h0000000000000001E", "a17h*E", "hot"]);
    }
}
