//! A token endpoint that rotates, and takes a while, as they do. Each refresh token is good once, and it counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Default)]
pub(crate) struct Stub {
    spent: Mutex<HashMap<String, u32>>,
    /// Milliseconds before an answer.
    pub(crate) slow: AtomicU64,
}

impl Stub {
    /// Starts it on the present runtime; gives its origin.
    pub(crate) async fn start() -> (Arc<Self>, String) {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", socket.local_addr().expect("an address"));
        let stub = Arc::new(Self::default());
        let ours = Arc::clone(&stub);
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let stub = Arc::clone(&ours);
                tokio::spawn(async move { stub.serve(stream).await });
            }
        });
        (stub, origin)
    }

    /// How many tokens were spent, and how many of them twice; and forgets it.
    pub(crate) fn take(&self) -> (usize, usize) {
        let spent = std::mem::take(&mut *self.spent.lock().expect("nobody panicked"));
        (spent.len(), spent.values().filter(|times| **times > 1).count())
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut buffer = Vec::new();
        loop {
            let (length, token) = loop {
                if let Some(found) = whole(&buffer) {
                    break found;
                }
                if stream.read_buf(&mut buffer).await.ok()? == 0 {
                    return None;
                }
            };
            buffer.drain(..length);
            let slow = self.slow.load(Ordering::Relaxed);
            if slow > 0 {
                tokio::time::sleep(Duration::from_millis(slow)).await;
            }
            let body =
                format!(r#"{{"access_token":"{}","token_type":"Bearer","expires_in":3600,"refresh_token":"{token}x"}}"#, "b".repeat(200));
            *self.spent.lock().expect("nobody panicked").entry(token).or_default() += 1;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).await.ok()?;
        }
    }
}

/// The length of a request that is whole, and its refresh token.
fn whole(buffer: &[u8]) -> Option<(usize, String)> {
    let text = std::str::from_utf8(buffer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let body = body.get(..length.unwrap_or(0))?;
    let token = body.split('&').find_map(|field| field.strip_prefix("refresh_token=")).unwrap_or_default();
    Some((head.len() + 4 + body.len(), token.to_owned()))
}
