//! The book: who did what, with which account, when, and what came of it; of an action, also which thing it was done with. Never else what is in a query or a
//! body, nor a header or a secret.
//!
//! A line is durable before the answer that it is about leaves (L17). Where it cannot be written there is no answer: 503, and it says so. What was
//! done upstream by then is done; so once a line has failed, nothing more is begun until the book can be written again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keyfob::StoreError;
use keyfob::proto::Timestamp;
use keyfob::store::{EntryNumber, Stored};
use keyfob_store::Shelf;
use keyfob_store::shelf::Act;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::json::Object;

/// Room for a line. Few are longer, and a buffer that grows is copied.
const USUAL: usize = 256;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Who {
    /// A valet key.
    Key {
        /// Its public number.
        key: String,
        /// What a person calls it.
        key_name: String,
    },
    /// A person, at a page.
    Person {
        /// Their id.
        person: String,
    },
    /// A program that acts for a person, with a token of theirs.
    Token {
        /// Its public number.
        token: String,
        /// What the person calls it.
        token_name: String,
    },
    /// Somebody who is nobody here, at the page of a connect link.
    Link {
        /// The link's public number.
        link: String,
    },
    /// Whoever may use the command on this vault.
    Command,
    /// The program itself.
    Program,
    /// Somebody whom a newer version knows.
    #[serde(other)]
    Other,
}

impl Who {
    /// The person of this id, at a page.
    pub(crate) fn person(id: &str) -> Self {
        Self::Person { person: id.to_owned() }
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
#[non_exhaustive]
pub(crate) enum What {
    /// A call was forwarded, or refused by a rule, or failed.
    Called {
        account: String,
        method: String,
        /// Without the query.
        path: String,
        /// The origin it was sent to; none: it was not sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        upstream: Option<String>,
        /// The status of the answer, ours where there was none.
        status: u16,
        /// Why it is ours.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
        /// The length of the answer's body, where it was announced.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
        /// How long it took until the answer's head was there.
        milliseconds: u64,
        request: String,
    },
    /// An access token was handed out, or not.
    TokenAsked { account: String, status: u16, request: String },
    /// A key was made.
    KeyMade { key: String, name: String, account: String, allows: Vec<String>, may_see_token: bool },
    /// A key was taken back.
    KeyRevoked { key: String, name: String, account: String },
    /// An account was connected, for the first time or again.
    Connected { account: String },
    /// A person calls it otherwise, on pages; none: as it is called without.
    Renamed {
        account: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    /// An account was forgotten; whether its tokens were revoked.
    Disconnected { account: String, revoked: bool },
    /// New tokens were asked for, out of turn.
    Refreshed { account: String },
    /// An app was kept, in place of the one that was there.
    AppKept { provider: String },
    /// Somebody for whom an account was connected may be sent there.
    ReturnUrlMade { to: String },
    /// Nobody is sent there any more.
    ReturnUrlRemoved { to: String },
    /// Whoever this person is at the issuer of this place is them here, from now on.
    SignInLinked,
    /// An action of a page was done.
    Acted {
        account: String,
        action: String,
        /// With what: the name or the id of the lock, where it is one of several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        status: u16,
    },
    /// A token of a person was made.
    TokenMade { made: String, name: String },
    /// A token of a person was taken back.
    TokenRevoked { made: String, name: String },
    /// A page for somebody else to connect an account on was made.
    LinkMade { link: String, account: String },
    /// Such a page was taken back.
    LinkCancelled { link: String, account: String },
    /// Events are told there from now on.
    WebhookMade { webhook: String, to: String },
    /// They are signed with another secret from now on.
    WebhookRotated { webhook: String },
    /// They are not told there any more.
    WebhookRemoved { webhook: String, to: String },
    /// Somebody was invited.
    Invited { name: String },
    /// An invitation was taken back.
    Uninvited { name: String },
    /// Somebody was removed, with all they had.
    PersonRemoved { removed: String, name: String },
    /// Somebody signed in.
    SignedIn,
    /// Somebody signed out.
    SignedOut,
    /// The book can be written again; lines are missing before this one.
    Resumed,
    /// Something that a newer version knows.
    #[serde(other)]
    Other,
}

/// A line of the book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    #[serde(flatten)]
    pub(crate) who: Who,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// Who uses an account: a part of [`Who`], as a use is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doer<'a> {
    Key { key: &'a str, key_name: &'a str },
    Person { person: &'a str },
}

/// What is done with an account: a part of [`What`], as it is written with each request of a program. Nothing in it is copied for that.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed<'a> {
    Called {
        account: &'a str,
        method: &'a str,
        path: &'a str,
        upstream: Option<&'a str>,
        status: u16,
        problem: Option<&'a str>,
        bytes: Option<u64>,
        milliseconds: u64,
        request: &'a str,
    },
    TokenAsked {
        account: &'a str,
        status: u16,
        request: &'a str,
    },
}

/// A line that was read.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) line: Line,
}

/// Whether something that is done is written down, too: in the book, and where a person's things are listed. If not, it is done all the same, and whoever did
/// it is told both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Noted {
    Yes,
    No,
}

