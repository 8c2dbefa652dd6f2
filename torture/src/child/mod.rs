//! What children of the tortures do. A line on stdout is said only after what it says has come true.

mod write;

use std::io::Write as _;
use std::process::ExitCode;

use keyfob::StoreError;

use crate::book;

/// Runs the child that the words name.
pub fn run(words: &[String]) -> ExitCode {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["write", path, after, options @ ..] => write::run(path, after, options),
        ["check", path, acknowledged, newest] => write::check(path, acknowledged, newest),
        _ => {
            eprintln!("no such child: {words:?}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error {}", book::describe(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Says a line, whole and at once.
fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    // Nobody listens any more: then nobody needs to know.
    let _ = stdout.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdout.flush());
}

/// What a child ends with.
type Done = Result<(), StoreError>;
