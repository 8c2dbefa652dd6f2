//! What children of the tortures do. A line on stdout is said only after what it says has come true.

mod session;
mod write;

use std::io::Write as _;
use std::process::ExitCode;

use keyfob::Error;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::book;

/// Runs the child that the words name.
pub fn run(words: &[String]) -> ExitCode {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done: Done = match words.as_slice() {
        ["write", place, after, options @ ..] => write::run(place, after, options).map_err(Error::from),
        ["refresh", place, origin, options @ ..] => session::refresh(place, origin, options),
        ["persist", place, origin] => session::persist(place, origin),
        ["token", place, origin, options @ ..] => session::token(place, origin, options),
        ["check", place, acknowledged, newest] => write::check(place, acknowledged, newest).map_err(Error::from),
        _ => {
            eprintln!("no such child: {words:?}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error {}", describe(&error)));
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

/// The number behind an option such as `--most=`.
fn option(options: &[&str], name: &str) -> Option<u64> {
    options.iter().find_map(|option| option.strip_prefix(name)).map(|text| text.parse().expect("a number"))
}

/// `--file-size=N`, `--open-files=N`: limits that it sets itself.
fn limit(options: &[&str]) {
    let limits = [(Resource::Fsize, option(options, "--file-size=")), (Resource::Nofile, option(options, "--open-files="))];
    for (resource, limit) in limits.into_iter().filter(|(_, limit)| limit.is_some()) {
        setrlimit(resource, Rlimit { current: limit, maximum: limit }).expect("less is always allowed");
    }
}

/// Kind and words of an error, with everything below it.
fn describe(error: &Error) -> String {
    let kind = match error {
        Error::Store(error) => return book::describe(error),
        Error::Protocol(_) => "protocol",
        Error::NeedsLogin { .. } => "needs-login",
        Error::Held { .. } => "held",
        Error::Unsaved { .. } => "unsaved",
        Error::Stopped { .. } => "stopped",
        _ => "other",
    };
    format!("{kind}: {error}").replace('\n', " ")
}

/// What a child ends with.
type Done = Result<(), Error>;
