//! A request on its way to a handler: who calls, what the path and the query name, and a body that fits.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use keyfob::proto::{Timestamp, encode};
use keyfob_providers::nearest;
use keyfob_store::Shelf;
use serde_json::Value;

use super::caller::Caller;
use super::cursor::Window;
use super::operation::Operation;
use super::standing::stays;
use super::{once, shape, strict};
use crate::audit::What;
use crate::forward::Gate;
use crate::guard::{Lacking, whole};
use crate::people::People;
use crate::problem::Problem;
use crate::site::Site;

/// The largest body.
const LARGEST: usize = 64 * 1024;

/// What a handler gets.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) site: Arc<Site>,
    pub(super) caller: Caller,
    named: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    list: &'static str,
    once: Option<String>,
    body: Option<Value>,
}

impl Call {
    /// Lets a request in.
    pub(super) async fn begin(
        site: Arc<Site>,
        operation: &'static Operation,
        named: BTreeMap<String, String>,
        request: Request,
    ) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let mut caller = Caller::of(&site, &parts).await?;
        if operation.for_owner && !caller.is_owner() {
            return Err(Problem::not_here());
        }
        let query = query(parts.uri.query(), operation)?;
        let once = if operation.is_once() { once::named(&parts.headers)? } else { None };
        let body = match &operation.body {
            Some(shape) => {
                let value = read(&parts, body).await?;
                // It takes as long to come as its sender likes, and who that is may be nobody by then.
                caller = Caller::of(&site, &parts).await?;
                shape::judge(&shape.schema, &value)?;
                Some(value)
            }
            None => None,
        };
        Ok(Self { site, caller, named, query, list: operation.id, once, body })
    }

    /// Does what is asked for, and gives the answer.
    pub(super) async fn run(mut self, operation: &'static Operation) -> Result<Response, Problem> {
        let body = self.body.take();
        let site = self.site.clone();
        let Some(key) = self.once.take() else {
            let answer = self.done(operation, body).await?;
            return Ok(json(operation.status, &answer));
        };
        let (shelf, now) = (&*site.people()?.shelf, site.keyfob.now());
        let turn = match once::begin(shelf, &key, &self.caller, operation, &self.named, body.as_ref(), now).await? {
            once::Turn::Again(answer) => return Ok(json(operation.status, &answer)),
            once::Turn::First(turn) => turn,
        };
        match self.done(operation, body).await {
            Ok(answer) => {
                turn.done(shelf, &answer, operation.shown_once, now).await;
                Ok(json(operation.status, &answer))
            }
            Err(problem) => {
                turn.failed(shelf).await;
                Err(problem)
            }
        }
    }

    async fn done(self, operation: &'static Operation, body: Option<Value>) -> Result<Value, Problem> {
        let (site, caller) = (self.site.clone(), self.caller.clone());
        let answer = operation.call(self, body).await?;
        if operation.hands_out() && !stays(&site, &caller.person.id, &caller.by).await {
            return Err(if caller.is_browser { Caller::missing() } else { Caller::unknown() });
        }
        Ok(answer)
    }

    /// What the path names.
    pub(super) fn named(&self, name: &str) -> &str {
        self.named.get(name).map_or("", String::as_str)
    }

    /// What the query says.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Which part of a list is asked for.
    pub(super) fn window(&self) -> Result<Window, Problem> {
        Window::read(self.list, self.query("limit"), self.query("cursor"))
    }

    pub(super) fn person(&self) -> &str {
        &self.caller.person.id
    }

    pub(super) fn now(&self) -> Timestamp {
        self.site.keyfob.now()
    }

    pub(super) fn people(&self) -> Result<&People, Problem> {
        Ok(self.site.people()?)
    }

    pub(super) fn shelf(&self) -> Result<&dyn Shelf, Problem> {
        Ok(&*self.people()?.shelf)
    }

    pub(super) fn gate(&self) -> Result<&Gate, Problem> {
        self.site.gate.as_ref().ok_or_else(Problem::not_here)
    }

    /// Writes into the person's book what is about to be done: better a line too many than one too few.
    pub(super) async fn tell(&self, what: What) -> Result<(), Problem> {
        self.write(what, "Nothing was done.").await
    }

    /// The same of what is done, where only its end says what there is to write. Nobody is told that they may do it again.
    pub(super) async fn tell_of_done(&self, what: What) -> Result<(), Problem> {
        self.write(what, "It was done all the same.").await
    }

    async fn write(&self, what: What, done: &str) -> Result<(), Problem> {
        let written = self.gate()?.book.write(Some(self.person()), self.caller.by.clone(), what, self.now()).await;
        written.map_err(|_| Problem::unavailable("book", format!("The book of who did what cannot be written. {done}")))
    }
}

fn json(status: StatusCode, answer: &Value) -> Response {
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer.to_string()).into_response()
}

/// The parameters, each of them known, and there once.
fn query(query: Option<&str>, operation: &Operation) -> Result<BTreeMap<String, String>, Problem> {
    let wrong = |detail: String| Problem::bad_request("query", detail);
    let pairs = encode::decode_text_pairs(query.unwrap_or_default().as_bytes()).map_err(|_| wrong("The query is no text.".to_owned()))?;
    let known = operation.queries();
    let mut found = BTreeMap::new();
    for (name, value) in pairs {
        let shown = keyfob::proto::scrub::printable(&name);
        if !known.contains(&name.as_str()) {
            let problem = wrong(format!("There is no parameter \"{shown}\" here."));
            return Err(match nearest(&name, known.iter().copied()) {
                Some(near) => problem.hint(format!("did you mean \"{near}\"?")),
                None => problem,
            });
        }
        let filter = operation.filters.iter().find(|filter| filter.name == name && !filter.choices.is_empty());
        if let Some(choices) = filter.map(|filter| filter.choices).filter(|choices| !choices.contains(&value.as_str())) {
            return Err(wrong(format!("\"{shown}\" should be one of {}, and is another.", choices.join(", "))));
        }
        if found.insert(name, value).is_some() {
            return Err(wrong(format!("The parameter \"{shown}\" is there twice.")));
        }
    }
    Ok(found)
}

async fn read(parts: &Parts, body: axum::body::Body) -> Result<Value, Problem> {
    let media_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media_type.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "The body has to be application/json, and say so."));
    }
    strict::read(&whole(body, LARGEST).await.map_err(lacking)?)
}

/// A body that is not here as a whole.
fn lacking(why: Lacking) -> Problem {
    let again = |problem: Problem| problem.hint("send the whole of it once more: nothing was done");
    match why {
        Lacking::TooLarge => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", format!("The body is larger than {} KiB.", LARGEST / 1024))
        }
        Lacking::Silent => again(Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "The body did not come to its end in time.")),
        Lacking::CutOff => again(Problem::bad_request("body", "The body was cut off before its end.")),
    }
}
