//! A program of tests: a package, and a target of it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Program {
    pub(super) package: String,
    /// A file or folder in its `tests`; `lib` or `bin` are the tests beside the code.
    pub(super) target: String,
}

impl Program {
    /// What cargo is told to build.
    pub(super) fn arguments(&self) -> Vec<&str> {
        match self.target.as_str() {
            "lib" => vec!["-p", &self.package, "--lib"],
            "bin" => vec!["-p", &self.package, "--bins"],
            target => vec!["-p", &self.package, "--test", target],
        }
    }

    /// Below the root: the crates are in a folder of their own, what tests all of them is beside it.
    pub(super) fn folder(&self) -> PathBuf {
        let crates = Path::new("crates").join(&self.package);
        let beside = Path::new(self.package.strip_prefix("keyfob-").unwrap_or(&self.package));
        if crate::root().join(&crates).is_dir() { crates } else { beside.to_path_buf() }
    }

    /// The sources that a test of this name is in: one, but for names that stand in several modules.
    pub(super) fn sources_with(&self, test: &str) -> impl Iterator<Item = String> {
        let name = test.rsplit("::").next().unwrap_or(test);
        // With arguments it is no test. One that several stores have to pass stands in a table of names and functions.
        let (there, listed) = (format!("fn {name}()"), format!(" {name} => "));
        let is_there = move |text: &String| text.contains(&there) || text.contains(&listed);
        self.sources().into_iter().filter_map(|file| fs::read_to_string(file).ok()).filter(is_there)
    }

    fn sources(&self) -> Vec<PathBuf> {
        let folder = crate::root().join(self.folder());
        match self.target.as_str() {
            "lib" | "bin" => below(&folder.join("src")),
            target => {
                let tests = folder.join("tests");
                let file = tests.join(format!("{target}.rs"));
                let own = if file.is_file() { vec![file] } else { below(&tests.join(target)) };
                // What programs of tests have in common is part of each.
                own.into_iter().chain(below(&tests.join("common"))).collect()
            }
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package, self.target)
    }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    // A folder is read in no order, and fingerprints are made of what is found.
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(package: &str, target: &str) -> Program {
        Program { package: package.to_owned(), target: target.to_owned() }
    }

    #[test]
    fn a_test_is_found_in_its_program_and_in_no_other() {
        let here = program("xtask", "bin");
        assert_eq!(here.sources_with("program::tests::a_test_is_found_in_its_program_and_in_no_other").count(), 1);
        assert_eq!(program("keyfob-store", "contract").sources_with("vault::a4_a_login_is_handed_out_once").count(), 1, "of a table");
        assert_eq!(program("xtask", "facts").sources_with("a_test_is_found_in_its_program_and_in_no_other").count(), 0);
        assert_eq!(program("keyfob", "lib").folder(), Path::new("crates/keyfob"));
        assert_eq!(program("keyfob-e2e", "web").folder(), Path::new("e2e"));
    }

    #[test]
    fn cargo_is_told_the_one_program() {
        assert_eq!(program("keyfob", "tls").arguments(), ["-p", "keyfob", "--test", "tls"]);
        assert_eq!(program("keyfob", "lib").arguments(), ["-p", "keyfob", "--lib"]);
        assert_eq!(program("keyfob-cli", "bin").arguments(), ["-p", "keyfob-cli", "--bins"]);
    }
}
