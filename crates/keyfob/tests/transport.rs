//! The transport sends what was signed, byte for byte, and goes nowhere it must not.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;

use common::{Scripted, app, begin, json, keyfob, parameter, provider};
use keyfob::proto::{Answer, App, Error as ProtoError, Flow, Settings, Template, TransportKind, oauth1};
use keyfob::{Body, Error, HyperTransport, Keyfob, MemoryStore, Policy, Session, Transport};

const TOKENS: &str = r#"{"access_token":"access-token-1","refresh_token":"refresh-token-1","token_type":"Bearer","expires_in":3600}"#;

/// A session at a scripted server, logged in with its first answer.
async fn session(answers: Vec<String>) -> (Scripted, Session) {
    let answers = std::iter::once(json("200 OK", TOKENS)).chain(answers).collect();
    let server = Scripted::start(answers).await;
    let (keyfob, settings) = (keyfob(), provider(&server.origin));
    let login = begin(&keyfob, &settings, "http://127.0.0.1:9/callback").await;
    let query = format!("code=abc&state={}", parameter(login.url(), "state"));
    let verified = login.verify(Answer::Query(&query)).unwrap();
    login.finish(verified).await.unwrap();
    let session = keyfob.session(settings, app(), "pretend").await.unwrap();
    (server, session)
}

#[tokio::test]
async fn i8_the_request_target_is_sent_as_given() {
    let targets = ["/a/%2e%2e/b", "/x;y='1'", "//double//slash", "/%2F/%7Euser", "/q?a=%2B+&b=c=d&&e", "/a/../b/./c", "/?"];
    let (server, session) = session(vec![json("200 OK", "{}"); targets.len()]).await;
    for target in targets {
        assert_eq!(session.get(target).send().await.unwrap().status(), 200);
    }
    let sent: Vec<_> = server.requests()[1..].iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect();
    let expected: Vec<_> = targets.iter().map(|target| format!("/api{target}")).collect();
    assert_eq!(sent, expected);
}

/// It takes the connection, and says no word of TLS: the request has not left, and whoever sends a token that is good for one use has to know that before
/// they give up waiting.
#[tokio::test(start_paused = true)]
async fn d12_a_server_that_greets_nobody_is_no_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = keyfob_testbed::Authority::new();
    let transport = HyperTransport::builder().loopback_only(true).authorities(authority.certificate()).build().unwrap();
    let request = http::Request::post(format!("https://{}/token", listener.local_addr().unwrap())).body(Body::from(b"x".to_vec())).unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(30), transport.send(request)).await;
    assert_eq!(asked.expect("told in time").unwrap_err().kind, TransportKind::Connect);
}

/// Whoever waits for less than a connection may take hears the same in their time: nothing left, so no token is lost.
#[tokio::test(start_paused = true)]
async fn d12_a_server_that_greets_nobody_is_no_connection_however_short_the_deadline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    for seconds in [1, 5, 19, 30] {
        let authority = keyfob_testbed::Authority::new();
        let transport = HyperTransport::builder().loopback_only(true).authorities(authority.certificate()).build().unwrap();
        let mut policy = Policy::default();
        policy.deadline = Duration::from_secs(seconds);
        let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), Arc::new(transport)).with_policy(policy);
        let settings = provider(&origin);
        let login = begin(&keyfob, &settings, "http://127.0.0.1:9/callback").await;
        let query = format!("code=abc&state={}", parameter(login.url(), "state"));
        let verified = login.verify(Answer::Query(&query)).unwrap();
        let begun = tokio::time::Instant::now();
        let error = login.finish(verified).await.unwrap_err();
        assert!(
            matches!(&error, Error::Protocol(ProtoError::Transport(error)) if error.kind == TransportKind::Connect),
            "{seconds}: {error}"
        );
        assert!(begun.elapsed() < Duration::from_secs(seconds), "{seconds}: {:?}", begun.elapsed());
    }
}

