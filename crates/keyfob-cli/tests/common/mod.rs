//! A home with nothing in it, pretend providers on free ports, and the real command.

#![allow(dead_code, missing_docs, unreachable_pub)]

pub mod pattern;
pub mod screen;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use keyfob::transport::Transport;
use keyfob::{Body, HyperTransport};
use keyfob_sandbox::{Consent, Sandbox};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The providers that the sandbox plays.
pub const PROVIDERS: [&str; 7] = ["august", "netatmo", "fitbit", "fitbit-oauth1", "telldus", "acme", "acme-oidc"];

/// A home, and the pretend providers, who say yes to everything.
pub struct House {
    pub sandbox: Sandbox,
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// How the command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A command that waits for something.
pub struct Running {
    pub child: Child,
    notes: BufReader<ChildStderr>,
    pub seen: String,
}

impl House {
    pub async fn new() -> Self {
        let sandbox = Sandbox::builder().consent(Consent::Approve).start().await.expect("free ports");
        let folder = tempfile::tempdir().expect("a folder");
        let here = |name: &str| folder.path().join(name).display().to_string();
        let environment = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", here("home")),
            ("LANG", "C.UTF-8".to_owned()),
            ("TZ", "UTC".to_owned()),
            ("TMPDIR", folder.path().display().to_string()),
            ("KEYFOB_CONFIG_DIR", here("config")),
            ("KEYFOB_DATA_DIR", here("data")),
            ("KEYFOB_SANDBOX", sandbox.index().to_owned()),
            ("KEYFOB_LOOPBACK_ONLY", "1".to_owned()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        Self { sandbox, folder, environment }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and gives its name.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).and_then(|()| std::fs::write(&path, text)).expect("a file");
        path.display().to_string()
    }

    /// The vault of the sandbox's accounts.
    pub fn vault(&self) -> PathBuf {
        self.path("data/sandbox/vault.db")
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_keyfob"), arguments)
    }

    /// Another program, at home here.
    pub fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(name);
        command.args(arguments).env_clear().envs(self.environment.iter().cloned()).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    pub async fn run(&self, arguments: &[&str]) -> Ended {
        let output = timeout(PATIENCE, self.command(arguments).output()).await.expect("in time").expect("it starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ended { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs it with something on stdin.
    pub async fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        let mut running = self.start(arguments);
        running.say(input).await;
        running.end().await
    }

    /// Runs it, which has to work, and gives its stdout.
    pub async fn good(&self, arguments: &[&str]) -> String {
        self.run(arguments).await.exits(0).stdout
    }

    /// Runs it, which has to work, and reads its JSON.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let text = self.good(&[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// A line as somebody types it into bash, where `keyfob` is on the PATH.
    #[cfg(unix)]
    pub fn typed(&self, line: &str) -> Running {
        let mut bash = Command::new("bash");
        bash.args(["-o", "pipefail", "-c", line]).env_clear().envs(self.environment.iter().cloned()).env("PATH", self.search_path());
        bash.current_dir(self.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Self::begin(bash)
    }

    /// A PATH with `keyfob` on it.
    #[cfg(unix)]
    pub fn search_path(&self) -> String {
        let (bin, program) = (self.path("bin"), self.path("bin/keyfob"));
        if !exists(&program) {
            std::fs::create_dir_all(&bin).and_then(|()| std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_keyfob"), program)).expect("a link");
        }
        format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default())
    }

    /// Starts it, to talk to.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Self::begin(self.command(arguments))
    }

    fn begin(mut command: Command) -> Running {
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
        let notes = BufReader::new(child.stderr.take().expect("a pipe"));
        Running { child, notes, seen: String::new() }
    }

    /// Logs in by pasting the address that the provider sends the person to.
    pub async fn log_in(&self, name: &str) -> Ended {
        let mut login = self.start(&["login", name, "--no-browser", "--paste"]);
        let url = login.url().await;
        let back = visit(&url).await.location.unwrap_or_else(|| panic!("{url} leads nowhere"));
        login.say(&format!("{back}\n")).await;
        login.end().await.exits(0)
    }
}

impl Running {
    /// The authorization URL, as it is printed: on a line of its own.
    pub async fn url(&mut self) -> String {
        self.line(|line| line.starts_with("http")).await
    }

    /// The same, where the command may end without one.
    pub async fn url_if_any(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, self.notes.read_line(&mut line)).await.unwrap_or_else(|_| panic!("so far:\n{}", self.seen));
            if read.expect("text") == 0 {
                return None;
            }
            self.seen.push_str(&line);
            if line.trim().starts_with("http") {
                return Some(line.trim().to_owned());
            }
        }
    }

