//! Memory, and the start, with many accounts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use keyfob_testbed::{Cluster, Database, Options};

use crate::fill::{self, NEVER};
use crate::measure::median;
use crate::process::{Core, Memory, Process};
use crate::table::{Goal, Row, Table};
use crate::wrk::Load;

const MEGABYTE: f64 = 1e6;

/// Starts that are timed.
const STARTS: usize = 7;

pub(crate) fn measure(table: &mut Table, accounts: usize, stored: usize) {
    let settings = [("shared_buffers", "1GB"), ("max_wal_size", "4GB")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let Some(cluster) = Cluster::start(&Options { settings: settings.to_vec(), ..Options::default() }) else { return };
    let (database, provider) = (cluster.database(), Process::own(Core::Others, &["provider"]));
    let (folder, origin) = (tempfile::tempdir().expect("a folder"), format!("http://{}", provider.address));
    let keys = folder.path().join("keys");
    fill::elsewhere(&database.url(), &origin, &keys, accounts, NEVER);
    let load = of_all(&fill::read(&keys));
    let (few, few_start) = (used(&database, &origin, &load), start(&database, &origin));
    row(table, &format!("memory with {accounts} accounts in use, PostgreSQL"), few.now, None, Goal::AtMost(60.0));
    row(table, "at most, since the start", few.most, None, Goal::Told);
    more(&database, stored);
    let (many, many_start) = (used(&database, &origin, &load), start(&database, &origin));
    row(table, &format!("memory with {accounts} accounts in use, {stored} stored"), many.now, Some(few.now), Goal::Ratio(1.05));
    table.add(Row {
        work: format!("start to ready, {stored} accounts in PostgreSQL"),
        limit_is: format!("{accounts} accounts"),
        ours: many_start,
        limit: Some(few_start),
        unit: "ms",
        goal: Goal::AtMost(200.0),
    });
}

fn row(table: &mut Table, work: &str, ours: f64, limit: Option<f64>, goal: Goal) {
    let limit = limit.map(|limit| limit / MEGABYTE);
    table.add(Row {
        work: work.to_owned(),
        limit_is: if limit.is_some() { "as few stored" } else { "" }.to_owned(),
        ours: ours / MEGABYTE,
        limit,
        unit: "MB",
        goal,
    });
}

fn of_all(keys: &[(String, String)]) -> Load {
    let call = |(name, key): &(String, String)| {
        let number = name.strip_prefix("bench/")?;
        Some((format!("/api/bench%2F{number}/echo/{number}"), Some(key.clone())))
    };
    Load::of(&keys.iter().filter_map(call).collect::<Vec<_>>())
}

/// After every account was used several times.
fn used(database: &Database<'_>, origin: &str, load: &Load) -> Memory {
    let broker = Process::serving(Core::Servers, &[&database.url(), origin, ""]);
    let mut asked = 0.0;
    while asked < 40_000.0 {
        let seen = load.run(broker.address, 10);
        assert!(seen.failed == 0.0 && seen.requests > 0.0, "every answer is a good one: {seen:?}");
        asked += seen.requests;
    }
    broker.memory()
}

/// From the start of the process to a good answer at `/readyz`, in milliseconds.
fn start(database: &Database<'_>, origin: &str) -> f64 {
    let once = || {
        let begun = Instant::now();
        let broker = Process::serving(Core::Any, &[&database.url(), origin, ""]);
        while !is_ready(broker.address) {
            std::thread::sleep(Duration::from_millis(1));
        }
        begun.elapsed().as_secs_f64() * 1e3
    };
    median(&(0..STARTS).map(|_| once()).collect::<Vec<_>>())
}

fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let asked = stream.write_all(format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes());
    let mut head = [0; 12];
    asked.is_ok() && stream.read_exact(&mut head).is_ok() && head == *b"HTTP/1.1 200"
}

/// Rows of an account's size that nobody opens.
fn more(database: &Database<'_>, stored: usize) {
    let length = database.sql("SELECT max(length(record)) FROM keyfob.account");
    database.sql(&format!(
        "INSERT INTO keyfob.account (id, name, generation, due_at, record)
         SELECT decode(md5('id' || n), 'hex'), decode(md5('name' || n), 'hex'), 1, extract(epoch FROM now())::bigint + 86400 + n % 86400,
                decode(repeat(md5('record' || n), {length} / 16), 'hex')
         FROM generate_series(1, {stored} - (SELECT count(*) FROM keyfob.account)::bigint) AS n"
    ));
    database.sql("VACUUM ANALYZE keyfob.account");
    database.sql("CHECKPOINT");
}
