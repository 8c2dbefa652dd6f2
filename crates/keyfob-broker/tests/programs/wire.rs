//! L11, L16: requests that two servers could take apart differently, and requests that are too large.

use crate::support::gate::{Bare, Instance, Vault};

async fn house() -> (Vault, Bare, Instance, String) {
    let vault = Vault::default();
    let bare = Bare::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let service = bare.connected(&vault).await;
    let instance = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["* /**"]).await;
    (vault, bare, instance, key)
}

#[tokio::test]
async fn l11_a_request_that_can_be_read_in_two_ways_is_refused() {
    let (_, bare, instance, key) = house().await;
    let inner = "GET /api/bare/smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let own = instance.address;
    let start = format!("POST /api/bare/x HTTP/1.1\r\nHost: {own}\r\nAuthorization: Bearer {key}\r\n");
    let length = inner.len();
    let requests: Vec<(&str, String)> = vec![
        ("length and chunks", format!("{start}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}")),
        ("chunks and length", format!("{start}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{inner}")),
        ("two lengths", format!("{start}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{inner}")),
        ("the same length twice", format!("{start}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc")),
        ("a list of lengths", format!("{start}Content-Length: 0, {length}\r\n\r\n{inner}")),
        ("a length with a sign", format!("{start}Content-Length: +3\r\n\r\nabc")),
        ("a length that is none", format!("{start}Content-Length: 0x3\r\n\r\nabc")),
        ("an encoding that is not known", format!("{start}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{inner}")),
        ("chunked, and not last", format!("{start}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{inner}")),
        ("two encodings", format!("{start}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{inner}")),
        ("a space before the colon", format!("{start}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{inner}")),
        ("a folded line", format!("{start}X-Fold: a\r\n b\r\nContent-Length: 0\r\n\r\n")),
        ("a folded encoding", format!("{start}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n")),
        ("bare line feeds", format!("{start}Content-Length: 0\r\n\r\n").replace("\r\n", "\n")),
        ("one bare line feed", format!("{start}X-Bare: a\nContent-Length: 0\r\n\r\n")),
        ("a bare line feed at the end of the head", format!("{start}Content-Length: 0\r\n\n")),
        ("a carriage return in a value", format!("{start}X-Bare: a\rb\r\nContent-Length: 0\r\n\r\n")),
        ("a zero byte", format!("{start}X-Zero: a\0b\r\nContent-Length: 0\r\n\r\n")),
        ("a chunk with a bare line feed", format!("{start}Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n")),
        ("a chunk of no size", format!("{start}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n")),
        ("an encoding in HTTP/1.0", format!("{start}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0")),
        ("no name", format!("{start}: x\r\nContent-Length: 0\r\n\r\n")),
        ("a line without a colon", format!("{start}nonsense\r\nContent-Length: 0\r\n\r\n")),
    ];
    for (what, request) in requests {
        let reply = instance.raw(request.as_bytes()).await;
        assert!(reply.as_ref().is_none_or(|reply| reply.status >= 400), "{what}: {reply:?}");
        let sent = bare.targets();
        // A body that breaks off when something was sent already is cut off there, too; nothing of it is a request of its own.
        assert!(!sent.iter().any(|target| target.contains("smuggled")), "{what}: {sent:?}");
    }
    assert!(bare.heads().len() <= 2, "{:?}", bare.heads());
    let good = instance.send("POST", "/api/bare/x", &[("Authorization", &format!("Bearer {key}"))], "abc").await;
    assert_eq!(good.status, 200);
}

#[tokio::test]
async fn l16_what_is_too_large_is_refused() {
    let (_, bare, instance, key) = house().await;
    let start = format!("POST /api/bare/x HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\n", instance.address);
    let status = async |rest: &str| instance.raw(format!("{start}{rest}").as_bytes()).await.map(|reply| reply.status);
    assert_eq!(status("Content-Length: 1099511627776\r\n\r\nabc").await, Some(413), "a tebibyte that is announced");
    assert_eq!(status("Content-Length: 99999999999999999999999\r\n\r\n").await, Some(400));
    assert!(status(&format!("X-Long: {}\r\n\r\n", "x".repeat(64 * 1024))).await.is_none_or(|status| status == 431 || status == 400));
    assert!(status(&format!("{}\r\n", "X-Many: x\r\n".repeat(100))).await.is_none_or(|status| status == 431 || status == 400));
    let long = format!("/api/bare/{}", "x".repeat(5000));
    assert_eq!(instance.ask(&key, "GET", &long).await.status, 400);
    assert!(bare.heads().is_empty());
}
