//! The signature base string (RFC 5849 §3.4.1): method, URI and parameters in the one spelling both sides can agree on.

use super::find::find;
use super::parameters::Parameters;
use super::sign::no_web;
use crate::arena::Arena;
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
/// `Misuse` if the URL has no `http` or `https` scheme, no host, or a port that is no port number; and if there is user information in it: what is signed
/// is the `Host` header's value (§3.4.1.2), which has none, so that no server would find the same.
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
/// let signature = oauth1::signature(SignatureMethod::HmacSha1, "kd94hf93k423kf44", "pfkkdhi9sl3r4s00", &base_string)?;
/// assert_eq!(signature, "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
/// # Ok::<(), keyfob_proto::Misuse>(())
/// ```
pub fn base_string(method: &str, url: &str, body: Body<'_>, protocol: &[(&str, &str)]) -> Result<String, Misuse> {
    let target = Target::split_url(url).filter(|target| target.is_web() && !target.has_user()).ok_or_else(no_web)?;
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
    /// Whether the authority is a host's name and nothing else, as most are.
    is_name: bool,
}

impl<'a> Target<'a> {
    pub(crate) fn of(uri: &'a http::Uri) -> Option<Self> {
        Some(Self::new(uri.scheme_str()?, uri.authority()?.as_str(), uri.path(), uri.query()))
    }

    /// Splits an absolute URL, or an origin and a raw request target, without changing a byte.
    pub(crate) fn split(origin: &'a str, target: &'a str) -> Option<Self> {
        let (scheme, authority) = origin.split_once("://")?;
        Some(Self::at(scheme, authority, target))
    }

    pub(crate) fn split_url(url: &'a str) -> Option<Self> {
        let (scheme, rest) = match url.strip_prefix("https://") {
            Some(rest) => (&url[.."https".len()], rest),
            None => url.split_once("://").filter(|(scheme, _)| !scheme.contains(':'))?,
        };
        let end = find(rest.as_bytes(), *b"/?#");
        Some(Self::at(scheme, &rest[..end], &rest[end..]))
    }

    fn at(scheme: &'a str, authority: &'a str, target: &'a str) -> Self {
        let (path, rest) = target.split_at(find(target.as_bytes(), *b"?#"));
        let query = rest.strip_prefix('?').map(|query| &query[..find(query.as_bytes(), *b"#")]);
        Self::new(scheme, authority, path, query)
    }

    fn new(scheme: &'a str, authority: &'a str, path: &'a str, query: Option<&'a str>) -> Self {
        let is_name = !authority.is_empty() && find(authority.as_bytes(), *b":@[") == authority.len();
        Self { scheme, authority, path, query, is_name }
    }

    /// Whether this is a place a request can go to: `http` or `https`, a host, and a port that is one, if any.
    pub(crate) fn is_web(&self) -> bool {
        self.default_port().is_some() && (self.is_name || self.has_fit_port())
    }

    /// Whether there is user information in it, which a request does not carry there.
    pub(crate) fn has_user(&self) -> bool {
        !self.is_name && self.authority.contains('@')
    }

    fn has_fit_port(&self) -> bool {
        let (host, port) = match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (self.authority, ""),
        };
        let port = port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
        port && !host.is_empty() && (host.starts_with('[') || !host.contains(':'))
    }

    /// The default port of `http` and `https`.
    fn default_port(&self) -> Option<&'static str> {
        match self.scheme {
            "https" => Some(":443"),
            "http" => Some(":80"),
            scheme if scheme.eq_ignore_ascii_case("https") => Some(":443"),
            scheme if scheme.eq_ignore_ascii_case("http") => Some(":80"),
            _ => None,
        }
    }

    /// The base string URI (§3.4.1.2), percent-encoded: scheme and host in lower case, default port left out, path as it is, no query.
    fn write_base_uri(&self, out: &mut Arena) {
        let mut authority = self.authority;
        if !self.is_name {
            // `[::1]:80` ends with its port; `[::80]` does not. An empty port (`host:`) is the default one (RFC 3986 §3.2.3).
            for port in [self.default_port().unwrap_or(":"), ":"] {
                if let Some(host) = authority.strip_suffix(port).filter(|host| !host.ends_with(':')) {
                    authority = host;
                    break;
                }
            }
        }
        match self.scheme {
            "https" => out.plain(b"https%3A%2F%2F"),
            scheme => {
                out.once_lower(scheme.as_bytes());
                out.plain(b"%3A%2F%2F");
            }
        }
        out.once_lower(authority.as_bytes());
        out.once(if self.path.is_empty() { b"/" } else { self.path.as_bytes() });
    }
}

/// The base string (§3.4.1.1) from its three parts; the third writes itself. Gives the place where that begins.
pub(crate) fn compose_into(method: &str, target: Target<'_>, out: &mut Arena, parameters: impl FnOnce(&mut Arena)) -> usize {
    out.clear();
    out.once_upper(method.as_bytes());
    out.plain(b"&");
    target.write_base_uri(out);
    out.plain(b"&");
    let third = out.len();
    parameters(out);
    third
}

