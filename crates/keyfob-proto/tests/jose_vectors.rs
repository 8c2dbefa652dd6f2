//! What the JOSE RFCs and RFC 9449 print, held against ours: `tests/vectors/<rfc>/jose.toml`. And signatures and keys that come close to being
//! right: `tests/vectors/rfc7518/signatures.toml`.
#![allow(clippy::disallowed_methods, reason = "tests read files; the crate does not")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, HmacKey, Jwk, Jws, KeySet, Keys, PrivateKey, Sign, sign_compact};
use keyfob_proto::oauth2::dpop;
use keyfob_proto::{Misbehaved, Secret, Timestamp, encode};
use serde_json::Value;

#[test]
fn i1_the_examples_of_the_jose_rfcs() {
    let mut run = 0;
    for file in files("jose.toml") {
        for case in cases(&file, "case") {
            let case = Case(case);
            match case.text("kind") {
                "signed" => case.signed(),
                "refused" => case.refused(),
                "key" => case.key(),
                "key_set" => case.key_set(),
                "private_key" => case.private_key(),
                "proof" => case.proof(),
                "nonce" => case.nonce(),
                other => panic!("{}: no test knows the kind {other:?}", case.source()),
            }
            run += 1;
        }
    }
    assert_eq!(run, 47, "README.md beside the vectors counts them by file");
}

