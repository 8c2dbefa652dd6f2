//! What a pretend server fetches while somebody waits for its answer: a request object at an app's `request_uri`. From this machine alone, as
//! [`Post`](crate::post::Post) has it.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use url::Url;

use crate::post::Post;

/// Nobody is waited for longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// No request object is longer.
const LONGEST: u64 = 64 * 1024;

/// The body of a successful answer. It blocks, as answers are plain functions: whoever serves the object does it on a thread of its own.
pub(crate) fn fetch(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| Post::allows(url.as_str()))?;
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let address = (host.trim_matches(['[', ']']), port).to_socket_addrs().ok()?.find(|address| address.ip().is_loopback())?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    // 1.0: an answer ends with its connection.
    stream.write_all(format!("GET {target} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).is_some_and(|status| status == "200").then(|| body.trim().to_owned())
}
