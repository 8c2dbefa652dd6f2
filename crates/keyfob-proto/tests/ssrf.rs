//! F3: wherever a document can name a URL that we would go to, none of `vectors/ssrf/targets.toml` gets through.
#![allow(clippy::disallowed_methods, reason = "tests read files; the crate does not")]

mod common;

use std::path::Path;

use common::*;
use keyfob_proto::Error;
use keyfob_proto::oauth2::metadata::{self, Discovery, Order};
use keyfob_proto::oauth2::registration::{ClientMetadata, Registering};
use keyfob_proto::oauth2::resource_metadata::{self, ResourceDiscovery};
use serde_json::{Value, json};

/// One place where a URL can stand: what becomes of a document that has this one there.
type Place = (&'static str, fn(&str) -> Result<(), Error>);

const PLACES: &[Place] = &[
    ("the token endpoint", |url| server(json!({ "token_endpoint": url }))),
    ("jwks_uri", |url| server(json!({ "jwks_uri": url }))),
    ("the registration endpoint", |url| server(json!({ "registration_endpoint": url }))),
    ("an mTLS alias", |url| server(json!({ "mtls_endpoint_aliases": { "token_endpoint": url } }))),
    ("an authorization server", |url| resource(json!({ "authorization_servers": [url] }))),
    ("a resource's jwks_uri", |url| resource(json!({ "jwks_uri": url }))),
    ("resource_metadata of a challenge", |url| ResourceDiscovery::named("https://api.example/v1", url).map(drop)),
    ("registration_client_uri", registration),
];

fn server(more: Value) -> Result<(), Error> {
    let mut document = json!({ "issuer": "https://login.example" });
    document.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    match Discovery::of("https://login.example", Order::OAuthFirst)?.receive(&json_answer(200, document.to_string()), NOW)? {
        metadata::Step::Done(_) => Ok(()),
        metadata::Step::Next(_) => panic!("this is an answer"),
    }
}

fn resource(more: Value) -> Result<(), Error> {
    let mut document = json!({ "resource": "https://api.example/v1" });
    document.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    match ResourceDiscovery::of("https://api.example/v1")?.receive(&json_answer(200, document.to_string()))? {
        resource_metadata::Step::Done(_) => Ok(()),
        resource_metadata::Step::Next(_) => panic!("this is an answer"),
    }
}

fn registration(url: &str) -> Result<(), Error> {
    let client = ClientMetadata::native("Keyfob", [CALLBACK]);
    let information = json!({ "client_id": "us", "registration_access_token": "token-1", "registration_client_uri": url }).to_string();
    Registering::new(&endpoint("https://login.example/register"), &client, None)?.receive(&json_answer(201, information)).map(drop)
}

#[test]
fn f3_no_document_leads_to_a_place_that_only_we_reach() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/ssrf/targets.toml");
    let targets: toml::Table = std::fs::read_to_string(file).expect("a file").parse().expect("TOML");
    let targets = targets["target"].as_array().expect("targets");
    let by_text: Vec<_> = targets.iter().filter(|target| target["by"].as_str() == Some("text")).collect();
    assert!(by_text.len() > 40);
    for (place, read) in PLACES {
        assert!(read("https://elsewhere.example/x").is_ok(), "{place} may be on another host");
        for target in &by_text {
            let url = target["url"].as_str().expect("a URL");
            for url in [url.to_owned(), url.replacen("http://", "https://", 1)] {
                match read(&url) {
                    Err(Error::Misbehaved(wrong)) => assert!(!wrong.to_string().contains('@'), "{place}: {wrong}"),
                    other => panic!("{place}: {url} ({}) gave {other:?}", target["why"]),
                }
            }
        }
    }
}
