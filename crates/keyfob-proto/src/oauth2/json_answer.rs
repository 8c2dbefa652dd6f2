//! What every JSON answer of an authorization server has to be, before anybody looks for members in it; and its members, read strictly.

use http::StatusCode;
use serde_json::{Map, Value};

use super::{error_response, json};
use crate::deviation::{Deviation, Deviations, Tolerated};
use crate::encode;
use crate::error::{Error, Misbehaved};
use crate::message::{Incoming, Outgoing, is_vschar};
use crate::scrub::Scrubber;
use crate::secret::Secret;

/// An ID token is a few kilobytes; nothing that is meant to be one is longer than this.
const LONGEST_ID_TOKEN: usize = 64 * 1024;

/// Reads an answer that `section` describes as one JSON object with `wanted` in it. An `error` is one, whatever the status says.
pub(crate) fn read(
    answer: Incoming<'_>,
    section: &'static str,
    wanted: &'static str,
    allowed: &Deviations,
    scrubber: &Scrubber,
    tolerated: &mut Tolerated,
) -> Result<Map<String, Value>, Error> {
    let broke = |expected: &str, found: String| Misbehaved::new(section, expected, found).with_status(answer.status);
    if answer.body.len() > Outgoing::LARGEST_ANSWER {
        return Err(broke("a short answer", format!("{} bytes", answer.body.len())).into());
    }
    // CVE-2018-18074 and kin: a redirect of a token request takes secrets to another place.
    if answer.status.is_redirection() || answer.status.is_informational() {
        return Err(broke(wanted, "a redirect, which is never followed with secrets".to_owned()).into());
    }
    if !answer.status.is_success() {
        return Err(error_response::read(answer, allowed, scrubber, tolerated));
    }
    let object = match answer.is_json(scrubber) {
        Ok(()) => json::object(answer.body).map_err(|found| broke("one JSON object", found))?,
        Err(_) if is_form(answer) && allowed.contains(&Deviation::FormAnswer) => {
            tolerated.insert(Deviation::FormAnswer);
            form(answer.body).map_err(|found| broke("a form", found.to_owned()))?
        }
        Err(_) if is_form(answer) => {
            return Err(Misbehaved::deviation(Deviation::FormAnswer, "a JSON answer", "a form").with_status(answer.status).into());
        }
        Err(found) => return Err(broke("a JSON answer", found).into()),
    };
    if object.get("error").is_some_and(|error| !error.is_null()) {
        return Err(error_response::from_object(&object, answer.status, scrubber));
    }
    Ok(object)
}

/// Whether an answer says that it is a form. Servers that answer by forms say `text/plain` as well.
pub(crate) fn is_form(answer: Incoming<'_>) -> bool {
    matches!(answer.media_type().as_str(), "application/x-www-form-urlencoded" | "text/plain")
}

/// A form as if it were JSON: every value is text. Every name once, as everywhere.
pub(crate) fn form(body: &[u8]) -> Result<Map<String, Value>, &'static str> {
    let mut object = Map::new();
    for (name, value) in encode::decode_text_pairs(body).map_err(|_| "bytes that are no text")? {
        if object.insert(name, value.into()).is_some() {
            return Err("a parameter twice");
        }
    }
    Ok(object)
}

/// The members of an answer, and what had to be tolerated in them.
pub(crate) struct Members<'a> {
    pub(crate) object: &'a Map<String, Value>,
    pub(crate) section: &'static str,
    /// `None`: it came through a browser.
    pub(crate) status: Option<StatusCode>,
    pub(crate) allowed: &'a Deviations,
    pub(crate) tolerated: &'a mut Tolerated,
}

impl Members<'_> {
    /// A token is visible ASCII, at least one character (RFC 6749 Appendix A.12): anything else ends up in a header.
    pub(crate) fn token(&self, name: &str) -> Result<Option<Secret>, Misbehaved> {
        match self.object.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if is_vschar(text) => Ok(Some(Secret::new(text.clone()))),
            Some(Value::String(text)) if text.is_empty() => Err(self.broke(name, "visible ASCII text", "an empty one")),
            Some(Value::String(_)) => Err(self.broke(name, "visible ASCII text", "other characters")),
            Some(other) => Err(self.broke(name, "visible ASCII text", kind(other))),
        }
    }

    /// A token that has to be there.
    pub(crate) fn required_token(&self, name: &str) -> Result<Secret, Misbehaved> {
        self.token(name)?.ok_or_else(|| self.missing(name))
    }

    /// The ID token (OpenID Connect Core §3.1.3.3), as it came: nobody has verified it.
    pub(crate) fn id_token(&self) -> Result<Option<Secret>, Misbehaved> {
        if self.object.get("id_token").is_none_or(Value::is_null) {
            return Ok(None);
        }
        let token = self.token("id_token")?;
        match token.as_ref().map(|token| token.expose().len()) {
            Some(length) if length > LONGEST_ID_TOKEN => Err(self.broke("id_token", "a short one", &format!("{length} bytes"))),
            _ => Ok(token),
        }
    }

    /// Text that is not secret.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Misbehaved> {
        match self.object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.broke(name, "text", kind(other))),
        }
    }

    /// Seconds, as a number or (always accepted) a numeric string.
    pub(crate) fn seconds(&self, name: &str) -> Result<Option<u64>, Misbehaved> {
        let seconds = match self.object.get(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => {
                Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).and_then(|text| text.parse().ok())
            }
            Some(_) => None,
        };
        seconds.map(Some).ok_or_else(|| self.broke(name, "a whole number of seconds", "something else"))
    }

    /// Lets a deviation pass if it is allowed, and writes it down.
    pub(crate) fn tolerate(&mut self, deviation: Deviation, expected: &str, found: &str) -> Result<(), Misbehaved> {
        if self.allowed.contains(&deviation) {
            self.tolerated.insert(deviation);
            return Ok(());
        }
        Err(self.at(Misbehaved::deviation(deviation, expected, found)))
    }

    pub(crate) fn missing(&self, name: &str) -> Misbehaved {
        self.at(Misbehaved::new(self.section, name, "an answer without it"))
    }

    pub(crate) fn broke(&self, name: &str, expected: &str, found: &str) -> Misbehaved {
        self.at(Misbehaved::new(self.section, format!("{name} as {expected}"), found))
    }

    fn at(&self, misbehaved: Misbehaved) -> Misbehaved {
        match self.status {
            Some(status) => misbehaved.with_status(status),
            None => misbehaved,
        }
    }
}

/// What a value is, for messages; never what it holds.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
