//! Dynamic client registration (RFC 7591) and its management (RFC 7592): a server that gives out client ids without a person at a developer site.
//!
//! ```text
//!  ClientMetadata ──► Registering::new ──► request ──► receive ──► Registered { Registration (to be stored), changed, tolerated }
//!                                                                        │
//!                  Registration::read / update / delete ◄────────────────┘
//! ```

mod client_metadata;
mod management;

use http::Method;
use http::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::document::{self, Document};
use super::settings::ClientAuth;
use crate::app::App;
use crate::deviation::{Deviation, Tolerated};
use crate::endpoint::Endpoint;
use crate::error::{Error, Misbehaved, Misuse};
use crate::message::{Incoming, Outgoing, is_vschar};
use crate::reach::Reach;
use crate::scrub::Scrubber;
use crate::secret::{Secret, stored};
use crate::time::Timestamp;

pub use client_metadata::{Changed, ClientMetadata};
pub use management::{Deleting, Managing};

const SECTION: &str = "RFC 7591 §3.2.1";

/// A client as a server knows it. Made to be stored; the store seals it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Registration {
    /// What logins need: client id, secret, redirect URI.
    pub app: App,
    /// What was registered, which need not be what was asked for.
    pub metadata: ClientMetadata,
    /// `client_id_issued_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// When the secret ends. `None`: it does not, or the server does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    management: Option<Management>,
}

/// Where a registration can be read, changed and ended, and with what (RFC 7592 §3).
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Management {
    registration_client_uri: String,
    #[serde(with = "stored")]
    registration_access_token: Secret,
}

/// A registration that was accepted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Registered {
    /// The client, to be stored before it is used: its secrets are told once.
    pub registration: Registration,
    /// What the server registered otherwise than it was asked to (RFC 7591 §3.2.1), to be shown.
    pub changed: Vec<Changed>,
    /// The deviations that were needed to accept it.
    pub tolerated: Tolerated,
}

impl Registration {
    /// How this client says who it is at the token endpoint, where that is a way that needs no key.
    pub fn client_auth(&self) -> Option<ClientAuth> {
        // RFC 7591 §2: Basic where nothing is said.
        match self.metadata.token_endpoint_auth_method.as_deref().unwrap_or("client_secret_basic") {
            "client_secret_basic" => Some(ClientAuth::Basic),
            "client_secret_post" => Some(ClientAuth::Post),
            "none" => Some(ClientAuth::None),
            _ => None,
        }
    }

    /// Whether the secret has ended.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.secret_expires_at.is_some_and(|end| now >= end)
    }

    /// Everything in it that must not be shown.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.app.secrets().chain(self.management.as_ref().map(|management| &management.registration_access_token))
    }
}

/// A registration under way (RFC 7591 §3).
///
/// ```
/// use keyfob_proto::Endpoint;
/// use keyfob_proto::oauth2::registration::{ClientMetadata, Registering};
///
/// let client = ClientMetadata::native("Keyfob", ["http://127.0.0.1/callback"]);
/// let registering = Registering::new(&Endpoint::parse("https://login.example/register")?, &client, None)?;
/// let answer = http::Response::builder().status(201).header("content-type", "application/json").body(
///     r#"{"client_id":"s6BhdRkqt3","redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"none"}"#,
/// )?;
/// let registered = registering.receive(&answer)?;
/// assert_eq!(registered.registration.app.client_id, "s6BhdRkqt3");
/// assert!(registered.changed.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Registering {
    request: Outgoing,
    asked: ClientMetadata,
    reach: Reach,
    scrubber: Scrubber,
}

impl Registering {
    /// Asks for a client id, with the initial access token where the server wants one (§3).
    ///
    /// # Errors
    ///
    /// `Misuse` for a redirect URI that no login could use, or a token that cannot be a header.
    pub fn new(endpoint: &Endpoint, client: &ClientMetadata, initial_access_token: Option<&Secret>) -> Result<Self, Misuse> {
        client.check()?;
        let request = Outgoing::new(Method::POST, endpoint).accept_json().json_object(client.to_members());
        let request = match initial_access_token {
            Some(token) => with_bearer(request, token)?,
            None => request,
        };
        let scrubber = initial_access_token.into_iter().fold(Scrubber::new(), Scrubber::knowing);
        Ok(Self { request, asked: client.clone(), reach: Reach::of(endpoint), scrubber })
    }

