//! What is on stdin: an object of tokens, or an access token alone. Nothing else is one: what was piped in by mistake must not take a login's place.

use serde_json::{Map, Value};

use super::python;
use crate::card::Card;
use crate::verb::app::{object_in, text_from_stdin};

/// A word that is shorter is none of a server's making: RFC 6749 §10.10 wants tokens that cannot be guessed.
const SHORTEST: usize = 8;

const EXAMPLE: &str = r#"example: {"access_token":"…","refresh_token":"…"}; keyfob import --help shows what is taken"#;

pub(super) fn on_stdin() -> Result<Map<String, Value>, Card> {
    of(&text_from_stdin()?)
}

/// What is wrong with it is told without its text, which may be a secret.
fn of(text: &str) -> Result<Map<String, Value>, Card> {
    let token = text.trim();
    if token.starts_with('{') {
        return object_in(text).or_else(|card| match python::read(text) {
            Some(Value::Object(object)) => Ok(object),
            _ => Err(card.advising(EXAMPLE)),
        });
    }
    let found = match serde_json::from_str(token) {
        Ok(Value::Null) => "null",
        Ok(Value::Bool(_)) => "true or false",
        Ok(Value::Number(_)) => "a number",
        Ok(Value::String(_)) => "text in quotes",
        Ok(Value::Array(_)) => "a list",
        _ if token.is_empty() => "nothing",
        _ if token.contains(['\n', '\r']) => "several lines",
        _ if token.contains(char::is_whitespace) => "several words",
        // RFC 6749 A.12: visible ASCII.
        _ if !token.bytes().all(|byte| byte.is_ascii_graphic()) => "a word with characters that no token has",
        _ if token.len() < SHORTEST => "a word that is shorter than tokens are",
        _ => return Ok(Map::from_iter([("access_token".to_owned(), Value::from(token))])),
    };
    Err(Card::usage(
        "there are no tokens on stdin",
        format!("expected a JSON object of tokens, or an access token alone, but found {found}"),
        EXAMPLE,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c7_one_word_that_looks_like_a_token_is_one_and_nothing_else_is() {
        for token in ["5a9db0c5|abcdef", "ya29.a0Af_B-~+/==", "deadbeefdeadbeef\n", "  deadbeefdeadbeef\r\n"] {
            assert_eq!(of(token).expect(token)["access_token"], token.trim());
        }
        assert_eq!(of(r#"{"access_token":"x"}"#).expect("an object")["access_token"], "x");
        assert_eq!(of("{'access_token': 'x', 'scope': None}").expect("a dictionary")["access_token"], "x");
        assert!(of("{'access_token': canary}").is_err_and(|card| !format!("{card:?}").contains("canar")));
        // Cut off, it was to be tokens all the same.
        assert!(
            of(r#"{"access_token":"canary"#)
                .is_err_and(|card| card.next().contains("access_token") && !format!("{card:?}").contains("canar"))
        );
        for (text, found) in [
            ("[1]", "a list"),
            ("1", "a number"),
            ("12345678901", "a number"),
            ("\"canary-canary\"", "text in quotes"),
            ("null", "null"),
            ("false", "true or false"),
            ("", "nothing"),
            (" \n", "nothing"),
            ("canary", "a word that is shorter"),
            ("error: canary", "several words"),
            ("canary-canary\ncanary-canary", "several lines"),
            ("canary-canäry", "characters that no token has"),
        ] {
            let card = of(text).expect_err(text);
            assert!(card.why().contains(found) && !format!("{card:?}").contains("canar"), "{text}: {card:?}");
        }
    }
}
