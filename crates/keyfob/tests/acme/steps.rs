//! The steps that take no session: what a token is worth, being a client, what a resource says about itself.

use std::sync::Arc;

use keyfob::Error;
use keyfob::LoginOptions;
use keyfob::proto::jose::{Algorithm, Algorithms, AwsLc, KeySet, Keys};
use keyfob::proto::oauth2::challenge::Challenges;
use keyfob::proto::oauth2::metadata::Order;
use keyfob::proto::oauth2::registration::ClientMetadata;
use keyfob::proto::{Error as ProtoError, Secret};
use keyfob_sandbox::{Faults, Flaw, Metadata, Part, Quirk};

use crate::common::endpoint;
use crate::kit::{House, tokens};

#[tokio::test]
async fn rfc7662_2_1_whoever_asks_says_who_it_is_as_at_the_token_endpoint() {
    for house in [House::new(Metadata::default(), |_| {}).await, House::keyed(Metadata::default(), |_| {}).await] {
        let account = house.log_in(LoginOptions::default()).await.unwrap().account;
        let (keyfob, place) = (&house.keyfob, endpoint(&format!("{}/introspect", house.origin)));
        let ask = async |token: &Secret| keyfob.introspect(&house.settings, &house.app, &place, token, None).await.unwrap();
        let worth = ask(&tokens(&account).access).await;
        assert!(worth.is_good(keyfob.now()) && worth.scopes == tokens(&account).scopes && !worth.signed, "{worth:?}");
        assert!(!ask(&Secret::new("made up")).await.active);
        let (algorithms, token) = (Algorithms::asymmetric(), &tokens(&account).access);
        let signed = keyfob.introspect_signed(&house.settings, &house.app, &place, token, &algorithms).await.unwrap();
        assert!(signed.signed && signed.active);
        let asked = house.seen("/introspect");
        assert_eq!(asked.len(), 3);
        for seen in asked {
            let by_key = seen.value("client_assertion").is_some();
            assert_eq!((seen.status, by_key), (200, house.app.client_secret.is_none()), "{}", seen.line());
        }
    }
}

#[tokio::test]
async fn rfc7592_2_a_client_is_registered_changed_and_ended() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let keyfob = &house.keyfob;
    let server = keyfob.metadata(&house.origin, Order::OAuthFirst).await.unwrap();
    let us = ClientMetadata::native("Example", ["http://127.0.0.1/callback"]);
    let first = keyfob.register_client(&server, &us, None).await.unwrap().registration;
    assert_eq!(keyfob.read_client(&server, &first).await.unwrap().registration.app.client_id, first.app.client_id);
    // The token that manages it changes with every update: the old registration is spent.
    let us = ClientMetadata { client_name: Some("Another name".to_owned()), ..first.metadata.clone() };
    let second = keyfob.update_client(&server, &first, &us).await.unwrap().registration;
    assert_eq!(second.metadata.client_name.as_deref(), Some("Another name"));
    keyfob.read_client(&server, &first).await.unwrap_err();
    keyfob.delete_client(&server, &second).await.unwrap();
    keyfob.read_client(&server, &second).await.unwrap_err();

    let mut nowhere = server;
    nowhere.registration_endpoint = None;
    let error = keyfob.register_client(&nowhere, &us, None).await.unwrap_err();
    assert!(matches!(&error, Error::Protocol(ProtoError::Misuse(_))) && error.hint().is_some(), "{error}");
}

/// The keys are known from somewhere else: here from who asked the server's operator.
#[tokio::test]
async fn rfc8414_2_1_signed_metadata_are_the_issuer_s_word_or_nobody_s() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let request = http::Request::get(format!("{}/jwks", house.origin)).body(keyfob::Body::empty()).unwrap();
    let published = house.keyfob.transport().send(request).await.unwrap().into_body().bytes(1 << 16).await.unwrap();
    let keys = KeySet::read(&published, Arc::new(AwsLc)).unwrap();
    let algorithms = Algorithms::of([Algorithm::RS256]);
    let ask = async |faults: Faults| {
        house.faults(faults);
        // In another process, which has read none yet.
        let keyfob = house.keyfob.clone().with_policy(keyfob::Policy::default());
        let plain = keyfob.metadata(&house.origin, Order::OAuthFirst).await.unwrap();
        plain.signed(&Keys::Set(&keys), &algorithms, keyfob.now())
    };
    assert!(ask(Faults::default()).await.is_err(), "somebody may have taken it out");
    let quirk = Some(Quirk::SignedMetadata);
    let signed = ask(Faults { quirk, ..Faults::default() }).await.unwrap();
    assert_eq!(signed.token_endpoint.unwrap().as_str(), format!("{}/token", house.origin));
    for flaw in Flaw::ALL.iter().filter(|flaw| flaw.part() == Part::SignedMetadata) {
        assert!(ask(Faults { quirk, flaw: Some(*flaw), ..Faults::default() }).await.is_err(), "{flaw:?}");
    }
    let others = KeySet::read(br#"{"keys":[]}"#, Arc::new(AwsLc)).unwrap();
    house.faults(Faults { quirk, ..Faults::default() });
    let keyfob = house.keyfob.clone().with_policy(keyfob::Policy::default());
    let plain = keyfob.metadata(&house.origin, Order::OAuthFirst).await.unwrap();
    assert!(plain.signed(&Keys::Set(&others), &algorithms, keyfob.now()).is_err(), "by a key that nobody knows");
}

#[tokio::test]
async fn f9_a_resource_is_believed_about_itself_alone() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let resource = format!("{}/api/me", house.origin);
    let challenged = house.keyfob.transport().send(http::Request::get(&resource).body(keyfob::Body::empty()).unwrap()).await.unwrap();
    let challenges = Challenges::read(challenged.headers()).unwrap();
    for challenges in [&challenges, &Challenges::default()] {
        let metadata = house.keyfob.resource_metadata(&resource, challenges).await.unwrap();
        assert_eq!((metadata.resource.as_str(), metadata.authorization_servers), (resource.as_str(), vec![house.origin.clone()]));
    }
    house.flaw(Flaw::ResourceMetadataResource);
    house.keyfob.resource_metadata(&resource, &challenges).await.unwrap_err();
}
