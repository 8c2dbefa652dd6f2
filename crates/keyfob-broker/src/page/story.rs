//! What became of an account's tokens, in words for a page: the flight recorder without its fingerprints.

use keyfob::history::{Entry, Event};
use keyfob::proto::Scrubber;
use keyfob::proto::scrub::printable;

use super::moment;
use crate::failure::sentence;

/// So many are told; `keyfob status --history` has the rest.
const MOST: usize = 8;

/// Something that happened.
pub(crate) struct Told {
    pub(crate) what: &'static str,
    pub(crate) why: String,
    /// When, as an element.
    pub(crate) at: String,
    pub(crate) tone: &'static str,
}

/// The newest entries, the newest first.
pub(crate) fn told(entries: &[Entry], scrubber: &Scrubber) -> Vec<Told> {
    let one = |entry: &Entry| {
        let (what, why, tone) = words(&entry.event);
        let why = sentence(&printable(&scrubber.mask(&why)));
        Told { what, why, at: moment::element(entry.at.as_unix()), tone }
    };
    entries.iter().rev().take(MOST).map(one).collect()
}

fn words(event: &Event) -> (&'static str, String, &'static str) {
    match event {
        Event::LoggedIn { imported: true, .. } => ("Imported", "its tokens were made elsewhere".to_owned(), "good"),
        Event::LoggedIn { .. } => ("Logged in", String::new(), "good"),
        Event::Refreshed { refresh, .. } => ("Renewed", refresh.why.clone(), "good"),
        Event::RefreshFailed { reason, unanswered: true, .. } => {
            ("Not renewed", format!("{reason}; it may have reached the provider"), "warn")
        }
        Event::RefreshFailed { reason, .. } => ("Not renewed", reason.clone(), "warn"),
        Event::NeedsLogin { reason, .. } => ("Login needed", reason.clone(), "bad"),
        Event::Abandoned { .. } => ("Found unfinished", "a program began to renew it, and never wrote the end".to_owned(), "warn"),
        Event::Unsaved { reason, .. } => ("Renewed, and not kept yet", reason.clone(), "warn"),
        Event::Renamed { from } => ("Renamed", format!("it was called {from}"), ""),
        Event::LoggedOut { revoked: true } => ("Logged out", "the provider forgot its tokens, too".to_owned(), ""),
        Event::LoggedOut { .. } => ("Logged out", "the provider was not told, or did not listen".to_owned(), ""),
        _ => ("Something newer", "this version has no words for it".to_owned(), ""),
    }
}
