//! OAuth 1.0a.

use keyfob::LoginOptions;
use keyfob::login::{one_legged, xauth_legacy};
use keyfob::proto::jose::Algorithm;
use keyfob::proto::oauth1::{self, BodyHash, SignatureMethod};
use keyfob::proto::{Endpoint, Flow, Secret, Settings};
use keyfob_sandbox::Metadata;
use serde_json::json;

use crate::Outcome;
use crate::house::{ACCOUNT, House, confidential, keyed};

pub(crate) async fn three_legs() -> Outcome {
    let house = House::oauth1(confidential(), Metadata::default(), |_| {}).await?;
    house.log_in(LoginOptions::default()).await?;
    assert_eq!(house.calls(ACCOUNT, "/me").await?["sub"], "robin-demo");
    Ok(())
}

/// An app without a secret: the server has the public half of its key.
pub(crate) async fn rsa_key() -> Outcome {
    let (app, metadata) = keyed(Algorithm::RS256)?;
    let house = House::oauth1(app, metadata, |flow| flow.signature = SignatureMethod::RsaSha256).await?;
    house.log_in(LoginOptions::default()).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// For what is nobody's in particular: the app's keys sign, and no person takes part. Once as a call without account, once as an account.
pub(crate) async fn two_legs() -> Outcome {
    let house = House::oauth1(confidential(), Metadata::default(), |_| {}).await?;
    let request = http::Request::get("/echo?page=1").body(Vec::new())?;
    assert_eq!(house.keyfob.call_without_token(&house.settings, &house.app, request).await?.status(), 200);
    let house = House::oauth1(confidential(), Metadata::default(), |flow| flow.one_legged = true).await?;
    one_legged(&house.keyfob, &house.settings, &house.app, ACCOUNT).await?;
    assert_eq!(house.calls(ACCOUNT, "/echo").await?["for"], "mine");
    Ok(())
}

/// RFC 5849 signs forms alone; with this nobody on the way exchanges another body.
pub(crate) async fn body_hash() -> Outcome {
    let house = House::oauth1(confidential(), Metadata::default(), |flow| flow.body_hash = BodyHash::Required).await?;
    house.log_in(LoginOptions::default()).await?;
    let echoed = house.session(ACCOUNT).await?.post("/echo").json(&json!({"a": 1})).send().await?.json().await?;
    assert_eq!(echoed["body"], r#"{"a":1}"#);
    Ok(())
}

/// The secrets themselves are sent, so it is for TLS alone: over anything else a session refuses, and so does the server.
pub(crate) async fn plaintext() -> Outcome {
    let mut house = House::oauth1(confidential(), Metadata::default(), |_| {}).await?;
    let at = |path: &str| Endpoint::parse(&format!("{}/oauth1/{path}", house.sandbox.secure_origin()));
    let flow = oauth1::Settings::new(at("request_token")?, at("authorize")?, at("access_token")?);
    let flow = oauth1::Settings { signature: SignatureMethod::Plaintext, ..flow };
    house.settings = Settings::new("acme", Flow::OAuth1(flow), at("api")?);
    house.log_in(LoginOptions::default()).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// The server refuses our timestamp, and says what time it is: signed once more by that, and so are all requests after it.
pub(crate) async fn other_clock() -> Outcome {
    let house = House::oauth1(confidential(), Metadata::default(), |_| {}).await?;
    house.sandbox.advance(3600);
    house.log_in(LoginOptions::default()).await?;
    house.calls(ACCOUNT, "/me").await?;
    assert_eq!(house.sandbox.seen("acme").iter().filter(|seen| seen.status == 401).count(), 1, "the first");
    Ok(())
}

/// Legacy. The password is sent once and kept nowhere.
pub(crate) async fn xauth() -> Outcome {
    let metadata = Metadata { grant_types: vec!["password".to_owned()], ..Metadata::default() };
    let house = House::oauth1(confidential(), metadata, |_| {}).await?;
    let password = Secret::new("robin-sandbox-password-not-real");
    xauth_legacy(&house.keyfob, &house.settings, &house.app, ACCOUNT, "robin", &password).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}
