//! ID tokens, verified at login and after a refresh, against a server that gets them wrong.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Served, app, json, parameter, provider};
use keyfob::login::{client_credentials, jwt_bearer};
use keyfob::proto::jose::{Algorithm, Algorithms, AwsLc, Crypto, HmacKey, PrivateKey, sign_compact};
use keyfob::proto::oauth2::AccessRequest;
use keyfob::proto::{Answer, App, Flow, Secret, Settings, Timestamp, TokenSet, oauth2};
use keyfob::transport::Sending;
use keyfob::{
    Account, Body, Clock, Error, Health, HyperTransport, Keyfob, LoggedIn, Login, MemoryStore, OsEntropy, Redirect, Store, Transport,
};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

const NOW: i64 = 1_800_000_000;

struct Turned(AtomicI64);

impl Clock for Turned {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::SeqCst))
    }
}

/// What the server does.
struct Habits {
    signs_with: Arc<PrivateKey>,
    publishes: Vec<Arc<PrivateKey>>,
    /// What is changed in the claims of the next tokens.
    claims: Value,
    nonce: Option<String>,
    id_token: bool,
    breaks_signature: bool,
    keys_fail: bool,
    rotates: bool,
    /// With this secret instead.
    secret: Option<Secret>,
}

struct House {
    server: Served,
    habits: Arc<Mutex<Habits>>,
    clock: Arc<Turned>,
    store: Arc<MemoryStore>,
    keyfob: Keyfob,
    settings: Settings,
}

fn key(name: &str) -> Arc<PrivateKey> {
    Arc::new(AwsLc.generate(Algorithm::ES256).unwrap().named(name))
}

fn published(keys: &[Arc<PrivateKey>]) -> String {
    let keys = keys.iter().map(|key| {
        let signer = AwsLc.signer(Algorithm::ES256, key).unwrap();
        let mut jwk = signer.public_key().unwrap().to_jwk();
        jwk.insert("kid".to_owned(), json!(signer.key_id()));
        Value::Object(jwk)
    });
    json!({ "keys": keys.collect::<Vec<_>>() }).to_string()
}

impl Habits {
    fn answer(&self, origin: &str, now: i64) -> String {
        let mut claims = json!({ "iss": origin, "sub": "person-1", "aud": app().client_id, "iat": now, "exp": now + 300 });
        claims["nonce"] = json!(self.nonce);
        for (name, value) in self.claims.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let claims = claims.to_string();
        let mut token = match &self.secret {
            Some(secret) => sign_compact(&HmacKey::new(Algorithm::HS256, secret).unwrap(), Map::new(), claims.as_bytes()).unwrap(),
            None => sign_compact(&*AwsLc.signer(Algorithm::ES256, &self.signs_with).unwrap(), Map::new(), claims.as_bytes()).unwrap(),
        };
        if self.breaks_signature {
            let cut = token.rfind('.').unwrap() + 1;
            token.replace_range(cut.., &"A".repeat(86));
        }
        let mut answer = json!({ "access_token": format!("access-{now}"), "refresh_token": format!("refresh-{now}"), "token_type": "Bearer",
            "expires_in": 3600 });
        if !self.rotates {
            answer.as_object_mut().unwrap().remove("refresh_token");
        }
        if self.id_token {
            answer["id_token"] = json!(token);
        }
        json("200 OK", &answer.to_string())
    }
}

