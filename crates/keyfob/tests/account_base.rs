//! Providers that say with the tokens where the API of this account is: believed within what their file lists, and bound at login.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{Scripted, app, json, keyfob, parameter, provider};
use keyfob::proto::{AccountBase, Answer, HostPattern, Origin, Settings, Template};
use keyfob::{Error, Keyfob, LoggedIn, Login, Redirect};

/// Token and revocation endpoint at one server, and the hosts that answers may name at others.
fn settings(server: &Scripted, hosts: &[(&str, &Scripted)]) -> Settings {
    let mut settings = provider(&server.origin);
    settings.keep = vec!["api".to_owned()];
    let moved: BTreeMap<Origin, Origin> =
        hosts.iter().map(|(host, at)| (Origin::parse(host).unwrap(), Origin::parse(&at.origin).unwrap())).collect();
    let base = AccountBase::new(Template::parse("{api}/v1").unwrap(), vec![HostPattern::parse("*.hub.example").unwrap()]).unwrap();
    settings.api.base_of_account = Some(base.moved(moved, None));
    settings
}

fn tokens(number: u8, api: &str) -> String {
    let text = format!(
        r#"{{"access_token":"access-{number}","refresh_token":"refresh-{number}","token_type":"Bearer","expires_in":3600,"api":"{api}"}}"#
    );
    json("200 OK", &text)
}

async fn log_in(keyfob: &Keyfob, settings: &Settings) -> Result<LoggedIn, Error> {
    let redirect = Redirect::Uri("http://127.0.0.1:9/callback".to_owned());
    let login = Login::begin(keyfob, settings, &app(), "home", redirect, vec![]).await?;
    let query = format!("code=abc&state={}", parameter(login.url(), "state"));
    let verified = login.verify(Answer::Query(&query)).unwrap();
    login.finish(verified).await
}

#[tokio::test]
async fn calls_go_where_the_login_said() {
    let mine = Scripted::start(vec![json("200 OK", "{}")]).await;
    let server = Scripted::start(vec![tokens(1, "https://mine.hub.example")]).await;
    let (keyfob, settings) = (keyfob(), settings(&server, &[("https://mine.hub.example", &mine)]));
    let account = log_in(&keyfob, &settings).await.unwrap().account;
    assert!(account.is_bound_to(&Origin::parse(&mine.origin).unwrap()));
    let session = keyfob.session(settings.clone(), app(), "home").await.unwrap();
    session.get("/me").send().await.unwrap();
    assert!(mine.requests()[0].starts_with("GET /v1/me "), "{:?}", mine.requests());
    assert_eq!(session.settings().api.base.as_str(), format!("{}/v1", mine.origin));
}

/// The attack: an answer, or a callback, that names the attacker's own host as the API. The tokens would go there with the first call.
#[tokio::test]
async fn an_answer_that_leads_elsewhere_ends_the_login_and_its_tokens() {
    for evil in [
        "https://evil.example",
        "https://mine.hub.example.evil.example",
        "https://mine.hub.example@evil.example",
        "https://access-1.evil.example",
        "",
    ] {
        let server = Scripted::start(vec![tokens(1, evil), json("200 OK", "{}"), json("200 OK", "{}")]).await;
        let (keyfob, settings) = (keyfob(), settings(&server, &[]));
        let refused = log_in(&keyfob, &settings).await.err().unwrap();
        assert!(refused.to_string().contains("broke its own documentation"), "{evil}: {refused}");
        assert!(!refused.to_string().contains("access-1"), "{evil}: {refused}");
        assert!(keyfob.store().account("home").await.unwrap().is_none(), "{evil}: nothing is kept");
        assert!(server.requests().iter().any(|request| request.starts_with("POST /revoke")), "{evil}: {:?}", server.requests());
    }
}

