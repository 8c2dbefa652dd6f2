//! Private keys of ours, as text that people have: PEM or JWK.

use std::fmt;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::jwk::{Curve, Jwk, PublicKey};
use crate::encode;
use crate::error::Misuse;
use crate::secret::Secret;

/// A private key, read but not yet checked: [`Crypto::signer`](super::Crypto::signer) does that. It is wiped when dropped.
pub struct PrivateKey {
    pub(crate) form: Form,
    /// `kid`: what the server calls it, where it matters which of several keys it is.
    pub key_id: Option<String>,
    /// `alg` of a JWK: the one algorithm that its owner means it for.
    pub algorithm: Option<Algorithm>,
}

/// What the text was.
pub(crate) enum Form {
    /// PKCS #8 (RFC 5208): any kind of key.
    Pkcs8(Zeroizing<Vec<u8>>),
    /// PKCS #1 (RFC 8017 A.1.2): RSA.
    Pkcs1(Zeroizing<Vec<u8>>),
    /// SEC 1 (RFC 5915): an elliptic curve.
    Sec1(Zeroizing<Vec<u8>>),
    /// JWK: the public half, and the private members in the order of [`names`].
    Jwk(PublicKey, Vec<Zeroizing<Vec<u8>>>),
}

/// A key as it was read, for a back-end: not yet checked, and secret.
#[derive(Clone)]
#[non_exhaustive]
pub enum KeyBytes<'a> {
    /// PKCS #8 (RFC 5208), DER: any kind of key.
    Pkcs8(&'a [u8]),
    /// PKCS #1 (RFC 8017 A.1.2), DER: RSA.
    Pkcs1(&'a [u8]),
    /// SEC 1 (RFC 5915), DER: an elliptic curve.
    Sec1(&'a [u8]),
    /// A JWK (RFC 7518 §6, RFC 8037 §2).
    Jwk {
        /// The public half.
        public: &'a PublicKey,
        /// The private members, big-endian: `d` alone, or of RSA `d`, `p`, `q`, `dp`, `dq` and `qi`.
        private: Vec<&'a [u8]>,
    },
}

impl PrivateKey {
    /// Reads a PEM block (PKCS #8, PKCS #1 or SEC 1, without passphrase) or a private JWK.
    ///
    /// # Errors
    ///
    /// `Misuse` saying what was found instead; never with a part of the text.
    ///
    /// ```
    /// use keyfob_proto::Secret;
    /// use keyfob_proto::jose::PrivateKey;
    ///
    /// let pem = Secret::new("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n");
    /// assert!(PrivateKey::read(&pem).is_ok());
    /// assert!(PrivateKey::read(&Secret::new("a password")).is_err());
    /// ```
    pub fn read(text: &Secret) -> Result<Self, Misuse> {
        let text = text.expose().trim();
        if text.starts_with('{') {
            return Self::from_jwk(text.as_bytes());
        }
        let (label, der) = pem(text).ok_or_else(|| wrong("text that is neither a PEM block nor a JWK"))?;
        let form = match label {
            "PRIVATE KEY" => Form::Pkcs8(der),
            "RSA PRIVATE KEY" => Form::Pkcs1(der),
            "EC PRIVATE KEY" => Form::Sec1(der),
            "ENCRYPTED PRIVATE KEY" => {
                return Err(
                    wrong("one with a passphrase").with_hint("take the passphrase off: openssl pkcs8 -in KEY -out NEW; the vault seals it")
                );
            }
            label if label.contains("PUBLIC") || label.contains("CERTIFICATE") => return Err(wrong("a public key or certificate")),
            _ => return Err(wrong("another PEM block")),
        };
        Ok(Self { form, key_id: None, algorithm: None })
    }

    /// From PKCS #8, as a back-end makes new keys.
    pub fn from_pkcs8(der: &[u8]) -> Self {
        Self { form: Form::Pkcs8(Zeroizing::new(der.to_vec())), key_id: None, algorithm: None }
    }

    /// The key as PEM text, to be kept: sealed, like every secret. `None` for one that was read from a JWK, whose text is at hand.
    pub fn to_pem(&self) -> Option<Secret> {
        let (label, der) = match &self.form {
            Form::Pkcs8(der) => ("PRIVATE KEY", der),
            Form::Pkcs1(der) => ("RSA PRIVATE KEY", der),
            Form::Sec1(der) => ("EC PRIVATE KEY", der),
            Form::Jwk(..) => return None,
        };
        let body = Zeroizing::new(encode::base64(der));
        let mut text = String::with_capacity(body.len() * 66 / 64 + 64);
        text.push_str(&format!("-----BEGIN {label}-----\n"));
        for line in body.as_bytes().chunks(64) {
            text.extend(line.iter().map(|byte| char::from(*byte)));
            text.push('\n');
        }
        text.push_str(&format!("-----END {label}-----\n"));
        Some(Secret::new(text))
    }

    /// The key's own bytes, for a back-end that is not ours ([`Crypto`](super::Crypto)).
    ///
    /// ```
    /// use keyfob_proto::Secret;
    /// use keyfob_proto::jose::{KeyBytes, PrivateKey};
    ///
    /// let jwk = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// let key = PrivateKey::read(&Secret::new(jwk))?;
    /// let KeyBytes::Jwk { private, .. } = key.expose() else { panic!("it was a JWK") };
    /// assert_eq!(private[0].len(), 32);
    /// # Ok::<(), keyfob_proto::Misuse>(())
    /// ```
    pub fn expose(&self) -> KeyBytes<'_> {
        match &self.form {
            Form::Pkcs8(der) => KeyBytes::Pkcs8(der),
            Form::Pkcs1(der) => KeyBytes::Pkcs1(der),
            Form::Sec1(der) => KeyBytes::Sec1(der),
            Form::Jwk(public, private) => KeyBytes::Jwk { public, private: private.iter().map(|member| member.as_slice()).collect() },
        }
    }

    /// Under this `kid`.
    #[must_use]
    pub fn named(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    fn from_jwk(json: &[u8]) -> Result<Self, Misuse> {
        let mut members = crate::oauth2::json::object(json).map_err(|found| wrong(&found))?;
        let private = names(&members).ok_or_else(|| wrong("a JWK whose type is not used here"))?;
        let mut secrets = Vec::new();
        for name in private {
            let text = members.remove(*name).ok_or_else(|| wrong(&format!("a JWK without \"{name}\"")))?;
            let bytes = text
                .as_str()
                .and_then(encode::base64url_decode)
                .ok_or_else(|| wrong(&format!("a JWK whose \"{name}\" is no base64url")))?;
            secrets.push(Zeroizing::new(bytes));
        }
        let public = Jwk::of(&members).map_err(|found| wrong(&found))?;
        let algorithm = public.algorithm.as_deref().and_then(Algorithm::by_name);
        Ok(Self { form: Form::Jwk(public.key, secrets), key_id: public.key_id, algorithm })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self {
            Self::Pkcs8(_) => "Pkcs8",
            Self::Pkcs1(_) => "Pkcs1",
            Self::Sec1(_) => "Sec1",
            Self::Jwk { .. } => "Jwk",
        };
        f.debug_tuple(form).finish_non_exhaustive()
    }
}

/// The private members of a JWK (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2).
fn names(members: &Map<String, Value>) -> Option<&'static [&'static str]> {
    match members.get("kty").and_then(Value::as_str)? {
        "RSA" => Some(&["d", "p", "q", "dp", "dq", "qi"]),
        "EC" if Curve::by_name(members.get("crv")?.as_str()?).is_some() => Some(&["d"]),
        "OKP" => Some(&["d"]),
        _ => None,
    }
}

/// Label and bytes of the first block (RFC 7468).
fn pem(text: &str) -> Option<(&str, Zeroizing<Vec<u8>>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: Zeroizing<String> = Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    Some((label, Zeroizing::new(encode::base64_decode(&body)?)))
}

fn wrong(found: &str) -> Misuse {
    Misuse::new("a private key as PEM (PKCS #8, PKCS #1 or SEC 1) or JWK", found)
        .of("RFC 7517 §4")
        .with_hint("give the whole file, from BEGIN to END; an encrypted one has to be decrypted first")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PrivateKey, String> {
        PrivateKey::read(&Secret::new(text)).map_err(|misuse| misuse.found.to_string())
    }

    #[test]
    fn a_pem_block_is_known_by_its_label() {
        let block = |label: &str| read(&format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n"));
        assert!(matches!(block("PRIVATE KEY").expect("a key").form, Form::Pkcs8(_)));
        assert!(matches!(block("RSA PRIVATE KEY").expect("a key").form, Form::Pkcs1(_)));
        assert!(matches!(block("EC PRIVATE KEY").expect("a key").form, Form::Sec1(_)));
        for (label, found) in [
            ("ENCRYPTED PRIVATE KEY", "one with a passphrase"),
            ("PUBLIC KEY", "a public key or certificate"),
            ("RSA PUBLIC KEY", "a public key or certificate"),
            ("CERTIFICATE", "a public key or certificate"),
            ("OPENSSH PRIVATE KEY", "another PEM block"),
        ] {
            assert_eq!(block(label).err().as_deref(), Some(found), "{label}");
        }
        assert_eq!(read("hunter2").err().as_deref(), Some("text that is neither a PEM block nor a JWK"));
    }

    #[test]
    fn a_jwk_is_of_a_type_and_a_curve_that_are_used_here() {
        let found = |jwk: &str| read(jwk).err().unwrap_or_default();
        assert_eq!(found(r#"{"kty":"oct","k":"AAAA"}"#), "a JWK whose type is not used here");
        assert_eq!(found(r#"{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA","d":"AAAA"}"#), "a JWK whose type is not used here");
        assert_eq!(found(r#"{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}"#), "a JWK without \"d\"");
    }
}
