//! Client credentials (RFC 6749 §4.4): tokens for the app itself, without a person.

use crate::error::{Error, Misuse};
use crate::oauth2::access_request::AccessRequest;
use crate::oauth2::client::{Client, Exchange};
use crate::oauth2::token_response::{Context, RefreshToken};

impl Client {
    /// Asks for tokens for the app itself (§4.4.2). When they end, the same is asked again: a refresh token, which the answer should not
    /// have (§4.4.3), is dropped where it has one. Without scopes in the request none are named, for the provider file's are what people are asked to
    /// approve, and an app by itself may have none of them: the server gives what it may have (§3.3).
    ///
    /// ```
    /// # use keyfob_proto::{App, Endpoint, Flow, Settings, oauth2};
    /// # let endpoint = |url| Endpoint::parse(url).unwrap();
    /// # let flow = oauth2::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
    /// # let provider = Settings::new("example", Flow::OAuth2(flow), endpoint("https://api.example"));
    /// # let client = oauth2::Client::new(&provider, App::confidential("id", "sandbox-secret-not-real"))?;
    /// let exchange = client.client_credentials(&oauth2::AccessRequest::scopes(["read"]))?;
    /// assert_eq!(exchange.request().body(), b"grant_type=client_credentials&scope=read");
    /// # Ok::<(), keyfob_proto::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` if the app has nothing to prove who it is (§4.4: confidential clients only).
    pub fn client_credentials(&self, request: &AccessRequest) -> Result<Exchange, Error> {
        if !self.is_confidential() {
            return Err(Misuse::new("an app with a secret", "a public one: anybody could ask in its name")
                .of("RFC 6749 §4.4")
                .with_hint("give the app its secret or key")
                .into());
        }
        let mut asked = request.parameters(self)?;
        if request.scopes.is_empty() {
            asked.without_scopes();
        }
        let body = [("grant_type", "client_credentials")].into_iter().chain(asked.pairs());
        let outgoing = self.token_request(&self.shared.settings.token, body)?;
        let context = Context { refresh: RefreshToken::Dropped, scrubber: self.scrubber(), ..asked.context() };
        Ok(Exchange::new(self, outgoing, context))
    }
}
