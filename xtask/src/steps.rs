//! `cargo xtask test`: the steps, one line each, and the summary.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::programs::{self, Job};
use crate::setup::{self, Setup};
use crate::summary::{self, Counts, Skip};
use crate::watch::{Watched, watch};
use crate::{arrows, cargo, deny, guards, web};

/// What `--only` can name.
pub(crate) const NAMES: [&str; 13] =
    ["fmt", "arrows", "deny", "advisories", "conformance", "guards", "clippy", "web", "features", "doc", "test", "keyring", "default"];

/// What tests run with the features that everybody has.
const TESTS: [&str; 3] = ["test", "--workspace", "--no-fail-fast"];

/// What is built as it ships, or as somebody may switch it on. A build of the whole workspace unites the features of all that is in it: what tests of others
/// switch on is on everywhere then, and what stands only in a build without it is seen by nobody.
const SHIPPED: [&[&str]; 4] = [
    &["-p", "keyfob-proto"],
    &["-p", "keyfob-proto", "--features", "rsa-sha1"],
    &["-p", "keyfob-cli"],
    &["-p", "keyfob-cli", "--features", "keyring,rsa-sha1"],
];

/// What a build without a feature says to whoever wants it.
const DEFAULT: [&str; 5] = ["test", "-p", "keyfob-proto", "--test", "oauth1_rsa"];

/// What is off, for its crates, and would be seen broken by whoever switches it on.
const KEYRING: [&str; 6] = ["test", "--workspace", "--features", "keyfob-store/keyring", "--test", "keyring"];

/// Runs all steps, or one; true if nothing failed.
pub(crate) fn run(only: Option<&str>, verbose: bool) -> bool {
    let started = Instant::now();
    let mut run = Run { only, verbose, ci: crate::ci(), failed: Vec::new() };
    let mut setup = if only.is_none_or(|step| ["test", "keyring"].contains(&step)) { run.setup() } else { Setup::default() };

    run.step("fmt", |_| cargo_step(&["fmt", "--all", "--check"], &[]));
    run.step("arrows", |_| Work::Done(none(arrows::wrong())));
    run.step("deny", |_| Work::Done(none(deny::wrong())));
    run.step("advisories", |_| match deny::advisories() {
        Ok(check) => Work::Command(check),
        // Said in the summary, and no failure with CI=true: whether the database can be had is not up to whoever runs this.
        Err(missing) => {
            setup.missing.push(missing);
            Work::Done(Ok(()))
        }
    });
    for (name, list) in [("conformance", guards::CONFORMANCE), ("guards", guards::REQUIREMENTS)] {
        let mut table = String::new();
        run.step(name, |_| match guards::state(&list) {
            Ok((shown, wrong)) => {
                table = shown;
                Work::Done(none(Ok(wrong)))
            }
            Err(problem) => Work::Done(Err(problem)),
        });
        table.lines().for_each(|line| println!("    {line}"));
    }
    run.step("clippy", |_| cargo_step(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]));
    run.step("web", |run| match (none(web::native()), web::check()) {
        (Err(found), _) => Work::Done(Err(found)),
        (Ok(()), Ok(check)) => Work::Command(check),
        // As for a test that cannot have what it needs: what CI does not look at it must not call looked at.
        (Ok(()), Err(missing)) if run.ci => Work::Done(Err(missing)),
        (Ok(()), Err(missing)) => {
            setup.missing.push(missing);
            Work::Done(Ok(()))
        }
    });
    run.step("features", |_| Work::Commands(SHIPPED.map(shipped).into()));
    run.step("doc", |_| cargo_step(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")]));
    let (mut counts, mut skips) = run.tests("test", &TESTS, &setup);
    for (name, tests) in [("keyring", KEYRING.as_slice()), ("default", &DEFAULT)] {
        let (more, others) = run.tests(name, tests, &setup);
        counts.add(more);
        skips.extend(others);
    }
    run.summary(started, &setup, counts, &skips)
}

/// Lines of a failed step's output on the screen; all of them are in its log.
const SHOWN: usize = 150;

struct Run<'a> {
    only: Option<&'a str>,
    verbose: bool,
    ci: bool,
    failed: Vec<&'static str>,
}

