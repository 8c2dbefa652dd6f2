//! Protected resource metadata (RFC 9728): what an API says about itself, and which authorization servers give tokens for it.
//!
//! ```text
//!  401 with resource_metadata="…" ──► ResourceDiscovery::named ─┐
//!  only the API's URL ──────────────► ResourceDiscovery::of ────┴► request ──► receive ──► ResourceMetadata
//! ```
//!
//! A resource is believed about itself alone: a server that could describe another's API would have tokens for that one sent to itself (F9).

use http::Method;
use serde_json::{Map, Value};

use super::document::{self, Document};
use super::metadata::{Signed, is_absent};
use crate::deviation::{Deviation, Deviations, Tolerated};
use crate::endpoint::{Endpoint, Origin};
use crate::error::{Error, Misbehaved, Misuse};
use crate::jose::{Algorithms, Keys};
use crate::message::{Incoming, Outgoing};
use crate::reach::Reach;
use crate::scrub::{Scrubber, printable};
use crate::time::Timestamp;

const SECTION: &str = "RFC 9728 §3";
const IDENTITY: &str = "RFC 9728 §3.3";
const MEMBERS: &str = "RFC 9728 §2";
const SIGNED: &str = "RFC 9728 §2.2";

/// What a protected resource says about itself (§2). Fields have the names of the registry; lists that are absent are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceMetadata {
    /// The resource's identifier: what a token request names as `resource` (RFC 8707).
    pub resource: String,
    /// Issuers of the servers that give tokens for it, in its own order. Which one is asked is the client's choice (§7.6).
    pub authorization_servers: Vec<String>,
    /// The resource's own keys.
    pub jwks_uri: Option<Endpoint>,
    /// Scopes that somebody may need.
    pub scopes_supported: Vec<String>,
    /// `header`, `body`, `query`.
    pub bearer_methods_supported: Vec<String>,
    /// What its signed answers are signed with.
    pub resource_signing_alg_values_supported: Vec<String>,
    /// A name for people, fit to show.
    pub resource_name: Option<String>,
    /// For developers, to be shown, never fetched.
    pub resource_documentation: Option<String>,
    /// To be shown, never fetched.
    pub resource_policy_uri: Option<String>,
    /// To be shown, never fetched.
    pub resource_tos_uri: Option<String>,
    /// RFC 8705 §3.3.
    pub tls_client_certificate_bound_access_tokens: bool,
    /// RFC 9396.
    pub authorization_details_types_supported: Vec<String>,
    /// RFC 9449.
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Whether a token without a DPoP proof is refused.
    pub dpop_bound_access_tokens_required: bool,
    /// §2.2: the same once more, signed. Kept as it came; nothing of it is believed until somebody [checks it](Self::signed).
    pub signed_metadata: Option<String>,
    /// The deviations that were needed to accept it.
    pub tolerated: Tolerated,
    /// The URL that was asked about.
    asked: Endpoint,
    document: Map<String, Value>,
}

impl ResourceMetadata {
    /// Reads what was judged to be about the resource that was asked for.
    fn of(asked: Endpoint, members: Map<String, Value>, tolerated: Tolerated) -> Result<Self, Misbehaved> {
        let d = Document::new(&members, MEMBERS);
        let reach = Reach::of(&asked);
        let authorization_servers = d.texts("authorization_servers")?;
        for issuer in &authorization_servers {
            let refused = match reach.endpoint(issuer) {
                Ok(issuer) if issuer.uri().query().is_some() => "one with a query".to_owned(),
                Ok(_) => continue,
                Err(found) => found,
            };
            return Err(d.broke("authorization_servers", "issuers with https, on the open internet or at the resource's host", &refused));
        }
        Ok(Self {
            resource: d.required("resource")?.to_owned(),
            authorization_servers,
            jwks_uri: d.endpoint("jwks_uri", &reach)?,
            scopes_supported: d.texts("scopes_supported")?,
            bearer_methods_supported: d.texts("bearer_methods_supported")?,
            resource_signing_alg_values_supported: d.texts("resource_signing_alg_values_supported")?,
            resource_name: d.shown("resource_name")?,
            resource_documentation: d.page("resource_documentation")?,
            resource_policy_uri: d.page("resource_policy_uri")?,
            resource_tos_uri: d.page("resource_tos_uri")?,
            tls_client_certificate_bound_access_tokens: d.flag("tls_client_certificate_bound_access_tokens")?.unwrap_or(false),
            authorization_details_types_supported: d.texts("authorization_details_types_supported")?,
            dpop_signing_alg_values_supported: d.texts("dpop_signing_alg_values_supported")?,
            dpop_bound_access_tokens_required: d.flag("dpop_bound_access_tokens_required")?.unwrap_or(false),
            signed_metadata: d.text("signed_metadata")?.map(str::to_owned),
            tolerated,
            asked,
            document: members,
        })
    }

