//! A form or query (`application/x-www-form-urlencoded`), written pair by pair into one buffer.

use crate::encode::{Digits, LENGTH_OF_256, is_plain, percent};
use crate::endpoint::Endpoint;
use crate::secret::Secret;

/// Room for what most have, so that it is asked for once.
const USUAL: usize = 512;

/// A form or query, or a URL with one, being written: as text, since to look through a URL once more for whether it is some takes an eighth of making it.
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
    /// A name of the protocol's.
    Known(&'static Known),
    /// 256 bits in base64url: copied as a whole, too.
    Digits(&'a Digits),
}

/// A name of the protocol's, as it stands in a form: with its `=`.
pub(crate) struct Known(&'static str);

impl Known {
    /// Of letters and `_` alone, and `=` at the end.
    pub(crate) const fn new(text: &'static str) -> Self {
        assert!(text.as_bytes()[text.len() - 1] == b'=');
        Self(text)
    }

    fn name(&self) -> &'static str {
        &self.0[..self.0.len() - 1]
    }
}

impl<'a> Value<'a> {
    #[inline(always)]
    pub(crate) fn text(self) -> &'a str {
        match self {
            Self::Any(text) | Self::Plain(text) => text,
            Self::Spelled(spelled) => &spelled.text,
            Self::Known(known) => known.name(),
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
    fn write(self, out: &mut String) {
        match self {
            Self::Digits(_) | Self::Plain(_) | Self::Known(_) => out.push_str(self.text()),
            Self::Spelled(spelled) => out.push_str(&spelled.spelling),
            // Most codes and tokens are spelled as they are.
            Self::Any(text) if is_plain(text.as_bytes()) => out.push_str(text),
            Self::Any(text) => out.push_str(Secret::from(percent(text)).expose()),
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

    #[inline(always)]
    pub(crate) fn pair<'a>(&mut self, name: impl Into<Value<'a>>, value: impl Into<Value<'a>>) {
        let (name, value) = (name.into(), value.into());
        self.begin(name.len() + value.len());
        match name {
            Value::Known(known) => self.text.push_str(known.0),
            name => {
                name.write(&mut self.text);
                self.text.push('=');
            }
        }
        value.write(&mut self.text);
    }

    /// Makes room for the longest spelling of a pair. Text that grows by itself leaves a copy behind, and a form holds secrets: this one is wiped.
    #[inline]
    fn begin(&mut self, length: usize) {
        let longest = length * 3 + 2;
        if self.text.capacity() - self.text.len() < longest {
            let larger = with_room(&self.text, longest);
            drop(Secret::from(std::mem::replace(&mut self.text, larger)));
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
        drop(Secret::from(std::mem::take(&mut self.text)));
    }
}

/// A copy with room for so much more.
fn with_room(text: &str, more: usize) -> String {
    let mut larger = String::with_capacity((text.len() + more).next_power_of_two());
    larger.push_str(text);
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
        let room = other.text.capacity();
        other.pair("c", "x".repeat(100).as_str());
        assert_eq!((other.text.capacity(), one.into_text()), (room, "a=b".to_owned()));
    }
}