/// A later answer may name another of the listed hosts: the account is bound to the one of its login, and a new login is what moves it.
#[tokio::test]
async fn a_refresh_moves_no_account_to_another_host() {
    let (mine, other) = (Scripted::start(vec![json("200 OK", "{}")]).await, Scripted::start(vec![json("200 OK", "{}")]).await);
    let answers =
        vec![tokens(1, "https://mine.hub.example"), tokens(2, "https://other.hub.example"), tokens(3, "https://other.hub.example")];
    let server = Scripted::start(answers).await;
    let hosts = [("https://mine.hub.example", &mine), ("https://other.hub.example", &other)];
    let (keyfob, settings) = (keyfob(), settings(&server, &hosts));
    log_in(&keyfob, &settings).await.unwrap();
    let session = keyfob.session(settings.clone(), app(), "home").await.unwrap();
    session.refresh().await.unwrap();
    drop(session);
    let moved = keyfob.session(settings.clone(), app(), "home").await.unwrap();
    let refused = moved.get("/me").send().await.err().unwrap();
    assert!(matches!(refused, Error::Unbound { moved: true, .. }), "{refused}");
    assert!(refused.hint().is_some_and(|hint| hint.contains("keyfob login home")), "a login is the way, and no other file");
    let elsewhere = moved.get("https://elsewhere.example/me").send().await.err().unwrap();
    assert!(matches!(elsewhere, Error::Unbound { moved: false, .. }), "{elsewhere}");
    assert!(
        elsewhere.hint().is_some_and(|hint| hint.contains("provider new") && hint.contains("api.more_origins")),
        "{:?}",
        elsewhere.hint()
    );
    assert!(other.requests().is_empty(), "no token was sent there");
    log_in(&keyfob, &settings).await.unwrap();
    let session = moved.reread().await.unwrap();
    session.get("/me").send().await.unwrap();
    assert_eq!(other.requests().len(), 1, "after a login there, calls go there");
}

/// What a later answer says of the API's place and is none is not kept: one such answer would be the end of the account.
#[tokio::test]
async fn a_refresh_that_leads_nowhere_leaves_the_api_where_it_was() {
    for wrong in ["", "https://evil.example", "https://mine.hub.example@evil.example"] {
        let mine = Scripted::start(vec![json("200 OK", "{}")]).await;
        let server = Scripted::start(vec![tokens(1, "https://mine.hub.example"), tokens(2, wrong)]).await;
        let (keyfob, settings) = (keyfob(), settings(&server, &[("https://mine.hub.example", &mine)]));
        log_in(&keyfob, &settings).await.unwrap();
        keyfob.session(settings.clone(), app(), "home").await.unwrap().refresh().await.unwrap();
        let session = keyfob.session(settings, app(), "home").await.unwrap();
        session.get("/me").send().await.unwrap();
        assert!(mine.requests()[0].contains("access-2"), "{wrong}: with the new token, {:?}", mine.requests());
    }
}

/// A file that changes later widens nothing: the account goes to the host of its login alone.
#[tokio::test]
async fn a_file_that_lists_more_hosts_later_widens_nothing() {
    let evil = Scripted::start(vec![json("200 OK", "{}")]).await;
    let server = Scripted::start(vec![tokens(1, "https://mine.hub.example")]).await;
    let (keyfob, mut settings) = (keyfob(), settings(&server, &[]));
    log_in(&keyfob, &settings).await.unwrap();
    let base =
        AccountBase::new(Template::parse("https://{api}.evil.example").unwrap(), vec![HostPattern::parse("*.evil.example").unwrap()]);
    settings.api.base_of_account = Some(base.unwrap().moved(BTreeMap::new(), Origin::parse(&evil.origin)));
    let gone = keyfob.session(settings.clone(), app(), "home").await;
    assert!(gone.is_err(), "an origin is no label");
    let base = AccountBase::new(Template::parse("{api}").unwrap(), vec![HostPattern::parse("*.hub.example").unwrap()]).unwrap();
    settings.api.base_of_account = Some(base.moved(BTreeMap::new(), Origin::parse(&evil.origin)));
    let session = keyfob.session(settings, app(), "home").await.unwrap();
    assert!(matches!(session.get("/me").send().await, Err(Error::Unbound { .. })));
    assert!(evil.requests().is_empty(), "no token was sent there");
}
