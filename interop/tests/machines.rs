//! Two machines with one vault in PostgreSQL, against refresh tokens that rotate (oidc-provider): network namespaces, each with a cable
//! to the database and to the provider, a name and process numbers of its own.
//!
//! ```text
//!  machine-0: members ──► 127.0.0.1:PORT (road) ──cable──► relay ──► the provider, on 127.0.0.1:PORT here
//!  machine-1: members ──► 127.0.0.1:PORT (road) ──cable──► relay ──┘
//!                    └──────────────cable, TLS──────────► PostgreSQL
//! ```
//!
//! The roads are there since an issuer is https or the machine's own (F2): to each machine it is its own.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use keyfob::history::{Event, Spending};
use keyfob_interop::fleet::{self, Base, Fleet, LIFETIME, PROVIDER, Report, Round, rounds};
use keyfob_interop::peers::{self, Counts, Peer};
use keyfob_interop::relay::relay;
use keyfob_interop::{Home, Program};
use keyfob_testbed::{Cluster, Options, TwoMachines};

/// Where a road begins and where it leads.
const ROAD: &str = "KEYFOB_TEST_ROAD";

/// A machine is taken for dead when its note is older than a request can be: by more than a minute.
const UNTIL_DEAD: Duration = Duration::from_secs(180);

#[test]
#[ignore = "run by the other tests, on another machine"]
fn member() {
    fleet::serve();
}

/// Until its input ends.
#[test]
#[ignore = "run by the other tests, on another machine"]
fn road() {
    let Ok(road) = std::env::var(ROAD) else { return };
    let (at, to) = road.split_once(' ').expect("two addresses");
    relay(at, to);
    println!("\nready");
    drop(std::io::stdin().read_line(&mut String::new()));
}

/// Round after round all tokens end, and all processes of both machines want all of them at once.
#[test]
fn d2_two_machines_refresh_once_an_expiry() {
    const ACCOUNTS: usize = 10;
    const MEMBERS: usize = 2;
    let rounds = rounds();
    on_two_machines(LIFETIME, ACCOUNTS, |scene| {
        let mut machines = scene.muster(MEMBERS);
        let mut last = BTreeSet::new();
        let names = [0, 1].map(TwoMachines::name);
        // Each machine has had its share of the work, or this says nothing about two. On a busy host one of them may be late for
        // every refresh of a round: there are as many as it takes.
        let shared = || names.iter().all(|name| scene.workers().contains(name));
        for number in 1.. {
            if number > rounds && (shared() || number > rounds + 20) {
                break;
            }
            let round = Round::begin(&scene.peer);
            let report = both(&mut machines, if number % 2 == 0 { "token 1" } else { "call 1" });
            let tokens = round.end(&scene.peer, report, ACCOUNTS, 2 * MEMBERS * ACCOUNTS);
            assert!(tokens.is_disjoint(&last), "round {number}: new tokens");
            last = tokens;
        }
        let before = scene.peer.counts();
        println!("{before:?}");
        // The refresh tokens that lie in the vault are the ones that count.
        scene.runtime.block_on(async {
            for nth in 0..ACCOUNTS {
                scene.base.session(&format!("{PROVIDER}/{nth}")).await.refresh().await.expect("the last refresh token is good");
            }
        });
        let all = ACCOUNTS as u64;
        let expected = Counts { requests: before.requests + all, refreshed: before.refreshed + all, refused: 0 };
        assert_eq!(scene.peer.counts(), expected);
        assert!(shared(), "{:?}", scene.workers());
    });
}

/// A machine is cut off and dies while the provider has its refresh token: the token is spent, and its successor was never received. The
/// other one may not spend it as long as that can be under way; then it does, once, and its person learns which machine lost it, and when.
#[test]
fn d12_a_machine_that_dies_in_a_refresh_is_named_by_the_other_one() {
    on_two_machines(3600, 1, |scene| {
        let mut two = scene.loses_a_holder(|| scene.machines.cut_off(0));

        // A person logs in again, and the machine that is left goes on.
        scene.runtime.block_on(scene.base.log_in(&format!("{PROVIDER}/0")));
        assert_eq!(two.all("call 1").good, 1);
        scene.peer.order("expire");
        let report = two.all("call 3");
        assert_eq!((report.good, report.tokens.len()), (3, 1), "{report:#?}");
        assert_eq!(scene.peer.counts(), Counts { requests: 3, refreshed: 2, refused: 1 });
    });
}

/// The same with a process that is killed there, while the machine lives: its lock is free at once, and whether it is gone nobody can see from here. So
/// it is waited for as long, and no longer.
#[test]
fn d12_a_process_that_is_killed_in_a_refresh_is_named_by_the_other_machine() {
    on_two_machines(3600, 1, |scene| drop(scene.loses_a_holder(|| {})));
}

/// The peer, a database, and two machines with cables to both.
struct Scene<'a> {
    peer: Peer,
    machines: &'a TwoMachines,
    home: Home,
    places: [String; 2],
    runtime: tokio::runtime::Runtime,
    base: Base,
    _roads: Vec<Program>,
}

