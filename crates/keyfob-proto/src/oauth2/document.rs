//! A JSON document that a server hands out about itself or about us, read member by member: metadata, registrations, introspection answers.
//!
//! Strict in what is read: a member of another type than its specification says is refused, since nobody can say what was meant. Members that are
//! unknown are left alone, and `null` counts as absent.

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use serde_json::{Map, Value};

use super::json::Json;
use super::json_answer::{Shape, form, is_form};
use super::{error_response, json};
use crate::endpoint::Endpoint;
use crate::error::{Error, Misbehaved};
use crate::jose::jwt::numeric_date;
use crate::message::Incoming;
use crate::reach::Reach;
use crate::scrub::{self, Scrubber};
use crate::time::Timestamp;

/// More than this is no document about a server or a client (F6).
pub(crate) const LARGEST: usize = 256 * 1024;

/// One JSON object, and the section that says what is in it.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) members: &'a Map<String, Value>,
    pub(crate) section: &'static str,
}

/// The members of an answer that succeeded. A redirect is not followed, and says so: whoever can redirect us can choose what we believe (F5).
pub(crate) fn receive(answer: Incoming<'_>, section: &'static str, scrubber: &Scrubber) -> Result<Map<String, Value>, Error> {
    let otherwise = |found: String| Err(Misbehaved::new(section, "a JSON answer", found).with_status(answer.status).into());
    let shape = Shape { section, wanted: "a JSON object", largest: LARGEST, scrubber };
    Ok(shape.read(answer, |answer| refusal(answer, section, scrubber), otherwise)?.into_map())
}

/// An answer that has nothing to say but yes (RFC 7009 §2.2, RFC 7592 §2.3): its status says it, and its body is ignored, but for an error: whoever is told
/// of one and goes on as if a token were gone leaves it alive (C14).
pub(crate) fn acknowledged<'a>(
    answer: Incoming<'a>,
    section: &'static str,
    scrubber: &Scrubber,
    refusal: impl FnOnce(Incoming<'a>) -> Error,
) -> Result<(), Error> {
    if answer.status.is_redirection() || answer.status.is_informational() {
        let found = "a redirect, which is never followed with a token";
        return Err(Misbehaved::new(section, "a success", found).with_status(answer.status).into());
    }
    if !answer.status.is_success() {
        return Err(refusal(answer));
    }
    if answer.body.len() > LARGEST {
        return Ok(());
    }
    // In whatever way a server writes it: here nothing is read but whether there is one.
    let Ok(object) = json::members(answer.body).or_else(|_| if is_form(answer) { form(answer.body) } else { Err("no object") }) else {
        return Ok(());
    };
    if object.has("error") {
        return Err(error_response::from_object(&object, answer.status, scrubber));
    }
    if matches!(object.get("errors"), Some(Json::Array(errors)) if !errors.is_empty()) {
        return Err(refusal(answer));
    }
    Ok(())
}

/// An answer whose status says no: with a typed error (RFC 6749 §5.2, RFC 7591 §3.2.2), or without.
pub(crate) fn refusal(answer: Incoming<'_>, section: &'static str, scrubber: &Scrubber) -> Error {
    if answer.body.len() <= LARGEST
        && let Ok(object) = json::members(answer.body)
        && object.text("error").is_some()
    {
        return error_response::from_object(&object, answer.status, scrubber);
    }
    let found = if answer.headers.contains_key(WWW_AUTHENTICATE) { "a demand for credentials" } else { "another answer" };
    let wrong = Misbehaved::new(section, "a JSON object", found).with_status(answer.status);
    let hint = match answer.status {
        status if status.is_server_error() => "the server, or something in front of it, is failing; try again later",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "the server wants to know who asks: check the token or the client's credentials"
        }
        _ => "check the URL, which is not where the server has this",
    };
    wrong.with_hint(hint).into()
}

impl<'a> Document<'a> {
    pub(crate) fn new(members: &'a Map<String, Value>, section: &'static str) -> Self {
        Self { members, section }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// Text without control characters, not empty.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Misbehaved> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if is_plain(text) => Ok(Some(text)),
            Some(_) => Err(self.broke(name, "printable text", "something else")),
        }
    }

    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Misbehaved> {
        self.text(name)?.ok_or_else(|| self.broke(name, "printable text", "a document without it"))
    }

    /// Text for people (a name, say): made fit to show, and dropped where nothing is left of it (F10).
    pub(crate) fn shown(&self, name: &str) -> Result<Option<String>, Misbehaved> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(scrub::printable(text)).filter(|text| !text.trim().is_empty())),
            Some(_) => Err(self.broke(name, "text", "something else")),
        }
    }

    /// A page for people: shown where it is `https`, never fetched (F10).
    pub(crate) fn page(&self, name: &str) -> Result<Option<String>, Misbehaved> {
        Ok(self.shown(name)?.filter(|url| url.starts_with("https://")))
    }

    /// A list of texts; empty where there is none.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, Misbehaved> {
        Ok(self.list(name)?.unwrap_or_default())
    }

    /// The same where absence means something. An empty list is none (RFC 8414 §3.2).
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<String>>, Misbehaved> {
        let wrong = || self.broke(name, "a list of printable texts", "something else");
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                let item = |item: &Value| item.as_str().filter(|text| is_plain(text)).map(str::to_owned).ok_or_else(wrong);
                Ok(Some(items.iter().map(item).collect::<Result<Vec<_>, _>>()?).filter(|items| !items.is_empty()))
            }
            Some(_) => Err(wrong()),
        }
    }

    /// One text or a list of them (`aud`).
    pub(crate) fn one_or_more(&self, name: &str) -> Result<Vec<String>, Misbehaved> {
        match self.get(name) {
            Some(Value::String(_)) => Ok(self.text(name)?.map(str::to_owned).into_iter().collect()),
            _ => self.texts(name),
        }
    }

    /// Scopes in one text, joined by spaces (RFC 6749 §3.3).
    pub(crate) fn scopes(&self, name: &str) -> Result<Option<Vec<String>>, Misbehaved> {
        match self.get(name) {
            Some(Value::String(text)) if text.is_empty() => Ok(Some(Vec::new())),
            _ => Ok(self.text(name)?.map(|text| text.split_ascii_whitespace().map(str::to_owned).collect())),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Misbehaved> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.broke(name, "true or false", "something else")),
        }
    }

    /// Seconds since 1970.
    pub(crate) fn moment(&self, name: &str) -> Result<Option<Timestamp>, Misbehaved> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => numeric_date(value).map(Some).ok_or_else(|| self.broke(name, "a number of seconds", "something else")),
        }
    }

    /// A URL that we send requests to: `https` (or this machine's own), and not where only we can reach (F2, F3).
    pub(crate) fn endpoint(&self, name: &str, reach: &Reach) -> Result<Option<Endpoint>, Misbehaved> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match reach.endpoint(text) {
            Ok(endpoint) => Ok(Some(endpoint)),
            Err(found) => Err(self.broke(name, "an https URL on the open internet or at the document's own host", &found)),
        }
    }

    pub(crate) fn broke(&self, name: &str, expected: &str, found: &str) -> Misbehaved {
        Misbehaved::new(self.section, format!("{name} as {expected}"), found)
    }
}

/// Not empty, and nothing in it that a terminal or a header would take for an order.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}
