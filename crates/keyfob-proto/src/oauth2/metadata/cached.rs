//! Metadata that is kept, and refreshed without being lost (F6).

use http::HeaderMap;
use http::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Metadata;
use super::discovery::issuer_identifier;
use crate::error::Error;
use crate::time::Timestamp;

/// How long a copy is good where the server does not say, in seconds.
const USUAL: i64 = 3600;
/// A server that says "do not keep" is asked once a minute all the same, not before every request.
const SHORTEST: i64 = 60;
/// A server that changed its keys or moved its endpoints is followed within a day, whatever it said before.
const LONGEST: i64 = 86_400;

/// Metadata with the time it was fetched. Made to be stored; nothing in it is secret. What is read back is judged again, with the same rules.
///
/// ```
/// # use keyfob_proto::{Misuse, Timestamp};
/// # use keyfob_proto::oauth2::metadata::{Discovery, Order, Step};
/// # let now = Timestamp::from_unix(1_795_000_000);
/// # let answer = http::Response::builder().header("content-type", "application/json").header("cache-control", "max-age=600")
/// #     .body(r#"{"issuer":"https://login.example"}"#)?;
/// # let Step::Done(known) = Discovery::of("https://login.example", Order::OAuthFirst)?.receive(&answer, now)? else { unreachable!() };
/// assert!(!known.is_due(now.plus(599)));
/// assert!(known.is_due(now.plus(600)));
///
/// // The refresh brings nothing good: the old copy stays, and the next try waits a minute.
/// let wrong = Misuse::new("an answer", "a broken one").into();
/// let (known, told) = known.refreshed(Err(wrong), now.plus(600));
/// assert!(told.is_some());
/// assert_eq!(known.metadata().issuer, "https://login.example");
/// assert!(!known.is_due(now.plus(659)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct CachedMetadata {
    metadata: Metadata,
    fetched_at: Timestamp,
    lifetime: i64,
    failed_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    issuer: String,
    document: Map<String, Value>,
    fetched_at: Timestamp,
    lifetime: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed_at: Option<Timestamp>,
}

impl CachedMetadata {
    /// After a refresh that failed, in seconds: a server in trouble is not stormed.
    pub const PAUSE: i64 = 60;

    pub(super) fn new(metadata: Metadata, headers: &HeaderMap, now: Timestamp) -> Self {
        Self { metadata, fetched_at: now, lifetime: lifetime(headers), failed_at: None }
    }

    /// What the server says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// When it was fetched.
    pub fn fetched_at(&self) -> Timestamp {
        self.fetched_at
    }

    /// Whether it is time to ask again: the copy is older than the server said (a minute to a day; an hour where it said nothing), and the last try
    /// did not fail within this minute. A copy from the future (the clock went back) is due as well.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let age = now.since(self.fetched_at);
        let pausing = self.failed_at.is_some_and(|failed_at| (0..Self::PAUSE).contains(&now.since(failed_at)));
        !(0..self.lifetime).contains(&age) && !pausing
    }

    /// The copy to keep after a refresh: the new one if it is good and about the same issuer, and otherwise this one, with the error to be told (F6).
    #[must_use]
    pub fn refreshed(self, new: Result<Self, Error>, now: Timestamp) -> (Self, Option<Error>) {
        match new {
            Ok(new) if new.metadata.issuer == self.metadata.issuer => (new, None),
            Ok(new) => {
                let wrong = crate::Misuse::new(format!("metadata of {}", self.metadata.issuer), format!("that of {}", new.metadata.issuer))
                    .of("RFC 8414 §3.3")
                    .with_hint("ask for the metadata of the same issuer again");
                (Self { failed_at: Some(now), ..self }, Some(wrong.into()))
            }
            Err(error) => (Self { failed_at: Some(now), ..self }, Some(error)),
        }
    }
}

/// `Cache-Control` (RFC 9111 §5.2.2), within bounds of our own.
fn lifetime(headers: &HeaderMap) -> i64 {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives: Vec<String> = values.flat_map(|value| value.split(',')).map(|text| text.trim().to_ascii_lowercase()).collect();
    if directives.iter().any(|directive| matches!(directive.as_str(), "no-store" | "no-cache")) {
        return SHORTEST;
    }
    let seconds = directives.iter().find_map(|directive| directive.strip_prefix("max-age=")?.trim_matches('"').parse::<u32>().ok());
    seconds.map_or(USUAL, |seconds| i64::from(seconds).clamp(SHORTEST, LONGEST))
}

impl From<CachedMetadata> for Stored {
    fn from(CachedMetadata { metadata, fetched_at, lifetime, failed_at }: CachedMetadata) -> Self {
        Self { issuer: metadata.issuer, document: metadata.document, fetched_at, lifetime, failed_at }
    }
}

impl TryFrom<Stored> for CachedMetadata {
    type Error = Error;

    fn try_from(Stored { issuer, document, fetched_at, lifetime, failed_at }: Stored) -> Result<Self, Error> {
        let metadata = Metadata::of(&issuer_identifier(&issuer)?, document)?;
        Ok(Self { metadata, fetched_at, lifetime: lifetime.clamp(SHORTEST, LONGEST), failed_at })
    }
}
