//! Secrets: text that must not be printed, logged, compared in variable time, or left in memory.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Text that is worth stealing: a token, a client secret, a `state`, a PKCE verifier.
///
/// It has no `Display`, its `Debug` shows nothing of the text, it is wiped when dropped, and it does not serialise
/// by itself: only types made to be stored do, by naming [`stored`] on the field.
///
/// ```
/// use keyfob_proto::Secret;
///
/// let token = Secret::new("nobody-may-see-this");
/// assert_eq!(format!("{token:?}"), "Secret(…)");
/// assert_eq!(token.expose(), "nobody-may-see-this");
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes text into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. The name is meant to show in review: whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in time that depends on the lengths alone.
    pub fn same_as(&self, other: &str) -> bool {
        SecretRef::from(self).same_as(other)
    }

    /// Twelve hexadecimal digits that tell two secrets apart without telling what they are (SHA-256, cut short).
    /// For diagnosis: "who spent refresh token 3f9a…?".
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A secret that is somebody else's: it is shown, logged and compared no more than a [`Secret`], and whoever has it in custody wipes it.
#[derive(Clone, Copy)]
pub struct SecretRef<'a>(&'a str);

impl<'a> SecretRef<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The text itself; see [`Secret::expose`].
    pub fn expose(self) -> &'a str {
        self.0
    }

    /// Compares in time that depends on the lengths alone.
    pub fn same_as(self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }

    /// A copy in custody of its own.
    pub fn to_secret(self) -> Secret {
        Secret::new(self.0)
    }
}

impl<'a> From<&'a Secret> for SecretRef<'a> {
    fn from(secret: &'a Secret) -> Self {
        Self(&secret.0)
    }
}

impl fmt::Debug for SecretRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Zeroize for Secret {
    fn zeroize(&mut self) {
        wipe_all(&mut std::mem::take(&mut self.0).into_bytes());
    }
}

impl ZeroizeOnDrop for Secret {}

impl Drop for Secret {
    fn drop(&mut self) {
        self.zeroize();
    }
}

/// Bytes that may hold a secret: wiped when they go.
#[derive(Clone, Default)]
pub(crate) struct Wiped(Vec<u8>);

impl Wiped {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// For whoever takes them over, and then has to see to it.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl From<Vec<u8>> for Wiped {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe_all(&mut self.0);
    }
}

/// Writes zeroes over bytes. All of them in one go, where volatile writes go byte by byte: for the tokens of an answer that took as long as reading it. The
/// barrier is what keeps the compiler from leaving out writes that nobody reads.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    zeroize::optimization_barrier(bytes);
}

/// The same for all that a buffer has room for: what was longer once left its end there.
pub(crate) fn wipe_all(bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.resize(bytes.capacity(), 0);
    zeroize::optimization_barrier(bytes.as_slice());
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Serialisation in clear, for the fields of types made to be stored: `#[serde(with = "keyfob_proto::secret::stored")]`.
/// Whoever serialises such a type seals the result (see the crate `keyfob-store`).
#[allow(clippy::missing_errors_doc, reason = "they are the serializer's")]
pub mod stored {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Secret;

    /// Writes the text itself.
    pub fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    /// Reads text into custody.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }

    /// The same for a secret that may be absent.
    pub mod option {
        use serde::{Deserialize, Deserializer, Serializer};

        use super::Secret;

        /// Writes the text itself, or nothing.
        pub fn serialize<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
            match secret {
                Some(secret) => serializer.serialize_some(secret.expose()),
                None => serializer.serialize_none(),
            }
        }

        /// Reads text into custody, or nothing.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
            Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
        }
    }

    /// The same for named secrets.
    pub mod map {
        use std::collections::BTreeMap;

        use serde::{Deserialize, Deserializer, Serializer};

        use super::Secret;

        /// Writes each text itself.
        pub fn serialize<S: Serializer>(map: &BTreeMap<String, Secret>, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(map.iter().map(|(name, secret)| (name, secret.expose())))
        }

        /// Reads each text into custody.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Secret>, D::Error> {
            let plain = BTreeMap::<String, String>::deserialize(deserializer)?;
            Ok(plain.into_iter().map(|(name, text)| (name, Secret::new(text))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Some(Secret::new("abc"))), "Some(Secret(…))");
    }

    #[test]
    fn what_is_wiped_is_gone_and_what_was_behind_it_too() {
        let mut bytes = b"a-token-that-was-longer-once".to_vec();
        let room = bytes.capacity();
        bytes.truncate(7);
        wipe_all(&mut bytes);
        assert!(bytes.len() == room && bytes.iter().all(|&byte| byte == 0), "{bytes:?}");
        let mut secret = Secret::new("abc");
        secret.zeroize();
        assert!(secret.is_empty());
    }

    #[test]
    fn comparison_is_by_content() {
        assert!(Secret::new("abc").same_as("abc"));
        assert!(!Secret::new("abc").same_as("abd"));
        assert!(!Secret::new("abc").same_as("ab"));
    }

    #[test]
    fn fingerprints_differ_and_hide() {
        let one = Secret::new("refresh-1").fingerprint();
        assert_ne!(one, Secret::new("refresh-2").fingerprint());
        assert_eq!(one.len(), 12);
        assert!(!one.contains("refresh"));
    }
}
