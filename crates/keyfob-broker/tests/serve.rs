//! The program around the pages: connections, health, the end.
#![allow(missing_docs)]

mod support;

use std::time::Duration;

use keyfob_broker::health_check;
use support::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn health_is_asked_from_inside() {
    let mut world = World::new(&["august"]).await;
    health_check(world.address).await.expect("well");
    let everywhere: std::net::SocketAddr = format!("0.0.0.0:{}", world.address.port()).parse().expect("an address");
    health_check(everywhere).await.expect("0.0.0.0 means this machine");
    world.stop();
    world.served.take().expect("a task").await.expect("no panic").expect("no error");
    assert!(health_check(world.address).await.is_err());
}

#[tokio::test]
async fn what_is_under_way_is_finished_at_the_end() {
    let mut world = World::new(&["august"]).await;
    let mut browser = world.connected("august").await;
    world.sandbox.faults("august").update(|faults| faults.slow_ms = 700);
    let page = tokio::spawn(async move { browser.get("/accounts/august").await });
    tokio::time::sleep(Duration::from_millis(250)).await;
    world.stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(world.served.as_ref().is_some_and(|served| !served.is_finished()), "it waits for what is under way");
    let page = page.await.expect("a page");
    assert!(page.has("Front Door"), "{}", page.text);
    world.served.take().expect("a task").await.expect("no panic").expect("no error");
    assert!(TcpStream::connect(world.address).await.is_err(), "the port is closed");
}

#[tokio::test]
async fn a_target_that_is_a_whole_url_has_to_name_us_too() {
    let world = World::new(&["august"]).await;
    for (target, status) in [("http://evil.example/", "421"), (world.origin.as_str(), "200")] {
        let mut stream = TcpStream::connect(world.address).await.expect("a connection");
        let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", world.address);
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert_eq!(answer.split(' ').nth(1), Some(status), "{target}");
    }
}
