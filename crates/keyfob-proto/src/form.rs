//! A form or query (`application/x-www-form-urlencoded`), written pair by pair into one buffer.

use crate::encode::{is_unreserved, percent};
use crate::endpoint::Endpoint;
use crate::secret::{wipe, wipe_all};

/// Room for what most have, so that it is asked for once.
const USUAL: usize = 512;

/// A form or query, or a URL with one, being written. Text from the beginning: nobody has to look once more whether it is some.
pub(crate) struct Form {
    text: String,
    joint: Joint,
}

/// What the next pair begins with.
#[derive(Clone, Copy)]
enum Joint {
    Nothing,
    Question,
    And,
}

/// A name or value of a parameter.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Any(&'a str),
    /// Of letters, digits, `-` and `_` alone, which are spelled as they are.
    Plain(&'a str),
    /// Whose spelling is known.
    Spelled(&'a Spelled),
}

impl<'a> Value<'a> {
    pub(crate) fn text(self) -> &'a str {
        match self {
            Self::Any(text) | Self::Plain(text) => text,
            Self::Spelled(spelled) => &spelled.text,
        }
    }

    #[inline]
    fn write(self, out: &mut String) {
        match self {
            Self::Plain(text) => out.push_str(text),
            Self::Spelled(spelled) => out.push_str(&spelled.spelling),
            Self::Any(text) => spell(out, text),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Any(text)
    }
}

/// Text, and how a form spells it: worked out once for what is sent again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spelled {
    text: String,
    spelling: String,
}

impl Spelled {
    pub(crate) fn new(text: String) -> Self {
        Self { spelling: percent(&text), text }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// It may hold a secret.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form({} bytes)", self.text.len())
    }
}

/// With room for more.
impl Clone for Form {
    fn clone(&self) -> Self {
        Self { text: with_room(&self.text, USUAL), joint: self.joint }
    }
}

impl Form {
    pub(crate) fn new() -> Self {
        Self { text: String::with_capacity(USUAL), joint: Joint::Nothing }
    }

    /// The query of this URL, behind what is there. Nothing that is there changes.
    pub(crate) fn behind(url: &Endpoint) -> Self {
        let joint = match url.uri().query() {
            None => Joint::Question,
            Some("") => Joint::Nothing,
            Some(_) => Joint::And,
        };
        Self { text: with_room(url.as_str(), USUAL), joint }
    }

    #[inline]
    pub(crate) fn pair<'a>(&mut self, name: impl Into<Value<'a>>, value: impl Into<Value<'a>>) {
        let (name, value) = (name.into(), value.into());
        self.begin(name.text().len() + value.text().len());
        name.write(&mut self.text);
        self.text.push('=');
        value.write(&mut self.text);
    }

    /// Makes room for the longest spelling of a pair.
    #[inline]
    fn begin(&mut self, length: usize) {
        let longest = length * 3 + 2;
        if self.text.capacity() - self.text.len() < longest {
            let larger = with_room(&self.text, longest);
            wipe_all(&mut std::mem::replace(&mut self.text, larger).into_bytes());
        }
        match self.joint {
            Joint::Nothing => {}
            Joint::Question => self.text.push('?'),
            Joint::And => self.text.push('&'),
        }
        self.joint = Joint::And;
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.into_text().into_bytes()
    }

    pub(crate) fn into_text(mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

/// It may hold a password.
impl Drop for Form {
    fn drop(&mut self) {
        wipe_all(&mut std::mem::take(&mut self.text).into_bytes());
    }
}

/// A copy with room for so much more. (Text that grows by itself leaves a copy of itself behind, and a form holds secrets.)
fn with_room(text: &str, more: usize) -> String {
    let mut larger = String::with_capacity((text.len() + more).next_power_of_two());
    larger.push_str(text);
    larger
}

/// Writes text percent-encoded (RFC 5849 §3.6), a run of characters that stay at a time.
fn spell(out: &mut String, text: &str) {
    if is_plain(text.as_bytes()) {
        return out.push_str(text);
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| !is_unreserved(byte)) {
        out.push_str(&rest[..at]);
        let length = rest[at..].chars().next().map_or(1, char::len_utf8);
        for byte in rest[at..at + length].bytes() {
            out.push('%');
            [byte >> 4, byte & 15].into_iter().for_each(|digit| out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)])));
        }
        rest = &rest[at + length..];
    }
    out.push_str(rest);
}

/// Whether all of it stays as it is, which is so for most names and values. Sixteen at once, the last ones filled up.
fn is_plain(text: &[u8]) -> bool {
    let (runs, rest) = text.as_chunks::<16>();
    let mut last = [b'a'; 16];
    last[..rest.len()].copy_from_slice(rest);
    let is_plain = runs.iter().chain([&last]).all(|run| run.iter().fold(true, |plain, &byte| plain & is_unreserved(byte)));
    wipe(&mut last);
    is_plain
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn both_ways_to_spell_agree(text: String) {
            let mut spelled = "x".to_owned();
            spell(&mut spelled, &text);
            proptest::prop_assert_eq!(&spelled[1..], percent(&text));
            let mut form = Form::new();
            form.pair("a", Value::Spelled(&Spelled::new(text.clone())));
            form.pair(Value::Plain("a"), text.as_str());
            form.pair(Value::Spelled(&Spelled::new("a".to_owned())), text.as_str());
            proptest::prop_assert_eq!(form.into_text(), format!("a={0}&a={0}&a={0}", percent(&text)));
        }
    }

    #[test]
    fn a_form_that_is_begun_has_room_for_more_and_is_not_the_one_it_was_begun_with() {
        let mut one = Form::new();
        one.pair("a", "b");
        let mut other = one.clone();
        let room = other.text.capacity();
        other.pair("c", "x".repeat(100).as_str());
        assert_eq!((other.text.capacity(), one.into_text()), (room, "a=b".to_owned()));
    }
}
