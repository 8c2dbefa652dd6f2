//! Who the app is: by its secret, its key, its certificate, a page; and how it becomes a client.

use keyfob::proto::jose::{Algorithm, PrivateKey};
use keyfob::proto::oauth2::ClientAuth;
use keyfob::proto::oauth2::challenge::Challenges;
use keyfob::proto::oauth2::client_id_document::ClientIdUrl;
use keyfob::proto::oauth2::mcp::Clients;
use keyfob::proto::oauth2::metadata::{Order, Preferences};
use keyfob::proto::oauth2::registration::ClientMetadata;
use keyfob::proto::{App, Deviation};
use keyfob::{Body, LoginOptions};
use keyfob_sandbox::{Certificate, Metadata};
use keyfob_testbed::ClientCertificate;
use serde_json::json;

use crate::Outcome;
use crate::house::{ACCOUNT, CALLBACK, House, confidential, keyed, signer};

/// Whoever has the program has whatever is in it, so it has no secret: a proof key says that one program began and ended the login (RFC 7636).
pub(crate) async fn public() -> Outcome {
    let metadata = Metadata { token_endpoint_auth_method: Some("none".to_owned()), ..Metadata::default() };
    let house = House::new(App::public("mine"), metadata, Preferences::default()).await?;
    house.log_in(LoginOptions::default()).await?;
    assert!(house.was_sent("/token", "client_id") && house.was_sent("/token", "code_verifier"));
    assert!(!house.was_sent("/token", "client_secret") && !house.was_sent("/token", "client_assertion"));
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// In the header, or in the body where the server takes only that.
pub(crate) async fn secret() -> Outcome {
    for client_auth in [ClientAuth::Basic, ClientAuth::Post] {
        let preferences = Preferences { client_auth: Some(client_auth), ..Preferences::default() };
        let house = House::new(confidential(), Metadata::default(), preferences).await?;
        house.log_in(LoginOptions::default()).await?;
        assert_eq!(house.was_sent("/token", "client_secret"), client_auth == ClientAuth::Post);
    }
    Ok(())
}

/// For servers that take id and secret as they are, without the encoding that the RFC asks for first: allowed by name, and told where it was needed.
pub(crate) async fn raw_secret() -> Outcome {
    let preferences = Preferences { client_auth: Some(ClientAuth::BasicRaw), ..Preferences::default() };
    let house = House::new(confidential(), Metadata::default(), preferences).await?;
    assert!(house.log_in(LoginOptions::default()).await?.tolerated.contains(&Deviation::BasicRaw));
    Ok(())
}

/// An assertion that the secret signs: the secret itself is never sent.
pub(crate) async fn secret_jwt() -> Outcome {
    let metadata = Metadata { token_endpoint_auth_method: Some("client_secret_jwt".to_owned()), ..Metadata::default() };
    let preferences = Preferences { client_auth: Some(ClientAuth::SecretJwt), ..Preferences::default() };
    let house = House::new(confidential(), metadata, preferences).await?;
    house.log_in(LoginOptions::default()).await?;
    assert!(house.was_sent("/token", "client_assertion") && !house.was_sent("/token", "client_secret"));
    Ok(())
}

pub(crate) async fn private_key_jwt() -> Outcome {
    let (app, metadata) = keyed(Algorithm::ES256)?;
    let house = House::new(app, metadata, Preferences::default()).await?;
    house.log_in(LoginOptions::default()).await?;
    assert!(house.was_sent("/token", "client_assertion"));
    Ok(())
}

/// The key never leaves its HSM or key service: it is asked to sign.
pub(crate) async fn key_elsewhere() -> Outcome {
    let (mut app, metadata) = keyed(Algorithm::ES256)?;
    let held = app.private_key.take().ok_or("a key")?;
    let preferences = Preferences { client_auth: Some(ClientAuth::PrivateKeyJwt), ..Preferences::default() };
    let mut house = House::new(app, metadata, preferences).await?;
    house.keyfob = house.keyfob.with_signer("acme", "mine", signer(Algorithm::ES256, PrivateKey::read(&held)?)?);
    house.log_in(LoginOptions::default()).await?;
    assert!(house.was_sent("/token", "client_assertion"));
    Ok(())
}

fn by_certificate() -> Preferences {
    Preferences { client_auth: Some(ClientAuth::Tls), mtls: true, ..Preferences::default() }
}

/// A certificate by an authority that the server trusts; the tokens are bound to it.
pub(crate) async fn certificate() -> Outcome {
    let house = House::with(App::public("mine"), by_certificate(), |sandbox| {
        let metadata = Metadata {
            token_endpoint_auth_method: Some("tls_client_auth".to_owned()),
            tls_client_auth_san_dns: Some("app.example".to_owned()),
            ..Metadata::default()
        };
        Ok((Some(sandbox.client_certificate("app.example")?), metadata))
    })
    .await?;
    house.log_in(LoginOptions::default()).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// One that vouches for itself, and is registered as it is.
pub(crate) async fn own_certificate() -> Outcome {
    let own = ClientCertificate::self_signed("an app");
    let key = json!({"kty": "EC", "x5c": [keyfob::proto::encode::base64(&own.der)]});
    let method = Some("self_signed_tls_client_auth".to_owned());
    let metadata = Metadata { token_endpoint_auth_method: method, jwks: Some(json!({"keys": [key]})), ..Metadata::default() };
    let shown = Certificate { certificate: own.certificate, key: own.key };
    let house = House::with(App::public("mine"), by_certificate(), |_| Ok((Some(shown), metadata))).await?;
    house.log_in(LoginOptions::default()).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// The walk of the Model Context Protocol: from a URL that answers 401 to a login, as a client whose id is a page about itself.
pub(crate) async fn page() -> Outcome {
    let mut house = House::new(App::public("nobody"), Metadata::default(), Preferences::default()).await?;
    let page = house.sandbox.web_page("/client.json")?;
    let id = ClientIdUrl::parse(page.url())?;
    page.write(id.document(&ClientMetadata::native("An example", [CALLBACK]))?);

    let resource = format!("{}/api/me", house.sandbox.origin("acme"));
    let refused = house.keyfob.transport().send(http::Request::get(&resource).body(Body::empty())?).await?;
    let challenges = Challenges::read(refused.headers())?;
    let clients = Clients { client_id_url: Some(id), ..Clients::default() };
    let ready = house.keyfob.mcp(&resource, &challenges, clients, &Default::default()).await?;
    (house.app, *house.flow()) = (ready.app.clone(), ready.settings.clone());
    // What the token is for is said at every step (RFC 8707).
    let options = LoginOptions { resources: vec![ready.resource.resource.clone()], ..LoginOptions::scopes(["profile"]) };
    house.log_in(options).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

pub(crate) async fn registration() -> Outcome {
    let mut house = House::new(App::public("nobody"), Metadata::default(), Preferences::default()).await?;
    let server = house.keyfob.metadata(&house.sandbox.origin("acme"), Order::OAuthFirst).await?;
    let us = ClientMetadata::native("An example", [CALLBACK]);
    house.app = house.keyfob.register_client(&server, &us, None).await?.registration.app;
    house.log_in(LoginOptions::default()).await?;
    Ok(())
}

/// Read, changed and ended. The token for that changes with each change, so what comes back is what has to be kept.
pub(crate) async fn management() -> Outcome {
    let house = House::new(App::public("nobody"), Metadata::default(), Preferences::default()).await?;
    let keyfob = &house.keyfob;
    let server = keyfob.metadata(&house.sandbox.origin("acme"), Order::OAuthFirst).await?;
    let first = keyfob.register_client(&server, &ClientMetadata::native("An example", [CALLBACK]), None).await?.registration;
    keyfob.read_client(&server, &first).await?;
    let renamed = ClientMetadata { client_name: Some("Another name".to_owned()), ..first.metadata.clone() };
    let second = keyfob.update_client(&server, &first, &renamed).await?.registration;
    assert!(keyfob.read_client(&server, &first).await.is_err(), "its token is spent");
    keyfob.delete_client(&server, &second).await?;
    Ok(())
}
