//! Signed text: ID tokens judged, DPoP proofs made; beside the bare signature, and beside another library on the same back-end.

use std::hint::black_box;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self as lc, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RsaKeyPair, RsaPublicKeyComponents};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, KeySet, Keys, PublicKey, Sign, sign_compact};
use keyfob_proto::oauth2::dpop::ProofKey;
use keyfob_proto::oidc::Expected;
use keyfob_proto::{Secret, Timestamp};
use serde_json::{Map, Value, json};

use crate::measure::{beside, timed};
use crate::others::{self, Package};
use crate::table::{Goal, Row, Table};

const NOW: i64 = 1_800_000_000;
const TURNS: usize = 400;
const JOSE: Package = Package::Npm("jose", "6.2.17");
const OPENIDCONNECT: Package = Package::Crate("openidconnect", "4.0.1");
const JOSEKIT: Package = Package::Crate("josekit", "0.10.3");

pub(crate) fn run() -> Table {
    let mut table = Table::default();
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        verify(&mut table, algorithm);
    }
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA] {
        prove(&mut table, algorithm);
    }
    table
}

/// A key of ours, as text for everybody.
struct Pair {
    pem: Secret,
    der: Vec<u8>,
    signer: Arc<dyn Sign>,
}

fn pair(algorithm: Algorithm) -> Pair {
    let key = AwsLc.generate(algorithm).expect("a key").named("key-1");
    let signer = AwsLc.signer(algorithm, &key).expect("it signs");
    let pem = key.to_pem().expect("it was made here");
    Pair { der: der(&pem), pem, signer }
}

fn der(pem: &Secret) -> Vec<u8> {
    let body: String = pem.expose().lines().filter(|line| !line.starts_with('-')).collect();
    base64(&body)
}

fn base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| -> u32 {
        let place = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|known| *known == byte);
        u32::try_from(place.expect("base64")).expect("below 64")
    };
    let text: Vec<u8> = text.bytes().filter(|byte| *byte != b'=').collect();
    let mut out = Vec::new();
    for chunk in text.chunks(4) {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 6 | value(*byte)) << (6 * (4 - chunk.len()));
        out.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    out
}

