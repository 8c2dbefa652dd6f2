//! Public keys (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::algorithm::Algorithm;
use crate::encode;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKey {
    /// RSA: modulus and exponent, big-endian, without leading zeros.
    Rsa {
        /// `n`.
        modulus: Vec<u8>,
        /// `e`.
        exponent: Vec<u8>,
    },
    /// A point on an elliptic curve.
    Ec {
        /// `crv`.
        curve: Curve,
        /// `x`, as long as the curve's numbers are.
        x: Vec<u8>,
        /// `y`, as long as the curve's numbers are.
        y: Vec<u8>,
    },
    /// Ed25519.
    Ed25519(
        /// `x`.
        [u8; 32],
    ),
}

/// A curve of RFC 7518 §6.2.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the registry")]
pub enum Curve {
    P256,
    P384,
    P521,
}

/// The shortest RSA modulus that is taken (RFC 7518 §3.3), in bits.
const LEAST_RSA: usize = 2048;
/// The longest, in bits: checking takes longer the longer it is.
const MOST_RSA: usize = 8192;

impl Curve {
    /// The name, as `crv` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// How many bytes its numbers have.
    pub const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    pub(crate) fn by_name(name: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| curve.name() == name)
    }
}

impl PublicKey {
    /// Whether this kind of key goes with this algorithm. The algorithm decides on the kind, not the key's owner: an RSA key is never an HMAC
    /// secret (CVE-2024-37568).
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::*;
        match self {
            Self::Rsa { .. } => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
            Self::Ec { curve, .. } => {
                matches!((curve, algorithm), (Curve::P256, ES256) | (Curve::P384, ES384) | (Curve::P521, ES512))
            }
            Self::Ed25519(_) => matches!(algorithm, EdDSA | Ed25519),
        }
    }

    /// The members of a JWK that make up the key, in the order in which RFC 7638 §3.2 hashes them.
    pub fn to_jwk(&self) -> Map<String, Value> {
        let members = match self {
            Self::Rsa { modulus, exponent } => {
                json!({ "e": encode::base64url(exponent), "kty": "RSA", "n": encode::base64url(modulus) })
            }
            Self::Ec { curve, x, y } => {
                json!({ "crv": curve.name(), "kty": "EC", "x": encode::base64url(x), "y": encode::base64url(y) })
            }
            Self::Ed25519(x) => json!({ "crv": "Ed25519", "kty": "OKP", "x": encode::base64url(x) }),
        };
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    /// The thumbprint (RFC 7638): SHA-256 of the key's own members, in base64url. It names a key independent of what it is called.
    ///
    /// ```
    /// use keyfob_proto::jose::Jwk;
    ///
    /// // RFC 8037 Appendix A.3.
    /// let key = Jwk::read(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#.as_bytes())?;
    /// assert_eq!(key.key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    /// # Ok::<(), String>(())
    /// ```
    pub fn thumbprint(&self) -> String {
        // serde_json keeps members in alphabetical order and writes no space, which is what §3.3 asks for.
        encode::base64url(&Sha256::digest(Value::Object(self.to_jwk()).to_string().as_bytes()))
    }

    fn of(members: &Map<String, Value>) -> Result<Self, String> {
        let bytes = |name: &str| {
            let text = members.get(name).and_then(Value::as_str).ok_or_else(|| format!("no member \"{name}\" that is text"))?;
            encode::base64url_decode(text).ok_or_else(|| format!("a member \"{name}\" that is no base64url"))
        };
        match members.get("kty").and_then(Value::as_str) {
            Some("RSA") => rsa(bytes("n")?, bytes("e")?),
            Some("EC") => {
                let name = members.get("crv").and_then(Value::as_str).unwrap_or("");
                let curve = Curve::by_name(name).ok_or("a curve that is none of P-256, P-384 and P-521")?;
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != curve.bytes() || y.len() != curve.bytes() {
                    return Err(format!("a point whose numbers have not {} bytes each (RFC 7518 §6.2.1.2)", curve.bytes()));
                }
                Ok(Self::Ec { curve, x, y })
            }
            Some("OKP") if members.get("crv").and_then(Value::as_str) == Some("Ed25519") => {
                ed25519(bytes("x")?.try_into().map_err(|_| "an Ed25519 key that has not 32 bytes")?)
            }
            _ => Err("a key type that is not used here (\"kty\")".to_owned()),
        }
    }
}

fn rsa(modulus: Vec<u8>, exponent: Vec<u8>) -> Result<PublicKey, String> {
    let trimmed = |bytes: Vec<u8>| bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    let (modulus, exponent) = (trimmed(modulus), trimmed(exponent));
    let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
    if !(LEAST_RSA..=MOST_RSA).contains(&bits) {
        return Err(format!("an RSA key of {bits} bits, where {LEAST_RSA} to {MOST_RSA} are taken (RFC 7518 §3.3)"));
    }
    // 1 is no encryption at all; an even one is none either; a long one makes every check slow.
    if exponent.len() > 8 || exponent.last().is_none_or(|last| last % 2 == 0) || exponent == [1] {
        return Err("an RSA exponent that is even, 1 or very long".to_owned());
    }
    Ok(PublicKey::Rsa { modulus, exponent })
}

