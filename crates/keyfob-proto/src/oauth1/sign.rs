//! Signing a request and placing the protocol parameters (RFC 5849 §3.1, §3.5).

use std::fmt;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Uri};

use super::base_string::{Target, compose_into};
use super::body_hash;
use super::parameters::{Parameters, Protocol};
use super::settings::{BodyHash, Placement, Settings, SignatureMethod};
use super::signature::Key;
use crate::arena::Arena;
use crate::encode;
use crate::endpoint::Origin;
use crate::entropy::{Entropy, nonce128};
use crate::error::Misuse;
use crate::message::{Body, secret_header_value, with_query};
use crate::secret::Secret;
use crate::time::Timestamp;

/// The value of an `Authorization: OAuth` header (RFC 5849 §3.5.1). `protocol` are the protocol parameters, decoded, signature
/// included; `realm` is neither encoded nor signed.
///
/// ```
/// let header = keyfob_proto::oauth1::authorization_header(Some("Photos"), &[("oauth_nonce", "wI jn"), ("oauth_signature", "74Kd/=")]);
/// assert_eq!(header, r#"OAuth realm="Photos", oauth_nonce="wI%20jn", oauth_signature="74Kd%2F%3D""#);
/// ```
pub fn authorization_header(realm: Option<&str>, protocol: &[(&str, &str)]) -> String {
    let parameters = protocol.iter().map(|(name, text)| format!("{}=\"{}\"", encode::percent(name), encode::percent(text)));
    format!("OAuth {}", realm.map(quoted_realm).into_iter().chain(parameters).collect::<Vec<_>>().join(", "))
}

/// A quoted-string (RFC 7235 §2.2).
fn quoted_realm(realm: &str) -> String {
    format!("realm=\"{}\"", realm.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Who signs, and how: an app, and a token or none. Its keys and what never changes of its parameters are prepared once, so make one for
/// many requests ([`Client::signer`](super::Client::signer)).
///
/// ```
/// # use keyfob_proto::{App, Endpoint, Flow, OAuth1Tokens, Settings, Timestamp, oauth1};
/// # let at = |path: &str| Endpoint::parse(&format!("https://photos.example.net{path}"));
/// # let flow = oauth1::Settings::new(at("/initiate")?, at("/authorize")?, at("/token")?);
/// # let provider = Settings::new("photos", Flow::OAuth1(flow), at("/")?);
/// use keyfob_proto::oauth1::{Buffer, Call, Client, Once};
///
/// let client = Client::new(&provider, App::confidential("dpf43f3p2l4k3l03", "kd94hf93k423kf44"))?;
/// let tokens = OAuth1Tokens { token: "nnch734d00sl2jdk".into(), secret: "pfkkdhi9sl3r4s00".into() };
/// let signer = client.signer(Some(&tokens))?;
///
/// let entropy = |buffer: &mut [u8]| buffer.fill(7); // the operating system's, in earnest
/// let mut buffer = Buffer::new();
/// for photo in ["https://photos.example.net/1", "https://photos.example.net/2"] {
///     let once = Once { nonce: "chapoH", timestamp: Timestamp::from_unix(137131202), entropy: &entropy };
///     let header = signer.authorization(&Call::new("GET", photo), &once, &mut buffer)?;
///     assert!(header.starts_with("OAuth oauth_consumer_key=\"dpf43f3p2l4k3l03\", oauth_token=\"nnch734d00sl2jdk\""));
/// }
/// # Ok::<(), keyfob_proto::Error>(())
/// ```
#[derive(Clone)]
pub struct Signer {
    pub(crate) method: SignatureMethod,
    pub(crate) key: Key,
    pub(crate) placement: Placement,
    body_hash: BodyHash,
    /// The protocol parameters that are the same in every request, in the order in which they are written.
    fixed: Vec<(&'static str, Secret)>,
    /// The same, as a base string has them.
    protocol: Protocol,
    /// The header up to the timestamp.
    pub(crate) head: Arena,
}

/// A call to sign: what of it goes into the signature.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The method.
    pub method: &'a str,
    /// The absolute URL, byte for byte as it will be sent.
    pub url: &'a str,
    /// The body.
    pub body: Body<'a>,
    /// Parameters of the form body, decoded, for those who have not written it down yet. `body` is left alone then.
    pub form: &'a [(&'a str, &'a str)],
}

impl<'a> Call<'a> {
    /// A call without a body.
    pub const fn new(method: &'a str, url: &'a str) -> Self {
        Self { method, url, body: Body::Bytes(&[]), form: &[] }
    }
}

/// What must be new in every request (§3.3): a retry is signed again, with another one.
#[derive(Clone, Copy)]
pub struct Once<'a> {
    /// `oauth_nonce`.
    pub nonce: &'a str,
    /// `oauth_timestamp`.
    pub timestamp: Timestamp,
    /// For the blinding of RSA; nothing else draws from it.
    pub entropy: &'a dyn Entropy,
}

/// A nonce of 128 bits, as 32 hexadecimal digits. Some servers accept letters and digits only.
#[derive(Clone, Copy)]
pub struct Nonce([u8; 32]);

impl Nonce {
    /// Draws 16 bytes.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self(nonce128(entropy))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits")
    }
}

