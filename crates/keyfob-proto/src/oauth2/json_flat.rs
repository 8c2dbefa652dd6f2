//! The usual answer, read in one go: an object of text without escapes, whole numbers and the like, with nothing further down.
//!
//! It refuses nothing. What is not of that kind is for the parser, whose word counts; what is, the parser would have read as the same (a property test
//! compares them). Tokens are long, and looking through them is most of the work: here it is done for many bytes at once.

use std::borrow::Cow;

use super::json::Json;

/// The members of such an object, in the order of the text; two of them may have one name. `None`: it is another kind of text.
pub(super) fn members(text: &str) -> Option<Vec<(Cow<'_, str>, Json<'_>)>> {
    let mut rest = Rest(text);
    // Room for what a token answer has.
    let mut members = Vec::with_capacity(8);
    rest.mark(b'{')?;
    loop {
        let name = rest.string()?;
        rest.mark(b':')?;
        members.push((Cow::Borrowed(name), rest.value()?));
        if rest.mark(b',').is_none() {
            break;
        }
    }
    rest.mark(b'}')?;
    rest.skip_space();
    rest.0.is_empty().then_some(members)
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// So many bytes, all of them ASCII or up to an ASCII one.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn skip_space(&mut self) {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        while self.0.as_bytes().first().is_some_and(is_space) {
            self.take(1);
        }
    }

    /// This byte, perhaps behind space.
    fn mark(&mut self, wanted: u8) -> Option<()> {
        self.skip_space();
        (*self.0.as_bytes().first()? == wanted).then_some(())?;
        self.take(1);
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        self.mark(b'"')?;
        let length = plain_length(self.0.as_bytes());
        // Anything else that ends it is an escape, or wrong.
        (*self.0.as_bytes().get(length)? == b'"').then_some(())?;
        let text = self.take(length);
        self.take(1);
        Some(text)
    }

    fn value(&mut self) -> Option<Json<'a>> {
        self.skip_space();
        match self.0.as_bytes().first()? {
            b'"' => Some(Json::Text(self.string()?.into())),
            b'0'..=b'9' => self.number(),
            _ => [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))].into_iter().find_map(|(word, value)| {
                self.0 = self.0.strip_prefix(word)?;
                Some(value)
            }),
        }
    }

    /// A whole number. What follows it is no concern of ours: a point or an exponent is neither a comma nor an end.
    fn number(&mut self) -> Option<Json<'a>> {
        // More digits may be too many for 64 bits.
        const MOST: usize = 18;
        let digits = self.0.bytes().take(MOST + 1).take_while(u8::is_ascii_digit).count();
        let digits = self.take(digits);
        // One spelling for each (RFC 8259 §6).
        let is_one = digits.len() <= MOST && (digits == "0" || !digits.starts_with('0'));
        is_one.then(|| digits.parse::<u64>().ok()).flatten().map(|number| Json::Number(number.into()))
    }
}

/// How many bytes there are before the first that ends a string, begins an escape or may not be there (RFC 8259 §7).
fn plain_length(bytes: &[u8]) -> usize {
    let ends = |byte: u8| u8::from((byte < b' ') | (byte == b'"') | (byte == b'\\'));
    let (runs, rest) = bytes.as_chunks::<16>();
    for (nth, run) in runs.iter().enumerate() {
        // The place of the first is that of the lowest bit.
        let mut marks = [0; 16];
        marks.iter_mut().zip(run).for_each(|(mark, &byte)| *mark = ends(byte));
        let marks = u128::from_le_bytes(marks);
        if marks != 0 {
            return nth * run.len() + marks.trailing_zeros() as usize / 8;
        }
    }
    let end = rest.iter().position(|&byte| ends(byte) != 0).unwrap_or(rest.len());
    bytes.len() - rest.len() + end
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::oauth2::json::Object;

    fn read(text: &str) -> Option<Value> {
        Object::of(members(text)?).ok().map(|object| Value::Object(object.into_map()))
    }

    fn parsed(text: &str) -> Option<Value> {
        serde_json::from_str(text).ok()
    }

    #[test]
    fn the_usual_answer_is_of_that_kind() {
        let text = r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer", "expires_in" : 3600,
            "refresh_token":"tGzv3JOkF0XtGgdVxWKu-and-so-on-until-it-is-long","scope":"","x":null,"y":true,"z":false,"é":"日本"} "#;
        assert_eq!((read(text).is_some(), read(text)), (true, parsed(text)));
    }

    #[test]
    fn c6_what_is_of_another_kind_is_left_to_the_parser() {
        for text in [
            "",
            "{",
            "{}",
            "{}x",
            "[]",
            "null",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1}{}"#,
            r#"{"a":1"#,
            r#"{"a":"b"#,
            r#"{a:1}"#,
            r#"{"a":01}"#,
            r#"{"a":-1}"#,
            r#"{"a":1.5}"#,
            r#"{"a":1e5}"#,
            r#"{"a":1234567890123456789}"#,
            r#"{"a":"\n"}"#,
            r#"{"\u0061":1}"#,
            r#"{"a":[]}"#,
            r#"{"a":{}}"#,
            r#"{"a":nul}"#,
            r#"{"a":nulll}"#,
            r#"{"a":tRue}"#,
            "{\"a\":\"\n\"}",
            "{\"a\":\"\u{0}\"}",
            "{\"a\"\u{a0}:1}",
            r#"{"a":1 "b":2}"#,
            r#"{,"a":1}"#,
        ] {
            assert!(members(text).is_none(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_in_one_go_is_what_the_parser_reads(
            text in "[ \\n]?\\{([ ]?\"[a-cé ]{0,40}\"[ ]?:[ ]?([0-9.]{1,20}|null|true|\"[a-z\\\\\"nu0-9\\x00-\\x20]{0,70}\")[ ,]?){0,3}[ }]{1,2}",
        ) {
            if let Some(read) = read(&text) {
                proptest::prop_assert_eq!(Some(read), parsed(&text), "{}", text);
            }
        }

        #[test]
        fn other_text_too(text in "[ \\[\\]{}:,\"a0-9.e\\\\ntrulfs-]{0,20}", any: String) {
            for text in [format!("{{\"a\":{text}}}"), format!("{{{text}}}"), text, any] {
                if let Some(read) = read(&text) {
                    proptest::prop_assert_eq!(Some(read), parsed(&text), "{}", text);
                }
            }
        }

        #[test]
        fn a_string_ends_where_it_ends(bytes: Vec<u8>, fill in 0_usize..80) {
            let bytes = [vec![b'x'; fill], bytes].concat();
            let end = bytes.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\');
            proptest::prop_assert_eq!(plain_length(&bytes), end.unwrap_or(bytes.len()));
        }
    }
}
