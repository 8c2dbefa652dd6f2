//! What others wrote in other languages, or in ours on other libraries: packages of PyPI and npm, and crates, put into `target/bench` once, and scripts of
//! ours in `peers/` that drive them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::table::{Goal, Row, Table};

/// A package with its version, and what runs it.
#[derive(Clone, Copy)]
pub(crate) enum Package {
    PyPi(&'static str, &'static str),
    Npm(&'static str, &'static str),
    /// One of those that are built on their own, with `peers/crates`.
    Crate(&'static str, &'static str),
}

impl Package {
    pub(crate) fn title(self) -> String {
        match self {
            Self::PyPi(name, version) => format!("{name} {version} (PyPI)"),
            Self::Npm(name, version) => format!("{name} {version} (npm)"),
            Self::Crate(name, version) => format!("{name} {version}"),
        }
    }

    /// Has a script work on each case, one JSON object a line. It answers each with a line: what it came to, and the microseconds it took.
    /// Crates need no script.
    pub(crate) fn ask(self, script: &str, cases: &[Value]) -> Result<Vec<(String, f64)>, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
        let mut command = match self {
            Self::PyPi(name, version) => {
                let mut python = Command::new(python(name, version)?);
                python.arg(script).arg(name);
                python
            }
            Self::Npm(name, version) => {
                let mut node = Command::new("node");
                node.arg(script).env("PEERS", npm(name, version)?);
                node
            }
            Self::Crate(name, _) => {
                let mut program = Command::new(crates()?);
                program.arg(name);
                program
            }
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(told)?;
        let mut input = child.stdin.take().ok_or("no stdin")?;
        for case in cases {
            writeln!(input, "{case}").map_err(told)?;
        }
        drop(input);
        let output = child.wait_with_output().map_err(told)?;
        let answers = String::from_utf8_lossy(&output.stdout).lines().map(answer).collect::<Result<Vec<_>, _>>()?;
        if answers.len() == cases.len() { Ok(answers) } else { Err("it did not answer all of them".to_owned()) }
    }
}

/// Adds a row for one case; where the package cannot be had, or came to another result than it should, says so instead.
pub(crate) fn row(table: &mut Table, work: String, package: Package, ours: f64, theirs: Result<f64, String>, goal: Goal) {
    match theirs {
        Ok(theirs) => table.add(Row { work, limit_is: format!("peer {}", package.title()), ours, limit: Some(theirs), unit: "µs", goal }),
        Err(problem) => println!("  {} is left out: {problem}", package.title()),
    }
}

fn answer(line: &str) -> Result<(String, f64), String> {
    let (result, micros) = line.rsplit_once(' ').ok_or("a line without time")?;
    Ok((result.to_owned(), micros.trim().parse().map_err(|_| "no number".to_owned())?))
}

fn python(name: &str, version: &str) -> Result<PathBuf, String> {
    let (venv, ready) = (folder().join("python"), folder().join(format!("{name}-{version}.ready")));
    let python = venv.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    if !ready.exists() {
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", &format!("{name}=={version}")]))?;
        std::fs::write(ready, "").map_err(told)?;
    }
    Ok(python)
}

/// Where its modules are.
fn npm(name: &str, version: &str) -> Result<PathBuf, String> {
    let folder = folder().join(format!("{name}-{version}"));
    let modules = folder.join("node_modules");
    if !modules.join(name).exists() {
        std::fs::create_dir_all(&folder).map_err(told)?;
        run(Command::new("npm").args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(&folder).arg(format!("{name}@{version}")))?;
    }
    Ok(modules)
}

/// The program with the crates, built when they are first asked.
fn crates() -> Result<PathBuf, String> {
    let (manifest, target) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/crates/Cargo.toml"), folder().join("crates"));
    let mut build = Command::new(env!("CARGO"));
    run(build.args(["build", "--quiet", "--release", "--locked", "--manifest-path"]).arg(manifest).arg("--target-dir").arg(&target))?;
    Ok(target.join("release/keyfob-bench-peers"))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(told)?;
    let problem = || String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it failed").to_owned();
    output.status.success().then_some(()).ok_or_else(problem)
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/peers");
    let _ = std::fs::create_dir_all(&folder);
    folder
}

fn told(problem: std::io::Error) -> String {
    problem.to_string()
}
