//! How a provider answers, where its file says that it is not as the RFC has it.

use serde_json::{Map, Value, json};

use super::Imitated;
use super::file::Kind;
use super::token::Issued;
use crate::clock;
use crate::desk::held;
use crate::message::Reply;

/// What lifetimes are where no file says how long.
const LIFETIME: i64 = 3600;

/// How long refresh tokens are good, of a provider whose answers say so.
pub(super) const REFRESH_LIFETIME: i64 = 90 * 86_400;

impl Imitated {
    /// How long access tokens live. Those of a provider whose tokens never end, as far as its file says, are not told to.
    pub(super) fn lifetime(&self) -> Option<i64> {
        let told = self.file.oauth2.default_lifetime;
        // Who has a name for how long has tokens that end.
        let ends = self.file.renews() || self.file.deviates("expires");
        told.or_else(|| ends.then_some(LIFETIME))
    }

    /// A token answer (RFC 6749 §5.1), with the habits of the file.
    pub(super) fn tokens_answer(&self, issued: &Issued) -> Reply {
        let file = &self.file;
        let has = |name| file.deviates(name);
        let mut body = Map::new();
        body.insert("access_token".into(), json!(issued.access));
        if !has("missing-token-type") {
            body.insert("token_type".into(), json!(file.oauth2.token_type.as_deref().unwrap_or("Bearer")));
        }
        body.extend(issued.refresh.as_ref().map(|token| ("refresh_token".into(), json!(token))));
        body.extend(issued.id_token.as_ref().map(|token| ("id_token".into(), json!(token))));
        // A file that says how long says so because answers do not. Where they do under another name, both are known.
        if let Some(lifetime) = issued.lifetime {
            body.insert("expires_in".into(), json!(lifetime));
        } else if let Some(lifetime) = self.lifetime() {
            if has("expires-at") {
                body.insert("expires_at".into(), json!(clock::timestamp(self.clock.now() + lifetime).to_string()));
            } else if has("expires") {
                body.insert("expires".into(), json!(lifetime));
            } else if has("expire-in") {
                body.insert("expire_in".into(), json!(lifetime));
            } else if file.oauth2.default_lifetime.is_none() {
                body.insert("expires_in".into(), json!(lifetime));
            }
        }
        if let (Some(name), Some(_)) = (&file.oauth2.refresh_expires_in, &issued.refresh) {
            body.insert(name.clone(), json!(REFRESH_LIFETIME));
        }
        if has("zero-lifetime") {
            body.insert("expires_in".into(), json!(0));
        }
        if !issued.scopes.is_empty() {
            let name = if has("scopes-member") { "scopes" } else { "scope" };
            let scopes = if has("scope-array") { json!(issued.scopes) } else { json!(issued.scopes.join(&file.oauth2.scope_separator)) };
            body.insert(name.into(), scopes);
        }
        if has("null-members") {
            for name in ["refresh_token", "expires_in", "scope"] {
                body.entry(name).or_insert(Value::Null);
            }
        }
        if has("camel-case") {
            body = body.into_iter().map(|(name, value)| (camel_case(&name), value)).collect();
        }
        // All is well, which some say with a code, too.
        if let Some(error) = &file.oauth2.token_error
            && let (Some(none), Value::Object(said)) = (error.none.first(), at_pointer(&error.code, json!(error.none.first())))
        {
            debug_assert!(!none.is_table(), "a code is a number or a word");
            body.extend(said);
        }
        body.extend(self.kept().into_iter().map(|(name, value)| (name, json!(value))));
        self.answer(200, body)
    }

    /// An error of the token endpoint (RFC 6749 §5.2), with the habits of the file.
    pub(super) fn token_error(&self, code: &str, why: &str) -> Reply {
        let file = &self.file;
        let body = if let Some(own) = &file.oauth2.token_error {
            let known = own.invalid_grant.first().filter(|_| code == "invalid_grant");
            let code = at_pointer(&own.code, known.map_or(json!(987_654), |known| json!(known)));
            own.message.as_ref().map_or(code.clone(), |pointer| together(code, at_pointer(pointer, json!(why))))
        } else if file.deviates("errors-array") {
            json!({ "errors": [{ "errorType": code, "message": why }], "success": false })
        } else if file.deviates("error-code") {
            let own = if code == "invalid_grant" { "InvalidCredentials" } else { "BadRequest" };
            json!({ "code": own, "message": why })
        } else {
            json!({ "error": code, "error_description": why })
        };
        let Value::Object(body) = body else { return Reply::empty(500) };
        // Errors lie at the top, wherever tokens are.
        let status = held(&self.mood).refusal.unwrap_or_else(|| if self.fails_with_success() { 200 } else { 400 });
        if file.deviates("form-answer") { self.form(status, &body) } else { self.json(status, &Value::Object(body)) }
    }

    /// Whose API says no with the status of success says so at the token endpoint, too, where its words are its own.
    fn fails_with_success(&self) -> bool {
        self.file.oauth2.token_error.is_some() && self.file.api.failed.iter().any(|signal| signal.status.contains(&200))
    }

    fn answer(&self, status: u16, body: Map<String, Value>) -> Reply {
        if self.file.deviates("form-answer") {
            return self.form(status, &body);
        }
        let body = match self.file.oauth2.tokens_at.as_deref().filter(|_| self.file.deviates("nested-tokens")) {
            Some(pointer) => at_pointer(pointer, Value::Object(body)),
            None => Value::Object(body),
        };
        self.json(status, &body)
    }

    fn json(&self, status: u16, body: &Value) -> Reply {
        let as_text = self.file.deviates("text-answer");
        if as_text { Reply::text(status, body.to_string()) } else { Reply::json(status, body) }.no_store()
    }

    fn form(&self, status: u16, body: &Map<String, Value>) -> Reply {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let pairs: Vec<(&str, String)> = body.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        debug_assert!(self.file.kind == Kind::OAuth2, "no other kind of provider answers by forms");
        Reply::form(status, &pairs).no_store()
    }
}

/// `access_token` as `accessToken`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| text + &word[..1].to_uppercase() + &word[1..])
}

/// A document that has a value where a JSON pointer (RFC 6901) points.
pub(super) fn at_pointer(pointer: &str, value: Value) -> Value {
    pointer.split('/').skip(1).collect::<Vec<_>>().into_iter().rev().fold(value, |inner, segment| match segment.parse::<usize>() {
        Ok(at) => {
            let mut items = vec![Value::Null; at];
            items.push(inner);
            Value::Array(items)
        }
        Err(_) => json!({ (segment.replace("~1", "/").replace("~0", "~")): inner }),
    })
}

/// Two documents as one: what both have is an object of both, and otherwise the second one's.
fn together(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            for (name, value) in other {
                let joined = match one.remove(&name) {
                    Some(there) => together(there, value),
                    None => value,
                };
                one.insert(name, joined);
            }
            Value::Object(one)
        }
        (_, other) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_finds_what_was_put_there() {
        for pointer in ["/error/code", "/errors/0/message", "/0/message", "/a~1b"] {
            assert_eq!(at_pointer(pointer, json!(3)).pointer(pointer), Some(&json!(3)), "{pointer}");
        }
    }

    #[test]
    fn what_is_below_one_name_is_there_together() {
        let both = together(at_pointer("/error/code", json!(3)), at_pointer("/error/message", json!("no")));
        assert_eq!(both, json!({ "error": { "code": 3, "message": "no" } }));
        assert_eq!(together(json!({ "code": 3 }), json!({ "text": "no" })), json!({ "code": 3, "text": "no" }));
    }
}
