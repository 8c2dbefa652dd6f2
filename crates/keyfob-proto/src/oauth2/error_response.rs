//! Error answers of the token and revocation endpoints (RFC 6749 §5.2).

use http::StatusCode;
use serde_json::Value;

use super::client::Client;
use super::json::{self, Json, Object};
use super::json_answer;
use super::settings::TokenError;
use crate::deviation::{Deviation, Deviations, Tolerated};
use crate::error::{Code, Error, Misbehaved, Refused};
use crate::message::Incoming;
use crate::scrub::Scrubber;
use crate::settings::Api;

const SECTION: &str = "RFC 6749 §5.2";
const ELSEWHERE: &str = "check that the token endpoint in the provider file is the right one";
/// Some servers say no more than a status of a refresh token that has ended, and the same of whatever else they do not take: a person may know.
const OF_REFRESH: &str = "the refresh token may have ended: log in again; if that does not help, check that the token endpoint in the provider file is the right one";

/// Reads an answer whose status says failure.
pub(crate) fn read(answer: Incoming<'_>, allowed: &Deviations, scrubber: &Scrubber, tolerated: &mut Tolerated) -> Error {
    let status = answer.status;
    let object = match json::members(answer.body) {
        Ok(object) => object,
        Err(_) if allowed.contains(&Deviation::FormAnswer) && json_answer::is_form(answer) => match json_answer::form(answer.body) {
            Ok(form) if form.contains_key("error") => {
                tolerated.insert(Deviation::FormAnswer);
                form
            }
            _ => return plain(status),
        },
        Err(_) => return plain(status),
    };
    if object.has("error") {
        return from_object(&object, status, scrubber);
    }
    let own_forms = [
        (Deviation::ErrorsArray, errors_array(&object, status, scrubber), "an array \"errors\""),
        (Deviation::ErrorCode, error_code(&object, status, scrubber), "a member \"code\""),
    ];
    let Some((deviation, refused, found)) =
        own_forms.into_iter().find_map(|(deviation, refused, found)| Some((deviation, refused?, found)))
    else {
        return plain(status);
    };
    if allowed.contains(&deviation) {
        tolerated.insert(deviation);
        return refused.into();
    }
    // A server that is failing says so in any form; no deviation would help.
    if status.is_server_error() {
        return plain(status);
    }
    Misbehaved::deviation(deviation, "a member \"error\"", found).with_status(status).into()
}

/// The provider's own form, where an answer has that: an error whatever its status is.
pub(crate) fn own(object: &Object<'_>, own: &TokenError, status: StatusCode, scrubber: &Scrubber) -> Option<Refused> {
    let answer = Value::Object(object.to_map());
    let code = answer.pointer(&own.code).filter(|code| !code.is_null() && !own.none.contains(code))?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let said = own.message.as_ref().and_then(|pointer| answer.pointer(pointer)).map(text);
    let description = said.map(|said| scrubber.clean(&said)).filter(|said| !said.is_empty());
    // Who has words of their own has some of the RFC's beside them.
    let code = if own.invalid_grant.contains(code) { Code::InvalidGrant } else { Code::read(&scrubber.clean(&text(code))) };
    Some(Refused { status: Some(status), description, ..Refused::new(code) })
}

/// What an error answer of the token endpoint means, where the provider's file knows more of its words than the RFC does, and what it says in any case. A
/// redirect is nobody's word.
pub(crate) fn in_its_own_words(error: Error, answer: Incoming<'_>, client: &Client, is_refresh: bool, scrubber: &Scrubber) -> Error {
    let Client { shared, .. } = client;
    let status = answer.status;
    let has_ended = || is_refresh && shared.settings.grant_ended.iter().any(|signal| signal.given(status, answer.body));
    let said = || {
        let json = serde_json::from_slice(answer.body).ok()?;
        Api::sentence(&shared.message, &json).map(|said| scrubber.clean(&said)).filter(|said| !said.is_empty())
    };
    match error {
        error if status.is_redirection() => error,
        Error::Refused(refused) => {
            let code = if has_ended() { Code::InvalidGrant } else { refused.code.clone() };
            Refused { code, ..if is_refresh { refused.of_refresh() } else { refused } }.into()
        }
        Error::Misbehaved(_) if has_ended() => {
            Refused { status: Some(status), description: said(), ..Refused::new(Code::InvalidGrant) }.into()
        }
        Error::Misbehaved(wrong) if !status.is_success() => {
            let is_unclear = is_refresh && status.is_client_error() && wrong.hint.as_deref().is_none_or(|hint| hint == ELSEWHERE);
            let wrong = if is_unclear { wrong.with_hint(OF_REFRESH) } else { wrong };
            said().map_or(wrong.clone(), |said| wrong.saying(&said)).into()
        }
        error => error,
    }
}

/// The RFC's form: `error`, `error_description`, `error_uri`. Also comes with status 200, and is an error all the same.
pub(crate) fn from_object(object: &Object<'_>, status: StatusCode, scrubber: &Scrubber) -> Error {
    let text = |name: &str| object.text(name).map(|text| scrubber.clean(text)).filter(|text| !text.is_empty());
    let Some(code) = text("error") else {
        return Misbehaved::new(SECTION, "error as text", "something else").with_status(status).into();
    };
    let uri = text("error_uri").filter(|uri| uri.starts_with("https://"));
    Refused { status: Some(status), description: text("error_description"), uri, ..Refused::new(Code::read(&code)) }.into()
}

/// `{"errors":[{"errorType":"invalid_grant","message":"…"}]}`.
fn errors_array(object: &Object<'_>, status: StatusCode, scrubber: &Scrubber) -> Option<Refused> {
    let Some(Json::Array(errors)) = object.get("errors") else { return None };
    let Json::Object(first) = errors.first()? else { return None };
    let text = |name: &str| first.text(name).map(|text| scrubber.clean(text)).filter(|text| !text.is_empty());
    let code = match (status, text("errorType")?) {
        (StatusCode::TOO_MANY_REQUESTS, _) => Code::TooManyRequests,
        (_, code) => Code::read(&code),
    };
    Some(Refused { status: Some(status), description: text("message"), ..Refused::new(code) })
}

/// `{"code":"InvalidCredentials","message":"…"}`: the names of the restify server library.
fn error_code(object: &Object<'_>, status: StatusCode, scrubber: &Scrubber) -> Option<Refused> {
    let text = |name: &str| object.text(name).map(|text| scrubber.clean(text)).filter(|text| !text.is_empty());
    let code = match (status, text("code")?.as_str()) {
        (StatusCode::TOO_MANY_REQUESTS, _) => Code::TooManyRequests,
        (_, "InvalidCredentials" | "NotAuthorized" | "Unauthorized") => Code::InvalidGrant,
        (_, "BadRequest" | "InvalidArgument" | "MissingParameter") => Code::InvalidRequest,
        (_, other) => Code::Extension(other.to_owned()),
    };
    Some(Refused { status: Some(status), description: text("message"), ..Refused::new(code) })
}

/// No error in the RFC's form: HTML from a proxy, an empty body. The status is all there is.
fn plain(status: StatusCode) -> Error {
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Refused { status: Some(status), ..Refused::new(Code::TooManyRequests) }.into();
    }
    let hint = if status.is_server_error() { "the server, or something in front of it, is failing; try again later" } else { ELSEWHERE };
    Misbehaved::new(SECTION, "a JSON object with \"error\"", "something else").with_status(status).with_hint(hint).into()
}
