//! Requests and answers at the level of HTTP messages, without IO.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use crate::encode;
use crate::endpoint::{Endpoint, Origin};
use crate::error::Misuse;
use crate::scrub::Scrubber;
use crate::secret::{Secret, Wiped};

/// A request that the core wants sent. Convert it with [`Outgoing::into_http`]; its `Debug` shows no secret.
///
/// Whoever sends it follows no redirect, and reads at most [`Outgoing::LARGEST_ANSWER`] bytes of the answer.
///
/// ```
/// # use keyfob_proto::{App, Endpoint, Flow, Settings, TokenSet, oauth2};
/// # let endpoint = |url| Endpoint::parse(url).unwrap();
/// # let flow = oauth2::Settings::new(endpoint("https://login.example/authorize"), endpoint("https://login.example/token"));
/// # let provider = Settings::new("example", Flow::OAuth2(flow), endpoint("https://api.example"));
/// # let client = oauth2::Client::new(&provider, App::confidential("id", "sandbox-secret-not-real"))?;
/// # let text = r#"{"kind":"oauth2","access":"access-1","refresh":"refresh-1","received_at":0,"scopes":[]}"#;
/// # let Ok(TokenSet::OAuth2(tokens)) = serde_json::from_str(text) else { unreachable!("tokens as they rest") };
/// let exchange = client.refresh(&tokens)?;
/// let outgoing = exchange.request();
/// assert!(format!("{outgoing:?}").contains(r#""authorization": Sensitive"#));
/// let request: http::Request<Vec<u8>> = outgoing.clone().into_http();
/// assert_eq!(request.uri(), "https://login.example/token");
/// # Ok::<(), keyfob_proto::Error>(())
/// ```
#[derive(Clone)]
pub struct Outgoing {
    /// Those of a client's requests to one place are the same, and shared.
    head: Arc<Head>,
    /// It may hold a code, a refresh token, a client secret.
    body: Wiped,
    /// Whether an assertion about the client goes with it, made when it is sent.
    pub(crate) wants_assertion: bool,
}

/// All of a request but its body. A query may carry credentials, where a server takes them there.
#[derive(Clone)]
pub(crate) struct Head {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Head {
    /// Of forms that go to one place.
    pub(crate) fn post(endpoint: &Endpoint, headers: HeaderMap) -> Self {
        Self { method: Method::POST, uri: endpoint.uri().clone(), headers }
    }

    /// The same at another place.
    pub(crate) fn at(&self, endpoint: &Endpoint) -> Self {
        Self { uri: endpoint.uri().clone(), ..self.clone() }
    }
}

impl Outgoing {
    /// More than this is no token answer (an endless one must not fill the memory).
    pub const LARGEST_ANSWER: usize = 1 << 20;

    pub(crate) fn new(method: Method, endpoint: &Endpoint) -> Self {
        Self::prepared(Head { method, uri: endpoint.uri().clone(), headers: HeaderMap::new() }.into(), Vec::new())
    }

    pub(crate) fn from_parts(parts: http::request::Parts, body: Vec<u8>) -> Self {
        Self::prepared(Head { method: parts.method, uri: parts.uri, headers: parts.headers }.into(), body)
    }

    /// With a head that others have, too.
    pub(crate) fn prepared(head: Arc<Head>, body: Vec<u8>) -> Self {
        Self { head, body: body.into(), wants_assertion: false }
    }

    pub(crate) fn accept_json(mut self) -> Self {
        self.set_header(ACCEPT, HeaderValue::from_static("application/json"));
        self
    }

    pub(crate) fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        self.set_header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.body = encode::form_pairs(pairs.iter().copied()).into_bytes().into();
        self
    }

    /// A GET with these pairs behind the URL's own query.
    pub(crate) fn asking(mut self, pairs: &str) -> Result<Self, Misuse> {
        Arc::make_mut(&mut self.head).method = Method::GET;
        self.in_query(pairs)
    }

    /// The same by its own method: no body, and so nothing that says what it is.
    pub(crate) fn in_query(mut self, pairs: &str) -> Result<Self, Misuse> {
        let head = Arc::make_mut(&mut self.head);
        head.headers.remove(CONTENT_TYPE);
        head.uri = with_query(&head.uri, pairs)?;
        Ok(self)
    }

