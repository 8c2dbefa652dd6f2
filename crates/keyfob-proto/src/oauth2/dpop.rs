//! DPoP (RFC 9449): a token that is good only together with a proof, made fresh for every request, that we hold a key.

use http::{HeaderMap, Method, StatusCode, Uri};

use super::challenge::Challenges;
use crate::encode;
use crate::entropy::{Entropy, id128};
use crate::error::{Misbehaved, Misuse};
use crate::jose::jwt::{Claims, LEEWAY};
use crate::jose::{Algorithm, Algorithms, Crypto, Jwk, Jws, KeySet, Keys, PublicKey, Sign};
use crate::scrub;
use crate::secret::Secret;
use crate::time::Timestamp;

use std::fmt;
use std::sync::Arc;

/// The header that carries a proof (§4.1).
pub const PROOF: http::HeaderName = http::HeaderName::from_static("dpop");
/// The header in which a server tells what the next proof must repeat (§8).
pub const NONCE: http::HeaderName = http::HeaderName::from_static("dpop-nonce");

const SECTION: &str = "RFC 9449 §4.3";

/// A key that tokens are bound to, ready to make proofs.
#[derive(Clone)]
pub struct ProofKey {
    signer: Arc<dyn Sign>,
    /// The header of every proof by this key, encoded once.
    header: String,
    thumbprint: String,
    stored: Secret,
}

impl ProofKey {
    /// A key for proofs, and how it is found again: `stored` is kept with the tokens that are bound to it, its PEM, or the name that a KMS knows it by.
    ///
    /// # Errors
    ///
    /// `Misuse` for a shared secret, which is no proof of anything (§4.2).
    pub fn new(signer: Arc<dyn Sign>, stored: Secret) -> Result<Self, Misuse> {
        let key = signer.public_key().ok_or_else(|| {
            Misuse::new("a key pair for DPoP proofs", "a shared secret").of("RFC 9449 §4.2").with_hint("take a key pair: ES256 or EdDSA")
        })?;
        let thumbprint = key.thumbprint();
        let header = serde_json::json!({ "alg": signer.algorithm().name(), "jwk": key.to_jwk(), "typ": "dpop+jwt" });
        let header = encode::base64url(header.to_string().as_bytes());
        Ok(Self { signer, header, thumbprint, stored })
    }

    /// The key's thumbprint: `dpop_jkt` of an authorization request (§10), and `cnf.jkt` of a token (§6.1).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// How it is found again: what is kept with the tokens.
    pub fn stored(&self) -> &Secret {
        &self.stored
    }

    /// The algorithm, which must be among the server's `dpop_signing_alg_values_supported`.
    pub fn algorithm(&self) -> Algorithm {
        self.signer.algorithm()
    }