impl House {
    async fn new() -> Self {
        let first = key("first");
        let habits = Habits {
            signs_with: first.clone(),
            publishes: vec![first],
            claims: json!({}),
            nonce: None,
            id_token: true,
            breaks_signature: false,
            keys_fail: false,
            rotates: true,
            secret: None,
        };
        let (habits, clock) = (Arc::new(Mutex::new(habits)), Arc::new(Turned(AtomicI64::new(NOW))));
        let (theirs, time) = (habits.clone(), clock.clone());
        let server = Served::start(move |request| {
            let habits = theirs.lock().unwrap();
            let origin = request.lines().find_map(|line| line.strip_prefix("host: ")).map(|host| format!("http://{host}")).unwrap();
            match request.split(' ').nth(1).unwrap() {
                "/jwks" if habits.keys_fail => json("503 Service Unavailable", "{}"),
                "/jwks" => json("200 OK", &published(&habits.publishes)),
                "/userinfo" => json("200 OK", r#"{"sub":"person-1","name":"A. Person"}"#),
                _ => habits.answer(&origin, time.now().as_unix()),
            }
        })
        .await;
        let store = Arc::new(MemoryStore::new());
        let transport = Arc::new(HyperTransport::builder().loopback_only(true).build().unwrap());
        let keyfob = Keyfob::with(store.clone(), transport, clock.clone(), Arc::new(OsEntropy));
        let mut settings = provider(&server.origin);
        let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
        flow.issuer = Some(server.origin.clone());
        flow.jwks = Some(common::endpoint(&format!("{}/jwks", server.origin)));
        flow.id_token_algorithms = Algorithms::of([Algorithm::ES256]);
        flow.scopes = vec!["openid".to_owned()];
        Self { server, habits, clock, store, keyfob, settings }
    }

    fn flow(&mut self) -> &mut oauth2::Settings {
        let Flow::OAuth2(flow) = &mut self.settings.flow else { panic!("OAuth 2") };
        flow
    }

    fn habits(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.habits.lock().unwrap());
    }

    async fn log_in(&self) -> Result<LoggedIn, Error> {
        self.log_in_as(&app()).await
    }

    async fn log_in_as(&self, app: &App) -> Result<LoggedIn, Error> {
        let redirect = Redirect::Uri("http://127.0.0.1:8123/callback".to_owned());
        let login = Login::begin(&self.keyfob, &self.settings, app, "pretend", redirect, vec![]).await?;
        self.habits(|habits| habits.nonce = Some(parameter(login.url(), "nonce")));
        let state = parameter(login.url(), "state");
        let verified = login.verify(Answer::Url(&format!("http://127.0.0.1:8123/callback?code=c&state={state}")))?;
        let outcome = login.finish(verified).await;
        // §12.2: the token of a refresh should not have one.
        self.habits(|habits| habits.nonce = None);
        outcome
    }

    async fn refuses(&self, what: &str) {
        let error = self.log_in().await.unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(self.store.accounts().await.unwrap().is_empty(), "nothing of a refused answer is kept");
    }

    async fn kept(&self) -> Account {
        self.store.account("pretend").await.unwrap().unwrap().value
    }

    async fn refresh(&self) -> Result<(), Error> {
        self.refresh_as(app()).await
    }

    async fn refresh_as(&self, app: App) -> Result<(), Error> {
        self.clock.0.fetch_add(600, Ordering::SeqCst);
        self.keyfob.session(self.settings.clone(), app, "pretend").await?.refresh().await.map(drop)
    }

    async fn speak_for_somebody(&self, app: &App) -> Result<LoggedIn, Error> {
        self.speak_for(app, "somebody").await
    }

    async fn speak_for(&self, app: &App, subject: &str) -> Result<LoggedIn, Error> {
        jwt_bearer(&self.keyfob, &self.settings, app, "pretend", subject, &AccessRequest::default()).await
    }
}

/// An app that may speak for others.
fn speaker() -> App {
    App { private_key: key("app's").to_pem(), ..app() }
}

fn id_token(account: &Account) -> String {
    let TokenSet::OAuth2(tokens) = &account.tokens else { panic!("OAuth 2") };
    tokens.id_token.as_ref().unwrap().expose().to_owned()
}

fn access(account: &Account) -> String {
    let TokenSet::OAuth2(tokens) = &account.tokens else { panic!("OAuth 2") };
    tokens.access.expose().to_owned()
}

/// The attack: a token endpoint, or whoever answers in its place, that names a person nobody has seen. Who reads `sub` would sign them in.
#[tokio::test]
async fn e16_what_nobody_verified_names_nobody_to_ask_about() {
    let mut house = House::new().await;
    let place = house.flow().jwks.take();
    house.flow().userinfo = Some(common::endpoint(&format!("{}/userinfo", house.server.origin)));
    assert!(house.log_in().await.unwrap().id_token.is_none());
    let refused = async |house: &House| {
        let session = house.keyfob.session(house.settings.clone(), app(), "pretend").await.unwrap();
        session.userinfo().await.unwrap_err()
    };
    let error = refused(&house).await;
    assert!(error.to_string().contains("an issuer and its keys") && error.hint().unwrap().contains("jwks"), "{error}");
    // Keys of another issuer than it said it was from prove nothing either.
    (house.flow().jwks, house.flow().issuer) = (place, Some("http://127.0.0.1:9".to_owned()));
    let error = refused(&house).await;
    assert!(error.to_string().contains("one of another") && error.hint().unwrap().contains("keyfob login pretend"), "{error}");
}

