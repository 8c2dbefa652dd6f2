//! Texts that are put together: with `+`, with what fills braces and percent signs, and paths behind a base.

use super::expression::Arguments;
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

/// What is in the braces of a text by what `fill` makes of it; `{{` and `}}` are signs.
pub(super) fn braces(text: &str, mut fill: impl FnMut(&str) -> Value) -> Value {
    let (mut joined, mut rest) = (Joined::default(), text);
    while let Some((before, inside, behind)) = brace(rest).filter(|_| !joined.is_full()) {
        joined.said(before);
        joined.add(fill(inside.split(['!', ':']).next().unwrap_or_default().trim()));
        rest = behind;
    }
    joined.said(rest);
    joined.value()
}

/// The first brace of a text: what is before, in and behind it.
fn brace(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (inside, behind) = rest.split_once('}')?;
    Some((before, inside, behind))
}

/// `"…%s…" % (…)`.
pub(super) fn percent(text: Value, with: Vec<Value>) -> Value {
    let Some(known) = text.known() else { return text };
    let (mut joined, mut rest, mut with) = (Joined::default(), known.as_str(), with.into_iter());
    while let Some((before, behind)) = rest.split_once('%').filter(|_| !joined.is_full()) {
        joined.said(before);
        // `%s`, `%d`, `%(name)s`; `%%` is a sign.
        let kind = behind.find(|c: char| c.is_ascii_alphabetic() || c == '%').unwrap_or(0);
        if behind.starts_with('%') {
            joined.said("%");
        } else {
            joined.add(with.next().unwrap_or_else(|| Value::Gap("value".to_owned())));
        }
        rest = behind.get(kind + 1..).unwrap_or_default();
    }
    joined.said(rest);
    joined.value()
}

/// `"…{}…{name}…".format(…)`.
pub(super) fn formatted(text: Value, arguments: &Arguments) -> Value {
    let Some(known) = text.known() else { return text };
    let mut next = 0;
    braces(&known, |name| {
        let value = match (name, name.parse::<usize>()) {
            ("", _) => {
                next += 1;
                arguments.plain.get(next - 1)
            }
            (_, Ok(place)) => arguments.plain.get(place),
            (name, _) => arguments.named(name),
        };
        value.cloned().unwrap_or_else(|| Value::Gap(name.to_owned()))
    })
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
