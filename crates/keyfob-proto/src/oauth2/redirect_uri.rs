//! The redirection endpoint (RFC 6749 §3.1.2): where the provider sends the person back to.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::endpoint::{Origin, is_private_use};
use crate::error::Misuse;
use crate::form::Spelled;

/// A redirect URI, as it was registered. The text is kept as given, since it is compared byte for byte (RFC 6749 §3.1.2.3); whether it is fit to be
/// one, and how it is spelled in a request, are worked out once. Keep it where many logins come back to the same place: a clone is the same one, not
/// a copy. Made to be stored, as that text; no secret.
///
/// ```
/// use keyfob_proto::oauth2::RedirectUri;
///
/// let home = RedirectUri::from("https://app.example/callback");
/// assert_eq!(home.as_str(), "https://app.example/callback");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct RedirectUri(Arc<Judged>);

#[derive(PartialEq, Eq)]
struct Judged {
    uri: Spelled,
    is_fit: bool,
}

impl RedirectUri {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        self.0.uri.text()
    }

    pub(crate) fn spelled(&self) -> &Spelled {
        &self.0.uri
    }

    /// That it is absolute, of `http`, `https` or a private-use scheme (RFC 8252 §7.1), and has no fragment (§3.1.2). Beginning a login says the same; this is
    /// for whoever wants to say it earlier.
    ///
    /// # Errors
    ///
    /// `Misuse`, with what was expected and found.
    pub fn check(&self) -> Result<(), Misuse> {
        if self.0.is_fit {
            return Ok(());
        }
        Err(Misuse::new(
            "an absolute redirect URI of http, https or a private-use scheme (with a dot), without fragment",
            format!("\"{}\"", self.as_str()),
        )
        .of("RFC 6749 §3.1.2")
        .with_hint("give it from its scheme on, without #"))
    }
}

/// Any text: whoever begins a login with it is told if it is none.
impl From<String> for RedirectUri {
    fn from(text: String) -> Self {
        let is_fit = (Origin::is_of(&text) || is_private_use(&text)) && !text.contains('#');
        Self(Arc::new(Judged { uri: Spelled::new(text), is_fit }))
    }
}

impl From<&str> for RedirectUri {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&String> for RedirectUri {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.as_str().to_owned()
    }
}

impl Default for RedirectUri {
    fn default() -> Self {
        String::new().into()
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_place_to_come_back_to_is_said_when_it_is_used_and_rests_as_text() {
        for (text, is_fit) in [
            ("https://a.example/cb?x=y", true),
            ("http://[::1]:9/cb", true),
            ("com.example.app:/oauth2redirect?x=y", true),
            ("msauth.com.example.app://auth", true),
            ("com.example.app:/cb#", false),
            ("com.example.app:/c b", false),
            // No scheme, but a host.
            ("app.example:8080/cb", false),
            ("myapp:/cb", false),
            ("javascript:/x.y/", false),
            ("data:/x.y/", false),
            ("file:///x.y", false),
            ("https://a@b.example/cb", false),
            ("https://a/#", false),
            ("/cb", false),
            ("", false),
        ] {
            let uri = RedirectUri::from(text);
            assert_eq!((uri.as_str(), uri.check().is_ok()), (text, is_fit));
            let rests = serde_json::to_string(&uri).expect("text");
            let read: RedirectUri = serde_json::from_str(&rests).expect("text");
            assert_eq!((rests, &read, read.check().is_ok()), (format!("{text:?}"), &uri, is_fit));
        }
    }
}
