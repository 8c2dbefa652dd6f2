//! Where a server's metadata is, and asking for it (RFC 8414 §3, OpenID Connect Discovery §4).

use std::collections::VecDeque;

use http::{Method, StatusCode};

use super::{CachedMetadata, Metadata};
use crate::endpoint::Endpoint;
use crate::error::{Error, Misbehaved, Misuse};
use crate::message::{Incoming, Outgoing};
use crate::oauth2::document;
use crate::scrub::Scrubber;
use crate::time::Timestamp;

const SECTION: &str = "RFC 8414 §3";

/// Which of the well-known places is asked first. The others follow where a server has nothing there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// RFC 8414's place, then OpenID Connect's: inserted between host and path, and last appended to the path. For servers of which nothing is known,
    /// and what the Model Context Protocol's profile asks for.
    #[default]
    OAuthFirst,
    /// OpenID Connect's own place (appended), then the same as above. For servers that are known to speak it.
    OpenIdFirst,
}

/// A request for a server's metadata. Nothing in it is secret.
///
/// ```
/// use keyfob_proto::Timestamp;
/// use keyfob_proto::oauth2::metadata::{Discovery, Order, Step};
///
/// let now = Timestamp::from_unix(1_795_000_000);
/// let discovery = Discovery::of("https://login.example/tenant", Order::OAuthFirst)?;
/// assert_eq!(discovery.request().uri(), "https://login.example/.well-known/oauth-authorization-server/tenant");
///
/// let nothing = http::Response::builder().status(404).body("")?;
/// let Step::Next(discovery) = discovery.receive(&nothing, now)? else { unreachable!("there are more places") };
/// assert_eq!(discovery.request().uri(), "https://login.example/.well-known/openid-configuration/tenant");
///
/// let answer = http::Response::builder()
///     .header("content-type", "application/json")
///     .body(r#"{"issuer":"https://login.example/tenant","token_endpoint":"https://login.example/tenant/token"}"#)?;
/// let Step::Done(known) = discovery.receive(&answer, now)? else { unreachable!("this is it") };
/// assert_eq!(known.metadata().token_endpoint.as_ref().map(|url| url.as_str()), Some("https://login.example/tenant/token"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Discovery {
    issuer: Endpoint,
    request: Outgoing,
    left: VecDeque<Endpoint>,
}

/// What an answer led to.
#[derive(Clone, Debug)]
pub enum Step {
    /// Nothing there; ask at the next place.
    Next(Box<Discovery>),
    /// The server's metadata.
    Done(Box<CachedMetadata>),
}

impl Discovery {
    /// Asks for the metadata of this issuer, at the well-known places.
    ///
    /// # Errors
    ///
    /// `Misuse` for an issuer that is not `https` (or on loopback), or has a query or fragment (RFC 8414 §2).
    pub fn of(issuer: &str, order: Order) -> Result<Self, Misuse> {
        let issuer = issuer_identifier(issuer)?;
        let mut places = VecDeque::from([
            inserted(&issuer, "oauth-authorization-server")?,
            inserted(&issuer, "openid-configuration")?,
            appended(&issuer, "openid-configuration")?,
        ]);
        if order == Order::OpenIdFirst {
            places.rotate_right(1);
        }
        // Without a path, inserted and appended are the same.
        let mut distinct: VecDeque<Endpoint> = VecDeque::new();
        for place in places {
            if !distinct.contains(&place) {
                distinct.push_back(place);
            }
        }
        let first = distinct.pop_front().expect("three places were put in");
        Ok(Self { request: request(&first), issuer, left: distinct })
    }

    /// Asks at one place, and no other: where a provider's documentation says that its metadata is somewhere else.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub fn at(issuer: &str, place: &Endpoint) -> Result<Self, Misuse> {
        Ok(Self { issuer: issuer_identifier(issuer)?, request: request(place), left: VecDeque::new() })
    }

    /// What to send.
    pub fn request(&self) -> &Outgoing {
        &self.request
    }

    /// The issuer that is asked about.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// Judges the answer. A status of 4xx says that there is nothing here (but 408 and 429, which say to come later), and leads to the next place.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for another issuer (RFC 8414 §3.3), a redirect, more than 256 KiB, anything that is not one JSON object with every member once,
    /// a member of another type, an endpoint that is not `https` or that only we could reach, and for a server that has no metadata at all.
    pub fn receive<'a>(mut self, answer: impl Into<Incoming<'a>>, now: Timestamp) -> Result<Step, Error> {
        let answer = answer.into();
        if is_absent(answer.status)
            && let Some(next) = self.left.pop_front()
        {
            return Ok(Step::Next(Box::new(Self { request: request(&next), ..self })));
        }
        if is_absent(answer.status) {
            return Err(Misbehaved::new(SECTION, format!("metadata of {}", self.issuer), "none at any well-known place")
                .with_status(answer.status)
                .with_hint("check the issuer, or take the endpoints from the provider's documentation")
                .into());
        }
        let members = document::receive(answer, SECTION, &Scrubber::new())?;
        let metadata = Metadata::of(&self.issuer, members).map_err(|wrong| wrong.with_status(answer.status))?;
        Ok(Step::Done(Box::new(CachedMetadata::new(metadata, answer.headers, now))))
    }
}

pub(crate) fn is_absent(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

fn request(place: &Endpoint) -> Outgoing {
    Outgoing::new(Method::GET, place).accept_json()
}

/// RFC 8414 §2: a URL without query and fragment.
pub(crate) fn issuer_identifier(text: &str) -> Result<Endpoint, Misuse> {
    let issuer = Endpoint::parse(text)?;
    if issuer.uri().query().is_some() {
        return Err(Misuse::new("an issuer without query", "one with a query")
            .of("RFC 8414 §2")
            .with_hint("give the issuer alone, up to its path"));
    }
    Ok(issuer)
}

/// RFC 8414 §3.1: between host and path; a slash at the end of the path goes.
fn inserted(issuer: &Endpoint, name: &str) -> Result<Endpoint, Misuse> {
    let path = issuer.uri().path().trim_end_matches('/');
    Endpoint::parse(&format!("{}/.well-known/{name}{path}", issuer.origin()))
}

/// OpenID Connect Discovery §4: behind the path.
fn appended(issuer: &Endpoint, name: &str) -> Result<Endpoint, Misuse> {
    let path = issuer.uri().path().trim_end_matches('/');
    Endpoint::parse(&format!("{}{path}/.well-known/{name}", issuer.origin()))
}
