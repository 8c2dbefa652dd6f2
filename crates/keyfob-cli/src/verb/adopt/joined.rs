//! Texts that are put together: with `+`, with what fills braces and percent signs, and paths behind a base.

use super::expression::{Arguments, member};
use super::values::{HEAVIEST, Piece, Value};

/// A text that grows. Where it is longer than what a call says it ends with a gap: `f"{a}{a}…"` would be more than there is memory.
#[derive(Default)]
pub(super) struct Joined {
    pieces: Vec<Piece>,
    weight: usize,
}

impl Joined {
    pub(super) fn said(&mut self, text: &str) {
        if !text.is_empty() {
            self.add(Value::text(text));
        }
    }

    pub(super) fn add(&mut self, more: Value) {
        if self.is_full() {
            return;
        }
        let more = more.pieces();
        self.weight += more.iter().map(Piece::weight).sum::<usize>();
        if self.is_full() {
            self.pieces.push(Piece::Gap("more".to_owned()));
        } else {
            self.pieces.extend(more);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.weight > HEAVIEST
    }

    pub(super) fn value(self) -> Value {
        Value::Text(self.pieces)
    }
}

/// Items with a text between them.
pub(super) fn joined(between: &Value, items: Vec<Value>) -> Value {
    let mut joined = Joined::default();
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            joined.add(between.clone());
        }
        joined.add(item);
        if joined.is_full() {
            break;
        }
    }
    joined.value()
}

/// A text with what is in its braces by what `fill` makes of it; `{{` and `}}` are signs.
pub(super) fn braces(text: &str, mut fill: impl FnMut(&str) -> Value) -> Value {
    let mut joined = Joined::default();
    fill_braces(text, &mut joined, &mut fill);
    joined.value()
}

fn fill_braces(text: &str, joined: &mut Joined, fill: &mut impl FnMut(&str) -> Value) {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']).filter(|_| !joined.is_full()) {
        let (before, brace) = rest.split_at(at);
        joined.said(before);
        let sign = &brace[..1];
        rest = &brace[1..];
        if let Some(behind) = rest.strip_prefix(sign) {
            joined.said(sign);
            rest = behind;
        } else if let Some(end) = closing(rest).filter(|_| sign == "{") {
            joined.add(fill(rest[..end].split(['!', ':']).next().unwrap_or_default().trim()));
            rest = &rest[end + 1..];
        } else {
            joined.said(sign);
        }
    }
    joined.said(rest);
}

/// Where the brace is closed that was opened before; a width may be in braces of its own (`{x:{w}}`).
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
        None
    })
}

/// `"…%s…" % (…)`, `"…%(name)s…" % {…}`.
pub(super) fn percent(text: Value, with: Value) -> Value {
    let (mut items, members) = match with {
        Value::List(items) => (items.into_iter(), Value::Map(Vec::new())),
        members @ Value::Map(_) => (Vec::new().into_iter(), members),
        one => (vec![one].into_iter(), Value::Map(Vec::new())),
    };
    each_said(text, |said, joined| {
        let mut rest = said;
        while let Some((before, behind)) = rest.split_once('%').filter(|_| !joined.is_full()) {
            joined.said(before);
            let (name, behind) = match behind.strip_prefix('(').and_then(|named| named.split_once(')')) {
                Some((name, behind)) => (Some(name), behind),
                None => (None, behind),
            };
            // `%s`, `%d`, `%(name)s`; `%%` is a sign.
            let kind = behind.find(|c: char| c.is_ascii_alphabetic() || c == '%').unwrap_or(0);
            match name {
                Some(name) => joined.add(member(&members, &Value::text(name)).unwrap_or_else(|| Value::Gap(name.to_owned()))),
                None if behind.starts_with('%') => joined.said("%"),
                None => joined.add(items.next().unwrap_or_else(|| Value::Gap("value".to_owned()))),
            }
            rest = behind.get(kind + 1..).unwrap_or_default();
        }
        joined.said(rest);
    })
}

/// `"…{}…{name}…".format(…)`.
pub(super) fn formatted(text: Value, arguments: &Arguments) -> Value {
    let mut next = 0;
    let mut fill = |name: &str| {
        let value = match (name, name.parse::<usize>()) {
            ("", _) => {
                next += 1;
                arguments.plain.get(next - 1)
            }
            (_, Ok(place)) => arguments.plain.get(place),
            (name, _) => arguments.named(name),
        };
        value.cloned().unwrap_or_else(|| Value::Gap(name.to_owned()))
    };
    each_said(text, |said, joined| fill_braces(said, joined, &mut fill))
}

/// What is known of a text, made into something else; what is not stays as it is.
fn each_said(text: Value, mut with: impl FnMut(&str, &mut Joined)) -> Value {
    let Value::Text(pieces) = text else { return text };
    let mut joined = Joined::default();
    for piece in pieces {
        match piece {
            Piece::Said(said) => with(&said, &mut joined),
            Piece::Gap(name) => joined.add(Value::Gap(name)),
        }
    }
    joined.value()
}

/// RFC 3986 §5.2.2, as far as scripts need it.
pub(super) fn behind(base: Value, more: Value) -> Value {
    let (Some(there), Some(path)) = (base.filled(), more.filled()) else { return more };
    if path.contains("://") {
        return more;
    }
    let end = match path.starts_with('/') {
        true => there.find("://").and_then(|at| Some(at + 3 + there[at + 3..].find('/')?)).unwrap_or(there.len()),
        false => there.rfind('/').map_or(there.len(), |at| at + 1),
    };
    let mut joined = Joined::default();
    joined.said(&there[..end]);
    joined.add(more);
    joined.value()
}

#[cfg(test)]
mod tests {
    fn json(text: &str) -> String {
        let calls = super::super::scan::read(&format!("s.post('https://a.example/x', json=[{text}])")).calls;
        let super::super::calls::Body::Json(value) = &calls[0].body else { panic!("{text}") };
        value.json().to_string()
    }

    #[test]
    fn items_are_joined_where_they_are_written() {
        for (text, expected) in [
            ("','.join(['x', y, 7])", r#"["x,Y,7"]"#),
            ("['x', 'y'].join('|')", r#"["x|y"]"#),
            ("','.join([])", r#"[""]"#),
            ("','.join(ids)", r#"["IDS"]"#),
            ("ids.join(',')", r#"["IDS"]"#),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn braces_and_percent_signs_are_filled_as_python_fills_them() {
        for (text, expected) in [
            ("f'{{{a}}} {b:{c}} }'", r#"["{A} B }"]"#),
            ("'{{{}}} {{}} {a}'.format(1, a=2)", r#"["{1} {} 2"]"#),
            ("'/%(a)s/%(b)d/%(c)s%%' % {'a': 'x', 'b': 7}", r#"["/x/7/C%"]"#),
            ("'/%(a)s' % d", r#"["/A"]"#),
            ("u + '/%s/%d' % ('x', 7)", r#"["U/x/7"]"#),
            ("(f'{u}/' + '{}').format('x')", r#"["U/x"]"#),
            ("`{\"a\":{\"b\":${c}}}`", r#"["{\"a\":{\"b\":C}}"]"#),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }
}
