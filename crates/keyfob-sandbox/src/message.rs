//! One request as the pretend servers see it, and their answer: whole, in memory, so that handlers are plain functions.

use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use serde_json::Value;
use url::form_urlencoded;

/// Decoded `name=value` pairs in the order they came; names may repeat.
pub(crate) type Pairs = Vec<(String, String)>;

/// A request.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// `http://host:port`, as the client addressed us; where it came by TLS, that of the plain door, by whose name the service goes.
    pub(crate) origin: String,
    /// The origin that the client used: `origin`, or that of the door with TLS.
    pub(crate) here: String,
    /// The certificate that the client showed, as DER.
    pub(crate) certificate: Option<Bytes>,
    /// Path and query, byte for byte.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) query: Pairs,
    /// The body's pairs; empty if it is no form.
    pub(crate) form: Pairs,
}

impl Call {
    pub(crate) fn new(method: Method, target: &str, headers: HeaderMap, body: Bytes) -> Self {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let origin = format!("http://{}", host.unwrap_or("localhost"));
        let query = target.split_once('?').map_or_else(Vec::new, |(_, query)| pairs(query.as_bytes()));
        let here = origin.clone();
        let mut call = Self { method, origin, here, certificate: None, target: target.into(), headers, body, query, form: Vec::new() };
        if call.is_form() {
            call.form = pairs(&call.body);
        }
        call
    }

    /// It came by the door with TLS of the service that goes by this name.
    pub(crate) fn by_tls(mut self, origin: &str, certificate: Option<Bytes>) -> Self {
        self.here = self.origin.replacen("http://", "https://", 1);
        (self.origin, self.certificate) = (origin.to_owned(), certificate);
        self
    }

    /// Whether it came by TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.here.starts_with("https://")
    }

    /// The path as it came, percent-encodings and all.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The path's segments, undecoded, for `match`.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path().trim_start_matches('/').split('/').collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body's media type in lower case, without parameters.
    pub(crate) fn media_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    pub(crate) fn is_form(&self) -> bool {
        self.media_type().as_deref() == Some("application/x-www-form-urlencoded")
    }

    /// The first value of this name in the query or else the form.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        first(&self.query, name).or_else(|| first(&self.form, name))
    }

    /// The bearer token of the `Authorization` header (RFC 6750 §2.1).
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}

/// The first value of this name.
pub(crate) fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// `application/x-www-form-urlencoded` bytes as pairs; what is not UTF-8 becomes U+FFFD.
pub(crate) fn pairs(bytes: &[u8]) -> Pairs {
    form_urlencoded::parse(bytes).into_owned().collect()
}

/// Pairs as `application/x-www-form-urlencoded` text.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A URI with pairs added to its query, before its fragment.
pub(crate) fn with_query(uri: &str, added: &[(&str, &str)]) -> String {
    let (base, fragment) = uri.split_once('#').map_or((uri, None), |(base, rest)| (base, Some(rest)));
    let joint = match base.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    let fragment = fragment.map(|rest| format!("#{rest}")).unwrap_or_default();
    format!("{base}{joint}{}{fragment}", form(added))
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// Boxed, since replies travel as errors.
    pub(crate) headers: Box<HeaderMap>,
    pub(crate) body: Bytes,
}

impl Reply {
    /// An empty answer. Statuses that no registry knows (460) are fine; what is no status at all becomes 500.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: Box::default(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn typed(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut reply = Self::empty(status).with(header::CONTENT_TYPE, content_type);
        reply.body = body.into();
        reply
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::typed(status, "application/json;charset=UTF-8", body.to_string())
    }

    pub(crate) fn text(status: u16, body: impl Into<String>) -> Self {
        Self::typed(status, "text/plain;charset=UTF-8", body.into())
    }

    pub(crate) fn form(status: u16, pairs: &[(&str, &str)]) -> Self {
        Self::typed(status, "application/x-www-form-urlencoded", form(pairs))
    }

    /// `302 Found`. A location that no header can carry is refused, never altered.
    pub(crate) fn redirect(location: &str) -> Self {
        match HeaderValue::from_str(location) {
            Ok(value) if location.is_ascii() => {
                let mut reply = Self::empty(302);
                reply.headers.insert(header::LOCATION, value);
                reply.with(header::CACHE_CONTROL, "no-store")
            }
            _ => Self::text(400, "The callback URL is not a URL."),
        }
    }

    /// Adds a header; a value that cannot be one is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// As [`Reply::with`], for names that are not well known.
    pub(crate) fn with_named(self, name: &'static str, value: &str) -> Self {
        self.with(HeaderName::from_static(name), value)
    }

    /// Token responses must not be stored (RFC 6749 §5.1).
    pub(crate) fn no_store(self) -> Self {
        self.with(header::CACHE_CONTROL, "no-store").with(header::PRAGMA, "no-cache")
    }

    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        self.with(header::RETRY_AFTER, &seconds.to_string())
    }

    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        Self::empty(405).with(header::ALLOW, allow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_added_before_the_fragment() {
        assert_eq!(with_query("http://h/c", &[("a", "1 2")]), "http://h/c?a=1+2");
        assert_eq!(with_query("http://h/c?x=1", &[("a", "|")]), "http://h/c?x=1&a=%7C");
        assert_eq!(with_query("http://h/c?#f", &[("a", "1")]), "http://h/c?a=1#f");
    }

    #[test]
    fn a_location_cannot_split_the_head() {
        assert_eq!(Reply::redirect("http://h/\r\nSet-Cookie: x").status, 400);
        assert_eq!(Reply::redirect("http://h/\u{e9}").status, 400);
    }

    #[test]
    fn a_form_counts_only_under_its_media_type() {
        let call = |content_type: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_str(content_type).expect("a header"));
            Call::new(Method::POST, "/p?a=q", headers, Bytes::from_static(b"b=f"))
        };
        assert_eq!(call("application/x-www-form-urlencoded;charset=UTF-8").param("b"), Some("f"));
        assert_eq!(call("text/plain").param("b"), None);
        assert_eq!(call("text/plain").param("a"), Some("q"));
    }
}
