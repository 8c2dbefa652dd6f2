//! The transport in use: hyper and hyper-util (pool, proxies, HTTP/2) over rustls.

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderValue, Method};
use http_body::Body as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use keyfob_proto::{Secret, Transport as TransportError, TransportKind};
use rustls::ClientConfig;

use super::body::shown;
use super::connect::{Connector, Forbidden, InTime, waited_for};
use super::progress::Progress;
use super::tls::Tls;
use super::within::within;
use super::{Body, PublicOnly, Sending, Transport, Within};

/// The largest head of an answer: headers without end must not fill the memory. (Of headers hyper takes 100, if nothing is said.)
const LARGEST_HEAD: usize = 64 * 1024;

/// The transport in use: hyper over rustls, with a connection pool and the environment's proxies.
///
/// A request without a `User-Agent` gets [ours](Self::USER_AGENT).
///
/// Nothing is made before the first request that needs it. What the system trusts takes longer to read than the rest of a short command does, and `http` on
/// this machine does without; a token that is good for now needs no client at all.
#[derive(Clone)]
pub struct HyperTransport {
    /// For `http`: trusts nobody, so that nothing speaks TLS through it.
    open: Arc<OnceLock<Clients>>,
    /// For everything else.
    trusting: Arc<OnceLock<Clients>>,
    settings: Arc<HyperTransportBuilder>,
}

/// The same client twice.
#[derive(Clone)]
struct Clients {
    usual: Client<InTime<HttpsConnector<Connector>>, Body>,
    /// For [`PublicOnly`]: connections of its own, since one to a private address must not be found in the pool.
    public_only: Client<InTime<HttpsConnector<Connector>>, Body>,
}

/// Settings of a [`HyperTransport`].
#[derive(Clone, Debug)]
pub struct HyperTransportBuilder {
    loopback_only: bool,
    head_deadline: Duration,
    proxies: bool,
    tls: Tls,
}

impl HyperTransport {
    /// Who asks (RFC 9110 §10.1.5), where the request does not say: some servers refuse those that do not tell, whatever they ask for.
    pub const USER_AGENT: &str = concat!("keyfob/", env!("CARGO_PKG_VERSION"));

    /// A transport with the usual settings.
    ///
    /// # Errors
    ///
    /// As [`build`](HyperTransportBuilder::build).
    pub fn new() -> io::Result<Self> {
        Self::builder().build()
    }

    /// Settings to change before.
    pub fn builder() -> HyperTransportBuilder {
        HyperTransportBuilder { loopback_only: false, head_deadline: Duration::from_secs(120), proxies: true, tls: Tls::default() }
    }

    /// Reads now what the system trusts, so that a server that starts says at once if there is nothing.
    ///
    /// # Errors
    ///
    /// Where it trusts nobody, or its store cannot be read.
    pub fn read_certificates(&self) -> io::Result<()> {
        self.trusting().map(drop)
    }

    fn trusting(&self) -> io::Result<&Clients> {
        self.made(&self.trusting, || self.settings.tls.config())
    }

    fn open(&self) -> io::Result<&Clients> {
        self.made(&self.open, Tls::trusting_nobody)
    }

    fn made<'a>(&self, place: &'a OnceLock<Clients>, tls: impl FnOnce() -> io::Result<ClientConfig>) -> io::Result<&'a Clients> {
        if let Some(clients) = place.get() {
            return Ok(clients);
        }
        // Whoever comes at the same time may make them, too; the first one's clients are everybody's, and with them the pool.
        let clients = self.settings.clients(&tls()?);
        Ok(place.get_or_init(|| clients))
    }
}

impl HyperTransportBuilder {
    /// Refuses every address that is not this machine's. Tests run like that.
    #[must_use]
    pub fn loopback_only(mut self, yes: bool) -> Self {
        self.loopback_only = yes;
        self
    }

    /// How long the head of an answer may take; 120 s, since a lock that is asked over its bridge may need 90. For a long body that streams it counts
    /// from the last piece that was taken.
    #[must_use]
    pub fn head_deadline(mut self, deadline: Duration) -> Self {
        self.head_deadline = deadline;
        self
    }

    /// Whether `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` count; they do.
    #[must_use]
    pub fn proxies(mut self, yes: bool) -> Self {
        self.proxies = yes;
        self
    }

