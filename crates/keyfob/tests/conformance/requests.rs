//! Authorization requests that are made otherwise: by reference, begun by somebody else, answered by a form.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use keyfob::proto::jose::{Algorithm, AwsLc, Crypto as _, PrivateKey};
use keyfob::proto::oauth2::{Prompt, ResponseMode, Signing};
use keyfob::proto::oidc::InitiatedLogin;
use keyfob::proto::{Answer, Code, Error as ProtoError, Origin};
use keyfob::{Error, Login, LoginOptions, Redirect};
use keyfob_sandbox::Metadata;
use serde_json::{Value, json};

use crate::driver::{ACCOUNT, Rp};
use crate::op::{CALLBACK, Op};

/// A place of ours where the provider finds a request object, once. On a thread of its own: the provider waits for it.
struct Place {
    listener: TcpListener,
    url: String,
}

impl Place {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { url: format!("http://{}/requests/1", listener.local_addr().unwrap()), listener }
    }

    fn serve(self, object: String) {
        std::thread::spawn(move || {
            let (mut stream, _) = self.listener.accept().unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            write!(stream, "HTTP/1.0 200 OK\r\ncontent-type: application/oauth-authz-req+jwt\r\n\r\n{object}").unwrap();
        });
    }
}

fn key() -> PrivateKey {
    AwsLc.generate(Algorithm::RS256).unwrap().named("our-key")
}

fn published(key: &PrivateKey) -> Value {
    let signer = AwsLc.signer(Algorithm::RS256, key).unwrap();
    let mut jwk = signer.public_key().unwrap().to_jwk();
    jwk.insert("kid".to_owned(), json!(signer.key_id()));
    json!({ "keys": [jwk] })
}

/// A login whose request the provider fetches. It knows our key as `known`; what we sign with is `key`.
async fn by_reference(algorithm: &str, known: &PrivateKey, key: Option<&PrivateKey>) -> (Rp, Option<String>) {
    let place = Place::new();
    let metadata = Metadata {
        request_uris: vec![place.url.clone()],
        request_object_signing_alg: Some(algorithm.to_owned()),
        jwks: Some(published(known)),
        ..Metadata::default()
    };
    let mut rp = Rp::new(Op::with(metadata).await).await;
    let signing = match key {
        Some(key) => {
            (rp.app.private_key, rp.app.private_key_algorithm) = (key.to_pem(), Some(Algorithm::RS256));
            rp.app.private_key_id = Some("our-key".to_owned());
            Signing::ByClient
        }
        None => Signing::Unsigned,
    };
    let (redirect, at) = (Redirect::Uri(CALLBACK.to_owned()), (place.url.clone(), signing));
    let begun = Login::begin_by_reference(&rp.keyfob, &rp.settings, &rp.app, ACCOUNT, redirect, rp.options.clone(), (&at.0, at.1));
    let (login, object) = begun.unwrap();
    place.serve(object.expose().to_owned());
    let back = rp.visit(login.url()).await.location;
    let Some(back) = back else { return (rp, None) };
    let verified = login.verify(Answer::Url(&back)).unwrap();
    let id_token = login.finish(verified).await.unwrap().id_token;
    (rp, id_token.map(|id_token| id_token.subject))
}

#[tokio::test]
async fn by_reference_unsigned() {
    let (rp, subject) = by_reference("none", &key(), None).await;
    assert_eq!(subject.as_deref(), Some("robin-demo"));
    rp.call().await.unwrap();
}

#[tokio::test]
async fn by_reference_signed_by_rs256() {
    let key = key();
    let (rp, subject) = by_reference("RS256", &key, Some(&key)).await;
    assert_eq!(subject.as_deref(), Some("robin-demo"));
    rp.call().await.unwrap();
}

#[tokio::test]
async fn by_reference_signed_by_a_key_that_is_not_registered() {
    let (_, subject) = by_reference("RS256", &key(), Some(&key())).await;
    assert_eq!(subject, None);
}

#[tokio::test]
async fn an_error_that_a_form_brings() {
    let mut rp = Rp::new(Op::start().await).await;
    rp.options = LoginOptions {
        response_mode: Some(ResponseMode::FormPost),
        prompt: vec![Prompt::None],
        max_age: Some(0),
        ..LoginOptions::default()
    };
    let error = rp.log_in().await.map(drop).unwrap_err();
    let code = match &error {
        Error::Protocol(ProtoError::Refused(refused)) => &refused.code,
        other => panic!("{other}"),
    };
    assert_eq!(*code, Code::Extension("login_required".to_owned()));
    assert!(rp.kept().await.is_none());
}

#[tokio::test]
async fn a_code_that_a_form_brings() {
    let mut rp = Rp::new(Op::start().await).await;
    rp.options = LoginOptions { response_mode: Some(ResponseMode::FormPost), ..LoginOptions::default() };
    rp.log_in().await.unwrap();
}

/// Somebody sends the browser to our `initiate_login_uri`.
async fn initiated(rp: &mut Rp, query: &str) -> Result<Option<String>, ProtoError> {
    let home = Origin::parse("https://app.example").unwrap();
    let asked = InitiatedLogin::read(query, [rp.op.origin.as_str()], &home)?;
    assert_eq!(asked.issuer, rp.op.origin);
    rp.options = LoginOptions { login_hint: asked.login_hint, ..LoginOptions::default() };
    rp.log_in().await.unwrap();
    assert!(rp.asked_for("login_hint"));
    Ok(asked.target)
}

#[tokio::test]
async fn a_login_that_somebody_else_begins() {
    let mut rp = Rp::new(Op::start().await).await;
    let issuer = rp.op.origin.clone();
    let query =
        |target: &str| keyfob::proto::encode::form_pairs([("iss", issuer.as_str()), ("login_hint", "robin"), ("target_link_uri", target)]);
    let target = initiated(&mut rp, &query("https://app.example/locks")).await.unwrap();
    assert_eq!(target.as_deref(), Some("https://app.example/locks"));
    assert!(initiated(&mut rp, &query("https://evil.example/locks")).await.is_err(), "an open redirect");
    assert!(initiated(&mut rp, "iss=https%3A%2F%2Fevil.example").await.is_err(), "a provider that is not ours");
}