    /// A proof for one request (§4.2): its method, its URL without query and fragment, the server's last nonce where it gave one, and the hash of
    /// the access token where one goes with it. Draws 16 bytes of entropy.
    ///
    /// # Errors
    ///
    /// `Misuse` if whoever holds the key does not sign.
    pub fn proof(
        &self,
        method: &Method,
        uri: &Uri,
        nonce: Option<&str>,
        access_token: Option<&Secret>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<String, Misuse> {
        // Written by hand, since this is made for every request: none of the texts but the nonce and the URL can need escaping.
        let mut claims = format!("{{\"jti\":\"{}\",\"htm\":\"{method}\",\"htu\":{}", id128(entropy), quoted(&target(uri)));
        claims.push_str(&format!(",\"iat\":{}", now.as_unix()));
        if let Some(token) = access_token {
            claims.push_str(&format!(",\"ath\":\"{}\"", hash(token)));
        }
        if let Some(nonce) = nonce {
            claims.push_str(&format!(",\"nonce\":{}", quoted(nonce)));
        }
        claims.push('}');
        let mut proof = String::with_capacity(self.header.len() + claims.len() * 4 / 3 + 128);
        proof.push_str(&self.header);
        proof.push('.');
        proof.push_str(&encode::base64url(claims.as_bytes()));
        let signature = self.signer.sign(proof.as_bytes())?;
        proof.push('.');
        proof.push_str(&encode::base64url(&signature));
        Ok(proof)
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofKey").field("signer", &self.signer).field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

/// The nonce that an answer asks for in the next proof (§8): a text of visible characters, short enough to be sent back.
pub fn nonce(headers: &HeaderMap) -> Option<String> {
    let nonce = headers.get(&NONCE)?.to_str().ok()?;
    // §8.1: 1*NQCHAR. Anything else would not survive in a proof, or come from somewhere else.
    let nqchar = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    (!nonce.is_empty() && nonce.len() <= 1024 && nonce.bytes().all(nqchar)).then(|| nonce.to_owned())
}

/// Whether an answer refuses a proof for want of the nonce that it gives (§8, §9): the same request may be sent once more, with it.
pub fn wants_nonce(status: StatusCode, headers: &HeaderMap, error: Option<&str>) -> Option<String> {
    let asked = match status {
        StatusCode::BAD_REQUEST => error == Some("use_dpop_nonce"),
        StatusCode::UNAUTHORIZED => error == Some("use_dpop_nonce") || challenged(headers),
        _ => false,
    };
    if asked { nonce(headers) } else { None }
}

/// A resource's `WWW-Authenticate: DPoP error="use_dpop_nonce"` (§9), wherever among its challenges it stands.
fn challenged(headers: &HeaderMap) -> bool {
    Challenges::read(headers).is_ok_and(|challenges| challenges.wants_dpop_nonce())
}

/// What a server holds a proof against (§4.3): the sandbox's side, and whoever wants to know why a proof is refused.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The request's URL.
    pub uri: &'a Uri,
    /// The nonce that was given out, where one was.
    pub nonce: Option<&'a str>,
    /// The access token that came with it, where one did.
    pub access_token: Option<&'a Secret>,
    /// Now.
    pub now: Timestamp,
}

/// A proof that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proved {
    /// The key that made it.
    pub key: PublicKey,
    /// `jti`: to be refused the second time.
    pub id: String,
}

impl Expected<'_> {
    /// Judges a proof.
    ///
    /// # Errors
    ///
    /// `Misbehaved` naming what does not hold.
    pub fn judge(&self, proof: &str, crypto: Arc<dyn Crypto>) -> Result<Proved, Misbehaved> {
        let wrong = |expected: &str, found: &str| Misbehaved::new(SECTION, expected, found);
        let jws = Jws::read(proof)?;
        if jws.header.media_type.as_deref() != Some("dpop+jwt") {
            return Err(wrong("a proof (\"typ\" of dpop+jwt)", "another kind of text, or none"));
        }
        // The one place where a key comes from the text that it signs: that is what a proof of possession is.
        let jwk = own_key(proof)?;
        let only = serde_json::json!({ "keys": [jwk.key.to_jwk()] });
        let keys = KeySet::read(only.to_string().as_bytes(), crypto)?;
        let claims = Claims::read(&jws.verify(&Keys::Set(&keys), &Algorithms::asymmetric())?, SECTION)?;
        let text = |name: &str| claims.required(name, SECTION);
        let equal = |name: &str, expected: &str| match text(name)? {
            found if found == expected => Ok(()),
            found => Err(wrong(&format!("\"{name}\" of \"{}\"", scrub::printable(expected)), &format!("\"{}\"", scrub::printable(found)))),
        };
        equal("htm", self.method.as_str())?;
        equal("htu", &target(self.uri))?;
        let made_at = claims.moment("iat", SECTION)?.ok_or_else(|| wrong("a claim \"iat\"", "none"))?;
        if self.now.since(made_at).abs() > LEEWAY {
            return Err(
                wrong("a proof that was just made (\"iat\")", "one from another time").with_hint("check the clock of whoever made it")
            );
        }
        if let Some(nonce) = self.nonce {
            equal("nonce", nonce)?;
        }
        if let Some(token) = self.access_token {
            equal("ath", &hash(token))?;
        }
        let id = text("jti")?.to_owned();
        Ok(Proved { key: jwk.key, id })
    }
}

/// `jwk` in the proof's header: public, or the proof is worth nothing.
fn own_key(proof: &str) -> Result<Jwk, Misbehaved> {
    let header = proof.split('.').next().and_then(encode::base64url_decode).unwrap_or_default();
    let members = crate::oauth2::json::object(&header).map_err(|found| Misbehaved::new(SECTION, "a header", found))?;
    match members.get("jwk") {
        Some(serde_json::Value::Object(jwk)) => {
            Jwk::of(jwk).map_err(|found| Misbehaved::new(SECTION, "a public key in the header (\"jwk\")", found))
        }
        _ => Err(Misbehaved::new(SECTION, "a public key in the header (\"jwk\")", "none")),
    }
}

/// `ath` (§4.2): the hash of the access token.
fn hash(token: &Secret) -> String {
    super::pkce::s256_challenge(token.expose())
}

