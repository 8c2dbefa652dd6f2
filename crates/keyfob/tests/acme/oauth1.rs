//! OAuth 1.0a at a server that reads signatures by RFC 5849 alone: every method in every place, and what has to be refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use http::header::{CONTENT_TYPE, HeaderValue};
use keyfob::login::{one_legged, xauth_legacy};
use keyfob::proto::jose::{Algorithm, AwsLc, Crypto as _, Sign};
use keyfob::proto::oauth1::rsa::RsaSign;
use keyfob::proto::oauth1::{BodyHash, Client, Hash, Placement, SignatureMethod};
use keyfob::proto::{Answer, App, Body as Signed, Entropy, Error as ProtoError, Flow, Misuse, Secret, TokenSet};
use keyfob::{Body, Error, LoginOptions, OsEntropy, Store};
use keyfob_sandbox::{Consent, Metadata};
use serde_json::json;

use crate::kit::{House, SECRET};

fn app() -> App {
    App::confidential("mine", SECRET)
}

/// An app that signs with a key of its own, and has no secret.
fn keyed() -> (App, Metadata) {
    let key = AwsLc.generate(Algorithm::RS256).unwrap();
    let jwk = AwsLc.signer(Algorithm::RS256, &key).unwrap().public_key().unwrap().to_jwk();
    let mut app = App::public("mine");
    app.private_key = key.to_pem();
    (app, Metadata { jwks: Some(json!({ "keys": [jwk] })), ..Metadata::default() })
}

