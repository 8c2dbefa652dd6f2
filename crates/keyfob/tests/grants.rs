//! Logins without a browser of ours: on another device, by the app's own credentials, and by exchanging a token.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use common::{Served, app, endpoint, json, keyfob, provider};
use keyfob::login::{Asked, client_credentials, exchanged, jwt_bearer, token_exchange};
use keyfob::proto::jose::{Algorithm, AwsLc, Crypto as _};
use keyfob::proto::oauth2::{AccessRequest, ClientAuth, Dpop, TokenExchangeRequest, TokenType};
use keyfob::proto::{App, Flow, Secret, Settings, Timestamp, TokenSet};
use keyfob::{Clock, DeviceLogin, Error, Grant, Health, HyperTransport, Keyfob, MemoryStore, OsEntropy, StoreError};
use keyfob_sandbox::Sandbox;

const CODE: &str = r#"{"device_code":"device-1","user_code":"WDJB-MJHT","verification_uri":"https://login.example/device","expires_in":600,
    "interval":1}"#;
const TOKENS: &str = r#"{"access_token":"access-1","refresh_token":"refresh-1","token_type":"Bearer","expires_in":3600}"#;

fn refused(code: &str) -> String {
    json("400 Bad Request", &format!(r#"{{"error":"{code}"}}"#))
}

/// A server that answers the questions of a device one by one.
async fn device(answers: Vec<String>) -> (Served, Settings) {
    let next = AtomicUsize::new(0);
    let server = Served::start(move |request| {
        if request.starts_with("POST /device") {
            return json("200 OK", CODE);
        }
        answers.get(next.fetch_add(1, Ordering::SeqCst)).cloned().unwrap_or_else(|| refused("authorization_pending"))
    })
    .await;
    let mut settings = provider(&server.origin);
    let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
    flow.device_authorization = Some(endpoint(&format!("{}/device", server.origin)));
    (server, settings)
}

async fn begin(keyfob: &Keyfob, settings: &Settings) -> DeviceLogin {
    DeviceLogin::begin(keyfob, settings, &app(), "pretend", vec![]).await.unwrap()
}

#[tokio::test]
async fn a_device_login_asks_until_somebody_has_decided() {
    let (server, settings) = device(vec![refused("authorization_pending"), json("200 OK", TOKENS)]).await;
    let keyfob = keyfob();
    let mut login = begin(&keyfob, &settings).await;
    assert_eq!((login.user_code(), login.verification_uri()), ("WDJB-MJHT", "https://login.example/device"));
    let account = login.wait().await.unwrap().account;
    assert_eq!(account.tokens.refresh_token().unwrap().expose(), "refresh-1");
    assert_eq!(server.asked("POST /token"), 2);
    assert!(keyfob.store().account("pretend").await.unwrap().is_some());
    assert!(!format!("{login:?}").contains("device-1"));
}

#[tokio::test]
async fn a_denial_ends_it_and_keeps_nothing() {
    let (server, settings) = device(vec![refused("access_denied")]).await;
    let keyfob = keyfob();
    let mut login = begin(&keyfob, &settings).await;
    let error = login.wait().await.unwrap_err();
    assert!(matches!(&error, Error::Protocol(error) if error.ends_login()), "{error}");
    assert!(login.wait().await.is_err());
    assert_eq!(server.asked("POST /token"), 1, "nobody asks again");
    assert!(keyfob.store().account("pretend").await.unwrap().is_none());
}

#[tokio::test]
async fn an_answer_nobody_understands_leaves_it_alive() {
    let (_server, settings) = device(vec![json("200 OK", "[]"), json("200 OK", TOKENS)]).await;
    let keyfob = keyfob();
    let mut login = begin(&keyfob, &settings).await;
    let error = login.wait().await.unwrap_err();
    assert!(matches!(&error, Error::Protocol(error) if !error.ends_login()), "{error}");
    login.wait().await.unwrap();
}

/// An approval must not be lost because nobody can judge what came of it.
#[tokio::test]
async fn nobody_is_asked_for_tokens_before_the_keys_are_there_to_judge_them() {
    let (server, mut settings) = device(vec![json("200 OK", TOKENS)]).await;
    let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
    (flow.issuer, flow.scopes) = (Some(server.origin.clone()), vec!["openid".to_owned()]);
    // A place that gives no keys.
    flow.jwks = Some(endpoint(&format!("{}/device", server.origin)));
    let mut login = begin(&keyfob(), &settings).await;
    let error = login.wait().await.unwrap_err();
    assert!(!login.is_decided() && server.asked("POST /token") == 0, "{error}");
}

#[tokio::test]
async fn giving_up_asks_no_more() {
    let (server, settings) = device(vec![]).await;
    let keyfob = by(Arc::new(Still::default()));
    let mut login = begin(&keyfob, &settings).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), login.wait()).await.is_err());
    drop(login);
    assert_eq!(server.asked("POST /token"), 0, "the first question comes after an interval");
    assert!(keyfob.store().account("pretend").await.unwrap().is_none());
}

