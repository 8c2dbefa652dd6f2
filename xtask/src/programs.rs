//! Test programs, several at once. `cargo test` runs one after the other, and most of them wait most of their time: for a clock, a lock,
//! a server that starts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::watch::{Watched, watch};

/// By which cargo tells [`built`] what it made, and people, as ever, what is wrong.
pub(crate) const TOLD: &str = "--message-format=json-render-diagnostics";

/// Something to run, under a name for people.
pub(crate) struct Job {
    name: String,
    pub(crate) command: Command,
}

impl Job {
    pub(crate) fn new(name: &str, command: Command) -> Self {
        Self { name: name.to_owned(), command }
    }
}

/// The test programs that cargo told of, each to be run where `cargo test` would run it.
pub(crate) fn built(told: &str) -> Vec<Job> {
    messages(told).filter_map(|message| job(&message)).collect()
}

/// The command, if it was built beside them.
pub(crate) fn command(told: &str) -> Option<PathBuf> {
    let is_command = |message: &Value| message["target"]["kind"][0] == "bin" && message["target"]["name"] == "keyfob";
    messages(told).filter(|message| is_command(message) && !is_test(message)).find_map(|message| executable(&message))
}

/// Runs them all, whatever fails, and tells what each said when it has ended.
pub(crate) fn run(mut jobs: Vec<Job>, say: impl Fn(&str) + Sync) -> Watched {
    // What is built last is the largest, and takes the longest: it begins first, so that nobody waits for it alone at the end.
    jobs.reverse();
    let (waiting, all) = (Mutex::new(jobs.into_iter()), Mutex::new(Watched { text: String::new(), good: true }));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let lane = || {
        while let Some(Job { name, command }) = next() {
            let started = Instant::now();
            let Watched { text, good } = watch(command, |_| ());
            let seconds = started.elapsed().as_secs_f32();
            let end = if good { String::new() } else { format!("error: test failed: {name}\n") };
            let text = format!("     Running {name}\n{text}{end}     Ran {name} in {seconds:.1} s\n");
            say(&text);
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.text.push_str(&text);
            all.good &= good;
        }
    };
    // One more than there are processors, since most of them wait most of their time.
    let lanes = thread::available_parallelism().map_or(1, usize::from) + 1;
    thread::scope(|scope| (0..lanes).for_each(|_| drop(scope.spawn(lane))));
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn messages(told: &str) -> impl Iterator<Item = Value> {
    told.lines().filter(|line| line.starts_with('{')).filter_map(|line| serde_json::from_str(line).ok())
}

fn is_test(message: &Value) -> bool {
    message["profile"]["test"] == true
}

fn executable(message: &Value) -> Option<PathBuf> {
    message["executable"].as_str().map(PathBuf::from)
}

fn job(message: &Value) -> Option<Job> {
    let executable = executable(message).filter(|_| is_test(message))?;
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    let (kind, name) = (message["target"]["kind"][0].as_str()?, message["target"]["name"].as_str()?);
    let mut command = Command::new(executable);
    command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder);
    Some(Job::new(&format!("-p {} --{kind} {name}", folder.file_name()?.to_string_lossy()), command))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"   Compiling keyfob v0.1.0
{"reason":"compiler-artifact","manifest_path":"/w/keyfob/Cargo.toml","target":{"kind":["lib"],"name":"keyfob"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/w/keyfob-cli/Cargo.toml","target":{"kind":["bin"],"name":"keyfob"},"profile":{"test":true},"executable":"/t/deps/keyfob-1"}
{"reason":"compiler-artifact","manifest_path":"/w/keyfob-cli/Cargo.toml","target":{"kind":["bin"],"name":"keyfob"},"profile":{"test":false},"executable":"/t/keyfob"}
{"reason":"compiler-artifact","manifest_path":"/w/keyfob/Cargo.toml","target":{"kind":["test"],"name":"session"},"profile":{"test":true},"executable":"/t/deps/session-1"}
{"reason":"build-finished","success":true}
"#;

    #[test]
    fn test_programs_are_told_from_what_else_is_built() {
        let names: Vec<String> = built(TOLD).into_iter().map(|job| job.name).collect();
        assert_eq!(names, ["-p keyfob-cli --bin keyfob", "-p keyfob --test session"]);
        assert_eq!(command(TOLD), Some("/t/keyfob".into()));
        let folder = built(TOLD)[1].command.get_current_dir().map(Path::to_path_buf);
        assert_eq!(folder, Some("/w/keyfob".into()));
    }

    #[test]
    fn all_are_run_and_what_failed_is_told_whole() {
        let job = |name: &str, script: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script]);
            Job::new(name, shell)
        };
        let told = Mutex::new(String::new());
        let jobs = vec![job("a", "echo one; sleep 0.1; echo two"), job("b", "echo three; exit 1"), job("c", "echo four")];
        let watched = run(jobs, |text| told.lock().expect("a text").push_str(text));
        assert!(!watched.good);
        let told = told.into_inner().expect("a text");
        assert_eq!(told, watched.text);
        for whole in ["     Running a\none\ntwo\n     Ran a in ", "three\nerror: test failed: b\n     Ran b", "four\n     Ran c"] {
            assert!(told.contains(whole), "{whole}: {told}");
        }
        assert!(run(vec![job("a", "true")], |_| ()).good);
    }
}
