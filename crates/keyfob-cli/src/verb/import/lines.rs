//! `name: value` and `NAME=value` lines, as env-files, shells and configuration files have them.

use serde_json::{Map, Value};

/// What a text has in such lines, as a document: sections (`[name]`) are objects of it.
pub(super) fn read(text: &str) -> Value {
    let heading = |line: &str| {
        let name = line.trim().strip_prefix('[')?.strip_suffix(']')?.trim_matches(['[', ']', ' ']);
        (!name.is_empty()).then(|| name.trim_matches(['"', '\'']).to_owned())
    };
    let (mut document, mut section, mut lines) = (Map::new(), None, String::new());
    let mut end = |section: &mut Option<String>, lines: &mut String, next: Option<String>| {
        let mut object = Map::new();
        // The first of a name counts.
        for (name, value) in scalars(&std::mem::take(lines)) {
            object.entry(name).or_insert(value);
        }
        match std::mem::replace(section, next) {
            Some(name) => document.extend([(name, Value::Object(object))]),
            None => document.extend(object),
        }
    };
    for line in text.lines() {
        match heading(line) {
            Some(name) => end(&mut section, &mut lines, Some(name)),
            None => lines.extend([line, "\n"]),
        }
    }
    end(&mut section, &mut lines, None);
    Value::Object(document)
}

/// The same in their order. Nesting is passed over.
pub(super) fn scalars(text: &str) -> Vec<(String, Value)> {
    let line = |line: &str| {
        let line = line.trim().trim_start_matches("export ").trim_start_matches("$env:").trim_start_matches("- ");
        if line.starts_with('#') {
            return None;
        }
        let (line, signs): (&str, &[char]) = match line.strip_prefix("set -gx ") {
            Some(of_fish) => (of_fish, &[' ']),
            None => (line, &[':', '=']),
        };
        let at = line.find(signs)?;
        let (name, value) = (line[..at].trim(), line[at + 1..].trim().trim_matches(['"', '\'']));
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        is_name.then(|| (name.to_ascii_lowercase(), Value::from(value)))
    };
    text.lines().filter_map(line).filter(|(_, value)| value.as_str().is_some_and(|value| !value.is_empty())).collect()
}