/// The two `y` of the points of order 8, little-endian.
const ORDER_8: [[u8; 32]; 2] = [
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
        0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
        0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// A point of small order is a key under which one signature fits any text, and back-ends take it (RFC 8725 §3.4). They are eight, and five are
/// their `y`: 0, 1, -1 and those of order 8; the sign of `x` in the highest bit makes no difference.
fn ed25519(x: [u8; 32]) -> Result<PublicKey, String> {
    let mut y = x;
    y[31] &= 0x7f;
    let (low, high) = (y[0], &y[1..]);
    // p is 2^255 - 19: 0xed, then every bit set. A number of p or more is a second spelling (RFC 8032 §5.1.3), and p - 1 is -1.
    let minus_1_or_more = low >= 0xec && high[..30].iter().all(|byte| *byte == 0xff) && high[30] == 0x7f;
    let zero_or_1 = low <= 1 && high.iter().all(|byte| *byte == 0);
    if minus_1_or_more || zero_or_1 || ORDER_8.contains(&y) {
        return Err("an Ed25519 key of small order, or not in its one spelling (RFC 8725 §3.4)".to_owned());
    }
    Ok(PublicKey::Ed25519(x))
}

/// A public key with what its owner says about it (RFC 7517 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Jwk {
    /// The key.
    pub key: PublicKey,
    /// `kid`: what tokens call it.
    pub key_id: Option<String>,
    /// `alg`: the one algorithm it is for, where its owner says so.
    pub algorithm: Option<String>,
    /// `use`: `sig` or `enc`, where its owner says so.
    pub usage: Option<String>,
    /// `key_ops`, where its owner says so.
    pub operations: Option<Vec<String>>,
}

impl Jwk {
    /// Members that only a private or shared key has.
    const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

    /// Reads one key.
    ///
    /// # Errors
    ///
    /// Text saying what is wrong with it: members that only a private key has, a type, curve or size that is not used here.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        Self::of(&crate::oauth2::json::object(json)?)
    }

    /// The member by which a key turns out to be private.
    pub(crate) fn private_member(members: &Map<String, Value>) -> Option<&'static str> {
        Self::PRIVATE.into_iter().find(|name| members.contains_key(*name))
    }

    pub(crate) fn of(members: &Map<String, Value>) -> Result<Self, String> {
        if let Some(private) = Self::private_member(members) {
            return Err(format!("a private key, published (\"{private}\")"));
        }
        let text = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("a member \"{name}\" that is no text")),
        };
        let operations = match members.get("key_ops") {
            None | Some(Value::Null) => None,
            Some(Value::Array(list)) => {
                let names: Option<Vec<String>> = list.iter().map(|name| name.as_str().map(str::to_owned)).collect();
                Some(names.ok_or("a member \"key_ops\" that is no list of text")?)
            }
            Some(_) => return Err("a member \"key_ops\" that is no list".to_owned()),
        };
        let (key_id, algorithm, usage) = (text("kid")?, text("alg")?, text("use")?);
        Ok(Self { key: PublicKey::of(members)?, key_id, algorithm, usage, operations })
    }

    /// Whether its owner lets it check signatures of this algorithm (RFC 7517 §4.2–§4.4), and it is of the kind for that.
    pub fn checks(&self, algorithm: Algorithm) -> bool {
        self.key.fits(algorithm)
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.operations.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"))
            && self.algorithm.as_deref().is_none_or(|name| same(name, algorithm))
    }
}

