//! JSON that is written with every request. By hand: what has no derived form is neither copied for it, nor looked through letter by letter.
//!
//! Tests hold it against what serde makes of the same.

use std::io::Write as _;

/// An object that is being written.
pub(crate) struct Object<'a> {
    to: &'a mut Vec<u8>,
    is_begun: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn begin(to: &'a mut Vec<u8>) -> Self {
        to.push(b'{');
        Self { to, is_begun: false }
    }

    pub(crate) fn text(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.name(name);
        text(self.to, value);
        self
    }

    /// A word of ours, in which nothing has to be escaped.
    pub(crate) fn word(&mut self, name: &'static str, word: &str) -> &mut Self {
        debug_assert!(is_plain(word), "{word}");
        self.name(name);
        plain(self.to, word);
        self
    }

    pub(crate) fn number(&mut self, name: &'static str, value: u64) -> &mut Self {
        self.name(name);
        write!(self.to, "{value}").expect("memory takes everything");
        self
    }

    pub(crate) fn null(&mut self, name: &'static str) -> &mut Self {
        self.name(name);
        self.to.extend_from_slice(b"null");
        self
    }

    /// The texts as one, with a space in between.
    pub(crate) fn words(&mut self, name: &'static str, words: &[String]) -> &mut Self {
        match words {
            [] => self.text(name, ""),
            [one] => self.text(name, one),
            several => self.text(name, &several.join(" ")),
        }
    }

    pub(crate) fn end(&mut self) {
        self.to.push(b'}');
    }

    /// Names are words of ours, of which none has to be escaped.
    fn name(&mut self, name: &'static str) {
        self.to.reserve(name.len() + 4);
        if self.is_begun {
            self.to.push(b',');
        }
        self.is_begun = true;
        self.to.push(b'"');
        self.to.extend_from_slice(name.as_bytes());
        self.to.extend_from_slice(b"\":");
    }
}

/// RFC 8259 §7: a quotation mark, a backslash and control characters are escaped. Most texts have none, and go as they are.
fn text(to: &mut Vec<u8>, text: &str) {
    if is_plain(text) { plain(to, text) } else { serde_json::to_writer(to, text).expect("text is always JSON") }
}

fn is_plain(text: &str) -> bool {
    // Without a way out in the middle: so several are looked at at once.
    text.bytes().fold(true, |plain, byte| plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\'))
}

fn plain(to: &mut Vec<u8>, text: &str) {
    to.reserve(text.len() + 2);
    to.push(b'"');
    to.extend_from_slice(text.as_bytes());
    to.push(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_what_serde_writes() {
        for value in ["", "plain", "Türschloß 🔑", "a \"quoted\" one", "back\\slash", "line\nfeed", "\u{0}\u{1f} \u{7f}\u{80}\u{2028}", "/"]
        {
            let mut written = Vec::new();
            Object::begin(&mut written).text("a", value).number("b", u64::MAX).null("c").text("d", value).word("e", "w").end();
            let text = String::from_utf8(written).expect("text");
            assert_eq!(text, format!("{{\"a\":{0},\"b\":{1},\"c\":null,\"d\":{0},\"e\":\"w\"}}", json!(value), u64::MAX));
        }
        for words in [vec![], vec!["one"], vec!["one", "t\"wo", "three"]] {
            let (mut written, words) = (Vec::new(), words.into_iter().map(str::to_owned).collect::<Vec<String>>());
            Object::begin(&mut written).words("scope", &words).end();
            assert_eq!(String::from_utf8(written).expect("text"), json!({"scope": words.join(" ")}).to_string());
        }
    }
}
