//! `/activity`: the book, as its person reads it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use keyfob::proto::encode;
use keyfob::store::EntryNumber;

use crate::audit::{Entry, Line, What, Who};
use crate::browser::Visit;
use crate::failure::Failure;
use crate::page::{self, Forms, Frame};
use crate::site::Site;

/// Lines on a page.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "activity.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    /// How many lines between them cannot be read.
    unreadable: usize,
    /// Whether these are not the newest.
    is_later: bool,
    /// Where the next ones are.
    older: Option<u64>,
}

struct Row {
    /// As an element.
    at: String,
    who: String,
    what: String,
    account: Option<String>,
    /// The status of the answer, and whether it is a good one.
    status: Option<(u16, bool)>,
}

pub(crate) async fn show(State(site): State<Arc<Site>>, RawQuery(query): RawQuery, visit: Visit) -> Result<Response, Failure> {
    let gate = site.gate.as_ref().ok_or_else(Failure::nowhere)?;
    let fields = encode::decode_text_pairs(query.unwrap_or_default().as_bytes()).map_err(|_| Failure::nowhere())?;
    let before = match fields.iter().find(|(name, _)| name == "before") {
        Some((_, number)) => Some(EntryNumber(number.parse().map_err(|_| Failure::nowhere())?)),
        None => None,
    };
    let excerpt = gate.book.read(Some(visit.person()), before, MOST).await?;
    let notice = site.take_notice(&visit).await;
    let rows = excerpt.entries.into_iter().map(|entry| Row::of(entry, &visit)).collect();
    let older = excerpt.rest.map(|last| last.0);
    let page = Page { frame: Frame::of(&visit, notice), rows, unreadable: excerpt.unreadable, is_later: before.is_some(), older };
    Ok(page::respond(StatusCode::OK, &page, &Forms::Here))
}

impl Row {
    fn of(entry: Entry, visit: &Visit) -> Self {
        let Entry { at, line: Line { who, what }, .. } = entry;
        let who = match who {
            Who::Key { key_name, .. } => format!("Key {key_name}"),
            Who::Person { person } if person == visit.person() => "You".to_owned(),
            Who::Person { .. } => "The owner".to_owned(),
            Who::Token { token_name, .. } => format!("Program {token_name}"),
            // So that two can be told apart; the whole number is for programs.
            Who::Link { link } => format!("Somebody, by the link {}", beginning(&link)),
            Who::Command => "The command".to_owned(),
            Who::Program => "Keyfob".to_owned(),
            Who::Other => "Somebody".to_owned(),
        };
        let (what, account, status) = told(what);
        Self {
            at: page::moment_element(at.as_unix()),
            who,
            what,
            account,
            status: status.map(|status| (status, (200..400).contains(&status))),
        }
    }
}

/// As much of a number as tells it from others.
fn beginning(number: &str) -> String {
    number.chars().take(8).chain(['…']).collect()
}

/// What was done, with which account, and the status of its answer.
fn told(what: What) -> (String, Option<String>, Option<u16>) {
    match what {
        What::Called { account, method, path, status, problem, .. } => {
            let refused = problem.map(|problem| format!(" ({problem})")).unwrap_or_default();
            (format!("{method} {path}{refused}"), Some(account), Some(status))
        }
        What::TokenAsked { account, status, .. } => ("asked for the access token".to_owned(), Some(account), Some(status)),
        What::KeyMade { name, account, mut allows, may_see_token, .. } => {
            allows.extend(may_see_token.then(|| "see the token".to_owned()));
            (format!("made the key {name}: {}", allows.join(", ")), Some(account), None)
        }
        What::KeyRevoked { name, account, .. } if name.is_empty() => {
            ("revoked a key".to_owned(), Some(account).filter(|name| !name.is_empty()), None)
        }
        What::KeyRevoked { name, account, .. } => (format!("revoked the key {name}"), Some(account), None),
        What::Connected { account } => ("connected it".to_owned(), Some(account), None),
        What::Renamed { account, title: Some(title) } => (format!("calls it {title}"), Some(account), None),
        What::Renamed { account, title: None } => ("calls it by its name again".to_owned(), Some(account), None),
        What::Disconnected { account, revoked } => {
            let told = if revoked { "disconnected it, and had its tokens revoked" } else { "disconnected it" };
            (told.to_owned(), Some(account), None)
        }
        What::Refreshed { account } => ("asked for new tokens".to_owned(), Some(account), None),
        What::AppKept { provider } => (format!("kept an app for {provider}"), None, None),
        What::ReturnUrlMade { to } => (format!("may send people to {to}"), None, None),
        What::ReturnUrlRemoved { to } => (format!("may not send people to {to} any more"), None, None),
        What::SignInLinked => ("can sign in with another account from now on".to_owned(), None, None),
        What::Acted { account, action, subject, status } => {
            let subject = subject.map(|subject| format!(": {subject}")).unwrap_or_default();
            (format!("{}{subject}", page::words(&action)), Some(account), Some(status))
        }
        What::TokenMade { name, .. } => (format!("made a token for the program {name}"), None, None),
        What::TokenRevoked { name, .. } => (format!("revoked the token of the program {name}"), None, None),
        What::LinkMade { account, link } => {
            (format!("made the link {} for somebody else to connect it", beginning(&link)), Some(account), None)
        }
        What::LinkCancelled { account, link } => (format!("took back the link {} to connect it", beginning(&link)), Some(account), None),
        What::WebhookMade { to, .. } => (format!("has events told to {to}"), None, None),
        What::WebhookRotated { .. } => ("gave a webhook another secret".to_owned(), None, None),
        What::WebhookRemoved { to, .. } => (format!("has no events told to {to} any more"), None, None),
        What::Invited { name } => (format!("invited {name}"), None, None),
        What::Uninvited { name } => (format!("took the invitation of {name} back"), None, None),
        What::PersonRemoved { name, .. } => (format!("removed {name}"), None, None),
        What::SignedIn => ("signed in".to_owned(), None, None),
        What::SignedOut => ("signed out".to_owned(), None, None),
        What::Resumed => ("could not write down what was done before this".to_owned(), None, None),
        What::Other => ("did something that a newer version knows".to_owned(), None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_may_see_the_token_is_told_as_one() {
        let made = |may_see_token| {
            let what = What::KeyMade {
                key: "1".into(),
                name: "cron".into(),
                account: "hub".into(),
                allows: vec!["GET /**".into()],
                may_see_token,
            };
            told(what).0
        };
        assert_eq!(made(true), "made the key cron: GET /**, see the token");
        assert_eq!(made(false), "made the key cron: GET /**");
    }
}
