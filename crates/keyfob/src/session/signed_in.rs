//! Whether the person is still signed in at the provider: asked of its frame (OpenID Connect Session Management), and told by its page (Front-Channel
//! Logout). Frames and their messages are a page's affair.

use keyfob_proto::oauth2::metadata::Order;
use keyfob_proto::oidc::{CheckSession, front_channel_logout};
use keyfob_proto::{Error as ProtoError, Flow, Misuse};

use super::Session;
use crate::error::Error;

/// What came with the login (Session Management §2), and was kept.
const STATE: &str = "session_state";

impl Session {
    /// A question to the provider's frame about the session of this account's login, for a page to post every few seconds. Where the frame is, the issuer's
    /// metadata say.
    ///
    /// ```
    /// # use keyfob::{Error, Session};
    /// # async fn example(session: &Session) -> Result<(), Error> {
    /// let question = session.check_session().await?;
    /// println!("frame.contentWindow.postMessage({:?}, {:?})", question.message(), question.target().as_str());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` for a provider without such a frame, and for a login that brought no `session_state`; those of [`discover`](crate::discover()).
    pub async fn check_session(&self) -> Result<CheckSession, Error> {
        let metadata = self.shared.keyfob.metadata(self.issuer()?, Order::OpenIdFirst).await?;
        let frame = metadata.check_session_iframe.ok_or_else(|| {
            Misuse::new("a provider with a frame to ask (check_session_iframe)", "none")
                .of("OpenID Connect Session Management §3.3")
                .with_hint("ask the provider's userinfo instead")
        })?;
        let known = self.shared.known();
        let state = known.account().kept.get(STATE).ok_or_else(|| {
            Misuse::new("a login that brought a session_state", "one that brought none")
                .of("OpenID Connect Session Management §2")
                .with_hint("log in again, with settings of discover")
        })?;
        Ok(CheckSession::new(&frame, &self.shared.setup.app.client_id, state)?)
    }

    /// Judges a request to our logout URL, by its query, which a page of the provider loads in a frame (Front-Channel Logout §2). `session_id` is the `sid` of
    /// the ID token that this browser logged in with. Gives the session that has ended, if the provider says which. Nothing signs such a request, so all it may
    /// do is end this browser's session with your program: the account stays.
    ///
    /// # Errors
    ///
    /// `Misuse` for a provider without issuer; `Misbehaved` for another issuer's page, or another browser's session.
    pub fn front_channel_logout(&self, query: &str, session_id: Option<&str>) -> Result<Option<String>, Error> {
        Ok(front_channel_logout(query, self.issuer()?, session_id).map_err(ProtoError::from)?)
    }

    fn issuer(&self) -> Result<&str, Misuse> {
        let Flow::OAuth2(flow) = &self.shared.setup.settings.flow else {
            return Err(Misuse::new("a provider that speaks OAuth 2", "another").with_hint("only OpenID Connect has such sessions"));
        };
        flow.issuer.as_deref().ok_or_else(|| Misuse::no_issuer("OpenID Connect Discovery §4.3"))
    }
}