impl Noted {
    /// What is done and cannot be written down is no reason to do it again.
    pub(crate) fn of<E: std::fmt::Display>(written: &Result<(), E>) -> Self {
        match written {
            Ok(()) => Self::Yes,
            Err(error) => {
                tracing::error!(%error, "what was done could not be written down");
                Self::No
            }
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::Yes { other } else { Self::No }
    }
}

/// The book of a running web app.
#[derive(Debug)]
pub(crate) struct Book {
    shelf: Arc<dyn Shelf>,
    /// Whether the last line could not be written.
    closed: AtomicBool,
}

impl Book {
    pub(crate) fn new(shelf: Arc<dyn Shelf>) -> Self {
        Self { shelf, closed: AtomicBool::new(false) }
    }

    /// Writes a line into the book of this person; durable when it is acknowledged.
    pub(crate) fn write(
        &self,
        owner: Option<&str>,
        who: Who,
        what: What,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<'_> {
        self.know(record(&*self.shelf, owner, who, what, now))
    }

    /// The same of what a program does, again and again.
    pub(crate) fn write_use<'a>(
        &'a self,
        owner: &str,
        who: Doer<'_>,
        what: &Deed<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<'a> {
        let mut content = Vec::with_capacity(USUAL);
        what.write(who, &mut content);
        self.know(put(&*self.shelf, Some(owner), content, now))
    }

    async fn know(&self, written: Stored<'_, ()>) -> Result<(), StoreError> {
        let written = written.await;
        self.closed.store(written.is_err(), Ordering::Relaxed);
        written.inspect_err(|error| tracing::error!(%error, "the book cannot be written"))
    }

    /// Before something is done that the book has to tell of: an error if the last line could not be written, and another one cannot be either.
    pub(crate) async fn open(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            self.write(None, Who::Program, What::Resumed, now).await?;
        }
        Ok(())
    }

    /// The newest lines before that one, the newest first: all, or those in a person's book.
    pub(crate) async fn read(&self, owner: Option<&str>, before: Option<EntryNumber>, most: usize) -> Result<Excerpt, StoreError> {
        // One more than is shown tells whether there are more.
        let mut lines = match self.shelf.acts(owner, before, most + 1).await {
            Err(StoreError::Corrupt(_)) => self.one_by_one(owner, before, most + 1).await?,
            acts => acts?.into_iter().map(|(number, act)| (number, Some(act))).collect(),
        };
        let is_more = lines.len() > most;
        lines.truncate(most);
        Ok(Excerpt {
            rest: lines.last().filter(|_| is_more).map(|(number, _)| *number),
            unreadable: lines.iter().filter(|(_, act)| act.is_none()).count(),
            entries: lines.iter().filter_map(|(_, act)| Some(Entry::of(act.as_ref()?))).collect(),
        })
    }

    /// The same where one of them is damaged, and has nothing.
    async fn one_by_one(
        &self,
        owner: Option<&str>,
        before: Option<EntryNumber>,
        most: usize,
    ) -> Result<Vec<(EntryNumber, Option<Act>)>, StoreError> {
        let mut lines = Vec::new();
        for number in self.shelf.numbers(owner, before, most).await? {
            match self.shelf.acts(owner, Some(EntryNumber(number.0.saturating_add(1))), 1).await {
                // Where it was swept meanwhile, this is an older one.
                Ok(found) => lines.extend(found.into_iter().filter(|(found, _)| *found == number).map(|(number, act)| (number, Some(act)))),
                Err(error @ StoreError::Corrupt(_)) => {
                    tracing::warn!(number = number.0, %error, "a line of the book is left out: it cannot be read");
                    lines.push((number, None));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(lines)
    }
}

/// A part of the book.
#[derive(Debug)]
pub(crate) struct Excerpt {
    /// The newest first.
    pub(crate) entries: Vec<Entry>,
    /// How many lines cannot be read, and were left out. The log names them.
    pub(crate) unreadable: usize,
    /// The last of these lines, if there are more before it.
    pub(crate) rest: Option<EntryNumber>,
}

impl Entry {
    fn of(act: &Act) -> Self {
        let line = serde_json::from_slice(&act.content);
        let line = line.unwrap_or(Line { who: Who::Other, what: What::Other });
        Self { at: act.at, line }
    }
}

/// Writes a line, for whoever has no web app running.
pub(crate) fn record<'a>(shelf: &'a dyn Shelf, owner: Option<&str>, who: Who, what: What, now: Timestamp) -> Stored<'a, ()> {
    let mut content = Vec::with_capacity(USUAL);
    serde_json::to_writer(&mut content, &Line { who, what }).expect("text and numbers are always JSON");
    put(shelf, owner, content, now)
}

