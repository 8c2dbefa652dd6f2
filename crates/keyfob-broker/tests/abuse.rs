//! L11, L15, L16: requests that are not as they should be, and clients that want too much.
#![allow(missing_docs)]

mod support;

use std::time::Duration;

use keyfob_broker::{Limits, Rate, Server};
use support::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Sends bytes as they are; what came back until the other end closed.
async fn raw(world: &World, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.address).await.expect("a connection");
    // The other end may have closed after the first half.
    let _ = stream.write_all(request).await;
    let _ = stream.shutdown().await;
    rest(stream).await
}

/// The same of somebody who says no more, and does not say so.
async fn unended(world: &World, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.address).await.expect("a connection");
    stream.write_all(request).await.expect("sent");
    rest(stream).await
}

async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await.expect("it ends");
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answer: &str) -> Vec<&str> {
    answer.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.split(' ').next()).collect()
}

#[tokio::test]
async fn l11_a_request_that_two_readers_could_read_differently_is_refused() {
    let world = World::new(&["august"]).await;
    let host = format!("Host: {}\r\n", world.address);
    let smuggled = format!("GET /healthz HTTP/1.1\r\n{host}\r\n");
    let length = smuggled.len();
    let bad = [
        // Two ways to say how long a body is.
        format!("POST / HTTP/1.1\r\n{host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("POST / HTTP/1.1\r\n{host}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{smuggled}"),
        format!("POST / HTTP/1.1\r\n{host}Content-Length: 0, {length}\r\n\r\n{smuggled}"),
        format!("POST / HTTP/1.1\r\n{host}Content-Length: +{length}\r\n\r\n{smuggled}"),
        format!("POST / HTTP/1.1\r\n{host}Content-Length: 0x{length:x}\r\n\r\n{smuggled}"),
        format!("POST / HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n{smuggled}"),
        format!("POST / HTTP/1.1\r\n{host}Content-Length : {length}\r\n\r\n{smuggled}"),
        // Codings that are not the one (RFC 9112 §6.1).
        format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("POST / HTTP/1.1\r\n{host}Transfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!("POST / HTTP/1.0\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
        // A header that goes on in the next line (RFC 9112 §5.2), and one that begins with white space.
        format!("GET / HTTP/1.1\r\n{host}X: a\r\n b\r\n\r\n{smuggled}"),
        format!("GET / HTTP/1.1\r\n{host}X: a\r\n\tContent-Length: {length}\r\n\r\n{smuggled}"),
        format!("GET / HTTP/1.1\r\n X: a\r\n{host}\r\n{smuggled}"),
        // Line ends and bytes that are none.
        format!("GET / HTTP/1.1\r\n{host}X: a\rContent-Length: {length}\r\n\r\n{smuggled}"),
        format!("GET / HTTP/1.1\r\n{host}X: a\0b\r\n\r\n{smuggled}"),
        format!("GET / HTTP/1.1\r\n{host}X\0: a\r\n\r\n{smuggled}"),
        format!("GET /\0 HTTP/1.1\r\n{host}\r\n{smuggled}"),
        format!("GET / HTTP/1.1 \r\n{host}\r\n{smuggled}"),
        format!("GET /a b HTTP/1.1\r\n{host}\r\n{smuggled}"),
        // No name, or two.
        format!("GET / HTTP/1.1\r\n\r\n{smuggled}"),
        format!("GET / HTTP/1.1\r\n{host}Host: evil.example\r\n\r\n{smuggled}"),
        format!("GET / HTTP/1.1\r\n{host}{host}\r\n{smuggled}"),
    ];
    for request in bad {
        let answer = raw(&world, request.as_bytes()).await;
        let statuses = statuses(&answer);
        assert!(statuses.first().is_none_or(|status| status.starts_with('4')), "{request:?}: {answer}");
        assert!(
            !answer.contains("\r\n\r\nok\n") || is_about_the_name(&request),
            "what was smuggled in was answered: {request:?}: {answer}"
        );
    }
    // The same things, said once and in the right way, are answered; both of them.
    let two = raw(&world, format!("GET / HTTP/1.1\r\n{host}X: a\r\n\r\n{smuggled}").as_bytes()).await;
    assert_eq!(statuses(&two), ["200", "200"], "{two}");
}

/// Whose end every reader sees in the same place: refused for whom it names, and what follows is a request of its own.
fn is_about_the_name(request: &str) -> bool {
    request.matches("Host: ").count() != 2 || request.contains("evil.example")
}

#[tokio::test]
async fn l11_a_line_ends_in_cr_lf() {
    let world = World::new(&["august"]).await;
    let host = format!("Host: {}", world.address);
    for request in [
        format!("GET /healthz HTTP/1.1\n{host}\n\n"),
        format!("GET /healthz HTTP/1.1\r\n{host}\r\nX: a\nY: b\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{host}\r\nX: a\nContent-Length: 4\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{host}\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\n0\n\nGET /healthz HTTP/1.1\r\n{host}\r\n\r\n"),
    ] {
        let answer = raw(&world, request.as_bytes()).await;
        assert!(statuses(&answer).first().is_none_or(|status| status.starts_with('4')), "{request:?}: {answer}");
        assert!(!answer.contains("\r\n\r\nok\n"), "{request:?}: {answer}");
    }
}

#[tokio::test]
async fn l16_heads_and_bodies_have_an_end() {
    let world = World::new(&["august"]).await;
    let host = format!("Host: {}\r\nConnection: close\r\n", world.address);
    let many: String = (0..200).map(|number| format!("X-{number}: a\r\n")).collect();
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\n{host}{many}\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\n{host}X: {}\r\n\r\n", "a".repeat(70_000)), "431"),
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(70_000)), "414 431"),
    ] {
        let answer = raw(&world, request.as_bytes()).await;
        assert!(statuses(&answer).first().is_some_and(|found| status.contains(found)), "{status}: {answer}");
    }
    let mut browser = world.browser();
    let token = browser.get("/").await.form_token();
    let large = "a".repeat(100_000);
    let page = browser.post("/connect/august", &[("form_token", &token), ("x", &large)]).await;
    assert_eq!(page.status, 413, "{}", page.text);
    // And so has one that does not say how long it is.
    let cookie = browser.cookies().expect("cookies").iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let chunk = format!("{:x}\r\n{}\r\n", 20_000, "a".repeat(20_000));
    let request = format!(
        "POST /connect/august HTTP/1.1\r\n{host}Cookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        chunk.repeat(10)
    );
    assert_eq!(statuses(&raw(&world, request.as_bytes()).await), ["413"]);
}

