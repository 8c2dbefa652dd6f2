//! Part B of the security requirements: the listener that waits for the browser.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{begin, keyfob, parameter, provider, speak, status};
use keyfob::Login;
use keyfob::login::Verified;
use keyfob::login::loopback::Listener;
use keyfob::proto::Error;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

struct Waiting {
    address: SocketAddr,
    state: String,
    outcome: JoinHandle<Result<Verified, Error>>,
}

async fn waiting() -> Waiting {
    let listener = Listener::bind(0, "/callback").await.unwrap();
    let address = listener.address();
    let login: Arc<Login> = Arc::new(begin(&keyfob(), &provider("https://provider.example"), &listener.redirect_uri()).await);
    let state = parameter(login.url(), "state");
    let outcome = tokio::spawn(async move { listener.wait(&login).await });
    Waiting { address, state, outcome }
}

impl Waiting {
    async fn get(&self, target: &str) -> String {
        let host = self.address;
        speak(self.address, format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await
    }

    async fn get_valid(&self) -> String {
        self.get(&format!("/callback?code=abc&state={}", self.state)).await
    }
}

#[tokio::test]
async fn b1_binds_loopback_only() {
    let waiting = waiting().await;
    assert!(waiting.address.ip().is_loopback());
    let port = format!(":{:04X}", waiting.address.port());
    for (file, anywhere) in [("/proc/net/tcp", "00000000"), ("/proc/net/tcp6", "00000000000000000000000000000000")] {
        let table = std::fs::read_to_string(file).unwrap_or_default();
        let everywhere = table.lines().any(|line| line.split_whitespace().nth(1) == Some(&format!("{anywhere}{port}")));
        assert!(!everywhere, "{file} shows the port open to everyone");
    }
    waiting.outcome.abort();
}

#[tokio::test]
async fn b2_redirect_uri_uses_the_address() {
    let listener = Listener::bind(0, "/callback").await.unwrap();
    assert_eq!(listener.redirect_uri(), format!("http://127.0.0.1:{}/callback", listener.address().port()));
}

/// Or somebody waits for five minutes for whom nobody can come to.
#[tokio::test]
async fn a_browser_comes_to_the_path_or_there_is_no_listener() {
    for wrong in ["callback", "/cb?x=1", "/cb#x", "/ä", "/a b", "?x"] {
        let error = Listener::bind(0, wrong).await.unwrap_err();
        assert!(error.kind() == std::io::ErrorKind::InvalidInput && error.to_string().contains(wrong), "{wrong}: {error}");
    }
    // Registered without a path: browsers ask for the one that there always is.
    let listener = Listener::bind(0, "").await.unwrap();
    let address = listener.address();
    assert_eq!(listener.redirect_uri(), format!("http://{address}"));
    let login: Arc<Login> = Arc::new(begin(&keyfob(), &provider("https://provider.example"), &listener.redirect_uri()).await);
    let state = parameter(login.url(), "state");
    let outcome = tokio::spawn(async move { listener.wait(&login).await });
    let request = format!("GET /?code=abc&state={state} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    assert_eq!(status(&speak(address, request.as_bytes()).await), 200);
    assert!(outcome.await.unwrap().is_ok());
}

#[tokio::test]
async fn b3_one_valid_callback_then_closed() {
    let waiting = waiting().await;
    assert_eq!(status(&waiting.get_valid().await), 200);
    let answered = Instant::now();
    let address = waiting.address;
    assert!(waiting.outcome.await.unwrap().is_ok());
    assert!(TcpStream::connect(address).await.is_err(), "the socket is closed");
    assert!(answered.elapsed() < Duration::from_secs(20));
}

/// Browsers open connections ahead of requests, and leave them open.
#[tokio::test]
async fn who_waited_has_the_login_again_whatever_is_still_open() {
    let listener = Listener::bind(0, "/callback").await.unwrap();
    let address = listener.address();
    let login = Arc::new(begin(&keyfob(), &provider("https://provider.example"), &listener.redirect_uri()).await);
    let callback = format!("GET /callback?code=abc&state={} HTTP/1.1\r\nHost: {address}\r\n\r\n", parameter(login.url(), "state"));
    let browser = async {
        let ahead = TcpStream::connect(address).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        (ahead, speak(address, callback.as_bytes()).await)
    };
    let (verified, (_ahead, said)) = tokio::join!(listener.wait(&login), browser);
    assert!(verified.is_ok() && status(&said) == 200);
    assert!(Arc::into_inner(login).is_some());
}

#[tokio::test]
async fn b4_anything_else_leaves_the_login_alive() {
    let waiting = waiting().await;
    let host = waiting.address;
    for target in [
        "/callback?code=abc&state=wrong",
        "/callback?code=abc",
        "/callback",
        "/callback?error=access_denied&state=other",
        "/favicon.ico",
        "/",
    ] {
        let got = status(&waiting.get(target).await);
        assert!((400..500).contains(&got), "{target}: {got}");
    }
    for method in ["HEAD", "POST", "OPTIONS"] {
        let target = format!("/callback?code=abc&state={}", waiting.state);
        let answer = speak(host, format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
        assert!((400..500).contains(&status(&answer)), "{method}: {answer}");
    }
    assert_eq!(status(&waiting.get_valid().await), 200);
    assert!(waiting.outcome.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_denial_that_names_our_login_ends_it() {
    let waiting = waiting().await;
    let page = waiting.get(&format!("/callback?error=access_denied&error_description=no%1b%5b31m&state={}", waiting.state)).await;
    assert!(page.contains("Not signed in"));
    let error = waiting.outcome.await.unwrap().unwrap_err();
    assert!(error.ends_login());
    assert!(!error.to_string().contains('\u{1b}'));
}

#[tokio::test]
async fn b5_other_hosts_are_refused() {
    let waiting = waiting().await;
    let target = format!("/callback?code=abc&state={}", waiting.state);
    for host in ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example"] {
        let answer = speak(waiting.address, format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await;
        assert_eq!(status(&answer), 421, "{host}");
    }
    let localhost = format!("GET {target} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", waiting.address.port());
    assert_eq!(status(&speak(waiting.address, localhost.as_bytes()).await), 200);
}

#[tokio::test]
async fn b6_slow_and_huge_requests_do_not_block_the_real_one() {
    let waiting = waiting().await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(waiting.address).await.unwrap();
        stream.write_all(b"GET /call").await.unwrap();
        slow.push(stream);
    }
    // From here on: the huge one has to get through the slow ones as well. These are dropped after five seconds.
    let began = Instant::now();
    let huge = format!("GET /callback?{} HTTP/1.1\r\nHost: {}\r\n\r\n", "x".repeat(64 * 1024), waiting.address);
    let answer = speak(waiting.address, huge.as_bytes()).await;
    assert_ne!(status(&answer), 200);
    assert_eq!(status(&waiting.get_valid().await), 200);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(waiting.outcome.await.unwrap().is_ok());
}

#[tokio::test]
async fn b7_closes_when_given_up() {
    let waiting = waiting().await;
    waiting.outcome.abort();
    let _ = waiting.outcome.await;
    assert!(TcpStream::connect(waiting.address).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn b7_closes_at_its_deadline() {
    let waiting = waiting().await;
    let began = tokio::time::Instant::now();
    let error = waiting.outcome.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("five minutes"), "{error}");
    assert_eq!(began.elapsed().as_secs(), 300);
    assert!(TcpStream::connect(waiting.address).await.is_err());
}

/// Where the redirect URI says `localhost`, the other address behind that name must be ours, too.
#[tokio::test]
async fn b8_localhost_is_held_at_both_addresses() {
    let listener = Listener::bind_localhost(0, "/callback").await.unwrap();
    let port = listener.address().port();
    match std::net::TcpListener::bind(("::1", port)) {
        Ok(_) => panic!("somebody else can wait at [::1]:{port}"),
        // No IPv6 here is safe as well.
        Err(error) => assert!(matches!(error.kind(), std::io::ErrorKind::AddrInUse | std::io::ErrorKind::AddrNotAvailable), "{error}"),
    }
    drop(listener);
    if let Ok(_theirs) = std::net::TcpListener::bind(("::1", port)) {
        assert!(Listener::bind_localhost(port, "/callback").await.is_err());
    }
}

#[tokio::test]
async fn b8_nobody_can_share_the_port() {
    let waiting = waiting().await;
    let second = Listener::bind(waiting.address.port(), "/callback").await;
    assert!(second.is_err(), "a second listener on the same port");
    waiting.outcome.abort();
}

#[tokio::test]
async fn b9_the_page_reflects_nothing() {
    let waiting = waiting().await;
    let page = waiting.get("/callback?code=CANARY&state=CANARY&error=%3Cscript%3ECANARY").await;
    assert!(!page.contains("CANARY"));
    let page = waiting.get_valid().await;
    assert!(page.contains("content-security-policy: default-src 'none'"));
    assert!(page.contains("referrer-policy: no-referrer"));
    assert!(page.contains("cache-control: no-store"));
    assert!(!page.contains(&waiting.state));
}
