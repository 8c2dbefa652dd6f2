//! A dictionary as Python prints it, and people copy it: texts in either quotes, `True`, `None`, tuples. Data alone: what would have to be run is none.

use serde_json::{Map, Value};

/// Deeper than this no program keeps a token, and a hostile text would have us call ourselves without end.
const DEEPEST: usize = 32;

/// The dictionary, which may be assigned to a name (`token = {…}`); `None` if it is anything else.
pub(super) fn read(text: &str) -> Option<Value> {
    let text = text.trim();
    let start = text.find('{')?;
    let name = text[..start].trim_end();
    let is_assigned = name.strip_suffix('=').is_some_and(|name| name.trim().chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    if !name.is_empty() && !is_assigned {
        return None;
    }
    let mut rest = &text[start..];
    let value = value(&mut rest, 0)?;
    (value.is_object() && rest.trim().is_empty()).then_some(value)
}

fn value(rest: &mut &str, depth: usize) -> Option<Value> {
    *rest = rest.trim_start();
    let first = rest.chars().next().filter(|_| depth < DEEPEST)?;
    match first {
        '{' => {
            let mut members = Map::new();
            several(rest, '}', |rest| {
                let name = string(rest)?;
                *rest = rest.trim_start().strip_prefix(':')?;
                // As Python has it, the last of a name counts.
                members.insert(name, value(rest, depth + 1)?);
                Some(())
            })?;
            Some(Value::Object(members))
        }
        '[' | '(' => {
            let mut items = Vec::new();
            several(rest, if first == '[' { ']' } else { ')' }, |rest| {
                items.push(value(rest, depth + 1)?);
                Some(())
            })?;
            Some(Value::Array(items))
        }
        '\'' | '"' | 'u' | 'b' => string(rest).map(Value::from),
        _ => {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '+' | '_')).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            *rest = behind;
            match word {
                "True" => Some(Value::Bool(true)),
                "False" => Some(Value::Bool(false)),
                "None" => Some(Value::Null),
                number => serde_json::from_str(number).ok().filter(Value::is_number),
            }
        }
    }
}

/// From an open bracket to behind the one that closes it, with commas between, and one more at the end.
fn several(rest: &mut &str, close: char, mut one: impl FnMut(&mut &str) -> Option<()>) -> Option<()> {
    *rest = &rest[1..];
    loop {
        *rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix(close) {
            *rest = behind;
            return Some(());
        }
        one(rest)?;
        *rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(behind) => *rest = behind,
            None if rest.starts_with(close) => {}
            None => return None,
        }
    }
}

fn string(rest: &mut &str) -> Option<String> {
    *rest = rest.trim_start();
    let text = rest.strip_prefix(['u', 'b']).unwrap_or(rest);
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (mut said, mut chars) = (String::new(), text[1..].chars());
    loop {
        match chars.next()? {
            c if c == quote => break,
            '\n' => return None,
            '\\' => match chars.next()? {
                'n' => said.push('\n'),
                'r' => said.push('\r'),
                't' => said.push('\t'),
                c @ ('\\' | '\'' | '"' | '/') => said.push(c),
                // By its number: no token is written so.
                _ => return None,
            },
            c => said.push(c),
        }
    }
    *rest = chars.as_str();
    Some(said)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_python_prints_is_read() {
        let text = "{'access_token': 'a|b', \"refresh_token\": \"it's\", 'scope': ['x', 'y'], 'expires_at': 1577836800.5,\n \
            'n': -1, 'ok': True, 'no': False, 'none': None, 'pair': ('a', u'b',), 'of': {}, 'c': 'd\\'e\\\\',}";
        let expected = json!({
            "access_token": "a|b", "refresh_token": "it's", "scope": ["x", "y"], "expires_at": 1577836800.5, "n": -1, "ok": true, "no": false,
            "none": null, "pair": ["a", "b"], "of": {}, "c": "d'e\\",
        });
        assert_eq!(read(text), Some(expected.clone()));
        assert_eq!(read(&format!("token = {text}\n")), Some(expected));
    }

    #[test]
    fn what_would_have_to_be_run_is_none() {
        for text in [
            "",
            "{",
            "{}x",
            "['a']",
            "{'a': b}",
            "{'a': f(1)}",
            "{a: 1}",
            "{'a' 1}",
            "{'a': 1 'b': 2}",
            "x({'a': 1})",
            "{'a': '\\x41'}",
            "{'a",
            "{'a': é}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"{'a':".repeat(1_000)), None);
        assert_eq!(read(&format!("{{'a': {}", "[".repeat(100_000))), None);
    }
}