/// L6 holds for what is refused, too: a page that gets somebody's browser to send too much is answered as everybody.
#[tokio::test]
async fn l6_l16_what_is_too_large_is_refused_with_all_headers() {
    let world = World::new(&["august"]).await;
    let host = format!("Host: {}\r\nConnection: close\r\n", world.address);
    let many: String = (0..63).map(|number| format!("X-{number}: a\r\n")).collect();
    let long = "a".repeat(33 * 1024);
    for path in ["/", "/healthz", "/nowhere", "/api/august/x", "/token/august", "/v1/keys"] {
        let sound = raw(&world, format!("GET {path} HTTP/1.1\r\n{host}\r\n").as_bytes()).await;
        assert_ne!(statuses(&sound), ["431"], "{path}: {sound}");
        for request in [
            format!("GET {path} HTTP/1.1\r\n{host}{many}\r\n"),
            format!("GET {path} HTTP/1.1\r\n{host}X: {long}\r\n\r\n"),
            format!("GET {path}?{long} HTTP/1.1\r\n{host}\r\n"),
        ] {
            let answer = raw(&world, request.as_bytes()).await;
            assert_eq!(statuses(&answer), ["431"], "{path}: {answer}");
            for header in [
                "content-security-policy: default-src 'none'",
                "cache-control: no-store",
                "referrer-policy: no-referrer",
                "x-content-type-options: nosniff",
                "x-frame-options: DENY",
            ] {
                assert!(answer.contains(header), "{path}: no {header}: {answer}");
            }
            let is_page = answer.contains("content-type: text/html");
            assert_eq!(is_page, !["/api", "/token", "/v1"].iter().any(|programs| path.starts_with(programs)), "{path}: {answer}");
        }
    }
}

#[tokio::test]
async fn l15_five_hundred_slow_connections_do_not_stop_service() {
    let limits = |limits: &mut Limits| limits.head_time = Duration::from_secs(300);
    let world = World::limited(&["august"], limits).await;
    let mut held = Vec::new();
    for number in 0..500u32 {
        let mut stream = TcpStream::connect(world.address).await.expect("a connection");
        let slow: &[u8] = if number % 2 == 0 { b"GET / HTTP/1.1\r\nHost: 127" } else { b"" };
        stream.write_all(slow).await.expect("sent");
        held.push(stream);
    }
    let mut browser = world.browser();
    for _ in 0..20 {
        assert_eq!(tokio::time::timeout(Duration::from_secs(30), browser.get("/")).await.expect("in time").status, 200);
    }
    drop(held);
}

