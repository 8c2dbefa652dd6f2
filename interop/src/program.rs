//! Other people's programs, run with a clean environment, spoken to over their standard input.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long anybody waits for a program.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running program. It is killed when this is dropped.
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    said: Vec<String>,
    errors: Arc<Mutex<String>>,
    errors_end: Option<JoinHandle<()>>,
    folder: PathBuf,
    home: Option<tempfile::TempDir>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Finished {
    /// Whether it called that a success.
    pub success: bool,
    /// Its exit code, if it came to one.
    pub code: Option<i32>,
    /// Its standard output.
    pub lines: Vec<String>,
    /// Its standard error.
    pub errors: String,
}

impl Program {
    /// Starts a program with these arguments and nothing of our environment but `PATH`: no proxy, no configuration of the
    /// person who runs the tests.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start<A: AsRef<OsStr>>(program: &Path, arguments: &[A], environment: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let mut started = Self::start_in(home.path(), program, arguments, environment);
        started.home = Some(home);
        started
    }

    /// The same, in a folder that outlives it.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_in<A: AsRef<OsStr>>(folder: &Path, program: &Path, arguments: &[A], environment: &[(&str, &str)]) -> Self {
        let mut command = Self::command(folder, program, arguments, environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|problem| panic!("{}: {problem}", program.display()));

        let stdout = child.stdout.take().expect("a pipe");
        let stderr = child.stderr.take().expect("a pipe");
        let (sender, lines) = mpsc::channel();
        read_lines(stdout, move |line| sender.send(line).is_ok());
        let errors = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&errors);
        let errors_end = read_lines(stderr, move |line| kept.lock().map(|mut text| text.push_str(&(line + "\n"))).is_ok());
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
            said: Vec::new(),
            errors,
            errors_end: Some(errors_end),
            folder: folder.to_path_buf(),
            home: None,
        }
    }

    /// The same, for a test that starts it in a way of its own.
    pub fn command<A: AsRef<OsStr>>(folder: &Path, program: &Path, arguments: &[A], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", folder);
        command.env("LANG", "C.UTF-8").env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs(environment.iter().copied());
        command
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder it runs in, its `HOME`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits for a line that begins so, and gives the rest of it.
    ///
    /// # Panics
    /// If the program ends or a minute passes first.
    pub fn wait_for(&mut self, beginning: &str) -> String {
        self.wait_within(beginning, PATIENCE)
    }

    /// The same for what takes longer.
    ///
    /// # Panics
    /// If the program ends or the time passes first.
    pub fn wait_within(&mut self, beginning: &str, patience: Duration) -> String {
        self.says_within(beginning, patience).unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same where it may fail, and be started again: all that it said.
    ///
    /// # Errors
    /// If the program ends or the time passes first.
    pub fn says_within(&mut self, beginning: &str, patience: Duration) -> Result<String, String> {
        let until = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if let Some(rest) = line.trim_start().strip_prefix(beginning) {
                        return Ok(rest.trim().to_owned());
                    }
                }
                Err(end) => {
                    let how = if end == RecvTimeoutError::Timeout { "said nothing more" } else { "ended" };
                    return Err(format!("the program {how} before \"{beginning}\":\n{}\n{}", self.said.join("\n"), self.errors()));
                }
            }
        }
    }

    /// Waits for a line on standard error that begins so; the whole line.
    ///
    /// # Panics
    /// If a minute passes first, or the program ends.
    pub fn wait_for_note(&mut self, beginning: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let ended = self.child.try_wait().is_ok_and(|end| end.is_some());
            let errors = self.errors();
            if let Some(line) = errors.lines().map(str::trim).find(|line| line.starts_with(beginning)) {
                return line.to_owned();
            }
            assert!(!ended && Instant::now() < until, "no line \"{beginning}\":\n{errors}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Types a line.
    ///
    /// # Panics
    /// If nobody reads it.
    pub fn answer(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the input is open");
        writeln!(stdin, "{line}").and_then(|()| stdin.flush()).unwrap_or_else(|problem| panic!("{problem}: {}", self.errors()));
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// If it does not end within a minute.
    pub fn finish(mut self) -> Finished {
        drop(self.stdin.take());
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the program does not end:\n{}\n{}", self.said.join("\n"), self.errors()),
            }
        }
        let status = self.child.wait().expect("the program's end");
        if let Some(reader) = self.errors_end.take() {
            reader.join().expect("the reader of standard error");
        }
        Finished { success: status.success(), code: status.code(), lines: std::mem::take(&mut self.said), errors: self.errors() }
    }

    /// What it wrote to standard error so far.
    pub fn errors(&self) -> String {
        self.errors.lock().map(|text| text.clone()).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// The rest of the first line that begins so.
    ///
    /// # Panics
    /// If there is none.
    pub fn line(&self, beginning: &str) -> &str {
        let found = self.lines.iter().find_map(|line| line.trim_start().strip_prefix(beginning));
        found.unwrap_or_else(|| panic!("no line \"{beginning}\" in {self:#?}")).trim()
    }

    /// The same, as JSON.
    ///
    /// # Panics
    /// If there is none, or it is not JSON.
    pub fn json(&self, beginning: &str) -> serde_json::Value {
        let text = self.line(beginning);
        serde_json::from_str(text).unwrap_or_else(|problem| panic!("{problem}: {text}"))
    }
}

fn read_lines(source: impl Read + Send + 'static, mut take: impl FnMut(String) -> bool + Send + 'static) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
            if !take(String::from_utf8_lossy(&line).into_owned()) {
                break;
            }
        }
    })
}
