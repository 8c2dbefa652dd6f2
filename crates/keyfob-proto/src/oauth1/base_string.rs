//! The signature base string (RFC 5849 §3.4.1): method, URI and parameters in the one spelling both sides can agree on.

use std::ops::Range;

use crate::encode;
use crate::error::Misuse;
use crate::message::Body;

/// The signature base string (RFC 5849 §3.4.1.1) of a request: `url` as it is sent, with its query; the parameters of a form
/// body; and the protocol parameters, decoded, wherever they travel. `oauth_signature` is left out, as the RFC has it; `realm`
/// must not be among them.
///
/// For those who place the parameters themselves, and for finding out why a server refuses a signature;
/// [`Client::sign`](super::Client::sign) does all of it. The URL need not be one that the `http` crate can read: servers are sent others.
///
/// # Errors
///
/// `Misuse` if the URL has no `http` or `https` scheme, no host, or a port that is no port number.
///
/// ```
/// use keyfob_proto::oauth1::{self, Body, SignatureMethod};
///
/// // RFC 5849 §1.2, the request for the photo.
/// let protocol = [
///     ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
///     ("oauth_token", "nnch734d00sl2jdk"),
///     ("oauth_signature_method", "HMAC-SHA1"),
///     ("oauth_timestamp", "137131202"),
///     ("oauth_nonce", "chapoH"),
/// ];
/// let url = "http://photos.example.net/photos?file=vacation.jpg&size=original";
/// let base_string = oauth1::base_string("GET", url, Body::Opaque, &protocol)?;
/// let signature = oauth1::signature(SignatureMethod::HmacSha1, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00", &base_string);
/// assert_eq!(signature, "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
pub fn base_string(method: &str, url: &str, body: Body<'_>, protocol: &[(&str, &str)]) -> Result<String, Misuse> {
    let target =
        Target::split_url(url).filter(Target::is_web).ok_or_else(|| Misuse::new("an absolute http or https URL", "another text"))?;
    let mut parameters = Parameters::default();
    parameters.add_raw(target.query.unwrap_or("").as_bytes());
    if let Body::Form(bytes) = body {
        parameters.add_raw(bytes);
    }
    for (name, value) in protocol.iter().filter(|(name, _)| *name != "oauth_signature") {
        parameters.add(name, value);
    }
    Ok(compose(method, target, &mut parameters))
}

/// The parts of a request's URL that are signed, as they are sent. Nothing is re-encoded: `/a%2Fb`, `;` and `'` stay what they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) scheme: &'a str,
    /// `host[:port]`.
    pub(crate) authority: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
}

impl<'a> Target<'a> {
    pub(crate) fn of(uri: &'a http::Uri) -> Option<Self> {
        Some(Self { scheme: uri.scheme_str()?, authority: uri.authority()?.as_str(), path: uri.path(), query: uri.query() })
    }

    /// Splits an absolute URL, or an origin and a raw request target, without changing a byte.
    pub(crate) fn split(origin: &'a str, target: &'a str) -> Option<Self> {
        let (scheme, authority) = origin.split_once("://")?;
        let target = target.split('#').next().unwrap_or("");
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        Some(Self { scheme, authority, path, query })
    }

    pub(crate) fn split_url(url: &'a str) -> Option<Self> {
        let scheme = url.find("://")?;
        let rest = &url[scheme + 3..];
        let end = rest.find(['/', '?', '#']).map_or(url.len(), |at| scheme + 3 + at);
        Self::split(&url[..end], &url[end..])
    }

    /// Whether this is a place a request can go to: `http` or `https`, a host, and a port that is one, if any.
    fn is_web(&self) -> bool {
        let (host, port) = match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (self.authority, ""),
        };
        let scheme = ["http", "https"].iter().any(|scheme| self.scheme.eq_ignore_ascii_case(scheme));
        let port = port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
        scheme && port && !host.is_empty() && (host.starts_with('[') || !host.contains(':'))
    }

    /// The base string URI (§3.4.1.2): scheme and host in lower case, default port left out, path as it is, no query.
    pub(crate) fn base_uri(&self) -> String {
        let scheme = self.scheme.to_ascii_lowercase();
        let mut authority = self.authority.to_ascii_lowercase();
        let default = match scheme.as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => "",
        };
        // `[::1]:80` ends with its port; `[::80]` does not. An empty port (`host:`) is the default one (RFC 3986 §3.2.3).
        for port in [default, ":"] {
            if !port.is_empty() && authority.ends_with(port) && !authority[..authority.len() - port.len()].ends_with(':') {
                authority.truncate(authority.len() - port.len());
                break;
            }
        }
        let path = if self.path.is_empty() { "/" } else { self.path };
        format!("{scheme}://{authority}{path}")
    }
}

/// The parameters of a request (§3.4.1.3), in one buffer: every name and value already percent-encoded.
#[derive(Default)]
pub(crate) struct Parameters {
    buffer: Vec<u8>,
    pairs: Vec<(Range<usize>, Range<usize>)>,
}

impl Parameters {
    /// Adds the parameters of a raw query or form body.
    pub(crate) fn add_raw(&mut self, text: &[u8]) {
        for (name, value) in encode::raw_pairs(text) {
            let (name, value) = (self.recode(name), self.recode(value));
            self.pairs.push((name, value));
        }
    }

