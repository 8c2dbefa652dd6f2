//! Whoever begins a request in time, and ends it when they like, keeps nothing of what is taken from them meanwhile.

use std::sync::Arc;
use std::time::Duration;

use keyfob::Store as _;
use keyfob_broker::{Who, keys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::gate::{Bare, Instance, Reply, Vault, ok, until};
use crate::support::raw::head;

/// Longer than what was judged counts for, and shorter than a body is left alone.
const A_WHILE: Duration = Duration::from_millis(600);

/// What may be taken away from a request that is under way.
#[derive(Clone, Copy, Debug)]
enum Loss {
    Nothing,
    Revoked,
    Ended,
    Disconnected,
}

impl Loss {
    const ALL: [Self; 4] = [Self::Nothing, Self::Revoked, Self::Ended, Self::Disconnected];

    fn is_one(self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

struct World {
    vault: Vault,
    instance: Instance,
    bare: Bare,
    goes_on: Arc<Semaphore>,
    key: keys::Made,
}

impl World {
    /// The provider answers `answer` when it is told to go on.
    async fn new(answer: String) -> Self {
        let (vault, goes_on) = (Vault::default(), Arc::new(Semaphore::new(0)));
        let bare = Bare::waiting(&goes_on, answer).await;
        let service = bare.connected(&vault).await;
        let instance = Instance::start(&vault, vec![service]).await;
        let end = vault.now().plus(1800);
        let key = vault
            .made("bare", &["* /**"], |new| {
                (new.may_see_token, new.expires_at) = (true, Some(end));
            })
            .await;
        Self { vault, instance, bare, goes_on, key }
    }

    async fn begin(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.instance.address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        stream
    }

    fn head(&self, method: &str, more: &str) -> String {
        head(&self.instance, self.key.text.expose(), method, more)
    }

    async fn lose(&self, loss: Loss) {
        match loss {
            Loss::Nothing => {}
            Loss::Revoked => {
                let shelf = &*self.vault.shelf;
                keys::revoke(shelf, None, &self.key.key.id, Who::Command, self.vault.now()).await.expect("revoked");
            }
            Loss::Ended => self.vault.clock_forward(1801),
            Loss::Disconnected => {
                self.vault.store.remove_account("bare", None).await.expect("removed");
                // So long an account counts that was read.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut bytes));
    read.await.expect("an answer in time").expect("an answer");
    Reply::parse(&bytes).expect("an answer")
}

#[tokio::test]
async fn l8_a_request_that_was_begun_in_time_does_nothing_when_its_key_is_gone() {
    for loss in Loss::ALL {
        let world = World::new(ok("", "done")).await;
        world.goes_on.add_permits(1);
        let mut stream = world.begin(&world.head("PUT", "Content-Type: application/octet-stream\r\nContent-Length: 4\r\n")).await;
        stream.write_all(b"ab").await.expect("sent");
        tokio::time::sleep(A_WHILE).await;
        world.lose(loss).await;
        // It may have been broken off by now.
        let _ = stream.write_all(b"cd").await;
        let reply = answer(stream).await;
        if loss.is_one() {
            assert_eq!((reply.status, reply.code().as_str()), (401, "ended-meanwhile"), "{loss:?}");
            assert!(world.bare.heads().is_empty(), "{loss:?}: {:?}", world.bare.heads());
            let book = world.vault.calls().await;
            assert_eq!((&book[0]["status"], &book[0]["problem"]), (&401.into(), &"ended-meanwhile".into()), "{loss:?}");
            assert!(book[0]["upstream"].is_null(), "nothing has left");
        } else {
            assert_eq!((reply.status, reply.text().as_str()), (200, "done"));
        }
    }
}

#[tokio::test]
async fn l8_a_body_that_streams_is_broken_off_when_its_key_is_gone() {
    for loss in Loss::ALL {
        let (vault, took) = (Vault::default(), Arc::new(Semaphore::new(0)));
        let told = took.clone();
        // Says how often its request ended, whole or broken off.
        let bare = Bare::start(move |mut came| {
            let told = told.clone();
            Box::pin(async move {
                let (mut body, mut buffer) = (std::mem::take(&mut came.early), vec![0; 1024]);
                while !body.ends_with(b"0\r\n\r\n") {
                    match came.stream.read(&mut buffer).await {
                        Ok(read) if read > 0 => body.extend_from_slice(&buffer[..read]),
                        _ => return told.add_permits(1),
                    }
                }
                came.answer(&ok("", "done")).await;
            })
        })
        .await;
        let service = bare.connected(&vault).await;
        let instance = Instance::start(&vault, vec![service]).await;
        let end = vault.now().plus(1800);
        let key = vault.made("bare", &["* /**"], |new| new.expires_at = Some(end)).await;
        let world = World { vault, instance, bare, goes_on: took, key };
        let mut stream = world.begin(&world.head("PUT", "Transfer-Encoding: chunked\r\n")).await;
        stream.write_all(b"5\r\nfirst\r\n").await.expect("sent");
        until("it streams", async || !world.bare.heads().is_empty()).await;
        world.lose(loss).await;
        if loss.is_one() {
            let broken = tokio::time::timeout(Duration::from_secs(30), world.goes_on.acquire());
            broken.await.expect("the provider sees it broken off").expect("open").forget();
            let reply = answer(stream).await;
            assert_eq!((reply.status, reply.code().as_str()), (401, "ended-meanwhile"), "{loss:?}");
        } else {
            tokio::time::sleep(Duration::from_secs(2)).await;
            stream.write_all(b"0\r\n\r\n").await.expect("sent");
            assert_eq!(answer(stream).await.status, 200);
        }
    }
}

#[tokio::test]
async fn l8_what_a_key_waits_for_is_not_handed_out_when_it_is_gone() {
    for loss in Loss::ALL {
        let world = World::new(ok("", "an open door")).await;
        let stream = world.begin(&world.head("GET", "")).await;
        until("it is asked", async || !world.bare.heads().is_empty()).await;
        tokio::time::sleep(A_WHILE).await;
        world.lose(loss).await;
        world.goes_on.add_permits(1);
        let reply = answer(stream).await;
        if loss.is_one() {
            assert_eq!((reply.status, reply.code().as_str()), (401, "ended-meanwhile"), "{loss:?}");
            let book = world.vault.calls().await;
            assert_eq!((&book[0]["status"], &book[0]["problem"]), (&401.into(), &"ended-meanwhile".into()), "{loss:?}");
            assert!(book[0]["upstream"].is_string(), "it has left");
        } else {
            assert_eq!((reply.status, reply.text().as_str()), (200, "an open door"));
        }
    }
}

#[tokio::test]
async fn l8_a_token_that_is_renewed_is_not_handed_out_when_the_key_is_gone() {
    for loss in Loss::ALL {
        let body = r#"{"access_token":"a-new-one","token_type":"Bearer","expires_in":36000}"#;
        let world = World::new(ok("Content-Type: application/json\r\n", body)).await;
        let mut account = world.vault.store.account("bare").await.expect("the store").expect("an account").value;
        let keyfob::proto::TokenSet::OAuth2(tokens) = &mut account.tokens else { panic!("OAuth 2") };
        tokens.expires_at = Some(world.vault.now().plus(1));
        world.vault.store.put_account(&account, keyfob::store::Expected::Anything, None).await.expect("stored");
        let request = world.head("GET", "").replace("/api/bare/x", "/token/bare");
        let stream = world.begin(&request).await;
        until("it is asked", async || !world.bare.heads().is_empty()).await;
        tokio::time::sleep(A_WHILE).await;
        world.lose(loss).await;
        world.goes_on.add_permits(1);
        let reply = answer(stream).await;
        assert!(!loss.is_one() || !reply.text().contains("a-new-one"), "{loss:?}: {}", reply.text());
        match loss {
            Loss::Nothing => assert_eq!((reply.status, reply.json()["access_token"].as_str()), (200, Some("a-new-one"))),
            // The new token has no place to be kept in, which is said first.
            Loss::Disconnected => assert_ne!(reply.status, 200),
            _ => assert_eq!((reply.status, reply.code().as_str()), (401, "ended-meanwhile"), "{loss:?}"),
        }
    }
}
