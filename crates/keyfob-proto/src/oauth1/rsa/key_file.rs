//! RSA keys in PEM (RFC 7468): which of four forms it is, and how long the key is, before a back-end sees it.
//!
//! Back-ends say "invalid encoding" to an encrypted key, an elliptic one and a short one alike. Whoever holds the file wants to know which.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::Misuse;

/// Shorter ones can be factored by somebody; longer ones are a way to keep a server busy.
const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// More is no key.
const LONGEST: usize = 64 * 1024;

/// Which half of a key is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Private,
    Public,
}

/// How a key is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `PRIVATE KEY` (RFC 5958).
    Pkcs8,
    /// `RSA PRIVATE KEY` (RFC 8017 A.1.2).
    Pkcs1,
    /// `PUBLIC KEY` (RFC 5280 §4.1).
    Spki,
    /// `RSA PUBLIC KEY` (RFC 8017 A.1.1).
    Pkcs1Public,
}

/// A key that is an RSA key of a good length, as far as can be seen from outside.
pub(super) struct KeyFile {
    form: Form,
    der: Zeroizing<Vec<u8>>,
}

impl KeyFile {
    /// The first block of the kind that is asked for; others (a certificate, parameters) are passed over.
    pub(super) fn read(pem: &str, kind: Kind) -> Result<Self, Misuse> {
        let file = Self::read_any_length(pem, kind)?;
        match file.bits() {
            Some(bits) if BITS.contains(&bits) => Ok(file),
            Some(bits) => Err(Misuse::new("an RSA key of 2048 to 8192 bits", format!("one of {bits} bits"))
                .of("RFC 5849 §3.4.3")
                .with_hint("make a new key pair, and register its public key with the provider")),
            None => Err(Misuse::new("an RSA key", "a key of another kind, or a broken one")
                .of("RFC 5849 §3.4.3")
                .with_hint("make one with: openssl genrsa -out key.pem 2048")),
        }
    }

