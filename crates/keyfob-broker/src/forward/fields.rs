//! What a query or a body must not say: who asks, and with which method. Both were decided here, and some servers believe a field more than the head.

use std::borrow::Cow;
use std::fmt;

use keyfob::Session;
use keyfob::proto::{Attach, Flow, encode};
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::problem::Problem;

/// Where the fields are.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Query,
    Body,
}

/// Credentials come from us. A second token is one that the provider may prefer (RFC 6750 §2.2, §2.3), and so is a parameter that is signed for us;
/// a method in a field (Rack::MethodOverride, Laravel and Spring read `_method`) is another method than the one that was judged.
/// The provider's own names for one are in its file.
pub(super) fn judge(text: &[u8], place: Place, session: &Session, own: &[String]) -> Result<(), Problem> {
    // Rack before 3 and old PHP take a semicolon for an ampersand.
    for name in text.split(|byte| *byte == b';').flat_map(encode::decode_names) {
        let name = plain(&name);
        if is_ours(&name, session) {
            let (code, said) = match place {
                Place::Query => ("credentials-in-query", "The query has a parameter that holds credentials; those come from here."),
                Place::Body => ("credentials-in-body", "The form has a field that holds credentials; those come from here."),
            };
            return Err(Problem::bad_request(code, said));
        }
        if overrides(&name, own) {
            return Err(match place {
                Place::Query => Problem::bad_request("method-in-query", "The query has a parameter that changes the method."),
                Place::Body => method_in_body(),
            });
        }
    }
    Ok(())
}

/// The members of a JSON object, which Laravel takes for the fields of a form. What cannot be read here may be read there.
pub(super) fn judge_json(text: &[u8], own: &[String]) -> Result<(), Problem> {
    match any_member(text, |name| overrides(&plain(name), own)) {
        Ok(false) => Ok(()),
        Ok(true) => Err(method_in_body()),
        Err(_) => Err(Problem::bad_request(
            "body",
            "The body says that it is JSON, and is none: whether a member of it changes the method cannot be judged.",
        )
        .hint("send JSON (RFC 8259), in UTF-8; a key that may use every method there may send anything")),
    }
}

fn method_in_body() -> Problem {
    Problem::bad_request("method-in-body", "The body has a field that changes the method.")
}

/// Whether JSON is an object with a member of such a name. What is deeper is no field to anybody.
///
/// # Errors
/// If it is no JSON.
pub(super) fn any_member(text: &[u8], is_one: impl Fn(&[u8]) -> bool) -> Result<bool, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let found = (&mut reader).deserialize_any(Members(is_one))?;
    reader.end().map(|()| found)
}

struct Members<F>(F);

impl<'de, F: Fn(&[u8]) -> bool> Visitor<'de> for Members<F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some((name, _)) = members.next_entry::<String, IgnoredAny>()? {
            found |= (self.0)(name.as_bytes());
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }
}

fn is_ours(name: &str, session: &Session) -> bool {
    let api = &session.settings().api;
    match &session.settings().flow {
        Flow::OAuth1(_) => name.starts_with("oauth_"),
        _ => name == "access_token" || matches!(&api.attach, Attach::Query(own) | Attach::Body(own) if plain(own.as_bytes()) == name),
    }
}

fn overrides(name: &str, own: &[String]) -> bool {
    matches!(name, "_method" | "x-http-method-override" | "x_http_method_override")
        || own.iter().any(|own| name == plain(own.as_bytes()) || name == own.to_ascii_lowercase())
}

/// A name as the most lenient server has it. PHP leaves spaces in front away, ends at a NUL, and makes dots, spaces and a bracket that is never closed
/// into underscores; Rack leaves brackets around a name away.
pub(super) fn plain(name: &[u8]) -> Cow<'_, str> {
    // Most have nothing of all that, and are not copied where they have no capitals either.
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if let Some(name) = std::str::from_utf8(name).ok().filter(|name| name.as_bytes().iter().all(is_plain)) {
        let has_capitals = name.bytes().any(|byte| byte.is_ascii_uppercase());
        return if has_capitals { name.to_ascii_lowercase().into() } else { name.into() };
    }
    let name = String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default()).to_ascii_lowercase();
    let name = name.trim_start_matches(|c: char| c.is_whitespace() || c == '[' || c == ']');
    name.trim_end_matches(|c: char| c.is_whitespace() || c == ']').replace(['.', ' ', '['], "_").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l14_a_member_of_json_is_a_field_however_it_is_written() {
        for text in
            [r#"{"_method":"DELETE"}"#, r#"{"a":{},"_METHOD":1}"#, r#"{"\u005fmethod":"PUT"}"#, r#"{"X-HTTP-Method-Override":"PUT"}"#]
        {
            assert_eq!(judge_json(text.as_bytes(), &[]).expect_err(text).code, "method-in-body");
        }
        for text in ["{", "{'_method':1}", "{\"_method\":1", "\u{feff}{}", "{}{\"_method\":1}", "{\"a\":1,}", ""] {
            assert_eq!(judge_json(text.as_bytes(), &[]).expect_err(text).code, "body");
        }
        for text in ["{}", "[{\"_method\":1}]", "\"_method\"", "null", " 1.5 ", "-1", "true", "{\"method\":1,\"a\":{\"_method\":1}}"] {
            assert!(judge_json(text.as_bytes(), &[]).is_ok(), "{text}");
        }
        // However deep it is: no stack is too small for it, and what comes after is seen.
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(judge_json(deep.as_bytes(), &[]).is_ok());
        assert_eq!(judge_json(format!("{{\"a\":{deep},\"_method\":1}}").as_bytes(), &[]).expect_err("after it").code, "method-in-body");
    }

    #[test]
    fn l14_a_method_is_a_method_however_it_is_spelt() {
        for name in ["_method", "_METHOD", " _method", ".method", "[_method]", "_method\0x", "X-HTTP-Method-Override"] {
            assert!(overrides(&plain(name.as_bytes()), &[]), "{name:?}");
        }
        for name in ["method", "payment_method", "_methods", ""] {
            assert!(!overrides(&plain(name.as_bytes()), &[]), "{name:?}");
        }
    }

    #[test]
    fn l14_a_providers_own_name_for_the_method_is_one_too() {
        let own = ["method".to_owned(), "$httpMethod".to_owned(), "x.verb".to_owned()];
        for name in ["method", "METHOD", "[method]", "$httpMethod", "$HTTPMETHOD", "x.verb", "X_Verb", "_method"] {
            assert!(overrides(&plain(name.as_bytes()), &own), "{name:?}");
        }
        for name in ["payment_method", "methods", "httpMethod", ""] {
            assert!(!overrides(&plain(name.as_bytes()), &own), "{name:?}");
        }
        assert_eq!(judge_json(br#"{"method":"delete"}"#, &own).expect_err("a member").code, "method-in-body");
    }
}
