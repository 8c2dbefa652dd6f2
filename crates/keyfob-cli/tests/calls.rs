//! Calls of a server of our own: pages, retries, and what is made of answers.

#![allow(missing_docs)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::house_at;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers each request, by its number and its target, with status, headers and body.
async fn serve(answer: impl Fn(usize, &str) -> (u16, String, String) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, answer) = (count.clone(), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (counted, answer) = (counted.clone(), answer.clone());
            tokio::spawn(async move {
                let mut head = vec![0; 8192];
                let read = stream.read(&mut head).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&head[..read]).into_owned();
                let target = text.split(' ').nth(1).unwrap_or_default().to_owned();
                let (status, headers, body) = answer(counted.fetch_add(1, Ordering::SeqCst), &target);
                let said = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
                let _ = stream.write_all(said.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (origin, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_followed_to_the_last() {
    let (origin, _) = serve(|_, target| match target {
        "/things?page=1" => (200, "Link: </things?page=2>; rel=\"next\"\r\n".into(), r#"[{"name":"a, \"b\"","id":1}]"#.into()),
        "/things?page=2" => (200, "Link: <?page=3>; rel=next\r\n".into(), r#"[{"name":"c","id":2}]"#.into()),
        "/things?page=3" => (200, "Link: </things?page=1>; rel=first\r\n".into(), r#"[{"name":"d","id":3,"more":[1]}]"#.into()),
        "/circle" => (200, "Link: </circle>; rel=next\r\n".into(), "[]".into()),
        "/deep/a" => (200, "Link: <b?u=https://elsewhere.example/>; rel=next\r\n".into(), "[1]".into()),
        "/deep/b?u=https://elsewhere.example/" => (200, "Link: </deep/c?u=https://elsewhere.example/>; rel=next\r\n".into(), "[2]".into()),
        "/deep/c?u=https://elsewhere.example/" => (200, String::new(), "[3]".into()),
        "/nowhere" => (200, "Link: <mailto:a@a.example>; rel=next\r\n".into(), "[]".into()),
        "/away" => (200, "Link: <https://elsewhere.example/x>; rel=next\r\n".into(), "[]".into()),
        _ => (404, String::new(), r#"{"error":"no such page"}"#.into()),
    })
    .await;
    let house = house_at(&origin).await;
    let all = house.json(&["get", "hub", "/things?page=1", "--paginate"]).await;
    assert_eq!(all.as_array().map(Vec::len), Some(3));
    assert_eq!(house.good(&["get", "hub", "/things?page=1", "--paginate", "--jq", ".[] | .name"]).await, "a, \"b\"\nc\nd\n");
    let csv = house.good(&["get", "hub", "/things?page=1", "--paginate", "--format", "csv"]).await;
    assert_eq!(csv, "id,name,more\r\n1,\"a, \"\"b\"\"\",\r\n2,c,\r\n3,d,[1]\n");
    assert_eq!(house.good(&["get", "hub", "/things?page=2", "--format", "ndjson"]).await, "{\"id\":2,\"name\":\"c\"}\n");
    assert_eq!(house.good(&["get", "hub", "/things?page=2", "--table"]).await, "id\tname\n2\tc\n");
    let two = house.run(&["get", "hub", "/things?page=1", "--paginate", "--pages", "2", "--jq", "length"]).await.exits(0);
    assert!(two.stdout == "2\n" && two.stderr.contains("only 2 pages"), "{two:#?}");
    house.run(&["get", "hub", "/circle", "--paginate"]).await.fails(1, ["cannot call hub", "read already", "--pages"]);
    assert_eq!(house.good(&["get", "hub", "/deep/a", "--paginate", "--jq", ".[]"]).await, "1\n2\n3\n");
    house.run(&["get", "hub", "/nowhere", "--paginate"]).await.fails(1, ["cannot call hub", "no URL over HTTP", "--paginate"]);
    // A page elsewhere gets no token.
    house
        .run(&["get", "hub", "/away", "--paginate"])
        .await
        .fails(4, ["cannot call hub", "may not be sent to https://elsewhere.example", ""]);
    house.run(&["get", "hub", "/things?page=9", "--jq", "."]).await.exits(0);
    house.run(&["get", "hub", "/things?page=2", "--jq", "def f: f; f"]).await.exits(2);
    house.run(&["get", "hub", "/things?page=2", "--jq", ".name"]).await.fails(1, ["does not fit the answer", "", "--jq"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_as_long_as_the_server_says() {
    // The session itself waits twice for what may be repeated.
    let (origin, count) = serve(|number, target| match (target, number) {
        ("/busy", 0..=4) => (503, "Retry-After: 0\r\n".into(), "busy".into()),
        ("/long", _) => (503, "Retry-After: 86400\r\n".into(), "busy".into()),
        _ => (200, String::new(), "done".into()),
    })
    .await;
    let house = house_at(&origin).await;
    let ended = house.run(&["get", "hub", "/busy", "--retry", "2"]).await.exits(0);
    assert!(ended.stdout == "done" && ended.stderr.contains("trying again in 0 s"), "{ended:#?}");
    assert_eq!(count.load(Ordering::SeqCst), 6);
    let ended = house.run(&["get", "hub", "/long", "--retry", "5"]).await.exits(0);
    assert!(ended.stdout == "busy" && ended.stderr.contains("HTTP 503"), "{ended:#?}");
    count.store(0, Ordering::SeqCst);
    let ended = house.run(&["post", "hub", "/busy", "a=b", "--retry", "5"]).await.exits(0);
    assert!(ended.stdout == "busy" && count.load(Ordering::SeqCst) == 1, "a POST is sent once: {ended:#?}");
}
