//! Session management (OpenID Connect Session Management 1.0): whether the person is still signed in at the provider, asked of a frame that the provider
//! made. The frames and their messages are a page's affair; what is in the messages is here.

use crate::endpoint::{Endpoint, Origin};
use crate::error::{Misbehaved, Misuse};

const SECTION: &str = "OpenID Connect Session Management §3";

/// A question to the provider's frame, to be posted every few seconds.
///
/// ```
/// use keyfob_proto::{Endpoint, oidc::{CheckSession, SessionStatus}};
///
/// let frame = Endpoint::parse("https://login.example/check_session")?;
/// let question = CheckSession::new(&frame, "s6BhdRkqt3", "Y3qo4.a1b2")?;
/// // frame.contentWindow.postMessage(message, target)
/// assert_eq!((question.message(), question.target().as_str()), ("s6BhdRkqt3 Y3qo4.a1b2", "https://login.example"));
/// // In the listener: event.origin, event.data.
/// assert_eq!(question.judge("https://login.example", "unchanged")?, SessionStatus::Unchanged);
/// assert!(question.judge("https://evil.example", "changed").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckSession {
    message: String,
    target: Origin,
}

/// What the frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    /// The person is signed in as before.
    Unchanged,
    /// Something is different: find out what by a login with `prompt=none` and the ID token as a hint; another person, or an error, is a logout (§3.1).
    Changed,
    /// The question was wrong. A login with `prompt=none` must not follow, or it would follow for ever (§3.1).
    Error,
}

impl CheckSession {
    /// Asks the provider's frame (`check_session_iframe`) about the `session_state` that came with the authorization answer (§2).
    ///
    /// # Errors
    ///
    /// `Misuse` for a client id or a state with a space, which stands between them, and for a state that is empty.
    pub fn new(frame: &Endpoint, client_id: &str, session_state: &str) -> Result<Self, Misuse> {
        let whole = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
        if !whole(client_id) || !whole(session_state) {
            return Err(Misuse::new("a client id and a session_state without spaces", "an empty one, or one with a space")
                .of("OpenID Connect Session Management §3.1")
                .with_hint("take the client id as it was registered, and session_state as the login's answer had it"));
        }
        Ok(Self { message: format!("{client_id} {session_state}"), target: frame.origin() })
    }

    /// What to post (§3.1): the client id and the state.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// To whom: no other page may read it, if the frame was navigated elsewhere.
    pub fn target(&self) -> &Origin {
        &self.target
    }

    /// Judges a message that came: its `origin` and its `data`.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for a message from elsewhere, which any page can post (§5), and for other words.
    pub fn judge(&self, origin: &str, data: &str) -> Result<SessionStatus, Misbehaved> {
        if Origin::parse(origin).as_ref() != Some(&self.target) {
            return Err(Misbehaved::new(SECTION, format!("a message from {}", self.target), "one from another page"));
        }
        match data {
            "unchanged" => Ok(SessionStatus::Unchanged),
            "changed" => Ok(SessionStatus::Changed),
            "error" => Ok(SessionStatus::Error),
            _ => Err(Misbehaved::new(SECTION, "changed, unchanged or error", "another word")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_from_the_frame_or_nobodys() {
        let frame = Endpoint::parse("https://login.example/tenant/frame?x=y").expect("an endpoint");
        let question = CheckSession::new(&frame, "us", "a.b").expect("a question");
        for (data, status) in
            [("changed", SessionStatus::Changed), ("unchanged", SessionStatus::Unchanged), ("error", SessionStatus::Error)]
        {
            assert_eq!(question.judge("https://login.example", data), Ok(status));
        }
        for (origin, data) in [
            ("https://login.example", "Changed"),
            ("https://login.example", ""),
            ("http://login.example", "changed"),
            ("https://login.example:8443", "changed"),
            ("https://login.example.evil.example", "changed"),
            ("null", "changed"),
        ] {
            assert!(question.judge(origin, data).is_err(), "{origin} {data}");
        }
        for (client_id, state) in [("u s", "a"), ("us", ""), ("us", "a b"), ("", "a")] {
            assert!(CheckSession::new(&frame, client_id, state).is_err());
        }
    }
}
