//! Signed text in its compact form (RFC 7515 §7.1).

use std::fmt;

use serde_json::{Map, Value};

use super::algorithm::{Algorithm, Algorithms};
use super::crypto::Sign;
use super::key_set::Keys;
use crate::encode;
use crate::error::{Misbehaved, Misuse};
use crate::oauth2::json;
use crate::scrub;

/// Longer than this is no token of a sane server; refused before anything is decoded (CVE-2025-61920).
const LONGEST: usize = 64 * 1024;

const SECTION: &str = "RFC 7515 §5.2";

/// Signed text, taken apart and not yet believed: only [`verify`](Self::verify) gives the payload.
#[derive(Clone)]
pub struct Jws<'a> {
    /// Its header.
    pub header: Header,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

/// The header of signed text, as far as it is read: an algorithm to be held against what is allowed, a name to look a key up by, a type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// `alg`.
    pub algorithm: Algorithm,
    /// `kid`.
    pub key_id: Option<String>,
    /// `typ`, in lower case and without `application/` (RFC 7515 §4.1.9).
    pub media_type: Option<String>,
}

impl<'a> Jws<'a> {
    /// Takes it apart. Nothing of it may be used yet.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for anything that is not three parts of base64url with a JSON header of an algorithm that we know; for `alg: none`, for
    /// `crit` and `b64` (RFC 7797), and for more than 64 KiB.
    pub fn read(text: &'a str) -> Result<Self, Misbehaved> {
        let wrong = |expected: &str, found: &str| Misbehaved::new(SECTION, expected, found);
        if text.len() > LONGEST {
            return Err(wrong("signed text of at most 64 KiB", "a longer one"));
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            let found = match text.split('.').count() {
                5 => "five: it is encrypted (JWE), which is not read here".to_owned(),
                other => format!("{other}"),
            };
            return Err(wrong("three parts with dots between them", &found));
        };
        let decode = |part: &str, what: &str| {
            encode::base64url_decode(part).ok_or_else(|| wrong("base64url without padding", &format!("a {what} that is none")))
        };
        let members = json::object(&decode(header, "header")?).map_err(|found| wrong("a header that is a JSON object", &found))?;
        let header = Header::of(&members)?;
        let signature = decode(signature, "signature")?;
        let signed = &text[..text.rfind('.').unwrap_or_default()];
        Ok(Self { header, signed, payload, signature })
    }

    /// Checks the signature by one of these keys, under one of these algorithms, and gives the payload.
    ///
    /// # Errors
    ///
    /// `Misbehaved` for an algorithm that is not allowed here (RFC 8725 §3.1), for no key that it could be by ([`Misbehaved::is_unknown_key`]
    /// says so: fetching the keys again may help), and for a signature that is not by any that it could be by.
    pub fn verify(&self, keys: &Keys<'_>, allowed: &Algorithms) -> Result<Vec<u8>, Misbehaved> {
        let algorithm = self.header.algorithm;
        if !allowed.allow(algorithm) {
            return Err(Misbehaved::new("RFC 8725 §3.1", format!("one of the algorithms {allowed}"), format!("the algorithm {algorithm}")));
        }
        keys.check(&self.header, self.signed.as_bytes(), &self.signature)?;
        encode::base64url_decode(self.payload).ok_or_else(|| Misbehaved::new(SECTION, "a payload in base64url", "other text"))
    }
}

/// Without the text: whoever has it may be able to use it.
impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jws").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Header {
    fn of(members: &Map<String, Value>) -> Result<Self, Misbehaved> {
        // Nothing that is called critical is understood here, and that includes RFC 7797's unencoded payloads (CVE-2025-59420).
        for (name, section) in [("crit", "RFC 7515 §4.1.11"), ("b64", "RFC 7797 §6")] {
            if members.contains_key(name) {
                return Err(Misbehaved::new(section, "a header with nothing critical", format!("\"{name}\"")));
            }
        }
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Misbehaved::new(SECTION, format!("a member \"{name}\" that is text"), "another value")),
        };
        let name = text("alg")?.ok_or_else(|| Misbehaved::new("RFC 7515 §4.1.1", "a member \"alg\"", "none"))?;
        let algorithm = Algorithm::by_name(name).ok_or_else(|| {
            let found = if name.eq_ignore_ascii_case("none") {
                "no signature at all (\"none\")".to_owned()
            } else {
                format!("\"{}\"", scrub::printable(name))
            };
            Misbehaved::new("RFC 8725 §3.1", "an algorithm that is known here", found)
        })?;
        let media_type = text("typ")?.map(|name| {
            let name = name.to_ascii_lowercase();
            name.strip_prefix("application/").map(str::to_owned).unwrap_or(name)
        });
        Ok(Self { algorithm, key_id: text("kid")?.map(str::to_owned), media_type })
    }
}

