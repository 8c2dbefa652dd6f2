//! What every JSON answer of an authorization server has to be, before anybody looks for members in it; and its members, read strictly.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::Number;

use super::error_response;
use super::json::{self, Json, Object};
use crate::deviation::{Deviation, Deviations, Tolerated};
use crate::encode;
use crate::error::{Error, Misbehaved};
use crate::message::{Incoming, Outgoing, is_vschar};
use crate::scrub::Scrubber;
use crate::secret::Secret;

/// An ID token is a few kilobytes; nothing that is meant to be one is longer than this.
const LONGEST_ID_TOKEN: usize = 64 * 1024;

/// What an answer has to be.
pub(crate) struct Shape<'s> {
    /// The section that says so.
    pub(crate) section: &'static str,
    pub(crate) wanted: &'static str,
    /// In bytes; more is not looked at.
    pub(crate) largest: usize,
    pub(crate) scrubber: &'s Scrubber,
}

impl Shape<'_> {
    /// The members of an answer that succeeded, in the one way in which all are read. What its status refuses is for `refusal`, and what says that it is no
    /// JSON for `otherwise`. An `error` in it is one, whatever the status says (C14).
    pub(crate) fn read<'a>(
        &self,
        answer: Incoming<'a>,
        refusal: impl FnOnce(Incoming<'a>) -> Error,
        otherwise: impl FnOnce(String) -> Result<Object<'a>, Error>,
    ) -> Result<Object<'a>, Error> {
        let broke = |expected: &str, found: String| Misbehaved::new(self.section, expected, found).with_status(answer.status);
        if answer.body.len() > self.largest {
            return Err(broke(&format!("at most {} KiB", self.largest / 1024), format!("{} bytes", answer.body.len())).into());
        }
        // CVE-2018-18074 and kin: a redirect takes secrets to another place, and whoever can redirect us chooses what we believe (F5).
        if answer.status.is_redirection() || answer.status.is_informational() {
            return Err(broke(self.wanted, "a redirect, which is never followed".to_owned()).into());
        }
        if !answer.status.is_success() {
            return Err(refusal(answer));
        }
        let object = match answer.is_json(self.scrubber) {
            Ok(()) => json::members(answer.body).map_err(|found| broke("one JSON object", found.into()))?,
            Err(found) => otherwise(found)?,
        };
        if object.has("error") {
            return Err(error_response::from_object(&object, answer.status, self.scrubber));
        }
        Ok(object)
    }
}

/// Reads an answer that `section` describes as one JSON object with `wanted` in it, and, by name, a form.
pub(crate) fn read<'a>(
    answer: Incoming<'a>,
    section: &'static str,
    wanted: &'static str,
    allowed: &Deviations,
    scrubber: &Scrubber,
    tolerated: &mut Tolerated,
) -> Result<Object<'a>, Error> {
    let broke = |expected: &str, found: String| Misbehaved::new(section, expected, found).with_status(answer.status);
    let mut by_form = false;
    let mut as_text = false;
    let otherwise = |found: String| match is_form(answer) {
        _ if allowed.contains(&Deviation::TextAnswer)
            && answer.media_type() == "text/plain"
            && answer.body.trim_ascii().starts_with(b"{") =>
        {
            as_text = true;
            Ok(json::members(answer.body).map_err(|found| broke("one JSON object", found.into()))?)
        }
        true if allowed.contains(&Deviation::FormAnswer) => {
            by_form = true;
            Ok(form(answer.body).map_err(|found| broke("a form", found.to_owned()))?)
        }
        true => Err(Misbehaved::deviation(Deviation::FormAnswer, "a JSON answer", "a form").with_status(answer.status).into()),
        false => Err(broke("a JSON answer", found).into()),
    };
    // One that its status refuses may be a form, too.
    let mut of_refusal = Tolerated::new();
    let refusal = |answer| error_response::read(answer, allowed, scrubber, &mut of_refusal);
    let object = Shape { section, wanted, largest: Outgoing::LARGEST_ANSWER, scrubber }.read(answer, refusal, otherwise);
    tolerated.append(&mut of_refusal);
    if as_text {
        tolerated.insert(Deviation::TextAnswer);
    }
    if by_form {
        tolerated.insert(Deviation::FormAnswer);
    }
    object
}

/// Whether an answer says that it is a form. Servers that answer by forms say `text/plain` as well.
pub(crate) fn is_form(answer: Incoming<'_>) -> bool {
    matches!(&*answer.media_type(), "application/x-www-form-urlencoded" | "text/plain")
}

/// A form as if it were JSON: every value is text. Every name once, as everywhere.
pub(crate) fn form(body: &[u8]) -> Result<Object<'static>, &'static str> {
    let pairs = encode::decode_text_pairs(body.trim_ascii()).map_err(|_| "bytes that are no text")?;
    let members = pairs.into_iter().map(|(name, value)| (Cow::Owned(name), Json::Text(value.into()))).collect();
    Object::of(members).map_err(|json::Twice| "a parameter twice")
}

/// The members of an answer, and what had to be tolerated in them.
pub(crate) struct Members<'a> {
    pub(crate) object: &'a Object<'a>,
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
            Some(Json::Text(text)) if is_vschar(text) => Ok(Some(Secret::new(&**text))),
            Some(Json::Text(text)) if text.is_empty() => Err(self.broke(name, "visible ASCII text", "an empty one")),
            Some(Json::Text(_)) => Err(self.broke(name, "visible ASCII text", "other characters")),
            Some(other) => Err(self.broke(name, "visible ASCII text", kind(other))),
        }
    }

    /// A token that has to be there.
    pub(crate) fn required_token(&self, name: &str) -> Result<Secret, Misbehaved> {
        self.token(name)?.ok_or_else(|| self.missing(name))
    }

    /// The ID token (OpenID Connect Core §3.1.3.3), as it came: nobody has verified it.
    pub(crate) fn id_token(&self) -> Result<Option<Secret>, Misbehaved> {
        if !self.object.has("id_token") {
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
            None | Some(Json::Null) => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.broke(name, "text", kind(other))),
        }
    }

    /// Seconds, as a whole number, however it is written, or (always accepted) a string of digits; more than there is room for is as much as there is.
    pub(crate) fn seconds(&self, name: &str) -> Result<Option<u64>, Misbehaved> {
        let seconds = match self.object.get(name) {
            None => return Ok(None),
            Some(Json::Number(number)) => whole(number),
            // All that is wrong with digits is that they are too many.
            Some(Json::Text(text)) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(text.parse().unwrap_or(u64::MAX))
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

/// A number that is whole and not negative. JSON knows one kind of numbers, and what `3600.0` and `3.6e3` say is 3600 (RFC 8259 §6).
pub(crate) fn whole(number: &Number) -> Option<u64> {
    let is_whole = |number: &f64| number.is_sign_positive() && number.fract() == 0.0;
    // What is too large becomes the largest one.
    number.as_u64().or_else(|| number.as_f64().filter(is_whole).map(|number| number as u64))
}

/// What a value is, for messages; never what it holds.
pub(crate) fn kind(value: &Json<'_>) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a truth value",
        Json::Number(_) => "a number",
        Json::Text(_) => "text",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}