/// What signing needs room for. Used again and again, it asks for no memory after the first few requests; it is wiped when dropped.
#[derive(Clone, Default)]
pub struct Buffer {
    parameters: Parameters,
    /// `oauth_timestamp`, which is written twice.
    pub(crate) timestamp: Arena,
    pub(crate) base: Arena,
    pub(crate) out: Arena,
    /// As a header has it.
    pub(crate) signature: Arena,
    body_hash: Vec<u8>,
}

impl Buffer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The base string of the last signature that was made here.
    pub(crate) fn base_string(&self) -> &str {
        self.base.text()
    }

    pub(crate) fn body_hash(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.body_hash).expect("base64 is ASCII");
        Some(text).filter(|text| !text.is_empty())
    }
}

impl Signer {
    pub(crate) fn new(settings: &Settings, key: Key, consumer_key: &str, token: Option<&Secret>) -> Self {
        let method = settings.signature;
        let mut fixed = vec![("oauth_consumer_key", Secret::new(consumer_key))];
        match token {
            Some(token) => fixed.push(("oauth_token", token.clone())),
            None if settings.empty_token => fixed.push(("oauth_token", Secret::new(""))),
            None => {}
        }
        fixed.extend([("oauth_signature_method", Secret::new(method.name())), ("oauth_version", Secret::new("1.0"))]);
        let shown: Vec<_> = fixed.iter().map(|(name, value)| (*name, value.expose())).collect();
        let protocol = Protocol::of(&shown);
        let mut head = Arena::default();
        head.plain(authorization_header(settings.realm.as_deref(), &shown).as_bytes());
        head.plain(b", oauth_timestamp=\"");
        Self { method, key, placement: settings.placement, body_hash: settings.body_hash, fixed, protocol, head }
    }

    /// Token requests carry no hash of their body: they have a form, or nothing (Request Body Hash, draft 4, §4.1).
    pub(crate) fn without_body_hash(mut self) -> Self {
        self.body_hash = BodyHash::Off;
        self
    }

