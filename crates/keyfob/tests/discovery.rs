//! Discovery, from an issuer to a login: against the sandbox, and against a server that gets it wrong.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::io::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use common::{Served, app, endpoint, json};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use keyfob::proto::oauth2::metadata::{Metadata, Order, Preferences};
use keyfob::proto::{Answer, App, Described, Flow, Misuse, Secret, Settings, Timestamp, TokenSet, oauth2};
use keyfob::store::{Expected, Versioned};
use keyfob::transport::Sending;
use keyfob::{Body, Clock, Error, HyperTransport, Keyfob, Login, MemoryStore, OsEntropy, Redirect, Store, Transport};
use keyfob_sandbox::{Consent, Sandbox};

const NOW: i64 = 1_800_000_000;

struct Turned(AtomicI64);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::SeqCst))
    }
}

async fn discover(keyfob: &Keyfob, issuer: &str) -> Result<Settings, Error> {
    keyfob::discover(keyfob, "pretend", issuer, Order::OAuthFirst, &app(), &Preferences::default(), endpoint(issuer)).await
}

#[tokio::test]
async fn f1_an_issuer_alone_is_enough_for_a_login_and_a_call() {
    let sandbox = Sandbox::builder().only(["acme"]).consent(Consent::Approve).start().await.unwrap();
    let (origin, demo) = (sandbox.origin("acme"), sandbox.app("acme"));
    let app = App::confidential(demo.client_id, demo.client_secret);
    let transport = Arc::new(HyperTransport::builder().loopback_only(true).build().unwrap());
    let store = Arc::new(MemoryStore::new());
    let keyfob = Keyfob::new(store.clone(), transport.clone());
    let preferences = Preferences { scopes: vec!["profile".to_owned()], ..Preferences::default() };
    let settings = keyfob::discover(&keyfob, "acme", &origin, Order::OAuthFirst, &app, &preferences, endpoint(&format!("{origin}/api")))
        .await
        .unwrap();
    let Flow::OAuth2(flow) = &settings.flow else { panic!("OAuth 2") };
    assert!(flow.iss_required && flow.issuer.as_deref() == Some(&origin));
    let redirect = Redirect::Uri("http://127.0.0.1:8123/callback".to_owned());
    let login = Login::begin(&keyfob, &settings, &app, "acme", redirect, vec![]).await.unwrap();
    let visit = http::Request::get(login.url()).body(Body::empty()).unwrap();
    let back = transport.send(visit).await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    let verified = login.verify(Answer::Url(&back)).unwrap();
    login.finish(verified).await.unwrap();
    keyfob.session(settings.clone(), app.clone(), "acme").await.unwrap().get("/me").send().await.unwrap();

    // RFC 6750 §3.1: an access token that is not good any more is a reason to get another.
    let Versioned { value: mut account, generation } = store.account("acme").await.unwrap().unwrap();
    let TokenSet::OAuth2(tokens) = &mut account.tokens else { panic!("OAuth 2") };
    tokens.access = Secret::new("a-token-that-was-revoked");
    store.put_account(&account, Expected::Generation(generation), None).await.unwrap();
    let elsewhere = Keyfob::new(store, transport);
    let session = elsewhere.session(settings, app, "acme").await.unwrap();
    assert_eq!(session.get("/me").send().await.unwrap().status(), 200);
}

/// Packs every answer, asked or not, as some servers do.
struct Packing(HyperTransport);

impl Transport for Packing {
    fn send(&self, request: http::Request<Body>) -> Sending<'_> {
        Box::pin(async move {
            let (mut parts, body) = self.0.send(request).await?.into_parts();
            let mut packed = GzEncoder::new(Vec::new(), Compression::default());
            packed.write_all(&body.bytes(1 << 20).await?).unwrap();
            parts.headers.remove(CONTENT_LENGTH);
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Ok(http::Response::from_parts(parts, packed.finish().unwrap().into()))
        })
    }
}