/// A server may close a connection that it kept open just when something is to be sent on it. Nothing of that had left: a POST, too, goes out on another
/// one, and once.
#[tokio::test]
async fn what_had_not_left_when_its_connection_closed_goes_out_on_another_one() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("http://{}/x", listener.local_addr().unwrap());
    let ((close, may_close), (closed, has_closed)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let server = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for _ in 0..2 {
            let mut connection = listener.accept().unwrap().0;
            let mut bytes = vec![0; 4096];
            let length = connection.read(&mut bytes).unwrap();
            requests.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
            may_close.recv().unwrap();
            drop(connection);
            closed.send(()).unwrap();
        }
        requests
    });
    let transport = HyperTransport::builder().loopback_only(true).build().unwrap();
    let post = async |body: &'static str| {
        let request = http::Request::post(&place).body(Body::from(body.as_bytes().to_vec())).unwrap();
        let answer = transport.send(request).await.unwrap();
        assert_eq!(answer.into_body().bytes(10).await.unwrap(), b"{}");
    };
    post("first").await;
    // The connection is back among those that are kept.
    tokio::time::sleep(Duration::from_millis(50)).await;
    close.send(()).unwrap();
    has_closed.recv().unwrap();
    // This thread is all that there is, and this task goes first: whoever watches the connection is told of its end now, and looks when the next request is
    // there already.
    tokio::task::yield_now().await;
    post("second").await;
    close.send(()).unwrap();
    let requests = server.join().unwrap();
    assert!(requests[0].ends_with("first") && requests[1].ends_with("second"), "{requests:?}");
}

#[tokio::test]
async fn every_request_says_who_asks_and_a_provider_s_own_word_counts() {
    let (server, plain) = session(vec![json("200 OK", "{}"); 2]).await;
    plain.get("/x").send().await.unwrap();
    plain.get("/x").header(USER_AGENT, HeaderValue::from_static("a-program/2")).send().await.unwrap();
    let said = |request: &String| -> Vec<String> {
        let lines = request.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(name, _)| name.eq_ignore_ascii_case("user-agent")).map(|(_, value)| value.to_owned()).collect()
    };
    let ours = concat!("keyfob/", env!("CARGO_PKG_VERSION"));
    let sent: Vec<_> = server.requests().iter().flat_map(said).collect();
    assert_eq!(sent, [ours, ours, "a-program/2"], "token request, call, and a call that says it itself");
    let scripted = Scripted::start(vec![json("200 OK", TOKENS), json("200 OK", "{}")]).await;
    let mut settings = provider(&scripted.origin);
    settings.api.headers = vec![(USER_AGENT, Template::parse("by-the-file").unwrap())];
    let keyfob = keyfob();
    let login = begin(&keyfob, &settings, "http://127.0.0.1:9/callback").await;
    let query = format!("code=abc&state={}", parameter(login.url(), "state"));
    let verified = login.verify(Answer::Query(&query)).unwrap();
    login.finish(verified).await.unwrap();
    keyfob.session(settings, app(), "pretend").await.unwrap().get("/x").send().await.unwrap();
    assert_eq!(said(&scripted.requests()[1]), ["by-the-file"]);
}

