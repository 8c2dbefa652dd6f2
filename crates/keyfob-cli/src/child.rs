//! Running another program: what it says without our secrets, how it ends as our own end.

use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use keyfob::Account;
use keyfob::proto::mask::Masker;
use keyfob::proto::{App, Secret};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Command;

use crate::card::Card;
use crate::context::SECRET_VARIABLES;
use crate::exit::Exit;
use crate::mask::{Cleaner, masker};
use crate::output::written;
use crate::signal;

/// How long the rest of what a program said is waited for, once somebody asked to stop.
const REST: Duration = Duration::from_secs(2);

/// A program to run.
pub(crate) struct Program {
    command: Command,
    name: String,
    secrets: Option<Vec<Secret>>,
    cleaned: bool,
    input: Option<Secret>,
}

impl Program {
    /// A program found in PATH, with these arguments. The variables that open our vault stay with us.
    pub(crate) fn new(name: &OsStr, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = Command::new(name);
        command.args(arguments);
        SECRET_VARIABLES.iter().for_each(|variable| {
            command.env_remove(variable);
        });
        Self { command, name: name.to_string_lossy().into_owned(), secrets: None, cleaned: false, input: None }
    }

    /// With a variable more.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// What it says is shown without these.
    pub(crate) fn masking(mut self, secrets: Vec<Secret>) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// What it passes on is a server's, and is made fit for a terminal where it goes to one.
    pub(crate) fn cleaning(mut self) -> Self {
        self.cleaned = true;
        self
    }

    /// This is its standard input.
    pub(crate) fn told(mut self, input: Secret) -> Self {
        self.input = Some(input);
        self
    }

    /// Runs it to its end, which becomes ours.
    pub(crate) async fn run(mut self) -> Result<(), Card> {
        self.command.kill_on_drop(true);
        if self.input.is_some() {
            self.command.stdin(Stdio::piped());
        }
        if self.secrets.is_some() {
            self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = self.command.spawn().map_err(|error| self.not_started(&error))?;
        if let (Some(input), Some(mut stdin)) = (self.input.take(), child.stdin.take()) {
            // A program that reads nothing has ended, and says why itself.
            let _ = stdin.write_all(input.expose().as_bytes()).await;
        }
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let secrets = self.secrets.unwrap_or_default();
        let cleaner = |terminal: bool| (self.cleaned && terminal).then(Cleaner::default);
        let (out_cleaner, err_cleaner) = (cleaner(io::stdout().is_terminal()), cleaner(io::stderr().is_terminal()));
        let said = async {
            let (out, err) = tokio::join!(
                async {
                    match out {
                        Some(out) => pass(out, tokio::io::stdout(), masker(&secrets), out_cleaner).await,
                        None => Ok(()),
                    }
                },
                async {
                    match err {
                        Some(err) => pass(err, tokio::io::stderr(), masker(&secrets), err_cleaner).await,
                        None => Ok(()),
                    }
                },
            );
            out.and(err)
        };
        tokio::pin!(said);
        let (mut passed, mut asked_to_stop) = (None, false);
        let mut signals = signal::Signals::listen();
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                signal = signals.next() => {
                    asked_to_stop = true;
                    signal::pass_on(signal, child.id());
                }
                outcome = &mut said, if passed.is_none() => passed = Some(outcome),
            }
        };
        // A program of the program's that runs on may hold the pipes for ever, and a signal heard once is ours to heed for good. Without one there is no
        // limit: who reads us may be slow (a pager), and gets all of it.
        let enough = async {
            if asked_to_stop {
                tokio::time::sleep(REST).await;
            } else {
                signals.next().await;
            }
        };
        let passed = match passed {
            Some(outcome) => outcome,
            None => tokio::select! {
                outcome = said => outcome,
                () = enough => Ok(()),
            },
        };
        let status = status.map_err(|error| Card::io(format!("cannot wait for {}", self.name), &error, "see whether it runs on"))?;
        Err(match (passed, code(status)) {
            (Ok(()), code) => Card::ended(code),
            // The program noticed nothing, and whoever waits for us would think that all of it is there.
            (Err(lost), 0) => lost,
            (Err(lost), code) => lost.exiting(Exit::Program(code)),
        })
    }

    fn not_started(&self, error: &io::Error) -> Card {
        // As shells say it.
        let (code, next) = match error.kind() {
            io::ErrorKind::NotFound => (127, "check its name, and PATH"),
            _ => (126, "check who may run it"),
        };
        Card::new(Exit::Program(code), format!("cannot run {}", self.name), error.to_string(), next)
    }
}

/// The secrets of an account and its app.
pub(crate) fn secrets(account: &Account, app: &App) -> Vec<Secret> {
    account.tokens.secrets().into_iter().chain(app.secrets()).cloned().collect()
}

/// Passes on what a program says, without secrets, as it comes. Where nobody reads any more, the program is told so by a pipe that closes.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut masker: Masker,
    mut cleaner: Option<Cleaner>,
) -> Result<(), Card> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let unread = |error| Card::io("cannot read what the program says", &error, "run it again; if it stays, look at the system's log");
        let count = from.read(&mut buffer).await.map_err(unread)?;
        let shown = if count == 0 { masker.end() } else { masker.push(&buffer[..count]) };
        let shown = match &mut cleaner {
            Some(cleaner) => cleaner.push(&shown),
            None => shown,
        };
        written(to.write_all(&shown).await)?;
        written(to.flush().await)?;
        if count == 0 {
            return Ok(());
        }
    }
}

/// A program that a signal ended has none; shells say 128 and the signal's number.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(255);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
