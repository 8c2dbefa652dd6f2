//! Reading, changing and ending a registration (RFC 7592).

use http::Method;

use super::{ClientMetadata, Registered, Registration, read, with_bearer};
use crate::endpoint::Endpoint;
use crate::error::{Error, Misuse};
use crate::message::{Incoming, Outgoing};
use crate::oauth2::document;
use crate::reach::Reach;
use crate::scrub::Scrubber;

const SECTION: &str = "RFC 7592 §2";

/// A registration that is being read or changed.
#[derive(Debug)]
pub struct Managing {
    request: Outgoing,
    before: Registration,
    asked: ClientMetadata,
    reach: Reach,
}

/// A registration that is being ended.
#[derive(Debug)]
pub struct Deleting {
    request: Outgoing,
    scrubber: Scrubber,
}

impl Registration {
    /// Whether the server lets the client manage its registration.
    pub fn is_managed(&self) -> bool {
        self.management.is_some()
    }

    /// Asks what is registered (RFC 7592 §2.1).
    ///
    /// # Errors
    ///
    /// `Misuse` if the server did not say where.
    pub fn read(&self) -> Result<Managing, Misuse> {
        let (endpoint, request) = self.managing(Method::GET)?;
        Ok(Managing { request, before: self.clone(), asked: self.metadata.clone(), reach: Reach::of(&endpoint) })
    }

    /// Asks for the registration to become this (RFC 7592 §2.2): what is left out is taken away, so change a copy of
    /// [`metadata`](Self::metadata).
    ///
    /// # Errors
    ///
    /// `Misuse` if the server did not say where, or for a redirect URI that no login could use.
    pub fn update(&self, client: &ClientMetadata) -> Result<Managing, Misuse> {
        client.check()?;
        let (endpoint, request) = self.managing(Method::PUT)?;
        let mut members = client.to_members();
        // §2.2: the client's id has to be there, and what the server gave out must not; its secret may, and stays at home.
        for name in
            ["client_secret", "client_secret_expires_at", "client_id_issued_at", "registration_access_token", "registration_client_uri"]
        {
            members.remove(name);
        }
        members.insert("client_id".to_owned(), self.app.client_id.clone().into());
        let request = request.json_object(members);
        Ok(Managing { request, before: self.clone(), asked: client.clone(), reach: Reach::of(&endpoint) })
    }

    /// Asks the server to forget the client (RFC 7592 §2.3), and with it whatever it was granted.
    ///
    /// # Errors
    ///
    /// `Misuse` if the server did not say where.
    pub fn delete(&self) -> Result<Deleting, Misuse> {
        let (_, request) = self.managing(Method::DELETE)?;
        Ok(Deleting { request, scrubber: self.scrubber() })
    }

    fn managing(&self, method: Method) -> Result<(Endpoint, Outgoing), Misuse> {
        let management = self.management.as_ref().ok_or_else(|| {
            Misuse::new("a registration that its client may manage", "one whose server gave no registration_client_uri and token")
                .of("RFC 7592")
                .with_hint("change or end the client at the provider's own page")
        })?;
        let endpoint = Endpoint::parse(&management.registration_client_uri)?;
        let request = with_bearer(Outgoing::new(method, &endpoint).accept_json(), &management.registration_access_token)?;
        Ok((endpoint, request))
    }

    fn scrubber(&self) -> Scrubber {
        self.secrets().fold(Scrubber::new(), Scrubber::knowing)
    }
}

impl Managing {
    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer (RFC 7592 §3). A new secret, access token or place takes the old one's place; where the answer is silent, the old one stays. Store
    /// the result before anything else: a token that was replaced is spent.
    ///
    /// # Errors
    ///
    /// As for [a registration](super::Registering::receive), and `Misbehaved` for the answer of another client.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>) -> Result<Registered, Error> {
        let answer = answer.into();
        let members = document::receive(answer, SECTION, &self.before.scrubber())?;
        read(&members, &self.asked, Some(&self.before), &self.reach).map_err(|wrong| wrong.with_status(answer.status).into())
    }
}

impl Deleting {
    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer (RFC 7592 §2.3): 204, or any success.
    ///
    /// # Errors
    ///
    /// `Refused` or `Misbehaved`; the client must then be taken for alive.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>) -> Result<(), Error> {
        const SECTION: &str = "RFC 7592 §2.3";
        let refusal = |answer| document::refusal(answer, SECTION, &self.scrubber);
        document::acknowledged(answer.into(), SECTION, &self.scrubber, refusal)
    }
}
