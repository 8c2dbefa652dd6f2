//! Both bodies stream: nothing is held back, and whoever is slow slows down the other end and nothing else.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keyfob::Store as _;
use keyfob_broker::{Who, keys};
use support::gate::{ACCESS, Bare, until};
use support::raw::{head, house};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A provider that sends events for as long as somebody listens.
async fn endless() -> Bare {
    Bare::start(|mut came| {
        Box::pin(async move {
            let start = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut next = came.stream.write_all(start.as_bytes()).await;
            while next.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
                next = came.stream.write_all(b"9\r\ndata: 1\n\n\r\n").await;
            }
        })
    })
    .await
}

/// How long it goes on.
async fn listen(mut stream: TcpStream) -> Duration {
    let (began, mut buffer) = (std::time::Instant::now(), vec![0; PIECE]);
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    began.elapsed()
}

/// What was taken back does not go on for as long as the provider likes.
#[tokio::test]
async fn an_answer_ends_with_its_key_and_with_its_account() {
    let bare = endless().await;
    let (vault, instance, key) = house(&bare).await;
    let other = vault.made("bare", &["* /**"], |_| {}).await;
    let open = async |key: &str| {
        let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
        stream.write_all(head(&instance, key, "GET", "").as_bytes()).await.expect("sent");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");
        stream
    };
    let revoked = tokio::spawn(listen(open(other.text.expose()).await));
    let stays = tokio::spawn(listen(open(&key).await));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!revoked.is_finished() && !stays.is_finished());
    keys::revoke(&*vault.shelf, None, &other.key.id, Who::Command, vault.now()).await.expect("revoked");
    tokio::time::timeout(Duration::from_secs(30), revoked).await.expect("it is broken off").expect("no panic");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!stays.is_finished(), "nobody took that one back");
    vault.store.remove_account("bare", None).await.expect("removed");
    tokio::time::timeout(Duration::from_secs(30), stays).await.expect("it is broken off").expect("no panic");
}

/// More than all buffers on the way hold.
const LARGE: usize = 64 << 20;
const PIECE: usize = 64 << 10;

#[tokio::test]
async fn the_first_byte_of_a_request_is_there_before_the_last_is_sent() {
    let first = Arc::new(Notify::new());
    let told = first.clone();
    let bare = Bare::start(move |mut came| {
        let told = told.clone();
        Box::pin(async move {
            let mut body = std::mem::take(&mut came.early);
            let mut buffer = vec![0; PIECE];
            while !body.ends_with(b"0\r\n\r\n") {
                if body.windows(5).any(|five| five == b"first") {
                    told.notify_one();
                }
                match came.stream.read(&mut buffer).await {
                    Ok(read) if read > 0 => body.extend_from_slice(&buffer[..read]),
                    _ => return,
                }
            }
            came.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        })
    })
    .await;
    let (_, instance, key) = house(&bare).await;
    let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
    stream.write_all(head(&instance, &key, "PUT", "Transfer-Encoding: chunked\r\n").as_bytes()).await.expect("sent");
    stream.write_all(b"5\r\nfirst\r\n").await.expect("sent");
    tokio::time::timeout(Duration::from_secs(60), first.notified()).await.expect("it is there");
    stream.write_all(b"4\r\nlast\r\n0\r\n\r\n").await.expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert!(bare.heads()[0].to_lowercase().contains("transfer-encoding: chunked"), "{}", bare.heads()[0]);
}

#[tokio::test]
async fn the_first_byte_of_an_answer_is_there_before_the_last_is_sent() {
    let go_on = Arc::new(Notify::new());
    let told = go_on.clone();
    let bare = Bare::start(move |mut came| {
        let told = told.clone();
        Box::pin(async move {
            // The first piece ends in the middle of a token that is echoed.
            let (begin, end) = ACCESS.split_at(9);
            let start = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\ndata: {begin}\r\n",
                6 + begin.len()
            );
            came.stream.write_all(start.as_bytes()).await.expect("sent");
            told.notified().await;
            came.answer(&format!("{:x}\r\n{end}\n\n\r\n0\r\n\r\n", end.len() + 2)).await;
        })
    })
    .await;
    let (_, instance, key) = house(&bare).await;
    let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
    stream.write_all(head(&instance, &key, "GET", "").as_bytes()).await.expect("sent");
    let (mut seen, mut buffer) = (Vec::new(), vec![0; PIECE]);
    let first = tokio::time::timeout(Duration::from_secs(60), async {
        while !seen.windows(6).any(|six| six == b"data: ") {
            let read = stream.read(&mut buffer).await.expect("an answer");
            assert!(read > 0);
            seen.extend_from_slice(&buffer[..read]);
        }
    });
    first.await.expect("it is there");
    assert!(!String::from_utf8_lossy(&seen).contains("canary"), "what may be the beginning of a token waits for its end");
    go_on.notify_one();
    while let Ok(read) = stream.read(&mut buffer).await
        && read > 0
    {
        seen.extend_from_slice(&buffer[..read]);
    }
    let whole = support::gate::Reply::parse(&seen).expect("an answer").text();
    assert_eq!(whole, format!("data: {}\n\n", "*".repeat(ACCESS.len())));
}

