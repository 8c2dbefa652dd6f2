//! An API that says itself who gives tokens for it (RFC 9728), and the walk of the Model Context Protocol from there to a login.

use keyfob_proto::oauth2::challenge::Challenges;
use keyfob_proto::oauth2::mcp::{self, Clients, Ready, Walk};
use keyfob_proto::oauth2::resource_metadata::{ResourceDiscovery, ResourceMetadata, Step};
use keyfob_proto::{Deviations, Endpoint};

use crate::error::Error;
use crate::keyfob::Keyfob;

impl Keyfob {
    /// What a protected resource says about itself (RFC 9728 §3): asked where its challenge says, if one came with `resource_metadata`, or else at its
    /// well-known places. One of its `authorization_servers` is what [`discover`](crate::discover()) may be given, if you trust it with this resource.
    ///
    /// ```
    /// # use keyfob::{Keyfob, HyperTransport, MemoryStore};
    /// # use keyfob::proto::oauth2::challenge::Challenges;
    /// # use std::sync::Arc;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = keyfob_sandbox::Sandbox::start().await?;
    /// # let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(HyperTransport::new()?));
    /// let resource = format!("{}/api/me", sandbox.origin("acme"));
    /// let metadata = keyfob.resource_metadata(&resource, &Challenges::default()).await?;
    /// assert_eq!(metadata.authorization_servers, [sandbox.origin("acme")]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`ResourceDiscovery`]: a resource is believed about itself alone.
    pub async fn resource_metadata(&self, resource: &str, challenges: &Challenges) -> Result<ResourceMetadata, Error> {
        let home = Endpoint::parse(resource)?;
        let mut discovery = match challenges.resource_metadata() {
            Some(place) => ResourceDiscovery::named(resource, place)?,
            None => ResourceDiscovery::of(resource)?,
        };
        loop {
            let answer = self.exchange_from(&home, discovery.request()).await?;
            match discovery.receive(&answer)? {
                Step::Next(next) => discovery = *next,
                Step::Done(metadata) => return Ok(*metadata),
            }
        }
    }

    /// From the challenges of a URL that answered 401 to everything a login needs, as the authorization profile of the Model Context Protocol has it:
    /// the resource's metadata, its server's, and a client there: one that is known, the URL of a page about us (a client id metadata document,
    /// [`ClientIdUrl`](keyfob_proto::oauth2::client_id_document::ClientIdUrl)), or one that is registered on the way, which is to be stored first.
    ///
    /// ```
    /// # use keyfob::{Keyfob, HyperTransport, Login, LoginOptions, MemoryStore, Redirect};
    /// # use keyfob::proto::{Deviations, Endpoint, Flow, Settings};
    /// # use keyfob::proto::oauth2::{challenge::Challenges, mcp::Clients, registration::ClientMetadata};
    /// # use std::sync::Arc;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = keyfob_sandbox::Sandbox::start().await?;
    /// # let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(HyperTransport::new()?));
    /// # let (resource, challenges) = (format!("{}/api/me", sandbox.origin("acme")), Challenges::default());
    /// let callback = "http://127.0.0.1/callback";
    /// let clients = Clients { register_as: Some(ClientMetadata::native("Example", [callback])), ..Clients::default() };
    /// let ready = keyfob.mcp(&resource, &challenges, clients, &Deviations::new()).await?;
    /// let settings = Settings::new("mcp", Flow::OAuth2(ready.settings), Endpoint::parse(&resource)?);
    /// let options = LoginOptions { resources: vec![ready.resource.resource], ..LoginOptions::default() };
    /// let redirect = Redirect::Uri(callback.to_owned());
    /// let login = Login::begin_with(&keyfob, &settings, &ready.app, "mcp", redirect, options).await?;
    /// assert!(login.url().starts_with(&sandbox.origin("acme")));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Walk`].
    pub async fn mcp(&self, resource: &str, challenges: &Challenges, clients: Clients, allowed: &Deviations) -> Result<Ready, Error> {
        let home = Endpoint::parse(resource)?;
        let mut walk = Walk::begin(resource, challenges, clients, allowed)?;
        loop {
            // Every place on the way was named by the resource, or by whom it named (F4).
            let answer = self.exchange_from(&home, walk.request()).await?;
            match walk.receive(&answer, self.now())? {
                mcp::Step::Next(next) => walk = *next,
                mcp::Step::Done(ready) => return Ok(*ready),
            }
        }
    }
}
