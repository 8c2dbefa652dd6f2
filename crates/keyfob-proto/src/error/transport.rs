//! The request or its answer did not get through.

use std::error::Error as StdError;
use std::fmt;

/// The request or its answer did not get through. Made by transports.
#[derive(Debug)]
#[non_exhaustive]
pub struct Transport {
    /// What kind of failure.
    pub kind: TransportKind,
    /// Where to: scheme, host and port, never the whole URL.
    pub origin: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Transport {
    /// A failure of this kind, talking to this origin.
    pub fn new(kind: TransportKind, origin: impl Into<String>) -> Self {
        Self { kind, origin: origin.into(), source: None }
    }

    /// With the cause below it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(super) fn hint(&self) -> &'static str {
        match self.kind {
            TransportKind::Connect => "check the network, the host's name, and proxy settings",
            TransportKind::Tls => "check the server's certificate and this machine's clock and certificate store",
            TransportKind::Timeout => "the server may be busy; try again later",
            TransportKind::Broken => "try again; if it stays, something between us and the server is at fault",
            TransportKind::TooLarge => "another try brings the same: ask for less at once, or read it as it streams",
            TransportKind::Forbidden => {
                "either this program was told to talk to this machine only, or a document named an address that is not public: say in the provider's own settings that it is meant"
            }
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            TransportKind::Connect => "could not connect to",
            TransportKind::Tls => "no trusted connection to",
            TransportKind::Timeout => "no answer in time from",
            TransportKind::Broken => "a broken answer from",
            TransportKind::TooLarge => "too large an answer from",
            TransportKind::Forbidden => "not allowed to connect to",
        };
        write!(f, "{what} {}", self.origin)
    }
}

impl StdError for Transport {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Kinds of transport failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportKind {
    /// No connection: name, address, port, proxy.
    Connect,
    /// A connection without trust: certificate, protocol version.
    Tls,
    /// Nothing in time.
    Timeout,
    /// The connection broke, or what came is no HTTP.
    Broken,
    /// More than the cap.
    TooLarge,
    /// Our own policy forbids the address.
    Forbidden,
}
