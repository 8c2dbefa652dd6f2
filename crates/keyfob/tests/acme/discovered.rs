//! F4: endpoints that the issuer's own metadata names may not lead where only we can reach; those of our configuration may.

use std::sync::{Arc, Mutex};

use keyfob::proto::oauth2::metadata::{Order, Preferences};
use keyfob::proto::oauth2::{ClientAuth, Dpop, TokenExchangeRequest, TokenType};
use keyfob::proto::{Answer, App, Flow, Secret, Settings};
use keyfob::transport::{PublicOnly, Sending};
use keyfob::{Account, Body, DeviceLogin, Keyfob, Login, LoginOptions, MemoryStore, Redirect, Store, Transport, logout};
use keyfob_sandbox::Metadata;
use serde_json::json;

use crate::common::{app, endpoint, parameter, provider};
use crate::kit::{CALLBACK, House, tokens};

/// Says which requests were marked, and answers each in a way that lets the walk go on.
#[derive(Default)]
struct Watching(Mutex<Vec<(String, bool)>>);

impl Transport for Watching {
    fn send(&self, request: http::Request<Body>) -> Sending<'_> {
        let marked = request.extensions().get::<PublicOnly>().is_some();
        let path = request.uri().path().to_owned();
        let body = match path.as_str() {
            "/par" => json!({ "request_uri": "urn:1", "expires_in": 60 }),
            "/device" => {
                json!({ "device_code": "d", "user_code": "u", "verification_uri": "https://a.example/", "expires_in": 60, "interval": 1 })
            }
            "/userinfo" => json!({ "sub": "person-1" }),
            _ => json!({ "access_token": "access-1", "refresh_token": "refresh-1", "token_type": "Bearer", "expires_in": 3600,
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token" }),
        };
        self.0.lock().unwrap().push((path, marked));
        let answer = http::Response::builder().header("content-type", "application/json").body(Body::from(body.to_string().into_bytes()));
        Box::pin(async { Ok(answer.unwrap()) })
    }
}

/// Every back-channel request that a session makes, with its mark.
async fn walk(discovered: bool, tokens_at: &str) -> Vec<(String, bool)> {
    let transport = Arc::new(Watching::default());
    let store = Arc::new(MemoryStore::new());
    let keyfob = Keyfob::new(store.clone(), transport.clone());
    let mut settings = provider(tokens_at);
    settings.api.base = endpoint("https://api.example/");
    let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
    let at = |path: &str| Some(endpoint(&format!("{tokens_at}{path}")));
    (flow.pushed, flow.device_authorization, flow.userinfo) = (at("/par"), at("/device"), at("/userinfo"));
    (flow.issuer, flow.discovered, flow.jwks) = (Some("https://login.example".to_owned()), discovered, at("/jwks"));

    let redirect = Redirect::Uri(CALLBACK.to_owned());
    let login = Login::begin(&keyfob, &settings, &app(), "pretend", redirect, vec![]).await.unwrap();
    let state = login.pending().key().expose().to_owned();
    let verified = login.verify(Answer::Url(&format!("{CALLBACK}?code=c&state={state}"))).unwrap();
    login.finish(verified).await.unwrap();
    person(&*store).await;
    let session = keyfob.session(settings.clone(), app(), "pretend").await.unwrap();
    session.refresh().await.unwrap();
    session.userinfo().await.unwrap();
    session.get("/me").send().await.unwrap();
    DeviceLogin::begin(&keyfob, &settings, &app(), "device", vec![]).await.unwrap().wait().await.unwrap();
    let request = TokenExchangeRequest::new(Secret::new("token"), TokenType::AccessToken);
    keyfob::login::token_exchange(&keyfob, &settings, &app(), "exchanged", &request).await.unwrap();
    logout(&keyfob, &settings, &app(), "pretend", true).await.unwrap();
    transport.0.lock().unwrap().clone()
}

/// As though an ID token had come, and been verified.
async fn person(store: &dyn Store) {
    let record = store.account("pretend").await.unwrap().unwrap();
    let mut account = serde_json::to_value(&record.value).unwrap();
    account["tokens"]["identity"] =
        json!({ "issuer": "https://login.example", "subject": "person-1", "audience": ["id"], "verified": true });
    let account: Account = serde_json::from_value(account).unwrap();
    store.put_account(&account, keyfob::store::Expected::Generation(record.generation), None).await.unwrap();
}

#[tokio::test]
async fn f4_every_endpoint_that_metadata_names_elsewhere_has_to_be_public() {
    let paths = ["/par", "/token", "/token", "/userinfo", "/me", "/device", "/token", "/token", "/revoke", "/revoke"];
    for (discovered, tokens_at, marked) in [
        (true, "https://tokens.example", true),
        (true, "https://login.example:8443", false),
        (true, "https://login.example", false),
        (false, "https://tokens.example", false),
    ] {
        // The API is where our configuration says, always.
        let expected: Vec<_> = paths.iter().map(|path| ((*path).to_owned(), marked && *path != "/me")).collect();
        assert_eq!(walk(discovered, tokens_at).await, expected, "{discovered} {tokens_at}");
    }
}

#[tokio::test]
async fn an_issuer_alone_is_enough_for_all_of_it() {
    let mut house = House::keyed(Metadata::default(), |_| {}).await;
    let preferences = Preferences { scopes: vec!["openid".to_owned(), "profile".to_owned()], dpop: Dpop::Wanted, ..Preferences::default() };
    let api = endpoint(&format!("{}/api", house.origin));
    let settings = keyfob::discover(&house.keyfob, "acme", &house.origin, Order::OpenIdFirst, &house.app, &preferences, api);
    house.settings = settings.await.unwrap();
    let Flow::OAuth2(flow) = &house.settings.flow else { panic!("OAuth 2") };
    assert_eq!(flow.client_auth, ClientAuth::PrivateKeyJwt, "the app has a key, and the server takes it");
    assert!(flow.discovered);
    let account = house.log_in(LoginOptions::default()).await.unwrap().account;
    assert!(tokens(&account).proof_key.is_some());
    assert_eq!(house.statuses("/par"), [201]);
    let session = house.session().await;
    session.get("/me").send().await.unwrap().json().await.unwrap();
    assert_eq!(session.userinfo().await.unwrap().subject, "robin-demo");
    assert!(session.end_session(None).is_ok());
    session.refresh().await.unwrap();
}

#[tokio::test]
async fn a_server_whose_proofs_we_cannot_make_is_refused_before_anybody_is_asked() {
    let rsa = |flow: &mut keyfob::proto::oauth2::Settings| {
        flow.dpop = Dpop::Wanted;
        flow.dpop_algorithms = keyfob::proto::jose::Algorithms::of([keyfob::proto::jose::Algorithm::RS256]);
    };
    let house = House::with(App::public("mine"), Metadata::default(), rsa).await;
    let error = house.begin(LoginOptions::default()).await.map(drop).unwrap_err();
    assert!(error.to_string().contains("RS256"), "{error}");
    let settings: &Settings = &house.settings;
    let redirect = Redirect::Uri(CALLBACK.to_owned());
    assert!(Login::begin(&house.keyfob, settings, &house.app, "acme", redirect, vec![]).await.is_err());
    let eddsa = |flow: &mut keyfob::proto::oauth2::Settings| {
        flow.dpop = Dpop::Wanted;
        flow.dpop_algorithms = keyfob::proto::jose::Algorithms::of([keyfob::proto::jose::Algorithm::EdDSA]);
    };
    let house = House::with(App::public("mine"), Metadata::default(), eddsa).await;
    house.log_in(LoginOptions::default()).await.unwrap();
    house.session().await.get("/me").send().await.unwrap().json().await.unwrap();
    assert_eq!(parameter(house.begin(LoginOptions::default()).await.unwrap().url(), "dpop_jkt").len(), 43);
}