    /// What to send, once: every copy that arrives is another client.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer (§3.2.1). 200 is taken for 201, and members that the answer leaves out are taken for those that were asked for.
    ///
    /// # Errors
    ///
    /// `Refused` for the server's typed `error` (§3.2.2); `Misbehaved` for a redirect, more than 256 KiB, anything that is not one JSON object with
    /// every member once, a client id or secret that is not visible ASCII, and a `registration_client_uri` that is not `https` or that only we could reach.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>) -> Result<Registered, Error> {
        let answer = answer.into();
        let members = document::receive(answer, SECTION, &self.scrubber)?;
        read(&members, &self.asked, None, &self.reach).map_err(|wrong| wrong.with_status(answer.status).into())
    }
}

pub(super) fn with_bearer(request: Outgoing, token: &Secret) -> Result<Outgoing, Misuse> {
    request.secret_header(AUTHORIZATION, &format!("Bearer {}", token.expose()))
}

/// Client information (§3.2.1, RFC 7592 §3). `before`: what is known already, which stays where the answer is silent.
fn read(
    members: &Map<String, Value>,
    asked: &ClientMetadata,
    before: Option<&Registration>,
    reach: &Reach,
) -> Result<Registered, Misbehaved> {
    let d = Document::new(members, SECTION);
    let mut tolerated = Tolerated::new();
    let client_id = visible(&d, "client_id")?.ok_or_else(|| d.broke("client_id", "visible ASCII text", "an answer without it"))?;
    if before.is_some_and(|before| before.app.client_id != client_id) {
        // Somebody else's secret and redirect URIs must not become ours.
        return Err(Misbehaved::new("RFC 7592 §3", "the client that was asked about (client_id)", "another one"));
    }
    let new_secret = visible(&d, "client_secret")?.map(Secret::new);
    let expires = d.moment("client_secret_expires_at")?;
    if new_secret.is_some() && expires.is_none() {
        tolerated.insert(Deviation::MissingSecretExpiry);
    }
    let secret_expires_at = match (&new_secret, expires) {
        // §3.2.1: 0 is "never".
        (_, Some(expires)) => Some(expires).filter(|expires| expires.as_unix() != 0),
        (None, None) => before.and_then(|before| before.secret_expires_at),
        (Some(_), None) => None,
    };
    let metadata = ClientMetadata::read(&d, asked)?;
    let redirect_uri = asked.redirect_uris.iter().find(|uri| metadata.redirect_uris.contains(uri)).cloned();
    let app = App {
        client_id,
        client_secret: new_secret.or_else(|| before?.app.client_secret.clone()),
        redirect_uri,
        fields: before.map(|before| before.app.fields.clone()).unwrap_or_default(),
        private_key: before.and_then(|before| before.app.private_key.clone()),
        private_key_algorithm: before.and_then(|before| before.app.private_key_algorithm),
        private_key_id: before.and_then(|before| before.app.private_key_id.clone()),
    };
    let issued_at = d.moment("client_id_issued_at")?.or_else(|| before?.issued_at);
    let changed = asked.changed(&metadata);
    let registration = Registration { app, metadata, issued_at, secret_expires_at, management: management(&d, before, reach)? };
    Ok(Registered { registration, changed, tolerated })
}

/// RFC 7592 §3: both or neither, and a new token takes the old one's place (F8). One without the other is of no use, and is left out.
fn management(d: &Document<'_>, before: Option<&Registration>, reach: &Reach) -> Result<Option<Management>, Misbehaved> {
    let before = before.and_then(|before| before.management.as_ref());
    let uri = d.endpoint("registration_client_uri", reach)?.map(|uri| uri.as_str().to_owned());
    let token = visible(d, "registration_access_token")?.map(Secret::new);
    let uri = uri.or_else(|| Some(before?.registration_client_uri.clone()));
    let token = token.or_else(|| Some(before?.registration_access_token.clone()));
    Ok(uri
        .zip(token)
        .map(|(registration_client_uri, registration_access_token)| Management { registration_client_uri, registration_access_token }))
}

/// What ends up in headers and forms: visible ASCII (RFC 6749 Appendix A.1, A.2). What is found is not shown: it may be the secret.
fn visible(d: &Document<'_>, name: &str) -> Result<Option<String>, Misbehaved> {
    match d.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if is_vschar(text) => Ok(Some(text.clone())),
        Some(_) => Err(d.broke(name, "visible ASCII text", "something else")),
    }
}