fn verify(table: &mut Table, algorithm: Algorithm) {
    let pair = pair(algorithm);
    let claims = json!({
        "iss": "https://login.example", "aud": "example-client-id", "sub": "248289761001", "nonce": "n-0S6_WzA2Mj-and-more-of-it",
        "exp": NOW + 3600, "iat": NOW, "auth_time": NOW - 10, "acr": "urn:example:silver", "name": "Jane Doe",
        "given_name": "Jane", "family_name": "Doe", "email": "janedoe@example.com", "picture": "https://example.com/janedoe/me.jpg"
    });
    let token = sign_compact(&*pair.signer, Map::new(), claims.to_string().as_bytes()).expect("it signs");
    let public = pair.signer.public_key().expect("it has a public half");
    let mut jwk = public.to_jwk();
    jwk.insert("kid".to_owned(), "key-1".into());
    let keys = KeySet::read(json!({ "keys": [&jwk] }).to_string().as_bytes(), Arc::new(AwsLc)).expect("a key set");
    let algorithms = Algorithms::of([algorithm]);
    let nonce = Secret::new("n-0S6_WzA2Mj-and-more-of-it");
    let expected = Expected {
        nonce: Some(&nonce),
        ..Expected::new("https://login.example", "example-client-id", &algorithms, Timestamp::from_unix(NOW + 1))
    };
    let times = 20;
    let ours = || {
        per(times, || {
            black_box(expected.judge(&token, &Keys::Set(&keys)).expect("it holds"));
        })
    };

    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let signature = base64(&signature.replace('-', "+").replace('_', "/"));
    let parsed = parsed(public);
    let limit = || per(times, || black_box(parsed.verify_sig(signed.as_bytes(), &signature)).expect("it holds"));
    let (limited, raw) = beside(TURNS, ours, limit);

    let their_jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(Value::Object(public.to_jwk())).expect("a key");
    let theirs = DecodingKey::from_jwk(&their_jwk).expect("a key");
    let mut validation = Validation::new(name(algorithm));
    validation.set_audience(&["example-client-id"]);
    validation.set_issuer(&["https://login.example"]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.validate_exp = false; // its clock is the system's; ours is an argument
    let peer = || {
        per(times, || {
            let claims = jsonwebtoken::decode::<Map<String, Value>>(&token, &theirs, &validation).expect("it holds").claims;
            assert!(claims["nonce"] == "n-0S6_WzA2Mj-and-more-of-it");
            black_box(claims);
        })
    };
    let (beside_peer, peer) = beside(TURNS, ours, peer);
    table.add(Row {
        work: format!("an ID token judged, {algorithm}, its key known"),
        limit_is: "the signature alone, aws-lc-rs, key parsed".to_owned(),
        ours: limited,
        limit: Some(raw),
        unit: "µs",
        goal: Goal::Told,
    });
    table.add(Row {
        work: format!("an ID token judged, {algorithm}, its key known"),
        limit_is: "jsonwebtoken 11 on aws-lc-rs".to_owned(),
        ours: beside_peer,
        limit: Some(peer),
        unit: "µs",
        goal: Goal::Ratio(1.05),
    });
    let case = json!({
        "algorithm": algorithm.to_string(), "public_key": jwk, "token": token, "issuer": "https://login.example",
        "audience": "example-client-id", "now": NOW + 1, "nonce": nonce.expose()
    });
    let work = format!("an ID token judged, {algorithm}, its key known");
    for package in [JOSE, OPENIDCONNECT] {
        others::row(table, work.clone(), package, beside_peer, asked(package, &case, "248289761001"), Goal::Told);
    }
}

/// How long the other takes.
fn asked(package: Package, case: &Value, right: &str) -> Result<f64, String> {
    match package.ask("jose/jose.mjs", std::slice::from_ref(case))?.pop() {
        Some((result, micros)) if result == right => Ok(micros),
        other => Err(format!("another result: {other:?}")),
    }
}

fn prove(table: &mut Table, algorithm: Algorithm) {
    let pair = pair(algorithm);
    let key = ProofKey::new(Arc::clone(&pair.signer), Secret::new("kept elsewhere")).expect("a key pair");
    let uri: http::Uri = "https://resource.example/protected/things".parse().expect("a URL");
    let token = Secret::new("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
    let entropy = |buffer: &mut [u8]| buffer.fill(7);
    let times = 20;
    let ours = || {
        per(times, || {
            let proof = key.proof(&http::Method::GET, &uri, None, Some(&token), Timestamp::from_unix(NOW), &entropy);
            black_box(proof.expect("it signs"));
        })
    };
    let message = [7_u8; 420];
    let bare = bare(algorithm, &pair.der);
    let (limited, raw) = beside(TURNS, ours, || per(times, || bare(&message)));

    let encoding = match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_der(&pair.der),
        _ => EncodingKey::from_ed_der(&pair.der),
    };
    let public: jsonwebtoken::jwk::Jwk =
        serde_json::from_value(Value::Object(pair.signer.public_key().expect("public").to_jwk())).expect("a key");
    let header = Header { typ: Some("dpop+jwt".to_owned()), jwk: Some(public), ..Header::new(name(algorithm)) };
    let peer = || {
        per(times, || {
            let claims = json!({
                "jti": "07070707070707070707070707070707", "htm": "GET", "htu": "https://resource.example/protected/things", "iat": NOW,
                "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"
            });
            black_box(jsonwebtoken::encode(&header, &claims, &encoding).expect("it signs"));
        })
    };
    let (beside_peer, peer) = beside(TURNS, ours, peer);
    table.add(Row {
        work: format!("a DPoP proof, {algorithm}"),
        limit_is: "the signature alone, aws-lc-rs".to_owned(),
        ours: limited,
        limit: Some(raw),
        unit: "µs",
        goal: Goal::Told,
    });
    table.add(Row {
        work: format!("a DPoP proof, {algorithm}"),
        limit_is: "jsonwebtoken 11 on aws-lc-rs".to_owned(),
        ours: beside_peer,
        limit: Some(peer),
        unit: "µs",
        goal: Goal::Ratio(1.0),
    });
    let case = json!({
        "algorithm": algorithm.to_string(), "public_key": pair.signer.public_key().expect("public").to_jwk(), "private_key": pair.pem.expose(),
        "htu": "https://resource.example/protected/things", "now": NOW
    });
    for package in [JOSE, JOSEKIT] {
        let theirs = asked(package, &case, "proof");
        others::row(table, format!("a DPoP proof, {algorithm}"), package, beside_peer, theirs, Goal::Ratio(1.0));
    }
}

fn per(times: u32, mut work: impl FnMut()) -> f64 {
    let (micros, ()) = timed(|| (0..times).for_each(|_| work()));
    micros / f64::from(times)
}

fn parsed(public: &PublicKey) -> ParsedPublicKey {
    match public {
        PublicKey::Rsa { modulus, exponent } => {
            RsaPublicKeyComponents { n: modulus, e: exponent }.to_parsed_public_key(&lc::RSA_PKCS1_2048_8192_SHA256)
        }
        PublicKey::Ec { x, y, .. } => ParsedPublicKey::new(&lc::ECDSA_P256_SHA256_FIXED, [&[4], x.as_slice(), y].concat()),
        PublicKey::Ed25519(x) => ParsedPublicKey::new(&lc::ED25519, x),
        _ => panic!("a key of another kind"),
    }
    .expect("a key")
}

/// Signs, and throws the signature away.
type Bare = Box<dyn Fn(&[u8])>;

fn bare(algorithm: Algorithm, der: &[u8]) -> Bare {
    let random = SystemRandom::new();
    match algorithm {
        Algorithm::ES256 => {
            let key = EcdsaKeyPair::from_pkcs8(&lc::ECDSA_P256_SHA256_FIXED_SIGNING, der).expect("a key");
            Box::new(move |message| {
                black_box(key.sign(&random, message).expect("it signs"));
            })
        }
        Algorithm::EdDSA => {
            let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).expect("a key");
            assert!(key.public_key().as_ref().len() == 32);
            Box::new(move |message| {
                black_box(key.sign(message));
            })
        }
        _ => {
            let key = RsaKeyPair::from_pkcs8(der).expect("a key");
            Box::new(move |message| {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&lc::RSA_PKCS1_SHA256, &random, message, &mut signature).expect("it signs");
                black_box(signature);
            })
        }
    }
}

fn name(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        _ => jsonwebtoken::Algorithm::EdDSA,
    }
}