    /// What is said about the resource under a signature (§2.2). Signed values take the place of the plain ones; what is not signed stays as it was said.
    ///
    /// `attester` is who vouches for it (`iss`), and the keys are theirs: both have to be known from somewhere else, an operator or a federation. Keys
    /// that the metadata itself leads to (`jwks_uri`) would be by whoever wrote it, and prove nothing.
    ///
    /// # Errors
    ///
    /// `Misbehaved` where nothing is signed (somebody may have taken it out), for a signature that is not by these keys and algorithms, another `iss`,
    /// another resource, a text that has ended or is addressed to somebody, and as for metadata that is plain. [`Misbehaved::is_unknown_key`] says that
    /// other keys may help.
    pub fn signed(&self, attester: &str, keys: &Keys<'_>, algorithms: &Algorithms, now: Timestamp) -> Result<Self, Error> {
        let signed = Signed { text: self.signed_metadata.as_deref(), section: SIGNED, attester };
        let document = signed.over(&self.document, keys, algorithms, now)?;
        // §3.3 once more: who may speak for several resources could otherwise pass off one as another.
        if document.get("resource") != self.document.get("resource") {
            return Err(Misbehaved::new(IDENTITY, "signed metadata of the same resource", "that of another").into());
        }
        Ok(Self::of(self.asked.clone(), document, self.tolerated.clone())?)
    }
}

/// A request for a resource's metadata. Nothing in it is secret.
///
/// ```
/// use keyfob_proto::oauth2::resource_metadata::{ResourceDiscovery, Step};
///
/// let discovery = ResourceDiscovery::of("https://api.example/v1")?;
/// assert_eq!(discovery.request().uri(), "https://api.example/.well-known/oauth-protected-resource/v1");
/// let answer = http::Response::builder()
///     .header("content-type", "application/json")
///     .body(r#"{"resource":"https://api.example/v1","authorization_servers":["https://login.example"]}"#)?;
/// let Step::Done(metadata) = discovery.receive(&answer)? else { unreachable!("this is it") };
/// assert_eq!(metadata.authorization_servers, ["https://login.example"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ResourceDiscovery {
    asked: Endpoint,
    /// Whose metadata is at the place that is asked.
    expected: Endpoint,
    request: Outgoing,
    /// Whether the root of the origin is still to be asked, about the origin as a whole.
    root_left: bool,
    allowed: Deviations,
}

/// What an answer led to.
#[derive(Clone, Debug)]
pub enum Step {
    /// Nothing there; ask at the next place.
    Next(Box<ResourceDiscovery>),
    /// The resource's metadata.
    Done(Box<ResourceMetadata>),
}

impl ResourceDiscovery {
    /// Asks at the well-known place of a resource (§3.1), and, where that is empty, at that of its origin, which is then the resource.
    ///
    /// # Errors
    ///
    /// `Misuse` for a resource that is not `https` (or on loopback), or has a fragment (§1.2).
    pub fn of(resource: &str) -> Result<Self, Misuse> {
        let asked = Endpoint::parse(resource)?;
        let request = request(&well_known(&asked)?);
        let root_left = !is_root(&asked);
        Ok(Self { expected: asked.clone(), asked, request, root_left, allowed: Deviations::new() })
    }

    /// Asks where a challenge of the resource says (`resource_metadata`, §5.1). The metadata must be about the very URL that was called (§3.3).
    ///
    /// # Errors
    ///
    /// `Misuse` for a resource that is not `https` (or on loopback); `Misbehaved` for a place that is not, or that only we could reach.
    pub fn named(resource: &str, resource_metadata: &str) -> Result<Self, Error> {
        let asked = Endpoint::parse(resource)?;
        let place = Reach::of(&asked).endpoint(resource_metadata).map_err(|found| {
            Misbehaved::new("RFC 9728 §5.1", "resource_metadata as an https URL on the open internet or at the resource's host", found)
        })?;
        Ok(Self { expected: asked.clone(), asked, request: request(&place), root_left: false, allowed: Deviations::new() })
    }

