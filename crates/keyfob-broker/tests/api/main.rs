//! The JSON API, over real sockets: who may call, what comes back, and what somebody else gets of it.
#![allow(missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod callers;
mod canary;
mod damaged;
mod document;
mod links;
mod nouns;
mod once;
mod standing;
mod strangers;
mod told;
mod webhooks;

use std::net::SocketAddr;

use keyfob_broker::Who;
use keyfob_broker::api::token;
use serde_json::Value;
use support::gate::Reply;
use support::{Browser, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A program that acts for a person.
#[derive(Clone)]
pub struct Program {
    pub address: SocketAddr,
    pub token: String,
}

impl Program {
    pub async fn of(world: &World, person: &str) -> Self {
        Self { address: world.address, token: token_of(world, person).await }
    }

    pub async fn get(&self, target: &str) -> Reply {
        self.send("GET", target, &[], "").await
    }

    pub async fn post(&self, target: &str, body: &Value) -> Reply {
        self.send("POST", target, &[("Content-Type", "application/json")], &body.to_string()).await
    }

    pub async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", bearer.as_str())];
        all.extend(headers);
        send(self.address, method, target, &all, body).await
    }
}

pub async fn token_of(world: &World, person: &str) -> String {
    made_for(world, person).await.1
}

/// A new token of a person's: its number, and the token.
pub async fn made_for(world: &World, person: &str) -> (String, String) {
    let shelf = world.shelf.as_ref().expect("a shelf");
    let now = keyfob::Clock::now(&*world.clock);
    let made = token::create(&**shelf, person, "an app", None, Who::Command, now).await.expect("a token");
    (made.token.id.clone(), made.text.expose().to_owned())
}

/// The id of the person whose browser it is.
pub async fn id_of(browser: &mut Browser) -> String {
    let page = browser.get("/v1/me").await;
    let me: Value = serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("{}", page.text));
    me["id"].as_str().expect("an id").to_owned()
}

pub async fn send(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    Reply::parse(&answer).unwrap_or_else(|| panic!("no answer to {method} {target}"))
}