    pub(crate) fn json<'a>(mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.set_header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut object = serde_json::Map::new();
        for (name, value) in pairs {
            // What a form says by repeating a parameter (several resources, RFC 8707 §2) is an array here; dropping all but one would be a lie.
            match object.get_mut(name) {
                None => drop(object.insert(name.to_owned(), value.into())),
                Some(serde_json::Value::Array(values)) => values.push(value.into()),
                Some(one) => *one = vec![std::mem::take(one), value.into()].into(),
            }
        }
        self.body = serde_json::Value::Object(object).to_string().into_bytes().into();
        self
    }

    pub(crate) fn json_object(mut self, object: serde_json::Map<String, serde_json::Value>) -> Self {
        self.set_header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = serde_json::Value::Object(object).to_string().into_bytes().into();
        self
    }

    pub(crate) fn set_header(&mut self, name: HeaderName, value: HeaderValue) {
        Arc::make_mut(&mut self.head).headers.insert(name, value);
    }

    /// More of the same form.
    pub(crate) fn more_form(mut self, pairs: &[(&str, &str)]) -> Self {
        let joint: &[u8] = if self.body.bytes().is_empty() { b"" } else { b"&" };
        let more = Wiped::from(encode::form_pairs(pairs.iter().copied()).into_bytes());
        // All in one new buffer: the old one is wiped, where one that grows would be left as it is.
        self.body = [self.body.bytes(), joint, more.bytes()].concat().into();
        self
    }

    pub(crate) fn secret_header(mut self, name: HeaderName, value: &str) -> Result<Self, Misuse> {
        let value = secret_header_value(&name, value)?;
        self.set_header(name, value);
        Ok(self)
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// The absolute URL.
    pub fn uri(&self) -> &Uri {
        &self.head.uri
    }

    /// Where it goes.
    pub fn origin(&self) -> Option<Origin> {
        Origin::of(&self.head.uri)
    }

    /// The headers. Those that carry credentials are marked sensitive.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The body; it may carry credentials.
    pub fn body(&self) -> &[u8] {
        self.body.bytes()
    }

    /// The request as the `http` crate has it. Its body is the caller's from here on: until then it is wiped when it goes.
    pub fn into_http(self) -> http::Request<Vec<u8>> {
        let mut request = http::Request::new(self.body.into_bytes());
        let head = Arc::unwrap_or_clone(self.head);
        *request.method_mut() = head.method;
        *request.uri_mut() = head.uri;
        *request.headers_mut() = head.headers;
        request
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers print themselves as "Sensitive" where they are marked.
        let origin = Origin::of(&self.uri).map(|origin| origin.to_string()).unwrap_or_default();
        f.debug_struct("Head")
            .field("method", &self.method)
            .field("url", &format_args!("{origin}{}{}", self.uri.path(), if self.uri.query().is_some() { "?…" } else { "" }))
            .field("headers", &self.headers)
            .finish()
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("head", &self.head).field("body", &format_args!("{} bytes", self.body.bytes().len())).finish()
    }
}

/// A header value that prints as `Sensitive`. `Misuse` if the text cannot be a header (a line break in a key, say: header
/// injection), without showing it.
pub(crate) fn secret_header_value(name: &HeaderName, value: &str) -> Result<HeaderValue, Misuse> {
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        Misuse::new(format!("visible characters for the header {name}"), "a value with control characters")
            .of("RFC 9110 §5.5")
            .with_hint("look for a line break or another invisible character at its end")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// An answer, as it came: the caller has read the whole body, up to the cap.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// The status, any number HTTP allows.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Incoming<'a> {
    /// An answer from its parts.
    pub fn new(status: StatusCode, headers: &'a HeaderMap, body: &'a [u8]) -> Self {
        Self { status, headers, body }
    }

    /// The media type, without parameters, in lower case; empty where there is none.
    pub(crate) fn media_type(&self) -> Cow<'a, str> {
        media_type(self.headers)
    }

    /// That it says it is JSON, under one of the names in use; else what it says, in words that can be shown.
    pub(crate) fn is_json(&self, scrubber: &Scrubber) -> Result<(), String> {
        // What most say, and then there is nothing to take apart.
        if self.headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/json") {
            return Ok(());
        }
        match &*self.media_type() {
            "application/json" | "text/json" | "text/javascript" => Ok(()),
            media if media.ends_with("+json") => Ok(()),
            "" => Err("no content type".to_owned()),
            media => Err(format!("\"{}\"", scrubber.clean(media))),
        }
    }
}

