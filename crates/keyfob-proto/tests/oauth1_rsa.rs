//! RSA signatures through client and server (RFC 5849 §3.4.3), by a key that this crate never sees: a stand-in for an HSM.

mod common;

use std::sync::{Arc, Mutex};

use common::*;
use keyfob_proto::oauth1::rsa::{RsaSign, RsaVerify};
use keyfob_proto::oauth1::server::{Problem, SignedRequest};
use keyfob_proto::oauth1::{Body, Buffer, Call, Client, Hash, Nonce, Once, SignatureMethod};
use keyfob_proto::{App, Entropy, Error, Misuse, Secret};

/// Its "signature" is the message and the hash, so that the test sees what it was asked to sign.
#[derive(Default)]
struct Device {
    asked: Mutex<Vec<(Hash, String)>>,
}

impl RsaSign for Device {
    fn sign(&self, hash: Hash, message: &[u8], _: &dyn Entropy) -> Result<Vec<u8>, Misuse> {
        self.asked.lock().expect("one thread").push((hash, String::from_utf8(message.to_vec()).expect("ASCII")));
        Ok(mark(hash, message))
    }
}

impl RsaVerify for Device {
    fn verifies(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        mark(hash, message) == signature
    }
}

fn mark(hash: Hash, message: &[u8]) -> Vec<u8> {
    [format!("{hash:?}:").as_bytes(), message].concat()
}

fn client(method: SignatureMethod, device: &Arc<Device>) -> Client {
    oauth1_client(|_, flow| flow.signature = method).with_rsa_key(device.clone())
}

#[test]
fn i12_each_method_signs_with_its_hash_and_the_server_verifies() {
    for &method in SignatureMethod::RSA {
        let device = Arc::new(Device::default());
        let mut call = parts("POST", "https://api.example/x?a=1");
        client(method, &device).sign(&oauth1_tokens(), &mut call, Body::Form(b"b=2"), NOW, &Chance::new(1)).expect("signed");
        let request =
            SignedRequest::read(&call.method, "https://api.example", "/x?a=1", &call.headers, Body::Form(b"b=2")).expect("readable");
        assert_eq!(request.signature_method(), Some(method.name()));
        assert_eq!(request.verify_rsa(&*device), Ok(()));
        let asked = device.asked.lock().expect("one thread").clone();
        assert_eq!(asked, [(method.hash().expect("a hash"), request.base_string().to_owned())]);

        let tampered =
            SignedRequest::read(&call.method, "https://api.example", "/x?a=2", &call.headers, Body::Form(b"b=2")).expect("readable");
        assert_eq!(tampered.verify_rsa(&*device), Err(Problem::WrongSignature));
    }
}

/// A public key is known to everybody: a server must not take it for a shared secret, nor a secret's signature for a private key's.
#[test]
fn i12_keys_of_one_kind_do_not_verify_the_other() {
    let device = Arc::new(Device::default());
    let read = |client: &Client| {
        let mut call = parts("GET", "https://api.example/x");
        client.sign(&oauth1_tokens(), &mut call, Body::Opaque, NOW, &Chance::new(1)).expect("signed");
        SignedRequest::read(&call.method, "https://api.example", "/x", &call.headers, Body::Opaque).expect("readable")
    };
    let rsa = read(&client(SignatureMethod::RsaSha256, &device));
    assert_eq!(rsa.verify("public key", ""), Err(Problem::OtherKeys(SignatureMethod::RsaSha256)));
    let hmac = read(&oauth1_client(|_, _| {}));
    assert_eq!(hmac.verify_rsa(&*device), Err(Problem::OtherKeys(SignatureMethod::HmacSha1)));
}