/// Keys that are named after the login have verified nothing of it, whoever it says it was from.
#[tokio::test]
async fn e16_settings_that_name_keys_later_verify_no_login_of_before() {
    let mut house = House::new().await;
    let place = house.flow().jwks.take();
    house.flow().userinfo = Some(common::endpoint(&format!("{}/userinfo", house.server.origin)));
    house.log_in().await.unwrap();
    house.flow().jwks = place;
    let ask = async |house: &House| {
        let session = house.keyfob.session(house.settings.clone(), app(), "pretend").await.unwrap();
        session.userinfo().await.map(drop)
    };
    let error = ask(&house).await.unwrap_err();
    assert!(error.to_string().contains("nobody has verified") && error.hint().unwrap().contains("keyfob login pretend"), "{error}");
    assert!(!serde_json::to_string(&house.kept().await).unwrap().contains("verified"), "the record is as it always was");
    let verified = async |house: &House| {
        let TokenSet::OAuth2(tokens) = house.kept().await.tokens else { panic!("OAuth 2") };
        tokens.identity.unwrap().verified
    };
    // The next ID token is verified when it comes, and names the same person.
    house.refresh().await.unwrap();
    assert!(verified(&house).await);
    house.refresh().await.unwrap();
    assert!(verified(&house).await);
    house.log_in().await.unwrap();
    assert!(verified(&house).await);
    let record = serde_json::to_string(&house.kept().await).unwrap();
    let TokenSet::OAuth2(read) = serde_json::from_str::<Account>(&record).unwrap().tokens else { panic!("OAuth 2") };
    assert!(read.identity.unwrap().verified);
    // A refresh that brings no ID token, or one that nobody can judge, takes nothing back.
    house.flow().jwks = None;
    house.refresh().await.unwrap();
    assert!(verified(&house).await);
}

/// OpenID Connect Core §3.1.3.7, rule 3: whoever else it is for has to be trusted, at a login and at each refresh.
#[tokio::test]
async fn e5_whom_the_settings_trust_may_be_addressed_too() {
    let mut house = House::new().await;
    house.habits(|habits| habits.claims = json!({ "aud": [app().client_id, "project-1"], "azp": app().client_id }));
    house.refuses("project-1").await;
    house.flow().trusted_audiences = vec!["project-1".to_owned()];
    house.log_in().await.unwrap();
    house.refresh().await.unwrap();
    house.flow().trusted_audiences.clear();
    assert!(house.refresh().await.unwrap_err().to_string().contains("project-1"));
}

/// Without an ID token another name is another person (`g4_of_whom_an_app_speaks_is_whose_the_account_is`).
#[tokio::test]
async fn e3_whose_the_account_is_of_whom_an_app_speaks_the_id_token_says() {
    let (house, app) = (House::new().await, speaker());
    let first = house.speak_for(&app, "somebody").await.unwrap().account.id;
    let same = house.speak_for(&app, "somebody@pretend.example").await.unwrap();
    assert_eq!((same.account.id, same.ended), (first.clone(), None), "by another of their names");
    house.habits(|habits| habits.claims = json!({"sub": "person-2"}));
    assert_eq!(house.speak_for(&app, "somebody").await.unwrap().ended, Some(first));
}

#[tokio::test]
async fn e3_a_login_says_who_it_is_once_that_is_verified() {
    let house = House::new().await;
    let logged_in = house.log_in().await.unwrap();
    assert_eq!(logged_in.id_token.unwrap().subject, "person-1");
    house.log_in().await.unwrap();
    assert_eq!(house.server.asked("GET /jwks"), 1, "the keys are kept");
}

/// ID tokens that are signed with the app's secret; keys, where some are named, are nowhere.
async fn by_secret(names_keys: bool) -> (House, App) {
    let secret = Secret::new("a secret that is long enough for HS256, for sure");
    let mut house = House::new().await;
    house.habits(|habits| (habits.secret, habits.keys_fail) = (Some(secret.clone()), true));
    let Flow::OAuth2(flow) = &mut house.settings.flow else { panic!("OAuth 2") };
    flow.id_token_algorithms = Algorithms::of([Algorithm::HS256]);
    if !names_keys {
        flow.jwks = None;
    }
    (house, App { client_secret: Some(secret), ..app() })
}

