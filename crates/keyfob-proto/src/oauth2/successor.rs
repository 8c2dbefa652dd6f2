//! What must not be lost of an answer to a refresh: the next refresh token. The one that was sent is spent with it (RFC 6749 §6), so where the answer breaks a rule
//! otherwise, to throw all of it away would end the login.

use super::client::Client;
use super::identity;
use super::json;
use super::json_answer;
use crate::message::{Incoming, Outgoing, is_vschar};
use crate::secret::Secret;
use crate::token::OAuth2Tokens;

impl Client {
    /// The refresh token that takes the place of the one among `spent`, of an answer which [`Exchange::receive`](super::Exchange::receive) calls `Misbehaved`.
    /// Nothing else of such an answer counts: the access token that comes with it may be of another type than was asked for.
    ///
    /// `None` where the answer is no success or has an `error`, has no token that could be sent, the same one again, or an ID token of another person, issuer or app.
    ///
    /// ```
    /// # use keyfob_proto::{App, Endpoint, Flow, OAuth2Tokens, Settings, oauth2};
    /// # let endpoint = |url| Endpoint::parse(url).unwrap();
    /// # let flow = oauth2::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
    /// # let provider = Settings::new("example", Flow::OAuth2(flow), endpoint("https://api.example"));
    /// # let client = oauth2::Client::new(&provider, App::public("id"))?;
    /// # let tokens: OAuth2Tokens = serde_json::from_str(r#"{"access":"at-1","refresh":"rt-1","received_at":0,"scopes":[]}"#).unwrap();
    /// let answer = http::Response::new(r#"{"access_token":"at-2","token_type":"Bearer","refresh_token":"rt-2","scope":null}"#);
    /// let successor = client.successor(&tokens, &answer).unwrap();
    /// assert_eq!(successor.expose(), "rt-2");
    /// # Ok::<(), keyfob_proto::Error>(())
    /// ```
    pub fn successor<'a>(&self, spent: &OAuth2Tokens, answer: impl Into<Incoming<'a>>) -> Option<Secret> {
        let answer = answer.into();
        // What renews itself has no other one beside it.
        let renews_itself = self.shared.settings.renewal.is_some();
        if !answer.status.is_success() || answer.body.len() > Outgoing::LARGEST_ANSWER || renews_itself {
            return None;
        }
        // Whatever it calls itself: that may be what is wrong with it.
        let mut object = json::members(answer.body).ok().or_else(|| json_answer::form(answer.body).ok())?;
        let outside = self.shared.settings.tokens_at.as_deref().and_then(|pointer| object.take(pointer));
        if object.has("error") {
            return None;
        }
        object = outside.unwrap_or(object);
        if object.has("error") || identity::after_refresh(&object, spent.identity.as_deref()).is_err() {
            return None;
        }
        let next = object.text("refresh_token").or_else(|| object.text("refreshToken")).filter(|token| is_vschar(token))?;
        let is_same = spent.refresh.as_ref().is_some_and(|spent| spent.same_as(next));
        (!is_same).then(|| Secret::new(next))
    }
}
