//! Rich authorization requests (RFC 9396).

use serde_json::Value;

/// The types that are known here.
pub(super) const TYPES: [&str; 2] = ["payment", "lock"];

/// A list of objects of known types (RFC 9396 §2, §5); nothing where nothing was asked for.
pub(super) fn authorization_details(text: Option<&str>) -> Result<Option<Value>, String> {
    let Some(text) = text else { return Ok(None) };
    let asked: Value = serde_json::from_str(text).map_err(|_| "authorization_details is no JSON")?;
    let list = asked.as_array().filter(|list| !list.is_empty()).ok_or("authorization_details is no list, or an empty one")?;
    for one in list {
        match one.get("type").and_then(Value::as_str) {
            Some(kind) if TYPES.contains(&kind) => {}
            _ => return Err(format!("\"type\" must be of {}", TYPES.join(", "))),
        }
    }
    Ok(Some(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_objects_of_known_types() {
        assert_eq!(authorization_details(None), Ok(None));
        assert!(authorization_details(Some(r#"[{"type":"payment","actions":["initiate"]}]"#)).is_ok_and(|details| details.is_some()));
        for bad in ["", "{}", "[]", "[1]", r#"[{"type":"flight"}]"#, r#"[{"type":"lock"},{}]"#] {
            assert!(authorization_details(Some(bad)).is_err(), "{bad}");
        }
    }
}
