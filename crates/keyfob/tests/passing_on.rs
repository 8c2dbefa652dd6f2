//! A program that stands between an API and somebody else: what it passes on, what it keeps to itself, and what it sees of others on the same store.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Scripted, Served, app, begin, json, keyfob, parameter, provider};
use keyfob::proto::{Answer, Secret};
use keyfob::session::CallBody;
use keyfob::store::Expected;
use keyfob::{Body, Error, HyperTransport, Keyfob, Session, Transport};

const TOKENS: &str = r#"{"access_token":"access-token-1","refresh_token":"refresh-token-1","token_type":"Bearer","expires_in":3600}"#;

const NEW: &str = r#"{"access_token":"access-token-2","refresh_token":"refresh-token-2","token_type":"Bearer","expires_in":3600}"#;

async fn log_in(keyfob: &Keyfob, origin: &str) -> Session {
    let settings = provider(origin);
    let login = begin(keyfob, &settings, "http://127.0.0.1:9/callback").await;
    let query = format!("code=abc&state={}", parameter(login.url(), "state"));
    let verified = login.verify(Answer::Query(&query)).unwrap();
    login.finish(verified).await.unwrap();
    keyfob.session(settings, app(), "pretend").await.unwrap()
}

#[tokio::test]
async fn after_a_stream_that_met_an_old_token_the_next_call_has_a_new_one() {
    let expired = json("401 Unauthorized", r#"{"message":"expired"}"#);
    let server = Scripted::start(vec![json("200 OK", TOKENS), expired, json("200 OK", NEW), json("200 OK", "{}")]).await;
    let session = log_in(&keyfob(), &server.origin).await;
    let body = CallBody::Stream(Body::from(b"abc".to_vec()));
    let answer = session.post("/x").carrying(body).send().await.unwrap();
    assert_eq!(answer.status(), 401, "there is nothing to send again");
    assert_eq!(answer.bytes().await.unwrap(), br#"{"message":"expired"}"#, "and the answer is whole");
    assert_eq!(session.get("/x").send().await.unwrap().status(), 200);
    let sent = server.requests();
    assert!(sent[2].starts_with("POST /token ") && sent[3].contains("access-token-2"), "{sent:?}");
}

#[tokio::test]
async fn whoever_can_wait_as_well_is_told_to() {
    let busy = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 25\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned();
    let server = Scripted::start(vec![json("200 OK", TOKENS), busy]).await;
    let session = log_in(&keyfob(), &server.origin).await;
    let call = session.get("/x").without_waiting().send();
    let answer = tokio::time::timeout(Duration::from_secs(20), call).await.expect("at once").unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"25".parse().unwrap()));
}

#[tokio::test]
async fn a_mask_knows_tokens_and_the_apps_secret() {
    let echo = r#"{"a":"access-token-1","b":"refresh-token-1","c":"sandbox-secret-not-real","d":"a-key-of-mine"}"#;
    let server = Scripted::start(vec![json("200 OK", TOKENS), json("200 OK", echo)]).await;
    let session = log_in(&keyfob(), &server.origin).await;
    let answer = session.get("/x").send().await.unwrap();
    let mask = answer.mask().and(&[Secret::new("a-key-of-mine")]);
    assert!(mask.is_in(b"Bearer access-token-1") && mask.is_in(b"a-key-of-mine") && !mask.is_in(b"access-token-2"));
    let shown = mask.over(answer.into_http().into_body()).bytes(1000).await.unwrap();
    let stars = |text: &str| "*".repeat(text.len());
    let expected = format!(
        r#"{{"a":"{}","b":"{}","c":"{}","d":"{}"}}"#,
        stars("access-token-1"),
        stars("refresh-token-1"),
        stars("sandbox-secret-not-real"),
        stars("a-key-of-mine")
    );
    assert_eq!(String::from_utf8(shown).unwrap(), expected);
}

#[tokio::test]
async fn a_session_that_is_read_again_sees_what_others_did() {
    let server = Served::start(|request| json("200 OK", if request.contains("refresh-token-1") { NEW } else { TOKENS })).await;
    let ours = keyfob();
    let session = log_in(&ours, &server.origin).await;
    let access = |session: &Session| match session.account().tokens {
        keyfob::proto::TokenSet::OAuth2(tokens) => tokens.access.expose().to_owned(),
        _ => panic!("OAuth 2"),
    };
    // Another process refreshed.
    let mut record = ours.store().account("pretend").await.unwrap().unwrap();
    let keyfob::proto::TokenSet::OAuth2(tokens) = &mut record.value.tokens else { panic!("OAuth 2") };
    tokens.access = Secret::new("access-token-of-another-process");
    ours.store().put_account(&record.value, Expected::Generation(record.generation), None).await.unwrap();
    assert_eq!(access(&session), "access-token-1");
    let session = session.reread().await.unwrap();
    assert_eq!(access(&session), "access-token-of-another-process");
    // Somebody logged in again in this process: the session from then on is another one, and it is the one that all have.
    assert!(session.is_open());
    let again = log_in(&ours, &server.origin).await;
    assert!(!session.is_open() && again.is_open());
    let session = session.reread().await.unwrap();
    assert!(session.is_open());
    again.refresh().await.unwrap();
    assert_eq!(access(&session), access(&again));
    // And out.
    ours.store().remove_account("pretend", None).await.unwrap();
    assert!(matches!(session.reread().await, Err(Error::NoAccount { name }) if name == "pretend"));
    assert!(ours.session(provider(&server.origin), app(), "pretend").await.is_err());
}

/// Its pieces come one by one, with time in between.
struct Slow(Vec<u8>, Option<std::pin::Pin<Box<tokio::time::Sleep>>>);

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let pause = self.1.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_millis(500))));
        std::task::ready!(Future::poll(pause.as_mut(), cx));
        self.1 = None;
        std::task::Poll::Ready(self.0.pop().map(|byte| Ok(http_body::Frame::data(Bytes::from(vec![byte])))))
    }
}

#[tokio::test]
async fn a_body_that_moves_outlasts_the_deadline_of_its_answer() {
    // Reads to the end of the chunks; the head of the answer comes after it.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut seen, mut buffer) = (Vec::new(), [0; 1024]);
            while !seen.ends_with(b"0\r\n\r\n") {
                match stream.read(&mut buffer).await {
                    Ok(read) if read > 0 => seen.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let _ = stream.write_all(json("200 OK", "{}").as_bytes()).await;
        }
    });
    let transport = HyperTransport::builder().loopback_only(true).proxies(false).head_deadline(Duration::from_secs(3)).build().unwrap();
    let send = |pieces: usize| {
        let body = Body::stream(Slow(vec![b'x'; pieces], None));
        transport.send(http::Request::post(&origin).body(body).unwrap())
    };
    assert_eq!(send(8).await.unwrap().status(), 200, "it took longer than the deadline");
    let silent = http::Request::get(&origin).body(Body::empty()).unwrap();
    assert!(transport.send(silent).await.is_err(), "nothing moves, and nothing is answered");
}