#[tokio::test]
async fn e3_an_id_token_by_the_app_s_secret_needs_no_keys_and_is_verified() {
    for names_keys in [true, false] {
        let (house, app) = by_secret(names_keys).await;
        let logged_in = house.log_in_as(&app).await.unwrap();
        assert_eq!(logged_in.id_token.expect("it is verified").subject, "person-1", "{names_keys}");
        house.refresh_as(app.clone()).await.unwrap();
        assert_eq!(house.server.asked("GET /jwks"), 0, "nobody uses them: {names_keys}");
        // By somebody else.
        house.habits(|habits| habits.secret = Some(Secret::new("another secret that is long enough for HS256")));
        assert!(house.log_in_as(&app).await.unwrap_err().to_string().contains("RFC 7515 §5.2"), "{names_keys}");
        let error = house.refresh_as(app).await.unwrap_err();
        assert!(matches!(&error, Error::NeedsLogin { reason, .. } if reason.contains("RFC 7515 §5.2")), "{names_keys}: {error}");
    }
}

#[tokio::test]
async fn e3_without_the_secret_that_signs_no_code_is_spent() {
    for secret in [None, Some(Secret::new("short"))] {
        let (house, app) = by_secret(false).await;
        let error = house.log_in_as(&App { client_secret: secret, ..app }).await.unwrap_err();
        assert!(error.to_string().contains("HS256"), "{error}");
        assert_eq!(house.server.asked("POST /token"), 0);
    }
}

#[tokio::test]
async fn e3_a_bad_signature_from_the_token_endpoint_is_refused() {
    let house = House::new().await;
    house.habits(|habits| habits.breaks_signature = true);
    house.refuses("RFC 7515 §5.2").await;
}

#[tokio::test]
async fn e4_and_e6_each_rule_that_is_broken_is_named_and_nothing_is_kept() {
    let house = House::new().await;
    for (claims, what) in [
        (json!({ "iss": "https://other.example" }), "the issuer"),
        (json!({ "aud": "another-app" }), "for this client"),
        (json!({ "aud": [app().client_id, "another-app"] }), "for this client alone"),
        (json!({ "sub": null }), "\"sub\""),
        (json!({ "iat": null }), "\"iat\""),
        (json!({ "exp": NOW - 300 }), "has not ended"),
        (json!({ "iat": NOW + 300 }), "made before now"),
        (json!({ "nonce": "another" }), "the nonce that was sent"),
        (json!({ "nonce": null }), "the nonce that was sent"),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), "at_hash"),
    ] {
        house.habits(|habits| habits.claims = claims);
        house.refuses(what).await;
    }
    house.habits(|habits| habits.claims = json!({}));
    house.log_in().await.unwrap();
}

#[tokio::test]
async fn e4_openid_without_an_id_token_is_refused() {
    let house = House::new().await;
    house.habits(|habits| habits.id_token = false);
    house.refuses("§3.1.3.3").await;
}

#[tokio::test]
async fn e12_new_keys_are_fetched_once_and_then_not_for_a_minute() {
    let house = House::new().await;
    house.log_in().await.unwrap();
    house.clock.0.fetch_add(61, Ordering::SeqCst);
    let second = key("second");
    house.habits(|habits| (habits.signs_with, habits.publishes) = (second.clone(), vec![second]));
    house.log_in().await.unwrap();
    assert_eq!(house.server.asked("GET /jwks"), 2);
    house.habits(|habits| habits.signs_with = key("nobody's"));
    for _ in 0..5 {
        let error = house.log_in().await.unwrap_err();
        assert!(error.to_string().contains("\"nobody's\""), "{error}");
    }
    assert_eq!(house.server.asked("GET /jwks"), 2, "made-up names are no way to storm it");
}

