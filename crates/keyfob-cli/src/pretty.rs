//! JSON for a person: indented and coloured, its order and its numbers as the server wrote them.

use serde::de::IgnoredAny;

use crate::output::Paint;

/// The text indented, if it is JSON. Deeper than this nobody reads.
const DEEPEST: usize = 64;

/// JSON indented and coloured; `None` if the text is none.
pub(crate) fn pretty(text: &str, paint: Paint) -> Option<String> {
    // What some put in front of it to say that it is UTF-8, which JSON is anyway (RFC 8259 §8.1).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut printer = Printer { out: String::with_capacity(text.len() * 2), depth: 0, paint };
    let mut rest = text.trim();
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' => printer.string(rest),
            '{' | '[' => printer.open(rest, c),
            '}' | ']' => printer.close(c),
            ',' => {
                printer.out.push(',');
                printer.line();
                1
            }
            ':' => {
                printer.out.push_str(": ");
                1
            }
            c if c.is_ascii_whitespace() => 1,
            _ => printer.word(rest),
        };
        rest = &rest[length..];
    }
    Some(printer.out)
}

struct Printer {
    out: String,
    depth: usize,
    paint: Paint,
}

impl Printer {
    fn line(&mut self) {
        self.out.push('\n');
        self.out.push_str(&"  ".repeat(self.depth.min(DEEPEST)));
    }

    fn open(&mut self, rest: &str, bracket: char) -> usize {
        self.out.push(bracket);
        let inside = rest[1..].trim_start();
        if inside.starts_with(['}', ']']) {
            self.out.push_str(&inside[..1]);
            return rest.len() - inside.len() + 1;
        }
        self.depth += 1;
        self.line();
        1
    }

    fn close(&mut self, bracket: char) -> usize {
        self.depth = self.depth.saturating_sub(1);
        self.line();
        self.out.push(bracket);
        1
    }

    fn string(&mut self, rest: &str) -> usize {
        let mut escaped = false;
        let end = rest[1..].find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let length = end.map_or(rest.len(), |end| end + 2);
        let is_name = rest[length..].trim_start().starts_with(':');
        let text = &rest[..length];
        self.out.push_str(&if is_name { self.paint.accent(text) } else { self.paint.good(text) });
        length
    }

    fn word(&mut self, rest: &str) -> usize {
        let length = rest.find(|c: char| matches!(c, ',' | '}' | ']' | ':') || c.is_ascii_whitespace()).unwrap_or(rest.len());
        self.out.push_str(&self.paint.warn(&rest[..length]));
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_kept_as_it_is() {
        let text = r#" {"b":[1.0,12345678901234567890123,{}, [ ]],"a":"x\"},:","c":null}"#;
        let expected =
            "{\n  \"b\": [\n    1.0,\n    12345678901234567890123,\n    {},\n    []\n  ],\n  \"a\": \"x\\\"},:\",\n  \"c\": null\n}";
        assert_eq!(pretty(text, Paint::plain()).as_deref(), Some(expected));
        assert_eq!(pretty("\"é\"", Paint::plain()).as_deref(), Some("\"é\""));
        assert_eq!(pretty("\u{feff}[1]", Paint::plain()).as_deref(), Some("[\n  1\n]"));
    }

    #[test]
    fn other_text_is_none() {
        for text in ["", "<html>", "{\"a\":1", "OAuth Verification Failed"] {
            assert_eq!(pretty(text, Paint::plain()), None, "{text}");
        }
    }
}
