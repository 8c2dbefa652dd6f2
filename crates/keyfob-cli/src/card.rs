//! Error cards: what went wrong, why, and what to do next. Three lines, always.
//!
//! ```text
//! error: cannot log in to telldus
//! why:   could not connect to https://pa-api.telldus.com
//! next:  check the network, the host's name, and proxy settings
//! ```

use std::error::Error as StdError;
use std::io;

use http::StatusCode;
use keyfob::Error;
use keyfob::proto::scrub::printable;
use keyfob::proto::{Code, Error as ProtoError, TransportKind};
use serde_json::json;

use crate::account::for_its_person;
use crate::again::Again;
use crate::exit::Exit;
use crate::output::{Paint, hang, is_control, without_terminal_controls};

/// Why the command ends before its time.
#[derive(Debug)]
pub(crate) struct Card {
    /// The exit code.
    pub(crate) exit: Exit,
    /// The status of the answer, where it is one of an API that is an error.
    pub(crate) status: Option<StatusCode>,
    what: String,
    why: String,
    next: String,
    /// There is nothing to say, or nobody to say it to: the pipe was closed.
    silent: bool,
}

impl Card {
    /// All three lines.
    pub(crate) fn new(exit: Exit, what: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: why.into(), next: next.into(), status: None, silent: false }
    }

    /// The command was asked for in a way that cannot be.
    pub(crate) fn usage(what: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, why, next)
    }

    /// Whoever read our output has gone: the end, without a word.
    pub(crate) fn nobody_reads() -> Self {
        Self { silent: true, ..Self::new(Exit::Ok, "", "", "") }
    }

    /// Everything was said: the end, with this code.
    pub(crate) fn ended(code: u8) -> Self {
        Self { silent: true, ..Self::new(Exit::Program(code), "", "", "") }
    }

    /// Somebody stopped what goes on until it is stopped: nothing is wrong, and scripts see how it ended.
    pub(crate) fn stopped() -> Self {
        Self { silent: true, ..Self::new(Exit::Interrupted, "", "", "") }
    }

    /// Somebody asked the program to stop.
    pub(crate) fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted", "you, or the system, asked the program to stop", "nothing was lost; run it again")
    }

    /// The same, while something was changed elsewhere, which may have been done by then.
    pub(crate) fn interrupted_in_doing() -> Self {
        Self::interrupted().advising("nothing was lost here; what was asked for may have been done: look before you run it again")
    }

    /// A session's, store's or protocol error that happened while doing something.
    pub(crate) fn of(what: impl Into<String>, error: &Error) -> Self {
        let next = error.hint().map(for_its_person).unwrap_or_else(|| "run it again with KEYFOB_LOG=debug to see each step".to_owned());
        Self::new(exit_of(error), what, with_cause(error), next)
    }

    /// The disk's or system's error that happened while doing something.
    pub(crate) fn io(what: impl Into<String>, error: &io::Error, next: impl Into<String>) -> Self {
        Self::new(Exit::Error, what, error.to_string(), next)
    }

    /// What.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Why.
    pub(crate) fn why(&self) -> &str {
        &self.why
    }

    /// What to do next.
    pub(crate) fn next(&self) -> &str {
        &self.next
    }

    /// With another exit code.
    pub(crate) fn exiting(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// With the status of the answer.
    pub(crate) fn of_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// With another account of what was being done, in place of the one before.
    pub(crate) fn called(mut self, what: impl Into<String>) -> Self {
        self.what = what.into();
        self
    }

    /// With another account of what was being done; what it said before goes before the reason.
    pub(crate) fn saying(mut self, what: impl Into<String>) -> Self {
        let before = std::mem::replace(&mut self.what, what.into());
        self.why = format!("{before}: {}", self.why);
        self
    }

    /// With another reason.
    pub(crate) fn because(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// With other advice.
    pub(crate) fn advising(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// With commands as they have to be typed to work where this one did. Before lines are broken, and quotes are JSON's.
    pub(crate) fn repeating(mut self, again: Again) -> Self {
        for text in [&mut self.why, &mut self.next] {
            *text = again.in_text(text).into_owned();
        }
        self
    }

    /// The card as text for people; `None` if nobody is there.
    pub(crate) fn text(&self, paint: Paint, width: Option<usize>) -> Option<String> {
        if self.silent {
            return None;
        }
        let line = |label: &str, painted: String, text: &str| {
            format!("{painted}{}{}", " ".repeat(7 - label.len()), hang(&printable_line(text), 7, width))
        };
        Some(
            [
                line("error:", paint.bad("error:"), &self.what),
                line("why:", paint.dim("why:"), &self.why),
                line("next:", paint.good("next:"), &self.next),
            ]
            .join("\n"),
        )
    }

    /// The card as a JSON object on one line; `None` if nobody is there.
    pub(crate) fn json(&self) -> Option<String> {
        let Self { what, why, next, .. } = self;
        let card = || json!({"error": {"what": what, "why": why, "next": next, "exit": self.exit.code()}}).to_string();
        // JSON escapes C0 alone; and what quotes a server or a file here has been cleaned before, or has not.
        (!self.silent).then(|| without_terminal_controls(&card()))
    }
}

/// Adds what was being done to an error of the layers below.
pub(crate) trait Doing<T> {
    /// Turns the error into a card that begins with what was being done.
    fn doing(self, what: impl Into<String>) -> Result<T, Card>;
}

impl<T, E: Into<Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl Into<String>) -> Result<T, Card> {
        self.map_err(|error| Card::of(what, &error.into()))
    }
}