/// By the keys of a moment ago its signature is wrong, and a refresh that brings such a thing marks the account.
#[tokio::test]
async fn e12_a_key_that_is_changed_under_its_name_logs_nobody_out() {
    let house = House::new().await;
    house.log_in().await.unwrap();
    let change = || {
        let another = key("first");
        house.habits(|habits| (habits.signs_with, habits.publishes) = (another.clone(), vec![another]));
    };
    change();
    house.refresh().await.unwrap();
    let kept = house.kept().await;
    let TokenSet::OAuth2(tokens) = &kept.tokens else { panic!("OAuth 2") };
    assert!(kept.health == Health::Ok && tokens.identity.as_ref().unwrap().verified);
    assert_eq!(house.server.asked("GET /jwks"), 2);
    change();
    house.clock.0.fetch_add(61, Ordering::SeqCst);
    house.log_in().await.unwrap();
    assert_eq!(house.server.asked("GET /jwks"), 3);
    // A signature that is wrong by the keys of this minute is wrong, and no way to storm the issuer.
    house.habits(|habits| habits.breaks_signature = true);
    for _ in 0..3 {
        let error = house.log_in().await.unwrap_err();
        assert!(error.to_string().contains("RFC 7515 §5.2"), "{error}");
    }
    assert_eq!(house.server.asked("GET /jwks"), 3);
    let error = house.refresh().await.unwrap_err();
    assert!(matches!(&error, Error::NeedsLogin { reason, .. } if reason.contains("RFC 7515 §5.2")), "{error}");
    assert_eq!(house.server.asked("GET /jwks"), 4);
}

/// Ten thousand in ten minutes, each by a key of another name: what anybody can post to a logout URL.
#[tokio::test]
async fn e12_made_up_names_have_the_keys_fetched_once_a_minute_however_many_they_are() {
    let house = House::new().await;
    house.log_in().await.unwrap();
    let mut last = 0;
    for nth in 0..10_000 {
        if nth % 100 == 0 {
            house.clock.0.fetch_add(6, Ordering::SeqCst);
        }
        let claims = json!({ "iss": house.server.origin, "aud": app().client_id, "sub": "person-1", "jti": nth.to_string() }).to_string();
        let signer = AwsLc.signer(Algorithm::ES256, &key(&format!("made-up-{nth}"))).unwrap();
        let token = sign_compact(&*signer, Map::new(), claims.as_bytes()).unwrap();
        assert!(keyfob::backchannel_logout(&house.keyfob, &house.settings, &app(), &token).await.is_err());
        let minutes = usize::try_from(house.clock.0.load(Ordering::SeqCst) - NOW).unwrap() / 60;
        last = house.server.asked("GET /jwks");
        // The login's own, the first look, and one a minute.
        assert!(last <= 2 + minutes, "{nth}: {last} times in {minutes} minutes");
    }
    assert!(last > 5, "it was looked for: {last}");
}

#[tokio::test]
async fn e12_without_keys_no_code_is_spent() {
    let house = House::new().await;
    house.habits(|habits| habits.keys_fail = true);
    house.refuses("RFC 7517 §5").await;
    house.refuses("RFC 7517 §5").await;
    assert_eq!((house.server.asked("GET /jwks"), house.server.asked("POST /token")), (1, 0));
}

/// Hands requests on; but the first for keys is never answered.
#[derive(Debug)]
struct Stalling {
    inner: HyperTransport,
    stalled: Arc<Notify>,
    stalls: AtomicBool,
}

impl Transport for Stalling {
    fn send(&self, request: http::Request<Body>) -> Sending<'_> {
        if request.uri().path() == "/jwks" && self.stalls.swap(false, Ordering::SeqCst) {
            self.stalled.notify_one();
            return Box::pin(std::future::pending());
        }
        self.inner.send(request)
    }
}

#[tokio::test]
async fn e12_whoever_goes_away_while_the_keys_are_fetched_keeps_nobody_else_from_them() {
    let mut house = House::new().await;
    let stalled = Arc::new(Notify::new());
    let inner = HyperTransport::builder().loopback_only(true).build().unwrap();
    let transport = Stalling { inner, stalled: stalled.clone(), stalls: AtomicBool::new(true) };
    house.keyfob = Keyfob::with(house.store.clone(), Arc::new(transport), house.clock.clone(), Arc::new(OsEntropy));
    let redirect = Redirect::Uri("http://127.0.0.1:8123/callback".to_owned());
    let login = Login::begin(&house.keyfob, &house.settings, &app(), "pretend", redirect, vec![]).await.unwrap();
    let state = parameter(login.url(), "state");
    let verified = login.verify(Answer::Url(&format!("http://127.0.0.1:8123/callback?code=c&state={state}"))).unwrap();
    tokio::select! {
        _ = login.exchange(verified) => panic!("the keys never come"),
        () = stalled.notified() => {}
    }
    house.log_in().await.unwrap();
    assert_eq!(house.server.asked("GET /jwks"), 1);
}