async fn lives_a_life(house: &House) {
    house.log_in(LoginOptions::default()).await.unwrap();
    let session = house.session().await;
    let me = session.get("/me?a=b%20c&a=%C3%A5&empty").send().await.unwrap().json().await.unwrap();
    assert_eq!(me["sub"], "robin-demo");
    let echoed = session.post("/echo/a%2Fb;c'd").json(&json!({"to": "sign"})).send().await.unwrap().json().await.unwrap();
    assert_eq!((echoed["body"].as_str(), echoed["for"].as_str()), (Some(r#"{"to":"sign"}"#), Some("robin-demo")));
    let form = session.post("/echo").form([("a", "1 2"), ("å", "&=")]).send().await.unwrap();
    assert_eq!(form.status(), 200);
    assert_eq!(house.statuses("/oauth1/request_token"), [200]);
}

#[tokio::test]
async fn rfc5849_3_4_every_method_is_good_in_every_place() {
    let shared = [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::HmacSha512];
    for (method, placement, body_hash) in shared
        .into_iter()
        .flat_map(|method| [Placement::Header, Placement::Body, Placement::Query].map(|placement| (method, placement)))
        .flat_map(|(method, placement)| [BodyHash::Off, BodyHash::On].map(|hash| (method, placement, hash)))
    {
        let house = House::of_oauth1(app(), Metadata::default(), |flow| {
            (flow.signature, flow.placement, flow.body_hash) = (method, placement, body_hash);
        })
        .await;
        lives_a_life(&house).await;
    }
}

#[tokio::test]
async fn rfc5849_3_4_3_an_app_without_a_secret_signs_with_its_own_key() {
    let (app, metadata) = keyed();
    let sha1 = cfg!(feature = "rsa-sha1").then_some(SignatureMethod::RsaSha1);
    for method in [SignatureMethod::RsaSha256, SignatureMethod::RsaSha512].into_iter().chain(sha1) {
        let house = House::of_oauth1(app.clone(), metadata.clone(), |flow| flow.signature = method).await;
        lives_a_life(&house).await;
    }
    // Another key is another app; and a method that needs a secret is no way in for one who has none.
    let house = House::of_oauth1(keyed().0, metadata.clone(), |flow| flow.signature = SignatureMethod::RsaSha256).await;
    house.refuses(LoginOptions::default(), "signature_invalid").await;
    let house = House::of_oauth1(App::confidential("mine", ""), metadata, |_| {}).await;
    house.refuses(LoginOptions::default(), "signature_method_rejected").await;
}

/// An HSM: nobody else has the key, and it counts what it signs.
struct Hsm {
    key: Arc<dyn Sign>,
    signed: AtomicUsize,
}

impl RsaSign for Hsm {
    fn sign(&self, hash: Hash, message: &[u8], _: &dyn Entropy) -> Result<Vec<u8>, Misuse> {
        assert_eq!(hash, Hash::Sha256);
        self.signed.fetch_add(1, Ordering::Relaxed);
        self.key.sign(message).map_err(|_| Misuse::new("a signature by the device", "none"))
    }
}

#[tokio::test]
async fn rfc5849_3_4_3_the_key_may_live_elsewhere() {
    let key = AwsLc.signer(Algorithm::RS256, &AwsLc.generate(Algorithm::RS256).unwrap()).unwrap();
    let jwks = Some(json!({ "keys": [key.public_key().unwrap().to_jwk()] }));
    let metadata = Metadata { jwks, grant_types: vec!["password".to_owned()], ..Metadata::default() };
    let mut house = House::of_oauth1(App::public("mine"), metadata, |flow| flow.signature = SignatureMethod::RsaSha256).await;
    let hsm = Arc::new(Hsm { key, signed: AtomicUsize::new(0) });
    let without = house.keyfob.clone();
    let of_another = without.clone().with_rsa_signer("acme", "another-app", hsm.clone());
    house.keyfob = without.clone().with_rsa_signer("acme", "mine", hsm.clone());
    // Two steps of the login, three calls; one for the app itself; a password's exchange.
    lives_a_life(&house).await;
    assert_eq!(hsm.signed.load(Ordering::Relaxed), 5);
    let request = http::Request::get("/echo").body(Vec::new()).unwrap();
    assert_eq!(house.keyfob.call_without_token(&house.settings, &house.app, request).await.unwrap().status(), 200);
    let password = Secret::new("robin-sandbox-password-not-real");
    xauth_legacy(&house.keyfob, &house.settings, &house.app, "second", "robin", &password).await.unwrap();
    assert_eq!(hsm.signed.load(Ordering::Relaxed), 7);
    for keyfob in [without, of_another] {
        house.keyfob = keyfob;
        assert!(house.begin(LoginOptions::default()).await.is_err(), "a key is one app's");
    }
    assert_eq!(hsm.signed.load(Ordering::Relaxed), 7);
}

#[tokio::test]
async fn rfc5849_3_2_another_secret_or_an_unknown_app_is_refused() {
    let mut house = House::of_oauth1(app(), Metadata::default(), |_| {}).await;
    house.app.client_secret = Some(Secret::new("another"));
    house.refuses(LoginOptions::default(), "signature_invalid").await;
    house.app.client_id = "nobody".to_owned();
    house.refuses(LoginOptions::default(), "consumer_key_unknown").await;
    assert_eq!(house.statuses("/oauth1/request_token"), [401, 401]);
    house.app = app();
    house.log_in(LoginOptions::default()).await.unwrap();
}

/// Signed by hand, so that it can be sent twice, or changed.
async fn send(house: &House, tokens: Option<&TokenSet>, path: &str, body: &'static str, sent: &'static str) -> (http::request::Parts, u16) {
    let client = Client::new(&house.settings, house.app.clone()).unwrap();
    let mut parts = http::Request::post(format!("{}/oauth1/api{path}", house.origin)).body(()).unwrap().into_parts().0;
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let signed = Signed::of(&parts.headers, body.as_bytes());
    let now = house.keyfob.now();
    match tokens {
        Some(TokenSet::OAuth1(tokens)) => drop(client.sign(tokens, &mut parts, signed, now, &OsEntropy).unwrap()),
        _ => drop(client.sign_without_token(&mut parts, signed, now, &OsEntropy).unwrap()),
    }
    let status = again(house, &parts, sent).await;
    (parts, status)
}

async fn again(house: &House, parts: &http::request::Parts, body: &'static str) -> u16 {
    let request = http::Request::from_parts(parts.clone(), Body::from(body.as_bytes().to_vec()));
    house.keyfob.transport().send(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn rfc5849_3_3_a_request_is_good_once_and_now() {
    let house = House::of_oauth1(app(), Metadata::default(), |_| {}).await;
    let account = house.log_in(LoginOptions::default()).await.unwrap().account;
    let (parts, first) = send(&house, Some(&account.tokens), "/echo", "", "").await;
    assert_eq!((first, again(&house, &parts, "").await), (200, 401), "the nonce was used");
    // A clock that is wrong by an hour is told so, and believed the second time: by the session, which learns the server's.
    house.misset(3600);
    assert_eq!(send(&house, Some(&account.tokens), "/echo", "", "").await.1, 401);
    house.forget();
    assert_eq!(house.session().await.get("/me").send().await.unwrap().status(), 200);
    assert_eq!(house.statuses("/oauth1/api/me"), [401, 200]);
}

#[tokio::test]
async fn a_body_that_was_signed_cannot_be_exchanged() {
    let house = House::of_oauth1(app(), Metadata::default(), |flow| flow.body_hash = BodyHash::On).await;
    let account = house.log_in(LoginOptions::default()).await.unwrap().account;
    assert_eq!(send(&house, Some(&account.tokens), "/echo", "one", "one").await.1, 200);
    assert_eq!(send(&house, Some(&account.tokens), "/echo", "one", "two").await.1, 400);
}

#[tokio::test]
async fn rfc5849_3_4_4_plaintext_is_refused_in_the_open() {
    let house = House::of_oauth1(app(), Metadata::default(), |flow| flow.signature = SignatureMethod::Plaintext).await;
    house.refuses(LoginOptions::default(), "signature_method_rejected").await;
}

#[tokio::test]
async fn rfc5849_2_3_temporary_credentials_are_good_once_and_with_their_verifier() {
    let house = House::of_oauth1(app(), Metadata::default(), |_| {}).await;
    let login = house.begin(LoginOptions::default()).await.unwrap();
    let back = house.visit(login.url()).await;
    let (callback, _) = back.split_once("oauth_verifier=").unwrap();
    let planted = login.verify(Answer::Url(&format!("{callback}oauth_verifier=guessed"))).unwrap();
    login.finish(planted).await.map(drop).unwrap_err();
    assert_eq!(house.statuses("/oauth1/access_token"), [401]);
    assert!(house.store.accounts().await.unwrap().is_empty());
    house.log_in(LoginOptions::default()).await.unwrap();
    // The callback is what was registered, or nothing is given out.
    let other = House::of_oauth1(app(), Metadata::default(), |_| {}).await;
    let redirect = keyfob::Redirect::Uri("http://127.0.0.1:8123/another".to_owned());
    let begun = keyfob::Login::begin(&other.keyfob, &other.settings, &other.app, "acme", redirect, vec![]).await;
    assert!(begun.map(drop).unwrap_err().to_string().contains("not registered"));
}

#[tokio::test]
async fn a_person_may_say_no() {
    let house = House::of_oauth1(app(), Metadata::default(), |_| {}).await;
    house.sandbox.consent("acme", Consent::Deny);
    let error = house.log_in(LoginOptions::default()).await.map(drop).unwrap_err();
    assert!(matches!(&error, Error::Protocol(error @ ProtoError::Refused(_)) if error.ends_login()), "{error}");
    assert!(house.seen("/oauth1/access_token").is_empty());
}

#[tokio::test]
async fn rfc5849_3_1_two_legs_are_for_what_is_nobody_s() {
    let house = House::of_oauth1(app(), Metadata::default(), |_| {}).await;
    let call = async |path: &str| {
        let request = http::Request::builder().method(Method::GET).uri(path).body(Vec::new()).unwrap();
        house.keyfob.call_without_token(&house.settings, &house.app, request).await.unwrap().status().as_u16()
    };
    assert_eq!((call("/echo?a=b").await, call("/me").await), (200, 400), "a person's needs their token");
    // The same as an account, at a provider that gives no tokens at all.
    let mut house = House::of_oauth1(app(), Metadata::default(), |flow| flow.one_legged = true).await;
    one_legged(&house.keyfob, &house.settings, &house.app, "acme").await.unwrap();
    assert_eq!(house.session().await.get("/echo").send().await.unwrap().status(), 200);
    house.app.client_secret = Some(Secret::new("another"));
    assert_eq!(house.session().await.get("/echo").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_password_is_taken_from_an_app_that_is_registered_for_it() {
    let legacy = Metadata { grant_types: vec!["password".to_owned()], ..Metadata::default() };
    for (metadata, password, good) in [
        (legacy.clone(), "robin-sandbox-password-not-real", true),
        (legacy, "guessed", false),
        (Metadata::default(), "robin-sandbox-password-not-real", false),
    ] {
        let house = House::of_oauth1(app(), metadata, |_| {}).await;
        let asked = xauth_legacy(&house.keyfob, &house.settings, &house.app, "acme", "robin", &Secret::new(password)).await;
        assert_eq!(asked.is_ok(), good, "{asked:?}");
        assert_eq!(house.store.accounts().await.unwrap().len(), usize::from(good));
        if good {
            assert_eq!(house.session().await.get("/me").send().await.unwrap().status(), 200);
        }
    }
}

#[tokio::test]
async fn a_token_is_one_app_s() {
    let house = House::of_oauth1(app(), Metadata::default(), |_| {}).await;
    let account = house.log_in(LoginOptions::default()).await.unwrap().account;
    assert_eq!(send(&house, Some(&account.tokens), "/echo", "", "").await.1, 200);
    let demo = house.sandbox.app("acme");
    let mut other = house;
    other.app = App::confidential(demo.client_id, demo.client_secret);
    assert_eq!(send(&other, Some(&account.tokens), "/echo", "", "").await.1, 401);
    let Flow::OAuth1(flow) = &other.settings.flow else { panic!("OAuth 1") };
    assert_eq!(flow.signature, SignatureMethod::HmacSha1);
}
