//! The authorization profile of the Model Context Protocol (specifications of 2025-06-18 and 2025-11-25), as one walk of the parts beside it: from a URL that
//! answered 401 to everything a login needs.
//!
//! ```text
//!  401 ──► Challenges ──► Walk::begin
//!                           │  the resource's metadata (RFC 9728): at the place the challenge names, or at the well-known ones
//!                           │  the authorization server's (RFC 8414, OpenID Connect), by its issuer
//!                           │  a client there: known already, or the URL of a page about it, or registered now (RFC 7591)
//!                           ▼
//!                         Ready::request ──► Client::authorize, with `resource` (RFC 8707)
//! ```
//!
//! Whoever drives it sends requests and hands back answers; every one of them is to a place that somebody else named, so each is held to
//! [`Reach`](crate::Reach), and the connection is the transport's to judge ([`is_public`](crate::is_public)).

use std::collections::BTreeMap;

use super::authorize::AuthorizeRequest;
use super::challenge::Challenges;
use super::client_id_document::ClientIdUrl;
use super::metadata::{CachedMetadata, Discovery, Order, Preferences, Step as ServerStep};
use super::redirect_uri::RedirectUri;
use super::registration::{ClientMetadata, Registered, Registering, Registration};
use super::resource_metadata::{ResourceDiscovery, ResourceMetadata, Step as ResourceStep};
use super::settings::{ClientAuth, Dpop, Settings};
use crate::app::App;
use crate::deviation::Deviations;
use crate::error::{Error, Misbehaved, Misuse};
use crate::message::{Incoming, Outgoing};
use crate::time::Timestamp;

/// Who we can be at a server we have never met. What is known already is taken first, then the page, then a registration, as the profile orders them.
#[derive(Clone, Debug, Default)]
pub struct Clients {
    /// Clients that exist already, by the issuer they are registered with.
    pub known: BTreeMap<String, KnownClient>,
    /// Where a page about us is, for servers that read such.
    pub client_id_url: Option<ClientIdUrl>,
    /// As what to register, at servers that let anybody. `None`: not at all.
    pub register_as: Option<ClientMetadata>,
}

/// A client that is registered with a server.
#[derive(Clone, Debug)]
pub struct KnownClient {
    /// Its id and secret.
    pub app: App,
    /// How it says who it is; `None`: as the server's metadata has it.
    pub client_auth: Option<ClientAuth>,
}

impl From<&Registration> for KnownClient {
    fn from(registration: &Registration) -> Self {
        Self { app: registration.app.clone(), client_auth: registration.client_auth() }
    }
}

/// The walk, between two requests.
#[derive(Debug)]
pub struct Walk {
    clients: Clients,
    /// What the challenge says is needed; the profile asks for exactly these.
    scopes: Vec<String>,
    at: At,
}

#[derive(Debug)]
enum At {
    Resource(ResourceDiscovery),
    Server(Box<ResourceMetadata>, Discovery),
    Registration(Box<ResourceMetadata>, Box<CachedMetadata>, Box<Registering>),
}

/// What an answer led to.
#[derive(Debug)]
pub enum Step {
    /// One more request.
    Next(Box<Walk>),
    /// Everything a login needs.
    Done(Box<Ready>),
}

/// Everything a login needs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ready {
    /// The resource. Its identifier goes into the authorization request and every token request as `resource` (RFC 8707 §2), so that the token is of no
    /// use anywhere else: [`request`](Self::request) has it.
    pub resource: ResourceMetadata,
    /// The authorization server; to be stored.
    pub server: CachedMetadata,
    /// The client there.
    pub app: App,
    /// The registration that was made on the way, to be stored before anything else.
    pub registered: Option<Registered>,
    /// What OAuth 2 needs to know of the server, with the scopes to ask for.
    pub settings: Settings,
}

impl Ready {
    /// The authorization request: for this resource and no other (RFC 8707 §2). The code is exchanged for the same.
    pub fn request(&self, redirect_uri: impl Into<RedirectUri>) -> AuthorizeRequest {
        AuthorizeRequest {
            redirect_uri: redirect_uri.into(),
            resources: vec![self.resource.resource.clone()],
            ..AuthorizeRequest::default()
        }
    }
}

impl Walk {
    /// Begins with the URL that was called, the challenges of its answer, who we can be, and what its provider file tolerates.
    ///
    /// # Errors
    ///
    /// `Misuse` for a URL that is not `https` (or on loopback); `Misbehaved` for a place of metadata that is not, or that only we could reach.
    pub fn begin(resource: &str, challenges: &Challenges, clients: Clients, allowed: &Deviations) -> Result<Self, Error> {
        let discovery = match challenges.resource_metadata() {
            Some(place) => ResourceDiscovery::named(resource, place)?,
            None => ResourceDiscovery::of(resource)?,
        };
        let challenge = challenges.bearer().or_else(|| challenges.dpop());
        let scopes = challenge.map(|challenge| challenge.scopes).unwrap_or_default();
        Ok(Self { clients, scopes, at: At::Resource(discovery.allowing(allowed)) })
    }

