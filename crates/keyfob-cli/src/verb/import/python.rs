//! A dictionary as Python prints it, and people copy it: texts in either quotes, `True`, `None`, tuples, `OrderedDict(…)`, `datetime(…)`,
//! comments. Data alone: what would have to be run is none.

use serde_json::{Map, Value};

/// Deeper than this no program keeps a token, and a hostile text would have us call ourselves without end.
const DEEPEST: usize = 32;

/// The dictionary, which may be assigned to a name (`token = {…}`); `None` if it is anything else.
pub(super) fn read(text: &str) -> Option<Value> {
    let mut rest = text;
    blank(&mut rest);
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if let Some((_, behind)) = rest.split_once('=').filter(|(name, _)| is_name(name.trim())) {
        rest = behind;
    }
    let value = value(&mut rest, 0)?;
    blank(&mut rest);
    (value.is_object() && rest.is_empty()).then_some(value)
}

/// Over what says nothing: blanks, and comments.
fn blank(rest: &mut &str) {
    *rest = rest.trim_start();
    while rest.starts_with('#') {
        *rest = rest.split_once('\n').map_or("", |(_, behind)| behind).trim_start();
    }
}

fn value(rest: &mut &str, depth: usize) -> Option<Value> {
    blank(rest);
    let first = rest.chars().next().filter(|_| depth < DEEPEST)?;
    match first {
        '{' => {
            let mut members = Map::new();
            several(rest, '}', |rest| {
                let name = string(rest)?;
                blank(rest);
                *rest = rest.strip_prefix(':')?;
                // As Python has it, the last of a name counts.
                members.insert(name, value(rest, depth + 1)?);
                Some(())
            })?;
            Some(Value::Object(members))
        }
        '[' | '(' => items(rest, depth).map(Value::Array),
        '\'' | '"' => string(rest).map(Value::from),
        'u' | 'b' if rest[1..].starts_with(['\'', '"']) => string(rest).map(Value::from),
        _ => {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '+' | '_')).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            *rest = behind;
            match word {
                "True" => Some(Value::Bool(true)),
                "False" => Some(Value::Bool(false)),
                "None" => Some(Value::Null),
                "OrderedDict" | "collections.OrderedDict" | "dict" => pairs(items(rest, depth)?),
                "datetime" | "datetime.datetime" => moment(rest),
                number => serde_json::from_str(number).ok().filter(Value::is_number),
            }
        }
    }
}

/// What stands in brackets.
fn items(rest: &mut &str, depth: usize) -> Option<Vec<Value>> {
    let close = if rest.starts_with('[') { ']' } else { ')' };
    let mut items = Vec::new();
    rest.starts_with(['[', '(']).then_some(())?;
    several(rest, close, |rest| {
        items.push(value(rest, depth + 1)?);
        Some(())
    })?;
    Some(items)
}

/// The dictionary that is made of one, or of a list of names and values: `OrderedDict([('a', 1)])`.
fn pairs(mut made_of: Vec<Value>) -> Option<Value> {
    match (made_of.pop(), made_of.len()) {
        (None, 0) => Some(Value::Object(Map::new())),
        (Some(Value::Object(members)), 0) => Some(Value::Object(members)),
        (Some(Value::Array(items)), 0) => {
            let pair = |item: Value| match item {
                Value::Array(pair) => <[Value; 2]>::try_from(pair).ok().and_then(|[name, value]| Some((name.as_str()?.to_owned(), value))),
                _ => None,
            };
            items.into_iter().map(pair).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        _ => None,
    }
}

/// `(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)`, as RFC 3339 has it. Without a time zone it is somebody's local time, or not: then as it stands, which
/// is no moment to anybody.
fn moment(rest: &mut &str) -> Option<Value> {
    let (inside, behind) = rest.strip_prefix('(')?.split_once(')')?;
    *rest = behind;
    let mut numbers = [0_u32; 7];
    let mut is_utc = false;
    for (at, part) in inside.split(',').map(str::trim).filter(|part| !part.is_empty()).enumerate() {
        match part.strip_prefix("tzinfo=") {
            Some(zone) => is_utc = ["datetime.timezone.utc", "timezone.utc", "datetime.UTC", "UTC"].contains(&zone),
            None => *numbers.get_mut(at)? = part.parse().ok()?,
        }
    }
    let [year, month, day, hour, minute, second, _] = numbers;
    Some(Value::from(match is_utc {
        true => format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"),
        false => format!("datetime({inside})"),
    }))
}

/// From an open bracket to behind the one that closes it, with commas between, and one more at the end.
fn several(rest: &mut &str, close: char, mut one: impl FnMut(&mut &str) -> Option<()>) -> Option<()> {
    *rest = &rest[1..];
    loop {
        blank(rest);
        if let Some(behind) = rest.strip_prefix(close) {
            *rest = behind;
            return Some(());
        }
        one(rest)?;
        blank(rest);
        match rest.strip_prefix(',') {
            Some(behind) => *rest = behind,
            None if rest.starts_with(close) => {}
            None => return None,
        }
    }
}

fn string(rest: &mut &str) -> Option<String> {
    blank(rest);
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
                // By its number.
                'x' => said.push(numbered(&mut chars, 2)?),
                'u' => said.push(numbered(&mut chars, 4)?),
                'U' => said.push(numbered(&mut chars, 8)?),
                _ => return None,
            },
            c => said.push(c),
        }
    }
    *rest = chars.as_str();
    Some(said)
}

fn numbered(chars: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let text = chars.as_str().get(..digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    *chars = chars.as_str()[digits..].chars();
    char::from_u32(u32::from_str_radix(text, 16).ok()?)
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
        let text = "# kept by sync.py\nTOKEN = OrderedDict([('access_token', 'a#b'),  # {not this}\n ('refresh_token', 'c\\x41\\u00e9'),\n \
            ('expires_at', datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.timezone.utc)),\n # nor this\n ('at', datetime(2026, 1, 2)), ]) # end";
        let expected =
            json!({"access_token": "a#b", "refresh_token": "cAé", "expires_at": "2026-01-02T03:04:00Z", "at": "datetime(2026, 1, 2)"});
        assert_eq!(read(text), Some(expected));
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
            "{'a': '\\xg1'}",
            "{'a': '\\x4",
            "{'a': '\\ud800'}",
            "{'a': '\\N{DASH}'}",
            "OrderedDict(1)",
            "OrderedDict([('a', 1, 2)])",
            "{'a': datetime.now()}",
            "{'a': datetime(2026",
            "{'a",
            "{'a': é}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"{'a':".repeat(1_000)), None);
        assert_eq!(read(&format!("{{'a': {}", "[".repeat(100_000))), None);
    }
}
