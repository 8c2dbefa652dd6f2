//! Pushed authorization requests (PAR, RFC 9126): the request goes from us to the server, and the browser carries only its name.

use super::authorize::{AuthorizeRequest, ResponseType};
use super::client::Client;
use super::hybrid::{Hybrid, HybridPending};
use super::json_answer::{self, Members};
use super::pending::Pending;
use super::settings::TokenBody;
use crate::deviation::Tolerated;
use crate::entropy::Entropy;
use crate::error::{Error, Misbehaved, Misuse};
use crate::message::{Incoming, Outgoing};
use crate::secret::Secret;
use crate::time::Timestamp;

const SECTION: &str = "RFC 9126 §2.2";

/// Nothing that is meant to be a name is longer.
const LONGEST: usize = 2048;

impl Client {
    /// Pushes an authorization request (§2.1): what [`authorize`](Self::authorize) would put into a URL, where nobody can read or change it.
    ///
    /// # Errors
    ///
    /// `Misuse` if the server has no endpoint for it, and as [`authorize`](Self::authorize) does.
    pub fn push(&self, request: &AuthorizeRequest, now: Timestamp, entropy: &dyn Entropy) -> Result<PushedRequest, Error> {
        self.pushed(request, ResponseType::Code, |pending| pending, now, entropy)
    }

    /// The same for a hybrid login: what [`authorize_hybrid`](Self::authorize_hybrid) would put into a URL.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push) and [`authorize_hybrid`](Self::authorize_hybrid).
    pub fn push_hybrid(
        &self,
        request: &AuthorizeRequest,
        hybrid: Hybrid,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<PushedRequest<HybridPending>, Error> {
        self.pushed(request, hybrid.response_type(), HybridPending, now, entropy)
    }

    pub(super) fn pushed<P>(
        &self,
        request: &AuthorizeRequest,
        response_type: ResponseType,
        kind: impl FnOnce(Pending) -> P,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<PushedRequest<P>, Error> {
        let endpoint = self.shared.settings.pushed.as_ref();
        let endpoint = endpoint.ok_or_else(|| {
            Misuse::new("a provider that takes pushed authorization requests", "one without")
                .of("RFC 9126")
                .with_hint("begin the login without pushing its request: Client::authorize")
        })?;
        let asked = self.ask(request, response_type, now, entropy)?;
        let object = if self.shared.settings.request_object { Some(asked.signed(now, entropy)?) } else { None };
        let mut body = match &object {
            Some(object) => asked.beside("request", object).to_vec(),
            None => asked.pairs(),
        };
        // The client says who it is in its usual way, which may name it in the body once more: never twice (§2.1, RFC 6749 §3.2).
        if self.is_named_in_body() {
            body.retain(|(name, _)| *name != "client_id");
        }
        let request = self.back_channel(endpoint, body, TokenBody::Form)?;
        let state = asked.pending.key().to_secret();
        Ok(PushedRequest { client: self.clone(), request, state, pending: kind(asked.pending) })
    }
}

/// A request that is being pushed, for a login that asks for a code, or for another that comes through the browser.
#[derive(Debug)]
pub struct PushedRequest<P = Pending> {
    client: Client,
    request: Outgoing,
    state: Secret,
    pending: P,
}

impl<P> PushedRequest<P> {
    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer (§2.2). Gives the URL that the person has to go to, which holds nothing but the client's id and the request's name and is good
    /// once, for a short while; and what to keep until they are back.
    ///
    /// # Errors
    ///
    /// `Refused` for the server's typed `error` (§2.3), `Misbehaved` for everything that is no name of a request. The login ends with either: the request
    /// never goes through the browser instead (A22).
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>) -> Result<(String, P), Error> {
        let (answer, mut tolerated) = (answer.into(), Tolerated::new());
        let (allowed, scrubber) = (&self.client.shared.deviations, self.client.scrubber().knowing(&self.state));
        let object = json_answer::read(answer, SECTION, "a request_uri", allowed, &scrubber, &mut tolerated)?;
        let members = Members { object: &object, section: SECTION, status: Some(answer.status), allowed, tolerated: &mut tolerated };
        let name = members.required_token("request_uri")?;
        if name.expose().len() > LONGEST {
            return Err(Misbehaved::new(SECTION, "a short request_uri", "an endless one").with_status(answer.status).into());
        }
        match members.seconds("expires_in")? {
            None => return Err(members.missing("expires_in").into()),
            Some(0) => return Err(members.broke("expires_in", "a positive number of seconds", "0").into()),
            Some(_) => {}
        }
        let (settings, client_id) = (&self.client.shared.settings, self.client.shared.app.client_id.as_str());
        let named = [("client_id", client_id), ("request_uri", name.expose())].map(|(name, value)| (settings.name_of(name), value));
        Ok((settings.ended(settings.page()?.with_query(named)), self.pending))
    }
}
