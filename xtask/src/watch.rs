//! A command that is watched: what it says is kept, and one that says nothing any more is ended.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::processes;

/// What says nothing for so long hangs: its processes are ended, and the last lines of its log say where it was.
const SILENCE: Duration = Duration::from_secs(900);

/// What a command did.
pub(crate) struct Watched {
    /// Its output and its errors, in the order in which it said them.
    pub(crate) text: String,
    pub(crate) good: bool,
}

impl Watched {
    /// What it said, as the error if it failed.
    pub(crate) fn outcome(self) -> Result<String, String> {
        if self.good { Ok(self.text) } else { Err(self.text) }
    }

    fn not_begun(problem: String) -> Self {
        Self { text: problem, good: false }
    }
}

/// Runs a command to its end, and tells each line as it comes.
pub(crate) fn watch(mut command: Command, mut say: impl FnMut(&str)) -> Watched {
    let shown = format!("{command:?}");
    let (reader, writer) = match std::io::pipe() {
        Ok(pipe) => pipe,
        Err(problem) => return Watched::not_begun(format!("no pipe: {problem}")),
    };
    let second = match writer.try_clone() {
        Ok(second) => second,
        Err(problem) => return Watched::not_begun(format!("no pipe: {problem}")),
    };
    // What is kept and searched through has no colours in it, whatever a tool thinks of its output.
    command.env("CARGO_TERM_COLOR", "never").env("TERM", "dumb");
    command.stdin(Stdio::null()).stdout(writer).stderr(second);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(problem) => return Watched::not_begun(format!("cannot run {shown}: {problem}")),
    };
    // The command holds the other ends of the pipe until it is dropped, and reading would never end.
    drop(command);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || BufReader::new(reader).split(b'\n').map_while(Result::ok).try_for_each(|line| tell.send(line)));
    let mut text = String::new();
    loop {
        match told.recv_timeout(SILENCE) {
            Ok(line) => {
                let line = String::from_utf8_lossy(&line);
                say(&line);
                text.push_str(&line);
                text.push('\n');
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                processes::end_all_below(child.id());
                text.push_str(&format!("error: nothing was said for {} minutes, so it was stopped\n", SILENCE.as_secs() / 60));
            }
        }
    }
    let good = child.wait().is_ok_and(|status| status.success());
    Watched { text, good }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_are_kept_and_told() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo one; echo two >&2; exit 3"]);
        let mut told = Vec::new();
        let watched = watch(shell, |line| told.push(line.to_owned()));
        assert_eq!(told, ["one", "two"]);
        assert_eq!(watched.outcome(), Err("one\ntwo\n".to_owned()));
    }

    #[test]
    fn what_is_not_there_is_said() {
        let watched = watch(Command::new("/nowhere/at-all"), |_| ());
        assert!(!watched.good && watched.text.starts_with("cannot run \"/nowhere/at-all\": "), "{}", watched.text);
    }
}
