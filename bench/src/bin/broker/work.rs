//! What a request costs, beside servers that do less.

use keyfob_testbed::{Cluster, Options};
use tempfile::TempDir;

use crate::fill::{self, NEVER};
use crate::measure::median;
use crate::nginx::Nginx;
use crate::process::{Core, Process};
use crate::table::{Goal, Row, Table};
use crate::wrk::Load;

/// Turns of each, and how long one takes in seconds.
const TURNS: usize = 7;
const TURN: usize = 2;

/// A list of devices, as Telldus sends it.
const ANSWER: &str = r#"{"device":[{"id":"1","clientDeviceId":"1","name":"Kitchen","state":1,"statevalue":null,"methods":3,"type":"device","client":"1","clientName":"Home","online":"1","editable":1},{"id":"2","clientDeviceId":"2","name":"Hall","state":2,"statevalue":null,"methods":3,"type":"device","client":"1","clientName":"Home","online":"1","editable":1}]}"#;
const TARGET: &str = "/json/devices/list?supportedMethods=3&extras=online";

/// A server under a load.
struct Side<'a> {
    process: &'a Process,
    load: Load,
}

/// What it took: the medians of its turns.
#[derive(Clone, Copy)]
struct Took {
    micros: f64,
    rate: f64,
    p99: f64,
}

pub(crate) fn token(table: &mut Table) {
    let upstream = Nginx::answering(Core::Others, ANSWER);
    let broker = Broker::start("memory", &upstream);
    let hello = Process::own(Core::Servers, &["hello"]);
    let nginx = Nginx::answering(Core::Servers, "Hello, world!");
    let ours = broker.asked_for_token();
    let sides = [ours, Side { process: &hello, load: plain("/") }, Side { process: &nginx.process, load: plain("/") }];
    let [ours, hello, nginx] = in_turns(&sides);
    compare(table, "`/token/{account}`, warm", ours, "axum hello", hello, 1.2);
    table.add(row("the same", "nginx `return`", ours.micros, nginx.micros, "µs", Goal::Told));
}

pub(crate) fn forward(table: &mut Table) {
    let upstream = Nginx::answering(Core::Others, ANSWER);
    let broker = Broker::start("memory", &upstream);
    let nginx = Nginx::passing_to(Core::Servers, upstream.process.address);
    let [ours, nginx] = in_turns(&[broker.forwarding(), Side { process: &nginx.process, load: plain(TARGET) }]);
    compare(
        table,
        "a GET with a valet key, signed afresh (OAuth 1) and forwarded; the book in memory",
        ours,
        "nginx `proxy_pass`, unsigned",
        nginx,
        1.25,
    );
}

pub(crate) fn audit(table: &mut Table) {
    let upstream = Nginx::answering(Core::Others, ANSWER);
    let folder = tempfile::tempdir().expect("a folder");
    let in_memory = Broker::start("memory", &upstream);
    let on_disk = Broker::start(&folder.path().join("vault.db").to_string_lossy(), &upstream);
    let [disk, memory] = in_turns(&[on_disk.forwarding(), in_memory.forwarding()]);
    share(table, "the same with the book on disk, SQLite", disk, memory);
    drop(on_disk);
    let Some(cluster) = Cluster::start(&Options::default()) else { return };
    let database = cluster.database();
    let in_postgres = Broker::start(&database.url(), &upstream);
    let [postgres, memory] = in_turns(&[in_postgres.forwarding(), in_memory.forwarding()]);
    share(table, "the same with the book on disk, PostgreSQL on the same two cores", postgres, memory);
}

/// Requests a second are the goal's; CPU tells what of it is ours and what is waiting.
fn share(table: &mut Table, work: &str, ours: Took, memory: Took) {
    table.add(Row {
        work: format!("{work}: requests/s, of those with the book in memory"),
        limit_is: format!("{:.0} of {:.0} /s", ours.rate, memory.rate),
        ours: 100.0 * ours.rate / memory.rate,
        limit: None,
        unit: "%",
        goal: Goal::AtLeast(70.0),
    });
    let (work, limit) = (format!("{work}: CPU of the server, a request"), "the book in memory");
    table.add(row(&work, limit, ours.micros, memory.micros, "µs", Goal::Ratio(1.0 / 0.7)));
    table.add(row("its 99th percentile, 64 at once", limit, ours.p99, memory.p99, "ms", Goal::Told));
}

fn compare(table: &mut Table, work: &str, ours: Took, limit_is: &str, limit: Took, goal: f64) {
    table.add(row(&format!("{work}: CPU of the server, a request"), limit_is, ours.micros, limit.micros, "µs", Goal::Ratio(goal)));
    table.add(row("its 99th percentile, 64 at once", limit_is, ours.p99, limit.p99, "ms", Goal::Ratio(2.0)));
    table.add(row("on one core", limit_is, ours.rate, limit.rate, "/s", Goal::Told));
}

fn row(work: &str, limit_is: &str, ours: f64, limit: f64, unit: &'static str, goal: Goal) -> Row {
    Row { work: work.to_owned(), limit_is: limit_is.to_owned(), ours, limit: Some(limit), unit, goal }
}

fn plain(target: &str) -> Load {
    Load::of(&[(target.to_owned(), None)])
}

/// Short turns, so that what else the machine does meets all.
fn in_turns<const N: usize>(sides: &[Side<'_>; N]) -> [Took; N] {
    let mut took: [Vec<Took>; N] = std::array::from_fn(|_| Vec::new());
    // Not counted: caches fill, connections are opened.
    for side in sides {
        side.load.run(side.process.address, 1);
    }
    for _ in 0..TURNS {
        for (side, took) in sides.iter().zip(&mut took) {
            let before = side.process.cpu();
            let seen = side.load.run(side.process.address, TURN);
            let cpu = side.process.cpu() - before;
            assert!(seen.failed == 0.0, "every answer is a good one: {seen:?}");
            took.push(Took { micros: cpu * 1e6 / seen.requests, rate: seen.requests / seen.seconds, p99: seen.p99 });
        }
    }
    took.map(|took| {
        let middle = |of: fn(&Took) -> f64| median(&took.iter().map(of).collect::<Vec<_>>());
        Took { micros: middle(|took| took.micros), rate: middle(|took| took.rate), p99: middle(|took| took.p99) }
    })
}

/// The web app, with an account that signs and one with a token.
struct Broker {
    process: Process,
    keys: Vec<(String, String)>,
    _folder: TempDir,
}

impl Broker {
    fn start(store: &str, upstream: &Nginx) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, origin) = (folder.path().join("keys"), format!("http://{}", upstream.process.address));
        if store != "memory" {
            fill::elsewhere(store, &origin, &file, 1, NEVER);
        }
        let process = Process::serving(Core::Servers, &[store, &origin, &file.to_string_lossy()]);
        Self { process, keys: fill::read(&file), _folder: folder }
    }

    fn key(&self, account: &str) -> Option<String> {
        self.keys.iter().find(|(name, _)| name == account).map(|(_, key)| key.clone())
    }

    fn forwarding(&self) -> Side<'_> {
        Side { process: &self.process, load: Load::of(&[(format!("/api/telldus{TARGET}"), self.key("telldus"))]) }
    }

    fn asked_for_token(&self) -> Side<'_> {
        Side { process: &self.process, load: Load::of(&[("/token/bench".to_owned(), self.key("bench"))]) }
    }
}
