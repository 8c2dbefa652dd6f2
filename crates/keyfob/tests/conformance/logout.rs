//! Logout: asked for by us, told to us by the provider or its page, and whether the person is still signed in at all.

use std::collections::BTreeSet;

use keyfob::Error;
use keyfob::proto::oidc::{CheckSession, LogoutToken, SessionStatus};
use keyfob_sandbox::{Flaw, Metadata};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::driver::{Rp, parameter};
use crate::op::Op;

/// Where the person comes back to after a logout.
const BYE: &str = "http://127.0.0.1:47000/bye";

/// An app that comes back from logouts, and is told of them here.
fn registered(back: Option<&str>, front: Option<&str>) -> Metadata {
    Metadata {
        post_logout_redirect_uris: vec![BYE.to_owned()],
        backchannel_logout_uri: back.map(str::to_owned),
        frontchannel_logout_uri: front.map(str::to_owned),
        ..Metadata::default()
    }
}

/// A logout that we ask for, after a login: what the way back is judged to be.
async fn log_out(flaw: Option<Flaw>) -> Result<(), Error> {
    let rp = Rp::new(Op::with(registered(None, None)).await).await;
    rp.log_in().await.unwrap();
    let (url, pending) = rp.session().await.end_session(Some(BYE)).unwrap();
    flaw.into_iter().for_each(|flaw| rp.op.flawed(flaw));
    let back = rp.visit(url.expose()).await.location.unwrap();
    let query = back.strip_prefix(BYE).unwrap().trim_start_matches('?');
    Ok(pending.returned(query)?)
}

#[tokio::test]
async fn back_from_a_logout() {
    log_out(None).await.unwrap();
}

#[tokio::test]
async fn back_with_another_state() {
    let error = log_out(Some(Flaw::LogoutState)).await.unwrap_err();
    assert!(error.to_string().contains("RP-Initiated Logout §3"), "{error}");
}

#[tokio::test]
async fn back_without_state() {
    let error = log_out(Some(Flaw::LogoutNoState)).await.unwrap_err();
    assert!(error.to_string().contains("RP-Initiated Logout §3"), "{error}");
}

/// Logs in and out; what the provider then posts to us is judged twice.
async fn told(flaw: Option<Flaw>) -> (Result<LogoutToken, Error>, Result<LogoutToken, Error>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/logout", listener.local_addr().unwrap());
    let mut rp = Rp::new(Op::with(registered(Some(&uri), None)).await).await;
    // As it was registered.
    rp.flow().id_token_algorithms = keyfob::proto::jose::Algorithms::listed(["RS256"]);
    rp.log_in().await.unwrap();
    flaw.into_iter().for_each(|flaw| rp.op.flawed(flaw));
    let (url, pending) = rp.session().await.end_session(Some(BYE)).unwrap();
    let back = rp.visit(url.expose()).await.location.unwrap();
    let token = posted(&listener).await;
    let judge = async || keyfob::backchannel_logout(&rp.keyfob, &rp.settings, &rp.app, &token).await;
    let judged = (judge().await, judge().await);
    // Whatever that was, the person is back.
    pending.returned(back.split_once('?').unwrap().1).unwrap();
    judged
}

/// The logout token of the next request.
async fn posted(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        let read = stream.read(&mut some).await.unwrap();
        assert!(read > 0, "the request ended early");
        bytes.extend_from_slice(&some[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).and_then(|n| n.parse().ok()).unwrap_or(0_usize);
        if body.len() >= length {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            return parameter(&format!("http://x/?{body}"), "logout_token").unwrap();
        }
    }
}

async fn refuses(flaw: Flaw, what: &str) {
    let error = told(Some(flaw)).await.0.map(drop).expect_err("a wrong logout token");
    assert!(error.to_string().contains(what), "{error}");
}

#[tokio::test]
async fn told_over_the_back_channel() {
    let (first, again) = told(None).await;
    assert_eq!(first.unwrap().subject.as_deref(), Some("robin-demo"));
    assert!(again.is_err(), "the same one once more");
}

#[tokio::test]
async fn a_logout_token_without_signature() {
    refuses(Flaw::LogoutTokenAlgNone, "no signature at all").await;
}

#[tokio::test]
async fn a_logout_token_without_event() {
    refuses(Flaw::LogoutTokenNoEvents, "the event of a logout").await;
}

#[tokio::test]
async fn a_logout_token_of_another_event() {
    refuses(Flaw::LogoutTokenEvents, "the event of a logout").await;
}

#[tokio::test]
async fn a_logout_token_with_a_nonce() {
    refuses(Flaw::LogoutTokenNonce, "no nonce").await;
}

#[tokio::test]
async fn a_logout_token_by_another_algorithm() {
    refuses(Flaw::LogoutTokenAlg, "one of the algorithms RS256").await;
}

#[tokio::test]
async fn a_logout_token_for_another_client() {
    refuses(Flaw::LogoutTokenAud, "for this client").await;
}