    /// With what the provider file tolerates.
    #[must_use]
    pub fn allowing(self, allowed: &Deviations) -> Self {
        Self { allowed: allowed.clone(), ..self }
    }

    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// Judges the answer. A status of 4xx says that there is nothing here (but 408 and 429, which say to come later).
    ///
    /// # Errors
    ///
    /// `Misbehaved` for metadata of another resource (§3.3), an authorization server that is not `https` or that only we could reach, a redirect, more
    /// than 256 KiB, anything that is not one JSON object with every member once, and for a resource that has no metadata at all.
    pub fn receive<'a>(self, answer: impl Into<Incoming<'a>>) -> Result<Step, Error> {
        let answer = answer.into();
        if is_absent(answer.status) {
            if self.root_left {
                let root = Endpoint::parse(self.asked.origin().as_str())?;
                let request = request(&well_known(&root)?);
                return Ok(Step::Next(Box::new(Self { expected: root, request, root_left: false, ..self })));
            }
            return Err(Misbehaved::new(SECTION, format!("metadata of {}", self.asked.origin()), "none at its well-known places")
                .with_status(answer.status)
                .with_hint("name the authorization server yourself")
                .into());
        }
        let members = document::receive(answer, SECTION, &Scrubber::new())?;
        let metadata = self.read(members).map_err(|wrong| wrong.with_status(answer.status))?;
        Ok(Step::Done(Box::new(metadata)))
    }

    fn read(self, members: Map<String, Value>) -> Result<ResourceMetadata, Misbehaved> {
        let tolerated = self.judge_identity(Document::new(&members, MEMBERS).required("resource")?)?;
        ResourceMetadata::of(self.asked, members, tolerated)
    }

    /// §3.3, byte for byte; but an origin is the same resource with and without the slash that stands for an empty path (RFC 9110 §4.2.3).
    fn judge_identity(&self, resource: &str) -> Result<Tolerated, Misbehaved> {
        let same_root = is_root(&self.expected)
            && [self.expected.origin().to_string(), format!("{}/", self.expected.origin())].contains(&resource.to_owned());
        if resource == self.expected.as_str() || same_root {
            return Ok(Tolerated::new());
        }
        let (expected, found) = (format!("metadata of {}", shown(&self.expected)), format!("that of \"{}\"", printable(resource)));
        if !is_parent(resource, &self.asked) {
            return Err(
                Misbehaved::new(IDENTITY, expected, found).with_hint("a token for it may be meant for somebody else; do not ask for one")
            );
        }
        if self.allowed.contains(&Deviation::ResourceParent) {
            return Ok(Tolerated::from([Deviation::ResourceParent]));
        }
        Err(Misbehaved::deviation(Deviation::ResourceParent, expected, found))
    }
}

/// Whether a URL is at the same origin, and its path is the beginning of the other's, whole segments of it.
fn is_parent(resource: &str, child: &Endpoint) -> bool {
    let Ok(parent) = Endpoint::parse(resource) else { return false };
    let path = parent.uri().path().trim_end_matches('/');
    let rest = child.uri().path().strip_prefix(path);
    Origin::of(parent.uri()) == Origin::of(child.uri())
        && parent.uri().query().is_none()
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_root(resource: &Endpoint) -> bool {
    resource.uri().path() == "/" && resource.uri().query().is_none()
}

/// §3.1: between host and path; the slash behind the host goes, and a query stays.
fn well_known(resource: &Endpoint) -> Result<Endpoint, Misuse> {
    let path = Some(resource.uri().path()).filter(|path| *path != "/").unwrap_or("");
    let query = resource.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    Endpoint::parse(&format!("{}/.well-known/oauth-protected-resource{path}{query}", resource.origin()))
}

fn request(place: &Endpoint) -> Outgoing {
    Outgoing::new(Method::GET, place).accept_json()
}

/// A URL as it can be shown: a query may hold anything.
fn shown(resource: &Endpoint) -> String {
    printable(resource.as_str().split('?').next().unwrap_or(""))
}