/// A page that is asked for every few seconds, each time by another program perhaps: what is kept between two questions is all there is.
#[tokio::test]
async fn a_device_login_goes_on_from_what_was_kept_and_is_asked_about_at_its_own_pace() {
    let (server, settings) = device(vec![refused("slow_down"), json("200 OK", TOKENS)]).await;
    let clock = Arc::new(Still::default());
    let keyfob = by(clock.clone());
    let mut kept = begin(&keyfob, &settings).await.stored();
    let mut ask = async |after: i64| {
        clock.0.fetch_add(after, Ordering::SeqCst);
        // As a store has it.
        let text = serde_json::to_string(&kept).unwrap();
        let mut login = DeviceLogin::resume(&keyfob, &settings, &app(), serde_json::from_str(&text).unwrap()).unwrap();
        let asked = login.ask().await.unwrap();
        kept = login.stored();
        (asked, server.asked("POST /token"))
    };
    assert!(matches!(ask(0).await, (Asked::Waits(_), 0)), "not before the interval is over");
    assert!(matches!(ask(2).await, (Asked::Waits(_), 1)));
    assert!(matches!(ask(3).await, (Asked::Waits(_), 1)), "slow_down is five seconds more (RFC 8628 §3.5), also for whoever goes on");
    let (Asked::Approved(approved), 2) = ask(4).await else { panic!("approved") };
    assert!(keyfob.store().account("pretend").await.unwrap().is_none(), "nothing is kept yet");
    assert_eq!(approved.keep_new().await.unwrap().account.tokens.refresh_token().unwrap().expose(), "refresh-1");
    // In place of what is there, and of nothing that it was before.
    let is_conflict = |kept| matches!(kept, Err(Error::Store(StoreError::Conflict)));
    let there = keyfob.store().account("pretend").await.unwrap().unwrap();
    assert!(is_conflict(approved.keep_new().await));
    let again = approved.keep_over(there.clone()).await.unwrap();
    assert!(again.replaced && again.account.id == there.value.id);
    assert!(is_conflict(approved.keep_over(there.clone()).await), "it is another one by now");
    let mut others = keyfob.store().account("pretend").await.unwrap().unwrap();
    others.value.provider = "other".into();
    assert!(matches!(approved.keep_over(others).await, Err(Error::TakenName { .. })));
    let mut elsewhere = settings.clone();
    elsewhere.provider = "other".into();
    assert!(DeviceLogin::resume(&keyfob, &elsewhere, &app(), kept).is_err(), "another provider's settings");
}

/// A clock that stands still until it is moved: an interval is a second here, and another may begin between any two lines.
#[derive(Default)]
struct Still(AtomicI64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(1_800_000_000).plus(self.0.load(Ordering::SeqCst))
    }
}

fn by(clock: Arc<Still>) -> Keyfob {
    let transport = HyperTransport::builder().loopback_only(true).build().unwrap();
    Keyfob::with(Arc::new(MemoryStore::new()), Arc::new(transport), clock, Arc::new(OsEntropy))
}

#[tokio::test]
async fn the_apps_own_account_is_kept_with_its_grant_and_takes_no_persons_place() {
    let (server, settings) = device(vec![json("200 OK", TOKENS), json("200 OK", TOKENS), json("200 OK", TOKENS)]).await;
    let keyfob = keyfob();
    let own = |name, scopes: &[&str]| {
        let (keyfob, settings, request) = (&keyfob, &settings, AccessRequest::scopes(scopes.iter().copied()));
        async move { client_credentials(keyfob, settings, &app(), name, &request).await }
    };
    let first = own("pretend/service", &[]).await.unwrap();
    assert!(
        first.account.requested_scopes.is_empty() && !server.requests("POST /token")[0].contains("scope"),
        "the usual ones are for people"
    );
    assert!(first.account.tokens.refresh_token().is_none() && first.account.renews());
    let again = own("pretend/service", &["write"]).await.unwrap();
    assert_eq!((again.replaced, &again.account.id), (true, &first.account.id));
    assert!(matches!(again.account.grant, Grant::ClientCredentials(_)));

    begin(&keyfob, &settings).await.wait().await.unwrap();
    let error = own("pretend", &[]).await.unwrap_err();
    assert!(matches!(error, Error::TakenName { .. }), "{error}");
    let person = keyfob.store().account("pretend").await.unwrap().unwrap().value;
    assert_eq!(person.grant, Grant::Approval);
    assert_eq!(server.asked("POST /token"), 3, "refused before anything is sent");
}

