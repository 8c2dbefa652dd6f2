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
    loopback_only: bool,
    proxies: Option<Arc<Matcher>>,
}

impl Connector {
    pub(super) fn new(loopback_only: bool, proxies: bool) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver { inner: GaiResolver::new(), loopback_only });
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(Duration::from_secs(15)));
        tcp.set_nodelay(true);
        Self { tcp, loopback_only, proxies: (proxies && !loopback_only).then(|| Arc::new(Matcher::from_env())) }
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
        if self.loopback_only
            && let Some(address) = literal_address(&destination)
            && !address.is_loopback()
        {
            return Box::pin(std::future::ready(Err(Forbidden.into())));
        }
        let proxy = self.proxy_for(&destination);
        let mut tcp = self.tcp.clone();
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

fn literal_address(uri: &Uri) -> Option<IpAddr> {
    uri.host()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Our own policy: this address is not ours to talk to.
#[derive(Debug)]
pub(super) struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only addresses of this machine are allowed")
    }
}

impl std::error::Error for Forbidden {}

/// The system's resolver, with our policy on what it answers: a name is judged by its addresses, not by its looks.
#[derive(Clone)]
pub(super) struct Resolver {
    inner: GaiResolver,
    loopback_only: bool,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Service::<Name>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        // Under this policy no name leaves the machine either: a look-up is traffic, too.
        if self.loopback_only && !is_localhost(&name) {
            return Box::pin(std::future::ready(Err(io::Error::other(Forbidden))));
        }
        let loopback_only = must_stay_here(&name, self.loopback_only);
        let found = self.inner.call(name);
        Box::pin(async move {
            let addresses: Vec<_> = found.await?.filter(|address| !loopback_only || address.ip().is_loopback()).collect();
            if addresses.is_empty() && loopback_only {
                return Err(io::Error::other(Forbidden));
            }
            Ok(addresses.into_iter())
        })
    }
}

/// Plain http is allowed to `localhost`, so it must be this machine, whatever a hosts file or a name server says (RFC 8252 §8.3).
fn must_stay_here(name: &Name, loopback_only: bool) -> bool {
    loopback_only || is_localhost(name)
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
        self.io.connected().proxy(self.proxied)
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
        let must = |name: &str, loopback_only| must_stay_here(&name.parse().expect("a name"), loopback_only);
        assert!(must("localhost", false) && must("LocalHost", false) && must("api.example", true));
        assert!(!must("api.example", false) && !must("localhost.example", false));
    }
}