pub(crate) fn compose(method: &str, target: Target<'_>, parameters: &mut Parameters) -> String {
    let mut out = Arena::default();
    compose_into(method, target, &mut out, |out| parameters.write(out, None));
    out.text().to_owned()
}

/// A part of a base string, decoded: for the second the base string URI, for the third the normalised parameters (§3.4.1.3.2).
pub(crate) fn decoded_part(base_string: &str, part: usize) -> String {
    let text = base_string.split('&').nth(part).unwrap_or("");
    String::from_utf8_lossy(&encode::percent_decode(text.as_bytes())).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 5849 §3.4.1.2, its own two examples.
    #[test]
    fn rfc5849_base_uri_examples() {
        let base = |url| decoded_part(&compose("GET", Target::split_url(url).expect("absolute"), &mut Parameters::default()), 1);
        assert_eq!(base("http://EXAMPLE.COM:80/r%20v/X?id=123"), "http://example.com/r%20v/X");
        assert_eq!(base("https://www.example.net:8080/?q=1"), "https://www.example.net:8080/");
        assert_eq!(base("https://[::1]:443"), "https://[::1]/");
        assert_eq!(base("http://a.example:/"), "http://a.example/");
        assert_eq!(base("http://[::80]/"), "http://[::80]/");
        assert_eq!(base("HTTPS://A.example:443/"), "https://a.example/");
        assert_eq!(base("HTTP://A.example:80/"), "http://a.example/");
        assert_eq!(base("HTTPS://A.example:80/"), "https://a.example:80/");
        assert_eq!(base("https://a.example:80/x;y/'/%2F/%2e%2e"), "https://a.example:80/x;y/'/%2F/%2e%2e");
    }

    #[test]
    fn i1_a_base_string_is_of_a_place_that_a_request_can_go_to() {
        let of = |url: &str| base_string("get", url, Body::Form(b"b=2"), &[("oauth_nonce", "n"), ("oauth_signature", "never signed")]);
        let expected = "GET&http%3A%2F%2Fa.example%2Fx&a%3D1%26b%3D2%26oauth_nonce%3Dn";
        for url in ["http://a.example/x?a=1", "http://a.example:80/x?a=1", "http://a.example:/x?a=1", "HTTP://A.EXAMPLE/x?a=1#f"] {
            assert_eq!(of(url).as_deref(), Ok(expected), "{url}");
        }
        for url in ["http://[::1]/", "http://[::1]:8080/", "https://a.example:65535/", "https://[::1]:/"] {
            assert!(of(url).is_ok(), "{url}");
        }
        let nowhere = [
            "",
            "a.example/x",
            "/x",
            "ftp://a.example/",
            "a:b://a.example/",
            "http:///x",
            "http://:80/",
            "http://a.example:65536/",
            "http://a.example:8o/",
            "http://a.example:+8/",
            "http://a:b:80/",
            "http://::1/",
            "http://::1:80/",
        ];
        // A request's `Host` has no user information.
        for url in nowhere.into_iter().chain(["http://me@a.example/x", "http://me:secret@a.example:80/x", "http://@a.example/"]) {
            assert!(of(url).is_err(), "{url}");
        }
        let user = |url: &'static str| Target::split_url(url).expect("absolute").has_user();
        assert!(user("http://me@a.example/") && user("http://me:secret@a.example:80/"));
        assert!(!user("http://a.example/@") && !user("http://a.example:80/") && !user("http://[::1]/"));
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
            normalised(&mut parameters),
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

    fn normalised(parameters: &mut Parameters) -> String {
        decoded_part(&compose("GET", Target::split_url("http://a.example").expect("absolute"), parameters), 2)
    }

    proptest! {
        #[test]
        fn normalisation_is_order_independent(mut pairs in prop::collection::vec((".{0,6}", ".{0,6}"), 0..12), by in any::<usize>()) {
            let normalise = |pairs: &[(String, String)]| {
                let mut parameters = Parameters::default();
                for (name, value) in pairs {
                    parameters.add(name, value);
                }
                normalised(&mut parameters)
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
            prop_assert_eq!(normalised(&mut from_raw), normalised(&mut from_text));
        }

        /// Encoded twice they keep the order that the RFC asks for of what is encoded once.
        #[test]
        fn the_order_is_that_of_single_encoding(mut pairs in prop::collection::vec((".{0,12}", ".{0,3}"), 0..30)) {
            let mut parameters = Parameters::default();
            for (name, value) in &pairs {
                parameters.add(name, value);
            }
            pairs.iter_mut().for_each(|(name, value)| (*name, *value) = (encode::percent(name), encode::percent(value)));
            pairs.sort();
            let expected: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            prop_assert_eq!(normalised(&mut parameters), expected.join("&"));
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