fn put<'a>(shelf: &'a dyn Shelf, owner: Option<&str>, content: Vec<u8>, now: Timestamp) -> Stored<'a, ()> {
    shelf.record(vec![Act { at: now, owner: owner.map(str::to_owned), content: Zeroizing::new(content) }])
}

impl Deed<'_> {
    /// Whether it may have changed anything beyond here. A token that is asked for may be renewed, unless that was refused.
    pub(crate) fn has_left(&self) -> bool {
        match *self {
            Self::Called { upstream, .. } => upstream.is_some(),
            Self::TokenAsked { status, .. } => !(400..500).contains(&status),
        }
    }

    /// As serde would write the [`Line`] of it.
    fn write(&self, who: Doer<'_>, to: &mut Vec<u8>) {
        let mut line = Object::begin(to);
        match who {
            Doer::Key { key, key_name } => line.word("who", "key").text("key", key).text("key_name", key_name),
            Doer::Person { person } => line.word("who", "person").text("person", person),
        };
        match *self {
            Self::Called { account, method, path, upstream, status, problem, bytes, milliseconds, request } => {
                line.word("act", "called").text("account", account).text("method", method).text("path", path);
                if let Some(upstream) = upstream {
                    line.text("upstream", upstream);
                }
                line.number("status", status.into());
                if let Some(problem) = problem {
                    line.text("problem", problem);
                }
                if let Some(bytes) = bytes {
                    line.number("bytes", bytes);
                }
                line.number("milliseconds", milliseconds).text("request", request);
            }
            Self::TokenAsked { account, status, request } => {
                line.word("act", "token-asked").text("account", account).number("status", status.into()).text("request", request);
            }
        }
        line.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_newer_version_is_a_line() {
        let line: Line = serde_json::from_str(r#"{"who":"robot","act":"danced","steps":3}"#).expect("a line");
        assert_eq!(line, Line { who: Who::Other, what: What::Other });
        let line = Line {
            who: Who::Key { key: "1".to_owned(), key_name: "cron".to_owned() },
            what: What::TokenAsked { account: "august".to_owned(), status: 200, request: "r".to_owned() },
        };
        let text = serde_json::to_string(&line).expect("JSON");
        assert_eq!(serde_json::from_str::<Line>(&text).expect("a line"), line, "{text}");
    }

    #[test]
    fn what_a_program_does_is_written_as_all_else_is() {
        let (key, key_name, person) = ("1", "the \"garage\"", "p");
        let key = (Doer::Key { key, key_name }, Who::Key { key: key.to_owned(), key_name: key_name.to_owned() });
        let asked = What::TokenAsked { account: "a/b".to_owned(), status: 404, request: "r\n".to_owned() };
        let asked = (Deed::TokenAsked { account: "a/b", status: 404, request: "r\n" }, asked);
        let called = |upstream: Option<&'static str>, problem: Option<&'static str>, bytes| {
            let (account, method, path, status, milliseconds, request) = ("a", "GET", "/locks/\\", 200, 12, "r");
            let deed = Deed::Called { account, method, path, upstream, status, problem, bytes, milliseconds, request };
            let [account, method, path, request] = [account, method, path, request].map(str::to_owned);
            let (upstream, problem) = (upstream.map(str::to_owned), problem.map(str::to_owned));
            (deed, What::Called { account, method, path, upstream, status, problem, bytes, milliseconds, request })
        };
        let whole = called(Some("https://api.example"), Some("rate"), Some(0));
        for (doer, who) in [key, (Doer::Person { person }, Who::person(person))] {
            for (deed, what) in [asked.clone(), whole.clone(), called(None, None, None)] {
                let mut written = Vec::new();
                deed.write(doer, &mut written);
                let line = serde_json::to_string(&Line { who: who.clone(), what }).expect("JSON");
                assert_eq!(String::from_utf8(written).expect("text"), line);
            }
        }
    }
}
