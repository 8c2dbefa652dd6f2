//! Connecting: by name or address, straight or through a proxy, and only where we may.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Tcp = HttpConnector<Resolver>;

/// Connects over TCP.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: Tcp,
    /// The operator chose the proxy, wherever it is.
    to_proxy: Tcp,
    allowed: Allowed,
    proxies: Option<Arc<Matcher>>,
}

impl Connector {
    pub(super) fn new(loopback_only: bool, public_only: bool, proxies: bool) -> Self {
        let allowed = Allowed::by(loopback_only, public_only);
        let tcp = |allowed| {
            let mut tcp = HttpConnector::new_with_resolver(Resolver { inner: GaiResolver::new(), allowed });
            tcp.enforce_http(false);
            tcp.set_connect_timeout(Some(Duration::from_secs(15)));
            tcp.set_nodelay(true);
            tcp
        };
        let to_proxy = tcp(Allowed::by(loopback_only, false));
        Self { tcp: tcp(allowed), to_proxy, allowed, proxies: (proxies && !loopback_only).then(|| Arc::new(Matcher::from_env())) }
    }

    /// The proxy for a destination. This machine is never reached through one.
    fn proxy_for(&self, destination: &Uri) -> Option<Intercept> {
        let loopback = keyfob_proto::Origin::of(destination).is_some_and(|origin| origin.is_loopback());
        self.proxies.as_ref().filter(|_| !loopback)?.intercept(destination)
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        if let Some(address) = literal_address(&destination)
            && !self.allowed.takes(address)
        {
            return Box::pin(std::future::ready(Err(Forbidden.into())));
        }
        let proxy = self.proxy_for(&destination);
        let mut tcp = if proxy.is_some() { self.to_proxy.clone() } else { self.tcp.clone() };
        Box::pin(async move {
            let Some(proxy) = proxy else {
                return Ok(Stream { io: tcp.call(destination).await?, proxied: false });
            };
            let https = destination.scheme_str() == Some("https");
            match proxy.uri().scheme_str() {
                Some("socks5" | "socks5h") => {
                    let mut socks = SocksV5::new(proxy.uri().clone(), tcp);
                    if let Some((user, password)) = proxy.raw_auth() {
                        socks = socks.with_auth(user.to_owned(), password.to_owned());
                    }
                    Ok(Stream { io: socks.call(destination).await?, proxied: false })
                }
                Some("http") if https => {
                    let mut tunnel = Tunnel::new(proxy.uri().clone(), tcp);
                    if let Some(credentials) = proxy.basic_auth() {
                        tunnel = tunnel.with_auth(credentials.clone());
                    }
                    Ok(Stream { io: tunnel.call(destination).await?, proxied: false })
                }
                Some("http") => Ok(Stream { io: tcp.call(proxy.uri().clone()).await?, proxied: true }),
                other => {
                    let scheme = other.unwrap_or("no");
                    Err(format!("expected an http or socks5 proxy in the environment, but found one with {scheme} scheme").into())
                }
            }
        })
    }
}

/// How long it may take until a connection is there: the name's addresses, TCP, a proxy, TLS. Less than a request has in all, so that whoever waits for one that
/// never left hears of that, and not of an answer that did not come: a token that is good for one use is not taken for lost then.
pub(super) const CONNECTING: Duration = Duration::from_secs(20);

tokio::task_local! {
    /// How long whoever connects waits for all of it: the answer, too.
    static WAITED: Duration;
}

/// Whoever is connected for in this work waits no longer than that.
pub(super) fn waited_for<F: Future>(time: Duration, work: F) -> impl Future<Output = F::Output> {
    WAITED.scope(time, work)
}

/// The time for a connection: as long as usual, and less than is waited for.
fn connecting_time() -> Duration {
    let most = WAITED.try_with(|time| (*time / 10).saturating_mul(9)).unwrap_or(CONNECTING);
    CONNECTING.min(most)
}

/// Connects within [`CONNECTING`], and within the time of whoever waits, or fails to.
#[derive(Clone)]
pub(super) struct InTime<C>(pub(super) C);

impl<C> Service<Uri> for InTime<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Response: Send + 'static,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let (connecting, time) = (self.0.call(destination), connecting_time());
        Box::pin(async move {
            match tokio::time::timeout(time, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("no connection in {} s", time.as_secs_f32())).into()),
            }
        })
    }
}

fn literal_address(uri: &Uri) -> Option<IpAddr> {
    uri.host()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Our own policy: this address is not ours to talk to.
#[derive(Debug)]
pub(super) struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this address is not allowed here")
    }
}

impl std::error::Error for Forbidden {}

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    Any,
    /// Tests, and `localhost` always.
    Loopback,
    /// URLs that others wrote (F4).
    Public,
    /// Both: none.
    Nothing,
}

impl Allowed {
    fn by(loopback_only: bool, public_only: bool) -> Self {
        match (loopback_only, public_only) {
            (false, false) => Self::Any,
            (true, false) => Self::Loopback,
            (false, true) => Self::Public,
            (true, true) => Self::Nothing,
        }
    }

    /// Plain http is allowed to `localhost`, so it must be this machine, whatever a hosts file or a name server says (RFC 8252 §8.3).
    fn for_name(self, name: &Name) -> Self {
        match self {
            Self::Any if is_localhost(name) => Self::Loopback,
            Self::Public if is_localhost(name) => Self::Nothing,
            other => other,
        }
    }

    fn takes(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Loopback => address.is_loopback(),
            Self::Public => keyfob_proto::is_public(address),
            Self::Nothing => false,
        }
    }
}

