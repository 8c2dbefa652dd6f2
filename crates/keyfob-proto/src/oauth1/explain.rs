//! Every intermediate value of a signature, for the person who has to find out why a server refuses it.

use std::fmt;

use http::request::Parts;

use super::base_string::decoded_part;
use super::client::Client;
use super::sign::{Buffer, Nonce, Once};
use crate::encode;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::message::Body;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::token::OAuth1Tokens;

/// Every step from request to signature (RFC 5849 §3.4). Secrets, the token and a PLAINTEXT signature are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The base string URI (§3.4.1.2).
    pub base_uri: String,
    /// Every parameter that is signed: name and value, decoded, in the order they were gathered.
    pub parameters: Vec<(String, String)>,
    /// The normalised parameters (§3.4.1.3.2).
    pub normalised: String,
    /// The signature base string (§3.4.1.1).
    pub base_string: String,
    /// What the key consists of (§3.4.2, §3.4.3).
    pub key_shape: String,
    /// The signature method.
    pub method: &'static str,
    /// `oauth_signature`; masked for PLAINTEXT, which is the secrets themselves.
    pub signature: String,
}

impl Client {
    /// Signs a request, and shows how instead of changing it. The signature is the one that [`Client::sign`] would place in the header,
    /// at this time and with this entropy.
    ///
    /// # Errors
    ///
    /// As for [`Client::sign`].
    pub fn explain(
        &self,
        tokens: &OAuth1Tokens,
        parts: &Parts,
        body: Body<'_>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Explanation, Error> {
        let (signer, mut buffer, nonce) = (self.signer(Some(tokens))?, Buffer::new(), Nonce::new(entropy));
        let once = Once { nonce: nonce.as_str(), timestamp: now, entropy };
        signer.compute(super::Placement::Header, parts, body, &[], &once, &mut buffer)?;
        let (protocol, base_string) = (signer.protocol(&[], &once, &buffer), buffer.base_string());
        let scrubber = self.scrubber().knowing(&tokens.token).knowing(&tokens.secret);
        let mask = |text: &str| scrubber.mask(text);
        let plaintext = signer.method == super::SignatureMethod::Plaintext;
        let signature = protocol.last().map_or("", |(_, signature)| signature);
        let form = if let Body::Form(bytes) = body { bytes } else { &[] };
        let own = [parts.uri.query().unwrap_or("").as_bytes(), form].into_iter().flat_map(encode::decode_pairs);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let parameters = own
            .map(|(name, value)| (text(name), text(value)))
            .chain(protocol.iter().filter(|(name, _)| *name != "oauth_signature").map(|(name, value)| ((*name).to_owned(), value.clone())))
            .map(|(name, value)| (mask(&name), mask(&value)))
            .collect();
        Ok(Explanation {
            base_uri: decoded_part(base_string, 1),
            parameters,
            normalised: mask(&decoded_part(base_string, 2)),
            base_string: mask(base_string),
            key_shape: if signer.method.is_rsa() { "an RSA private key".to_owned() } else { self.key_shape(&tokens.secret) },
            method: signer.method.name(),
            signature: if plaintext { "<secret>".to_owned() } else { signature.to_owned() },
        })
    }

    fn key_shape(&self, token_secret: &Secret) -> String {
        let shape = |what: &str, text: &str| match (text.chars().count(), encode::percent(text) == text) {
            (0, _) => format!("no {what}"),
            (length, true) => format!("{what} of {length} characters"),
            (length, false) => format!("{what} of {length} characters, percent-encoded"),
        };
        let consumer_secret = self.app_secret().map_or("", Secret::expose);
        format!("{} & {}", shape("consumer secret", consumer_secret), shape("token secret", token_secret.expose()))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "base URI      {}", self.base_uri)?;
        for (name, value) in &self.parameters {
            writeln!(f, "parameter     {name} = {value}")?;
        }
        writeln!(f, "normalised    {}", self.normalised)?;
        writeln!(f, "base string   {}", self.base_string)?;
        writeln!(f, "key           {}", self.key_shape)?;
        write!(f, "{:<13} {}", self.method, self.signature)
    }
}
