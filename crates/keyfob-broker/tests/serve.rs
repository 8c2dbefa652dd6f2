//! The program around the pages: connections, health, the end.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;

use keyfob_broker::{Server, health_check};
use support::World;
use support::gate::{Bare, Instance, Vault, ok, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};

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
    let (vault, goes_on) = (Vault::default(), Arc::new(Semaphore::new(0)));
    let bare = Bare::waiting(&goes_on, ok("", "the answer")).await;
    let service = bare.connected(&vault).await;
    let house = Instance::start(&vault, vec![service]).await;
    let key = vault.key("bare", &["GET /x"]).await;
    let server = Server::new(house.site.clone()).listener(std::net::TcpListener::bind("127.0.0.1:0").expect("a port")).expect("a socket");
    let address = server.ports()[0];
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn(server.run(async move { drop(stopped.await) }, std::future::pending()));
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET /api/bare/x HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\n\r\n", house.address);
    stream.write_all(request.as_bytes()).await.expect("sent");
    until("the provider has it", async || bare.heads().len() == 1).await;
    stop.send(()).expect("it runs");
    // It has heard: nobody takes new ones.
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!served.is_finished(), "it waits for what is under way");
    goes_on.add_permits(1);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("the answer"), "{answer}");
    served.await.expect("no panic").expect("no error");
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
