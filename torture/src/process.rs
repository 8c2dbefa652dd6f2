//! Child processes that say on stdout what they have done, and are killed.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use crate::Rigged;
use crate::tally::Verdict;

/// A child under way.
pub struct Victim {
    child: Child,
    /// Its lines, as it says them; closed when it says no more.
    lines: Receiver<String>,
    said: Vec<String>,
}

/// A child that is no more.
#[derive(Debug)]
pub struct Remains {
    /// The whole lines it said.
    pub said: Vec<String>,
    /// All it said on stderr.
    pub errors: String,
    /// How it ended.
    pub status: ExitStatus,
}

/// The command that runs a verb of this program's children.
pub fn verb(program: &Path, verb: &str) -> Command {
    let mut command = Command::new(program);
    command.arg("child").arg(verb);
    command
}

impl Victim {
    /// Starts it.
    pub fn start(command: &mut Command) -> Rigged<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || read_lines(stdout, &sender));
        Ok(Self { child, lines, said: Vec::new() })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that begins like this; false if it ended first.
    pub fn wait_for(&mut self, beginning: &str) -> bool {
        self.wait_for_one_of(&[beginning]).is_some()
    }

    /// Waits for a line that begins like one of these, and gives it; nothing if it ended first.
    pub fn wait_for_one_of(&mut self, beginnings: &[&str]) -> Option<String> {
        while let Ok(line) = self.lines.recv() {
            self.said.push(line.clone());
            if beginnings.iter().any(|beginning| line.starts_with(beginning)) {
                return Some(line);
            }
        }
        None
    }

    /// Waits for a line, from now on, that begins like this; false if it ended first, or does not say it in time.
    pub fn says_within(&mut self, beginning: &str, patience: Duration) -> bool {
        self.said();
        let until = Instant::now() + patience;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.said.push(line.clone());
            if line.starts_with(beginning) {
                return true;
            }
        }
        false
    }

    /// Gives it the line that it waits for.
    pub fn go_on(&mut self) -> Rigged<()> {
        let stdin = self.child.stdin.as_mut().ok_or("a child has no stdin")?;
        // One that has ended already tells why by its end.
        let _ = stdin.write_all(b"\n").and_then(|()| stdin.flush());
        Ok(())
    }

    /// What it said so far.
    pub fn said(&mut self) -> &[String] {
        self.said.extend(self.lines.try_iter());
        &self.said
    }

    /// The number of the last write that it acknowledged so far, or `before` if none.
    pub fn acknowledged(&mut self, before: u64) -> u64 {
        last_acknowledged(self.said(), before)
    }

    /// Its stdin, to tell it to go on; dropping it ends what it reads.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Kills it with SIGKILL, if it still lives, and gathers what it said.
    pub fn kill(mut self) -> Rigged<Remains> {
        self.child.kill().map_err(|error| format!("cannot kill: {error}"))?;
        self.finish()
    }

    /// Lets it go on, for it may wait for the end of its stdin, and waits for its end; an error if it does not come in time.
    pub fn finish_within(mut self, patience: Duration) -> Rigged<Remains> {
        drop(self.child.stdin.take());
        let begun = Instant::now();
        while self.child.try_wait().map_err(|error| format!("cannot wait for a child: {error}"))?.is_none() {
            if begun.elapsed() > patience {
                let said = self.kill()?.said;
                return Err(format!("a child hung for {} s after it said {said:?}", patience.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.finish()
    }

    /// Waits for its end and gathers what it said.
    pub fn finish(mut self) -> Rigged<Remains> {
        drop(self.child.stdin.take());
        self.said.extend(self.lines.iter());
        let mut errors = Vec::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_end(&mut errors).map_err(|error| format!("cannot read a child's errors: {error}"))?;
        }
        let status = self.child.wait().map_err(|error| format!("cannot wait for a child: {error}"))?;
        Ok(Remains { said: self.said, errors: String::from_utf8_lossy(&errors).into_owned(), status })
    }
}

impl Remains {
    /// The number of the last write that it acknowledged, or `before` if none.
    pub fn acknowledged(&self, before: u64) -> u64 {
        last_acknowledged(&self.said, before)
    }

    /// The error it ended with, if it said one: kind and words.
    pub fn error(&self) -> Option<(&str, &str)> {
        self.said.iter().rev().find_map(|line| line.strip_prefix("error ")?.split_once(": "))
    }

    /// What is wrong with its end, if it was not killed: it must have done all its writes, or say an error of the disk.
    pub fn complain(&self, whole: bool) -> Option<Verdict> {
        let wrong = |what: &str| Some(Verdict::Wrong(format!("{what}: {:?} {} {}", self.said, self.errors.trim(), self.status)));
        if self.panicked() {
            return wrong("it panicked");
        }
        match (self.status.success(), self.error()) {
            (true, _) if !whole => wrong("it succeeded, and not all was acknowledged"),
            (false, None) => wrong("it failed without a word"),
            // To call a sound vault damaged, or its key wrong, would have people move it aside.
            (false, Some((kind, _))) if kind != "io" => wrong("an error of the disk is called by another name"),
            _ => None,
        }
    }

    /// Whether it panicked.
    pub fn panicked(&self) -> bool {
        self.errors.contains("panicked at")
    }
}

fn last_acknowledged(said: &[String], before: u64) -> u64 {
    said.iter().rev().find_map(|line| line.strip_prefix("acknowledged ")?.parse().ok()).unwrap_or(before)
}

/// Whole lines only: a child may have been killed in the middle of one.
fn read_lines(mut stdout: BufReader<ChildStdout>, sender: &Sender<String>) {
    let mut line = String::new();
    while stdout.read_line(&mut line).is_ok() && line.ends_with('\n') && sender.send(line.trim_end().to_owned()).is_ok() {
        line.clear();
    }
}

/// The first program of this name on the path.
pub fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Runs a command to its end; its output is told only if it fails.
pub fn quiet<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Rigged<()> {
    let mut command = Command::new(program);
    let output = command.args(arguments).output().map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
