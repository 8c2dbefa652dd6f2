//! What a login asks for, and how it travels.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use keyfob::proto::Answer;
use keyfob::proto::jose::Algorithm;
use keyfob::proto::oauth2::metadata::Preferences;
use keyfob::proto::oauth2::{AuthorizationDetail, Prompt, ResponseMode, Signing};
use keyfob::{Login, LoginOptions, Redirect};
use keyfob_sandbox::Metadata;

use crate::Outcome;
use crate::house::{ACCOUNT, CALLBACK, House, confidential, keyed, tokens};

/// The browser carries nothing but the name of a request that the server has already. Done wherever its metadata name the endpoint.
pub(crate) async fn pushed() -> Outcome {
    let metadata = Metadata { require_pushed_authorization_requests: true, ..Metadata::default() };
    let house = House::new(confidential(), metadata, Preferences::default()).await?;
    let login = house.begin(LoginOptions::default()).await?;
    assert!(login.url().contains("request_uri=") && !login.url().contains("redirect_uri"));
    house.visit(login.url()).await?;
    Ok(())
}

/// Nobody on the way changes it: the app's key signs it.
pub(crate) async fn signed() -> Outcome {
    let (app, metadata) = keyed(Algorithm::ES256)?;
    let metadata = Metadata { require_signed_request_object: true, ..metadata };
    let mut house = House::new(app, metadata, Preferences::default()).await?;
    house.flow().request_object = true;
    house.log_in(LoginOptions::default()).await?;
    assert!(house.was_sent("/par", "request"));
    Ok(())
}

/// The server fetches the request from us, from a place that nobody can guess.
pub(crate) async fn by_reference() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let place = format!("http://{}/requests/GkurKxf5T0Y", listener.local_addr()?);
    let (app, metadata) = keyed(Algorithm::ES256)?;
    let metadata = Metadata { request_uris: vec![place.clone()], ..metadata };
    let house = House::new(app, metadata, Preferences::default()).await?;
    let redirect = Redirect::Uri(CALLBACK.to_owned());
    let (options, place) = (LoginOptions::default(), (place.as_str(), Signing::ByClient));
    let (login, object) = Login::begin_by_reference(&house.keyfob, &house.settings, &house.app, ACCOUNT, redirect, options, place)?;
    let served = thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.read(&mut [0; 4096]).map(drop)?;
        stream.write_all(format!("HTTP/1.0 200 OK\r\ncontent-type: application/oauth-authz-req+jwt\r\n\r\n{}", object.expose()).as_bytes())
    });
    let back = house.visit(login.url()).await?;
    served.join().map_err(|_| "the thread ended otherwise")??;
    let verified = login.judge(Answer::Url(&back)).await?;
    login.finish(verified).await?;
    Ok(())
}

/// The answer through the browser is signed by the server.
pub(crate) async fn signed_answer() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    let options = LoginOptions { response_mode: Some(ResponseMode::QueryJwt), ..LoginOptions::default() };
    house.log_in(options).await?;
    Ok(())
}

/// Finer than scopes.
pub(crate) async fn rich() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    let detail = AuthorizationDetail::parse(r#"{"type":"lock","actions":["open"]}"#)?;
    let options = LoginOptions { authorization_details: vec![detail.clone()], ..LoginOptions::default() };
    let account = house.log_in(options).await?.account;
    assert_eq!(tokens(&account.tokens).authorization_details, [detail]);
    Ok(())
}

/// Tokens that are good at one resource, and at no other.
pub(crate) async fn resources() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    let resource = format!("{}/api/me", house.sandbox.origin("acme"));
    house.log_in(LoginOptions { resources: vec![resource], ..LoginOptions::default() }).await?;
    house.calls(ACCOUNT, "/me").await?;
    assert_eq!(house.session(ACCOUNT).await?.get("/echo").send().await?.status(), 401);
    Ok(())
}

/// Somebody who signed in just now, and well enough: the ID token has to say so.
pub(crate) async fn fresh_sign_in() -> Outcome {
    let house = House::new(confidential(), Metadata::default(), Preferences::default()).await?;
    let acr_values = vec!["urn:acme:second-factor".to_owned()];
    let options = LoginOptions { prompt: vec![Prompt::Login], max_age: Some(60), acr_values, ..LoginOptions::default() };
    let id_token = house.log_in(options).await?.id_token.ok_or("an ID token")?;
    assert!(id_token.authenticated_at.is_some() && id_token.acr.is_some());
    Ok(())
}
