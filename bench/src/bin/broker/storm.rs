//! Many tokens that end together, under load: each is refreshed once, nobody's call goes with a wrong one, and nothing grows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use keyfob_testbed::{Cluster, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fill::{self, Ends};
use crate::measure::quantile;
use crate::process::{Core, Process};
use crate::table::{Goal, Row, Table};
use crate::wrk::AT_ONCE;

pub(crate) struct Plan {
    pub(crate) accounts: usize,
    /// Seconds within which their tokens end.
    pub(crate) within: usize,
    /// Requests a second.
    pub(crate) rate: usize,
    pub(crate) seconds: usize,
}

/// Before the first token ends there is time for the vault to be filled and for the load to run quietly.
fn lead(plan: &Plan) -> i64 {
    10 + i64::try_from(plan.accounts / 200).expect("it fits")
}

pub(crate) fn measure(table: &mut Table, plan: &Plan) {
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let (database, provider) = (cluster.database(), Process::own(Core::Any, &["provider"]));
    let (folder, origin) = (tempfile::tempdir().expect("a folder"), format!("http://{}", provider.address));
    let keys = folder.path().join("keys");
    let within = i64::try_from(plan.within).expect("it fits");
    // A token is refreshed when a tenth to a fifth of its life is left.
    let lifetime = within + lead(plan) + 20;
    let begun = Instant::now();
    fill::elsewhere(&database.url(), &origin, &keys, plan.accounts, Ends { first: lead(plan) + lifetime / 5, within, lifetime });
    println!("  filled in {:.1} s; the first token is due {} s after the beginning", begun.elapsed().as_secs_f64(), lead(plan));
    let broker = Process::own(Core::Any, &["serve", &database.url(), &origin, ""]);
    let requests: Vec<(String, String)> =
        fill::read(&keys).into_iter().filter_map(|(name, key)| Some((name.strip_prefix("bench/")?.to_owned(), key))).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    // Every account once: what is in use is in memory.
    runtime.block_on(ask(&broker, &requests, plan.rate, requests.len()));
    let (memory, descriptors) = (broker.memory().now, broker.descriptors());
    let early = counts(&runtime, &provider)[0];
    let seen = runtime.block_on(ask(&broker, &requests, plan.rate, plan.rate * plan.seconds));
    let [refreshed, twice, refused, wrong, calls] = counts(&runtime, &provider);
    let Plan { accounts, within, rate, seconds } = plan;
    println!("  {calls} calls reached the provider; {early} tokens were refreshed before the load was measured");
    let mut add = |work: String, limit_is: String, ours: f64, limit: Option<f64>, unit: &'static str, goal: Goal| {
        table.add(Row { work, limit_is, ours, limit, unit, goal });
    };
    let storm = format!("{accounts} tokens end within {within} s, under {rate} requests/s for {seconds} s");
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    {
        // One that is missing is a token that ended under somebody's call.
        add(format!("{storm}: refreshes"), "accounts".to_owned(), refreshed as f64, Some(*accounts as f64), "", Goal::Exactly);
        add("accounts that were refreshed twice".to_owned(), "none".to_owned(), twice as f64, None, "", Goal::AtMost(0.0));
        add("refreshes that were refused".to_owned(), "none".to_owned(), refused as f64, None, "", Goal::AtMost(0.0));
        add("calls with a wrong token".to_owned(), "none".to_owned(), wrong as f64, None, "", Goal::AtMost(0.0));
        add("answers other than 200".to_owned(), "none".to_owned(), seen.failed as f64, None, "", Goal::AtMost(0.0));
        add(
            "its 99th percentile, from when it should have begun".to_owned(),
            String::new(),
            quantile(&seen.millis, 0.99),
            None,
            "ms",
            Goal::AtMost(50.0),
        );
        add("its longest".to_owned(), String::new(), quantile(&seen.millis, 1.0), None, "ms", Goal::Told);
        add("memory at the end".to_owned(), "before".to_owned(), broker.memory().now / 1e6, Some(memory / 1e6), "MB", Goal::Ratio(1.1));
        add(
            "descriptors at the end".to_owned(),
            "before".to_owned(),
            broker.descriptors() as f64,
            Some(descriptors as f64),
            "",
            Goal::Ratio(1.1),
        );
    }
}

fn counts(runtime: &tokio::runtime::Runtime, provider: &Process) -> [u64; 5] {
    let text = runtime.block_on(async {
        let mut stream = TcpStream::connect(provider.address).await.expect("it listens");
        stream.write_all(b"GET /counts HTTP/1.1\r\nhost: provider\r\n\r\n").await.expect("sent");
        answer(&mut stream, &mut Vec::new()).await.expect("an answer")
    });
    let body = text.rsplit("\r\n\r\n").next().unwrap_or_default();
    let numbers: Vec<u64> = body.split(' ').map(|number| number.parse().expect("a number")).collect();
    numbers.try_into().expect("five numbers")
}

struct Seen {
    millis: Vec<f64>,
    failed: u64,
}

/// Asks so often a second whether or not it is answered: who waits for one answer begins the next request late, and that counts.
async fn ask(broker: &Process, requests: &[(String, String)], rate: usize, total: usize) -> Seen {
    let (millis, failed, begin) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)), Instant::now());
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|task| {
            let (address, millis, failed) = (broker.address, millis.clone(), failed.clone());
            let own: Vec<(usize, String)> = (task..total)
                .step_by(AT_ONCE)
                .map(|number| {
                    let (account, key) = &requests[number % requests.len()];
                    let head = format!(
                        "GET /api/bench%2F{account}/echo/{account} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\r\n"
                    );
                    (number, head)
                })
                .collect();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.expect("it listens");
                stream.set_nodelay(true).expect("set");
                let (mut buffer, mut took) = (Vec::new(), Vec::with_capacity(own.len()));
                for (number, head) in own {
                    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
                    let due = begin + Duration::from_secs_f64(number as f64 / rate as f64);
                    tokio::time::sleep_until(due.into()).await;
                    stream.write_all(head.as_bytes()).await.expect("sent");
                    let answer = answer(&mut stream, &mut buffer).await.expect("an answer");
                    took.push(due.elapsed().as_secs_f64() * 1e3);
                    if !answer.starts_with("HTTP/1.1 200") {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
                millis.lock().unwrap_or_else(PoisonError::into_inner).extend(took);
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends");
    }
    let millis = std::mem::take(&mut *millis.lock().unwrap_or_else(PoisonError::into_inner));
    Seen { millis, failed: failed.load(Ordering::Relaxed) }
}

/// One whole answer, whose length is announced or which comes in chunks.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<String> {
    buffer.clear();
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let is_whole = length.map_or_else(|| buffer.ends_with(b"0\r\n\r\n"), |length| buffer.len() >= end + 4 + length);
            if is_whole {
                return Ok(String::from_utf8_lossy(buffer).into_owned());
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
