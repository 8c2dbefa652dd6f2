//! How tokens are come by.

use http::{HeaderMap, HeaderName, HeaderValue};
use keyfob::login::{ImplicitLegacyLogin, client_credentials, exchanged, jwt_assertion, jwt_bearer, password_legacy, saml_assertion};
use keyfob::proto::jose::{Algorithm, PrivateKey};
use keyfob::proto::oauth2::assertion::bearer_assertion;
use keyfob::proto::oauth2::metadata::Preferences;
use keyfob::proto::oauth2::{AccessRequest, BackchannelRequest, Delivery, Hint, Hybrid};
use keyfob::proto::{Answer, Secret};
use keyfob::{BackchannelLogin, DeviceLogin, LoginOptions, OsEntropy};
use keyfob_sandbox::Metadata;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::Outcome;
use crate::house::{ACCOUNT, CALLBACK, House, confidential, keyed, signer, tokens};

async fn plain() -> Outcome<House> {
    House::new(confidential(), Metadata::default(), Preferences::default()).await
}

/// With a proof key (RFC 7636), `iss` in the answer (RFC 9207), and everything else that a login has by itself.
pub(crate) async fn code() -> Outcome {
    let house = plain().await?;
    let login = house.begin(LoginOptions::default()).await?;
    // The person goes there, and comes back to the redirect URI.
    let back = house.visit(login.url()).await?;
    let verified = login.judge(Answer::Url(&back)).await?;
    login.finish(verified).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// By itself ahead of the end, or when the API says "expired"; here because somebody insists.
pub(crate) async fn refresh() -> Outcome {
    let house = plain().await?;
    let before = house.log_in(LoginOptions::default()).await?.account;
    let after = house.session(ACCOUNT).await?.refresh().await?;
    assert!(!tokens(&after.tokens).access.same_as(tokens(&before.tokens).access.expose()));
    Ok(())
}

pub(crate) async fn own_account() -> Outcome {
    let house = plain().await?;
    client_credentials(&house.keyfob, &house.settings, &house.app, "acme/service", &AccessRequest::scopes(["echo"])).await?;
    house.calls("acme/service", "/echo").await?;
    Ok(())
}

pub(crate) async fn device() -> Outcome {
    let house = plain().await?;
    let scopes = vec!["openid".to_owned(), "profile".to_owned()];
    let mut login = DeviceLogin::begin(&house.keyfob, &house.settings, &house.app, ACCOUNT, scopes).await?;
    assert!(!login.user_code().is_empty() && login.verification_uri().ends_with("/device"));
    login.wait().await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// A token for another that can do less.
pub(crate) async fn exchange() -> Outcome {
    let house = plain().await?;
    house.log_in(LoginOptions::default()).await?;
    let session = house.session(ACCOUNT).await?;
    let narrower = AccessRequest::scopes(["profile"]);
    let narrow = exchanged(&session, &house.settings, &house.app, "acme/narrow", narrower).await?.account;
    assert_eq!(tokens(&narrow.tokens).scopes, ["profile"]);
    Ok(())
}

/// The app's own key says for whom it asks, and says it again when the token ends.
pub(crate) async fn own_assertion() -> Outcome {
    let (app, metadata) = keyed(Algorithm::ES256)?;
    let house = House::new(app, metadata, Preferences::default()).await?;
    let request = AccessRequest::scopes(["profile"]);
    jwt_bearer(&house.keyfob, &house.settings, &house.app, ACCOUNT, "robin-demo", &request).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// Somebody else made it, and whoever has it exchanges it once. It is kept nowhere.
pub(crate) async fn given_assertion() -> Outcome {
    let (app, metadata) = keyed(Algorithm::ES256)?;
    let house = House::new(app, metadata, Preferences::default()).await?;
    let key = house.app.private_key.as_ref().ok_or("a key")?;
    let theirs = signer(Algorithm::ES256, PrivateKey::read(key)?)?;
    let (issuer, now) = (house.sandbox.origin("acme"), house.keyfob.now());
    let given = bearer_assertion(&*theirs, "mine", "robin-demo", &issuer, serde_json::Map::new(), now, &OsEntropy)?;
    let request = AccessRequest::scopes(["profile"]);
    jwt_assertion(&house.keyfob, &house.settings, &house.app, ACCOUNT, &given, &request).await?;
    assert!(jwt_assertion(&house.keyfob, &house.settings, &house.app, ACCOUNT, &given, &request).await.is_err(), "once");
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// The XML as the identity provider signed it.
pub(crate) async fn saml() -> Outcome {
    let house = plain().await?;
    let given = Secret::new(house.sandbox.saml_assertion(|_| {}));
    saml_assertion(&house.keyfob, &house.settings, &house.app, ACCOUNT, &given, &AccessRequest::scopes(["profile"])).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// The server asks the person itself, on a device that it knows.
pub(crate) async fn backchannel() -> Outcome {
    let house = plain().await?;
    let request = BackchannelRequest::new(Hint::Login("robin".to_owned()), AccessRequest::scopes(["openid", "profile"]));
    BackchannelLogin::begin(&house.keyfob, &house.settings, &house.app, ACCOUNT, &request).await?.wait().await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// The same where the server tells us when the person has decided: it posts that to a URL of ours, with the token that the login was begun with.
pub(crate) async fn pinged() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let metadata = Metadata {
        backchannel_token_delivery_mode: Some("ping".to_owned()),
        backchannel_client_notification_endpoint: Some(format!("http://{}/ping", listener.local_addr()?)),
        ..Metadata::default()
    };
    let house = House::new(confidential(), metadata, Preferences::default()).await?;
    let access = AccessRequest::scopes(["openid", "profile"]);
    let request = BackchannelRequest { delivery: Delivery::Ping, ..BackchannelRequest::new(Hint::Login("robin".to_owned()), access) };
    let login = BackchannelLogin::begin(&house.keyfob, &house.settings, &house.app, ACCOUNT, &request).await?;

    // A web server of one request; a real program has one.
    let (mut stream, _) = listener.accept().await?;
    let (mut posted, mut part) = (String::new(), [0; 4096]);
    while !posted.ends_with('}') {
        let read = stream.read(&mut part).await?;
        posted.push_str(std::str::from_utf8(&part[..read])?);
    }
    stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await?;
    let (head, body) = posted.split_once("\r\n\r\n").ok_or("a body")?;
    let mut headers = HeaderMap::new();
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        headers.insert(HeaderName::try_from(name)?, HeaderValue::from_str(value)?);
    }
    // Whoever says so without that token is not believed.
    login.notified(&HeaderMap::new(), body.as_bytes()).expect_err("anybody could have sent it");
    login.notified(&headers, body.as_bytes())?;
    login.wait().await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// An ID token comes through the browser beside the code, and is judged before the code is spent.
pub(crate) async fn hybrid() -> Outcome {
    let house = plain().await?;
    let login = house.begin(LoginOptions { hybrid: Some(Hybrid::IdToken), ..LoginOptions::default() }).await?;
    let back = house.visit(login.url()).await?;
    assert!(back.contains("#code=") && back.contains("id_token="));
    let verified = login.judge(Answer::Url(&back)).await?;
    assert_eq!(login.finish(verified).await?.id_token.ok_or("an ID token")?.subject, "robin-demo");
    Ok(())
}

/// Legacy, as its name says wherever it is called. The password is sent once and kept nowhere.
pub(crate) async fn legacy_password() -> Outcome {
    let metadata = Metadata { grant_types: vec!["password".to_owned()], ..Metadata::default() };
    let house = House::new(confidential(), metadata, Preferences::default()).await?;
    let (word, request) = (Secret::new("robin-sandbox-password-not-real"), AccessRequest::scopes(["profile"]));
    password_legacy(&house.keyfob, &house.settings, &house.app, ACCOUNT, "robin", &word, &request).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// Legacy, too: the token comes through the browser, where others may see it.
pub(crate) async fn legacy_implicit() -> Outcome {
    let metadata = Metadata { response_types: vec!["token".to_owned()], ..Metadata::default() };
    let house = House::new(confidential(), metadata, Preferences::default()).await?;
    let scopes = vec!["profile".to_owned()];
    let login = ImplicitLegacyLogin::begin(&house.keyfob, &house.settings, &house.app, ACCOUNT, CALLBACK, scopes).await?;
    let back = house.visit(login.url()).await?;
    assert!(back.split_once('#').is_some_and(|(_, fragment)| fragment.contains("access_token=")));
    login.finish(Answer::Url(&back)).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}
