//! A form or query (`application/x-www-form-urlencoded`), written pair by pair into one buffer.

use crate::encode::{BLOCK, Digits, LENGTH_OF_256, ascii, moved, percent, percent_into};
use crate::endpoint::Endpoint;
use crate::secret::wipe_all;

/// Room for what most have, so that it is asked for once.
const USUAL: usize = 512;

/// A form or query, or a URL with one, being written.
pub(crate) struct Form {
    bytes: Vec<u8>,
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
    /// A name of the protocol's.
    Known(&'static Known),
    /// 256 bits in base64url: copied as a whole, too.
    Digits(&'a Digits),
}

/// A name of the protocol's, as it stands in a form, with its `=`: a block that is copied as a whole.
pub(crate) struct Known {
    text: &'static str,
    block: [u8; BLOCK],
}

impl Known {
    /// Of letters and `_` alone.
    pub(crate) const fn new(text: &'static str) -> Self {
        let (mut block, mut at) = ([0; BLOCK], 0);
        while at < text.len() {
            block[at] = text.as_bytes()[at];
            at += 1;
        }
        block[at] = b'=';
        Self { text, block }
    }
}

impl<'a> Value<'a> {
    #[inline(always)]
    pub(crate) fn text(self) -> &'a str {
        match self {
            Self::Any(text) | Self::Plain(text) => text,
            Self::Spelled(spelled) => &spelled.text,
            Self::Known(known) => known.text,
            Self::Digits(digits) => &digits.as_str()[..LENGTH_OF_256],
        }
    }

    #[inline(always)]
    fn len(self) -> usize {
        match self {
            Self::Digits(_) => LENGTH_OF_256,
            other => other.text().len(),
        }
    }

    #[inline(always)]
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Digits(digits) => {
                let end = out.len() + LENGTH_OF_256;
                out.extend_from_slice(&digits.0);
                out.truncate(end);
            }
            Self::Plain(text) => out.extend_from_slice(text.as_bytes()),
            Self::Known(known) => out.extend_from_slice(known.text.as_bytes()),
            Self::Spelled(spelled) => out.extend_from_slice(spelled.spelling.as_bytes()),
            Self::Any(text) => percent_into(text.as_bytes(), out),
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
        write!(f, "Form({} bytes)", self.bytes.len())
    }
}

/// With room for more.
impl Clone for Form {
    fn clone(&self) -> Self {
        Self { bytes: with_room(&self.bytes, USUAL), joint: self.joint }
    }
}

impl Form {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::with_capacity(USUAL), joint: Joint::Nothing }
    }

    /// The query of this URL, behind what is there. Nothing that is there changes.
    pub(crate) fn behind(url: &Endpoint) -> Self {
        let joint = match url.uri().query() {
            None => Joint::Question,
            Some("") => Joint::Nothing,
            Some(_) => Joint::And,
        };
        Self { bytes: with_room(url.as_str().as_bytes(), USUAL), joint }
    }

    #[inline(always)]
    pub(crate) fn pair<'a>(&mut self, name: impl Into<Value<'a>>, value: impl Into<Value<'a>>) {
        let (name, value) = (name.into(), value.into());
        self.begin(name.len() + value.len());
        if let Value::Known(known) = name {
            let end = self.bytes.len() + known.text.len() + 1;
            self.bytes.extend_from_slice(&known.block);
            self.bytes.truncate(end);
        } else {
            name.write(&mut self.bytes);
            self.bytes.push(b'=');
        }
        value.write(&mut self.bytes);
    }

    /// Makes room for the longest spelling of a pair.
    #[inline]
    fn begin(&mut self, length: usize) {
        let longest = length * 3 + 2 + BLOCK;
        if self.bytes.capacity() - self.bytes.len() < longest {
            let capacity = (self.bytes.len() + longest).next_power_of_two();
            self.bytes = moved(&mut self.bytes, capacity);
        }
        match self.joint {
            Joint::Nothing => {}
            Joint::Question => self.bytes.push(b'?'),
            Joint::And => self.bytes.push(b'&'),
        }
        self.joint = Joint::And;
    }

    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    pub(crate) fn into_text(self) -> String {
        ascii(self.into_bytes())
    }
}

/// It may hold a password.
impl Drop for Form {
    fn drop(&mut self) {
        wipe_all(&mut self.bytes);
    }
}

/// A copy with room for so much more.
fn with_room(bytes: &[u8], more: usize) -> Vec<u8> {
    let mut larger = Vec::with_capacity((bytes.len() + more).next_power_of_two());
    larger.extend_from_slice(bytes);
    larger
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_value_is_spelled_the_same_in_every_place(text: String) {
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
        let room = other.bytes.capacity();
        other.pair("c", "x".repeat(100).as_str());
        assert_eq!((other.bytes.capacity(), one.into_text()), (room, "a=b".to_owned()));
    }
}
