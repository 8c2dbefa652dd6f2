//! Many tokens that end together, under load: each is refreshed as often as it ends, nobody's call goes with a wrong one, and nothing grows.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
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
    /// How often each token ends in that time: once, or twice. What grows with the first wave and not with the second is no leak.
    pub(crate) waves: usize,
}

/// How often memory and descriptors are looked at on the way.
const LOOKS: usize = 24;

/// As long as connections to a provider are kept that nobody uses, and some more.
const QUIET: Duration = Duration::from_secs(75);

/// How many seconds the tokens are good that the provider gives in place of the first ones: as long as nobody looks any more, or so that all of them are
/// due once more, at 80 to 90 % of their life and half a minute later at most, and not a third time: twice 80 % of it is all the time in which anybody looks.
fn lifetime_of_later(plan: &Plan) -> u64 {
    let looked = u64::try_from(plan.seconds).expect("it fits") + QUIET.as_secs();
    if plan.waves == 1 { 3600.max(2 * looked) } else { looked * 5 / 8 }
}

/// Before the first token ends there is time for the vault to be filled and for the load to run quietly.
fn lead(plan: &Plan) -> i64 {
    10 + i64::try_from(plan.accounts / 200).expect("it fits")
}

pub(crate) fn measure(table: &mut Table, plan: &Plan) {
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let (later, waves) = (lifetime_of_later(plan).to_string(), plan.waves.to_string());
    let (database, provider) = (cluster.database(), Process::own(Core::Any, &["provider", &later, &waves]));
    let (folder, origin) = (tempfile::tempdir().expect("a folder"), format!("http://{}", provider.address));
    let keys = folder.path().join("keys");
    let within = i64::try_from(plan.within).expect("it fits");
    // A token is refreshed when a tenth to a fifth of its life is left.
    let lifetime = within + lead(plan) + 20;
    let begun = Instant::now();
    fill::elsewhere(&database.url(), &origin, &keys, plan.accounts, Ends { first: lead(plan) + lifetime / 5, within, lifetime });
    println!("  filled in {:.1} s; the first token is due {} s after the beginning", begun.elapsed().as_secs_f64(), lead(plan));
    let broker = Process::serving(Core::Any, &[&database.url(), &origin, ""]);
    let requests: Vec<(String, String)> =
        fill::read(&keys).into_iter().filter_map(|(name, key)| Some((name.strip_prefix("bench/")?.to_owned(), key))).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    // Every account once: what is in use is in memory.
    runtime.block_on(ask(&broker, &requests, plan.rate, requests.len()));
    let before = Look::at(&broker, &provider, begun);
    let (seen, looks) = std::thread::scope(|scope| {
        let (done, wait) = mpsc::channel::<()>();
        let looking = scope.spawn(|| looks(&broker, &provider, plan, wait));
        let seen = runtime.block_on(ask(&broker, &requests, plan.rate, plan.rate * plan.seconds));
        drop(done);
        (seen, looking.join().expect("it looks"))
    });
    let [refreshed, often, refused, wrong, calls] = counts(&provider);
    let Plan { accounts, within, rate, seconds, waves } = plan;
    println!("  {calls} calls reached the provider; {} tokens were refreshed before the load was measured", before.refreshed);
    let mut add = |work: String, limit_is: String, ours: f64, limit: Option<f64>, unit: &'static str, goal: Goal| {
        table.add(Row { work, limit_is, ours, limit, unit, goal });
    };
    let times = if *waves == 1 { "" } else { ", and once more" };
    let storm = format!("{accounts} tokens end within {within} s{times}, under {rate} requests/s for {seconds} s");
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    {
        // One that is missing is a token that ended under somebody's call.
        let ended = accounts * waves;
        add(format!("{storm}: refreshes"), "tokens that ended".to_owned(), refreshed as f64, Some(ended as f64), "", Goal::Exactly);
        add(
            "accounts that were refreshed more often than their tokens ended".to_owned(),
            "none".to_owned(),
            often as f64,
            None,
            "",
            Goal::AtMost(0.0),
        );
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
        let (Some(first), Some(last)) = (looks.iter().find(|look| look.refreshed >= *accounts as u64), looks.last()) else {
            // The first row tells it, too.
            println!("  not every token was refreshed: nothing to compare with");
            return;
        };
        let begun = format!("when each had been refreshed, after {:.0} s", first.after);
        add("memory at the end".to_owned(), begun, last.memory, Some(first.memory), "MB", Goal::Ratio(1.1));
        let before_load = "before, each used once".to_owned();
        add("the same".to_owned(), before_load.clone(), last.memory, Some(before.memory), "MB", Goal::Told);
        let most = looks.iter().map(|look| look.descriptors).max().unwrap_or_default();
        add(format!("descriptors under it, {AT_ONCE} of them of who asks: most"), String::new(), most as f64, None, "", Goal::Told);
        // What many had to wait for at once was asked on many connections, and those are kept for a while.
        std::thread::sleep(QUIET);
        let work = format!("descriptors {} s later", QUIET.as_secs());
        add(work, before_load, broker.descriptors() as f64, Some(before.descriptors as f64), "", Goal::Ratio(1.1));
    }
}

/// What a process had in use at a moment.
struct Look {
    /// Seconds.
    after: f64,
    refreshed: u64,
    /// Megabytes.
    memory: f64,
    descriptors: usize,
}

impl Look {
    fn at(broker: &Process, provider: &Process, begun: Instant) -> Self {
        Self {
            after: begun.elapsed().as_secs_f64(),
            refreshed: counts(provider)[0],
            memory: broker.memory().now / 1e6,
            descriptors: broker.descriptors(),
        }
    }
}

/// Looks now and then while it is asked, and at the end.
#[allow(clippy::needless_pass_by_value, reason = "it ends with its sender")]
fn looks(broker: &Process, provider: &Process, plan: &Plan, wait: mpsc::Receiver<()>) -> Vec<Look> {
    let every = Duration::from_secs(u64::try_from(plan.seconds / LOOKS).expect("it fits").max(1));
    let (begun, mut looks) = (Instant::now(), Vec::new());
    loop {
        let goes_on = wait.recv_timeout(every) == Err(RecvTimeoutError::Timeout);
        let look = Look::at(broker, provider, begun);
        let Look { after, refreshed, memory, descriptors } = look;
        println!("  after {after:.0} s: {refreshed} refreshed, {memory:.1} MB, {descriptors} descriptors");
        looks.push(look);
        if !goes_on {
            return looks;
        }
    }
}

fn counts(provider: &Process) -> [u64; 5] {
    let mut stream = std::net::TcpStream::connect(provider.address).expect("it listens");
    stream.write_all(b"GET /counts HTTP/1.1\r\nhost: provider\r\n\r\n").expect("sent");
    let (mut text, mut piece) = (Vec::new(), [0; 1024]);
    while !is_whole(&text) {
        let read = stream.read(&mut piece).expect("an answer");
        assert!(read > 0, "a whole answer, and not {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&piece[..read]);
    }
    let text = String::from_utf8_lossy(&text);
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

/// One whole answer.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<String> {
    buffer.clear();
    while !is_whole(buffer) {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8_lossy(buffer).into_owned())
}

/// Whether an answer has come to its end: its length is announced, or it comes in chunks.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    length.map_or_else(|| answer.ends_with(b"0\r\n\r\n"), |length| answer.len() >= end + 4 + length)
}