/// Runs a test, where there is what it needs, with so many accounts, whose access tokens last so many seconds.
fn on_two_machines(lifetime: u32, accounts: usize, test: impl FnOnce(&Scene<'_>)) {
    let Some(machines) = TwoMachines::plug_in() else { return };
    let Some(peer) = peers::oidc(lifetime) else { return };
    let options = Options { tls: true, listen: machines.addresses().to_vec(), ..Options::default() };
    let Some(cluster) = Cluster::start(&options) else { return };
    let database = cluster.database();
    let roots = cluster.file("ca.pem", cluster.authority().expect("it has one").certificate());
    let places = machines.addresses().map(|address| format!("{}?sslrootcert={}", database.tcp_url(&address), roots.display()));
    let home = Home::new();
    let provider = peer.origin.trim_start_matches("http://");
    let port = provider.rsplit(':').next().expect("a port");
    let roads = machines.addresses().into_iter().enumerate().map(|(machine, address)| {
        let far = format!("{address}:{port}");
        relay(&far, provider);
        let mut road = fleet::helper(&machines.words(machine), home.path(), "road", &[(ROAD, &format!("{provider} {far}"))]);
        road.wait_for("ready");
        road
    });
    let roads = roads.collect();
    Base::prepare(&home, &peer.origin);
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let base = runtime.block_on(Base::open(home.path(), &database.url()));
    (0..accounts).for_each(|nth| runtime.block_on(base.log_in(&format!("{PROVIDER}/{nth}"))));
    test(&Scene { peer, machines: &machines, home, places, runtime, base, _roads: roads });
}

impl Scene<'_> {
    /// So many processes on each machine.
    fn muster(&self, members: usize) -> [Fleet; 2] {
        [0, 1].map(|machine| Fleet::muster_behind(&self.machines.words(machine), &self.home, &self.places[machine], members, &[]))
    }

    /// A process of machine 0 is killed when the provider has spent its token, after `before`; machine 1 waits for what may be under way, spends the token once
    /// more, and says who lost it. The process that did.
    fn loses_a_holder(&self, before: impl FnOnce()) -> Fleet {
        let [mut one, mut two] = self.muster(1);
        self.peer.order("expire");
        self.peer.order("hold");
        one.begin("call 1");
        self.wait_for_the_request();
        two.begin("call 1");
        before();
        drop(one);
        self.peer.order("release");
        let mut report = two.end_within(UNTIL_DEAD);
        // Whoever comes late to a busy machine has waited for as long as anybody does, and asks again.
        let is_late = |report: &Report| report.errors.iter().any(|error| error.contains("is being refreshed by"));
        let was_late = is_late(&report);
        for _ in 0..10 {
            if !is_late(&report) {
                break;
            }
            thread::sleep(Duration::from_secs(5));
            two.begin("call 1");
            report = two.end_within(UNTIL_DEAD);
        }
        assert_eq!(report.good, 0, "{report:#?}");
        let told = report.errors.iter().next().expect("an error").clone();
        for part in ["was begun at", "on machine-0", "no answer to it was kept", "which nobody has"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(self.peer.counts(), Counts { requests: 2, refreshed: 1, refused: 1 }, "once by each machine");
        let history = self.history();
        let find = |wanted: fn(&Event) -> Option<&Spending>| history.iter().find_map(wanted).unwrap_or_else(|| panic!("{history:#?}"));
        let lost = find(|event| if let Event::Abandoned { refresh } = event { Some(refresh) } else { None });
        let refused = find(|event| if let Event::NeedsLogin { refresh, .. } = event { refresh.as_ref() } else { None });
        assert_eq!([&lost.by.host, &refused.by.host], [&TwoMachines::name(0), &TwoMachines::name(1)]);
        let [began, again] = [lost, refused].map(|refresh| refresh.since_at_server.expect("the database tells the time"));
        let waited = again.since(began);
        assert!(waited > 60, "spent again after {waited} s, when the first request could still be under way");
        // By the database's clock, from the first one's note: 70 s, and what the second one takes to begin on a busy machine. Who was late has said so.
        assert!(was_late || waited < 120, "it went on after {waited} s, and nobody was told why");
        two
    }

    /// Until the provider has the refresh token, and has spent it.
    fn wait_for_the_request(&self) {
        let begun = Instant::now();
        while self.peer.counts().requests == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody refreshes");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What happened to all accounts.
    fn history(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.runtime.block_on(async {
            for account in self.base.keyfob.store().accounts().await.expect("lists") {
                let entries = self.base.keyfob.store().history(&account.value.id).await.expect("reads");
                events.extend(entries.into_iter().map(|entry| entry.event));
            }
        });
        events
    }

    /// The machines that refreshed something.
    fn workers(&self) -> BTreeSet<String> {
        let by = |event: &Event| match event {
            Event::Refreshed { refresh, .. } => Some(refresh.by.host.clone()),
            _ => None,
        };
        self.history().iter().filter_map(by).collect()
    }
}

/// Gives both machines an order at once; what both did.
fn both(machines: &mut [Fleet; 2], order: &str) -> Report {
    machines.iter_mut().for_each(|fleet| fleet.begin(order));
    let mut sum = Report::default();
    machines.iter_mut().for_each(|fleet| sum.add(fleet.end()));
    sum
}
