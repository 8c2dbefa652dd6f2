//! RSA signatures (RFC 5849 §3.4.3): PKCS #1 v1.5 (RFC 8017 §8.2) over the base string, by a key that whoever holds it keeps.
//!
//! The core signs through [`RsaSign`], so that the key may lie in an HSM or with a key service. For keys in files there are two back-ends, both
//! off by default because the core is pure and free of C without them:
//!
//! | feature    | signs                              | verifies   | by |
//! |------------|------------------------------------|------------|----|
//! | `aws-lc`   | RSA-SHA256, RSA-SHA512             | all        | aws-lc-rs, in C |
//! | `rsa-sha1` | RSA-SHA1, RSA-SHA256, RSA-SHA512   | all        | RustCrypto's `rsa`, slower, and see DESIGN.md before you use it on a server |
//!
//! Where both are there, aws-lc-rs does what it can.

#[cfg(feature = "aws-lc")]
mod aws_lc;
mod key_file;
#[cfg(feature = "rsa-sha1")]
mod rust_crypto;

use std::sync::Arc;

use key_file::{KeyFile, Kind};

use super::settings::{Hash, SignatureMethod};
use crate::encode;
use crate::entropy::Entropy;
use crate::error::Misuse;
use crate::secret::Secret;

/// A private RSA key that can sign: a file's, or one that never leaves its HSM.
///
/// ```
/// use keyfob_proto::{Entropy, Misuse, oauth1::{Hash, rsa::RsaSign}};
///
/// /// A key that a device holds.
/// struct Device;
///
/// impl RsaSign for Device {
///     fn sign(&self, hash: Hash, message: &[u8], _entropy: &dyn Entropy) -> Result<Vec<u8>, Misuse> {
///         # let ask = |_: Hash, _: &[u8]| Some(vec![0; 256]);
///         ask(hash, message).ok_or_else(|| Misuse::new("a signature by the device", "none").with_hint("is it plugged in?"))
///     }
/// }
/// ```
pub trait RsaSign: Send + Sync {
    /// The PKCS #1 v1.5 signature (RFC 8017 §8.2) of the message, which is not hashed yet. `entropy` is for blinding, where the key
    /// does not bring its own.
    ///
    /// # Errors
    ///
    /// `Misuse` if the key cannot sign, or not with this hash.
    fn sign(&self, hash: Hash, message: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, Misuse>;
}

/// A public RSA key that can verify.
pub trait RsaVerify: Send + Sync {
    /// Whether this is the key's PKCS #1 v1.5 signature (RFC 8017 §8.2) of the message.
    fn verifies(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool;
}

/// The value of `oauth_signature` for a [base string](super::base_string).
///
/// # Errors
///
/// `Misuse` if the method is none of RSA, or the key cannot sign.
pub fn signature(method: SignatureMethod, key: &dyn RsaSign, base_string: &str, entropy: &dyn Entropy) -> Result<String, Misuse> {
    let hash = method.hash().filter(|_| method.is_rsa()).ok_or_else(|| {
        Misuse::new("a signature method of RSA", method.name()).of("RFC 5849 §3.4.3").with_hint("choose RSA-SHA1, RSA-SHA256 or RSA-SHA512")
    })?;
    Ok(encode::base64(&key.sign(hash, base_string.as_bytes(), entropy)?))
}

/// A private key from PEM: PKCS #8 (`PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`), for this signature method. Parse it once: that costs more than
/// many signatures.
///
/// # Errors
///
/// `Misuse` if the method is none of RSA, the text no such key, the key encrypted or of less than 2048 bits, or if this build has no back-end that
/// signs so.
///
/// ```
/// use keyfob_proto::{Secret, oauth1::{SignatureMethod, rsa}};
///
/// let short = Secret::new("-----BEGIN RSA PRIVATE KEY-----\nMAYCAQACAQc=\n-----END RSA PRIVATE KEY-----\n");
/// let refused = rsa::private_key(&short, SignatureMethod::RsaSha256).err().expect("it is no key to sign with");
/// assert_eq!(refused.to_string(), "expected an RSA key of 2048 to 8192 bits (RFC 5849 §3.4.3), but found one of 3 bits");
/// ```
pub fn private_key(pem: &Secret, method: SignatureMethod) -> Result<Arc<dyn RsaSign>, Misuse> {
    if !method.is_rsa() {
        return Err(Misuse::new("a signature method of RSA", method.name())
            .of("RFC 5849 §3.4.3")
            .with_hint("choose RSA-SHA1, RSA-SHA256 or RSA-SHA512"));
    }
    let file = KeyFile::read(pem.expose(), Kind::Private)?;
    #[cfg(feature = "aws-lc")]
    if method != SignatureMethod::RsaSha1 {
        return aws_lc::private_key(&file);
    }
    #[cfg(feature = "rsa-sha1")]
    return rust_crypto::private_key(&file);
    #[cfg(not(feature = "rsa-sha1"))]
    {
        // The rest of the key was read to say what is wrong with it; nobody here can use it.
        let _ = (file.form(), file.der());
        let feature = match method {
            SignatureMethod::RsaSha1 => "rsa-sha1, which keyfob-proto, keyfob and keyfob-cli have",
            _ => "aws-lc or rsa-sha1 of keyfob-proto",
        };
        Err(Misuse::new(format!("a build that signs with {}", method.name()), "one that does not")
            .of("RFC 5849 §3.4.3")
            .with_hint(format!("build with the feature {feature}, or bring a key of your own (RsaSign)")))
    }
}

/// A public key from PEM: `PUBLIC KEY` (SubjectPublicKeyInfo, RFC 5280 §4.1) or `RSA PUBLIC KEY` (PKCS #1).
///
/// # Errors
///
/// `Misuse` if the text is no such key, the key has less than 2048 bits, or this build has no back-end.
pub fn public_key(pem: &str) -> Result<Arc<dyn RsaVerify>, Misuse> {
    let file = KeyFile::read(pem, Kind::Public)?;
    #[cfg(feature = "aws-lc")]
    return aws_lc::public_key(&file);
    #[cfg(all(feature = "rsa-sha1", not(feature = "aws-lc")))]
    return rust_crypto::public_key(&file);
    #[cfg(not(any(feature = "aws-lc", feature = "rsa-sha1")))]
    {
        let _ = (file.form(), file.der());
        Err(Misuse::new("a build that verifies RSA", "one that does not")
            .of("RFC 5849 §3.4.3")
            .with_hint("build keyfob-proto with the feature aws-lc or rsa-sha1"))
    }
}