#[tokio::test]
async fn non_standard_statuses_come_through() {
    let (_server, session) =
        session(vec![json("460 Busy", r#"{"message":"the lock is busy"}"#), json("530 Jam", "{}"), json("999 What", "{}")]).await;
    let error = session.get("/lock").send().await.unwrap().read().await.unwrap_err();
    assert_eq!(error.to_string(), "the API answered HTTP 460: the lock is busy");
    assert_eq!(session.get("/lock").send().await.unwrap().status().as_u16(), 530);
    assert_eq!(session.get("/lock").send().await.unwrap().status().as_u16(), 999);
}

#[tokio::test]
async fn c18_redirects_are_not_followed() {
    let other = Scripted::start(vec![json("200 OK", "{}")]).await;
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {}/steal\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", other.origin);
    let (_server, session) = session(vec![redirect]).await;
    let answer = session.get("/x").send().await.unwrap();
    assert_eq!(answer.status(), 302);
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn i9_a_signed_call_is_not_signed_again_for_wherever_it_is_sent() {
    let other = Scripted::start(vec![json("200 OK", "{}")]).await;
    for place in [format!("{}/steal", other.origin), "/elsewhere".to_owned()] {
        let redirect = format!("HTTP/1.1 307 There\r\nlocation: {place}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let form = |body: &str| {
            let length = body.len();
            format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        };
        let temporary = form("oauth_token=temporary-1&oauth_token_secret=secret-1&oauth_callback_confirmed=true");
        let server = Scripted::start(vec![temporary, form("oauth_token=token-1&oauth_token_secret=secret-2"), redirect]).await;
        let url = |path: &str| common::endpoint(&format!("{}{path}", server.origin));
        let flow = oauth1::Settings::new(url("/request"), url("/authorize"), url("/access"));
        let (keyfob, settings) = (keyfob(), Settings::new("pretend", Flow::OAuth1(flow), url("/api")));
        let login = begin(&keyfob, &settings, "http://127.0.0.1:9/callback").await;
        let verified = login.verify(Answer::Query("oauth_token=temporary-1&oauth_verifier=verifier-1")).unwrap();
        login.finish(verified).await.unwrap();
        let session = keyfob.session(settings, app(), "pretend").await.unwrap();
        assert_eq!(session.get("/x").send().await.unwrap().status(), 307, "the answer is what it is");
        assert_eq!(server.requests().len(), 3, "and nobody goes there");
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn c3_token_redirects_are_refused() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let other = Scripted::start(vec![json("200 OK", TOKENS)]).await;
        let redirect = format!("HTTP/1.1 {status}\r\nlocation: {}/token\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", other.origin);
        let server = Scripted::start(vec![redirect]).await;
        let (keyfob, settings) = (keyfob(), provider(&server.origin));
        let login = begin(&keyfob, &settings, "http://127.0.0.1:9/callback").await;
        let query = format!("code=abc&state={}", parameter(login.url(), "state"));
        let verified = login.verify(Answer::Query(&query)).unwrap();
        let error = login.finish(verified).await.unwrap_err();
        assert!(matches!(error, Error::Protocol(ProtoError::Misbehaved(_))), "{status}: {error}");
        assert!(other.requests().is_empty(), "{status}: the second server saw the code");
    }
}

/// RFC 9110 §15.2: a client takes what announces an answer, however often, and waits for the answer. What was announced is not the answer's: not its
/// status, nor a header of it.
#[tokio::test]
async fn c17_what_announces_an_answer_is_passed_over() {
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\ncontent-type: text/html\r\nretry-after: 9\r\n\r\n";
    for before in ["HTTP/1.1 100 Continue\r\n\r\n", hints, &format!("HTTP/1.1 100 Continue\r\n\r\n{hints}{hints}")] {
        let answers = [TOKENS, r#"{"a":1}"#].map(|body| format!("{before}{}", json("200 OK", body)));
        let server = Scripted::start(answers.to_vec()).await;
        let (keyfob, settings) = (keyfob(), provider(&server.origin));
        let login = begin(&keyfob, &settings, "http://127.0.0.1:9/callback").await;
        let query = format!("code=abc&state={}", parameter(login.url(), "state"));
        let verified = login.verify(Answer::Query(&query)).unwrap();
        login.finish(verified).await.unwrap();
        let answer = keyfob.session(settings, app(), "pretend").await.unwrap().get("/x").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().contains_key("link")), (200, false), "{before}");
        assert_eq!(answer.json().await.unwrap()["a"], 1);
        assert_eq!(server.requests().len(), 2, "and nothing is asked twice");
    }
}

#[tokio::test]
async fn c4_an_endless_token_answer_is_cut() {
    let huge = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{}", "x".repeat(3 << 20));
    let server = Scripted::start(vec![huge]).await;
    let (keyfob, settings) = (keyfob(), provider(&server.origin));
    let login = begin(&keyfob, &settings, "http://127.0.0.1:9/callback").await;
    let query = format!("code=abc&state={}", parameter(login.url(), "state"));
    let verified = login.verify(Answer::Query(&query)).unwrap();
    let error = login.finish(verified).await.unwrap_err();
    assert!(matches!(&error, Error::Protocol(ProtoError::Transport(error)) if error.kind == TransportKind::TooLarge), "{error}");
}

#[tokio::test]
async fn c4_an_endless_head_is_cut() {
    for head in [format!("x: {}\r\n", "y".repeat(1_000_000)), "x: y\r\n".repeat(10_000)] {
        let (_server, session) = session(vec![format!("HTTP/1.1 200 OK\r\n{head}content-length: 2\r\n\r\n{{}}"); 2]).await;
        let error = session.get("/x").send().await.expect_err("cut");
        assert!(matches!(&error, Error::Protocol(ProtoError::Transport(error)) if error.kind == TransportKind::Broken), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn c5_a_silent_token_endpoint_is_given_up_on() {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", socket.local_addr().unwrap());
    let silent = tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(socket.accept().await);
        }
    });
    let (keyfob, settings) = (keyfob(), provider(&origin));
    let login = begin(&keyfob, &settings, "http://127.0.0.1:9/callback").await;
    let query = format!("code=abc&state={}", parameter(login.url(), "state"));
    let verified = login.verify(Answer::Query(&query)).unwrap();
    let began = tokio::time::Instant::now();
    let error = login.finish(verified).await.unwrap_err();
    assert!(matches!(&error, Error::Protocol(ProtoError::Transport(error)) if error.kind == TransportKind::Timeout), "{error}");
    assert!(began.elapsed() <= Duration::from_secs(31), "{:?}", began.elapsed());
    silent.abort();
}

#[tokio::test]
async fn d10_tokens_go_to_the_bound_origin_alone() {
    let other = Scripted::start(vec![json("200 OK", "{}")]).await;
    let (server, session) = session(vec![]).await;
    for url in [format!("{}/x", other.origin), "https://api.example/x".to_owned()] {
        let error = session.get(&url).send().await.unwrap_err();
        assert!(matches!(error, Error::Unbound { .. }), "{url}: {error}");
    }
    // The same place in disguise: user information in front of another host.
    let disguised = format!("http://{}@{}/x", server.origin.trim_start_matches("http://"), other.origin.trim_start_matches("http://"));
    assert!(session.get(&disguised).send().await.is_err());
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn loopback_only_refuses_everything_else() {
    let transport = HyperTransport::builder().loopback_only(true).build().unwrap();
    for url in ["http://192.0.2.1/", "https://provider.example/", "http://[2001:db8::1]/", "http://10.0.0.1:80/", "http://0.0.0.0:1/"] {
        let request = http::Request::get(url).body(Body::empty()).unwrap();
        let error =
            tokio::time::timeout(Duration::from_secs(2), transport.send(request)).await.expect("no packet is waited for").unwrap_err();
        assert_eq!(error.kind, TransportKind::Forbidden, "{url}");
    }
}

#[tokio::test]
async fn a_closed_port_is_a_connect_error_with_advice() {
    let port = keyfob_testbed::port::reserve();
    let transport = HyperTransport::builder().loopback_only(true).build().unwrap();
    let request = http::Request::get(format!("http://127.0.0.1:{port}/")).body(Body::empty()).unwrap();
    let error = transport.send(request).await.unwrap_err();
    assert_eq!(error.kind, TransportKind::Connect);
    assert_eq!(error.to_string(), format!("could not connect to http://127.0.0.1:{port}"));
}

#[tokio::test]
async fn an_expired_token_is_refreshed_once_and_the_call_sent_once_more() {
    let renewed = r#"{"access_token":"access-token-2","refresh_token":"refresh-token-2","token_type":"Bearer","expires_in":3600}"#;
    let answers =
        vec![json("401 Unauthorized", "{}"), json("200 OK", renewed), json("200 OK", r#"{"ok":true}"#), json("401 Unauthorized", "{}")];
    let (server, session) = session(answers).await;
    let json = session.post("/x").form([("a", "b c")]).send().await.unwrap().json().await.unwrap();
    assert_eq!(json["ok"], true);
    let requests = server.requests();
    assert!(requests[1].contains("access-token-1") && requests[1].ends_with("a=b%20c"));
    assert!(requests[2].contains("grant_type=refresh_token&refresh_token=refresh-token-1"));
    assert!(requests[3].contains("access-token-2") && requests[3].ends_with("a=b%20c"));
    assert_eq!(session.token(0).await.unwrap().expose(), "access-token-2");
}

#[tokio::test]
async fn invalid_token_in_a_challenge_refreshes_whatever_the_file_says() {
    // RFC 6750 §3.1: expired, revoked, or malformed.
    let renewed = r#"{"access_token":"access-token-2","refresh_token":"refresh-token-2","token_type":"Bearer","expires_in":3600}"#;
    let refused =
        "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer error=\"invalid_token\"\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let answers = [json("200 OK", TOKENS), refused.to_owned(), json("200 OK", renewed), json("200 OK", r#"{"ok":true}"#)];
    let server = Scripted::start(answers.into()).await;
    let (keyfob, mut settings) = (keyfob(), provider(&server.origin));
    settings.api.expired = Vec::new();
    let login = begin(&keyfob, &settings, "http://127.0.0.1:9/callback").await;
    let query = format!("code=abc&state={}", parameter(login.url(), "state"));
    let verified = login.verify(Answer::Query(&query)).unwrap();
    login.finish(verified).await.unwrap();
    let session = keyfob.session(settings, app(), "pretend").await.unwrap();
    assert_eq!(session.get("/x").send().await.unwrap().status(), 200);
    assert!(server.requests()[3].contains("access-token-2"));
}

#[tokio::test]
async fn a_refused_refresh_token_needs_login_and_deletes_nothing() {
    let (_server, session) = session(vec![
        json("401 Unauthorized", "{}"),
        json("400 Bad Request", r#"{"error":"invalid_grant","error_description":"refresh-token-1 is spent"}"#),
    ])
    .await;
    let error = session.get("/x").send().await.unwrap_err();
    assert!(matches!(error, Error::NeedsLogin { .. }), "{error}");
    assert!(!error.to_string().contains("refresh-token-1"), "the server echoed a secret: {error}");
    let error = session.get("/x").send().await.unwrap_err();
    assert!(matches!(error, Error::NeedsLogin { .. }), "no second refresh: {error}");
    assert_eq!(session.account().tokens.secrets().len(), 2);
}

#[tokio::test]
async fn a_server_error_at_refresh_keeps_the_tokens() {
    let (_server, session) = session(vec![json("401 Unauthorized", "{}"), json("503 Busy", "{}")]).await;
    let error = session.get("/x").send().await.unwrap_err();
    assert!(matches!(&error, Error::Protocol(error) if error.is_transient()), "{error}");
    assert_eq!(session.account().health, keyfob::Health::Ok);
}

#[tokio::test]
async fn d1_many_calls_share_one_refresh_over_a_socket() {
    let renewed = r#"{"access_token":"access-token-2","refresh_token":"refresh-token-2","token_type":"Bearer","expires_in":7200}"#;
    let answers = vec![json("200 OK", renewed)];
    let (server, session) = session(answers).await;
    let calls = (0..1000).map(|_| {
        let session = session.clone();
        tokio::spawn(async move { session.token(3700).await.map(|token| token.expose().to_owned()) })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().unwrap(), "access-token-2");
    }
    assert_eq!(server.requests().len(), 2, "one login, one refresh");
}

#[tokio::test]
async fn opaque_bodies_stream_and_are_not_replayed() {
    let (server, session) = session(vec![json("401 Unauthorized", "{}")]).await;
    let body = Body::from(b"stream".to_vec());
    assert_eq!(session.post("/x").stream(body).send().await.unwrap().status(), 401);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn apps_do_not_show_their_secrets() {
    let app: App = app();
    assert!(!format!("{app:?}").contains("sandbox-secret"));
}
