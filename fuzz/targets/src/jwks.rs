//! Key sets (RFC 7517 §5).

use std::sync::Arc;

use keyfob_proto::jose::{Algorithm, AwsLc, Crypto as _, Jwk, KeySet, PrivateKey};
use keyfob_proto::{Secret, encode};

/// A key set, a key, or a private key.
pub fn run(data: &[u8]) {
    if let Ok(set) = KeySet::read(data, Arc::new(AwsLc)) {
        assert!(set.keys().count() <= 100);
        set.keys().for_each(judge);
    }
    if let Ok(key) = Jwk::read(data) {
        judge(&key);
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(key) = PrivateKey::read(&Secret::new(text))
    {
        for &algorithm in Algorithm::ALL {
            if let Ok(signer) = AwsLc.signer(algorithm, &key) {
                assert!(signer.public_key().is_some_and(|public| public.fits(algorithm)));
            }
        }
    }
}

fn judge(key: &Jwk) {
    let written = format!("{{{}}}", members(key));
    let again = Jwk::read(written.as_bytes()).unwrap_or_else(|found| panic!("{found}: {written}"));
    assert_eq!(again.key, key.key, "another key when it is written and read again");
    assert_eq!(again.key.thumbprint(), key.key.thumbprint());
    for &algorithm in Algorithm::ALL {
        if let Ok(verifier) = AwsLc.verifier(algorithm, &key.key) {
            assert!(key.key.fits(algorithm) && !algorithm.is_symmetric());
            assert!(!verifier.verify(b"text", &[0; 64]) && !verifier.verify(b"text", b""), "nothing is a signature");
        }
    }
}

/// The key's own members, without a JSON library: those of a key need no escapes.
fn members(key: &Jwk) -> String {
    let members = key.key.to_jwk();
    let text = |name: &str| members.get(name).and_then(|value| value.as_str()).map(|value| format!("\"{name}\":\"{value}\""));
    let all: Vec<_> = ["kty", "crv", "n", "e", "x", "y"].iter().filter_map(|name| text(name)).collect();
    assert!(all.iter().all(|member| encode::percent_decode(member.as_bytes()) == member.as_bytes()));
    all.join(",")
}
