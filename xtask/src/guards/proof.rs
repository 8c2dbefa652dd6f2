//! Building the tests of the copy, and running them one at a time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::needs::{self, Environment, Need};
use super::rows::{Program, Tested};
use super::tree::{self, Tree};

/// Without its guard a test may also wait for ever, which says nothing. Far more than the slowest of them needs.
const LONGEST: Duration = Duration::from_secs(300);

/// The tests of the copy as it was when they were built.
pub(super) struct Tests {
    program: PathBuf,
    names: Vec<String>,
    folder: PathBuf,
    environment: Environment,
    /// What was run already: many rows share a twin.
    known: RefCell<BTreeMap<String, Result<Outcome, String>>>,
}

impl Tests {
    /// Builds them, and what they need.
    pub(super) fn build(tree: &Tree, of: &Program, needs: &BTreeSet<Need>) -> Result<Self, String> {
        // One target is built as tests; what they start may be built beside it.
        let is_ours = |message: &Value| message["profile"]["test"] == true;
        let program = built(tree, &[&["test"], &of.arguments()[..], &["--no-run"]].concat(), is_ours)?;
        let environment = needs::provide(needs, tree)?;
        let folder = tree.root().join(of.folder());
        let listed = Command::new(&program).current_dir(&folder).args(["--list", "--format", "terse"]).output();
        let listed = listed.map_err(|problem| format!("cannot run {}: {problem}", program.display()))?;
        let names =
            String::from_utf8_lossy(&listed.stdout).lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect();
        Ok(Self { program, names, folder, environment, known: RefCell::default() })
    }

    /// That the test fails and its twin does not; gives what the test said.
    pub(super) fn needs_guard(&self, tested: &Tested) -> Result<String, String> {
        let said = match self.run(&tested.test)? {
            Outcome::Failed(said) => said,
            Outcome::Passed => return Err(format!("{} passes all the same", tested.test)),
        };
        self.passes(&tested.twin).map_err(|found| format!("the twin {}: {found}", tested.twin))?;
        Ok(said)
    }

    pub(super) fn passes(&self, name: &str) -> Result<(), String> {
        match self.run(name)? {
            Outcome::Passed => Ok(()),
            Outcome::Failed(said) => Err(format!("fails: {said}")),
        }
    }

    fn run(&self, name: &str) -> Result<Outcome, String> {
        if let Some(known) = self.known.borrow().get(name) {
            return known.clone();
        }
        let outcome = self.run_once(name);
        self.known.borrow_mut().insert(name.to_owned(), outcome.clone());
        outcome
    }

    fn run_once(&self, name: &str) -> Result<Outcome, String> {
        let full = self.full(name)?;
        let log = tree::folder().join("test.log");
        let file = File::create(&log).map_err(|problem| format!("cannot write {}: {problem}", log.display()))?;
        let second = file.try_clone().map_err(|problem| format!("cannot write {}: {problem}", log.display()))?;
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).args(["--exact", full, "--nocapture"]).env("KEYFOB_LOOPBACK_ONLY", "1");
        let skipped = tree::folder().join("test.skipped");
        let _ = fs::remove_file(&skipped);
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).env("KEYFOB_TEST_SKIPPED", &skipped);
        command.stdin(Stdio::null()).stdout(file).stderr(second);
        let mut child = command.spawn().map_err(|problem| format!("cannot run {full}: {problem}"))?;
        let started = Instant::now();
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if started.elapsed() < LONGEST => thread::sleep(Duration::from_millis(10)),
                _ => {
                    let _ = child.kill().and_then(|()| child.wait());
                    return Err(format!("{name} does not end"));
                }
            }
        };
        match judge(name, status.success(), &read(&log))? {
            Outcome::Passed if skipped.exists() => Err(format!("{name} was skipped: {}", read(&skipped).trim().replace('\t', ", "))),
            outcome => Ok(outcome),
        }
    }

    /// Rows name a test as its file does; the program knows it with its module.
    fn full(&self, name: &str) -> Result<&str, String> {
        let is_it = |known: &&String| known.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with("::"));
        let mut found = self.names.iter().filter(is_it);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(format!("there is no test {name}")),
            (Some(_), Some(_)) => Err(format!("there are several tests {name}")),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    /// The first line of its complaint.
    Failed(String),
}

/// A program that ends badly without having run the test has shown nothing.
fn judge(name: &str, succeeded: bool, said: &str) -> Result<Outcome, String> {
    let result = said.lines().find_map(|line| line.trim_start().strip_prefix("test result: "));
    match (succeeded, result) {
        (true, Some(result)) if result.starts_with("ok. 1 passed; 0 failed") => Ok(Outcome::Passed),
        (false, Some(result)) if result.contains(" 0 passed; 1 failed") => {
            let complaint = said.lines().skip_while(|line| !line.contains(" panicked at ")).nth(1).unwrap_or("it failed");
            Ok(Outcome::Failed(complaint.chars().take(160).collect()))
        }
        _ => Err(format!("{name} did not come to an end of its own")),
    }
}

/// The program that cargo makes of the copy: in one target folder for all guards, so that what is not changed is not built again.
pub(super) fn built(tree: &Tree, arguments: &[&str], is_it: impl Fn(&Value) -> bool) -> Result<PathBuf, String> {
    let mut cargo = crate::cargo();
    cargo.current_dir(tree.root()).args(arguments).arg("--message-format=json-render-diagnostics");
    cargo.env("CARGO_TARGET_DIR", tree::folder().join("build")).env("CARGO_TERM_COLOR", "never");
    // Nobody debugs them, and linking is faster.
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_TEST_DEBUG", "0").env("CARGO_INCREMENTAL", "1");
    let output = cargo.output().map_err(|problem| format!("cannot run cargo: {problem}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let errors: Vec<&str> = said.lines().skip_while(|line| !line.starts_with("error")).take(12).collect();
        return Err(errors.join("\n"));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter(|message| is_it(message));
    let program = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).last();
    program.ok_or_else(|| format!("cargo named no program: cargo {}", arguments.join(" ")))
}

fn read(file: &Path) -> String {
    fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_test_that_ran_and_failed_is_red() {
        let failed = "running 1 test\nthread 't' panicked at a.rs:1:2:\nboom\nnote: more\ntest t ... FAILED\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n";
        assert_eq!(judge("t", false, failed), Ok(Outcome::Failed("boom".to_owned())));
        assert_eq!(judge("t", true, "test result: ok. 1 passed; 0 failed; 0 ignored"), Ok(Outcome::Passed));
        assert!(judge("t", true, "test result: ok. 0 passed; 0 failed; 0 ignored").is_err(), "it was not there");
        assert!(judge("t", false, "running 1 test\n").is_err(), "killed");
        assert!(judge("t", false, "test result: ok. 1 passed; 0 failed").is_err());
    }

    #[test]
    fn a_test_is_found_without_its_module() {
        let names = ["a::one", "b::two", "c::two", "three"].map(str::to_owned).to_vec();
        let tests = Tests { program: PathBuf::new(), names, folder: PathBuf::new(), environment: Vec::new(), known: RefCell::default() };
        assert_eq!(tests.full("one"), Ok("a::one"));
        assert_eq!(tests.full("b::two"), Ok("b::two"));
        assert_eq!(tests.full("three"), Ok("three"));
        assert!(tests.full("two").is_err() && tests.full("ne").is_err());
    }
}