#[tokio::test]
async fn a_logout_token_of_another_issuer() {
    refuses(Flaw::LogoutTokenIss, "the issuer").await;
}

/// Whoever could tell a logout that is none would throw people out, or, with an ID token in its place, do so with what any app of theirs has.
#[tokio::test]
async fn l20_a_logout_that_is_told_is_judged_in_every_respect() {
    for (flaw, what) in [
        (Flaw::LogoutTokenAlgNone, "no signature at all"),
        (Flaw::LogoutTokenAlg, "one of the algorithms RS256"),
        (Flaw::LogoutTokenAud, "for this client"),
        (Flaw::LogoutTokenIss, "the issuer"),
        (Flaw::LogoutTokenNoEvents, "the event of a logout"),
        (Flaw::LogoutTokenEvents, "the event of a logout"),
        (Flaw::LogoutTokenNonce, "no nonce"),
    ] {
        refuses(flaw, what).await;
    }
    let (first, again) = told(None).await;
    assert!(first.is_ok() && again.is_err(), "{first:?}, {again:?}");
}

/// Where our frame is.
const FRAME: &str = "http://127.0.0.1:47000/frame";

/// The query that a page of the provider loads our frame with.
fn framed(page: &str) -> String {
    let frame = page.split("<iframe src=\"").nth(1).unwrap().split('"').next().unwrap();
    // As a browser reads an attribute.
    frame.replace("&#38;", "&").replace("&amp;", "&").strip_prefix("http://127.0.0.1:47000/frame?").unwrap().to_owned()
}

/// Logs in, and loads the page that says that all are logged out: our session, and what the frame in that page is loaded with.
async fn on_the_page(url: &impl AsyncFn(&Rp) -> String) -> (Rp, String, String) {
    let rp = Rp::new(Op::with(registered(None, Some(FRAME))).await).await;
    let id_token = rp.log_in().await.unwrap().id_token.unwrap();
    let session = id_token.claims.text("sid").unwrap().to_owned();
    let page = rp.visit(&url(&rp).await).await.body;
    let query = framed(&page);
    (rp, session, query)
}

async fn told_by_a_page(url: impl AsyncFn(&Rp) -> String) {
    let (rp, session, query) = on_the_page(&url).await;
    let ours = rp.session().await;
    assert_eq!(ours.front_channel_logout(&query, Some(&session)).unwrap().as_deref(), Some(session.as_str()));
    assert!(ours.front_channel_logout(&query, Some("another browser's")).is_err());
    // A page of another provider, which has a session of ours as well.
    let (_other, session, query) = on_the_page(&url).await;
    let error = ours.front_channel_logout(&query, Some(&session)).unwrap_err();
    assert!(error.to_string().contains("Front-Channel Logout §2"), "{error}");
}

#[tokio::test]
async fn told_by_the_page_of_our_logout() {
    told_by_a_page(async |rp| rp.session().await.end_session(Some(BYE)).unwrap().0.expose().to_owned()).await;
}

#[tokio::test]
async fn told_by_the_page_of_a_logout_at_the_provider() {
    told_by_a_page(async |rp| format!("{}/end_session", rp.op.origin)).await;
}

/// What the provider's frame would answer to the page that put it there.
async fn ask_frame(rp: &Rp, question: &CheckSession) -> SessionStatus {
    let (client_id, state) = question.message().split_once(' ').unwrap();
    let form = [("client_id", client_id), ("session_state", state), ("origin", "http://127.0.0.1:47000")];
    let answer = rp.post(&format!("{}/check_session", rp.op.origin), &form).await;
    question.judge(&rp.op.origin, &answer).unwrap()
}

#[tokio::test]
async fn a_session_that_is_watched() {
    let rp = Rp::new(Op::with(registered(None, None)).await).await;
    let account = rp.log_in().await.unwrap().account;
    let question = rp.session().await.check_session().await.unwrap();
    assert_eq!(question.target().as_str(), rp.op.origin);
    assert_eq!(question.message(), format!("{} {}", rp.app.client_id, account.kept["session_state"]));
    assert!(rp.visit(&format!("{}/check_session", rp.op.origin)).await.body.contains("postMessage"));
    assert_eq!(ask_frame(&rp, &question).await, SessionStatus::Unchanged);
    let (url, pending) = rp.session().await.end_session(Some(BYE)).unwrap();
    let back = rp.visit(url.expose()).await.location.unwrap();
    pending.returned(back.split_once('?').unwrap().1).unwrap();
    assert_eq!(ask_frame(&rp, &question).await, SessionStatus::Changed);
    assert!(question.judge("https://another.example", "unchanged").is_err(), "any page can post messages");
    let words: BTreeSet<_> =
        ["changed", "unchanged", "error"].iter().map(|word| question.judge(&rp.op.origin, word).unwrap() as u8).collect();
    assert_eq!(words.len(), 3);
}
