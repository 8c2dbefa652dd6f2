//! What servers and resources say about themselves (RFC 8414, OpenID Connect Discovery, RFC 9728).

use keyfob_proto::oauth2::metadata::{Discovery, Metadata, Order, Step};
use keyfob_proto::oauth2::resource_metadata::{self, ResourceDiscovery};
use keyfob_proto::{App, Endpoint};

use crate::provider::{Answered, CLIENT_SECRET, NOW, judge_error, replace};

const ISSUER: &str = "https://login.example";
const RESOURCE: &str = "https://api.example/v1";

/// See `Answered` for what the bytes are; `{issuer}` and `{resource}` stand for what was asked about. Every place that is asked answers so.
pub fn run(data: &[u8]) {
    let data = replace(&replace(data, b"{issuer}", ISSUER), b"{resource}", RESOURCE);
    let Some(answered) = Answered::read(&data) else { return };
    let mut discovery = Discovery::of(ISSUER, Order::default()).expect("an issuer of ours");
    for _ in 0..4 {
        match discovery.receive(&answered.response, NOW) {
            Ok(Step::Next(next)) => discovery = *next,
            Ok(Step::Done(cached)) => {
                assert!(!cached.is_due(NOW), "it was just fetched");
                judge(cached.metadata());
                break;
            }
            Err(error) => {
                judge_error(&error, &[]);
                break;
            }
        }
    }
    let mut discovery = ResourceDiscovery::of(RESOURCE).expect("a resource of ours");
    for _ in 0..2 {
        match discovery.receive(&answered.response) {
            Ok(resource_metadata::Step::Next(next)) => discovery = *next,
            Ok(resource_metadata::Step::Done(metadata)) => {
                assert!([RESOURCE, "https://api.example"].contains(&metadata.resource.as_str()), "another resource");
                let known = |issuer: &String| Endpoint::parse(issuer).is_ok();
                assert!(metadata.authorization_servers.iter().all(known), "{:?}", metadata.authorization_servers);
                break;
            }
            Err(error) => {
                judge_error(&error, &[]);
                break;
            }
        }
    }
}

fn judge(metadata: &Metadata) {
    assert_eq!(metadata.issuer, ISSUER, "another issuer");
    let endpoints = [
        &metadata.authorization_endpoint,
        &metadata.token_endpoint,
        &metadata.jwks_uri,
        &metadata.registration_endpoint,
        &metadata.revocation_endpoint,
        &metadata.introspection_endpoint,
        &metadata.pushed_authorization_request_endpoint,
        &metadata.device_authorization_endpoint,
        &metadata.backchannel_authentication_endpoint,
        &metadata.userinfo_endpoint,
        &metadata.end_session_endpoint,
    ];
    for endpoint in endpoints.into_iter().flatten().chain(metadata.mtls_endpoint_aliases.values()) {
        // The issuer is on the open internet, so nothing it names may be this machine, where http is allowed.
        assert_eq!(endpoint.uri().scheme_str(), Some("https"), "{endpoint:?}");
    }
    let app = App::confidential("example-client-id", CLIENT_SECRET);
    if let Err(error) = metadata.settings(&app, &Default::default()) {
        judge_error(&error, &[CLIENT_SECRET]);
    }
    if let Err(wrong) = metadata.pushed(false) {
        judge_error(&wrong.into(), &[]);
    }
}