/// `htu` (§4.2): the URL without query and fragment. Scheme and host are in the one spelling of RFC 3986 §6.2.2 already, as `Uri` and [`Origin`](crate::Origin) have it.
fn target(uri: &Uri) -> String {
    let origin = crate::Origin::of(uri).map(String::from).unwrap_or_default();
    format!("{origin}{}", uri.path())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::jose::AwsLc;

    const NOW: Timestamp = Timestamp::from_unix(1_562_262_616);

    fn key(algorithm: Algorithm) -> ProofKey {
        let key = AwsLc.generate(algorithm).expect("a key");
        ProofKey::new(AwsLc.signer(algorithm, &key).expect("it signs"), key.to_pem().expect("it was made here")).expect("a key pair")
    }

    fn entropy() -> impl Entropy {
        let drawn = std::cell::Cell::new(0_u8);
        move |buffer: &mut [u8]| buffer.fill(drawn.replace(drawn.get() + 1))
    }

    #[test]
    fn g1_a_proof_names_method_target_time_and_token_and_only_those_hold() {
        let token = Secret::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
        let uri: Uri = "https://Resource.example:443/protected?resource=1".parse().expect("a URL");
        for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256, Algorithm::PS256] {
            let key = key(algorithm);
            let entropy = entropy();
            let proof = key.proof(&Method::GET, &uri, Some("eyJ7S_zG.1"), Some(&token), NOW, &entropy).expect("it signs");
            let expected = Expected { method: &Method::GET, uri: &uri, nonce: Some("eyJ7S_zG.1"), access_token: Some(&token), now: NOW };
            let judge = |expected: Expected<'_>| expected.judge(&proof, Arc::new(AwsLc));
            let proved = judge(expected).unwrap_or_else(|error| panic!("{algorithm}: {error}"));
            assert_eq!(proved.key.thumbprint(), key.thumbprint());
            assert!(judge(Expected { method: &Method::POST, ..expected }).is_err());
            let other: Uri = "https://resource.example/other".parse().expect("a URL");
            assert!(judge(Expected { uri: &other, ..expected }).is_err());
            assert!(judge(Expected { nonce: Some("another"), ..expected }).is_err());
            assert!(judge(Expected { access_token: Some(&Secret::new("another")), ..expected }).is_err());
            assert!(
                judge(Expected { now: NOW.plus(61), ..expected }).is_err() && judge(Expected { now: NOW.plus(-61), ..expected }).is_err()
            );
            let payload = encode::base64url_decode(proof.split('.').nth(1).expect("a payload")).expect("base64url");
            let claims: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
            assert_eq!(claims["htu"], "https://resource.example/protected");
            assert_eq!(claims["jti"].as_str().map(str::len), Some(32), "128 bits");
            // RFC 9449 §7.1: the hash of this very token.
            assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
            let again = key.proof(&Method::GET, &uri, None, None, NOW, &entropy).expect("it signs");
            assert_ne!(expected.judge(&again, Arc::new(AwsLc)).map(|proved| proved.id).ok(), Some(proved.id), "fresh every time");
        }
    }

    #[test]
    fn g1_the_header_has_a_public_key_and_the_type() {
        let proof = key(Algorithm::ES256).proof(&Method::GET, &"https://a.example/".parse().expect("a URL"), None, None, NOW, &entropy());
        let proof = proof.expect("it signs");
        let header = encode::base64url_decode(proof.split('.').next().expect("a header")).expect("base64url");
        let header: serde_json::Value = serde_json::from_slice(&header).expect("JSON");
        assert_eq!((&header["typ"], &header["alg"]), (&"dpop+jwt".into(), &"ES256".into()));
        let members: Vec<_> = header["jwk"].as_object().expect("a key").keys().map(String::as_str).collect();
        assert_eq!(members, ["crv", "kty", "x", "y"]);
    }

    #[test]
    fn a_nonce_is_asked_for_by_status_and_word_together() {
        let mut headers = HeaderMap::new();
        headers.insert(NONCE, HeaderValue::from_static("eyJ7S_zG.eyJH0-Z.HX4w-7v"));
        let nonce = Some("eyJ7S_zG.eyJH0-Z.HX4w-7v".to_owned());
        assert_eq!(wants_nonce(StatusCode::BAD_REQUEST, &headers, Some("use_dpop_nonce")), nonce);
        assert_eq!(wants_nonce(StatusCode::BAD_REQUEST, &headers, Some("invalid_grant")), None);
        assert_eq!(wants_nonce(StatusCode::OK, &headers, Some("use_dpop_nonce")), None);
        assert_eq!(wants_nonce(StatusCode::UNAUTHORIZED, &headers, None), None);
        headers.insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("DPoP error=\"use_dpop_nonce\", algs=\"ES256\""));
        assert_eq!(wants_nonce(StatusCode::UNAUTHORIZED, &headers, None), nonce);
        headers.insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"a\", dpop error=\"use_dpop_nonce\""));
        assert_eq!(wants_nonce(StatusCode::UNAUTHORIZED, &headers, None), nonce, "behind another scheme, in any case");
        headers.insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("DPoP realm=\"use_dpop_nonce\""));
        assert_eq!(wants_nonce(StatusCode::UNAUTHORIZED, &headers, None), None, "a realm of that name");
        headers.insert(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("DPoP error=\"use_dpop_nonce\""));
        for bad in ["", "a b", "a\"b", "a\\b"] {
            headers.insert(NONCE, HeaderValue::from_str(bad).expect("a header"));
            assert_eq!(wants_nonce(StatusCode::UNAUTHORIZED, &headers, None), None, "{bad}");
        }
    }
}