/// The system's resolver, with our policy on what it answers: a name is judged by its addresses, not by its looks. What it gives is what is connected
/// to, so there is nothing between the look and the connection that could change.
#[derive(Clone)]
pub(super) struct Resolver<R = GaiResolver> {
    inner: R,
    allowed: Allowed,
}

impl<R> Service<Name> for Resolver<R>
where
    R: Service<Name, Error = io::Error>,
    R::Response: Iterator<Item = SocketAddr>,
    R::Future: Send + 'static,
{
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        // Where only this machine may be reached no name leaves it either: a look-up is traffic, too.
        let stays = matches!(self.allowed, Allowed::Loopback | Allowed::Nothing);
        let allowed = self.allowed.for_name(&name);
        if (stays && !is_localhost(&name)) || allowed == Allowed::Nothing {
            return Box::pin(std::future::ready(Err(io::Error::other(Forbidden))));
        }
        let found = self.inner.call(name);
        Box::pin(async move {
            let addresses: Vec<_> = found.await?.filter(|address| allowed.takes(address.ip())).collect();
            if addresses.is_empty() && allowed != Allowed::Any {
                return Err(io::Error::other(Forbidden));
            }
            Ok(addresses.into_iter())
        })
    }
}

fn is_localhost(name: &Name) -> bool {
    name.as_str().eq_ignore_ascii_case("localhost")
}

/// A TCP connection that knows whether a proxy is at its end.
pub(super) struct Stream {
    io: TokioIo<TcpStream>,
    proxied: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        // Without the addresses of its ends, which nobody asks for, and which hyper would copy into every answer.
        Connected::new().proxy(self.proxied)
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i6_localhost_is_this_machine_under_any_policy() {
        let of = |name: &str, allowed: Allowed| allowed.for_name(&name.parse().expect("a name"));
        assert_eq!((of("localhost", Allowed::Any), of("LocalHost", Allowed::Any)), (Allowed::Loopback, Allowed::Loopback));
        assert_eq!((of("api.example", Allowed::Loopback), of("localhost", Allowed::Public)), (Allowed::Loopback, Allowed::Nothing));
        assert_eq!((of("api.example", Allowed::Any), of("localhost.example", Allowed::Any)), (Allowed::Any, Allowed::Any));
    }

    /// A name service whose answer changes with every question.
    #[derive(Clone)]
    struct Changing(Arc<std::sync::Mutex<std::collections::VecDeque<Vec<SocketAddr>>>>);

    impl Service<Name> for Changing {
        type Response = std::vec::IntoIter<SocketAddr>;
        type Error = io::Error;
        type Future = std::future::Ready<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            let next = self.0.lock().expect("no panic under the lock").pop_front();
            std::future::ready(Ok(next.unwrap_or_default().into_iter()))
        }
    }

    fn changing(answers: &[&[&str]]) -> Changing {
        let addresses = |answer: &&[&str]| answer.iter().map(|text| SocketAddr::new(text.parse().expect("an address"), 443)).collect();
        Changing(Arc::new(std::sync::Mutex::new(answers.iter().map(addresses).collect())))
    }

    #[tokio::test]
    async fn f4_what_is_connected_to_is_what_is_checked() {
        let inner = changing(&[&["93.184.216.34"], &["127.0.0.1"], &["169.254.169.254", "93.184.216.34"], &["::ffff:10.0.0.1"], &[]]);
        let mut resolver = Resolver { inner, allowed: Allowed::Public };
        let mut ask = || resolver.call("rebind.test".parse().expect("a name"));
        let public: SocketAddr = "93.184.216.34:443".parse().expect("an address");
        assert_eq!(ask().await.expect("public").collect::<Vec<_>>(), [public]);
        assert!(ask().await.is_err(), "the second answer is judged as the first was");
        assert_eq!(ask().await.expect("one of them is").collect::<Vec<_>>(), [public], "and the private one is not tried");
        assert!(ask().await.is_err() && ask().await.is_err());
    }

    /// A name service that hangs.
    #[derive(Clone)]
    struct Hanging;

    impl Service<Name> for Hanging {
        type Response = std::vec::IntoIter<SocketAddr>;
        type Error = io::Error;
        type Future = std::future::Pending<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            std::future::pending()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d12_a_name_service_that_hangs_is_no_connection() {
        let mut tcp = InTime(HttpConnector::new_with_resolver(Resolver { inner: Hanging, allowed: Allowed::Any }));
        let begun = tokio::time::Instant::now();
        let connecting = tokio::time::timeout(Duration::from_secs(120), tcp.call("http://provider.test/".parse().expect("a URL")));
        let failed = connecting.await.expect("it ends before whoever waits gives up");
        assert!(failed.is_err() && begun.elapsed() < crate::transport::DEADLINE);
    }

    #[tokio::test]
    async fn f4_no_connection_is_made_to_an_address_that_is_not_public() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let connect = async |name: &str, allowed| {
            let mut tcp = HttpConnector::new_with_resolver(Resolver { inner: changing(&[&["127.0.0.1"]]), allowed });
            tcp.call(format!("http://{name}:{port}/").parse().expect("a URL")).await
        };
        for name in ["rebind.test", "127.0.0.1.nip.io", "localtest.me"] {
            assert!(connect(name, Allowed::Any).await.is_ok(), "it listens");
            assert!(connect(name, Allowed::Public).await.is_err(), "{name}");
        }
        let mut connector = Connector::new(false, true, false);
        assert!(connector.call(format!("http://127.0.0.1:{port}/").parse().expect("a URL")).await.is_err(), "an address as it is written");
    }
}