#[tokio::test]
async fn l15_a_head_that_does_not_come_to_its_end_is_given_up() {
    let world = World::limited(&["august"], |limits| limits.head_time = Duration::from_secs(1)).await;
    let whole = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", world.address);
    let half = "GET /healthz HTTP/1.1\r\nHost: 127";
    // Nothing; a part; a part of the second one.
    for (sent, answers) in [(String::new(), 0), (half.to_owned(), 0), (format!("{whole}{half}"), 1)] {
        let mut stream = TcpStream::connect(world.address).await.expect("a connection");
        stream.write_all(sent.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_string(&mut answer)).await;
        assert!(read.is_ok(), "{sent:?} is not waited for");
        assert_eq!(statuses(&answer).len(), answers, "{answer}");
    }
    // A byte at a time, for ever.
    let mut stream = TcpStream::connect(world.address).await.expect("a connection");
    let mut given_up = false;
    for _ in 0..300 {
        let _ = stream.write_all(b"X").await;
        let mut room = [0; 64];
        match tokio::time::timeout(Duration::from_millis(100), stream.read(&mut room)).await {
            Err(_) => {}
            Ok(read) => {
                given_up = read.is_err() || read.is_ok_and(|length| length == 0);
                break;
            }
        }
    }
    assert!(given_up, "who sends something now and then has no more time");
}