#[tokio::test]
async fn a_public_app_has_no_credentials_to_ask_with() {
    let (server, settings) = device(vec![]).await;
    let request = AccessRequest::default();
    let error = client_credentials(&keyfob(), &settings, &App::public("id"), "pretend", &request).await.unwrap_err();
    assert!(error.to_string().contains("§4.4"), "{error}");
    assert_eq!(server.asked("POST /token"), 0);
}

/// A server that exchanges every token, and says how often it was asked.
async fn exchange(answer: &'static str) -> (Arc<Served>, Settings) {
    let server = Served::start(move |_| json("200 OK", answer)).await;
    let settings = provider(&server.origin);
    (Arc::new(server), settings)
}

fn request() -> TokenExchangeRequest {
    TokenExchangeRequest::new(Secret::new("access-of-somebody"), TokenType::AccessToken)
}

const EXCHANGED: &str = r#"{"access_token":"narrow-1","issued_token_type":"urn:ietf:params:oauth:token-type:access_token",
    "token_type":"Bearer","expires_in":60}"#;

#[tokio::test]
async fn an_exchanged_token_is_an_account_of_its_own_and_never_takes_a_place() {
    let (server, settings) = exchange(EXCHANGED).await;
    let keyfob = keyfob();
    token_exchange(&keyfob, &settings, &app(), "pretend/narrow", &request()).await.unwrap();
    let kept = keyfob.store().account("pretend/narrow").await.unwrap().unwrap();
    assert_eq!(kept.value.tokens.secrets()[0].expose(), "narrow-1");
    let error = token_exchange(&keyfob, &settings, &app(), "pretend/narrow", &request()).await.unwrap_err();
    assert!(matches!(error, Error::TakenName { .. }), "{error}");
    assert_eq!(server.asked("POST /token"), 1, "refused before anything is sent");
}

/// What it is made of is known: the same exchange is no loss, and nothing else takes its place.
#[tokio::test]
async fn an_exchange_is_made_again_in_place_of_what_came_of_it_before() {
    let (server, settings) = device([TOKENS, EXCHANGED, EXCHANGED, TOKENS].map(|answer| json("200 OK", answer)).into()).await;
    let keyfob = keyfob();
    begin(&keyfob, &settings).await.wait().await.unwrap();
    let session = async |name: &str| keyfob.session(settings.clone(), app(), name).await.unwrap();
    let make = async |from: &str| {
        let access = AccessRequest { resources: vec!["https://api.example".to_owned()], ..AccessRequest::scopes(["read"]) };
        exchanged(&session(from).await, &settings, &app(), "pretend/narrow", access).await
    };
    let first = make("pretend").await.unwrap();
    assert!(matches!(&first.account.grant, Grant::Exchanged(made) if made.account == "pretend" && made.asked.resources.len() == 1));
    let again = make("pretend").await.unwrap();
    assert_eq!((again.replaced, &again.account.id, again.ended), (true, &first.account.id, None));
    let is_taken = |error| matches!(error, Error::TakenName { .. });
    assert!(is_taken(make("pretend/narrow").await.unwrap_err()), "of itself");
    let own = client_credentials(&keyfob, &settings, &app(), "pretend/narrow", &AccessRequest::default()).await;
    assert!(is_taken(own.unwrap_err()), "by the app itself");
    client_credentials(&keyfob, &settings, &app(), "pretend/service", &AccessRequest::default()).await.unwrap();
    assert!(is_taken(make("pretend/service").await.unwrap_err()), "of another account");
    assert_eq!(server.asked("POST /token"), 4, "refused before anything is sent");
}

/// Whoever follows a plain "log in again" would be given what the account was made not to have.
#[tokio::test]
async fn an_exchanged_account_that_has_ended_says_how_it_is_made_again() {
    let (_server, settings) = device([TOKENS, EXCHANGED].map(|answer| json("200 OK", answer)).into()).await;
    let clock = Arc::new(Still::default());
    let keyfob = by(clock.clone());
    client_credentials(&keyfob, &settings, &app(), "pretend", &AccessRequest::default()).await.unwrap();
    let session = keyfob.session(settings.clone(), app(), "pretend").await.unwrap();
    exchanged(&session, &settings, &app(), "pretend/narrow", AccessRequest::scopes(["read"])).await.unwrap();
    clock.0.store(3600, Ordering::SeqCst);
    let error = keyfob.session(settings, app(), "pretend/narrow").await.unwrap().token(0).await.unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("log in again: keyfob login pretend/narrow --exchange pretend"));
}

