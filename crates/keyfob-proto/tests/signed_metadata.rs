//! Metadata that is signed (RFC 8414 §2.1, RFC 9728 §2.2).

mod common;

use std::sync::{Arc, LazyLock};

use common::*;
use keyfob_proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, KeySet, Keys, Sign, sign_compact};
use keyfob_proto::oauth2::metadata::{Discovery, Metadata, Order, Step};
use keyfob_proto::oauth2::resource_metadata::{self, ResourceDiscovery, ResourceMetadata};
use keyfob_proto::{Error, Timestamp};
use serde_json::{Map, Value, json};

const ISSUER: &str = "https://login.example";

static SIGNER: LazyLock<Arc<dyn Sign>> = LazyLock::new(another_signer);

fn another_signer() -> Arc<dyn Sign> {
    AwsLc.signer(Algorithm::ES256, &AwsLc.generate(Algorithm::ES256).expect("a key").named("key-1")).expect("it signs")
}

/// What the server says, with this beside it.
fn metadata(signed: Option<String>) -> Metadata {
    let document = json!({
        "issuer": ISSUER, "authorization_endpoint": "https://login.example/authorize", "token_endpoint": "https://login.example/plain",
        "signed_metadata": signed,
    });
    let discovery = Discovery::of(ISSUER, Order::OAuthFirst).expect("an issuer");
    match discovery.receive(&json_answer(200, document.to_string()), NOW).expect("metadata") {
        Step::Done(known) => known.metadata().clone(),
        Step::Next(_) => panic!("it is there"),
    }
}

fn good() -> Value {
    json!({ "iss": ISSUER, "issuer": ISSUER, "token_endpoint": "https://login.example/signed", "scopes_supported": ["read"] })
}

fn signed_by(signer: &dyn Sign, header: Value, claims: &Value) -> Result<Metadata, Error> {
    let header: Map<String, Value> = header.as_object().expect("an object").clone();
    judge(&metadata(Some(sign_compact(signer, header, claims.to_string().as_bytes()).expect("it signs"))), NOW)
}

fn judge(metadata: &Metadata, now: Timestamp) -> Result<Metadata, Error> {
    metadata.signed(&Keys::Set(&keys()), &Algorithms::asymmetric(), now)
}

fn keys() -> KeySet {
    let mut jwk = SIGNER.public_key().expect("it is asymmetric").to_jwk();
    jwk.insert("kid".to_owned(), "key-1".into());
    KeySet::read(json!({ "keys": [jwk] }).to_string().as_bytes(), Arc::new(AwsLc)).expect("a key set")
}

fn changed(change: impl FnOnce(&mut Value)) -> Result<Metadata, Error> {
    let mut claims = good();
    change(&mut claims);
    signed_by(&**SIGNER, json!({}), &claims)
}

#[test]
fn rfc8414_2_1_what_is_signed_counts_before_what_is_not() {
    let metadata = changed(|_| {}).expect("it is by the issuer");
    let url = |endpoint: &Option<keyfob_proto::Endpoint>| endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned());
    assert_eq!(url(&metadata.token_endpoint).as_deref(), Some("https://login.example/signed"));
    assert_eq!(url(&metadata.authorization_endpoint).as_deref(), Some("https://login.example/authorize"), "not signed, and said");
    assert_eq!((metadata.issuer.as_str(), metadata.scopes_supported.as_slice()), (ISSUER, ["read".to_owned()].as_slice()));
    // What the text says about itself is nothing about the server, and the text inside the text is none.
    let metadata = changed(|claims| {
        for (name, value) in [("jti", json!("1")), ("exp", json!(NOW.as_unix() + 1)), ("signed_metadata", json!("a.b.c"))] {
            claims[name] = value;
        }
    })
    .expect("it is by the issuer");
    assert!(["iss", "jti", "exp"].iter().all(|name| metadata.member(name).is_none()));
    assert_ne!(metadata.signed_metadata.as_deref(), Some("a.b.c"));
}