#[tokio::test]
async fn a_client_that_does_not_read_slows_the_provider_down() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let bare = Bare::start(move |mut came| {
        let counted = counted.clone();
        Box::pin(async move {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\nConnection: close\r\n\r\n");
            came.stream.write_all(head.as_bytes()).await.expect("sent");
            let piece = vec![b'x'; PIECE];
            while came.stream.write_all(&piece).await.is_ok() {
                counted.fetch_add(PIECE, Ordering::SeqCst);
            }
            counted.store(usize::MAX, Ordering::SeqCst);
        })
    })
    .await;
    let (_, instance, key) = house(&bare).await;
    let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
    stream.write_all(head(&instance, &key, "GET", "").as_bytes()).await.expect("sent");
    let mut last = usize::MAX;
    until("nothing more is taken", async || {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = sent.load(Ordering::SeqCst);
        std::mem::replace(&mut last, now) == now && now > 0
    })
    .await;
    assert!(last < LARGE / 2, "{last} bytes wait in buffers");
    // And when it goes away, the provider's connection goes with it.
    drop(stream);
    until("the provider is let go", async || sent.load(Ordering::SeqCst) == usize::MAX).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_whole_one() {
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    let (_, instance, key) = house(&bare).await;
    let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
    stream.write_all(head(&instance, &key, "GET", "").as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 200") && !text.ends_with("0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn a_request_that_breaks_off_is_no_whole_one_at_the_provider() {
    let ended = Arc::new(AtomicBool::new(false));
    let seen = ended.clone();
    let bare = Bare::start(move |mut came| {
        let seen = seen.clone();
        Box::pin(async move {
            let mut body = std::mem::take(&mut came.early);
            let _ = came.stream.read_to_end(&mut body).await;
            assert!(!body.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&body));
            seen.store(true, Ordering::SeqCst);
        })
    })
    .await;
    let (_, instance, key) = house(&bare).await;
    let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
    stream.write_all(head(&instance, &key, "PUT", "Transfer-Encoding: chunked\r\n").as_bytes()).await.expect("sent");
    stream.write_all(b"5\r\nfirst\r\n").await.expect("sent");
    until("it is sent on", async || !bare.heads().is_empty()).await;
    drop(stream);
    until("the provider sees that it was cut off", async || ended.load(Ordering::SeqCst)).await;
}

/// Whoever sent half of it hears that, and not that the provider broke something; so does the book.
#[tokio::test]
async fn a_request_that_breaks_off_is_its_senders_doing() {
    let bare = Bare::start(|mut came| Box::pin(async move { drop(came.stream.read_to_end(&mut Vec::new()).await) })).await;
    let (vault, instance, key) = house(&bare).await;
    for (what, more, body) in [
        ("half of a long one", "Content-Length: 100000\r\n", "x".repeat(1000)),
        ("half of a short one", "Content-Length: 1000\r\n", "x".repeat(100)),
        ("a chunk of no size", "Transfer-Encoding: chunked\r\n", "5\r\nfirst\r\nzz\r\n".to_owned()),
        ("no last chunk", "Transfer-Encoding: chunked\r\n", "5\r\nfirst\r\n".to_owned()),
    ] {
        let mut stream = TcpStream::connect(instance.address).await.expect("a connection");
        let head = head(&instance, &key, "PUT", &format!("Content-Type: text/plain\r\n{more}"));
        stream.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("half of it is closed");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let reply = support::gate::Reply::parse(&answer).unwrap_or_else(|| panic!("no answer to {what}"));
        assert_eq!((reply.status, reply.code().as_str()), (400, "body"), "{what}: {}", reply.text());
        let line = vault.calls().await.remove(0);
        assert_eq!((line["status"].as_u64(), line["problem"].as_str()), (Some(400), Some("body")), "{what}: {line}");
    }
}