#[tokio::test]
async fn a_server_that_packs_whatever_it_says_is_as_good_as_another() {
    let sandbox = Sandbox::builder().only(["acme"]).consent(Consent::Approve).start().await.unwrap();
    let (origin, demo) = (sandbox.origin("acme"), sandbox.app("acme"));
    let app = App::confidential(demo.client_id, demo.client_secret);
    let transport = Arc::new(Packing(HyperTransport::builder().loopback_only(true).build().unwrap()));
    let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), transport.clone());
    let scopes = ["openid", "profile", "offline_access"].map(str::to_owned).to_vec();
    let preferences = Preferences { scopes, ..Preferences::default() };
    let api = endpoint(&format!("{origin}/api"));
    let settings = keyfob::discover(&keyfob, "acme", &origin, Order::OAuthFirst, &app, &preferences, api).await.unwrap();
    let redirect = Redirect::Uri("http://127.0.0.1:8123/callback".to_owned());
    let login = Login::begin(&keyfob, &settings, &app, "acme", redirect, vec![]).await.unwrap();
    let visit = http::Request::get(login.url()).body(Body::empty()).unwrap();
    let back = transport.send(visit).await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    let verified = login.verify(Answer::Url(&back)).unwrap();
    // Its keys, too, come packed.
    login.finish(verified).await.unwrap();
    let session = keyfob.session(settings, app, "acme").await.unwrap();
    session.refresh().await.unwrap();
    session.userinfo().await.unwrap();
}

struct House {
    server: Served,
    answer: Arc<Mutex<String>>,
    clock: Arc<Turned>,
    keyfob: Keyfob,
}

impl House {
    async fn new() -> Self {
        let answer = Arc::new(Mutex::new(String::new()));
        let theirs = answer.clone();
        let server = Served::start(move |_| theirs.lock().unwrap().clone()).await;
        let clock = Arc::new(Turned(AtomicI64::new(NOW)));
        let transport = Arc::new(HyperTransport::builder().loopback_only(true).build().unwrap());
        let keyfob = Keyfob::with(Arc::new(MemoryStore::new()), transport, clock.clone(), Arc::new(OsEntropy));
        let house = Self { server, answer, clock, keyfob };
        house.says("");
        house
    }

    /// A document about itself, with these members besides.
    fn says(&self, more: &str) {
        let origin = &self.server.origin;
        let text = format!(
            r#"{{"issuer":"{origin}","authorization_endpoint":"{origin}/authorize","token_endpoint":"{origin}/token","jwks_uri":"{origin}/jwks"{more}}}"#
        );
        *self.answer.lock().unwrap() = json("200 OK", &text);
    }

    async fn discover(&self) -> Result<Settings, Error> {
        discover(&self.keyfob, &self.server.origin).await
    }
}