/// `EdDSA` and `Ed25519` are two names of one thing, for a key that says it is Ed25519.
fn same(name: &str, algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::EdDSA | Algorithm::Ed25519 => matches!(name, "EdDSA" | "Ed25519"),
        other => name == other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Jwk, String> {
        Jwk::read(value.to_string().as_bytes())
    }

    #[test]
    fn e14_keys_that_are_too_short_or_too_odd_are_refused() {
        let modulus = |bytes: usize| encode::base64url(&[vec![0x80], vec![1; bytes - 1]].concat());
        let rsa = |n: String, e: &[u8]| read(json!({ "kty": "RSA", "n": n, "e": encode::base64url(e) }));
        assert!(rsa(modulus(256), &[1, 0, 1]).is_ok());
        assert!(rsa(encode::base64url(&[vec![0], vec![0x80], vec![1; 255]].concat()), &[1, 0, 1]).is_ok(), "a leading zero");
        for (n, e) in [(modulus(255), vec![1, 0, 1]), (modulus(1025), vec![1, 0, 1]), (modulus(256), vec![1]), (modulus(256), vec![2])] {
            assert!(rsa(n, &e).is_err(), "{e:?}");
        }
        assert!(rsa(modulus(256), &[1; 8]).is_ok() && rsa(modulus(256), &[1; 9]).is_err(), "a long exponent makes every check slow");
        assert!(rsa(String::new(), &[3]).is_err());
        let first = |byte: u8, more: usize| encode::base64url(&[vec![byte], vec![1; more]].concat());
        assert!(rsa(first(0x7f, 255), &[3]).is_err() && rsa(first(1, 256), &[3]).is_ok(), "bits are counted, not bytes");
        let ec = |x: usize, y: usize, crv: &str| {
            read(json!({ "kty": "EC", "crv": crv, "x": encode::base64url(&vec![1; x]), "y": encode::base64url(&vec![1; y]) }))
        };
        assert!(ec(32, 32, "P-256").is_ok());
        assert!(
            ec(31, 32, "P-256").is_err()
                && ec(32, 33, "P-256").is_err()
                && ec(32, 32, "P-384").is_err()
                && ec(32, 32, "secp256k1").is_err()
        );
        assert!(read(json!({ "kty": "OKP", "crv": "Ed25519", "x": encode::base64url(&[1; 31]) })).is_err());
        assert!(read(json!({ "kty": "OKP", "crv": "X25519", "x": encode::base64url(&[1; 32]) })).is_err());
    }

    /// The signatures that such keys would let pass are in the vectors; here are the spellings that no signature was made for.
    #[test]
    fn e14_an_ed25519_key_of_small_order_is_refused_in_every_spelling() {
        let key = |low: u8, middle: u8, high: u8| {
            let mut x = [middle; 32];
            (x[0], x[31]) = (low, high);
            read(json!({ "kty": "OKP", "crv": "Ed25519", "x": encode::base64url(&x) })).is_ok()
        };
        for sign in [0, 0x80] {
            assert!(!key(0, 0, sign) && !key(1, 0, sign) && key(2, 0, sign) && key(0, 0, sign | 1) && key(1, 1, sign));
            for low in 0xec..=0xff {
                assert!(!key(low, 0xff, sign | 0x7f), "{low:#x}");
            }
            assert!(key(0xeb, 0xff, sign | 0x7f) && key(0xec, 0xff, sign | 0x7e) && key(0xed, 0xfe, sign | 0x7f));
            for mut x in ORDER_8 {
                x[31] |= sign;
                assert!(read(json!({ "kty": "OKP", "crv": "Ed25519", "x": encode::base64url(&x) })).is_err());
            }
        }
    }

    #[test]
    fn e19_a_private_member_is_refused() {
        for name in Jwk::PRIVATE {
            let mut key = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode::base64url(&[1; 32]) });
            key[name] = "AAAA".into();
            assert!(read(key).is_err(), "{name}");
        }
        assert!(read(json!({ "kty": "oct", "k": "AAAA" })).is_err());
    }

    #[test]
    fn e2_a_key_goes_with_algorithms_of_its_kind_alone() {
        let rsa = PublicKey::Rsa { modulus: vec![0x80; 256], exponent: vec![3] };
        let ec = PublicKey::Ec { curve: Curve::P256, x: vec![1; 32], y: vec![1; 32] };
        let kinds: Vec<_> = Algorithm::ALL.iter().map(|algorithm| (rsa.fits(*algorithm), ec.fits(*algorithm))).collect();
        assert!(kinds.iter().all(|(a, b)| !(a & b)));
        assert_eq!(kinds.iter().filter(|(a, _)| *a).count(), 6);
        assert_eq!(kinds.iter().filter(|(_, b)| *b).count(), 1);
        assert!(Algorithm::ALL.iter().filter(|algorithm| algorithm.is_symmetric()).all(|algorithm| !rsa.fits(*algorithm)));
    }

    #[test]
    fn what_its_owner_says_narrows_what_a_key_is_for() {
        let key = |more: Value| {
            let mut key = json!({ "kty": "EC", "crv": "P-256", "x": encode::base64url(&[1; 32]), "y": encode::base64url(&[1; 32]) });
            key.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            read(key).expect("a key").checks(Algorithm::ES256)
        };
        assert!(key(json!({})) && key(json!({ "use": "sig", "alg": "ES256", "key_ops": ["verify"] })));
        assert!(!key(json!({ "use": "enc" })) && !key(json!({ "alg": "ES384" })) && !key(json!({ "key_ops": ["encrypt"] })));
    }

    /// RFC 7638 §3.1.
    #[test]
    fn rfc7638_thumbprint() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = read(json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" })).expect("a key");
        assert_eq!(key.key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