    /// What to send.
    pub fn request(&self) -> &Outgoing {
        match &self.at {
            At::Resource(discovery) => discovery.request(),
            At::Server(_, discovery) => discovery.request(),
            At::Registration(_, _, registering) => registering.request(),
        }
    }

    /// Judges the answer.
    ///
    /// # Errors
    ///
    /// Those of the part that is under way; `Misbehaved` for a resource that names no authorization server, and for a server that does not say that it takes
    /// proof keys, which the profile has a client refuse; `Misuse` where none of the ways to be a client is open.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>, now: Timestamp) -> Result<Step, Error> {
        let Self { clients, scopes, at } = self;
        let next = |clients, scopes, at| Ok(Step::Next(Box::new(Self { clients, scopes, at })));
        match at {
            At::Resource(discovery) => match discovery.receive(answer)? {
                ResourceStep::Next(discovery) => next(clients, scopes, At::Resource(*discovery)),
                ResourceStep::Done(resource) => {
                    let discovery = Discovery::of(choose(&resource, &clients)?, Order::OAuthFirst)?;
                    next(clients, scopes, At::Server(resource, discovery))
                }
            },
            At::Server(resource, discovery) => match discovery.receive(answer, now)? {
                ServerStep::Next(discovery) => next(clients, scopes, At::Server(resource, *discovery)),
                ServerStep::Done(server) => {
                    require_proof_keys(&server)?;
                    match clients.at(&server)? {
                        Who::Is(client) => ready(scopes, resource, server, client, None),
                        Who::Registers(registering) => next(clients, scopes, At::Registration(resource, server, registering)),
                    }
                }
            },
            At::Registration(resource, server, registering) => {
                let registered = registering.receive(answer)?;
                let client = KnownClient::from(&registered.registration);
                if client.client_auth.is_none() {
                    let method = registered.registration.metadata.token_endpoint_auth_method.as_deref().map(crate::scrub::printable);
                    return Err(Misuse::new("a client that needs no key", format!("one registered for {}", method.unwrap_or_default()))
                        .of("RFC 7591 §2")
                        .with_hint("give the client a key of its own (private_key_jwt), or register one by hand")
                        .into());
                }
                ready(scopes, resource, server, client, Some(registered))
            }
        }
    }
}

/// One that we are a client of already, or else the first (RFC 9728 §7.6 leaves the choice to the client).
fn choose<'a>(resource: &'a ResourceMetadata, clients: &Clients) -> Result<&'a str, Misbehaved> {
    let servers = &resource.authorization_servers;
    let known = servers.iter().find(|issuer| clients.known.contains_key(*issuer));
    known.or_else(|| servers.first()).map(String::as_str).ok_or_else(|| {
        Misbehaved::new("the MCP authorization profile", "at least one of authorization_servers", "none")
            .with_hint("name the authorization server yourself")
    })
}

/// The profile is stricter than [`Metadata::settings`](super::metadata::Metadata::settings) is alone: a server that says nothing is refused.
fn require_proof_keys(server: &CachedMetadata) -> Result<(), Misbehaved> {
    match server.metadata().code_challenge_methods_supported {
        Some(_) => Ok(()),
        None => Err(Misbehaved::new("the MCP authorization profile", "code_challenge_methods_supported", "metadata without it")),
    }
}

enum Who {
    Is(KnownClient),
    Registers(Box<Registering>),
}

impl Clients {
    fn at(&self, server: &CachedMetadata) -> Result<Who, Misuse> {
        let server = server.metadata();
        if let Some(client) = self.known.get(&server.issuer) {
            return Ok(Who::Is(client.clone()));
        }
        if let (Some(url), true) = (&self.client_id_url, server.client_id_metadata_document_supported) {
            return Ok(Who::Is(KnownClient { app: url.app(), client_auth: Some(ClientAuth::None) }));
        }
        match (&self.register_as, &server.registration_endpoint) {
            (Some(client), Some(endpoint)) => Ok(Who::Registers(Box::new(Registering::new(endpoint, client, None)?))),
            _ => Err(Misuse::new(format!("a client at {}", server.issuer), "none, and no way to become one")
                .of("MCP Authorization")
                .with_hint("register an app by hand, and name its client id")),
        }
    }
}

/// Scopes: those of the challenge, or else all that the resource has, as the profile orders them.
fn ready(
    scopes: Vec<String>,
    resource: Box<ResourceMetadata>,
    server: Box<CachedMetadata>,
    client: KnownClient,
    registered: Option<Registered>,
) -> Result<Step, Error> {
    let scopes = if scopes.is_empty() { resource.scopes_supported.clone() } else { scopes };
    let agreed = registered.as_ref().and_then(|registered| registered.registration.metadata.dpop_bound_access_tokens);
    let is_bound = resource.dpop_bound_access_tokens_required || agreed == Some(true);
    let dpop = if is_bound { Dpop::Wanted } else { Dpop::Off };
    let preferences = Preferences { client_auth: client.client_auth, scopes, dpop, ..Preferences::default() };
    let settings = server.metadata().settings(&client.app, &preferences)?;
    Ok(Step::Done(Box::new(Ready { resource: *resource, server: *server, app: client.app, registered, settings })))
}