#[tokio::test]
async fn what_no_session_can_use_is_not_kept() {
    let (_server, settings) =
        exchange(r#"{"access_token":"assertion-1","issued_token_type":"urn:ietf:params:oauth:token-type:saml2","token_type":"N_A"}"#).await;
    let keyfob = keyfob();
    let error = token_exchange(&keyfob, &settings, &app(), "pretend/saml", &request()).await.unwrap_err();
    assert!(error.to_string().contains("bearer"), "{error}");
    assert!(keyfob.store().accounts().await.unwrap().is_empty());
}

/// The strict server, an app of its own there with a key, and the settings that it takes.
async fn acme() -> (Sandbox, Settings, App) {
    let sandbox = Sandbox::builder().only(["acme"]).start().await.unwrap();
    let key = AwsLc.generate(Algorithm::ES256).unwrap();
    let mut jwk = AwsLc.signer(Algorithm::ES256, &key).unwrap().public_key().unwrap().to_jwk();
    jwk.insert("kid".to_owned(), "key-1".into());
    let mut registered = sandbox.app("acme");
    registered.client_id = "with-a-key".to_owned();
    registered.client_secret = String::new();
    registered.metadata.token_endpoint_auth_method = Some("private_key_jwt".to_owned());
    registered.metadata.jwks = Some(serde_json::json!({"keys": [jwk]}));
    sandbox.register("with-a-key", registered);
    let mut app = App::public("with-a-key");
    (app.private_key, app.private_key_id) = (key.to_pem(), Some("key-1".to_owned()));
    let origin = sandbox.origin("acme");
    let mut settings = provider(&origin);
    let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
    (flow.issuer, flow.client_auth, flow.dpop) = (Some(origin), ClientAuth::PrivateKeyJwt, Dpop::Wanted);
    (sandbox, settings, app)
}

async fn calls(sandbox: &Sandbox, keyfob: &Keyfob, settings: &Settings, app: &App, name: &str, path: &str) {
    let session = keyfob.session(settings.clone(), app.clone(), name).await.unwrap();
    assert_eq!(session.get(path).send().await.unwrap().status(), 200);
    let before = session.account().tokens.secrets()[0].expose().to_owned();
    sandbox.faults("acme").expire_access_tokens();
    assert_eq!(session.get(path).send().await.unwrap().status(), 200, "by a new token");
    let TokenSet::OAuth2(now) = session.account().tokens else { panic!("OAuth 2") };
    assert!(now.access.expose() != before && now.refresh.is_none());
    assert!(now.proof_key.is_some(), "bound, as the first one was");
}

#[tokio::test]
async fn g4_an_app_speaks_for_somebody_and_says_it_again_when_the_token_ends() {
    let (sandbox, settings, app) = acme().await;
    let keyfob = keyfob();
    let request = AccessRequest::scopes(["profile"]);
    let logged_in = jwt_bearer(&keyfob, &settings, &app, "pretend/robin", "robin", &request).await.unwrap();
    assert!(matches!(&logged_in.account.grant, Grant::JwtBearer(said) if said.subject == "robin"));
    calls(&sandbox, &keyfob, &settings, &app, "pretend/robin", "/me").await;
    let error = jwt_bearer(&keyfob, &settings, &app, "pretend/other", "somebody", &request).await.unwrap_err();
    assert!(error.to_string().contains("invalid_grant"), "{error}");
    assert!(keyfob.store().account("pretend/other").await.unwrap().is_none());
}

/// RFC 7523 §3.1 answers an assertion that has not begun, or has ended, with `invalid_grant`: a clock a minute off is no reason for a login that nobody makes.
#[tokio::test]
async fn g4_an_assertion_that_is_refused_costs_an_attempt_and_no_account() {
    let (server, mut settings) = device(vec![json("200 OK", TOKENS), refused("invalid_grant"), json("200 OK", TOKENS)]).await;
    let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
    flow.issuer = Some(server.origin.clone());
    let app = App { private_key: AwsLc.generate(Algorithm::ES256).unwrap().to_pem(), ..app() };
    let store = Arc::new(MemoryStore::new());
    // Each in a process of its own, which knows of no failure.
    let session = async || {
        let keyfob = Keyfob::new(store.clone(), Arc::new(HyperTransport::builder().loopback_only(true).build().unwrap()));
        if keyfob.store().account("pretend/robin").await.unwrap().is_none() {
            jwt_bearer(&keyfob, &settings, &app, "pretend/robin", "robin", &AccessRequest::scopes(["profile"])).await.unwrap();
        }
        keyfob.session(settings.clone(), app.clone(), "pretend/robin").await.unwrap()
    };
    let error = session().await.refresh().await.unwrap_err();
    assert!(error.to_string().contains("invalid_grant"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("clock") && hint.contains("key")), "{:?}", error.hint());
    let session = session().await;
    assert_eq!(session.account().health, Health::Ok);
    session.refresh().await.unwrap();
    assert_eq!(server.asked("POST /token"), 3);
}

/// Keys were made for an account's id, and do not open what is about somebody else from now on.
#[tokio::test]
async fn g4_of_whom_an_app_speaks_is_whose_the_account_is() {
    let (_sandbox, settings, app) = acme().await;
    let keyfob = keyfob();
    let speak = |subject: &'static str| {
        let (keyfob, settings, app) = (&keyfob, &settings, &app);
        async move { jwt_bearer(keyfob, settings, app, "pretend/one", subject, &AccessRequest::scopes(["profile"])).await.unwrap() }
    };
    let first = speak("robin").await;
    let again = speak("robin").await;
    assert_eq!((&again.account.id, again.ended), (&first.account.id, None));
    let other = speak("robin@sandbox.invalid").await;
    assert_ne!(other.account.id, first.account.id);
    assert_eq!((other.replaced, other.ended), (true, Some(first.account.id)));
}

