//! Answers that come packed, although nobody asked for it; and those that are too large.

#![allow(missing_docs)]

mod common;

use std::io::Write;

use common::{House, house_at};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const ME: &str = r#"{"items":[{"display_name":"Ann","reputation":7,"link":"https://a.example/u/1","user_id":1}],"has_more":false}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory")
}

/// A server that answers each target with headers and a body.
async fn serve(answer: impl Fn(&str) -> (String, Vec<u8>) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 8192];
            let read = stream.read(&mut head).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&head[..read]).into_owned();
            let (headers, body) = answer(text.split(' ').nth(1).unwrap_or_default());
            let said = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(said.as_bytes()).await;
            let _ = stream.write_all(&body).await;
            let _ = stream.shutdown().await;
        }
    });
    origin
}

/// A server that packs in the way that the path says.
async fn packer() -> String {
    serve(|target| {
        let (coding, body) = match target.split(['?', '/']).nth(1).unwrap_or_default() {
            "gzip" => ("gzip", gzip(ME.as_bytes())),
            "deflate" => ("deflate", deflate(ME.as_bytes())),
            "cut" => ("gzip", gzip(ME.as_bytes())[..60].to_vec()),
            "plain" => ("gzip", ME.as_bytes().to_vec()),
            "twice" => ("gzip, gzip", gzip(&gzip(ME.as_bytes()))),
            "br" => ("br", b"\x0b\x02\x80{}\x03".to_vec()),
            "named" => ("utf-8", ME.as_bytes().to_vec()),
            "bomb" => ("gzip", gzip(&vec![b' '; 65 << 20])),
            "failed" => ("gzip", gzip(br#"{"error":"no such thing"}"#)),
            _ => ("gzip", gzip(br#"[{"name":"a","id":1}]"#)),
        };
        (format!("Content-Encoding: {coding}\r\nContent-Type: application/json\r\n"), body)
    })
    .await
}

/// Its API knows no other way.
#[tokio::test(flavor = "multi_thread")]
async fn stackexchange_can_be_used_which_packs_every_answer() {
    let origin = packer().await;
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let file = format!(
        "name = \"stackexchange\"\n[endpoints]\nauthorize = \"{origin}/oauth\"\ntoken = \"{origin}/token\"\n[api]\nbase_url = \"{origin}/gzip\"\n"
    );
    house.file("config/providers/stackexchange.toml", &file);
    for (name, value) in [("CLIENT_ID", "7"), ("CLIENT_SECRET", "sandbox-secret-not-real"), ("KEY", "example-key")] {
        house.set(&format!("STACKEXCHANGE_{name}"), value);
    }
    let tokens = json!({"access_token": "example-access-token-not-real"}).to_string();
    house.run_with(&["import", "stackexchange", "--stdin"], &tokens).await.exits(0);
    let me = house.good(&["stackexchange", "me"]).await;
    assert!(me.contains("Ann") && me.contains("https://a.example/u/1"), "{me}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_packed_is_shown_read_and_kept_as_it_was_before() {
    let house = house_at(&packer().await).await;
    for path in ["/gzip", "/deflate", "/named"] {
        assert_eq!(house.good(&["get", "hub", path]).await, ME, "{path}");
        assert_eq!(house.good(&["get", "hub", path, "--jq", ".items[].display_name"]).await, "Ann\n", "{path}");
        let file = house.path("me.json");
        house.good(&["get", "hub", path, "-o", &file.display().to_string()]).await;
        assert_eq!(std::fs::read_to_string(file).expect("a file"), ME, "{path}");
    }
    assert_eq!(house.good(&["hub", "things"]).await, "Name\tID\na\t1\n");
    // Its head is the one of what is shown; -v shows what came.
    let included = house.run(&["get", "hub", "/gzip", "-i", "-v"]).await.exits(0);
    assert!(!included.stdout.contains("content-encoding") && included.stderr.contains("< content-encoding: gzip"), "{included:#?}");
    house.run(&["get", "hub", "/failed", "-f"]).await.fails(5, ["cannot call hub", "no such thing", ""]);
    // Who asks for a packing wants it.
    let file = house.path("me.gz");
    house.good(&["get", "hub", "/gzip", "Accept-Encoding:gzip", "-o", &file.display().to_string()]).await;
    assert_eq!(std::fs::read(file).expect("a file"), gzip(ME.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_unpacked_is_told() {
    let house = house_at(&packer().await).await;
    for more in [&[][..], &["--jq", "."]] {
        let why = "expected gzip, as its Content-Encoding says (RFC 9110 §8.4), but found an end in its middle";
        house.run(&[&["get", "hub", "/cut"], more].concat()).await.fails(6, ["cannot call hub", why, "try again"]);
    }
    // Somebody on the way has unpacked it, and left the header.
    assert_eq!(house.good(&["get", "hub", "/plain"]).await, ME);
    for (path, coding) in [("/twice", "gzip, gzip"), ("/br", "br")] {
        let ended = house.run(&["get", "hub", path, "--jq", "."]).await;
        ended.fails(1, ["cannot read the answer of hub", &format!("packed: {coding}"), "Accept-Encoding:identity"]);
        house.run(&["get", "hub", path, "-o", &house.path("as-it-came").display().to_string()]).await.exits(0);
    }
}

/// What is no use to try again does not end as what may pass.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_told_with_the_limit_and_what_takes_it() {
    let packed = packer().await;
    let plain = serve(|_| (String::new(), vec![b' '; 65 << 20])).await;
    for (origin, path) in [(packed, "/bomb"), (plain, "/large")] {
        let house = house_at(&origin).await;
        let told = ["cannot call hub", "more than 64 MiB", "-o FILE keeps an answer of any size"];
        house.run(&["get", "hub", path, "--jq", "."]).await.fails(1, told);
        let ended = house.run(&["get", "hub", path, "--json", "-i"]).await.exits(1);
        assert!(told.iter().all(|words| ended.stderr.contains(words)), "{ended:#?}");
        let file = house.path("large");
        house.good(&["get", "hub", path, "-o", &file.display().to_string()]).await;
        assert_eq!(std::fs::metadata(file).expect("a file").len(), 65 << 20);
    }
}
