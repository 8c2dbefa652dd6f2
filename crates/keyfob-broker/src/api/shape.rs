//! Whether a body fits its schema: the one that the document shows. It reads as much of JSON Schema as our types make of it.

use keyfob::proto::scrub;
use keyfob_providers::nearest;
use serde_json::{Map, Value};

use crate::problem::Problem;

/// Judges a body.
pub(super) fn judge(schema: &Value, value: &Value) -> Result<(), Problem> {
    fits(schema, value, "").map_err(|misfit| {
        let at = if misfit.at.is_empty() { "The body".to_owned() } else { format!("\"{}\"", scrub::printable(&misfit.at)) };
        let problem = Problem::bad_request("body", format!("{at} should be {}, and is {}.", misfit.expected, misfit.found));
        match misfit.hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    })
}

struct Misfit {
    at: String,
    expected: String,
    found: String,
    hint: Option<String>,
}

fn fits(schema: &Value, value: &Value, at: &str) -> Result<(), Misfit> {
    let misfit = |expected: String, found: String| Err(Misfit { at: at.to_owned(), expected, found, hint: None });
    let number = |name: &str| schema.get(name).and_then(Value::as_f64);
    if let Some(choices) = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array) {
        if choices.iter().any(|choice| fits(choice, value, at).is_ok()) {
            return Ok(());
        }
        let names: Vec<String> = choices.iter().map(named).collect();
        return misfit(format!("one of {}", names.join(", ")), in_words(kind(value)).to_owned());
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return misfit(named(schema), "another".to_owned());
    }
    if let Some(wanted) = types(schema)
        && !wanted.iter().any(|wanted| is(wanted, value))
    {
        let names: Vec<&str> = wanted.iter().map(|wanted| in_words(wanted)).collect();
        return misfit(names.join(" or "), in_words(kind(value)).to_owned());
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.contains(value)
    {
        let names: Vec<String> = choices.iter().map(ToString::to_string).collect();
        return misfit(format!("one of {}", names.join(", ")), "another".to_owned());
    }
    match value {
        Value::String(text) => {
            let length = text.chars().count();
            if number("maxLength").is_some_and(|most| length as f64 > most)
                || number("minLength").is_some_and(|least| (length as f64) < least)
            {
                return misfit(range("characters", number("minLength"), number("maxLength")), format!("{length}"));
            }
        }
        Value::Number(found) => {
            let value = found.as_f64().unwrap_or(f64::NAN);
            if number("maximum").is_some_and(|most| value > most) || number("minimum").is_some_and(|least| value < least) {
                return misfit(range("", number("minimum"), number("maximum")), found.to_string());
            }
        }
        Value::Array(items) => {
            let length = items.len() as f64;
            if number("maxItems").is_some_and(|most| length > most) || number("minItems").is_some_and(|least| length < least) {
                return misfit(range("items", number("minItems"), number("maxItems")), format!("{length}"));
            }
            if let Some(each) = schema.get("items") {
                items.iter().enumerate().try_for_each(|(index, item)| fits(each, item, &below(at, &index.to_string())))?;
            }
        }
        Value::Object(members) => object(schema, members, at)?,
        _ => {}
    }
    Ok(())
}

fn object(schema: &Value, members: &Map<String, Value>, at: &str) -> Result<(), Misfit> {
    let Some(known) = schema.get("properties").and_then(Value::as_object) else { return Ok(()) };
    // A name that is mistyped first: the one that it was meant to be is missing, too, and says less.
    if let Some(name) = members.keys().find(|name| !known.contains_key(*name)) {
        let near = nearest(name, known.keys().map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known: {}", known.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
        };
        let shown = name.chars().take(40).collect::<String>();
        return Err(Misfit { at: below(at, &shown), expected: "a name that is known".into(), found: "none".into(), hint: Some(hint) });
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        if !members.contains_key(name) {
            return Err(Misfit { at: below(at, name), expected: "there".into(), found: "missing".into(), hint: None });
        }
    }
    for (name, value) in members {
        if let Some(schema) = known.get(name) {
            fits(schema, value, &below(at, name))?;
        }
    }
    Ok(())
}

/// A choice among several.
fn named(schema: &Value) -> String {
    match (schema.get("const"), types(schema)) {
        (Some(only), _) => only.to_string(),
        (None, Some(types)) => types.iter().map(|kind| in_words(kind)).collect::<Vec<_>>().join(" or "),
        _ => "another".to_owned(),
    }
}

fn types(schema: &Value) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Value::String(one) => Some(vec![one]),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn is(wanted: &str, value: &Value) -> bool {
    match wanted {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => wanted == kind(value),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn in_words(kind: &str) -> &str {
    match kind {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "array" => "a list",
        "object" => "an object",
        other => other,
    }
}

fn range(what: &str, least: Option<f64>, most: Option<f64>) -> String {
    let words = match (least, most) {
        (Some(least), Some(most)) => format!("{least} to {most} {what}"),
        (None, Some(most)) => format!("at most {most} {what}"),
        (Some(least), None) => format!("at least {least} {what}"),
        (None, None) => String::new(),
    };
    words.trim_end().to_owned()
}

fn below(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_is_named_with_its_place_and_the_nearest_name() {
        let schema = json!({
            "type": "object",
            "required": ["account"],
            "properties": {
                "account": {"type": "string", "minLength": 1, "maxLength": 5},
                "allow": {"type": "array", "maxItems": 2, "items": {"type": "string"}},
                "expires_in": {"type": ["integer", "null"], "minimum": 60, "maximum": 100},
                "kind": {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]},
            },
        });
        for good in [json!({"account": "x"}), json!({"account": "x", "allow": ["y"], "expires_in": null, "kind": "b"})] {
            assert!(judge(&schema, &good).is_ok(), "{good}");
        }
        for (wrong, at) in [
            (json!([]), ""),
            (json!({}), "account"),
            (json!({"account": 1}), "account"),
            (json!({"account": ""}), "account"),
            (json!({"account": "toolong"}), "account"),
            (json!({"account": "x", "allow": [1]}), "allow/0"),
            (json!({"account": "x", "allow": ["", "", ""]}), "allow"),
            (json!({"account": "x", "expires_in": 59}), "expires_in"),
            (json!({"account": "x", "expires_in": 60.5}), "expires_in"),
            (json!({"account": "x", "kind": "c"}), "kind"),
        ] {
            let misfit = fits(&schema, &wrong, "").err().unwrap_or_else(|| panic!("{wrong}"));
            assert_eq!(misfit.at, at, "{wrong}");
        }
        let near = fits(&schema, &json!({"account": "x", "expire_in": 60}), "").err().and_then(|misfit| misfit.hint);
        assert_eq!(near.as_deref(), Some("did you mean \"expires_in\"?"));
        // That the right one is missing says less.
        let near = fits(&schema, &json!({"acount": "x"}), "").err().and_then(|misfit| misfit.hint);
        assert_eq!(near.as_deref(), Some("did you mean \"account\"?"));
    }
}