    pub(super) fn read_any_length(pem: &str, kind: Kind) -> Result<Self, Misuse> {
        let expected = match kind {
            Kind::Private => "a private key in PEM (-----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----)",
            Kind::Public => "a public key in PEM (-----BEGIN PUBLIC KEY----- or -----BEGIN RSA PUBLIC KEY-----)",
        };
        let wrong = |found: &str| {
            Misuse::new(expected, found)
                .of("RFC 5849 §3.4.3")
                .with_hint("give the whole file, from BEGIN to END; an encrypted one has to be decrypted first")
        };
        if pem.len() > LONGEST {
            return Err(wrong("a very long text"));
        }
        let mut other = "another text";
        for (label, text) in blocks(pem) {
            let form = match (label, kind) {
                ("PRIVATE KEY", Kind::Private) => Form::Pkcs8,
                ("RSA PRIVATE KEY", Kind::Private) => Form::Pkcs1,
                ("PUBLIC KEY", Kind::Public) => Form::Spki,
                ("RSA PUBLIC KEY", Kind::Public) => Form::Pkcs1Public,
                ("ENCRYPTED PRIVATE KEY", Kind::Private) => {
                    other = "an encrypted key";
                    continue;
                }
                ("PUBLIC KEY" | "RSA PUBLIC KEY", Kind::Private) => {
                    other = "a public key";
                    continue;
                }
                ("PRIVATE KEY" | "RSA PRIVATE KEY", Kind::Public) => {
                    other = "a private key, which belongs to the client alone";
                    continue;
                }
                ("EC PRIVATE KEY" | "DSA PRIVATE KEY" | "OPENSSH PRIVATE KEY", _) => {
                    other = "a key of another kind";
                    continue;
                }
                _ => continue,
            };
            // RFC 1421's way to encrypt, which OpenSSL had for PKCS #1: `Proc-Type: 4,ENCRYPTED`.
            if text.contains(':') {
                return Err(wrong("an encrypted key").with_hint("decrypt it first: openssl rsa -in KEY -out PLAIN"));
            }
            let text = Zeroizing::new(text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<u8>>());
            let der = STANDARD.decode(&*text).map_err(|_| wrong("a block that is no base64"))?;
            return Ok(Self { form, der: Zeroizing::new(der) });
        }
        Err(wrong(other))
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The length of the modulus.
    fn bits(&self) -> Option<usize> {
        const SEQUENCE: u8 = 0x30;
        const INTEGER: u8 = 0x02;
        const BIT_STRING: u8 = 0x03;
        const OCTET_STRING: u8 = 0x04;
        // 1.2.840.113549.1.1.1, rsaEncryption.
        const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

        let (mut key, _) = element(&self.der, SEQUENCE)?;
        if self.form == Form::Pkcs8 {
            let (_version, rest) = element(key, INTEGER)?;
            let (algorithm, rest) = element(rest, SEQUENCE)?;
            let (inner, _) = element(rest, OCTET_STRING).filter(|_| algorithm.starts_with(RSA))?;
            key = element(inner, SEQUENCE)?.0;
        } else if self.form == Form::Spki {
            let (algorithm, rest) = element(key, SEQUENCE)?;
            let (inner, _) = element(rest, BIT_STRING).filter(|_| algorithm.starts_with(RSA))?;
            key = element(inner.strip_prefix(&[0])?, SEQUENCE)?.0;
        }
        if matches!(self.form, Form::Pkcs8 | Form::Pkcs1) {
            key = element(key, INTEGER)?.1;
        }
        let (modulus, _) = element(key, INTEGER)?;
        let first = modulus.iter().position(|&byte| byte != 0)?;
        let leading = usize::try_from(modulus[first].leading_zeros()).ok()?;
        Some((modulus.len() - first) * 8 - leading)
    }
}

/// The blocks of a PEM text: label and what is between the lines.
fn blocks(pem: &str) -> impl Iterator<Item = (&str, &str)> {
    pem.split("-----BEGIN ").skip(1).filter_map(|block| {
        let (label, rest) = block.split_once("-----")?;
        let (text, end) = rest.split_once("-----END ")?;
        end.strip_prefix(label)?.starts_with("-----").then_some((label, text))
    })
}

/// The content of a DER element (X.690 §8.1) with this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
            (length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(pem: &str, kind: Kind) -> String {
        KeyFile::read(pem, kind).err().expect("refused").found
    }

    #[test]
    fn what_is_wrong_with_a_key_is_said() {
        let block = |label: &str, text: &str| format!("some text\n-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
        assert_eq!(refused("", Kind::Private), "another text");
        assert_eq!(refused(&block("ENCRYPTED PRIVATE KEY", "AAAA"), Kind::Private), "an encrypted key");
        let encrypted = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA";
        assert_eq!(refused(&block("RSA PRIVATE KEY", encrypted), Kind::Private), "an encrypted key");
        assert_eq!(refused(&block("PUBLIC KEY", "AAAA"), Kind::Private), "a public key");
        assert_eq!(refused(&block("PRIVATE KEY", "AAAA"), Kind::Public), "a private key, which belongs to the client alone");
        assert_eq!(refused(&block("EC PRIVATE KEY", "AAAA"), Kind::Private), "a key of another kind");
        assert_eq!(refused(&block("PRIVATE KEY", "no base64!"), Kind::Private), "a block that is no base64");
        assert_eq!(refused(&block("PRIVATE KEY", "AAAA"), Kind::Private), "a key of another kind, or a broken one");
        assert_eq!(refused(&"x".repeat(LONGEST + 1), Kind::Private), "a very long text");
        assert_eq!(refused(&"x".repeat(LONGEST), Kind::Private), "another text");
        assert_eq!(refused("-----BEGIN PRIVATE KEY-----AAAA-----END PUBLIC KEY-----", Kind::Private), "another text");
    }

    /// A DER element (X.690 §8.1).
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let (high, low) = (u8::try_from(content.len() >> 8).expect("short"), (content.len() & 0xff) as u8);
        [&[tag, 0x82, high, low], content].concat()
    }

    #[test]
    fn i12_a_key_is_as_long_as_its_modulus_in_each_of_the_four_forms() {
        const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
        let number = |bytes: &[u8]| der(0x02, bytes);
        let read = |label: &str, key: &[u8], kind| {
            let text = crate::encode::base64(key);
            KeyFile::read(&format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n"), kind)
        };
        // The first byte is a zero where the highest bit of the next is set (X.690 §8.3.3).
        let moduli =
            [(1024, [0, 0x80], 127), (2047, [0, 0x40], 255), (2048, [0, 0x80], 255), (2049, [0x01, 0], 255), (8192, [0, 0xff], 1023)];
        for (bits, first, more) in moduli.into_iter().chain([(8193, [0x01, 0], 1023)]) {
            let modulus = number(&[&first[..], &vec![0x55; more]].concat());
            let public = der(0x30, &[modulus.clone(), number(&[1, 0, 1])].concat());
            let private = der(0x30, &[number(&[0]), modulus, number(&[1, 0, 1])].concat());
            let algorithm = der(0x30, RSA);
            let spki = der(0x30, &[algorithm.clone(), der(0x03, &[&[0], &public[..]].concat())].concat());
            let pkcs8 = der(0x30, &[number(&[0]), algorithm, der(0x04, &private)].concat());
            for (label, key, kind, form) in [
                ("PRIVATE KEY", &pkcs8, Kind::Private, Form::Pkcs8),
                ("RSA PRIVATE KEY", &private, Kind::Private, Form::Pkcs1),
                ("PUBLIC KEY", &spki, Kind::Public, Form::Spki),
                ("RSA PUBLIC KEY", &public, Kind::Public, Form::Pkcs1Public),
            ] {
                match read(label, key, kind) {
                    Ok(file) => assert!((2048..=8192).contains(&bits) && file.form() == form && file.der() == *key, "{label} {bits}"),
                    Err(misuse) => assert_eq!(misuse.found, format!("one of {bits} bits"), "{label}"),
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(text: String, der: Vec<u8>) {
            let _ = KeyFile::read(&text, Kind::Private);
            for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "PUBLIC KEY", "RSA PUBLIC KEY"] {
                let pem = format!("-----BEGIN {label}-----{}-----END {label}-----", crate::encode::base64(&der));
                let _ = (KeyFile::read(&pem, Kind::Private), KeyFile::read(&pem, Kind::Public));
            }
        }
    }
}
