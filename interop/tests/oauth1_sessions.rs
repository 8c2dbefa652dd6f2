//! Sessions against a provider that others wrote: oauthlib's server side, in every signature method, place and shape.

use std::sync::Arc;

use ::http::{HeaderValue, Method};
use keyfob::proto::oauth1::{Placement, SignatureMethod};
use keyfob::proto::{Answer, App, Error as ProtoError, Settings};
use keyfob::{Error, HyperTransport, Keyfob, Login, MemoryStore, Redirect, Session};
use keyfob_interop::oauth1::{self, AWKWARD, PLACEMENTS, PLAIN, SHAPES};
use keyfob_interop::{http, peers};
use serde_json::json;

const CALLBACK: &str = "http://127.0.0.1:9/callback?x=1&y=z";

#[tokio::test(flavor = "multi_thread")]
async fn i12_every_signature_method_in_every_place_signs_every_shape() {
    let (Some(awkward), Some(plain)) = (peers::oauth1("awkward"), peers::oauth1("plain")) else { return };
    for method in SignatureMethod::ALL.iter().copied() {
        for placement in PLACEMENTS {
            // See the server: only its header can carry secrets that have to be encoded as they are.
            let in_plain_sight = method == SignatureMethod::Plaintext && placement != Placement::Header;
            let (peer, (key, secret)) = if in_plain_sight { (&plain, PLAIN) } else { (&awkward, AWKWARD) };
            let session = logged_in(&oauth1::settings(&peer.origin, method, placement), &oauth1::app(key, secret)).await;
            for shape in &SHAPES {
                let which = format!("{} in {placement:?}: {} {}", method.name(), shape.method, shape.target);
                let mut call = session.call(Method::from_bytes(shape.method.as_bytes()).expect("a method"), shape.target);
                if let Some(kind) = shape.content_type {
                    call = call.body(HeaderValue::from_static(kind), shape.body.into());
                }
                let answer = call.send().await.unwrap_or_else(|error| panic!("{which}: {error}"));
                assert_eq!(answer.status(), 200, "{which}");
                let understood = answer.json().await.expect("what it understood");
                assert_eq!(
                    (&understood["signature_method"], &understood["method"]),
                    (&method.name().into(), &shape.method.into()),
                    "{which}"
                );
                let path = shape.target.split('?').next().expect("a path");
                assert_eq!(understood["path"], path, "{which}: the path arrives as it was signed");
                assert!(understood["bytes"].as_u64() >= Some(shape.body.len() as u64), "{which}");
            }
        }
    }
    let counts = [&awkward, &plain].map(|peer| http::visit(&format!("{}/counts", peer.origin)).json());
    // Nothing was refused, and so nothing was signed a second time.
    assert_eq!(counts, [json!({ "accepted": 19 * SHAPES.len(), "refused": 0 }), json!({ "accepted": 2 * SHAPES.len(), "refused": 0 })]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i11_a_pin_is_a_verifier_and_another_is_refused() {
    let Some(peer) = peers::oauth1("awkward") else { return };
    let settings = oauth1::settings(&peer.origin, SignatureMethod::HmacSha256, Placement::Header);
    let (app, keyfob) = (oauth1::app(AWKWARD.0, AWKWARD.1), keyfob());
    let begin = || Login::begin(&keyfob, &settings, &app, "peer", Redirect::OutOfBand, Vec::new());

    let login = begin().await.expect("temporary credentials");
    http::visit(login.url());
    let verified = login.verify(Answer::Bare("not-the-verifier")).expect("a PIN may be anything");
    refused(login.finish(verified).await.expect_err("not the verifier"));
    assert!(keyfob.store().account("peer").await.expect("a store").is_none(), "nothing is kept");

    let login = begin().await.expect("temporary credentials");
    let pin = http::visit(login.url()).text();
    let verified = login.verify(Answer::read(&pin)).expect("a PIN");
    login.finish(verified).await.expect("token credentials");
    let session = keyfob.session(settings.clone(), app.clone(), "peer").await.expect("a session");
    assert_eq!(session.get(SHAPES[0].target).send().await.expect("an answer").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn i5_a_temporary_token_is_good_once() {
    let Some(peer) = peers::oauth1("awkward") else { return };
    let settings = oauth1::settings(&peer.origin, SignatureMethod::RsaSha512, Placement::Header);
    let (app, keyfob) = (oauth1::app(AWKWARD.0, AWKWARD.1), keyfob());
    let redirect = Redirect::Uri(CALLBACK.to_owned());
    let login = Login::begin(&keyfob, &settings, &app, "peer", redirect, Vec::new()).await.expect("temporary credentials");
    let again = Login::resume(&keyfob, &settings, &app, login.stored()).expect("the same provider");
    let back = http::visit(login.url()).location().to_owned();
    let (first, second) = (login.verify(Answer::Url(&back)).expect("ours"), again.verify(Answer::Url(&back)).expect("ours"));
    login.finish(first).await.expect("token credentials");
    refused(again.finish(second).await.expect_err("spent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_before_a_person_is_asked() {
    let Some(peer) = peers::oauth1("awkward") else { return };
    for (method, app) in [
        (SignatureMethod::HmacSha1, oauth1::app(AWKWARD.0, "not the secret")),
        (SignatureMethod::HmacSha512, oauth1::app("nobody", AWKWARD.1)),
        (SignatureMethod::Plaintext, oauth1::app(AWKWARD.0, "not the secret")),
        // The other consumer's key.
        (SignatureMethod::RsaSha1, App { client_id: AWKWARD.0.to_owned(), ..oauth1::app(PLAIN.0, PLAIN.1) }),
    ] {
        let settings = oauth1::settings(&peer.origin, method, Placement::Header);
        refused(Login::begin(&keyfob(), &settings, &app, "peer", Redirect::OutOfBand, Vec::new()).await.expect_err("a stranger"));
    }
}

#[track_caller]
fn refused(error: Error) {
    let status = match &error {
        Error::Protocol(ProtoError::Refused(refused)) => refused.status.map(|status| status.as_u16()),
        _ => None,
    };
    assert_eq!(status, Some(401), "{error}");
}

async fn logged_in(settings: &Settings, app: &App) -> Session {
    let keyfob = keyfob();
    let redirect = Redirect::Uri(CALLBACK.to_owned());
    let login = Login::begin(&keyfob, settings, app, "peer", redirect, Vec::new()).await.expect("temporary credentials");
    let back = http::visit(login.url()).location().to_owned();
    let verified = login.verify(Answer::Url(&back)).expect("ours");
    login.finish(verified).await.expect("token credentials");
    keyfob.session(settings.clone(), app.clone(), "peer").await.expect("a session")
}

fn keyfob() -> Keyfob {
    let transport = HyperTransport::builder().loopback_only(true).build().expect("a transport");
    Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(transport))
}
