//! Signing a request and placing the protocol parameters (RFC 5849 §3.1, §3.5).

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Uri};

use super::base_string::{Parameters, Target, compose};
use super::settings::{Placement, SignatureMethod};
use super::signature::Key;
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
    // A quoted-string (RFC 7235 §2.2).
    let realm = realm.map(|realm| format!("realm=\"{}\"", realm.replace('\\', "\\\\").replace('"', "\\\"")));
    let parameters = protocol.iter().map(|(name, text)| format!("{}=\"{}\"", encode::percent(name), encode::percent(text)));
    format!("OAuth {}", realm.into_iter().chain(parameters).collect::<Vec<_>>().join(", "))
}

/// Who signs, and how.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) consumer_key: String,
    pub(crate) token: Option<Secret>,
    pub(crate) method: SignatureMethod,
    pub(crate) key: Key,
    pub(crate) placement: Placement,
    pub(crate) realm: Option<String>,
}

/// A nonce and the second it belongs to: a retry is signed again, with a new one (§3.3).
pub(crate) struct Once {
    pub(crate) nonce: String,
    pub(crate) timestamp: Timestamp,
}

impl Once {
    pub(crate) fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self { nonce: nonce128(entropy), timestamp: now }
    }
}

/// Everything on the way to a signature; what `explain` shows.
pub(crate) struct Signed {
    pub(crate) protocol: Vec<(&'static str, String)>,
    pub(crate) base_uri: String,
    pub(crate) normalised: String,
    pub(crate) base_string: String,
}

impl Signer {
    /// Signs the request and places the protocol parameters in it. Where they go into the form body, the new body comes back.
    ///
    /// What was signed is what must be sent: the URI in `parts` byte for byte.
    pub(crate) fn sign(
        &self,
        parts: &mut Parts,
        body: Body<'_>,
        extra: &[(&'static str, &str)],
        once: &Once,
    ) -> Result<Option<Vec<u8>>, Misuse> {
        let signed = self.compute(parts, body, extra, once)?;
        self.place(parts, body, &signed.protocol)
    }

    /// The signature and every intermediate value.
    pub(crate) fn compute(&self, parts: &Parts, body: Body<'_>, extra: &[(&'static str, &str)], once: &Once) -> Result<Signed, Misuse> {
        let target = Target::of(&parts.uri)
            .filter(|_| Origin::of(&parts.uri).is_some())
            .ok_or_else(|| Misuse::new("an absolute http or https URL to sign, without user information", "another one"))?;
        self.refuse_plaintext_in_the_open(&parts.uri)?;
        let timestamp = once.timestamp.as_unix().to_string();
        let mut protocol: Vec<(&'static str, String)> = vec![
            ("oauth_consumer_key", self.consumer_key.clone()),
            ("oauth_signature_method", self.method.name().to_owned()),
            ("oauth_timestamp", timestamp),
            ("oauth_nonce", once.nonce.clone()),
            ("oauth_version", "1.0".to_owned()),
        ];
        protocol.extend(self.token.iter().map(|token| ("oauth_token", token.expose().to_owned())));
        protocol.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.refuse_second_signature(parts, target, body, &protocol)?;

        let mut parameters = Parameters::default();
        parameters.add_raw(target.query.unwrap_or("").as_bytes());
        if let Body::Form(bytes) = body {
            parameters.add_raw(bytes);
        }
        for (name, value) in &protocol {
            parameters.add(name, value);
        }
        let normalised = parameters.normalised();
        let base_string = compose(parts.method.as_str(), target, &mut parameters);
        protocol.push(("oauth_signature", self.key.sign(&base_string)));
        Ok(Signed { protocol, base_uri: target.base_uri(), normalised, base_string })
    }

    fn place(&self, parts: &mut Parts, body: Body<'_>, protocol: &[(&'static str, String)]) -> Result<Option<Vec<u8>>, Misuse> {
        let pairs = || encode::form_pairs(protocol.iter().map(|(name, value)| (*name, value.as_str())));
        match self.placement {
            Placement::Header => {
                let protocol: Vec<_> = protocol.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let value = authorization_header(self.realm.as_deref(), &protocol);
                parts.headers.insert(AUTHORIZATION, secret_header_value(&AUTHORIZATION, &value)?);
                Ok(None)
            }
            Placement::Query => {
                parts.uri = with_query(&parts.uri, &pairs())?;
                Ok(None)
            }
            Placement::Body => {
                let Body::Form(bytes) = body else {
                    return Err(Misuse::new("a form body to put the protocol parameters in (RFC 5849 §3.5.2)", "another body or none"));
                };
                parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                let mut body = bytes.to_vec();
                if !body.is_empty() {
                    body.push(b'&');
                }
                body.extend_from_slice(pairs().as_bytes());
                Ok(Some(body))
            }
        }
    }

    /// PLAINTEXT shows the secrets to everyone on the way (§3.4.4).
    fn refuse_plaintext_in_the_open(&self, uri: &Uri) -> Result<(), Misuse> {
        let safe = uri.scheme_str() == Some("https") || Origin::of(uri).is_some_and(|origin| origin.is_loopback());
        if self.method == SignatureMethod::Plaintext && !safe {
            return Err(Misuse::new("https for PLAINTEXT signatures (RFC 5849 §3.4.4)", "plain http off loopback"));
        }
        Ok(())
    }

    /// Protocol parameters that are there twice make a request no server may accept (§3.1).
    fn refuse_second_signature(
        &self,
        parts: &Parts,
        target: Target<'_>,
        body: Body<'_>,
        protocol: &[(&'static str, String)],
    ) -> Result<(), Misuse> {
        let form = if let Body::Form(bytes) = body { bytes } else { &[] };
        let query = target.query.unwrap_or("").as_bytes();
        let ours = |name: &[u8]| name == b"oauth_signature" || protocol.iter().any(|(known, _)| known.as_bytes() == name);
        let placed = [query, form].into_iter().flat_map(encode::raw_pairs).any(|(name, _)| ours(&encode::decode(name)));
        if placed || (self.placement == Placement::Header && parts.headers.contains_key(AUTHORIZATION)) {
            return Err(Misuse::new("a request that is not signed yet", "one that carries a signature or an Authorization header already"));
        }
        Ok(())
    }
}
