//! Becoming a client without a developer site (RFC 7591), and what can be done with that (RFC 7592).
//!
//! A registration is stored before anything else: its secrets are told once, and a token that was replaced is spent. Where is the caller's to say;
//! its [`app`](Registration::app) is what a login takes.

use keyfob_proto::oauth2::metadata::Metadata;
use keyfob_proto::oauth2::registration::{ClientMetadata, Managing, Registered, Registering, Registration};
use keyfob_proto::{Endpoint, Misuse, Outgoing, Secret};

use crate::error::Error;
use crate::keyfob::Keyfob;

impl Keyfob {
    /// Asks an authorization server for a client id (RFC 7591 §3.1), with the initial access token where it wants one. It is sent once: every copy
    /// that arrives is another client.
    ///
    /// ```
    /// # use keyfob::{Keyfob, HyperTransport, MemoryStore};
    /// # use keyfob::proto::oauth2::{metadata::Order, registration::ClientMetadata};
    /// # use std::sync::Arc;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = keyfob_sandbox::Sandbox::start().await?;
    /// # let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(HyperTransport::new()?));
    /// let server = keyfob.metadata(&sandbox.origin("acme"), Order::OAuthFirst).await?;
    /// let us = ClientMetadata::native("Example", ["http://127.0.0.1/callback"]);
    /// let registration = keyfob.register_client(&server, &us, None).await?.registration;
    /// // … stored, and later:
    /// let mut us = registration.metadata.clone();
    /// us.client_name = Some("Example, renamed".to_owned());
    /// let registration = keyfob.update_client(&server, &registration, &us).await?.registration;
    /// assert_eq!(registration.metadata.client_name.as_deref(), Some("Example, renamed"));
    /// keyfob.delete_client(&server, &registration).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Misuse` for a server without `registration_endpoint`; those of [`Registering`].
    pub async fn register_client(
        &self,
        server: &Metadata,
        client: &ClientMetadata,
        initial_access_token: Option<&Secret>,
    ) -> Result<Registered, Error> {
        let endpoint = server.registration_endpoint.as_ref().ok_or_else(|| {
            Misuse::new("a server that registers clients", "one without registration_endpoint")
                .of("RFC 7591")
                .with_hint("register an app by hand")
        })?;
        let registering = Registering::new(endpoint, client, initial_access_token)?;
        let answer = self.ask_at(server, registering.request()).await?;
        Ok(registering.receive(&answer)?)
    }

    /// What is registered now (RFC 7592 §2.1).
    ///
    /// # Errors
    ///
    /// `Misuse` if the server lets nobody manage it; those of [`Managing::receive`].
    pub async fn read_client(&self, server: &Metadata, registration: &Registration) -> Result<Registered, Error> {
        self.manage(server, registration.read()?).await
    }

    /// Registers something else in its place (RFC 7592 §2.2): what is left out is taken away.
    ///
    /// # Errors
    ///
    /// As [`read_client`](Self::read_client).
    pub async fn update_client(
        &self,
        server: &Metadata,
        registration: &Registration,
        client: &ClientMetadata,
    ) -> Result<Registered, Error> {
        self.manage(server, registration.update(client)?).await
    }

    /// Has the server forget the client (RFC 7592 §2.3), and with it whatever it was granted.
    ///
    /// # Errors
    ///
    /// As [`read_client`](Self::read_client); the client is then to be taken for alive.
    pub async fn delete_client(&self, server: &Metadata, registration: &Registration) -> Result<(), Error> {
        let deleting = registration.delete()?;
        let answer = self.ask_at(server, deleting.request()).await?;
        Ok(deleting.receive(&answer)?)
    }

    async fn manage(&self, server: &Metadata, managing: Managing) -> Result<Registered, Error> {
        let answer = self.ask_at(server, managing.request()).await?;
        Ok(managing.receive(&answer)?)
    }

    /// Where to ask is the server's own word, so it has to be as near as the issuer, or public (F4).
    async fn ask_at(&self, server: &Metadata, request: &Outgoing) -> Result<http::Response<Vec<u8>>, Error> {
        self.exchange_from(&Endpoint::parse(&server.issuer)?, request).await
    }
}
