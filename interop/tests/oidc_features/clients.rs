//! Clients that say who they are by a key: registered by themselves, or shown in a certificate.

use std::fs;

use keyfob::HyperTransport;
use keyfob::login::client_credentials;
use keyfob::proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, Keys, PrivateKey};
use keyfob::proto::oauth2::metadata::Preferences;
use keyfob::proto::oauth2::registration::{ClientMetadata, Registered, Registration};
use keyfob::proto::oauth2::{AccessRequest, ClientAuth, jwt_access_token};
use keyfob::proto::{App, Code, Flow, Secret};
use keyfob_interop::peers;
use keyfob_testbed::{Authority, ClientCertificate};
use serde_json::{Value, json};

use crate::rp::{ACCOUNT, CALLBACK, Rp, access, refusal};

const RESOURCE: &str = "https://api.peer.example";

/// The app with a key of its own, and the public half as the server has to know it.
pub(crate) fn with_new_key(mut app: App) -> (App, Value) {
    let key: PrivateKey = AwsLc.generate(Algorithm::ES256).expect("a key");
    let signer = AwsLc.signer(Algorithm::ES256, &key).expect("it signs");
    let mut jwk = signer.public_key().expect("it is asymmetric").to_jwk();
    jwk.extend([("kid".to_owned(), Value::from("key-1")), ("use".to_owned(), "sig".into()), ("alg".to_owned(), "ES256".into())]);
    (app.private_key, app.private_key_id) = (key.to_pem(), Some("key-1".to_owned()));
    (app, Value::Object(jwk))
}

/// Registers an app with a key of its own (RFC 7591); it has the key.
pub(crate) async fn register(rp: &Rp, method: &str, change: impl FnOnce(&mut ClientMetadata)) -> Registered {
    let (own, jwk) = with_new_key(App::default());
    let mut client = ClientMetadata {
        token_endpoint_auth_method: Some(method.to_owned()),
        grant_types: ["authorization_code", "refresh_token", "client_credentials"].map(String::from).into(),
        jwks: Some(json!({ "keys": [jwk] })),
        ..ClientMetadata::native("Keyfob", [CALLBACK])
    };
    change(&mut client);
    let mut registered = rp.keyfob.register_client(&rp.metadata().await, &client, None).await.expect("a client");
    let app = &mut registered.registration.app;
    (app.private_key, app.private_key_id) = (own.private_key, own.private_key_id);
    registered
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_private_key_jwt_and_management() {
    let Some(rp) = Rp::start() else { return };
    let registered = register(&rp, "private_key_jwt", |_| {}).await;
    assert!(registered.changed.is_empty() && registered.tolerated.is_empty(), "{registered:?}");
    let registration = registered.registration;
    let app = registration.app.clone();
    let settings = rp.settings(&app).await;
    assert!(matches!(&settings.flow, Flow::OAuth2(flow) if flow.client_auth == ClientAuth::PrivateKeyJwt));
    let request = AccessRequest { resources: vec![RESOURCE.to_owned()], ..AccessRequest::scopes(["api:read"]) };
    client_credentials(&rp.keyfob, &settings, &app, ACCOUNT, &request).await.expect("tokens");
    rp.login(&rp.settings_with(&app, None, |_| {}).await, &App { client_id: app.client_id.clone(), ..app.clone() }).await;
    let (stranger, _) = with_new_key(app.clone());
    let error = client_credentials(&rp.keyfob, &settings, &stranger, "peer/stranger", &request).await.expect_err("another key");
    assert_eq!(refusal(&error), Some(&Code::InvalidClient), "{error}");

    // RFC 7592: at this server a change brings another registration access token, and the one before is spent (F8).
    let server = rp.metadata().await;
    let read = rp.keyfob.read_client(&server, &registration).await.expect("what is registered").registration;
    let secrets = |of: &Registration| -> Vec<String> { of.secrets().map(|s| s.expose().to_owned()).collect() };
    assert!(secrets(&registration) == secrets(&read), "reading changes nothing");
    let mut metadata = read.metadata.clone();
    metadata.client_name = Some("Keyfob, renamed".to_owned());
    let updated = rp.keyfob.update_client(&server, &read, &metadata).await.expect("what is registered now").registration;
    assert!(secrets(&read) != secrets(&updated), "changing does");
    assert_eq!(updated.metadata.client_name, metadata.client_name);
    assert!(rp.keyfob.delete_client(&server, &read).await.is_err(), "with a token that is spent");
    rp.keyfob.delete_client(&server, &updated).await.expect("the client is gone");
    let error = client_credentials(&rp.keyfob, &settings, &app, "peer/gone", &request).await.expect_err("nobody");
    assert_eq!(refusal(&error), Some(&Code::InvalidClient), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn self_signed_certificate_and_tokens_bound_to_it() {
    let (authority, client) = (Authority::new(), ClientCertificate::self_signed("peer-tls"));
    let server = authority.server(&["127.0.0.1"]);
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("server.crt", &server.certificate), ("server.key", &server.key), ("client.crt", &client.certificate)] {
        fs::write(folder.path().join(name), text).expect("room");
    }
    let Some(peer) = peers::oidc_features(Some(folder.path())) else { return };
    let trusting = HyperTransport::builder().loopback_only(true).authorities(authority.certificate());
    let showing = trusting.clone().client_certificate(client.certificate.clone(), Secret::new(client.key.clone()));
    let rp = Rp::at(peer, showing.build().expect("a transport"));
    let app = App::public("peer-tls");
    let preferences = Preferences { client_auth: Some(ClientAuth::Tls), ..Preferences::default() };
    let settings = rp.discover(&app, &preferences).await;
    let Flow::OAuth2(flow) = &settings.flow else { panic!("OAuth 2") };
    assert!(
        flow.token.as_str().starts_with("https://") && flow.authorize.as_ref().is_some_and(|page| page.as_str().starts_with("http://")),
        "RFC 8705 §5: an alias"
    );

    let request = AccessRequest { resources: vec![RESOURCE.to_owned()], ..AccessRequest::scopes(["api:read"]) };
    let account = client_credentials(&rp.keyfob, &settings, &app, ACCOUNT, &request).await.expect("tokens").account;
    let (keys, algorithms) = (rp.keys().await, Algorithms::of([Algorithm::ES256]));
    let expected =
        jwt_access_token::Expected { issuer: &rp.peer.origin, resource: RESOURCE, algorithms: &algorithms, now: rp.keyfob.now() };
    let token = expected.judge(access(&account).access.expose(), &Keys::Set(&keys)).expect("it keeps to every rule");
    assert!(!token.is_bearer() && token.confirmation.is_some_and(|binding| binding.is_known() && binding.is_of_certificate(&client.der)));

    // Whoever shows none, or another one, is nobody.
    let other = ClientCertificate::self_signed("peer-tls");
    let other = trusting.clone().client_certificate(other.certificate, Secret::new(other.key));
    let Rp { peer, .. } = rp;
    let mut rp = Rp::at(peer, trusting.build().expect("a transport"));
    for transport in [None, Some(other.build().expect("a transport"))] {
        if let Some(transport) = transport {
            rp = Rp::at(rp.peer, transport);
        }
        let error = client_credentials(&rp.keyfob, &settings, &app, ACCOUNT, &request).await.expect_err("not the certificate");
        assert_eq!(refusal(&error), Some(&Code::InvalidClient), "{error}");
    }
}