/// One waits for the new keys; the others have logins to judge.
#[tokio::test]
async fn e12_a_silent_issuer_keeps_nobody_waiting_who_has_its_keys() {
    let mut house = House::new().await;
    let stalled = Arc::new(Notify::new());
    let inner = HyperTransport::builder().loopback_only(true).build().unwrap();
    let transport = Arc::new(Stalling { inner, stalled: stalled.clone(), stalls: AtomicBool::new(false) });
    house.keyfob = Keyfob::with(house.store.clone(), transport.clone(), house.clock.clone(), Arc::new(OsEntropy));
    house.log_in().await.unwrap();
    house.clock.0.fetch_add(7 * 86_400, Ordering::SeqCst);
    transport.stalls.store(true, Ordering::SeqCst);
    let other = async {
        stalled.notified().await;
        house.log_in().await
    };
    tokio::select! {
        _ = house.log_in() => panic!("its keys never come"),
        logged_in = other => drop(logged_in.unwrap()),
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("it waits, too"),
    }
    assert_eq!(house.server.asked("GET /jwks"), 1);
}

#[tokio::test]
async fn d11_a_refresh_brings_a_new_id_token_which_is_verified() {
    let house = House::new().await;
    let before = house.log_in().await.unwrap().account;
    house.refresh().await.unwrap();
    assert_ne!(id_token(&house.kept().await), id_token(&before));
}

#[tokio::test]
async fn d11_one_that_breaks_a_rule_is_refused_and_the_account_is_marked() {
    for (claims, breaks_signature, what) in [
        (json!({}), true, "RFC 7515 §5.2"),
        (json!({ "sub": "person-2" }), false, "another person"),
        (json!({ "iat": null }), false, "\"iat\""),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), false, "at_hash"),
    ] {
        let house = House::new().await;
        let before = house.log_in().await.unwrap().account;
        house.habits(|habits| (habits.claims, habits.breaks_signature) = (claims, breaks_signature));
        let error = house.refresh().await.unwrap_err();
        assert!(matches!(&error, Error::NeedsLogin { reason, .. } if reason.contains(what)), "{error}");
        let kept = house.kept().await;
        assert!(matches!(kept.health, Health::NeedsLogin { .. }));
        assert_eq!((access(&kept), id_token(&kept)), (access(&before), id_token(&before)), "nothing of that answer is kept");
    }
}

#[tokio::test]
async fn d11_what_is_revoked_of_a_refused_refresh_is_what_is_new() {
    for (rotates, revoked) in [(true, 2), (false, 1)] {
        let house = House::new().await;
        house.log_in().await.unwrap();
        assert_eq!(house.server.asked("POST /revoke"), 0);
        house.habits(|habits| (habits.rotates, habits.breaks_signature) = (rotates, true));
        house.refresh().await.unwrap_err();
        assert_eq!(house.server.asked("POST /revoke"), revoked, "a refresh token that was there before is left alone");
    }
}

#[tokio::test]
async fn d11_what_is_refused_does_not_go_to_a_revocation_endpoint_that_came_after_the_login() {
    let mut house = House::new().await;
    house.log_in().await.unwrap();
    let elsewhere = Served::start(|_| json("200 OK", "{}")).await;
    let Flow::OAuth2(flow) = &mut house.settings.flow else { panic!("OAuth 2") };
    flow.revoke = Some(common::endpoint(&format!("{}/revoke", elsewhere.origin)));
    house.habits(|habits| habits.breaks_signature = true);
    let error = house.refresh().await.unwrap_err();
    assert!(matches!(&error, Error::NeedsLogin { .. }), "{error}");
    assert_eq!((elsewhere.asked("POST"), house.server.asked("POST /revoke")), (0, 0), "neither tokens nor the app's secret");
}

