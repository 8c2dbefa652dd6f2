//! Answers of the token endpoint (RFC 6749 §5.1): strict, and tolerant by name.

use serde_json::{Map, Value};

use super::client::Client;
use super::{error_response, identity, json};
use crate::deviation::{Deviation, Deviations, Tolerated};
use crate::error::{Error, Misbehaved};
use crate::message::{Incoming, Outgoing, is_vschar};
use crate::scrub::Scrubber;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::{Identity, OAuth2Tokens, Received, TokenSet};

const SECTION: &str = "RFC 6749 §5.1";

/// A lifetime beyond this is a mistake or an attack on arithmetic; it is cut, not refused: some servers mean "for ever" by it.
const LONGEST_LIFETIME: u64 = 100 * 365 * 86_400;

/// What the request knew that the answer may leave out.
#[derive(Debug)]
pub(crate) struct Context {
    /// The scopes that were asked for: granted, where the answer names none (§5.1).
    pub(crate) scopes: Vec<String>,
    /// The refresh token that was spent: still good, where the answer brings no other (§6).
    pub(crate) refresh: Option<Secret>,
    /// Whom the login's ID token named.
    pub(crate) identity: Option<Identity>,
    pub(crate) scrubber: Scrubber,
}

/// Reads an answer.
pub(crate) fn read(answer: Incoming<'_>, client: &Client, context: &Context, now: Timestamp) -> Result<Received, Error> {
    let broke = |expected: &str, found: String| Misbehaved::new(SECTION, expected, found).with_status(answer.status);
    if answer.body.len() > Outgoing::LARGEST_ANSWER {
        return Err(broke("a short answer", format!("{} bytes", answer.body.len())).into());
    }
    // CVE-2018-18074 and kin: a redirect of a token request takes secrets to another place.
    if answer.status.is_redirection() || answer.status.is_informational() {
        return Err(broke("tokens", "a redirect, which is never followed with secrets".to_owned()).into());
    }
    let mut tolerated = Tolerated::new();
    if !answer.status.is_success() {
        return Err(error_response::read(answer, &client.deviations, &context.scrubber, &mut tolerated));
    }
    let media = answer.media_type();
    if media != "application/json" && !media.ends_with("+json") && media != "text/json" && media != "text/javascript" {
        let found = if media.is_empty() { "no content type".to_owned() } else { format!("\"{}\"", context.scrubber.clean(&media)) };
        return Err(broke("a JSON answer", found).into());
    }
    let object = json::object(answer.body).map_err(|found| broke("one JSON object", found))?;
    if object.get("error").is_some_and(|error| !error.is_null()) {
        return Err(error_response::from_object(&object, answer.status, &context.scrubber));
    }
    let mut reader = Reader { object: &object, allowed: &client.deviations, tolerated: &mut tolerated, answer };
    let access = reader.token("access_token")?.ok_or_else(|| broke("access_token", "an answer without it".to_owned()))?;
    let refresh = reader.token("refresh_token")?.or_else(|| context.refresh.clone());
    reader.token_type()?;
    let lifetime = reader.lifetime()?.or(client.settings.default_lifetime.map(u64::from));
    let scopes = reader.scopes(&client.settings.scope_separator)?.unwrap_or_else(|| context.scopes.clone());
    let identity = identity::after_refresh(&object, context.identity.as_ref()).map_err(|error| error.with_status(answer.status))?;
    let expires_at = lifetime.map(|seconds| now.plus(seconds.min(LONGEST_LIFETIME).cast_signed()));
    let kept = client.keep.iter().filter_map(|name| Some((name.clone(), text_of(object.get(name)?)?))).collect();
    let tokens = TokenSet::OAuth2(OAuth2Tokens { access, refresh, received_at: now, expires_at, scopes, identity });
    Ok(Received { tokens, kept, tolerated })
}

struct Reader<'a> {
    object: &'a Map<String, Value>,
    allowed: &'a Deviations,
    tolerated: &'a mut Tolerated,
    answer: Incoming<'a>,
}

impl Reader<'_> {
    /// A token is visible ASCII, at least one character (Appendix A.12): anything else ends up in a header.
    fn token(&self, name: &'static str) -> Result<Option<Secret>, Misbehaved> {
        match self.object.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if is_vschar(text) => Ok(Some(Secret::new(text.clone()))),
            Some(Value::String(text)) if text.is_empty() => Err(self.broke(name, "visible ASCII text", "an empty one")),
            Some(Value::String(_)) => Err(self.broke(name, "visible ASCII text", "other characters")),
            Some(other) => Err(self.broke(name, "visible ASCII text", kind(other))),
        }
    }

    /// Only `Bearer` is spoken here, in any case (§7.1 compares without case).
    fn token_type(&mut self) -> Result<(), Misbehaved> {
        match self.object.get("token_type") {
            Some(Value::String(text)) if text.eq_ignore_ascii_case("bearer") => Ok(()),
            None => self.tolerate(Deviation::MissingTokenType, "token_type", "an answer without it"),
            Some(Value::String(_)) => Err(self.broke("token_type", "Bearer", "another type")),
            Some(other) => Err(self.broke("token_type", "Bearer", kind(other))),
        }
    }

    /// Seconds, as a number or (always accepted) a numeric string.
    fn lifetime(&mut self) -> Result<Option<u64>, Misbehaved> {
        let name = "expires_in";
        let value = match (self.object.get(name), self.object.get("expire_in")) {
            (Some(value), _) => value,
            (None, Some(value)) => {
                self.tolerate(Deviation::ExpireIn, name, "expire_in")?;
                value
            }
            (None, None) => return Ok(None),
        };
        let seconds = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => {
                Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).and_then(|text| text.parse().ok())
            }
            _ => None,
        };
        seconds.map(Some).ok_or_else(|| self.broke(name, "a whole number of seconds", "something else"))
    }

    /// A string of scopes (§3.3), or, by name, an array.
    fn scopes(&mut self, separator: &str) -> Result<Option<Vec<String>>, Misbehaved> {
        let split = |text: &str| -> Vec<String> {
            text.split(|c: char| c == ' ' || separator.contains(c)).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
        };
        match self.object.get("scope") {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(split(text))),
            Some(Value::Array(items)) => {
                self.tolerate(Deviation::ScopeArray, "scope as text", "an array")?;
                let scopes = items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
                scopes.map(Some).ok_or_else(|| self.broke("scope", "text in the array", "something else"))
            }
            Some(other) => Err(self.broke("scope", "text", kind(other))),
        }
    }

    fn tolerate(&mut self, deviation: Deviation, expected: &str, found: &str) -> Result<(), Misbehaved> {
        if self.allowed.contains(&deviation) {
            self.tolerated.insert(deviation);
            return Ok(());
        }
        Err(Misbehaved::deviation(deviation, expected, found).with_status(self.answer.status))
    }

    fn broke(&self, name: &str, expected: &str, found: &str) -> Misbehaved {
        Misbehaved::new(SECTION, format!("{name} as {expected}"), found).with_status(self.answer.status)
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A value worth keeping, as text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(crate::scrub::printable(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
