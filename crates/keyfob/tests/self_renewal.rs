//! Access tokens that renew themselves, where a provider gives no refresh token.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Scripted, app, json, keyfob, parameter, provider};
use keyfob::proto::oauth2::{LongLived, Renewal};
use keyfob::proto::{Answer, Endpoint, Flow, Settings};
use keyfob::{Error, Keyfob, LoggedIn, Login, Redirect};

fn settings(server: &Scripted, long_lived: bool) -> Settings {
    let mut settings = provider(&server.origin);
    let Flow::OAuth2(flow) = &mut settings.flow else { unreachable!("it speaks OAuth 2") };
    let longer = LongLived { endpoint: Endpoint::parse(&format!("{}/longer", server.origin)).unwrap(), grant_type: "exchange".to_owned() };
    flow.renewal = Some(Renewal { grant_type: "renew".to_owned(), long_lived: long_lived.then_some(longer) });
    settings
}

fn token(name: &str, seconds: u32) -> String {
    json("200 OK", &format!(r#"{{"access_token":"{name}","token_type":"Bearer","expires_in":{seconds}}}"#))
}

async fn log_in(keyfob: &Keyfob, settings: &Settings) -> Result<LoggedIn, Error> {
    let redirect = Redirect::Uri("http://127.0.0.1:9/callback".to_owned());
    let login = Login::begin(keyfob, settings, &app(), "home", redirect, vec![]).await?;
    let query = format!("code=abc&state={}", parameter(login.url(), "state"));
    let verified = login.verify(Answer::Query(&query)).unwrap();
    login.finish(verified).await
}

/// It is all that could be asked with: to send it once more would tell the URL's readers of it, and the person that the provider is at fault.
#[tokio::test]
async fn a_token_that_has_ended_is_not_sent_to_be_renewed() {
    let server = Scripted::start(vec![token("first", 1), token("never", 3600), json("200 OK", "{}")]).await;
    let (keyfob, settings) = (keyfob(), settings(&server, false));
    log_in(&keyfob, &settings).await.unwrap();
    let session = keyfob.session(settings, app(), "home").await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let refused = session.get("/me").send().await.err().unwrap();
    assert!(matches!(refused, Error::NeedsLogin { .. }), "{refused}");
    assert_eq!(server.requests().len(), 1, "{:?}", server.requests());
}

/// What the login brought would be good for an hour, and nobody would have it.
#[tokio::test]
async fn where_the_exchange_for_a_longer_life_fails_the_logins_token_is_revoked() {
    let server =
        Scripted::start(vec![token("short", 3600), json("400 Bad Request", r#"{"error":"invalid_request"}"#), json("200 OK", "{}")]).await;
    let (keyfob, settings) = (keyfob(), settings(&server, true));
    assert!(log_in(&keyfob, &settings).await.is_err());
    let asked = server.requests();
    assert!(asked.iter().any(|request| request.starts_with("POST /revoke") && request.contains("short")), "{asked:?}");
}