#[tokio::test]
async fn g2_the_apps_own_tokens_are_bound_to_a_key_that_stays() {
    let (sandbox, settings, app) = acme().await;
    let keyfob = keyfob();
    client_credentials(&keyfob, &settings, &app, "pretend/service", &AccessRequest::scopes(["echo"])).await.unwrap();
    calls(&sandbox, &keyfob, &settings, &app, "pretend/service", "/echo").await;
}

/// Or a thief who is an app could turn a token that is bound to a key into one of their own: the server wants the key proved.
#[tokio::test]
async fn g2_a_bound_token_is_exchanged_with_the_key_that_it_is_bound_to() {
    let (sandbox, settings, app) = acme().await;
    let keyfob = keyfob();
    client_credentials(&keyfob, &settings, &app, "pretend/service", &AccessRequest::scopes(["echo"])).await.unwrap();
    let session = keyfob.session(settings.clone(), app.clone(), "pretend/service").await.unwrap();
    let narrow = exchanged(&session, &settings, &app, "pretend/narrow", AccessRequest::scopes(["echo"])).await.unwrap();
    let bound = |tokens: &TokenSet| match tokens {
        TokenSet::OAuth2(tokens) => tokens.proof_key.as_ref().map(|key| key.expose().to_owned()),
        _ => panic!("OAuth 2"),
    };
    let key = bound(&session.account().tokens);
    assert!(key.is_some() && bound(&narrow.account.tokens) == key);
    let narrow = keyfob.session(settings.clone(), app.clone(), "pretend/narrow").await.unwrap();
    assert_eq!(narrow.get("/echo").send().await.unwrap().status(), 200);
    // By another key it is refused, as it is without any.
    let TokenSet::OAuth2(tokens) = session.account().tokens else { panic!("OAuth 2") };
    let stolen = TokenExchangeRequest::new(tokens.access.clone(), TokenType::AccessToken);
    let error = token_exchange(&keyfob, &settings, &app, "pretend/stolen", &stolen).await.unwrap_err();
    assert!(error.to_string().contains("invalid_dpop_proof"), "{error}");
    // It goes to the places of its login, and nowhere else.
    let mut elsewhere = settings.clone();
    let Flow::OAuth2(flow) = &mut elsewhere.flow else { panic!("OAuth 2") };
    flow.token = endpoint("http://127.0.0.1:9/token");
    let error = exchanged(&session, &elsewhere, &app, "pretend/elsewhere", AccessRequest::default()).await.unwrap_err();
    assert!(matches!(error, Error::Unbound { .. }), "{error}");
    let error = exchanged(&session, &settings, &app, "pretend/service", AccessRequest::default()).await.unwrap_err();
    assert!(matches!(error, Error::TakenName { .. }), "{error}");
    drop(sandbox);
}
