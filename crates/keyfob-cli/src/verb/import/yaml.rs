//! As much of YAML as programs write who keep tokens in it (twurl, xurl): maps and lists by indentation, scalars on one line, plain or quoted. What is
//! more than that is passed over: no anchors, no text over several lines, no types.

use serde_json::{Map, Value};

/// Deeper than this no program keeps a token, and a hostile file would have us call ourselves without end.
const DEEPEST: usize = 32;

/// The document; `None` if it is nothing of the kind.
pub(super) fn read(text: &str) -> Option<Value> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with(['#', '%']) || content.trim_end() == "---" {
            continue;
        }
        let (indent, content) = (line.len() - content.len(), content.trim_end());
        match item(content).filter(|text| member(text).is_some() && !is_quoted(text)) {
            // A map in a list stands where its first name does.
            Some(first) => lines.extend([(indent, "-"), (line.trim_end().len() - first.trim_start().len(), first.trim_start())]),
            None => lines.push((indent, content)),
        }
    }
    let mut rest = &lines[..];
    let value = block(&mut rest, 0)?;
    let is_document = value.is_object() || value.as_array().is_some_and(|items| items.iter().all(Value::is_object));
    (is_document && rest.is_empty()).then_some(value)
}

type Lines<'a> = &'a [(usize, &'a str)];

/// The lines from here on that stand as far to the right as the first one, and what is below them.
fn block(lines: &mut Lines<'_>, depth: usize) -> Option<Value> {
    let &(indent, first) = lines.first().filter(|_| depth < DEEPEST)?;
    if item(first).is_some() {
        let mut items = Vec::new();
        while let Some(text) = lines.first().filter(|(at, _)| *at == indent).and_then(|(_, line)| item(line)) {
            *lines = &lines[1..];
            let below = text.is_empty() && lines.first().is_some_and(|(at, _)| *at > indent);
            items.push(if below { block(lines, depth + 1)? } else { scalar(text) });
        }
        return Some(Value::Array(items));
    }
    let mut map = Map::new();
    while let Some((name, text)) = lines.first().filter(|(at, _)| *at == indent).and_then(|(_, line)| member(line)) {
        *lines = &lines[1..];
        // A list may stand as far left as the name it belongs to.
        let below = lines.first().is_some_and(|(at, line)| *at > indent || *at == indent && item(line).is_some());
        let value = if text.is_empty() && below { block(lines, depth + 1)? } else { scalar(text) };
        map.entry(name).or_insert(value);
        if lines.first().is_some_and(|(at, _)| *at > indent) {
            return None;
        }
    }
    Some(Value::Object(map))
}

fn item(line: &str) -> Option<&str> {
    if line == "-" { Some("") } else { line.strip_prefix("- ") }
}

/// Whether all of it is one text: a colon in it is none of ours.
fn is_quoted(text: &str) -> bool {
    ['"', '\''].iter().any(|quote| text.starts_with(*quote) && text.ends_with(*quote) && text.matches(*quote).count() == 2)
}

fn member(line: &str) -> Option<(String, &str)> {
    let (name, text) = match line.strip_suffix(':').filter(|name| !name.contains(": ")) {
        Some(name) => (name, ""),
        None => line.split_once(": ")?,
    };
    Some((unquoted(name.trim()).to_owned(), text.trim()))
}

fn scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" => Value::Null,
        "{}" => Value::Object(Map::new()),
        "[]" => Value::Array(Vec::new()),
        _ => Value::from(unquoted(text)),
    }
}

fn unquoted(text: &str) -> &str {
    let inside = |quote| text.strip_prefix(quote).and_then(|text: &str| text.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or_else(|| text.split(" #").next().unwrap_or(text).trim_end())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maps_and_lists_are_told_apart_by_where_they_stand() {
        let text = "---\n# mine\na:\n  b: c # note\n  'd:e': \"f g\"\n  h:\n  - i\n  - 7\nj: {}\nk:\nl: m:n\n";
        assert_eq!(read(text), Some(json!({"a": {"b": "c", "d:e": "f g", "h": ["i", "7"]}, "j": {}, "k": null, "l": "m:n"})));
        let list = "a:\n- b: c\n  d:\n  - e\n-   f: g\n- 'h: i'\n- j\n";
        assert_eq!(read(list), Some(json!({"a": [{"b": "c", "d": ["e"]}, {"f": "g"}, "h: i", "j"]})));
        assert_eq!(read("- a: b\n- a: c\n"), Some(json!([{"a": "b"}, {"a": "c"}])));
        for other in ["", "- a", "- a\n- b: c", "hello", "a: b\n   c: d\n", "a:\n    b: c\n  d: e\n"] {
            assert_eq!(read(other), None, "{other}");
        }
        let deep: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert_eq!(read(&deep), None);
    }
}