    /// Shows this certificate to servers that ask who we are (mutual TLS, RFC 8705): with [`ClientAuth::Tls`](keyfob_proto::oauth2::ClientAuth::Tls) it
    /// is how the app says who it is, and its tokens are bound to it, where the server does that. Both are PEM: the certificate, with those that lead
    /// to its authority after it, and its private key. Every server that asks is shown it, so this is a transport for one app.
    ///
    /// ```
    /// # use keyfob::{HyperTransport, proto::Secret};
    /// # fn example(chain: &str, key: Secret) -> std::io::Result<()> {
    /// let transport = HyperTransport::builder().client_certificate(chain, key).build()?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn client_certificate(mut self, chain: impl Into<String>, key: Secret) -> Self {
        self.tls.shown = Some((chain.into(), key));
        self
    }

    /// Trusts the servers of these authorities (certificates in PEM) in place of those that the system trusts: for an authority of one's own, which
    /// then nobody else can stand in for.
    #[must_use]
    pub fn authorities(mut self, certificates: impl Into<String>) -> Self {
        self.tls.authorities = Some(certificates.into());
        self
    }

    /// The transport. Fails for certificates and keys that are none, or do not belong together. Whether the system has a certificate store is seen with the
    /// first request that needs it, or by [`HyperTransport::read_certificates`].
    ///
    /// # Errors
    ///
    /// As said.
    pub fn build(self) -> io::Result<HyperTransport> {
        let transport = HyperTransport { open: Arc::default(), trusting: Arc::default(), settings: Arc::new(self) };
        if transport.settings.tls.is_given() {
            transport.read_certificates()?;
        }
        Ok(transport)
    }

    fn clients(&self, tls: &ClientConfig) -> Clients {
        let client = |public_only| {
            let connector = Connector::new(self.loopback_only, public_only, self.proxies);
            let https = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http();
            client(InTime(https.enable_http1().enable_http2().wrap_connector(connector)))
        };
        Clients { usual: client(false), public_only: client(true) }
    }
}

fn client(https: InTime<HttpsConnector<Connector>>) -> Client<InTime<HttpsConnector<Connector>>, Body> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(60))
        // A request that was still whole when its connection turned out closed goes out on another one: hyper gives it back only where no byte of it was
        // written, so what is good for one use (a code, a token that rotates) is not sent twice behind our back.
        .retry_canceled_requests(true)
        .http1_max_buf_size(LARGEST_HEAD)
        .http2_max_header_list_size(LARGEST_HEAD as u32)
        .build(https)
}

impl Transport for HyperTransport {
    fn send(&self, mut request: http::Request<Body>) -> Sending<'_> {
        request.headers_mut().entry(USER_AGENT).or_insert(HeaderValue::from_static(Self::USER_AGENT));
        // RFC 9110 §8.6: a method that usually has a body says that it has none. Some servers answer 411 to one that does not.
        if matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH) && request.body().size_hint().exact() == Some(0) {
            request.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
        }
        Box::pin(async move {
            let there = request.uri().clone();
            let clients = if request.uri().scheme() == Some(&Scheme::HTTP) { self.open() } else { self.trusting() };
            let clients = clients.map_err(|error| TransportError::new(TransportKind::Tls, shown(&there)).caused_by(error))?;
            let client = if request.extensions().get::<PublicOnly>().is_some() { &clients.public_only } else { &clients.usual };
            let head_deadline = self.settings.head_deadline;
            let waited = request.extensions().get::<Within>().map_or(head_deadline, |Within(time)| head_deadline.min(*time));
            let (request, progress) = Progress::of(request);
            let mut answer = std::pin::pin!(waited_for(waited, client.request(request)));
            loop {
                match within(head_deadline, &mut answer).await {
                    // A server may answer when it has everything: while a long body moves, nobody is silent.
                    Err(_) if progress.made() => {}
                    Err(_) => return Err(TransportError::new(TransportKind::Timeout, shown(&there))),
                    Ok(Err(error)) => return Err(TransportError::new(kind_of(&error), shown(&there)).caused_by(error)),
                    Ok(Ok(answer)) => return Ok(answer.map(|body| Body::stream(body).received_from(there))),
                }
            }
        })
    }
}

impl std::fmt::Debug for HyperTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HyperTransport")
    }
}

/// Whoever spends a token for a request counts on it: `Connect`, `Tls` and `Forbidden` mean that the request did not leave.
fn kind_of(error: &hyper_util::client::legacy::Error) -> TransportKind {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(found) = cause {
        if found.is::<Forbidden>() {
            return TransportKind::Forbidden;
        }
        if found.is::<rustls::Error>() && error.is_connect() {
            return TransportKind::Tls;
        }
        // An I/O error shows as its source what lies *below* the error that it wraps; and hyper-rustls wraps twice.
        cause = match found.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => found.source(),
        };
    }
    if error.is_connect() { TransportKind::Connect } else { TransportKind::Broken }
}
