//! Signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A signature algorithm. `none` is not among them: what cannot be written down cannot be allowed by mistake.
///
/// ```
/// use keyfob_proto::jose::Algorithm;
///
/// assert_eq!(Algorithm::by_name("ES256"), Some(Algorithm::ES256));
/// assert_eq!(Algorithm::by_name("none"), None);
/// assert_eq!(Algorithm::by_name("es256"), None); // names are case-sensitive (RFC 7515 §4.1.1)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are those of the registry")]
pub enum Algorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    /// Ed25519, under the name that RFC 8037 gave to two curves.
    EdDSA,
    /// Ed25519, under its own name (RFC 9864).
    Ed25519,
}

impl Algorithm {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::Ed25519,
    ];

    /// The name, as `alg` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// Finds an algorithm by its name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    /// Whether the key is a secret that both sides know.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    /// The algorithm's own hash of a text: what `at_hash`, `c_hash` and `s_hash` are made with (OpenID Connect Core §3.1.3.6). For Ed25519
    /// that is SHA-512, which is inside the signature (RFC 8032 §5.1).
    pub(crate) fn hash(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::HS256 | Self::RS256 | Self::PS256 | Self::ES256 => Sha256::digest(text).to_vec(),
            Self::HS384 | Self::RS384 | Self::PS384 | Self::ES384 => Sha384::digest(text).to_vec(),
            Self::HS512 | Self::RS512 | Self::PS512 | Self::ES512 | Self::EdDSA | Self::Ed25519 => Sha512::digest(text).to_vec(),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The algorithms that one use allows (RFC 8725 §3.1): what was registered, or what the server's metadata says, never what a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithms(Vec<Algorithm>);

impl Algorithms {
    /// These.
    pub fn of(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let mut algorithms: Vec<_> = algorithms.into_iter().collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        Self(algorithms)
    }

    /// All whose keys can be published.
    pub fn asymmetric() -> Self {
        Self::of(Algorithm::ALL.iter().copied().filter(|algorithm| !algorithm.is_symmetric()))
    }

    /// Those of a metadata list that are known and asymmetric: a list that is not ours may narrow what is allowed, and must not talk us into
    /// taking a public key for a shared secret (CVE-2017-11424).
    pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self::of(names.into_iter().filter_map(Algorithm::by_name).filter(|algorithm| !algorithm.is_symmetric()))
    }

    /// Whether this one is allowed.
    pub fn allow(&self, algorithm: Algorithm) -> bool {
        self.0.contains(&algorithm)
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = Algorithm> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|algorithm| algorithm.name()).collect();
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e1_a_list_from_a_server_allows_neither_none_nor_shared_secrets() {
        let listed = Algorithms::listed(["none", "HS256", "RS256", "ES256K", "ES256"]);
        assert_eq!(listed, Algorithms::of([Algorithm::RS256, Algorithm::ES256]));
        assert!(Algorithms::asymmetric().iter().all(|algorithm| !algorithm.is_symmetric()));
        assert_eq!(Algorithms::asymmetric().iter().count(), Algorithm::ALL.len() - 3);
    }
}
