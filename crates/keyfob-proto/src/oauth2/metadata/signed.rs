//! Metadata that is signed (RFC 8414 §2.1, RFC 9728 §2.2): said again under a key, for those who know that key from somewhere else.

use serde_json::{Map, Value};

use super::Metadata;
use super::discovery::issuer_identifier;
use crate::error::{Error, Misbehaved};
use crate::jose::jwt::Claims;
use crate::jose::{Algorithms, Jws, Keys};
use crate::time::Timestamp;

const SECTION: &str = "RFC 8414 §2.1";

/// What a signed text says about itself, and not about the server (RFC 7519 §4.1).
const ABOUT_THE_TEXT: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

impl Metadata {
    /// What the server says under its signature. Signed values take the place of the plain ones (§2.1); what is not signed stays as it was said.
    ///
    /// The keys have to be known from somewhere else: a provider file, a registration, an operator. Those that the metadata itself leads to
    /// (`jwks_uri`) would be by whoever wrote the metadata, and prove nothing. Whoever relies on the signature asks for it each time the metadata is
    /// fetched, since plain metadata is good metadata to everybody else.
    ///
    /// # Errors
    ///
    /// `Misbehaved` where nothing is signed (somebody may have taken it out), for a signature that is not by these keys and algorithms, for another `iss`
    /// than the issuer, a text that has ended or is addressed to somebody, and as for metadata that is plain. [`Misbehaved::is_unknown_key`] says that
    /// other keys may help.
    pub fn signed(&self, keys: &Keys<'_>, algorithms: &Algorithms, now: Timestamp) -> Result<Self, Error> {
        // With the issuer's keys, who attests is the issuer, or somebody who only has its keys.
        let signed = Signed { text: self.signed_metadata.as_deref(), section: SECTION, attester: &self.issuer };
        let document = signed.over(&self.document, keys, algorithms, now)?;
        Ok(Self::of(&issuer_identifier(&self.issuer)?, document)?)
    }
}

/// The text in which somebody says metadata under a signature.
pub(in crate::oauth2) struct Signed<'a> {
    pub(in crate::oauth2) text: Option<&'a str>,
    pub(in crate::oauth2) section: &'static str,
    /// `iss`: who attests to it.
    pub(in crate::oauth2) attester: &'a str,
}

impl Signed<'_> {
    /// The plain document, with what is signed in the place of what is not.
    pub(in crate::oauth2) fn over(
        &self,
        plain: &Map<String, Value>,
        keys: &Keys<'_>,
        algorithms: &Algorithms,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Misbehaved> {
        let wrong = |expected: &str, found: &str| Misbehaved::new(self.section, expected, found);
        let text = self.text.ok_or_else(|| wrong("signed metadata (\"signed_metadata\")", "none"))?;
        let jws = Jws::read(text)?;
        // Signed by the same keys, an ID token must not pass for this (RFC 8725 §3.11); neither RFC gives it a type of its own.
        if jws.header.media_type.as_deref().is_some_and(|kind| kind != "jwt") {
            return Err(wrong("signed metadata (\"typ\" of JWT, or none)", "another kind of text"));
        }
        let claims = Claims::read(&jws.verify(keys, algorithms)?, self.section)?;
        if claims.required("iss", self.section)? != self.attester {
            return Err(wrong("metadata by who attests to it (\"iss\")", "by another"));
        }
        // RFC 7519 §4.1.3: whoever is not named in it must not use it, and metadata is for everybody.
        if claims.get("aud").is_some() {
            return Err(wrong("metadata for everybody", "a text that is addressed to somebody (\"aud\")"));
        }
        claims.judge_times(self.section, now)?;
        let mut document = plain.clone();
        // It should not be inside itself. Where it is, it counts for nothing.
        let about_the_server = claims.iter().filter(|(name, _)| !ABOUT_THE_TEXT.contains(name) && *name != "signed_metadata");
        document.extend(about_the_server.map(|(name, value)| (name.to_owned(), value.clone())));
        Ok(document)
    }
}