    /// The value of the `Authorization` header for a call (RFC 5849 §3.5.1), in the caller's buffer. For those who place it themselves;
    /// it carries the token, so mark it sensitive.
    ///
    /// # Errors
    ///
    /// `Misuse` if the URL is not absolute, http or https, or has user information; if the call has protocol parameters already; if PLAINTEXT
    /// would go in the open (§3.4.4); if a body hash is required and the body streams; if an RSA key cannot sign.
    pub fn authorization<'b>(&self, call: &Call<'_>, once: &Once<'_>, buffer: &'b mut Buffer) -> Result<&'b str, Misuse> {
        self.normalise_call(call, once, buffer)?;
        let Buffer { timestamp, base, out, body_hash, .. } = buffer;
        write_header(out, &self.head, timestamp, once, &[], body_hash);
        self.key.sign_into(&[base.bytes()], once.entropy, out)?;
        out.plain(b"\"");
        Ok(out.text())
    }

    /// Signs a request and places the protocol parameters in it, as the provider wants them. Where that is the form body, the new body comes
    /// back; a body that is no form has them in the header. See [`Client::sign`](super::Client::sign).
    ///
    /// # Errors
    ///
    /// As for [`authorization`](Self::authorization), and if there is an `Authorization` header already.
    pub fn sign(&self, parts: &mut Parts, body: Body<'_>, once: &Once<'_>, buffer: &mut Buffer) -> Result<Option<Vec<u8>>, Misuse> {
        // §3.5.2 needs a form body; the header is what §3.5 prefers anyway.
        let placement = match (self.placement, body) {
            (Placement::Body, Body::Bytes(_) | Body::Opaque) => Placement::Header,
            (placement, _) => placement,
        };
        self.sign_with(placement, parts, body, &[], once, buffer)
    }

    /// The same with further protocol parameters.
    pub(crate) fn sign_with(
        &self,
        placement: Placement,
        parts: &mut Parts,
        body: Body<'_>,
        extra: &[(&'static str, &str)],
        once: &Once<'_>,
        buffer: &mut Buffer,
    ) -> Result<Option<Vec<u8>>, Misuse> {
        self.compute(placement, parts, body, extra, once, buffer)?;
        self.place(placement, parts, body, extra, once, buffer)
    }

    /// The signature of a request, and in the buffer every intermediate value.
    pub(crate) fn compute(
        &self,
        placement: Placement,
        parts: &Parts,
        body: Body<'_>,
        extra: &[(&'static str, &str)],
        once: &Once<'_>,
        buffer: &mut Buffer,
    ) -> Result<(), Misuse> {
        let target = Target::of(&parts.uri).filter(|_| Origin::is_there(&parts.uri)).ok_or_else(no_web)?;
        if placement == Placement::Header && parts.headers.contains_key(AUTHORIZATION) {
            return Err(signed_already());
        }
        self.normalise(parts.method.as_str(), target, body, &[], extra, once, buffer)?;
        buffer.signature.clear();
        self.key.sign_into(&[buffer.base.bytes()], once.entropy, &mut buffer.signature)
    }

    /// The base string of a call. Gives the place of its third part.
    pub(crate) fn normalise_call(&self, call: &Call<'_>, once: &Once<'_>, buffer: &mut Buffer) -> Result<usize, Misuse> {
        let target = Target::split_url(call.url).filter(|target| target.is_web() && !target.has_user()).ok_or_else(no_web)?;
        self.normalise(call.method, target, call.body, call.form, &[], once, buffer)
    }

    #[allow(clippy::too_many_arguments, reason = "everything that is signed")]
    fn normalise(
        &self,
        method: &str,
        target: Target<'_>,
        body: Body<'_>,
        form: &[(&str, &str)],
        extra: &[(&'static str, &str)],
        once: &Once<'_>,
        buffer: &mut Buffer,
    ) -> Result<usize, Misuse> {
        self.refuse_plaintext_in_the_open(target)?;
        let Buffer { parameters, timestamp, base, body_hash, .. } = buffer;
        timestamp.clear();
        timestamp.number(once.timestamp.as_unix());
        parameters.clear();
        parameters.add_raw(target.query.unwrap_or("").as_bytes());
        match body {
            _ if !form.is_empty() => form.iter().for_each(|(name, value)| parameters.add(name, value)),
            Body::Form(bytes) => parameters.add_raw(bytes),
            Body::Bytes(_) | Body::Opaque => {}
        }
        body_hash.clear();
        if form.is_empty() && !matches!(body, Body::Form(_)) {
            self.write_body_hash(body, body_hash)?;
        }
        if extra.is_empty() && body_hash.is_empty() && !parameters.any_protocol() {
            let protocol = Some((&self.protocol, once.nonce, &*timestamp));
            return Ok(compose_into(method, target, base, |out| parameters.write(out, protocol)));
        }
        // Protocol parameters that are there twice make a request no server may accept (§3.1).
        let placed = |name: &[u8]| {
            let is = |known: &str| known.as_bytes() == name;
            ["oauth_signature", "oauth_nonce", "oauth_timestamp"].into_iter().any(is)
                || self.fixed.iter().any(|(known, _)| is(known))
                || extra.iter().any(|(known, _)| is(known))
                || !body_hash.is_empty() && is(body_hash::NAME)
        };
        if parameters.any(placed) {
            return Err(signed_already());
        }
        self.fixed.iter().for_each(|(name, value)| parameters.add(name, value.expose()));
        parameters.add("oauth_nonce", once.nonce);
        parameters.add("oauth_timestamp", timestamp.text());
        extra.iter().for_each(|(name, value)| parameters.add(name, value));
        if !body_hash.is_empty() {
            parameters.add(body_hash::NAME, std::str::from_utf8(body_hash).expect("base64 is ASCII"));
        }
        Ok(compose_into(method, target, base, |out| parameters.write(out, None)))
    }

    /// The hash of a body that is no form.
    fn write_body_hash(&self, body: Body<'_>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        let required = self.body_hash == BodyHash::Required;
        match (body, self.method.hash()) {
            _ if self.body_hash == BodyHash::Off => Ok(()),
            (Body::Bytes(bytes), Some(hash)) => {
                body_hash::write(hash, bytes, out);
                Ok(())
            }
            // The extension ties the body to a signature; PLAINTEXT has none.
            (_, None) if required => Err(Misuse::new("a signature method with a hash, for oauth_body_hash", "PLAINTEXT")
                .of("OAuth Request Body Hash §3.1")
                .with_hint("choose HMAC or RSA: oauth1.signature in the provider's file")),
            (_, Some(_)) if required => {
                Err(Misuse::new("a body at hand: this provider requires its hash (oauth_body_hash)", "one that streams")
                    .of("OAuth Request Body Hash §3.2")
                    .with_hint("read the body into memory, and send it as bytes"))
            }
            _ => Ok(()),
        }
    }

    fn place(
        &self,
        placement: Placement,
        parts: &mut Parts,
        body: Body<'_>,
        extra: &[(&'static str, &str)],
        once: &Once<'_>,
        buffer: &mut Buffer,
    ) -> Result<Option<Vec<u8>>, Misuse> {
        match placement {
            Placement::Header => {
                let Buffer { timestamp, out, signature, body_hash, .. } = buffer;
                write_header(out, &self.head, timestamp, once, extra, body_hash);
                out.all(signature);
                out.plain(b"\"");
                parts.headers.insert(AUTHORIZATION, secret_header_value(&AUTHORIZATION, out.text())?);
                Ok(None)
            }
            Placement::Query => {
                parts.uri = with_query(&parts.uri, &self.form(extra, once, buffer))?;
                Ok(None)
            }
            Placement::Body => {
                let Body::Form(bytes) = body else {
                    return Err(Misuse::new("a form body to put the protocol parameters in", "another body or none")
                        .of("RFC 5849 §3.5.2")
                        .with_hint("send the request as a form, or put the parameters into the header"));
                };
                parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                let mut body = bytes.to_vec();
                if !body.is_empty() {
                    body.push(b'&');
                }
                body.extend_from_slice(self.form(extra, once, buffer).as_bytes());
                Ok(Some(body))
            }
        }
    }

    fn form(&self, extra: &[(&'static str, &str)], once: &Once<'_>, buffer: &Buffer) -> String {
        let protocol = self.protocol(extra, once, buffer);
        encode::form_pairs(protocol.iter().map(|(name, value)| (*name, value.as_str())))
    }

    /// The protocol parameters of the last signature, decoded, in the order in which they are written.
    pub(crate) fn protocol(&self, extra: &[(&'static str, &str)], once: &Once<'_>, buffer: &Buffer) -> Vec<(&'static str, String)> {
        let mut protocol: Vec<_> = self.fixed.iter().map(|(name, value)| (*name, value.expose().to_owned())).collect();
        protocol.extend([("oauth_timestamp", once.timestamp.as_unix().to_string()), ("oauth_nonce", once.nonce.to_owned())]);
        protocol.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        protocol.extend(buffer.body_hash().map(|hash| (body_hash::NAME, hash.to_owned())));
        protocol.push(("oauth_signature", encode::ascii(encode::percent_decode(buffer.signature.bytes()))));
        protocol
    }

    /// PLAINTEXT shows the secrets to everyone on the way (§3.4.4).
    fn refuse_plaintext_in_the_open(&self, target: Target<'_>) -> Result<(), Misuse> {
        if self.method != SignatureMethod::Plaintext || target.scheme.eq_ignore_ascii_case("https") {
            return Ok(());
        }
        let origin = format!("{}://{}", target.scheme, target.authority).parse::<Uri>().ok().and_then(|uri| Origin::of(&uri));
        if origin.is_some_and(|origin| origin.is_loopback()) {
            return Ok(());
        }
        Err(Misuse::new("https for PLAINTEXT signatures", "plain http off loopback")
            .of("RFC 5849 §3.4.4")
            .with_hint("use https, or HMAC-SHA1, whose secrets do not travel"))
    }
}

/// Writes a header up to the signature.
pub(crate) fn write_header(
    out: &mut Arena,
    head: &Arena,
    timestamp: &Arena,
    once: &Once<'_>,
    extra: &[(&'static str, &str)],
    body_hash: &[u8],
) {
    out.clear();
    out.all(head);
    out.all(timestamp);
    out.plain(b"\", oauth_nonce=\"");
    out.once(once.nonce.as_bytes());
    for (name, value) in extra {
        out.plain(b"\", ");
        out.once(name.as_bytes());
        out.plain(b"=\"");
        out.once(value.as_bytes());
    }
    if !body_hash.is_empty() {
        out.plain(b"\", oauth_body_hash=\"");
        out.once(body_hash);
    }
    out.plain(b"\", oauth_signature=\"");
}

pub(super) fn no_web() -> Misuse {
    Misuse::new("an absolute http or https URL to sign, without user information", "another one")
        .of("RFC 5849 §3.4.1.2")
        .with_hint("give the whole URL, without user and password")
}

fn signed_already() -> Misuse {
    Misuse::new("a request that is not signed yet", "one that carries a signature or an Authorization header already")
        .of("RFC 5849 §3.5")
        .with_hint("leave Authorization and all oauth_ parameters to the signer")
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("method", &self.method).field("placement", &self.placement).finish_non_exhaustive()
    }
}

/// Without query and form: they are the caller's, and may hold a password.
impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("body", &self.body)
            .field("form", &self.form.len())
            .finish_non_exhaustive()
    }
}

/// Without the nonce: nobody needs it twice.
impl fmt::Debug for Once<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("timestamp", &self.timestamp).finish_non_exhaustive()
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(…)")
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buffer(…)")
    }
}