enum Work {
    Command(Command),
    /// One after the other, up to the first that fails.
    Commands(Vec<Command>),
    Done(Result<(), String>),
}

fn cargo_step(arguments: &[&str], environment: &[(&str, &str)]) -> Work {
    let mut command = cargo();
    command.args(arguments).envs(environment.iter().copied());
    Work::Command(command)
}

/// Without its tests: what only they need would be built in, too.
fn shipped(which: &[&str]) -> Command {
    let mut command = cargo();
    command.arg("clippy").args(which).args(["--", "-D", "warnings"]);
    command
}

/// A list of what is wrong, as the result of a step.
fn none(wrong: Result<Vec<String>, String>) -> Result<(), String> {
    wrong.and_then(|wrong| if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) })
}

impl Run<'_> {
    fn wants(&self, name: &str) -> bool {
        self.only.is_none_or(|only| only == name)
    }

    fn setup(&self) -> Setup {
        println!("setup");
        let started = Instant::now();
        let setup = setup::run();
        for missing in &setup.missing {
            println!("      missing: {missing}");
        }
        println!("setup       {}  {:.1} s", if setup.missing.is_empty() { "ok    " } else { "in part" }, started.elapsed().as_secs_f32());
        setup
    }

    fn step(&mut self, name: &'static str, work: impl FnOnce(&Self) -> Work) {
        if !self.wants(name) {
            return;
        }
        self.begin(name);
        let started = Instant::now();
        let result = match work(self) {
            Work::Done(result) => result,
            Work::Command(command) => self.watch(name, command).map(drop),
            Work::Commands(commands) => commands.into_iter().try_for_each(|command| self.watch(name, command).map(drop)),
        };
        self.end(name, started, result, "");
    }

    /// Tests, with what they need in their environment.
    fn tests(&mut self, name: &'static str, arguments: &[&str], setup: &Setup) -> (Counts, Vec<Skip>) {
        if !self.wants(name) {
            return (Counts::default(), Vec::new());
        }
        self.begin(name);
        let started = Instant::now();
        let skipped = self.log(&format!("{name}-skipped"));
        let _ = fs::remove_file(&skipped);
        let (output, result) = match self.test(name, arguments, setup, &skipped) {
            Ok(output) => (output, Ok(())),
            Err(output) => (output.clone(), Err(failures(&output))),
        };
        let mut skips = summary::skips(&skipped);
        let mut counts = Counts::read(&output);
        counts.take_out(&skips, self.ci);
        let counted = format!("  {} passed", counts.passed);
        // Without a failed test it is the build that failed: that counts as one.
        let build_failed = result.is_err() && counts.failed == 0;
        self.end(name, started, result, &counted);
        if !build_failed {
            self.failed.retain(|failed| *failed != name);
        }
        let ignored = summary::ignored(&output);
        counts.add_ignored(ignored.len(), self.ci);
        skips.extend(ignored);
        (counts, skips)
    }

    fn summary(&self, started: Instant, setup: &Setup, mut counts: Counts, skips: &[Skip]) -> bool {
        println!();
        for missing in &setup.missing {
            println!("missing  {}", missing.lines().next().unwrap_or_default());
        }
        for skip in skips {
            let why = if skip.kernel { " (the kernel forbids it)" } else { "" };
            println!("skipped  {}: {}{why}", skip.test, skip.reason);
        }
        for name in &self.failed {
            println!("failed   step {name}; its output is in {}", self.log(name).display());
        }
        counts.failed += self.failed.len();
        println!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
        println!("{:.0} s", started.elapsed().as_secs_f32());
        counts.failed == 0
    }

    fn begin(&self, name: &str) {
        print!("{name:<12}{}", if self.verbose { "\n" } else { "" });
        let _ = std::io::stdout().flush();
    }

    fn end(&mut self, name: &'static str, started: Instant, result: Result<(), String>, more: &str) {
        let verdict = if result.is_ok() { "ok    " } else { "FAILED" };
        println!("{verdict}  {:.1} s{more}", started.elapsed().as_secs_f32());
        if let Err(text) = result {
            self.failed.push(name);
            let lines: Vec<&str> = text.lines().filter(|line| !is_progress(line)).collect();
            lines.iter().take(SHOWN).for_each(|line| println!("    {line}"));
            if lines.len() > SHOWN {
                println!("    … and {} lines more, in {}", lines.len() - SHOWN, self.log(name).display());
            }
        }
    }

    /// Runs a command and keeps its output; the error is that output.
    fn watch(&self, name: &str, command: Command) -> Result<String, String> {
        let watched = watch(command, |line| self.say(line));
        self.keep(name, &watched.text);
        watched.outcome()
    }

    /// Builds what `arguments` would test, and runs it, several programs at once.
    fn test(&self, name: &str, arguments: &[&str], setup: &Setup, skipped: &Path) -> Result<String, String> {
        let mut build = cargo();
        build.args(arguments).args(["--no-run", programs::TOLD]);
        // What cargo says to programs is no news to people.
        let is_news = |line: &&str| !line.starts_with('{');
        let built = watch(build, |line| Some(line).filter(is_news).into_iter().for_each(|line| self.say(line)));
        let news = built.text.lines().filter(is_news).flat_map(|line| [line, "\n"]).collect::<String>();
        if !built.good {
            self.keep(name, &news);
            return Err(news);
        }
        let mut jobs = programs::built(&built.text);
        if !arguments.contains(&"--test") {
            let mut examples = cargo();
            examples.args(arguments).arg("--doc");
            jobs.push(Job::new("the examples in the documentation", examples));
        }
        // Tests that start the command need not ask cargo whether it is up to date.
        let command = programs::command(&built.text).map(|path| ("KEYFOB_TEST_COMMAND", path.into_os_string()));
        for job in &mut jobs {
            let environment = setup.environment.iter().chain(&command).map(|(name, value)| (name, value));
            job.command.envs(environment).env("KEYFOB_TEST_SKIPPED", skipped);
        }
        let Watched { text, good } = programs::run(jobs, |text| text.lines().for_each(|line| self.say(line)));
        self.keep(name, &format!("{news}{text}"));
        Watched { text, good }.outcome()
    }

    fn say(&self, line: &str) {
        if self.verbose {
            println!("    {line}");
        }
    }

    fn keep(&self, name: &str, text: &str) {
        let log = self.log(name);
        let folder = log.parent().expect("a folder");
        let _ = fs::create_dir_all(folder).and_then(|()| fs::write(&log, text));
    }

    fn log(&self, name: &str) -> PathBuf {
        crate::target().join("xtask").join(format!("{name}.log"))
    }
}