    /// The first line that is as wanted.
    pub async fn line(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let mut line = String::new();
            let read =
                timeout(PATIENCE, self.notes.read_line(&mut line)).await.unwrap_or_else(|_| panic!("in time; so far:\n{}", self.seen));
            assert!(read.expect("text") > 0, "it ended before; it said:\n{}", self.seen);
            self.seen.push_str(&line);
            if wanted(line.trim()) {
                return line.trim().to_owned();
            }
        }
    }

    /// What it prints, to be read while it runs.
    pub fn out(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("a pipe")
    }

    pub async fn say(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        let _ = stdin.write_all(text.as_bytes()).await;
        let _ = stdin.flush().await;
    }

    pub async fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        self.end_listening().await
    }

    /// Waits for the end with stdin left open.
    pub async fn end_listening(mut self) -> Ended {
        let mut stdout = String::new();
        let work = async {
            let mut out = self.child.stdout.take().expect("a pipe");
            let (a, b) = tokio::join!(out.read_to_string(&mut stdout), self.notes.read_to_string(&mut self.seen));
            a.and(b).expect("text");
            self.child.wait().await.expect("an end")
        };
        let status = timeout(PATIENCE, work).await.expect("in time");
        Ended { code: status.code().unwrap_or(-1), stdout, stderr: self.seen }
    }

    pub fn interrupt(&self) {
        let id = self.child.id().expect("it runs");
        let killed = std::process::Command::new("kill").args(["-INT", &id.to_string()]).status().expect("kill");
        assert!(killed.success());
    }
}

impl Ended {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The three lines of the card at the end of stderr; nothing on stdout.
    #[track_caller]
    pub fn card(&self) -> [String; 3] {
        let lines: Vec<&str> = self.stderr.lines().collect();
        let card = &lines[lines.len().saturating_sub(3)..];
        let labels = ["error: ", "why:   ", "next:  "];
        assert_eq!(card.len(), 3, "{self:#?}");
        std::array::from_fn(|at| card[at].strip_prefix(labels[at]).unwrap_or_else(|| panic!("no card: {self:#?}")).to_owned())
    }

    /// The same, if it exits so and its card has these words.
    #[track_caller]
    pub fn fails(self, code: i32, words: [&str; 3]) -> Self {
        let ended = self.exits(code);
        let card = ended.card();
        for (line, word) in card.iter().zip(words) {
            assert!(line.contains(word), "expected \"{word}\" in \"{line}\" of {ended:#?}");
        }
        ended
    }
}

/// What a page answered.
pub struct Page {
    pub status: u16,
    pub location: Option<String>,
    pub text: String,
}

/// Opens a page as a browser does, but follows no redirect.
pub async fn visit(url: &str) -> Page {
    try_visit(url).await.unwrap_or_else(|error| panic!("{url}: {error}"))
}

pub async fn try_visit(url: &str) -> Result<Page, keyfob::proto::Transport> {
    let transport = HyperTransport::builder().loopback_only(true).build().expect("a certificate store");
    let answer = transport.send(http::Request::get(url).body(Body::empty()).expect("a URL")).await?;
    let location = answer.headers().get("location").map(|location| location.to_str().expect("text").to_owned());
    let status = answer.status().as_u16();
    let text = String::from_utf8_lossy(&answer.into_body().bytes(1 << 20).await?).into_owned();
    Ok(Page { status, location, text })
}

/// The PIN on a page.
pub async fn pin(url: &str) -> String {
    let page = visit(url).await.text;
    let behind = page.split("id=\"pin\">").nth(1).unwrap_or_else(|| panic!("no PIN: {page}"));
    behind.split('<').next().expect("text").trim().to_owned()
}

pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// A house with an account at a server of the test's own, as provider `hub`.
pub async fn house_at(origin: &str) -> House {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let file = format!(
        r#"
name = "hub"
title = "Hub"
kind = "oauth2"
status = "live"
about = "A hub."
sources = [{{ url = "https://hub.example", checked = 2026-11-21, confidence = "assumed", about = "everything" }}]
[endpoints]
authorize = "{origin}/authorize"
token = "{origin}/token"
[client]
fields = [{{ name = "client_id", label = "Client ID", env = ["HUB_ID"] }}]
redirect = {{ suggested = ["http://127.0.0.1/callback"], any_port = true }}
[oauth2]
client_auth = "none"
[api]
base_url = "{origin}"
attach = "bearer"
failed = [{{ status = [200], pointer = "/error" }}]
message = ["/error"]
[actions.things]
about = "Things"
path = "/things"
rows = ".[]"
columns = [{{ title = "Name", value = ".name" }}, {{ title = "ID", value = ".id", kind = "number" }}]
"#
    );
    let file = house.file("config/providers/hub.toml", &file);
    house.run(&["provider", "check", &file]).await.exits(0);
    house.set("HUB_ID", "example-client-id");
    let tokens = json!({"access_token": "example-access-token-not-real"}).to_string();
    house.run_with(&["import", "hub", "--stdin"], &tokens).await.exits(0);
    house
}
