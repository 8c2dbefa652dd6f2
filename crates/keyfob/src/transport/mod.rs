//! The only place with IO towards providers.
//!
//! A transport sends a request's target byte for byte as given (what was signed is what is sent), follows no redirect, keeps no
//! cookie, and trusts nobody but the system's certificate store, or the authorities that it was told of in place of it.

mod body;
mod coding;
mod connect;
mod hyper;
mod progress;
mod tls;
mod within;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub use body::Body;
pub(crate) use coding::beginning;
pub use coding::{packing, unpacked};
use keyfob_proto::{Origin, Outgoing, Transport as TransportError, TransportKind};

pub use self::hyper::{HyperTransport, HyperTransportBuilder};
pub(crate) use self::within::within;

/// What a transport returns: a boxed future, so that `dyn Transport` works.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<http::Response<Body>, TransportError>> + Send + 'a>>;

/// Sends requests. Implement it to bring another HTTP client, if it leaves URLs alone, and says `Connect`, `Tls` or `Forbidden` only of a
/// request that did not leave: a refresh token goes by it.
pub trait Transport: Send + Sync {
    /// Sends a request, and returns when the head of the answer is there.
    fn send(&self, request: http::Request<Body>) -> Sending<'_>;
}

/// Marks a request (among its extensions) whose URL somebody else wrote: in a document, that is, not in our configuration. It may go only to addresses
/// on the open internet, judged by the very address that is connected to: a name whose address changes between a look and the connection has
/// nothing to gain (SSRF, DNS rebinding). What a proxy connects to, the proxy answers for.
///
/// A [`Transport`] of your own has to keep to it, too: see [`keyfob_proto::is_public`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicOnly;

impl PublicOnly {
    /// The mark of a request to a URL that a document of `home` names; none for the document's own host, and among the servers of this machine.
    pub(crate) fn unless_near(home: &Origin, origin: Option<&Origin>) -> Option<Self> {
        let near = origin.is_some_and(|origin| origin.host() == home.host() || (origin.is_loopback() && home.is_loopback()));
        (!near).then_some(Self)
    }

    /// The mark of a request to a URL that a stranger wrote, where we are at `home`; none for what answers at `home` itself, and among the servers of this
    /// machine. Another port of our own host is another server, and may be there for us alone.
    pub(crate) fn unless_at(home: &Origin, origin: Option<&Origin>) -> Option<Self> {
        let at_home = origin.is_some_and(|origin| origin == home || (origin.is_loopback() && home.is_loopback()));
        (!at_home).then_some(Self)
    }
}

/// How long a whole back-channel request may take at most: connecting, head and body.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How long a request may take in all, among its extensions: whoever sent it gives up then, and has to know by then whether it has left.
#[derive(Clone, Copy)]
struct Within(Duration);

/// Sends a request of the protocol core and reads the whole answer, within the deadline and the core's cap.
pub(crate) async fn exchange(
    transport: &dyn Transport,
    request: &Outgoing,
    public_only: Option<PublicOnly>,
    deadline: Duration,
) -> Result<http::Response<Vec<u8>>, TransportError> {
    let origin = request.origin().map(|origin| origin.to_string()).unwrap_or_default();
    let work = async {
        let mut request = request.clone().into_http().map(Body::from);
        request.extensions_mut().insert(Within(deadline));
        if let Some(mark) = public_only {
            request.extensions_mut().insert(mark);
        }
        let (mut parts, body) = transport.send(request).await?.into_parts();
        // One more than the core accepts would be read by nobody.
        let bytes = body.bytes(Outgoing::LARGEST_ANSWER).await?;
        let bytes = coding::undone(&mut parts.headers, bytes, Outgoing::LARGEST_ANSWER);
        Ok(http::Response::from_parts(parts, bytes))
    };
    match within(deadline, work).await {
        Ok(done) => done,
        Err(_) => Err(TransportError::new(TransportKind::Timeout, origin)),
    }
}