/// What cargo says while nothing is wrong.
fn is_progress(line: &str) -> bool {
    const WORDS: [&str; 9] =
        ["Compiling", "Checking", "Documenting", "Downloading", "Downloaded", "Updating", "Locking", "Blocking", "Finished"];
    let word = line.trim_start();
    word.len() < line.len() && WORDS.iter().any(|known| word.starts_with(known))
}

/// The part of the test programs' output that says what failed.
fn failures(output: &str) -> String {
    let mut wanted = Vec::new();
    let mut inside = false;
    for line in output.lines() {
        if line == "failures:" || line.starts_with("error") {
            inside = true;
        } else if line.starts_with("test result:") || line.trim_start().starts_with("Running ") {
            inside = false;
        }
        if inside {
            wanted.push(line);
        }
    }
    wanted.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_from_problems() {
        assert!(is_progress("   Compiling quote v1.0.47"));
        assert!(is_progress("    Finished `dev` profile"));
        assert!(!is_progress("error: very complex type used"));
        assert!(!is_progress("Checking the thing failed"), "not indented: no word of cargo's");
    }

    #[test]
    fn only_what_failed_is_shown() {
        let output = "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\nfailures:\n\n---- b stdout ----\nboom\n\ntest result: FAILED. 1 passed\n     Running x\ntest c ... ok\nerror: 1 target failed:\n";
        assert_eq!(failures(output), "failures:\n\n---- b stdout ----\nboom\n\nerror: 1 target failed:");
    }
}
