//! OAuth 1.0a.

use std::sync::Arc;

use keyfob::login::{one_legged, xauth_legacy};
use keyfob::proto::jose::{Algorithm, PrivateKey, Sign};
use keyfob::proto::oauth1::rsa::RsaSign;
use keyfob::proto::oauth1::{self, BodyHash, Buffer, Call, Client, Hash, Nonce, Once, Reason, SignatureMethod};
use keyfob::proto::{Endpoint, Entropy, Error as ProtoError, Flow, Misuse, Secret, Settings, TokenSet};
use keyfob::{Body, Error, LoginOptions, OsEntropy};
use keyfob_sandbox::Metadata;
use serde_json::json;

use crate::Outcome;
use crate::house::{ACCOUNT, House, confidential, keyed, signer};

pub(crate) async fn three_legs() -> Outcome {
    let house = House::oauth1(confidential(), Metadata::default(), |_| {}).await?;
    house.log_in(LoginOptions::default()).await?;
    assert_eq!(house.calls(ACCOUNT, "/me").await?["sub"], "robin-demo");
    Ok(())
}

/// RFC 5849 has SHA-1 alone. The server has to know the method, which is part of what is signed.
pub(crate) async fn hmac_sha2() -> Outcome {
    for method in [SignatureMethod::HmacSha256, SignatureMethod::HmacSha512] {
        let house = House::oauth1(confidential(), Metadata::default(), |flow| flow.signature = method).await?;
        house.log_in(LoginOptions::default()).await?;
        house.calls(ACCOUNT, "/me").await?;
    }
    Ok(())
}

/// An app without a secret: the server has the public half of its key.
pub(crate) async fn rsa_key() -> Outcome {
    let sha1 = cfg!(feature = "rsa-sha1").then_some(SignatureMethod::RsaSha1);
    for method in [SignatureMethod::RsaSha256, SignatureMethod::RsaSha512].into_iter().chain(sha1) {
        let (app, metadata) = keyed(Algorithm::RS256)?;
        let house = House::oauth1(app, metadata, |flow| flow.signature = method).await?;
        house.log_in(LoginOptions::default()).await?;
        house.calls(ACCOUNT, "/me").await?;
    }
    Ok(())
}

/// A device that signs, and never tells its key.
struct Hsm(Arc<dyn Sign>);

impl RsaSign for Hsm {
    fn sign(&self, hash: Hash, message: &[u8], _entropy: &dyn Entropy) -> Result<Vec<u8>, Misuse> {
        let signature = self.0.sign(message).ok().filter(|_| hash == Hash::Sha256);
        signature.ok_or_else(|| Misuse::new("a signature by the device", "none").with_hint("is it plugged in?"))
    }
}

/// The key never leaves its HSM or key service: it is asked to sign.
pub(crate) async fn rsa_key_elsewhere() -> Outcome {
    let (mut app, metadata) = keyed(Algorithm::RS256)?;
    let held = app.private_key.take().ok_or("a key")?;
    let mut house = House::oauth1(app, metadata, |flow| flow.signature = SignatureMethod::RsaSha256).await?;
    let hsm = Hsm(signer(Algorithm::RS256, PrivateKey::read(&held)?)?);
    house.keyfob = house.keyfob.with_rsa_signer("acme", "mine", Arc::new(hsm));
    house.log_in(LoginOptions::default()).await?;
    house.calls(ACCOUNT, "/me").await?;
    Ok(())
}

/// A call that is made again and again (a sensor, every minute) by a program of one's own: what of the signature is the same every time is computed once. A
/// session does so by itself with what it can, the keys.
pub(crate) async fn prepared() -> Outcome {
    let house = House::oauth1(confidential(), Metadata::default(), |_| {}).await?;
    let account = house.log_in(LoginOptions::default()).await?.account;
    let TokenSet::OAuth1(tokens) = &account.tokens else { return Err("tokens of OAuth 1".into()) };
    let signer = Client::new(&house.settings, house.app.clone())?.signer(Some(tokens))?;
    let url = format!("{}/oauth1/api/me?sensor=7", house.sandbox.origin("acme"));
    let (repeated, mut buffer) = (signer.repeat(&Call::new("GET", &url))?, Buffer::new());
    for _ in 0..2 {
        let nonce = Nonce::new(&OsEntropy);
        let once = Once { nonce: nonce.as_str(), timestamp: house.keyfob.now(), entropy: &OsEntropy };
        let request = http::Request::get(&url).header("authorization", repeated.authorization(&once, &mut buffer)?);
        assert_eq!(house.keyfob.transport().send(request.body(Body::empty())?).await?.status(), 200);
    }
    Ok(())
}

/// The server says why it refuses a signature, and the error has that as a value.
pub(crate) async fn refused() -> Outcome {
    let mut house = House::oauth1(confidential(), Metadata::default(), |_| {}).await?;
    house.app.client_secret = Some(Secret::new("another secret"));
    let Err(error) = house.begin(LoginOptions::default()).await else { return Err("it is refused".into()) };
    let Some(Error::Protocol(ProtoError::Refused(refused))) = error.downcast_ref() else { return Err(error) };
    assert_eq!(refused.reason, Some(Reason::SignatureInvalid));
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
