//! What the core, as a client, makes of what the server says about itself: two readings of the same specifications.

use keyfob_proto::jose::{Algorithm, AwsLc, Crypto as _};
use keyfob_proto::oauth2::challenge::Challenges;
use keyfob_proto::oauth2::dpop::ProofKey;
use keyfob_proto::oauth2::metadata::{self, Discovery, Order};
use keyfob_proto::oauth2::registration::{ClientMetadata, Registering};
use keyfob_proto::oauth2::resource_metadata::{self, ResourceDiscovery};
use keyfob_proto::{Endpoint, Outgoing, Secret, Timestamp};
use keyfob_sandbox::Flaw;

use crate::common::{self, Response, get_url, send, unix};
use crate::kit::{Acme, CALLBACK, VERIFIER};

fn now() -> Timestamp {
    Timestamp::from_unix(i64::try_from(unix()).expect("soon enough"))
}

async fn carry(request: &Outgoing) -> http::Response<Vec<u8>> {
    let headers: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
    let body = std::str::from_utf8(request.body()).expect("text");
    http_of(send(request.method().as_str(), &request.uri().to_string(), &headers, body).await)
}

fn http_of(answer: Response) -> http::Response<Vec<u8>> {
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(answer.body).expect("a response")
}

#[tokio::test]
async fn the_core_believes_the_metadata_and_sees_its_flaws() {
    let acme = Acme::start().await;
    for (flaw, good) in [(None, true), (Some(Flaw::MetadataIssuer), false), (Some(Flaw::MetadataNoIssuer), false)] {
        acme.sandbox.faults("acme").update(|faults| faults.flaw = flaw);
        for order in [Order::OAuthFirst, Order::OpenIdFirst] {
            let discovery = Discovery::of(&acme.origin, order).expect("an issuer");
            let answer = carry(discovery.request()).await;
            match discovery.receive(&answer, now()) {
                Ok(metadata::Step::Done(known)) => {
                    assert!(good, "{flaw:?}");
                    assert!(known.metadata().pushed_authorization_request_endpoint.is_some());
                }
                other => assert!(!good, "{flaw:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn the_core_finds_the_server_from_the_first_401() {
    let acme = Acme::start().await;
    for (flaw, good) in [(None, true), (Some(Flaw::ResourceMetadataResource), false)] {
        acme.sandbox.faults("acme").update(|faults| faults.flaw = flaw);
        let api = format!("{}/api/me", acme.origin);
        let challenge = http_of(get_url(&api).await);
        let challenges = Challenges::read(challenge.headers()).expect("challenges by their grammar");
        let discovery = ResourceDiscovery::named(&api, challenges.resource_metadata().expect("where")).expect("a place of its own");
        let answer = carry(discovery.request()).await;
        match discovery.receive(&answer) {
            Ok(resource_metadata::Step::Done(found)) => {
                assert!(good);
                assert_eq!(found.authorization_servers, [acme.origin.as_str()]);
            }
            other => assert!(!good, "{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_core_reads_what_more_is_needed() {
    let acme = Acme::start().await;
    let tokens = acme.login().await;
    let refused = http_of(acme.call("GET", "/api/secure", &tokens, "").await);
    let step_up = Challenges::read(refused.headers()).expect("challenges").step_up().expect("a step up");
    assert!(format!("{step_up:?}").contains("urn:acme:second-factor"), "{step_up:?}");
}

#[tokio::test]
async fn the_core_registers_reads_changes_and_leaves() {
    let acme = Acme::start().await;
    let endpoint = Endpoint::parse(&format!("{}/register", acme.origin)).expect("an endpoint");
    let client = ClientMetadata::native("Keyfob", [CALLBACK]);
    let registering = Registering::new(&endpoint, &client, None).expect("a request");
    let answer = carry(registering.request()).await;
    let registered = registering.receive(&answer).expect("registered");
    assert!(registered.changed.is_empty(), "{:?}", registered.changed);
    let reading = registered.registration.read().expect("managed");
    let answer = carry(reading.request()).await;
    let read = reading.receive(&answer).expect("read").registration;
    let changing = read.update(&ClientMetadata::native("Keyfob, again", [CALLBACK])).expect("managed");
    let answer = carry(changing.request()).await;
    let changed = changing.receive(&answer).expect("changed").registration;
    let leaving = changed.delete().expect("managed");
    let answer = carry(leaving.request()).await;
    leaving.receive(&answer).expect("gone");
}

#[tokio::test]
async fn the_core_s_proofs_hold_and_no_secret_is_written_down() {
    let acme = Acme::start().await;
    let key = AwsLc.generate(Algorithm::EdDSA).expect("a key");
    let key = ProofKey::new(AwsLc.signer(Algorithm::EdDSA, &key).expect("it signs"), key.to_pem().expect("it was made here"))
        .expect("a key pair");
    let entropy = |buffer: &mut [u8]| getrandom::fill(buffer).expect("entropy");
    let url = format!("{}/token", acme.origin);
    let proof = key.proof(&http::Method::POST, &url.parse().expect("a URL"), None, None, now(), &entropy).expect("it signs");
    let code = acme.code(&[]).await;
    let (id, secret) = (acme.app.client_id.as_str(), acme.app.client_secret.as_str());
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", id),
        ("client_secret", secret),
    ];
    let tokens = common::post_form(&url, &[("dpop", &proof)], &pairs).await.json();
    assert_eq!(tokens["token_type"], "DPoP");
    let access = tokens["access_token"].as_str().expect("text");
    let api: http::Uri = format!("{}/api/me", acme.origin).parse().expect("a URL");
    let at_api = key.proof(&http::Method::GET, &api, None, Some(&Secret::new(access)), now(), &entropy).expect("it signs");
    let headers = [("authorization", format!("DPoP {access}")), ("dpop", at_api.clone())];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(send("GET", &api.to_string(), &headers, "").await.status, 200);
    let refresh = tokens["refresh_token"].as_str().expect("text");
    for (name, value) in [("id_token_hint", access), ("logout_token", access), ("subject_token", access), ("auth_req_id", refresh)] {
        acme.post("/token", &[("grant_type", "x"), (name, value), ("client_notification_token", secret), ("assertion", &proof)]).await;
        get_url(&format!("{}/end_session?{name}={value}", acme.origin)).await;
        common::post_json(&format!("{}/register", acme.origin), &serde_json::json!({"registration_access_token": value})).await;
    }
    let lines: Vec<String> = acme.sandbox.seen("acme").iter().map(|seen| format!("{} {seen:?}", seen.line())).collect();
    for hidden in [access, refresh, secret, &proof, &at_api, &code, VERIFIER] {
        assert!(!lines.iter().any(|line| line.contains(hidden)), "{lines:#?}");
    }
}
