//! A form or query (`application/x-www-form-urlencoded`), written pair by pair into one buffer.

use crate::arena::Arena;
use crate::endpoint::Endpoint;

/// Room for what most have, so that it is asked for once.
const USUAL: usize = 512;

/// A form or query, or a URL with one, being written.
#[derive(Clone)]
pub(crate) struct Form {
    text: Arena,
    /// What the next pair begins with.
    joint: &'static [u8],
}

/// A value of a parameter.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Any(&'a str),
    /// Of letters, digits, `-` and `_` alone, which are spelled as they are.
    Plain(&'a str),
}

impl<'a> Value<'a> {
    pub(crate) fn text(self) -> &'a str {
        let (Self::Any(text) | Self::Plain(text)) = self;
        text
    }
}

/// It may hold a secret.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form({} bytes)", self.text.len())
    }
}

impl Form {
    pub(crate) fn new() -> Self {
        Self { text: Arena::with_room(USUAL), joint: b"" }
    }

    /// The query of this URL, behind what is there. Nothing that is there changes.
    pub(crate) fn behind(url: &Endpoint) -> Self {
        let mut text = Arena::with_room(USUAL);
        text.plain(url.as_str().as_bytes());
        let joint: &[u8] = match url.uri().query() {
            None => b"?",
            Some("") => b"",
            Some(_) => b"&",
        };
        Self { text, joint }
    }

    #[inline]
    pub(crate) fn pair(&mut self, name: &str, value: &str) {
        self.text.plain(self.joint);
        self.text.once(name.as_bytes());
        self.text.plain(b"=");
        self.text.once(value.as_bytes());
        self.joint = b"&";
    }

    /// The same for a name of the protocol, which is spelled as it is.
    #[inline]
    pub(crate) fn own_pair(&mut self, name: &'static str, value: Value<'_>) {
        self.text.plain(self.joint);
        self.text.plain(name.as_bytes());
        self.text.plain(b"=");
        match value {
            Value::Plain(text) => self.text.plain(text.as_bytes()),
            Value::Any(text) => self.text.once(text.as_bytes()),
        }
        self.joint = b"&";
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    pub(crate) fn into_text(self) -> String {
        String::from_utf8(self.text.into_bytes()).expect("a URL is text, and what is encoded is ASCII")
    }
}