#[tokio::test]
async fn d11_a_clock_that_is_days_ahead_logs_nobody_out() {
    let house = House::new().await;
    house.log_in().await.unwrap();
    // Good for a week by its own word; by our clock it was made the day before yesterday.
    house.habits(|habits| habits.claims = json!({ "iat": NOW - 2 * 86_400, "exp": NOW + 5 * 86_400 }));
    house.refresh().await.unwrap();
    let kept = house.kept().await;
    assert_eq!((&kept.health, access(&kept)), (&Health::Ok, format!("access-{}", NOW + 600)));
    assert_eq!(house.server.asked("POST /revoke"), 0, "the new tokens are all that is left");
}

#[tokio::test]
async fn d11_what_nobody_can_decide_keeps_the_tokens_and_not_the_id_token() {
    type Change = fn(&mut Habits);
    let undecided: [Change; 2] = [
        // Our own clock may be what is wrong.
        |habits| habits.claims = json!({ "iat": NOW + 86_400, "exp": NOW + 90_000 }),
        // A new key, and no answer where it would be.
        |habits| (habits.signs_with, habits.keys_fail) = (key("second"), true),
    ];
    for change in undecided {
        let house = House::new().await;
        let before = house.log_in().await.unwrap().account;
        house.habits(change);
        house.refresh().await.unwrap();
        let kept = house.kept().await;
        assert_eq!(kept.health, Health::Ok);
        assert_ne!(access(&kept), access(&before), "nobody else has these tokens");
        assert_eq!(id_token(&kept), id_token(&before), "nobody has verified the new one");
    }
}

#[tokio::test]
async fn e3_the_id_token_of_an_app_that_speaks_for_somebody_is_verified() {
    let (house, app) = (House::new().await, speaker());
    assert_eq!(house.speak_for_somebody(&app).await.unwrap().id_token.unwrap().subject, "person-1");
    for (claims, breaks_signature, what) in
        [(json!({}), true, "RFC 7515 §5.2"), (json!({ "iss": "https://other.example" }), false, "the issuer")]
    {
        let house = House::new().await;
        house.habits(|habits| (habits.claims, habits.breaks_signature) = (claims, breaks_signature));
        let error = house.speak_for_somebody(&app).await.unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(house.store.accounts().await.unwrap().is_empty(), "nothing of a refused answer is kept");
        assert_eq!(house.server.asked("POST /revoke"), 1, "the access token; there is no other");
    }
    // Nobody was asked to approve anything, so nobody owes us one.
    let house = House::new().await;
    house.habits(|habits| habits.id_token = false);
    assert!(house.speak_for_somebody(&app).await.unwrap().id_token.is_none());
}

#[tokio::test]
async fn d11_a_grant_that_is_made_once_more_stays_the_same_persons() {
    let (house, app) = (House::new().await, speaker());
    house.speak_for_somebody(&app).await.unwrap();
    house.refresh_as(app.clone()).await.unwrap();
    let before = house.kept().await;
    // An answer that names nobody is none that changes the person.
    house.habits(|habits| habits.id_token = false);
    house.refresh_as(app.clone()).await.unwrap();
    assert_eq!(id_token(&house.kept().await), id_token(&before));
    let before = house.kept().await;
    house.habits(|habits| (habits.id_token, habits.claims) = (true, json!({ "sub": "person-2" })));
    let error = house.refresh_as(app).await.unwrap_err();
    assert!(matches!(&error, Error::NeedsLogin { reason, .. } if reason.contains("another person")), "{error}");
    assert_eq!(access(&house.kept().await), access(&before), "nothing of that answer is kept");
}

#[tokio::test]
async fn e3_the_apps_own_tokens_name_nobody() {
    let house = House::new().await;
    house.habits(|habits| habits.breaks_signature = true);
    let nobody =
        |account: &Account| matches!(&account.tokens, TokenSet::OAuth2(tokens) if tokens.id_token.is_none() && tokens.identity.is_none());
    let request = AccessRequest::default();
    let logged_in = client_credentials(&house.keyfob, &house.settings, &app(), "pretend", &request).await.unwrap();
    assert!(logged_in.id_token.is_none() && nobody(&logged_in.account));
    house.refresh().await.unwrap();
    let kept = house.kept().await;
    assert!(access(&kept) != access(&logged_in.account) && nobody(&kept));
}
