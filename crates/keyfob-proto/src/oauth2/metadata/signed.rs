//! Metadata that is signed (RFC 8414 §2.1): said again by the server under its own key, for those who know that key from somewhere else.

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
        let wrong = |expected: &str, found: &str| Misbehaved::new(SECTION, expected, found);
        let text = self.signed_metadata.as_deref().ok_or_else(|| wrong("signed metadata (\"signed_metadata\")", "none"))?;
        let jws = Jws::read(text)?;
        // Signed by the same keys, an ID token must not pass for this (RFC 8725 §3.11); §2.1 gives it no type of its own.
        if jws.header.media_type.as_deref().is_some_and(|kind| kind != "jwt") {
            return Err(wrong("signed metadata (\"typ\" of JWT, or none)", "another kind of text").into());
        }
        let claims = Claims::read(&jws.verify(keys, algorithms)?, SECTION)?;
        // §2.1: `iss` is who attests to it. With the issuer's keys that is the issuer, or somebody who only has its keys.
        if claims.required("iss", SECTION)? != self.issuer {
            return Err(wrong("metadata by the issuer (\"iss\")", "by another").into());
        }
        // RFC 7519 §4.1.3: whoever is not named in it must not use it, and metadata is for everybody.
        if claims.get("aud").is_some() {
            return Err(wrong("metadata for everybody", "a text that is addressed to somebody (\"aud\")").into());
        }
        claims.judge_times(SECTION, now)?;
        let mut document = self.document.clone();
        // §2.1: it should not be inside itself. Where it is, it counts for nothing.
        let about_the_server = claims.iter().filter(|(name, _)| !ABOUT_THE_TEXT.contains(name) && *name != "signed_metadata");
        document.extend(about_the_server.map(|(name, value)| (name.to_owned(), value.clone())));
        Ok(Self::of(&issuer_identifier(&self.issuer)?, document)?)
    }
}
