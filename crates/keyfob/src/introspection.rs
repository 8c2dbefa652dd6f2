//! What a token is worth, by the word of the server that gave it (RFC 7662): for whoever is sent one.

use keyfob_proto::jose::Algorithms;
use keyfob_proto::oauth2::TokenKind;
use keyfob_proto::oauth2::introspection::{Introspecting, Introspection};
use keyfob_proto::{App, Endpoint, Secret, Settings};

use crate::error::Error;
use crate::id_token::no_issuer_or_keys;
use crate::keyfob::Keyfob;

impl Keyfob {
    /// Asks the authorization server what a token is worth (RFC 7662 §2.1). The app says who it is as at the token endpoint, also by an assertion
    /// (`private_key_jwt`): nobody else may ask. `endpoint` is the server's `introspection_endpoint`, which its metadata names.
    ///
    /// ```
    /// # use keyfob::{Keyfob, HyperTransport, MemoryStore, proto::{Endpoint, Flow, Secret, Settings, oauth2}};
    /// # use std::sync::Arc;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = keyfob_sandbox::Sandbox::start().await?;
    /// # let (issuer, app) = (sandbox.origin("acme"), sandbox.app("acme"));
    /// # let app = keyfob::proto::App::confidential(app.client_id, app.client_secret);
    /// # let at = |path: &str| Endpoint::parse(&format!("{issuer}{path}"));
    /// # let settings = Settings::new("acme", Flow::OAuth2(oauth2::Settings::new(at("/authorize")?, at("/token")?)), at("/api")?);
    /// # let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(HyperTransport::new()?));
    /// let token = Secret::new("what somebody sent");
    /// let worth = keyfob.introspect(&settings, &app, &at("/introspect")?, &token, None).await?;
    /// assert!(!worth.is_good(keyfob.now()), "the server has never seen it");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` for an app that cannot say who it is; those of the server's answer
    /// ([`Introspecting::receive`](keyfob_proto::oauth2::introspection::Introspecting::receive)).
    pub async fn introspect(
        &self,
        settings: &Settings,
        app: &App,
        endpoint: &Endpoint,
        token: &Secret,
        hint: Option<TokenKind>,
    ) -> Result<Introspection, Error> {
        let client = self.client(settings, app)?;
        client.check_key()?;
        let asking = client.introspect(endpoint, token, hint)?;
        let answer = self.ask_server(&client, asking.request()).await?;
        Ok(asking.receive(&answer, None)?)
    }

    /// The same with a signed answer (RFC 9701), by one of these algorithms: what somebody can be shown later who asks why a token was taken.
    ///
    /// # Errors
    ///
    /// As [`introspect`](Self::introspect); `Misuse` for settings without an issuer or its keys; `Misbehaved` for an answer without signature.
    pub async fn introspect_signed(
        &self,
        settings: &Settings,
        app: &App,
        endpoint: &Endpoint,
        token: &Secret,
        algorithms: &Algorithms,
    ) -> Result<Introspection, Error> {
        let client = self.client(settings, app)?;
        client.check_key()?;
        let flow = client.settings();
        let (Some(issuer), Some(place)) = (&flow.issuer, &flow.jwks) else {
            return Err(no_issuer_or_keys("RFC 9701 §5").into());
        };
        let ask = async |asking: &Introspecting| self.ask_server(&client, asking.request()).await;
        let asking = client.introspect(endpoint, token, None)?.signed();
        let answer = ask(&asking).await?;
        Ok(self.judge_by_keys(issuer, place, |keys| asking.judge(&answer, Some((keys, algorithms)))).await??)
    }
}
