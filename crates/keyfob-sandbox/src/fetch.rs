//! What a pretend server fetches while somebody waits for its answer: a request object at an app's `request_uri`, the page about an app
//! at its client id. From this machine alone, as [`Post`](crate::post::Post) has it.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use url::Url;

use crate::post::Post;
use crate::tls::{Authority, provider};

/// Nobody is waited for longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// No request object is longer.
const LONGEST: u64 = 64 * 1024;

/// The same by TLS, from who has a certificate by this authority.
pub(crate) fn fetch_secure(url: &str, authority: &Authority) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "https")?;
    let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().ok()?;
    let config = versions.with_root_certificates(authority.roots().ok()?).with_no_client_auth();
    let name = ServerName::try_from(url.host_str()?.trim_matches(['[', ']']).to_owned()).ok()?;
    let connection = ClientConnection::new(Arc::new(config), name).ok()?;
    ask(&url, |stream| StreamOwned::new(connection, stream))
}

/// The body of a successful answer. It blocks, as answers are plain functions: whoever serves the object does it on a thread of its own.
pub(crate) fn fetch(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| Post::allows(url.as_str()))?;
    ask(&url, |stream| stream)
}

fn ask<S: Read + Write>(url: &Url, over: impl FnOnce(TcpStream) -> S) -> Option<String> {
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let address = (host.trim_matches(['[', ']']), port).to_socket_addrs().ok()?.find(|address| address.ip().is_loopback())?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut stream = over(stream);
    // 1.0: an answer ends with its connection.
    stream.write_all(format!("GET {target} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    Read::take(stream, LONGEST).read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).is_some_and(|status| status == "200").then(|| body.trim().to_owned())
}