/// Signs a payload (RFC 7515 §7.1). `alg`, and `kid` where the key has one, come from the signer; `header` is what else the header says.
///
/// # Errors
///
/// `Misuse` if whoever holds the key does not sign.
pub fn sign_compact(signer: &dyn Sign, mut header: Map<String, Value>, payload: &[u8]) -> Result<String, Misuse> {
    header.insert("alg".to_owned(), signer.algorithm().name().into());
    if let Some(key_id) = signer.key_id() {
        header.insert("kid".to_owned(), key_id.into());
    }
    let mut text = encode::base64url(Value::Object(header).to_string().as_bytes());
    text.push('.');
    text.push_str(&encode::base64url(payload));
    let signature = signer.sign(text.as_bytes())?;
    text.push('.');
    text.push_str(&encode::base64url(&signature));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with_header(header: Value) -> String {
        format!("{}.e30.c2ln", encode::base64url(header.to_string().as_bytes()))
    }

    #[test]
    fn e1_none_is_refused_in_every_spelling() {
        for name in ["none", "None", "NONE", "nOnE", ""] {
            assert!(Jws::read(&with_header(json!({ "alg": name }))).is_err(), "{name}");
        }
        assert!(Jws::read(&with_header(json!({}))).is_err());
        assert!(Jws::read(&with_header(json!({ "alg": 1 }))).is_err());
    }

    #[test]
    fn e9_whatever_is_critical_is_refused() {
        for header in [
            json!({ "alg": "ES256", "crit": ["exp"], "exp": 1 }),
            json!({ "alg": "ES256", "crit": [] }),
            json!({ "alg": "ES256", "b64": false, "crit": ["b64"] }),
            json!({ "alg": "ES256", "b64": false }),
            json!({ "alg": "ES256", "b64": true }),
        ] {
            assert!(Jws::read(&with_header(header.clone())).is_err(), "{header}");
        }
    }

    #[test]
    fn e13_too_long_is_refused_before_it_is_decoded() {
        let long = with_header(json!({ "alg": "ES256", "x": "y".repeat(LONGEST) }));
        assert!(Jws::read(&long).expect_err("too long").found.contains("longer"));
        let good = with_header(json!({ "alg": "ES256" }));
        let of = |length: usize| good.replacen(".e30.", &format!(".{}.", "e".repeat(length - good.len() + 3)), 1);
        assert!(Jws::read(&of(LONGEST)).is_ok() && Jws::read(&of(LONGEST + 1)).is_err());
    }

    #[test]
    fn only_three_parts_of_base64url_are_signed_text() {
        let good = with_header(json!({ "alg": "ES256" }));
        assert!(Jws::read(&good).is_ok());
        let header = good.split('.').next().expect("a header");
        for bad in [
            "",
            ".",
            "..",
            "a.b",
            "a.b.c.d",
            &format!("{header}=.e30.c2ln"),
            &format!("{header}.e30.c2l+"),
            &format!("{good}.a.b"),
            &format!("{header}.e30.c2ln=="),
        ] {
            assert!(Jws::read(bad).is_err(), "{bad}");
        }
        assert!(Jws::read(&format!("{good}.a.b")).expect_err("JWE").found.contains("encrypted"));
        assert!(Jws::read(&format!("{}.e30.c2ln", encode::base64url(br#"{"alg":"ES256","alg":"none"}"#))).is_err(), "a member twice");
    }

    #[test]
    fn types_have_one_spelling() {
        let typ = |name: &str| {
            let text = with_header(json!({ "alg": "ES256", "typ": name }));
            Jws::read(&text).expect("signed text").header.media_type
        };
        assert_eq!(typ("application/at+jwt"), typ("AT+JWT"));
        assert_eq!(typ("JWT").as_deref(), Some("jwt"));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, header: String) {
            let _ = Jws::read(&text);
            let _ = Jws::read(&format!("{}.e30.c2ln", encode::base64url(header.as_bytes())));
        }
    }
}
