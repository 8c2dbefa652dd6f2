//! Assertions by which a client says who it is, or on whose behalf it asks (RFC 7523), built and signed by us.

use serde_json::{Map, json};

use super::settings::SignedSecret;
use crate::entropy::{Entropy, id128};
use crate::error::Misuse;
use crate::jose::{Sign, sign_compact};
use crate::secret::Secret;
use crate::time::Timestamp;

/// `client_assertion_type` (RFC 7523 §2.2).
pub const CLIENT_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long an assertion is good, in seconds. Long enough for a slow network and a clock that is a little off, too short to be of use to a thief (G4).
const LIFETIME: i64 = 60;

/// A client's assertion about itself (RFC 7523 §3; `client_secret_jwt` and `private_key_jwt` of OpenID Connect Core §9). Draws 16 bytes of entropy.
///
/// `audience` is the server's issuer identifier, as one text, or what the server is known to want in its place: an endpoint taken from metadata that somebody else wrote could make an assertion that is
/// meant for one server good at another (audience injection, 2025).
///
/// # Errors
///
/// `Misuse` if whoever holds the key does not sign.
pub fn client_assertion(
    signer: &dyn Sign,
    client_id: &str,
    audience: &str,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Secret, Misuse> {
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": id128(entropy),
        "iat": now.as_unix(),
        "exp": now.plus(LIFETIME).as_unix(),
    });
    sign_compact(signer, Map::new(), claims.to_string().as_bytes()).map(Secret::new)
}

/// A client secret that is no text that was given out, but a JWT about the client. A server that takes such secrets may let them live for months, so that
/// they can be made by hand; one that is made for each request lives as long as an assertion does.
///
/// # Errors
///
/// `Misuse` if whoever holds the key does not sign.
pub(super) fn signed_secret(signer: &dyn Sign, client_id: &str, says: &SignedSecret, now: Timestamp) -> Result<Secret, Misuse> {
    let claims = json!({
        "iss": says.issuer,
        "sub": client_id,
        "aud": says.audience,
        "iat": now.as_unix(),
        "exp": now.plus(LIFETIME).as_unix(),
    });
    sign_compact(signer, Map::new(), claims.to_string().as_bytes()).map(Secret::new)
}

/// An assertion on somebody's behalf, for the JWT bearer grant (RFC 7523 §2.1): `subject` is whom the tokens shall be about, and `more` whatever else a
/// server wants to be told (`scope`, say). Draws 16 bytes of entropy.
///
/// # Errors
///
/// `Misuse` if whoever holds the key does not sign.
pub fn bearer_assertion(
    signer: &dyn Sign,
    issuer: &str,
    subject: &str,
    audience: &str,
    more: Map<String, serde_json::Value>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Secret, Misuse> {
    let mut claims = more;
    for (name, value) in [
        ("iss", issuer.into()),
        ("sub", subject.into()),
        ("aud", audience.into()),
        ("jti", id128(entropy).into()),
        ("iat", now.as_unix().into()),
        ("exp", now.plus(LIFETIME).as_unix().into()),
    ] {
        claims.insert(name.to_owned(), value);
    }
    sign_compact(signer, Map::new(), serde_json::Value::Object(claims).to_string().as_bytes()).map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode;
    use crate::jose::{Algorithm, AwsLc, Crypto as _};

    #[test]
    fn g4_an_assertion_is_for_the_issuer_alone_fresh_and_short() {
        let key = AwsLc.generate(Algorithm::ES256).expect("a key").named("key-1");
        let signer = AwsLc.signer(Algorithm::ES256, &key).expect("it signs");
        let drawn = std::cell::Cell::new(0_u8);
        let entropy = |buffer: &mut [u8]| buffer.fill(drawn.replace(drawn.get() + 1));
        let made = || {
            let text = client_assertion(&*signer, "us", "https://login.example", Timestamp::from_unix(1000), &entropy).expect("it signs");
            let part = |nth: usize| {
                let part = encode::base64url_decode(text.expose().split('.').nth(nth).expect("a part")).expect("base64url");
                serde_json::from_slice::<serde_json::Value>(&part).expect("JSON")
            };
            (part(0), part(1))
        };
        let ((header, claims), (_, again)) = (made(), made());
        assert_eq!((&header["alg"], &header["kid"]), (&"ES256".into(), &"key-1".into()));
        assert_eq!(claims["aud"], "https://login.example");
        assert_eq!((&claims["iss"], &claims["sub"]), (&"us".into(), &"us".into()));
        assert!(claims["exp"].as_i64().expect("a number") - 1000 <= 60);
        assert_ne!(claims["jti"], again["jti"]);
    }
}