#[test]
fn e3_only_signatures_that_are_right_are_taken() {
    let file = vectors().join("rfc7518/signatures.toml");
    let keys: BTreeMap<String, String> = cases(&file, "key")
        .iter()
        .map(|key| {
            let text = |name: &str| key[name].as_str().expect("text").to_owned();
            (text("name"), text("jwk"))
        })
        .collect();
    let (mut good, mut wrong, mut failed) = (0, 0, Vec::new());
    for case in cases(&file, "case").into_iter().map(Case) {
        let key = case.text("key");
        let taken = key_set(&keys[key]).is_ok_and(|set| verify(case.text("text"), &Keys::Set(&set)).is_ok());
        let right = case.0["good"].as_bool().expect("good or not");
        if taken != right {
            failed.push(format!("{} under {key}, {}: taken is {taken}", case.source(), case.text("shows")));
        }
        if right { good += 1 } else { wrong += 1 }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!((good, wrong), (18, 240));
}

/// One case, as JSON: plain values are all there is.
struct Case(Value);

impl Case {
    fn source(&self) -> &str {
        self.0["source"].as_str().expect("every example names its source")
    }

    fn some(&self, name: &str) -> Option<&str> {
        self.0[name].as_str()
    }

    fn text(&self, name: &str) -> &str {
        self.some(name).unwrap_or_else(|| panic!("{}: {name}", self.source()))
    }

    fn algorithm(&self) -> Algorithm {
        Algorithm::by_name(self.text("algorithm")).expect("an algorithm we know")
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0["at"].as_i64().expect("a time"))
    }

    /// Runs a check with the keys of this case, shared or public.
    fn with_keys<T>(&self, check: impl FnOnce(&Keys<'_>) -> T) -> T {
        match self.0.get("secret") {
            Some(octets) => {
                let octets: Vec<u8> = serde_json::from_value(octets.clone()).expect("octets");
                check(&Keys::Shared(&HmacKey::from_bytes(Algorithm::HS256, &octets).expect("a long secret")))
            }
            None => check(&Keys::Set(&key_set(self.text("key")).unwrap_or_else(|error| panic!("{}: {error}", self.source())))),
        }
    }

    /// The text verifies and gives its payload; changed by one bit it does not; and our own key makes it again.
    fn signed(&self) {
        let (source, text, algorithm) = (self.source(), self.text("text"), self.algorithm());
        self.with_keys(|keys| {
            let payload = verify(text, keys).unwrap_or_else(|error| panic!("{source}: {error}"));
            assert_eq!(String::from_utf8(payload).expect("UTF-8"), self.text("payload"), "{source}");
            let jws = Jws::read(text).expect("read before");
            assert_eq!(jws.header.algorithm, algorithm, "{source}");
            let others = Algorithms::of(Algorithm::ALL.iter().copied().filter(|other| *other != algorithm));
            assert!(jws.verify(keys, &others).is_err(), "{source}: its algorithm is not allowed");
            for changed in changed(text) {
                assert!(verify(&changed, keys).is_err(), "{source}: {changed}");
            }
        });
        if let Some(signer) = self.signer() {
            let (input, signature) = text.rsplit_once('.').expect("three parts");
            let ours = encode::base64url(&signer.sign(input.as_bytes()).expect("the key is here"));
            match self.some("same") {
                // ECDSA and PSS draw chance: what they make is another signature, which has to verify.
                None => self.with_keys(|keys| assert!(verify(&format!("{input}.{ours}"), keys).is_ok(), "{source}")),
                Some(_) => assert_eq!(ours, signature, "{source}"),
            }
            if self.some("same") == Some("text") {
                let text_of_ours = sign_compact(&*signer, serde_json::Map::new(), self.text("payload").as_bytes());
                assert_eq!(text_of_ours.expect("the key is here"), text, "{source}");
            }
        }
    }

    fn signer(&self) -> Option<Arc<dyn Sign>> {
        if let Some(octets) = self.0.get("secret") {
            let octets: Vec<u8> = serde_json::from_value(octets.clone()).expect("octets");
            return Some(Arc::new(HmacKey::from_bytes(self.algorithm(), &octets).expect("a long secret")));
        }
        let key = PrivateKey::read(&Secret::new(self.some("private")?)).expect("a private key");
        Some(AwsLc.signer(self.algorithm(), &key).expect("it signs"))
    }

    fn refused(&self) {
        let wrong = self.with_keys(|keys| verify(self.text("text"), keys)).expect_err(self.source());
        assert_eq!(wrong.section, self.text("section"), "{}: {wrong}", self.source());
        assert!(wrong.found.contains(self.some("found").unwrap_or("")), "{}: {wrong}", self.source());
    }

    fn key(&self) {
        let source = self.source();
        let key = match (Jwk::read(self.text("text").as_bytes()), self.some("refused")) {
            (Ok(key), None) => key,
            (Err(found), Some(expected)) => return assert!(found.contains(expected), "{source}: {found}"),
            (found, _) => panic!("{source}: {found:?}"),
        };
        assert_eq!((key.key_id.as_deref(), key.usage.as_deref()), (self.some("key_id"), self.some("usage")), "{source}");
        let checks: Vec<_> = Algorithm::ALL.iter().filter(|&&algorithm| key.checks(algorithm)).map(|algorithm| algorithm.name()).collect();
        assert_eq!(Value::from(checks), self.0["checks"], "{source}");
        if let Some(thumbprint) = self.some("thumbprint") {
            assert_eq!(key.key.thumbprint(), thumbprint, "{source}");
        }
        let again = Jwk::read(Value::Object(key.key.to_jwk()).to_string().as_bytes()).expect("our own JWK");
        assert_eq!(again.key, key.key, "{source}: written and read again");
    }

    fn key_set(&self) {
        match (KeySet::read(self.text("text").as_bytes(), Arc::new(AwsLc)), self.some("refused")) {
            (Ok(set), None) => {
                let key_ids: Vec<_> = set.keys().map(|key| key.key_id.as_deref()).collect();
                assert_eq!(serde_json::to_value(key_ids).expect("text"), self.0["key_ids"], "{}", self.source());
            }
            (Err(wrong), Some(expected)) => assert!(wrong.found.contains(expected), "{}: {wrong}", self.source()),
            (found, _) => panic!("{}: {found:?}", self.source()),
        }
    }

    /// A private key is read, its public half is the one that is printed, and what it signs verifies under that.
    fn private_key(&self) {
        let (source, algorithm) = (self.source(), self.algorithm());
        let key = PrivateKey::read(&Secret::new(self.text("text"))).unwrap_or_else(|error| panic!("{source}: {error}"));
        let signer = AwsLc.signer(algorithm, &key).unwrap_or_else(|error| panic!("{source}: {error}"));
        let public = Jwk::read(self.text("key").as_bytes()).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!(signer.public_key(), Some(&public.key), "{source}");
        assert_eq!(signer.key_id(), public.key_id.as_deref(), "{source}");
        let verifier = AwsLc.verifier(algorithm, &public.key).expect("its public half");
        let signature = signer.sign(b"text").expect("the key is here");
        assert!(verifier.verify(b"text", &signature) && !verifier.verify(b"texT", &signature), "{source}");
    }

    /// A proof holds for its request at its time, and for no other.
    fn proof(&self) {
        let (source, token) = (self.source(), self.some("token").map(Secret::new));
        let method = Method::from_bytes(self.text("method").as_bytes()).expect("a method");
        let uri: Uri = self.text("url").parse().expect("a URL");
        let expected = dpop::Expected { method: &method, uri: &uri, nonce: None, access_token: token.as_ref(), now: self.now() };
        let judge = |expected: dpop::Expected<'_>| expected.judge(self.text("text"), Arc::new(AwsLc));
        let proved = judge(expected).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!((proved.id.as_str(), proved.key.thumbprint().as_str()), (self.text("id"), self.text("thumbprint")), "{source}");
        let other: Uri = "https://attacker.example/token".parse().expect("a URL");
        for wrong in [
            dpop::Expected { method: &Method::PUT, ..expected },
            dpop::Expected { uri: &other, ..expected },
            dpop::Expected { nonce: Some("eyJ7S_zG.eyJH0-Z.HX4w-7v"), ..expected },
            dpop::Expected { access_token: Some(&Secret::new("another")), ..expected },
            dpop::Expected { now: expected.now.plus(3600), ..expected },
        ] {
            assert!(judge(wrong).is_err(), "{source}: {wrong:?}");
        }
        for changed in changed(self.text("text")) {
            assert!(expected.judge(&changed, Arc::new(AwsLc)).is_err(), "{source}: {changed}");
        }
    }

    fn nonce(&self) {
        let value = |name: &str| self.some(name).map(|text| HeaderValue::from_str(text).expect("a header"));
        let mut headers = HeaderMap::new();
        headers.extend(value("nonce").map(|nonce| (dpop::NONCE, nonce)));
        headers.extend(value("challenge").map(|challenge| (http::header::WWW_AUTHENTICATE, challenge)));
        let status = self.0["status"].as_u64().and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
        let nonce = Some(self.text("nonce").to_owned());
        assert_eq!(dpop::nonce(&headers), nonce, "{}", self.source());
        let asks = self.0["asks"].as_bool().expect("whether it asks for another request");
        assert_eq!(dpop::wants_nonce(status.expect("a status"), &headers, self.some("error")), nonce.filter(|_| asks), "{}", self.source());
    }
}

/// By whatever algorithm: which one is allowed is another question.
fn verify(text: &str, keys: &Keys<'_>) -> Result<Vec<u8>, Misbehaved> {
    Jws::read(text)?.verify(keys, &Algorithms::of(Algorithm::ALL.iter().copied()))
}

fn key_set(jwk: &str) -> Result<KeySet, Misbehaved> {
    KeySet::read(format!("{{\"keys\":[{jwk}]}}").as_bytes(), Arc::new(AwsLc))
}

/// The text with one letter changed, once in each part; and without its signature. The letter is one whose bits all count: the last of a part
/// may hold bits that are none.
fn changed(text: &str) -> Vec<String> {
    let parts: Vec<&str> = text.split('.').collect();
    let mut all: Vec<_> = (0..parts.len())
        .map(|part| {
            let mut parts: Vec<String> = parts.iter().map(|&part| part.to_owned()).collect();
            let at = parts[part].len() / 2;
            let letter = if parts[part].as_bytes()[at] == b'A' { "B" } else { "A" };
            parts[part].replace_range(at..=at, letter);
            parts.join(".")
        })
        .collect();
    all.push(format!("{}.{}.", parts[0], parts[1]));
    all
}

fn cases(file: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(file).expect("a readable file");
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let list = table[name].as_array().expect("cases");
    list.iter().map(|case| serde_json::to_value(case).expect("plain values")).collect()
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// The files of this name in all folders.
fn files(name: &str) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(vectors()).expect("a folder");
    let mut files: Vec<_> = folders.map(|folder| folder.expect("a folder").path().join(name)).filter(|file| file.exists()).collect();
    files.sort();
    files
}
