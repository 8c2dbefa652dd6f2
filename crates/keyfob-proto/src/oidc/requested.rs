//! What the `claims` parameter asks of the ID token (OpenID Connect Core §5.5), and whether it was given.

use serde_json::{Map, Value};

use crate::error::{Misbehaved, Misuse};
use crate::jose::jwt::Claims;
use crate::oauth2::json;
use crate::scrub::printable;

const SECTION: &str = "OpenID Connect Core §5.5.1";

/// The claims parameter, read.
pub(crate) struct RequestedClaims {
    id_token: Map<String, Value>,
}

impl RequestedClaims {
    /// Reads it as the app wrote it.
    pub(crate) fn read(text: &str) -> Result<Self, Misuse> {
        let wrong = |expected: &str, found: String| {
            Misuse::new(expected, found)
                .of("OpenID Connect Core §5.5")
                .with_hint(r#"write it as {"id_token": {"acr": {"essential": true, "values": ["…"]}}, "userinfo": {"email": null}}"#)
        };
        let object = json::object(text.as_bytes()).map_err(|found| wrong("claims as a JSON object", found))?;
        for (place, claims) in object.iter().filter(|(name, _)| matches!(name.as_str(), "id_token" | "userinfo")) {
            let claims = claims.as_object().ok_or_else(|| wrong("an object of claims", format!("another value for {place}")))?;
            if let Some((name, _)) = claims.iter().find(|(_, asked)| !is_fit(asked)) {
                let found = format!("something else for \"{}\"", printable(name));
                return Err(wrong("null for a claim, or an object with essential (true or false), value, or values (a list)", found));
            }
        }
        let id_token = object.get("id_token").and_then(Value::as_object).cloned().unwrap_or_default();
        Ok(Self { id_token })
    }

    /// That the ID token has what has to be in it. A server leaves out what a person did not want told, essential or not, and that is no mistake (§5.5.1);
    /// but with `auth_time` (§2) and `acr` (§5.5.1.1) it has to answer, and a claim that was asked for with a value and came with another one is about
    /// something else than this login: another person (`sub`), another payment.
    pub(crate) fn judge(&self, claims: &Claims) -> Result<(), Misbehaved> {
        self.id_token.iter().try_for_each(|(name, asked)| {
            let is_essential = asked["essential"] == true;
            let values = asked["values"].as_array().map(Vec::as_slice).unwrap_or_default();
            let wanted = || asked.get("value").into_iter().chain(values);
            match claims.get(name) {
                // What is there, then, is how sure the server is, whatever was wished for (§5.5.1.1).
                _ if name == "acr" && !is_essential => Ok(()),
                None if is_essential && (matches!(name.as_str(), "auth_time" | "acr") || wanted().next().is_some()) => {
                    Err(Misbehaved::new(SECTION, format!("a claim \"{}\", which was asked for as essential", printable(name)), "none"))
                }
                Some(found) if wanted().next().is_some() && wanted().all(|wanted| wanted != found) => {
                    let expected = format!("a claim \"{}\" of the value that was asked for", printable(name));
                    Err(Misbehaved::new(SECTION, expected, "another value"))
                }
                _ => Ok(()),
            }
        })
    }
}

/// §5.5.1; what else may stand there is the server's.
fn is_fit(asked: &Value) -> bool {
    let is_boolean = |value: &Value| value.is_boolean();
    let is_list = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
    asked.is_null()
        || asked.as_object().is_some_and(|asked| asked.get("essential").is_none_or(is_boolean) && asked.get("values").is_none_or(is_list))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(asked: &str, claims: &str) -> bool {
        let requested = RequestedClaims::read(&format!(r#"{{"id_token":{asked},"userinfo":{{"email":null}}}}"#)).expect("fit");
        requested.judge(&Claims::read(claims.as_bytes(), "a test").expect("claims")).is_ok()
    }

    #[test]
    fn e18_what_was_asked_for_with_a_value_has_it() {
        for (asked, claims, good) in [
            (r#"{"intent":{"value":"a","essential":true}}"#, r#"{"intent":"a"}"#, true),
            (r#"{"intent":{"value":"a","essential":true}}"#, r#"{"intent":"b"}"#, false),
            (r#"{"intent":{"value":"a","essential":true}}"#, "{}", false),
            (r#"{"intent":{"value":"a"}}"#, r#"{"intent":"b"}"#, false),
            (r#"{"intent":{"value":"a"}}"#, "{}", true),
            (r#"{"sub":{"value":"1"}}"#, r#"{"sub":"2"}"#, false),
            (r#"{"acr":{"essential":true,"values":["gold","silver"]}}"#, r#"{"acr":"silver"}"#, true),
            (r#"{"acr":{"essential":true,"values":["gold","silver"]}}"#, r#"{"acr":"tin"}"#, false),
            (r#"{"acr":{"essential":true,"values":["gold"]}}"#, "{}", false),
            (r#"{"acr":{"values":["gold"]}}"#, r#"{"acr":"tin"}"#, true),
            (r#"{"auth_time":{"essential":true}}"#, "{}", false),
            (r#"{"auth_time":{"essential":true}}"#, r#"{"auth_time":1}"#, true),
            (r#"{"auth_time":null}"#, "{}", true),
            (r#"{"email":{"essential":true}}"#, "{}", true),
        ] {
            assert_eq!(judged(asked, claims), good, "{asked} {claims}");
        }
    }

    #[test]
    fn what_nobody_can_be_asked_is_the_apps_mistake() {
        for bad in [
            "[]",
            r#"{"id_token":[]}"#,
            r#"{"userinfo":"email"}"#,
            r#"{"id_token":{"acr":true}}"#,
            r#"{"id_token":{"acr":{"essential":"yes"}}}"#,
            r#"{"id_token":{"acr":{"values":"gold"}}}"#,
            r#"{"id_token":{"acr":{"values":[]}}}"#,
        ] {
            let Err(misuse) = RequestedClaims::read(bad) else { panic!("{bad}") };
            assert_eq!(misuse.section, Some("OpenID Connect Core §5.5"), "{bad}");
        }
        assert!(RequestedClaims::read(r#"{"id_token":{"x":{"of_theirs":1}},"of_theirs":2}"#).is_ok());
    }
}
