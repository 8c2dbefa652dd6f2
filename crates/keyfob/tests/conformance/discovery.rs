//! Finding the provider, and what it says about itself.

use keyfob::Error;
use keyfob::proto::oauth2::ClientAuth;
use keyfob::proto::oauth2::metadata::{Order, Preferences};
use keyfob::proto::oauth2::registration::ClientMetadata;
use keyfob_sandbox::{Flaw, Metadata};

use crate::driver::{Rp, endpoint, preferences};
use crate::op::{CALLBACK, Op};

/// The person is asked who they are, and everything else is found out.
async fn log_in_as(typed: impl Fn(&Op) -> String) {
    let rp = Rp::new(Op::start().await).await;
    let issuer = keyfob::find_issuer(&rp.keyfob, &typed(&rp.op), &endpoint(CALLBACK)).await.unwrap();
    let rp = Rp::discover_at(rp.op, &issuer, &preferences()).await.unwrap();
    rp.log_in().await.unwrap();
}

fn host(op: &Op) -> &str {
    op.origin.trim_start_matches("http://")
}

#[tokio::test]
async fn an_issuer_by_an_address() {
    log_in_as(|op| format!("acct:robin@{}", host(op))).await;
}

#[tokio::test]
async fn an_issuer_by_a_url() {
    log_in_as(|op| format!("{}/robin", op.origin)).await;
}

#[tokio::test]
async fn an_issuer_whose_metadata_are_of_another() {
    let rp = Rp::new(Op::start().await).await;
    let issuer = keyfob::find_issuer(&rp.keyfob, &format!("robin@{}", host(&rp.op)), &endpoint(CALLBACK)).await.unwrap();
    rp.op.flawed(Flaw::MetadataIssuer);
    let error = Rp::discover_at(rp.op, &issuer, &preferences()).await.map(drop).expect_err("another's metadata");
    assert!(error.to_string().contains("RFC 8414 §3.3"), "{error}");
}

#[tokio::test]
async fn endpoints_are_where_the_metadata_say() {
    let rp = Rp::new(Op::start().await).await;
    let metadata = rp.keyfob.metadata(&rp.op.origin, Order::OpenIdFirst).await.unwrap();
    assert_eq!(rp.op.seen("/.well-known/openid-configuration").len(), 1, "it is asked once");
    assert_eq!(Some(&rp.known().token), metadata.token_endpoint.as_ref());
    rp.log_in().await.unwrap();
    assert_eq!((rp.op.seen("/authorize").len(), rp.op.seen("/token").len()), (1, 1));
}

#[tokio::test]
async fn keys_are_where_the_metadata_say() {
    let rp = Rp::new(Op::start().await).await;
    assert_eq!(rp.op.seen("/jwks").len(), 0);
    assert!(rp.log_in().await.unwrap().id_token.is_some());
    assert_eq!(rp.op.seen("/jwks").len(), 1);
}

#[tokio::test]
async fn an_endpoint_for_clients_with_a_certificate() {
    let op = Op::start().await;
    op.faults(|faults| faults.mtls_aliases = true);
    // What the transport shows is its own affair; where it is shown is in the metadata.
    let rp = Rp::discover(op, &Preferences { mtls: true, ..preferences() }).await.unwrap();
    rp.log_in().await.unwrap();
    assert_eq!((rp.op.seen("/mtls/token").len(), rp.op.seen("/token").len()), (1, 0));
    rp.refresh().await.unwrap();
}

#[tokio::test]
async fn a_client_without_a_certificate_stays_away_from_there() {
    let rp = Rp::new(Op::start().await).await;
    rp.log_in().await.unwrap();
    assert_eq!((rp.op.seen("/mtls/token").len(), rp.op.seen("/token").len()), (0, 1));
}

#[tokio::test]
async fn a_client_that_registers_itself() {
    let mut rp = Rp::new(Op::start().await).await;
    let metadata = rp.keyfob.metadata(&rp.op.origin, Order::OpenIdFirst).await.unwrap();
    let client = ClientMetadata {
        redirect_uris: vec![CALLBACK.to_owned()],
        client_name: Some("A lock on a door".to_owned()),
        grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
        ..ClientMetadata::default()
    };
    let registered = rp.keyfob.register_client(&metadata, &client, None).await.unwrap();
    assert!(registered.changed.is_empty(), "{:?}", registered.changed);
    assert_eq!(registered.registration.client_auth(), Some(ClientAuth::Basic));
    rp.app = registered.registration.app;
    rp.log_in().await.unwrap();
    rp.refresh().await.unwrap();
}

#[tokio::test]
async fn a_client_that_nobody_registered() {
    let mut rp = Rp::new(Op::start().await).await;
    rp.app.client_id = "somebody".to_owned();
    let error = rp.begin().await.map(drop).unwrap_err();
    assert!(matches!(&error, Error::Protocol(keyfob::proto::Error::Refused(_))), "{error}");
}

#[tokio::test]
async fn a_client_that_says_who_it_is_by_basic() {
    let metadata = Metadata { token_endpoint_auth_method: Some("client_secret_basic".to_owned()), ..Metadata::default() };
    let rp = Rp::new(Op::with(metadata).await).await;
    assert_eq!(rp.known().client_auth, ClientAuth::Basic);
    rp.log_in().await.unwrap();
    rp.refresh().await.unwrap();
    for seen in rp.op.seen("/token") {
        assert_eq!(seen.credential_headers, ["authorization"]);
        assert!(seen.value("client_secret").is_none());
    }
}

#[tokio::test]
async fn a_client_that_says_it_otherwise_than_it_is_registered() {
    let metadata = Metadata { token_endpoint_auth_method: Some("client_secret_basic".to_owned()), ..Metadata::default() };
    let mut rp = Rp::new(Op::with(metadata).await).await;
    rp.flow().client_auth = ClientAuth::Post;
    let error = rp.log_in().await.map(drop).unwrap_err();
    assert!(matches!(&error, Error::Protocol(keyfob::proto::Error::Refused(_))), "{error}");
}