#[test]
fn f1_it_is_by_the_issuer_for_everybody_and_of_now() {
    for (name, value) in [
        ("iss", Value::Null),
        ("iss", json!("https://other.example")),
        ("issuer", json!("https://other.example")),
        ("aud", json!("another-app")),
        ("exp", json!(NOW.as_unix() - 60)),
        ("nbf", json!(NOW.as_unix() + 61)),
        ("iat", json!(NOW.as_unix() + 61)),
        ("exp", json!("never")),
        // What is refused in plain metadata is refused in this.
        ("token_endpoint", json!("http://login.example/token")),
        ("token_endpoint", json!("https://10.0.0.1/token")),
        ("scopes_supported", json!("read")),
    ] {
        assert!(changed(|claims| claims[name] = value.clone()).is_err(), "{name}: {value}");
    }
    assert!(changed(|claims| claims["exp"] = json!(NOW.as_unix() + 1)).is_ok());
    let ends = json!({ "iss": ISSUER, "exp": NOW.as_unix() });
    let text = sign_compact(&**SIGNER, Map::new(), ends.to_string().as_bytes()).expect("it signs");
    assert!(judge(&metadata(Some(text.clone())), NOW).is_ok() && judge(&metadata(Some(text)), NOW.plus(60)).is_err());
}

#[test]
fn e3_e15_the_signature_and_the_kind_of_text_are_judged() {
    assert!(signed_by(&*another_signer(), json!({}), &good()).is_err(), "by another");
    assert!(signed_by(&**SIGNER, json!({ "typ": "JWT" }), &good()).is_ok());
    assert!(signed_by(&**SIGNER, json!({ "typ": "at+jwt" }), &good()).is_err());
    assert!(judge(&metadata(Some("no.signed.text".to_owned())), NOW).is_err());
    let error = judge(&metadata(None), NOW).expect_err("nothing is signed");
    assert!(error.to_string().contains("8414 §2.1"), "{error}");
}

// --- of a protected resource (RFC 9728 §2.2)

const RESOURCE: &str = "https://api.example/v1";
const ATTESTER: &str = "https://federation.example";

fn resource(claims: &Value, header: Value) -> Result<ResourceMetadata, Error> {
    let header: Map<String, Value> = header.as_object().expect("an object").clone();
    let signed = sign_compact(&**SIGNER, header, claims.to_string().as_bytes()).expect("it signs");
    let document = json!({
        "resource": RESOURCE, "authorization_servers": ["https://plain.example"], "scopes_supported": ["read"], "signed_metadata": signed,
    });
    let discovery = ResourceDiscovery::of(RESOURCE).expect("a resource");
    let resource_metadata::Step::Done(metadata) = discovery.receive(&json_answer(200, document.to_string())).expect("metadata") else {
        panic!("it is there")
    };
    metadata.signed(ATTESTER, &Keys::Set(&keys()), &Algorithms::asymmetric(), NOW)
}

fn attested() -> Value {
    json!({ "iss": ATTESTER, "resource": RESOURCE, "authorization_servers": ["https://signed.example"] })
}

#[test]
fn rfc9728_2_2_what_is_signed_counts_before_what_is_not() {
    let metadata = resource(&attested(), json!({})).expect("it is by who attests");
    assert_eq!(metadata.authorization_servers, ["https://signed.example"]);
    assert_eq!((metadata.resource.as_str(), metadata.scopes_supported.as_slice()), (RESOURCE, ["read".to_owned()].as_slice()));
}

#[test]
fn f9_it_is_by_who_attests_of_this_resource_for_everybody_and_of_now() {
    for (name, value) in [
        ("iss", Value::Null),
        // Who is described does not vouch for it.
        ("iss", json!(RESOURCE)),
        ("resource", json!("https://api.example/v2")),
        ("resource", json!("https://api.example")),
        ("resource", Value::Null),
        ("aud", json!("another-app")),
        ("exp", json!(NOW.as_unix() - 60)),
        ("nbf", json!(NOW.as_unix() + 61)),
        // What is refused in plain metadata is refused in this.
        ("authorization_servers", json!(["http://login.example"])),
        ("authorization_servers", json!(["https://10.0.0.1"])),
    ] {
        let mut claims = attested();
        claims[name] = value.clone();
        assert!(resource(&claims, json!({})).is_err(), "{name}: {value}");
    }
    let mut silent = attested();
    silent.as_object_mut().expect("an object").remove("resource");
    assert!(resource(&silent, json!({})).is_ok(), "what is not signed stays as it was said, and was judged");
    assert!(resource(&attested(), json!({ "typ": "at+jwt" })).is_err());
    let discovery = ResourceDiscovery::of(RESOURCE).expect("a resource");
    let plain = json_answer(200, json!({ "resource": RESOURCE }).to_string());
    let Ok(resource_metadata::Step::Done(metadata)) = discovery.receive(&plain) else { panic!("it is there") };
    let error = metadata.signed(ATTESTER, &Keys::Set(&keys()), &Algorithms::asymmetric(), NOW).expect_err("nothing is signed");
    assert!(error.to_string().contains("9728 §2.2"), "{error}");
}