fn exit_of(error: &Error) -> Exit {
    match error {
        // It does not pass: who tries again gets as much again.
        Error::Protocol(ProtoError::Transport(error)) if error.kind == TransportKind::TooLarge => Exit::Error,
        Error::Protocol(ProtoError::Transport(_)) => Exit::Network,
        Error::Protocol(ProtoError::Refused(refused)) if refused.code == Code::AccessDenied => Exit::Usage,
        // A URL of somebody else's: no login helps. Where the provider itself has moved, one does.
        Error::Protocol(ProtoError::Misuse(_)) | Error::TakenName { .. } | Error::Unbound { moved: false, .. } => Exit::Usage,
        // What is not over after minutes waits for the vault: requests end before.
        Error::Store(_) | Error::Unsaved { .. } | Error::Unfinished { .. } | Error::NotKept { .. } => Exit::Vault,
        Error::NoAccount { .. }
        | Error::NeedsLogin { .. }
        | Error::AnotherApp { .. }
        | Error::AnotherLogin { .. }
        | Error::Unbound { moved: true, .. } => Exit::SignIn,
        _ => Exit::Error,
    }
}

/// The sentence, and the cause at the very bottom: those between only say that something failed.
fn with_cause(error: &Error) -> String {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    let mut deepest = None;
    while let Some(found) = cause {
        deepest = Some(found.to_string());
        cause = found.source();
    }
    let sentence = error.to_string();
    match deepest.filter(|cause| !cause.is_empty() && !sentence.contains(cause.as_str())) {
        Some(cause) => format!("{sentence} ({})", printable(&cause)),
        None => sentence,
    }
}

/// A card has three lines, read from left to right, whatever is in them.
pub(crate) fn printable_line(text: &str) -> String {
    text.chars().map(|c| if is_control(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use keyfob::proto::{Misuse, Transport};

    use super::*;

    #[test]
    fn a_card_has_three_lines_and_the_deepest_cause() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        let error = Error::from(Transport::new(TransportKind::Connect, "https://a.example").caused_by(io::Error::other(refused)));
        let card = Card::of("cannot call the API", &error);
        assert_eq!(card.exit, Exit::Network);
        let text = card.text(Paint::plain(), None).expect("somebody reads");
        assert_eq!(
            text,
            "error: cannot call the API\n\
             why:   could not connect to https://a.example (connection refused)\n\
             next:  check the network, the host's name, and proxy settings"
        );
    }

    #[test]
    fn k2_text_from_outside_cannot_add_lines_or_turn_them() {
        let card =
            Card::of("x\nerror: y\u{202e}z\u{9b}0m", &Misuse::new("a", "b\u{1b}[2J\nc").into()).advising("\u{2066}do\u{200f} \u{85}\u{7f}");
        let text = card.text(Paint::plain(), None).expect("somebody reads");
        assert_eq!(text.lines().count(), 3);
        let json = card.json().expect("somebody reads");
        for shown in [text, json] {
            assert!(!shown.chars().any(|c| c != '\n' && is_control(c)), "{shown:?}");
        }
    }

    #[test]
    fn as_json_it_keeps_its_parts() {
        let card = Card::usage("what", "why", "next");
        assert_eq!(card.json().as_deref(), Some(r#"{"error":{"exit":2,"next":"next","what":"what","why":"why"}}"#));
    }
}
