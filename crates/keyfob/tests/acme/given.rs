//! Accounts that come of what somebody else made (an assertion, a password), and calls without any.

use std::sync::{Arc, Mutex};

use http::Method;
use keyfob::login::{jwt_assertion, saml_assertion, xauth_legacy};
use keyfob::proto::jose::{Algorithm, AwsLc, Crypto as _, PrivateKey};
use keyfob::proto::oauth2::AccessRequest;
use keyfob::proto::oauth2::assertion::bearer_assertion;
use keyfob::proto::{App, Flow, Secret, Settings, Timestamp, TokenSet, oauth1};
use keyfob::{Clock, Error, Grant, HyperTransport, Keyfob, MemoryStore, OsEntropy, Store};
use keyfob_sandbox::Metadata;

use crate::common::{self, Served, app, endpoint, json, provider};
use crate::kit::{House, tokens};

#[tokio::test]
async fn rfc7523_2_1_a_given_assertion_makes_an_account() {
    let house = House::keyed(Metadata::default(), |flow| flow.scopes = vec!["profile".to_owned()]).await;
    let key = PrivateKey::read(house.app.private_key.as_ref().unwrap()).unwrap().named("key-1");
    let signer = AwsLc.signer(Algorithm::ES256, &key).unwrap();
    let made = |subject| bearer_assertion(&*signer, "mine", subject, &house.origin, Default::default(), house.keyfob.now(), &OsEntropy);
    let ask = async |assertion: Secret| {
        jwt_assertion(&house.keyfob, &house.settings, &house.app, "acme", &assertion, &AccessRequest::default()).await
    };
    ask(made("nobody").unwrap()).await.unwrap_err();
    assert!(house.store.accounts().await.unwrap().is_empty(), "nothing of a refusal is kept");
    let subject = house_subject(&house).await;
    let account = ask(made(&subject).unwrap()).await.unwrap().account;
    assert_eq!((account.grant, account.requested_scopes), (Grant::Approval, vec!["profile".to_owned()]));
    house.session().await.get("/me").send().await.unwrap().json().await.unwrap();
    // Nobody has the assertion any more, and nothing came that renews: somebody has to make another.
    house.advance(100_000);
    let error = house.session().await.token(0).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::NeedsLogin { .. }), "{error}");
    ask(made(&subject).unwrap()).await.unwrap();
    house.session().await.get("/me").send().await.unwrap().json().await.unwrap();
}

/// Whom the app may speak for.
async fn house_subject(house: &House) -> String {
    let account = house.log_in(keyfob::LoginOptions::scopes(["openid"])).await.unwrap().account;
    assert!(house.store.remove_account(&account.name, None).await.unwrap());
    tokens(&account).identity.clone().unwrap().subject
}

#[tokio::test]
async fn rfc7522_2_1_a_saml_assertion_makes_one_that_goes_on_by_its_refresh_token() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let server = Served::start(move |request: &str| {
        log.lock().unwrap().push(request.to_owned());
        json("200 OK", r#"{"access_token":"access-1","refresh_token":"refresh-1","token_type":"Bearer","expires_in":3600}"#)
    })
    .await;
    let (keyfob, settings) = (common::keyfob(), provider(&server.origin));
    let ask = async |assertion: &str| {
        saml_assertion(&keyfob, &settings, &app(), "pretend", &Secret::new(assertion), &AccessRequest::scopes(["read"])).await
    };
    ask("PEFzc2VydGlvbi8+").await.unwrap_err();
    assert_eq!(server.asked("POST /token"), 0, "it is encoded already");
    ask("<Assertion/>").await.unwrap();
    keyfob.session(settings.clone(), app(), "pretend").await.unwrap().refresh().await.unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen[0].contains("saml2-bearer") && seen[0].contains("assertion=PEFzc2VydGlvbi8-"), "{}", seen[0]);
    assert!(seen[1].contains("refresh_token=refresh-1"), "{}", seen[1]);
}