#[tokio::test]
async fn l15_who_goes_on_asking_and_what_is_under_way_is_not_cut_off() {
    let limits = |limits: &mut Limits| (limits.head_time, limits.pause) = (Duration::from_secs(2), Duration::from_secs(8));
    let world = World::limited(&["august"], limits).await;
    let whole = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", world.address);
    let mut stream = TcpStream::connect(world.address).await.expect("a connection");
    for _ in 0..8 {
        stream.write_all(whole.as_bytes()).await.expect("sent");
        let (mut answer, mut room) = (String::new(), [0; 4096]);
        while !answer.ends_with("ok\n") {
            let length = stream.read(&mut room).await.expect("an answer");
            assert_ne!(length, 0, "it was cut off: {answer}");
            answer.push_str(&String::from_utf8_lossy(&room[..length]));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // A form whose rest does not come is waited for as long as a body may pause.
    let head = unfinished_form(&world).await;
    let mut stream = TcpStream::connect(world.address).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let early = tokio::time::timeout(Duration::from_millis(3500), stream.read(&mut [0; 64])).await;
    assert!(early.is_err(), "a request under way was cut off: {early:?}");
}

#[cfg(target_os = "linux")] // elsewhere 127.0.0.2 is not there by itself
#[tokio::test]
async fn l15_one_address_cannot_take_all_places() {
    let world = World::limited(&["august"], |limits| (limits.connections, limits.connections_per_peer) = (8, 4)).await;
    let head = unfinished_form(&world).await;
    // Four requests whose bodies do not come, from one address: at work, so they make no room.
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(world.address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("sent");
        held.push(stream);
    }
    let ask = async |from: &str| {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(from.parse().expect("an address")).expect("all of 127.0.0.0/8 is here");
        let mut stream = socket.connect(world.address).await.expect("the kernel takes it");
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", world.address);
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    };
    let refused = async { while !ask("127.0.0.1:0").await.is_empty() {} };
    tokio::time::timeout(Duration::from_secs(25), refused).await.expect("four are at work, the fifth is refused");
    let answer = ask("127.0.0.2:0").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "another address has places: {answer}");
    drop(held);
    let served = async { while ask("127.0.0.1:0").await.is_empty() {} };
    tokio::time::timeout(Duration::from_secs(25), served).await.expect("places are given back");
}

/// The head of a form, and the beginning of a body whose rest does not come.
async fn unfinished_form(world: &World) -> String {
    let mut browser = world.browser();
    browser.get("/").await;
    let cookie = browser.cookies().expect("cookies").iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    format!(
        "POST /connect/august HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: 100\r\n\r\nform",
        world.address
    )
}

#[tokio::test]
async fn l15_a_body_that_does_not_come_is_given_up() {
    let world = World::limited(&["august"], |limits| limits.pause = Duration::from_millis(500)).await;
    let head = unfinished_form(&world).await;
    let answer = unended(&world, head.as_bytes()).await;
    assert_eq!(statuses(&answer), ["408"], "{answer}");
    assert!(answer.contains("did not come to its end") && answer.contains("send it again") && !answer.contains("larger"), "{answer}");
}

/// The same of the JSON API; and what breaks off, or has chunks that are none, is told from both.
#[tokio::test]
async fn a_body_that_does_not_come_to_its_end_is_not_told_as_too_large() {
    let mut limits = Limits::default();
    limits.pause = Duration::from_millis(500);
    let world = World::known_with(&["august"], |server| server.limits(limits)).await;
    let owner = world.owner().await;
    let token = world.token("owner").await;
    let head = format!(
        "POST /v1/keys HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n",
        world.address
    );
    let silent = unended(&world, format!("{head}Content-Length: 100\r\n\r\n{{").as_bytes()).await;
    assert!(statuses(&silent) == ["408"] && silent.contains("\"body-too-slow\""), "{silent}");
    let broken = raw(&world, format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n").as_bytes()).await;
    assert!(statuses(&broken) == ["400"] && broken.contains("\"code\":\"body\""), "{broken}");
    let cookie = owner.cookies().expect("cookies").iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let form = format!(
        "POST /connect/august HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {cookie}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        world.address
    );
    let broken = raw(&world, form.as_bytes()).await;
    assert!(statuses(&broken) == ["400"] && broken.contains("send it again"), "{broken}");
}

/// The same of what is forwarded, kept as a whole and streamed.
#[tokio::test]
async fn l15_a_body_that_is_forwarded_is_given_up_when_nothing_comes_of_it() {
    let mut limits = Limits::default();
    limits.pause = Duration::from_millis(500);
    let world = World::known_with(&["august"], |server| server.limits(limits)).await;
    world.owner().await.connect("august").await;
    let wanted = r#"{"account":"august","allow":["* /**"]}"#;
    let made = world.ask("owner", "POST", "/v1/keys", wanted).await.json();
    let key = made["key"].as_str().expect("a key");
    let head = format!(
        "PUT /api/august/x HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\nContent-Type: text/plain\r\n",
        world.address
    );
    for begun in ["Content-Length: 100\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"] {
        let silent = unended(&world, format!("{head}{begun}").as_bytes()).await;
        assert!(statuses(&silent) == ["408"] && silent.contains("\"body-too-slow\""), "{silent}");
    }
    let broken = raw(&world, format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n").as_bytes()).await;
    assert!(statuses(&broken) == ["400"] && broken.contains("\"code\":\"body\""), "{broken}");
}

#[tokio::test]
async fn l15_who_tries_too_often_is_told_when_to_come_back() {
    let few: Rate = "3/h".parse().expect("a rate");
    let world = World::limited(&["august"], |limits| (limits.connect, limits.callback) = (few, few)).await;
    let mut browser = world.browser();
    let token = browser.get("/").await.form_token();
    for _ in 0..3 {
        assert_eq!(browser.post("/connect/august", &[("form_token", &token)]).await.status, 303);
        assert_eq!(browser.get("/callback/august?code=x&state=guessed").await.status, 400);
    }
    for page in
        [browser.post("/connect/august", &[("form_token", &token)]).await, browser.get("/callback/august?code=x&state=guessed").await]
    {
        assert_eq!(page.status, 429, "{}", page.text);
        assert!(
            page.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| (1..=1201).contains(&seconds)))
        );
        assert!(page.has("Too often"), "{}", page.text);
    }
    assert_eq!(browser.get("/").await.status, 200, "pages are still there");
}

#[tokio::test]
async fn a_server_that_listens_nowhere_says_so() {
    let world = World::new(&["august"]).await;
    let error = Server::new(world.site.clone()).run(std::future::pending(), std::future::pending()).await.expect_err("nowhere");
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn l15_a_link_is_not_guessed_at_for_long() {
    let world = World::known_with(&["august"], |server| {
        let mut limits = Limits::default();
        limits.sign_in = "3/h".parse().expect("a rate");
        server.limits(limits)
    })
    .await;
    let link = world.site.owner_link().await.expect("a shelf").expect("people");
    let mut browser = world.browser();
    let form_token = browser.get(&link).await.form_token();
    let mut guess = async |token: &str| browser.post("/first-run", &[("form_token", &form_token), ("token", token)]).await.status;
    for _ in 0..3 {
        assert_eq!(guess(&"0".repeat(64)).await, 403);
    }
    let right = link.split_once("token=").expect("a token").1;
    assert_eq!([guess(&"0".repeat(64)).await, guess(right).await], [429, 429], "the right one, too, until it is calm again");
}