#[tokio::test]
async fn f1_a_document_about_another_issuer_is_refused() {
    let house = House::new().await;
    *house.answer.lock().unwrap() = json("200 OK", r#"{"issuer":"https://login.example"}"#);
    let error = house.discover().await.unwrap_err();
    assert!(error.to_string().contains("RFC 8414 §3.3"), "{error}");
}

#[tokio::test]
async fn f5_a_redirect_is_not_followed() {
    let house = House::new().await;
    *house.answer.lock().unwrap() =
        format!("HTTP/1.1 302 Found\r\nlocation: {}/elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", house.server.origin);
    assert!(house.discover().await.is_err());
    assert_eq!((house.server.asked("GET "), house.server.asked("GET /elsewhere")), (1, 0));
}

#[tokio::test]
async fn f6_a_copy_is_kept_and_a_bad_refresh_does_not_lose_it() {
    let house = House::new().await;
    for _ in 0..3 {
        house.discover().await.unwrap();
    }
    assert_eq!(house.server.asked("GET "), 1);
    house.clock.0.fetch_add(3600, Ordering::SeqCst);
    *house.answer.lock().unwrap() = json("200 OK", r#"{"issuer":"https://login.example"}"#);
    for _ in 0..3 {
        house.discover().await.unwrap();
    }
    assert_eq!(house.server.asked("GET "), 2, "asked again once, and not within a minute after it failed");
    house.clock.0.fetch_add(60, Ordering::SeqCst);
    house.says(r#","id_token_signing_alg_values_supported":["ES256","none","HS256"]"#);
    let Flow::OAuth2(flow) = house.discover().await.unwrap().flow else { panic!("OAuth 2") };
    assert_eq!(flow.id_token_algorithms.to_string(), "ES256", "the new copy counts");
    assert!(flow.jwks.is_some());
}

/// Answers until it falls silent.
struct FallsSilent(HyperTransport, std::sync::atomic::AtomicBool);

impl Transport for FallsSilent {
    fn send(&self, request: http::Request<Body>) -> Sending<'_> {
        if self.1.load(Ordering::SeqCst) { Box::pin(std::future::pending()) } else { self.0.send(request) }
    }
}

/// One waits for the new copy; the others have logins to make.
#[tokio::test(start_paused = true)]
async fn f6_a_silent_issuer_keeps_nobody_waiting_who_has_a_copy() {
    let house = House::new().await;
    let transport = HyperTransport::builder().loopback_only(true).build().unwrap();
    let transport = Arc::new(FallsSilent(transport, false.into()));
    let keyfob = Keyfob::with(Arc::new(MemoryStore::new()), transport.clone(), house.clock.clone(), Arc::new(OsEntropy));
    discover(&keyfob, &house.server.origin).await.unwrap();
    house.clock.0.fetch_add(3600, Ordering::SeqCst);
    transport.1.store(true, Ordering::SeqCst);
    let asks = tokio::spawn({
        let (keyfob, issuer) = (keyfob.clone(), house.server.origin.clone());
        async move { discover(&keyfob, &issuer).await.map(drop) }
    });
    tokio::task::yield_now().await;
    let others = async {
        for _ in 0..3 {
            discover(&keyfob, &house.server.origin).await.unwrap();
        }
    };
    assert!(tokio::time::timeout(std::time::Duration::from_millis(1), others).await.is_ok());
    asks.await.unwrap().unwrap();
}

#[tokio::test]
async fn f6_a_first_failure_counts_for_a_minute() {
    let house = House::new().await;
    *house.answer.lock().unwrap() = json("200 OK", r#"{"issuer":"https://login.example"}"#);
    // Those who wait, and those who come later.
    let (one, other) = tokio::join!(house.discover(), house.discover());
    for error in [one.unwrap_err(), other.unwrap_err(), house.discover().await.unwrap_err()] {
        assert!(error.to_string().contains("RFC 8414 §3.3"), "{error}");
    }
    assert_eq!(house.server.asked("GET "), 1);
    house.says("");
    house.clock.0.fetch_add(59, Ordering::SeqCst);
    house.discover().await.unwrap_err();
    house.clock.0.fetch_add(1, Ordering::SeqCst);
    house.discover().await.unwrap();
    assert_eq!(house.server.asked("GET "), 2);
}

#[tokio::test]
async fn f4_a_stranger_cannot_have_us_ask_this_machine() {
    let house = House::new().await;
    let link = format!(r#"{{"links":[{{"rel":"http://openid.net/specs/connect/1.0/issuer","href":"{}"}}]}}"#, house.server.origin);
    *house.answer.lock().unwrap() = json("200 OK", &link);
    let typed = format!("robin@{}", house.server.origin.trim_start_matches("http://"));
    // Somebody at a page of ours that is on the internet; somebody at this machine.
    let transport = Arc::new(HyperTransport::builder().build().unwrap());
    let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), transport);
    let error = keyfob::find_issuer(&keyfob, &typed, &endpoint("https://app.example/callback")).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(keyfob::proto::Error::Transport(_))), "{error}");
    assert_eq!(house.server.asked("GET "), 0);
    let issuer = keyfob::find_issuer(&keyfob, &typed, &endpoint("http://127.0.0.1:8123/callback")).await.unwrap();
    assert_eq!(issuer, house.server.origin);
}

/// As a file would have it.
struct File {
    issuer: Option<String>,
    origin: String,
}

impl Described for File {
    fn issuer_to_ask(&self, _: &App) -> Result<Option<String>, Misuse> {
        Ok(self.issuer.clone())
    }

    fn settings_for(&self, _: &App) -> Result<Settings, Misuse> {
        let flow = oauth2::Settings::new(endpoint(&format!("{}/of-file", self.origin)), endpoint(&self.origin));
        Ok(Settings::new("pretend", Flow::OAuth2(flow), endpoint(&self.origin)))
    }

    fn settings_of(&self, metadata: &Metadata, app: &App) -> Result<Settings, keyfob::proto::Error> {
        let flow = metadata.settings(app, &Preferences::default())?;
        Ok(Settings::new("pretend", Flow::OAuth2(flow), endpoint(&self.origin)))
    }
}

#[tokio::test]
async fn f1_only_a_provider_that_describes_itself_is_asked_and_what_it_says_counts() {
    let house = House::new().await;
    let origin = house.server.origin.clone();
    for (issuer, path, asked) in [(None, "/of-file", 0), (Some(origin.clone()), "/authorize", 1), (Some(origin.clone()), "/authorize", 1)] {
        let settings = house.keyfob.settings(&File { issuer, origin: origin.clone() }, &app()).await.unwrap();
        let Flow::OAuth2(flow) = settings.flow else { panic!("OAuth 2") };
        assert_eq!((flow.authorize.as_ref().expect("a page").as_str(), house.server.asked("GET ")), (&*format!("{origin}{path}"), asked));
    }
    // Nor is the file believed about the rest where the issuer does not answer.
    let nobody = File { issuer: Some(format!("{origin}/other")), origin: origin.clone() };
    assert!(house.keyfob.settings(&nobody, &app()).await.is_err());
}
