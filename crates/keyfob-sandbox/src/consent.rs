//! The person's answer: asked on a page, or decided beforehand by a script.

use std::collections::HashMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::chance;
use crate::desk::{Desk, held};
use crate::message::{Call, Reply, first};
use crate::page;

/// Who answers the consent page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// A person, in a browser.
    #[default]
    Ask,
    /// Nobody: the authorization URL answers at once, with yes.
    Approve,
    /// Nobody: the authorization URL answers at once, with no.
    Deny,
}

/// What the person is asked.
pub(crate) struct Question {
    /// The provider's name for people.
    pub(crate) title: &'static str,
    pub(crate) app: String,
    pub(crate) scopes: Vec<String>,
    /// Whether single scopes can be unticked.
    pub(crate) selectable: bool,
}

/// What the person said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Yes, to these scopes.
    Approve(Vec<String>),
    Deny,
}

/// Questions on open pages; `T` is what the service needs to go on.
pub(crate) struct Consents<T>(Mutex<HashMap<String, Waiting<T>>>);

struct Waiting<T> {
    asked: i64,
    selectable: bool,
    scopes: Vec<String>,
    then: T,
}

/// A page left open longer than this is void.
const PATIENCE: i64 = 600;
/// Pages open at once; beyond it the oldest is void.
const PAGES: usize = 1000;

impl<T> Default for Consents<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Consents<T> {
    /// Shows the page, or goes on at once where consent is scripted.
    pub(crate) fn ask(&self, desk: &Desk, call: &Call, question: Question, then: T, finish: impl FnOnce(T, Answer) -> Reply) -> Reply {
        match desk.consent() {
            Consent::Deny => return finish(then, Answer::Deny),
            Consent::Approve => {
                let withheld = desk.faults().withheld_scopes.clone();
                let granted = question.scopes.into_iter().filter(|s| !withheld.contains(s)).collect();
                return finish(then, Answer::Approve(granted));
            }
            Consent::Ask => {}
        }
        let ticket = chance::opaque();
        let page = page::consent(&question, call.path(), &ticket);
        let mut waiting = held(&self.0);
        let now = desk.now();
        waiting.retain(|_, page| now - page.asked <= PATIENCE);
        if waiting.len() >= PAGES
            && let Some(oldest) = waiting.iter().min_by_key(|(_, page)| page.asked).map(|(key, _)| key.clone())
        {
            waiting.remove(&oldest);
        }
        waiting.insert(ticket, Waiting { asked: now, selectable: question.selectable, scopes: question.scopes, then });
        page
    }

    /// Takes the page's form. The ticket is unguessable and good once, so that no other site can post it.
    pub(crate) fn answer(&self, desk: &Desk, call: &Call, finish: impl FnOnce(T, Answer) -> Reply) -> Reply {
        let taken = first(&call.form, "ticket").and_then(|ticket| held(&self.0).remove(ticket));
        let Some(page) = taken.filter(|page| desk.now() - page.asked <= PATIENCE) else {
            return page::refusal(400, "This page is no longer valid", "Go back to the app and start the login again.");
        };
        let answer = match first(&call.form, "decision") {
            Some("approve") => {
                let ticked = |scope: &String| call.form.iter().any(|(name, value)| name == "scope" && value == scope);
                Answer::Approve(page.scopes.into_iter().filter(|s| !page.selectable || ticked(s)).collect())
            }
            _ => Answer::Deny,
        };
        finish(page.then, answer)
    }
}
