//! The life of a session: refreshing when others do, or when the server fails; what a store and `Debug` must not do.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use common::{Scripted, app, json, parameter, provider};
use keyfob::proto::{Answer, Entropy, Settings, Signal, Timestamp};
use keyfob::store::{Expected, Generation};
use keyfob::transport::Sending;
use keyfob::{
    AccountId, Body, Clock, Error, Health, HyperTransport, Keyfob, Login, MemoryStore, OsEntropy, Redirect, Revoked, Session, Store,
    StoreError, Transport,
};

const TOKENS: &str = r#"{"access_token":"access-token-1","refresh_token":"refresh-token-1","token_type":"Bearer","expires_in":3600}"#;
const RENEWED: &str = r#"{"access_token":"access-token-2","refresh_token":"refresh-token-2","token_type":"Bearer","expires_in":3600}"#;
const NO_REFRESH: &str = r#"{"access_token":"access-token-1","token_type":"Bearer","expires_in":3600}"#;

/// A clock that tests turn.
struct Turned(AtomicI64);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::SeqCst))
    }
}

struct House {
    server: Scripted,
    clock: Arc<Turned>,
    keyfob: Keyfob,
    settings: Settings,
}

impl House {
    async fn new(answers: Vec<String>) -> Self {
        let server = Scripted::start(answers).await;
        let clock = Arc::new(Turned(AtomicI64::new(1_000_000)));
        let transport = HyperTransport::builder().loopback_only(true).build().unwrap();
        let entropy: Arc<dyn Entropy + Send + Sync> = Arc::new(OsEntropy);
        let keyfob = Keyfob::with(Arc::new(MemoryStore::new()), Arc::new(transport), clock.clone(), entropy);
        let settings = provider(&server.origin);
        Self { server, clock, keyfob, settings }
    }

    async fn log_in(&self) -> Result<keyfob::LoggedIn, Error> {
        let redirect = Redirect::Uri("http://127.0.0.1:9/callback".to_owned());
        let login = Login::begin(&self.keyfob, &self.settings, &app(), "home", redirect, vec![]).await?;
        let query = format!("code=abc&state={}", parameter(login.url(), "state"));
        let verified = login.verify(Answer::Query(&query)).unwrap();
        login.finish(verified).await
    }

    async fn session(&self) -> Session {
        self.log_in().await.unwrap();
        self.keyfob.session(self.settings.clone(), app(), "home").await.unwrap()
    }