impl<'a, B: AsRef<[u8]>> From<&'a http::Response<B>> for Incoming<'a> {
    fn from(response: &'a http::Response<B>) -> Self {
        Self { status: response.status(), headers: response.headers(), body: response.body().as_ref() }
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("status", &self.status).field("body", &format_args!("{} bytes", self.body.len())).finish()
    }
}

/// The media type of a message, without parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> Cow<'_, str> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let value = value.split(';').next().unwrap_or("").trim();
    if value.bytes().any(|byte| byte.is_ascii_uppercase()) { value.to_ascii_lowercase().into() } else { value.into() }
}

/// What the signer needs to see of a request's body. Streaming bodies are [`Body::Opaque`]: they are never buffered to be signed.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// `application/x-www-form-urlencoded`: its parameters are signed (RFC 5849 §3.4.1.3.1).
    Form(&'a [u8]),
    /// Anything else that is at hand, or nothing at all: not signed, unless the body hash extension is on (`oauth_body_hash`).
    Bytes(&'a [u8]),
    /// Anything else, streaming: never read.
    Opaque,
}

impl<'a> Body<'a> {
    /// What these bytes are to a signer, judged by the content type alone (RFC 5849 §3.4.1.3.1).
    pub fn of(headers: &HeaderMap, bytes: &'a [u8]) -> Self {
        if media_type(headers) == "application/x-www-form-urlencoded" { Self::Form(bytes) } else { Self::Bytes(bytes) }
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(bytes) => write!(f, "Form({} bytes)", bytes.len()),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Opaque => f.write_str("Opaque"),
        }
    }
}

/// The visible ASCII that tokens and codes consist of (RFC 6749 Appendix A), at least one. The appendix lets a space in as well,
/// which no bearer header can carry (RFC 6750 §2.1), so it is refused.
pub(crate) fn is_vschar(text: &str) -> bool {
    // Without a way out before the end, it is done for many bytes at once.
    !text.is_empty() && text.bytes().fold(true, |all, byte| all & (0x21..=0x7e).contains(&byte))
}

/// The credentials of `Authorization: Basic`, after RFC 6749 §2.3.1: both halves are form-encoded first.
pub(crate) fn basic(id: &str, secret: &Secret) -> Secret {
    basic_raw(&encode::percent(id), &Secret::new(encode::percent(secret.expose())))
}

/// The same without that encoding, as RFC 7617 has it.
pub(crate) fn basic_raw(id: &str, secret: &Secret) -> Secret {
    Secret::new(encode::base64(Secret::new(format!("{id}:{}", secret.expose())).expose().as_bytes()))
}

/// The secret as the name, and an empty password.
pub(crate) fn basic_secret(secret: &Secret) -> Secret {
    basic_raw(secret.expose(), &Secret::new(String::new()))
}

/// The URL with more query text behind what is there. Nothing that is there changes.
pub(crate) fn with_query(uri: &Uri, more: &str) -> Result<Uri, Misuse> {
    let unfit = || {
        Misuse::new("a URL that fits more parameters", "one that does not")
            .with_hint("give the URL without what cannot be in one, and shorter than 64 KiB")
    };
    let mut parts = uri.clone().into_parts();
    let joined = match uri.query() {
        None | Some("") => format!("{}?{more}", uri.path()),
        Some(query) => format!("{}?{query}&{more}", uri.path()),
    };
    parts.path_and_query = Some(joined.parse().map_err(|_| unfit())?);
    Uri::from_parts(parts).map_err(|_| unfit())
}
