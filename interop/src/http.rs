//! A plain HTTP/1.1 client: one request a connection, the target sent as given, no redirect followed. It plays the browser of
//! a person who only clicks through, and sends what `keyfob-proto` signed byte for byte.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// No answer of a test's server takes longer, or is bigger.
const PATIENCE: Duration = Duration::from_secs(60);
const LARGEST: u64 = 8 << 20;

/// An answer, read to its end.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|problem| panic!("{problem}: {}", self.text()))
    }

    /// Where the answer sends the browser.
    ///
    /// # Panics
    /// If it sends it nowhere.
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_else(|| panic!("no redirect, but {self:?}"))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, self.text())
    }
}

/// Opens a URL, as a browser does.
///
/// # Panics
/// If nobody answers.
pub fn visit(url: &str) -> Answer {
    send("GET", url, &[], b"").unwrap_or_else(|problem| panic!("GET {url}: {problem}"))
}

/// Sends a request as it stands.
///
/// # Errors
/// If nobody answers, or with something that is not HTTP.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
    let (authority, _) = split(url)?;
    send_as(method, url, authority, headers, body)
}

/// The same, under another name than the address says (`Host`).
///
/// # Errors
/// As [`send`].
pub fn send_as(method: &str, url: &str, host: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
    let (authority, target) = split(url)?;
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;

    let mut message = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        message.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || !["GET", "HEAD", "DELETE"].contains(&method) {
        message.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    message.push_str("\r\n");
    let mut bytes = message.into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)?;
    read(stream)
}

/// The first value of a name in a URL's query, decoded.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1.split('#').next()?;
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.into_iter().find(|(key, _)| decode(key) == name).map(|(_, value)| decode(value))
}

/// Percent-decodes form text.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok()).and_then(|two| u8::from_str_radix(two, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3).
pub fn encode(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// `http://host:port/target` in two. Everything a test talks to is on loopback.
fn split(url: &str) -> io::Result<(&str, &str)> {
    let unfit = || io::Error::new(io::ErrorKind::InvalidInput, format!("not a URL on loopback with a port: {url}"));
    let rest = url.strip_prefix("http://").ok_or_else(unfit)?;
    let rest = rest.split('#').next().unwrap_or(rest);
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(at);
    let loopback = ["127.0.0.1:", "localhost:", "[::1]:"].iter().any(|host| authority.starts_with(host));
    if !loopback || target.starts_with('?') {
        return Err(unfit());
    }
    Ok((authority, if target.is_empty() { "/" } else { target }))
}

fn read(stream: TcpStream) -> io::Result<Answer> {
    let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut bytes = Vec::new();
    // A server that keeps the connection open all the same is not waited for beyond what it announced.
    let mut stream = stream.take(LARGEST);
    let mut chunk = [0; 16 << 10];
    loop {
        if let Some(answer) = parse(&bytes)? {
            return Ok(answer);
        }
        match stream.read(&mut chunk)? {
            0 => break,
            n => bytes.extend_from_slice(&chunk[..n]),
        }
    }
    // Neither length nor chunks: the end of the connection is the end of the body.
    let (head, body) = head(&bytes)?.ok_or_else(|| broken("the connection ended before the headers did"))?;
    if head.header("content-length").is_some() || head.header("transfer-encoding").is_some() {
        return Err(broken("the connection ended in the middle of the body"));
    }
    Ok(Answer { body: body.to_vec(), ..head })
}

/// The answer, if all of it has come.
fn parse(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let Some((head, body)) = head(bytes)? else { return Ok(None) };
    if head.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return Ok(unchunk(body).map(|body| Answer { body, ..head }));
    }
    if [204, 304].contains(&head.status) {
        return Ok(Some(head));
    }
    let length = head.header("content-length").and_then(|length| length.parse::<usize>().ok());
    Ok(length.filter(|length| body.len() >= *length).map(|length| Answer { body: body[..length].to_vec(), ..head }))
}

fn head(bytes: &[u8]) -> io::Result<Option<(Answer, &[u8])>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = text.split("\r\n");
    let status =
        lines.next().and_then(|line| line.strip_prefix("HTTP/1.")).and_then(|line| line.get(2..5)).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no status line"))?;
    let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    Ok(Some((Answer { status, headers: headers.collect(), body: Vec::new() }, &bytes[end + 4..])))
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_to_their_end_and_no_further() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(whole).expect("HTTP").expect("whole").text(), "ok");
        assert!(parse(&whole[..whole.len() - 1]).expect("HTTP").is_none());
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3\r\n...\r\n0\r\n\r\n";
        assert_eq!(parse(chunks).expect("HTTP").expect("whole").text(), "ok...");
        assert!(parse(b"SSH-2.0\r\n\r\n").is_err());
    }

    #[test]
    fn urls_off_loopback_are_refused() {
        assert_eq!(split("http://127.0.0.1:8/a?b#c").expect("a URL"), ("127.0.0.1:8", "/a?b"));
        for bad in ["http://example.com:80/", "https://127.0.0.1:8/", "http://127.0.0.1.example:8/", "http://127.0.0.1:8?x"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(parameter("http://a/?x=1&state=a%20b+c%26#y", "state").as_deref(), Some("a b c&"));
        assert_eq!(parameter("http://a/?x=1", "state"), None);
        assert_eq!(decode(&encode("ü &=+~/")), "ü &=+~/");
    }
}