    fn turn(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_refresh_that_fails_fails_for_all_who_waited_and_is_sent_once() {
    let house = House::new(vec![json("200 OK", TOKENS), json("503 Busy", "{}"), json("200 OK", RENEWED)]).await;
    let session = house.session().await;
    let (a, b, c) = tokio::join!(session.refresh(), session.refresh(), session.refresh());
    assert!(a.is_err() && b.is_err() && c.is_err(), "one lost answer, one outcome");
    assert_eq!(house.server.requests().len(), 2, "the refresh token, perhaps spent, was sent again");
    assert!(session.refresh().await.is_ok(), "whoever comes later tries anew");
}

#[tokio::test]
async fn an_app_that_was_changed_counts_from_the_next_session_on() {
    let house = House::new(vec![json("200 OK", TOKENS), json("200 OK", RENEWED), json("200 OK", TOKENS)]).await;
    let _old = house.session().await;
    let changed = keyfob::proto::App { client_secret: Some("another-secret-not-real".into()), ..app() };
    let changed = house.keyfob.session(house.settings.clone(), changed, "home").await.unwrap();
    changed.refresh().await.unwrap();
    let basic = |at: usize| -> String {
        let request = house.server.requests().remove(at);
        request.lines().find(|line| line.to_lowercase().starts_with("authorization: basic")).unwrap().to_owned()
    };
    assert_ne!(basic(0), basic(1), "the secret that was changed");
    let mut elsewhere = house.settings.clone();
    elsewhere.api.headers.push((http::HeaderName::from_static("x-new"), keyfob::proto::Template::parse("new").unwrap()));
    let elsewhere = house.keyfob.session(elsewhere, app(), "home").await.unwrap();
    elsewhere.get("/x").send().await.unwrap();
    let request = house.server.requests().remove(2);
    assert!(request.to_lowercase().contains("x-new: new"), "{request}");
}

/// By the system's own randomness, as every program has it. (A million of them are drawn beside the core's `authorize`, which makes the state.)
#[tokio::test]
async fn a1_no_state_of_a_session_comes_twice() {
    let (keyfob, settings) = (common::keyfob(), provider("https://provider.example"));
    let mut states = std::collections::BTreeSet::new();
    for _ in 0..100_000 {
        let redirect = Redirect::Uri("http://127.0.0.1:9/callback".to_owned());
        let login = Login::begin(&keyfob, &settings, &app(), "home", redirect, vec![]).await.unwrap();
        let state = login.pending().key().expose().to_owned();
        assert!(state.len() >= 43 && states.insert(state), "256 bits (RFC 4648 §5), and others each time");
    }
}

/// Tokens are good for the app that they were given to: the next refresh would be refused, and the account marked.
#[tokio::test]
async fn another_app_than_the_accounts_own_opens_no_session() {
    let house = House::new(vec![json("200 OK", TOKENS), json("200 OK", TOKENS)]).await;
    house.log_in().await.unwrap();
    let another = || keyfob::proto::App { client_id: "another-client-id".to_owned(), ..app() };
    let error = house.keyfob.session(house.settings.clone(), another(), "home").await.err().unwrap();
    assert!(error.to_string().contains("another app") && error.hint().unwrap().contains("keyfob login home"), "{error}");
    // And one that is open finds out when the account is logged in anew, with another.
    let open = house.keyfob.session(house.settings.clone(), app(), "home").await.unwrap();
    let redirect = Redirect::Uri("http://127.0.0.1:9/callback".to_owned());
    let login = Login::begin(&house.keyfob, &house.settings, &another(), "home", redirect, vec![]).await.unwrap();
    let verified = login.verify(Answer::Query(&format!("code=abc&state={}", parameter(login.url(), "state")))).unwrap();
    login.finish(verified).await.unwrap();
    let error = open.reread().await.err().unwrap();
    assert!(matches!(error, Error::AnotherApp { .. }), "{error}");
    assert_eq!(house.server.requests().len(), 2, "nothing was sent with them");
}

/// The house's provider, if its apps signed their calls with their own keys, and nobody logged in there.
fn keys_alone(house: &House) -> Settings {
    let at = |path: &str| common::endpoint(&format!("{}/{path}", house.server.origin));
    let mut settings = house.settings.clone();
    let mut flow = keyfob::proto::oauth1::Settings::new(at("request"), at("authorize"), at("access"));
    flow.one_legged = true;
    settings.flow = keyfob::proto::Flow::OAuth1(flow);
    settings
}

/// An account of keys alone *is* its app: with other keys it would be somebody else's calls.
#[tokio::test]
async fn other_keys_than_its_own_open_no_account_of_keys_alone() {
    let house = House::new(vec![]).await;
    let settings = keys_alone(&house);
    keyfob::login::one_legged(&house.keyfob, &settings, &app(), "shop").await.unwrap();
    assert!(house.keyfob.session(settings.clone(), app(), "shop").await.is_ok());
    let others = keyfob::proto::App::confidential("another-key", "another-secret-not-real");
    let error = house.keyfob.session(settings, others, "shop").await.err().unwrap();
    assert!(matches!(error, Error::AnotherApp { .. }), "{error}");
}

/// What was made for the one (valet keys, links, rules) would be good at the other.
#[tokio::test]
async fn l19_with_other_keys_an_account_of_keys_alone_is_another_account() {
    let house = House::new(vec![]).await;
    let settings = keys_alone(&house);
    let kept = async |app| keyfob::login::one_legged(&house.keyfob, &settings, &app, "shop").await.unwrap();
    let first = kept(app()).await.account.id;
    let again = kept(keyfob::proto::App { client_secret: Some("another-secret-not-real".into()), ..app() }).await;
    assert_eq!((&again.account.id, again.ended), (&first, None), "the same key with a new secret is the same app");
    let other = kept(keyfob::proto::App::confidential("another-key", "another-secret-not-real")).await;
    assert_ne!(other.account.id, first);
    assert_eq!((other.ended, other.replaced), (Some(first), true));
}

/// The same for the app's own tokens (RFC 6749 §4.4): nobody approved, so it is the app's account.
#[tokio::test]
async fn l19_with_another_apps_credentials_an_apps_own_account_is_another_one() {
    let house = House::new(vec![json("200 OK", NO_REFRESH), json("200 OK", NO_REFRESH), json("200 OK", NO_REFRESH)]).await;
    let another = keyfob::proto::App { client_id: "another-client-id".to_owned(), ..app() };
    let mut ids = Vec::new();
    for app in [app(), app(), another] {
        let request = keyfob::proto::oauth2::AccessRequest::scopes(["read"]);
        ids.push(keyfob::login::client_credentials(&house.keyfob, &house.settings, &app, "own", &request).await.unwrap().account.id);
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
}

#[tokio::test]
async fn a_failure_ahead_of_the_end_leaves_the_token_in_use() {
    let answers = vec![json("200 OK", TOKENS), json("503 Busy", "{}"), json("200 OK", "{}"), json("503 Busy", "{}")];
    let house = House::new(answers).await;
    let session = house.session().await;
    house.turn(3600 - 30);
    assert_eq!(session.get("/x").send().await.unwrap().status(), 200);
    assert!(house.server.requests()[2].contains("Bearer access-token-1"));
    house.turn(31);
    let error = session.get("/x").send().await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "it has ended: {error}");
}

#[tokio::test]
async fn a_token_that_has_ended_is_not_handed_out() {
    let house = House::new(vec![json("200 OK", NO_REFRESH)]).await;
    let session = house.session().await;
    house.turn(3599);
    assert_eq!(session.token(60).await.unwrap().expose(), "access-token-1");
    house.turn(1);
    let error = session.token(60).await.unwrap_err();
    assert!(matches!(error, Error::NeedsLogin { .. }), "{error}");
}

/// While we get new tokens, another process is refused with the same refresh token, and marks the account.
struct Overtaken {
    store: Arc<MemoryStore>,
}

impl Transport for Overtaken {
    fn send(&self, _: http::Request<Body>) -> Sending<'_> {
        Box::pin(async {
            let record = self.store.account("home").await.unwrap();
            let first = record.is_none();
            if let Some(record) = record {
                let mut marked = record.value;
                marked.health = Health::NeedsLogin { reason: "invalid_grant".to_owned(), since: Timestamp::from_unix(0) };
                self.store.put_account(&marked, Expected::Generation(record.generation), None).await.unwrap();
            }
            let body = Body::from(if first { TOKENS } else { RENEWED }.as_bytes().to_vec());
            Ok(http::Response::builder().header("content-type", "application/json").body(body).unwrap())
        })
    }
}

#[tokio::test]
async fn new_tokens_are_not_lost_to_somebody_who_was_refused() {
    let store = Arc::new(MemoryStore::new());
    let keyfob = Keyfob::new(store.clone(), Arc::new(Overtaken { store: store.clone() }));
    let settings = provider("https://provider.example");
    let redirect = Redirect::Uri("http://127.0.0.1:9/callback".to_owned());
    let login = Login::begin(&keyfob, &settings, &app(), "home", redirect, vec![]).await.unwrap();
    let query = format!("code=abc&state={}", parameter(login.url(), "state"));
    let verified = login.verify(Answer::Query(&query)).unwrap();
    login.finish(verified).await.unwrap();
    let session = keyfob.session(settings, app(), "home").await.unwrap();
    session.refresh().await.unwrap();
    let kept = store.account("home").await.unwrap().unwrap().value;
    assert_eq!((kept.tokens.refresh_token().unwrap().expose(), kept.health), ("refresh-token-2", Health::Ok));
}

#[tokio::test]
async fn an_account_made_anew_is_another_record() {
    let house = House::new(vec![json("200 OK", TOKENS)]).await;
    let old = house.log_in().await.unwrap().account;
    let store = house.keyfob.store();
    let generation = store.account("home").await.unwrap().unwrap().generation;
    store.remove_account("home", None).await.unwrap();
    let new = keyfob::Account { id: AccountId::random(), ..old.clone() };
    assert_eq!(store.put_account(&new, Expected::Nothing, None).await.unwrap(), generation);
    let late = store.put_account(&old, Expected::Generation(generation), None).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    assert_eq!(store.put_account(&new, Expected::Generation(generation), None).await.unwrap(), Generation(generation.0 + 1));
}

#[tokio::test]
async fn d9_logout_asks_for_the_access_token_too_when_the_first_was_not_revoked() {
    let house = House::new(vec![json("200 OK", TOKENS), json("503 Busy", "{}"), json("200 OK", "{}")]).await;
    house.log_in().await.unwrap();
    let out = keyfob::logout(&house.keyfob, &house.settings, &app(), "home", true).await.unwrap();
    assert!(matches!(out.revoked, Revoked::Failed(_)), "{:?}", out.revoked);
    let requests = house.server.requests();
    assert!(requests[1].contains("token=refresh-token-1") && requests[2].contains("token=access-token-1"));
    assert!(house.keyfob.store().account("home").await.unwrap().is_none());
}

#[tokio::test]
async fn a_taken_name_is_refused_before_the_code_is_spent() {
    let mut house = House::new(vec![json("200 OK", TOKENS), json("200 OK", RENEWED)]).await;
    house.log_in().await.unwrap();
    house.settings.provider = "another".to_owned();
    let error = house.log_in().await.unwrap_err();
    assert!(matches!(error, Error::TakenName { .. }), "{error}");
    assert_eq!(house.server.requests().len(), 1);
}

#[tokio::test]
async fn an_open_session_is_not_handed_to_another_provider() {
    let house = House::new(vec![json("200 OK", TOKENS)]).await;
    let _open = house.session().await;
    let settings = Settings { provider: "another".to_owned(), ..house.settings.clone() };
    let error = house.keyfob.session(settings, app(), "home").await.err().unwrap();
    assert!(matches!(error, Error::TakenName { .. }), "{error}");
}

#[tokio::test]
async fn a_long_answer_is_whole_although_it_was_looked_at() {
    let long = format!("[\"{}\"]", "x".repeat(3 << 20));
    let mut house = House::new(vec![json("200 OK", TOKENS), json("200 OK", &long), json("200 OK", r#"{"short":1}"#)]).await;
    house.settings.api.expired =
        vec![Signal { statuses: vec![200], pointer: Some("/expired".to_owned()), values: vec![], contains: vec![] }];
    let session = house.session().await;
    assert_eq!(session.get("/x").send().await.unwrap().bytes().await.unwrap(), long.as_bytes());
    assert_eq!(session.get("/x").send().await.unwrap().json().await.unwrap()["short"], 1);
}

#[tokio::test]
async fn a_token_that_was_replaced_meanwhile_is_still_taken_out_of_the_answer() {
    let echo = r#"{"message":"access-token-1 may not do this"}"#;
    let house = House::new(vec![json("200 OK", TOKENS), json("400 Bad Request", echo), json("200 OK", RENEWED)]).await;
    let session = house.session().await;
    let answer = session.get("/x").send().await.unwrap();
    session.refresh().await.unwrap();
    let error = answer.read().await.unwrap_err();
    assert_eq!(error.to_string(), "the API answered HTTP 400: <secret> may not do this");
}

#[tokio::test]
async fn debug_shows_neither_state_nor_what_calls_and_answers_carry() {
    let answer = "HTTP/1.1 200 OK\r\nset-cookie: CANARY\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let house = House::new(vec![json("200 OK", TOKENS), answer.to_owned()]).await;
    let redirect = Redirect::Uri("http://127.0.0.1:9/callback".to_owned());
    let login = Login::begin(&house.keyfob, &house.settings, &app(), "home", redirect, vec![]).await.unwrap();
    let shown = format!("{login:?}");
    assert!(!shown.contains(&parameter(login.url(), "state")), "{shown}");
    let session = house.session().await;
    let call = session.post("/x?pin=CANARY").query("key", "CANARY").form([("pin", "CANARY")]);
    let call = call.header(http::header::COOKIE, http::HeaderValue::from_static("CANARY"));
    let bytes = format!("{:?}", b"CANARY").trim_matches(['[', ']']).to_owned();
    let shown = format!("{call:?}");
    assert!(!shown.contains("CANARY") && !shown.contains(&bytes), "{shown}");
    let shown = format!("{:?}", call.send().await.unwrap());
    assert!(!shown.contains("CANARY"), "{shown}");
}