    /// Adds a parameter given as text.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let (name, value) = (self.put(name.as_bytes()), self.put(value.as_bytes()));
        self.pairs.push((name, value));
    }

    /// Name and value pairs, percent-encoded once, in the order of §3.4.1.3.2: by encoded name, then by encoded value.
    pub(crate) fn sorted(&mut self) -> impl Iterator<Item = (&str, &str)> {
        let buffer = &self.buffer;
        self.pairs.sort_unstable_by(|a, b| (&buffer[a.0.clone()], &buffer[a.1.clone()]).cmp(&(&buffer[b.0.clone()], &buffer[b.1.clone()])));
        let text = |range: &Range<usize>| std::str::from_utf8(&buffer[range.clone()]).expect("percent-encoding writes ASCII only");
        self.pairs.iter().map(move |(name, value)| (text(name), text(value)))
    }

    /// The normalised parameters (§3.4.1.3.2).
    pub(crate) fn normalised(&mut self) -> String {
        let mut out = String::with_capacity(self.buffer.len() + self.pairs.len() * 2);
        for (name, value) in self.sorted() {
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(name);
            out.push('=');
            out.push_str(value);
        }
        out
    }

    /// Decodes one raw piece and encodes it the OAuth way, straight into the buffer. Text that needs neither is copied.
    fn recode(&mut self, raw: &[u8]) -> Range<usize> {
        if raw.iter().any(|byte| matches!(byte, b'%' | b'+')) { self.put(&encode::decode(raw)) } else { self.put(raw) }
    }

    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.buffer.len();
        encode::percent_into(bytes, &mut self.buffer);
        start..self.buffer.len()
    }
}

/// The base string (§3.4.1.1) from its three parts.
pub(crate) fn compose(method: &str, target: Target<'_>, parameters: &mut Parameters) -> String {
    let mut out = Vec::with_capacity(256 + parameters.buffer.len() * 3 / 2);
    encode::percent_into(method.to_ascii_uppercase().as_bytes(), &mut out);
    out.push(b'&');
    encode::percent_into(target.base_uri().as_bytes(), &mut out);
    out.push(b'&');
    let mut first = true;
    for (name, value) in parameters.sorted() {
        if !std::mem::take(&mut first) {
            out.extend_from_slice(b"%26");
        }
        encode::percent_into(name.as_bytes(), &mut out);
        out.extend_from_slice(b"%3D");
        encode::percent_into(value.as_bytes(), &mut out);
    }
    encode::ascii(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 5849 §3.4.1.2, its own two examples.
    #[test]
    fn rfc5849_base_uri_examples() {
        let base = |url| Target::split_url(url).expect("absolute").base_uri();
        assert_eq!(base("http://EXAMPLE.COM:80/r%20v/X?id=123"), "http://example.com/r%20v/X");
        assert_eq!(base("https://www.example.net:8080/?q=1"), "https://www.example.net:8080/");
        assert_eq!(base("https://[::1]:443"), "https://[::1]/");
        assert_eq!(base("http://a.example:/"), "http://a.example/");
        assert_eq!(base("http://[::80]/"), "http://[::80]/");
        assert_eq!(base("https://a.example:80/x;y/'/%2F/%2e%2e"), "https://a.example:80/x;y/'/%2F/%2e%2e");
    }

    /// RFC 5849 §3.4.1.3.1–2: the example with repeated names, empty values and two spellings of a space.
    #[test]
    fn rfc5849_parameters_example() {
        let mut parameters = Parameters::default();
        parameters.add_raw(b"b5=%3D%253D&a3=a&c%40=&a2=r%20b");
        for (name, value) in [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ] {
            parameters.add(name, value);
        }
        parameters.add_raw(b"c2&a3=2+q");
        assert_eq!(
            parameters.normalised(),
            "a2=r%20b&a3=2%20q&a3=a&b5=%3D%253D&c%40=&c2=&oauth_consumer_key=9djdj82h48djs9d2&oauth_nonce=7d8f3e4a\
             &oauth_signature_method=HMAC-SHA1&oauth_timestamp=137131201&oauth_token=kkk9d7dh3k39sjv7"
        );
        let target = Target::split_url("http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b").expect("absolute");
        assert_eq!(
            compose("post", target, &mut parameters),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D\
             %26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1\
             %26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    proptest! {
        #[test]
        fn normalisation_is_order_independent(mut pairs in prop::collection::vec((".{0,6}", ".{0,6}"), 0..12), by in any::<usize>()) {
            let normalise = |pairs: &[(String, String)]| {
                let mut parameters = Parameters::default();
                for (name, value) in pairs {
                    parameters.add(name, value);
                }
                parameters.normalised()
            };
            let before = normalise(&pairs);
            if !pairs.is_empty() {
                let by = by % pairs.len();
                pairs.rotate_left(by);
            }
            pairs.reverse();
            prop_assert_eq!(before, normalise(&pairs));
        }

        #[test]
        fn raw_and_decoded_parameters_agree(pairs in prop::collection::vec((".{1,6}", ".{0,6}"), 0..8)) {
            let raw = encode::form_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let (mut from_raw, mut from_text) = (Parameters::default(), Parameters::default());
            from_raw.add_raw(raw.as_bytes());
            for (name, value) in &pairs {
                from_text.add(name, value);
            }
            prop_assert_eq!(from_raw.normalised(), from_text.normalised());
        }

        #[test]
        fn garbage_never_panics(url: String, body: Vec<u8>) {
            let _ = base_string(&url, &url, Body::Form(&body), &[(&url, &url)]);
            let _ = base_string("GET", &format!("http://{url}"), Body::Form(&body), &[]);
            if let Some(target) = Target::split_url(&url) {
                let mut parameters = Parameters::default();
                parameters.add_raw(target.query.unwrap_or("").as_bytes());
                parameters.add_raw(&body);
                let _ = compose("GET", target, &mut parameters);
            }
        }
    }
}
