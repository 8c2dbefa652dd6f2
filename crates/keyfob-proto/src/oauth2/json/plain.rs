//! The usual answer: an object of texts without escapes, whole numbers, `true`, `false` and `null`. Whatever else there is in a text, or is wrong with it, is
//! for the library to read, and to refuse: nothing is refused here. A token is a thousand characters that are looked at one by one there, and many at once here,
//! which made the reading of an answer a fifth faster.

use std::borrow::Cow;

use super::{Json, Object};

/// `None`: read it in the other way.
pub(super) fn object(text: &str) -> Option<Object<'_>> {
    let mut reader = Reader { text, at: 0 };
    reader.expect(b'{')?;
    // Room for what a token answer has.
    let mut members = Vec::with_capacity(8);
    loop {
        reader.expect(b'"')?;
        let name = reader.string()?;
        reader.expect(b':')?;
        members.push((Cow::Borrowed(name), reader.value()?));
        match reader.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    reader.skip_space();
    if reader.at < text.len() {
        return None;
    }
    Object::of(members).ok()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// What is there behind spaces.
    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        self.skip_space();
        let byte = self.text.as_bytes().get(self.at).copied();
        self.at += 1;
        byte
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
    }

    /// Behind its quote.
    #[inline(always)]
    fn string(&mut self) -> Option<&'a str> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = plain(rest);
        if rest.get(length) != Some(&b'"') {
            return None;
        }
        let string = &self.text[self.at..self.at + length];
        self.at += length + 1;
        Some(string)
    }

    #[inline(always)]
    fn value(&mut self) -> Option<Json<'a>> {
        match self.next()? {
            b'"' => Some(Json::Text(self.string()?.into())),
            first @ b'1'..=b'9' => {
                let mut number = u64::from(first - b'0');
                let mut digits = 1;
                while let Some(digit @ b'0'..=b'9') = self.text.as_bytes().get(self.at) {
                    number = number * 10 + u64::from(digit - b'0');
                    digits += 1;
                    self.at += 1;
                    if digits > 18 {
                        return None;
                    }
                }
                match self.text.as_bytes().get(self.at) {
                    Some(b'.' | b'e' | b'E') => None,
                    _ => Some(Json::Number(number.into())),
                }
            }
            b't' => self.word("rue", Json::Bool(true)),
            b'f' => self.word("alse", Json::Bool(false)),
            b'n' => self.word("ull", Json::Null),
            _ => None,
        }
    }

    fn word(&mut self, rest: &str, value: Json<'a>) -> Option<Json<'a>> {
        self.text.as_bytes()[self.at..].starts_with(rest.as_bytes()).then(|| {
            self.at += rest.len();
            value
        })
    }
}

/// How many bytes there are before a quote, an escape or a control character.
#[inline(always)]
fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    // Most are short, and a token is long.
    while let Some(word) = bytes[at..].first_chunk() {
        let ends = ends(u64::from_le_bytes(*word));
        if ends != 0 {
            return at + ends.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at == 16 {
            at += bytes[at..].as_chunks::<32>().0.iter().take_while(|run| !has_end(run)).count() * 32;
        }
    }
    at + bytes[at..].iter().take_while(|&&byte| byte != b'"' && byte != b'\\' && byte >= 0x20).count()
}

/// Whether one of these is among so many.
#[inline(always)]
fn has_end(run: &[u8; 32]) -> bool {
    // Zero for these alone.
    let end = |byte: u8| (byte ^ b'"').min(byte ^ b'\\').min(byte & 0xe0);
    run.iter().fold(u8::MAX, |least, &byte| least.min(end(byte))) == 0
}

/// The highest bit of the first byte that is one of these is set, and no lower bit.
#[inline(always)]
fn ends(word: u64) -> u64 {
    const ALL: u64 = u64::MAX / 0xff;
    let below = |word: u64, byte: u8| word.wrapping_sub(ALL * u64::from(byte)) & !word & (ALL << 7);
    below(word ^ (ALL * u64::from(b'"')), 1) | below(word ^ (ALL * u64::from(b'\\')), 1) | below(word, 0x20)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::super::{Json, members};
    use super::object;

    #[test]
    fn the_usual_answer_is_read_here_and_what_is_not_is_left_alone() {
        let long = "x".repeat(1000);
        let usual = format!(r#" {{ "access_token":"{long}","expires_in" : 3600, "é":"ü","a":true,"b":false,"c":null }} "#);
        let read = object(&usual).expect("the usual answer");
        assert_eq!((read.text("access_token"), read.text("é")), (Some(long.as_str()), Some("ü")));
        let seconds = matches!(read.get("expires_in"), Some(Json::Number(number)) if number.as_u64() == Some(3600));
        assert!(seconds && matches!(read.get("b"), Some(Json::Bool(false))) && read.get("c").is_some_and(Json::is_null));
        let otherwise = [
            "",
            "{",
            "{}",
            "[]",
            r#"{"a":"#,
            r#"{"a":"b"#,
            r#"{"a":"b"} x"#,
            r#"{"a":"b",}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":"b\n"}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":{}}"#,
            r#"{"a":[]}"#,
            r#"{"a":0}"#,
            r#"{"a":-1}"#,
            r#"{"a":1.5}"#,
            r#"{"a":1e3}"#,
            r#"{"a":01}"#,
            r#"{"a":1x}"#,
            r#"{"a":tru}"#,
            r#"{"a":18446744073709551616}"#,
            r#"{a:1}"#,
            r#"{"a" 1}"#,
        ];
        for text in otherwise {
            assert!(object(text).is_none(), "{text}");
        }
    }

    proptest! {
        /// Wherever a quote, an escape or a control character is, and whatever stands beside it.
        #[test]
        fn what_is_read_here_is_what_the_library_reads(
            members_are in proptest::collection::vec(("[a-z\"\\\\]{0,20}", "[ -~é\u{1}\u{7f}]{0,80}", any::<u64>()), 0..20),
            spoiled in proptest::option::of((any::<proptest::sample::Index>(), "[ -~\n\u{1}]")),
        ) {
            let value = |(text, number): (String, u64)| if number % 3 == 0 { Value::from(number >> (number % 64)) } else { text.into() };
            let map: Map<String, Value> = members_are.into_iter().map(|(name, text, number)| (name, value((text, number)))).collect();
            let mut text = Value::Object(map).to_string();
            if let Some((at, with)) = spoiled {
                let at = at.index(text.len());
                if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                    text.replace_range(at..=at, &with);
                }
            }
            let theirs = serde_json::from_str::<Map<String, Value>>(&text).ok();
            if let Some(ours) = object(&text) {
                prop_assert_eq!(Some(ours.into_map()), theirs);
            } else if let Some(theirs) = theirs {
                let both = members(text.as_bytes()).ok().map(|object| object.into_map());
                prop_assert!(both.is_none_or(|both| both == theirs), "{}", text);
            }
        }
    }
}