#[test]
fn a_client_without_private_key_says_so_and_a_broken_one_is_refused_at_once() {
    let settings = oauth1_settings(|_, flow| flow.signature = SignatureMethod::RsaSha256);
    let without = Client::new(&settings, app()).expect("a client");
    let error = without.sign(&oauth1_tokens(), &mut parts("GET", "https://api.example/"), Body::Opaque, NOW, &Chance::new(1));
    let Err(Error::Misuse(error)) = error else { panic!("there is no key") };
    assert_eq!(
        (error.to_string().as_str(), error.hint.is_some()),
        ("expected a private key, for RSA-SHA256 (RFC 5849 §3.4.3), but found none", true)
    );

    let mut broken = app();
    broken.fields.insert("private_key".to_owned(), Secret::new("hunter2"));
    let error = Client::new(&settings, broken.clone()).expect_err("no key");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    // Where the method is another, it is not looked at.
    assert!(Client::new(&oauth1_settings(|_, _| {}), App { client_id: "id".into(), ..broken }).is_ok());
}

#[test]
fn explanations_and_repeated_requests_are_signed_the_same_way() {
    let device = Arc::new(Device::default());
    let client = client(SignatureMethod::RsaSha512, &device);
    let explained =
        client.explain(&oauth1_tokens(), &parts("GET", "https://api.example/x"), Body::Opaque, NOW, &Chance::new(1)).expect("explained");
    assert_eq!((explained.method, explained.key_shape.as_str()), ("RSA-SHA512", "an RSA private key"));

    let signer = client.signer(Some(&oauth1_tokens())).expect("a signer");
    let (entropy, call) = (Chance::new(2), Call::new("GET", "https://api.example/x?z=1"));
    let nonce = Nonce::new(&entropy);
    let once = Once { nonce: nonce.as_str(), timestamp: NOW, entropy: &entropy };
    let (mut one, mut other) = (Buffer::new(), Buffer::new());
    let repeated = signer.repeat(&call).expect("prepared");
    let header = repeated.authorization(&once, &mut one).expect("signed");
    assert_eq!(header, signer.authorization(&call, &once, &mut other).expect("signed"));
}

/// With a key from a file, where this build has a back-end.
#[test]
fn i12_a_key_in_the_apps_field_signs() {
    let vectors = include_str!("vectors/rfc5849/rsa.jsonl");
    let key: serde_json::Value = serde_json::from_str(vectors.lines().next().expect("a key")).expect("JSON");
    let mut app = app();
    app.fields.insert("private_key".to_owned(), Secret::new(key["private"][0].as_str().expect("PEM")));
    for &method in SignatureMethod::RSA {
        let settings = oauth1_settings(|_, flow| flow.signature = method);
        let client = match Client::new(&settings, app.clone()) {
            Ok(client) => client,
            Err(error) => {
                // Only that one: what ships signs with the others. `cargo xtask test --only default` builds it so.
                assert!(method == SignatureMethod::RsaSha1 && !cfg!(feature = "rsa-sha1"), "{method:?}: {error}");
                assert_eq!(error.to_string(), "expected a build that signs with RSA-SHA1 (RFC 5849 §3.4.3), but found one that does not");
                let hint =
                    "build with the feature rsa-sha1, which keyfob-proto, keyfob and keyfob-cli have, or bring a key of your own (RsaSign)";
                assert_eq!(error.hint.as_deref(), Some(hint));
                continue;
            }
        };
        assert!(!format!("{client:?}").contains("PRIVATE"), "{client:?}");
        let mut call = parts("GET", "https://api.example/x");
        client.sign(&oauth1_tokens(), &mut call, Body::Opaque, NOW, &Chance::new(1)).expect("signed");
        let request = SignedRequest::read(&call.method, "https://api.example", "/x", &call.headers, Body::Opaque).expect("readable");
        let public = keyfob_proto::oauth1::rsa::public_key(key["public"][1].as_str().expect("PEM")).expect("a back-end");
        assert_eq!(request.verify_rsa(&*public), Ok(()), "{method:?}");
        let tampered = SignedRequest::read(&call.method, "https://api.example", "/y", &call.headers, Body::Opaque).expect("readable");
        assert_eq!(tampered.verify_rsa(&*public), Err(Problem::WrongSignature), "{method:?}");
    }
}
