//! Hybrid logins: the ID token that comes through the browser holds the code, and the one of the exchange is about the same person.

use keyfob::proto::jose::{Algorithm, Algorithms, AwsLc, Crypto as _, sign_compact};
use keyfob::proto::oauth2::{Hybrid, s256_challenge};
use keyfob::proto::{Answer, Flow};
use keyfob::{Login, LoginOptions, Policy, Redirect, Store};
use keyfob_sandbox::{Faults, Flaw, Metadata};
use serde_json::{Map, json};

use crate::common::{Served, app, endpoint, json, keyfob, parameter, provider};
use crate::kit::{CALLBACK, House, jwks};

fn hybrid() -> LoginOptions {
    LoginOptions { hybrid: Some(Hybrid::IdToken), ..LoginOptions::default() }
}

#[tokio::test]
async fn a_hybrid_login_says_who_it_is_twice() {
    for push in [false, true] {
        let mut house = House::new(Metadata::default(), |_| {}).await;
        if push {
            let Flow::OAuth2(flow) = &mut house.settings.flow else { panic!("OAuth 2") };
            (flow.pushed, flow.pushed_required) = (Some(endpoint(&format!("{}/par", house.origin))), true);
        }
        let logged_in = house.log_in(hybrid()).await.unwrap();
        assert_eq!(logged_in.id_token.unwrap().subject, "robin-demo");
        assert_eq!(house.seen("/par").len(), usize::from(push));
    }
}

#[tokio::test]
async fn a_hybrid_login_can_be_stored_and_goes_on() {
    let house = House::new(Metadata::default(), |_| {}).await;
    let login = house.begin(hybrid()).await.unwrap();
    let back = house.visit(login.url()).await;
    let stored = serde_json::to_string(&login.stored()).unwrap();
    let resumed = Login::resume(&house.keyfob, &house.settings, &house.app, serde_json::from_str(&stored).unwrap()).unwrap();
    assert!(resumed.verify(Answer::Url(&back)).is_err(), "not without keys");
    let verified = resumed.judge(Answer::Url(&back)).await.unwrap();
    resumed.finish(verified).await.unwrap();
}

#[tokio::test]
async fn e7_what_came_through_the_browser_is_judged_before_the_code_is_spent() {
    let house = House::new(Metadata::default(), |_| {}).await;
    for flaw in
        [Flaw::IdTokenCHash, Flaw::IdTokenNoCHash, Flaw::IdTokenSHash, Flaw::IdTokenNonce, Flaw::IdTokenSignature, Flaw::IdTokenAlgNone]
    {
        house.flaw(flaw);
        let login = house.begin(hybrid()).await.unwrap();
        let back = house.visit(login.url()).await;
        let error = login.judge(Answer::Url(&back)).await.unwrap_err();
        assert!(!error.ends_login(), "{flaw:?}: {error}");
    }
    assert!(house.seen("/token").is_empty() && house.store.accounts().await.unwrap().is_empty());
    // No keys are fetched for what is not even an answer to this login.
    let other = House::new(Metadata::default(), |_| {}).await;
    other.flaw(Flaw::ResponseState);
    let login = other.begin(hybrid()).await.unwrap();
    let back = other.visit(login.url()).await;
    // In another process, which has none yet.
    let elsewhere = other.keyfob.clone().with_policy(Policy::default());
    let resumed = Login::resume(&elsewhere, &other.settings, &other.app, login.stored()).unwrap();
    assert!(resumed.judge(Answer::Url(&back)).await.is_err());
    assert_eq!(other.seen("/jwks").len(), 1, "before the person was sent there");
}

#[tokio::test]
async fn the_second_id_token_is_about_the_person_of_the_first() {
    let house = House::new(Metadata::default(), |_| {}).await;
    house.flaw(Flaw::IdTokenSub);
    house.refuses(hybrid(), "OpenID Connect Core §3.3.3.6").await;
    assert_eq!(house.statuses("/revoke"), [200, 200], "and what came with it is revoked");
    house.faults(Faults::default());
    house.log_in(hybrid()).await.unwrap();
}

/// What was said in the browser has to be said again by the token endpoint, also where it says by now that `openid` was not granted.
#[tokio::test]
async fn a_hybrid_login_without_a_second_id_token_is_refused() {
    for repeats in [true, false] {
        let key = AwsLc.generate(Algorithm::ES256).unwrap().named("theirs");
        let signer = AwsLc.signer(Algorithm::ES256, &key).unwrap();
        let (published, second) = (jwks(&key).to_string(), std::sync::Arc::new(std::sync::Mutex::new(String::new())));
        let theirs = second.clone();
        let server = Served::start(move |request| {
            let mut tokens = json!({ "access_token": "access-1", "token_type": "Bearer", "scope": "profile" });
            if repeats {
                tokens["id_token"] = json!(*theirs.lock().unwrap());
            }
            json("200 OK", if request.starts_with("GET /jwks") { published.clone() } else { tokens.to_string() }.as_str())
        })
        .await;
        let mut settings = provider(&server.origin);
        let Flow::OAuth2(flow) = &mut settings.flow else { panic!("OAuth 2") };
        (flow.issuer, flow.jwks) = (Some(server.origin.clone()), Some(endpoint(&format!("{}/jwks", server.origin))));
        flow.id_token_algorithms = Algorithms::of([Algorithm::ES256]);
        let options = LoginOptions { scopes: vec!["openid".to_owned()], ..hybrid() };
        let keyfob = keyfob();
        let redirect = Redirect::Uri(CALLBACK.to_owned());
        let login = Login::begin_with(&keyfob, &settings, &app(), "pretend", redirect, options).await.unwrap();
        let now = keyfob.now().as_unix();
        let claims = json!({ "iss": server.origin, "sub": "person-1", "aud": app().client_id, "iat": now, "exp": now + 300,
            "nonce": parameter(login.url(), "nonce"), "c_hash": left_half(&s256_challenge("code-1")) });
        let id_token = sign_compact(&*signer, Map::new(), claims.to_string().as_bytes()).unwrap();
        second.lock().unwrap().clone_from(&id_token);
        let back = format!("{CALLBACK}#code=code-1&id_token={id_token}&state={}", parameter(login.url(), "state"));
        let verified = login.judge(Answer::Url(&back)).await.unwrap();
        let outcome = login.finish(verified).await;
        assert_eq!(outcome.is_ok(), repeats, "{outcome:?}");
    }
}

/// Of a hash of 32 bytes as base64url: its first 16 bytes as base64url. They end within the 22nd letter, whose last four bits are the next byte's.
fn left_half(hash: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = ALPHABET.find(&hash[21..22]).unwrap() & 0b11_0000;
    format!("{}{}", &hash[..21], &ALPHABET[last..=last])
}
