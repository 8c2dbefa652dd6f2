//! A provider whose tokens say whose they are, the how-manyth, and when they end. It counts what was spent, and whatever is wrong: a token of another
//! account, one that has ended, one that was never given.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::process::input_ends;

/// What it gives, if nothing is said.
const USUAL: Given = Given { lifetime: 3600, times: 1 };

struct Given {
    /// How long its tokens are good, in seconds.
    lifetime: u64,
    /// How often an account's tokens are to be refreshed.
    times: u64,
}

struct Counts {
    given: Given,
    /// How often each account's tokens were refreshed.
    refreshed: HashMap<String, u64>,
    /// Refresh tokens that were spent before, or never given.
    refused: u64,
    wrong: u64,
    calls: u64,
}

pub(crate) fn run(words: &[&str]) {
    let number = |at: usize| words.get(at).map(|word: &&str| word.parse().expect("a number"));
    let given = Given { lifetime: number(0).unwrap_or(USUAL.lifetime), times: number(1).unwrap_or(USUAL.times) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("an address"));
        let counts = Arc::new(Mutex::new(Counts { given, refreshed: HashMap::new(), refused: 0, wrong: 0, calls: 0 }));
        let accept = async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, counts.clone()));
            }
        };
        tokio::select! {
            () = accept => {}
            () = input_ends() => {}
        }
        std::process::exit(0);
    });
}

async fn serve(mut stream: TcpStream, counts: Arc<Mutex<Counts>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::new();
    loop {
        let (head, body) = loop {
            if let Some(whole) = whole(&mut buffer) {
                break whole;
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let (status, body) = counts.lock().unwrap_or_else(PoisonError::into_inner).answer(&head, &body);
        let head = format!(
            "HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await.ok()?;
    }
}

impl Counts {
    fn answer(&mut self, head: &str, body: &str) -> (u16, String) {
        let target = head.split(' ').nth(1).unwrap_or_default();
        match target.split('?').next().unwrap_or_default() {
            "/counts" => {
                let refreshed: u64 = self.refreshed.values().sum();
                let often = self.refreshed.values().filter(|times| **times > self.given.times).count();
                (200, format!("{refreshed} {often} {} {} {}", self.refused, self.wrong, self.calls))
            }
            "/token" => self.token(body),
            path => self.call(path, head),
        }
    }

    fn token(&mut self, body: &str) -> (u16, String) {
        let given = body.split('&').find_map(|field| field.strip_prefix("refresh_token=r-")).unwrap_or_default();
        let Some((account, number)) = given.split_once('-').and_then(|(account, number)| Some((account, number.parse::<u64>().ok()?)))
        else {
            self.refused += 1;
            return (400, r#"{"error":"invalid_grant"}"#.to_owned());
        };
        let times = self.refreshed.entry(account.to_owned()).or_default();
        if *times != number {
            self.refused += 1;
            return (400, r#"{"error":"invalid_grant"}"#.to_owned());
        }
        *times += 1;
        let lifetime = self.given.lifetime;
        let (number, ends, padding) = (number + 1, now() + lifetime, "x".repeat(160));
        let access = format!("a-{account}-{number}-{ends}-{padding}");
        (
            200,
            format!(
                r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":{lifetime},"refresh_token":"r-{account}-{number}"}}"#
            ),
        )
    }

    /// `/echo/ACCOUNT`.
    fn call(&mut self, path: &str, head: &str) -> (u16, String) {
        self.calls += 1;
        let token = head.lines().find_map(|line| line.split_once(": ")?.1.strip_prefix("Bearer a-"));
        let mut pieces = token.unwrap_or_default().split('-');
        let (account, number, ends) = (pieces.next().unwrap_or_default(), pieces.next(), pieces.next());
        let number = number.and_then(|number| number.parse::<u64>().ok());
        let was_given = number.is_some_and(|number| number <= self.refreshed.get(account).copied().unwrap_or_default());
        let is_good = ends.and_then(|ends| ends.parse::<u64>().ok()).is_some_and(|ends| now() <= ends);
        if path.strip_prefix("/echo/") == Some(account) && was_given && is_good {
            return (200, format!(r#"{{"account":"{account}"}}"#));
        }
        self.wrong += 1;
        (401, r#"{"error":"wrong token"}"#.to_owned())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs()
}

/// The next request that is whole.
fn whole(buffer: &mut Vec<u8>) -> Option<(String, String)> {
    let end = buffer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let whole = end + 4 + length.unwrap_or(0);
    let body = String::from_utf8_lossy(buffer.get(end + 4..whole)?).into_owned();
    buffer.drain(..whole);
    Some((head, body))
}