#[tokio::test]
async fn rfc7522_3_a_saml_assertion_is_for_this_server_now_and_once() {
    let house = House::new(Metadata::default(), |flow| flow.scopes = vec!["profile".to_owned()]).await;
    let ask = async |assertion: &str| {
        let request = AccessRequest::default();
        saml_assertion(&house.keyfob, &house.settings, &house.app, "acme", &Secret::new(assertion), &request).await
    };
    let refused = [
        house.sandbox.saml_assertion(|says| says.audience = "https://another.example".to_owned()),
        house.sandbox.saml_assertion(|says| says.recipient = "https://another.example/token".to_owned()),
        house.sandbox.saml_assertion(|says| says.lifetime = -1),
        house.sandbox.saml_assertion(|says| says.lifetime = 100_000),
        house.sandbox.saml_assertion(|says| says.subject = "somebody".to_owned()),
        house.sandbox.saml_assertion(|_| {}).replace("robin-demo", "robin-demx"),
    ];
    for assertion in &refused {
        let error = ask(assertion).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("invalid_grant") && !error.to_string().contains("<saml"), "{error}");
    }
    assert!(house.store.accounts().await.unwrap().is_empty());
    let good = house.sandbox.saml_assertion(|_| {});
    ask(&good).await.unwrap();
    house.session().await.get("/me").send().await.unwrap().json().await.unwrap();
    assert!(ask(&good).await.map(drop).unwrap_err().to_string().contains("used before"));
    // It is kept nowhere, so when its token ends somebody has to make another.
    house.advance(100_000);
    assert!(matches!(house.session().await.token(0).await.map(drop), Err(Error::NeedsLogin { .. })));
}

fn oauth1_provider(origin: &str) -> Settings {
    let at = |path: &str| endpoint(&format!("{origin}{path}"));
    let flow = oauth1::Settings::new(at("/request"), at("/authorize"), at("/access"));
    Settings::new("pretend", Flow::OAuth1(flow), at("/api"))
}

/// A clock that is an hour behind the server's.
struct Behind;

impl Clock for Behind {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(784_111_777 - 3600)
    }
}

fn plain(status: &str, more: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{more}content-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_password_is_exchanged_for_oauth1_tokens_and_kept_nowhere() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let server = Served::start(move |request: &str| {
        log.lock().unwrap().push(request.to_owned());
        plain("200 OK", "", "oauth_token=token-1&oauth_token_secret=secret-1")
    })
    .await;
    let (keyfob, settings) = (common::keyfob(), oauth1_provider(&server.origin));
    let password = Secret::new("hunter-two");
    let account = xauth_legacy(&keyfob, &settings, &app(), "pretend", "robin", &password).await.unwrap().account;
    assert!(matches!(&account.tokens, TokenSet::OAuth1(tokens) if tokens.token.same_as("token-1")));
    assert!(!serde_json::to_string(&account).unwrap().contains("hunter"));
    let seen = seen.lock().unwrap()[0].clone();
    assert!(seen.contains("x_auth_mode=client_auth") && seen.contains("x_auth_username=robin"), "{seen}");
    assert!(!seen.contains("oauth_token="), "signed with the consumer's credentials alone: {seen}");
    let error = xauth_legacy(&keyfob, &provider(&server.origin), &app(), "other", "robin", &password).await.unwrap_err();
    assert!(error.to_string().contains("OAuth 1"), "{error}");
}

#[tokio::test]
async fn rfc5849_3_1_a_call_for_the_app_itself_is_signed_without_a_token() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let server = Served::start(move |request: &str| {
        let mut log = log.lock().unwrap();
        log.push(request.to_owned());
        match log.len() {
            // An hour is between the clocks.
            1 => plain("401 Unauthorized", "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "oauth_problem=timestamp_refused"),
            _ => plain("200 OK", "", "yes"),
        }
    })
    .await;
    let transport = HyperTransport::builder().loopback_only(true).build().unwrap();
    let keyfob = Keyfob::with(Arc::new(MemoryStore::new()), Arc::new(transport), Arc::new(Behind), Arc::new(OsEntropy));
    let settings = oauth1_provider(&server.origin);
    let call = async |url: &str| {
        let request = http::Request::builder().method(Method::GET).uri(url).body(Vec::new()).unwrap();
        keyfob.call_without_token(&settings, &app(), request).await
    };
    assert_eq!(call("/a/%2e%2e/b?c=d").await.unwrap().status(), 200, "once more, with the server's time");
    assert!(seen.lock().unwrap()[1].contains("oauth_timestamp=\"784111777\""));
    let error = call("https://elsewhere.example/a").await.map(drop).unwrap_err();
    assert!(error.to_string().contains("provider's API"), "{error}");
    let first = seen.lock().unwrap()[0].clone();
    assert!(first.starts_with("GET /api/a/%2e%2e/b?c=d HTTP"), "byte for byte: {first}");
    assert!(first.contains("oauth_consumer_key") && first.contains("oauth_signature=") && !first.contains("oauth_token="), "{first}");
    let oauth2 =
        keyfob.call_without_token(&provider(&server.origin), &App::public("id"), http::Request::get("/").body(vec![]).unwrap()).await;
    assert!(oauth2.is_err());
}
