//! 10 000 due accounts of a million: found, leased and refreshed by two worker processes, each exactly once; beside the rate at which the
//! token endpoint answers as many requests at once from clients that do nothing else.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use keyfob::proto::{Api, App, Deviations, Endpoint, Flow, Settings, Signal, oauth2};
use keyfob::store::Expected;
use keyfob::upkeep::{self, Outcome, Plan};
use keyfob::{Account, Error, HyperTransport, Keyfob, Policy, Store};
use keyfob_testbed::Database;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stub::Stub;
use crate::{account, all_threads, vault};

const DUE: usize = 10_000;
const WORKERS: usize = 2;
const AT_ONCE: usize = 32;

pub(crate) fn run(database: &Database<'_>, accounts: usize) {
    let runtime = all_threads();
    let now = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later").as_secs()).expect("it fits");
    let (stub, origin) = runtime.block_on(Stub::start());
    for slow in [20, 0] {
        stub.slow.store(slow, Ordering::Relaxed);
        runtime.block_on(fill(database, accounts, now, &origin));
        let own = runtime.block_on(own_rate(&origin));
        stub.take();
        let begun = Instant::now();
        let program = std::env::current_exe().expect("this program");
        let worker = || Command::new(&program).args(["worker", &database.url(), &origin]).stdout(Stdio::piped()).spawn().expect("it runs");
        let workers: Vec<_> = (0..WORKERS).map(|_| worker()).collect();
        let told: Vec<String> = workers
            .into_iter()
            .map(|worker| String::from_utf8_lossy(&worker.wait_with_output().expect("it ends").stdout).trim().to_owned())
            .collect();
        let rate = DUE as f64 / begun.elapsed().as_secs_f64();
        let (spent, twice) = stub.take();
        println!(
            "{DUE} due of {accounts}, {WORKERS} workers, {slow:2} ms a token  {rate:6.0} /s   the stub's own {own:6.0} /s   {:.0} % (goal 50 %)   {spent} spent, {twice} twice; workers: {}",
            100.0 * rate / own,
            told.join(", ")
        );
    }
}

/// The accounts: those that are due are real, the others are rows of their size that nobody opens.
async fn fill(database: &Database<'_>, accounts: usize, now: i64, origin: &str) {
    let vault = Arc::new(vault(&database.url(), 16).await);
    database.sql("TRUNCATE keyfob.account, keyfob.history");
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let (vault, origin) = (Arc::clone(&vault), origin.to_owned());
            tokio::spawn(async move {
                for number in (task..DUE).step_by(16) {
                    let account = account(&format!("account-{number}"), &format!("refresh-{number}-"), now - 7200, &origin);
                    vault.put_account(&account, Expected::Nothing, None).await.expect("puts");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends");
    }
    let length = database.sql("SELECT max(length(record)) FROM keyfob.account");
    database.sql(&format!(
        "INSERT INTO keyfob.account (id, name, generation, due_at, record)
         SELECT decode(md5('id' || n), 'hex'), decode(md5('name' || n), 'hex'), 1, {now} + 600 + n % 86400,
                decode(repeat(md5('record' || n), {length} / 16), 'hex') FROM generate_series({DUE} + 1, {accounts}) AS n"
    ));
    database.sql("VACUUM ANALYZE keyfob.account");
    database.sql("CHECKPOINT");
}

/// As many requests at once as the workers make, by clients that do nothing with the answer.
async fn own_rate(origin: &str) -> f64 {
    let address = origin.trim_start_matches("http://").to_owned();
    let begun = Instant::now();
    let clients = WORKERS * AT_ONCE;
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let address = address.clone();
            tokio::spawn(async move {
                let mut stream = tokio::net::TcpStream::connect(address).await.expect("connects");
                stream.set_nodelay(true).expect("sets");
                let mut buffer = [0; 4096];
                for number in (client..DUE).step_by(clients) {
                    let body = format!("grant_type=refresh_token&refresh_token=refresh-{number}-");
                    let head = format!("POST /token HTTP/1.1\r\nhost: stub\r\ncontent-length: {}\r\n\r\n", body.len());
                    stream.write_all((head + &body).as_bytes()).await.expect("sends");
                    let read = stream.read(&mut buffer).await.expect("reads");
                    assert!(buffer[..read].starts_with(b"HTTP/1.1 200"));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("it ends");
    }
    DUE as f64 / begun.elapsed().as_secs_f64()
}

/// One worker, in a process of its own: until nothing is due.
pub(crate) fn work(url: &str, origin: &str) {
    all_threads().block_on(async {
        let transport = HyperTransport::builder().loopback_only(true).build().expect("a certificate store");
        let mut policy = Policy::default();
        policy.at_once = AT_ONCE;
        let keyfob = Keyfob::new(Arc::new(vault(url, 16).await), Arc::new(transport)).with_policy(policy);
        let mut plan = Plan::default();
        plan.at_once = AT_ONCE;
        plan.lease = Duration::from_secs(600);
        let settings = settings(origin);
        let resolve = move |_: &Account| Ok::<_, Error>((settings.clone(), App::confidential("example-client-id", "secret-not-real")));
        let report = upkeep::refresh_due(&keyfob, &resolve, &plan).await.expect("it leases");
        let refreshed = report.accounts.iter().filter(|kept| matches!(kept.outcome, Outcome::Refreshed)).count();
        println!("{refreshed} of {}", report.accounts.len());
        if let Some(other) = report.accounts.iter().find(|kept| !matches!(kept.outcome, Outcome::Refreshed)) {
            eprintln!("{other:?}");
        }
    });
}

/// A provider whose every endpoint is at this origin, and who rotates.
fn settings(origin: &str) -> Settings {
    let endpoint = |path: &str| Endpoint::parse(&format!("{origin}{path}")).expect("an endpoint");
    Settings {
        provider: "example".to_owned(),
        flow: Flow::OAuth2(oauth2::Settings {
            client_auth: oauth2::ClientAuth::Post,
            scopes: vec!["read".to_owned()],
            ..oauth2::Settings::new(endpoint("/authorize"), endpoint("/token"))
        }),
        api: Api {
            expired: vec![Signal { statuses: vec![401], pointer: None, values: vec![], contains: vec![] }],
            ..Api::new(endpoint("/api"))
        },
        deviations: Deviations::new(),
        keep: vec![],
        retired: None,
    }
}
