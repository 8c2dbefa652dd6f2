//! Processes that share accounts, against refresh tokens that rotate (oidc-provider): one refresh an expiry, whoever asks and
//! however many at once. Two refreshes with one refresh token would end the grant, and with it the test.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use keyfob_interop::Home;
use keyfob_interop::fleet::{self, Base, Fleet, LIFETIME, PROVIDER, Report, Round, rounds};
use keyfob_interop::peers::{self, Counts, Peer};
use keyfob_testbed::{Cluster, Options};

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn member() {
    fleet::serve();
}

#[test]
fn d2_eight_processes_refresh_once_an_expiry_sqlite() {
    on(Vault::Sqlite, LIFETIME, 20, |scene| scene.expire_and_use(8, rounds()));
}

#[test]
fn d2_eight_processes_refresh_once_an_expiry_postgres() {
    on(Vault::Postgres, LIFETIME, 20, |scene| scene.expire_and_use(8, rounds()));
}

/// How many seconds a token lasts where nobody steers.
const FREE: u32 = 10;

/// Nobody steers them: each calls when it likes, while tokens of ten seconds end by the real clock.
#[test]
fn d2_processes_that_run_free_never_spend_a_token_twice_sqlite() {
    on(Vault::Sqlite, FREE, 8, |scene| scene.run_free(4, Duration::from_secs(11)));
}

#[test]
fn d2_processes_that_run_free_never_spend_a_token_twice_postgres() {
    on(Vault::Postgres, FREE, 8, |scene| scene.run_free(4, Duration::from_secs(11)));
}

#[test]
fn d1_a_thousand_tasks_of_one_process_make_one_refresh_sqlite() {
    on(Vault::Sqlite, 3600, 1, |scene| scene.crowd(1, 1000));
}

#[test]
fn d1_a_thousand_tasks_of_four_processes_make_one_refresh_sqlite() {
    on(Vault::Sqlite, 3600, 1, |scene| scene.crowd(4, 250));
}

#[test]
fn d1_a_thousand_tasks_of_four_processes_make_one_refresh_postgres() {
    on(Vault::Postgres, 3600, 1, |scene| scene.crowd(4, 250));
}

/// While one works, another adds accounts, and so does a third.
#[test]
fn j7_processes_that_add_accounts_disturb_nobody_sqlite() {
    on(Vault::Sqlite, 3600, 1, |scene| scene.add_while_working());
}

#[test]
fn j7_processes_that_add_accounts_disturb_nobody_postgres() {
    on(Vault::Postgres, 3600, 1, |scene| scene.add_while_working());
}

/// The database goes away while the provider has the refresh token and has not answered yet; it is back before the answer comes.
#[test]
fn d6_a_database_that_restarts_in_the_middle_of_a_refresh_costs_no_token() {
    on(Vault::Postgres, 3600, 1, |scene| scene.lose_the_database(1, false));
}

/// The same, but it comes back only after the answer did.
#[test]
fn d6_a_database_that_is_away_when_new_tokens_come_costs_no_token() {
    on(Vault::Postgres, 3600, 1, |scene| scene.lose_the_database(1, true));
}

/// The same with many, before and after: no lock keeps anybody from spending the token, for a server that was started again has forgotten
/// whose turn it was.
#[test]
fn d6_a_database_that_restarts_in_the_middle_of_a_refresh_lets_nobody_else_spend_the_token() {
    on(Vault::Postgres, 3600, 1, |scene| scene.lose_the_database(4, false));
}

/// Where the accounts lie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vault {
    Sqlite,
    Postgres,
}

/// Runs a test, where there is what it needs, with so many accounts, whose access tokens last so many seconds.
fn on(vault: Vault, lifetime: u32, accounts: usize, test: impl FnOnce(&Scene<'_>)) {
    let Some(peer) = peers::oidc(lifetime) else { return };
    let home = Home::new();
    if vault == Vault::Sqlite {
        let place = home.path().join("keyfob/vault.db").display().to_string();
        test(&Scene::new(peer, accounts, home, place, None));
    } else if let Some(cluster) = Cluster::start(&Options::default()) {
        let database = cluster.database();
        test(&Scene::new(peer, accounts, home, database.url(), Some(&cluster)));
    }
}

/// The peer, and a home with accounts at it.
struct Scene<'a> {
    peer: Peer,
    accounts: usize,
    home: Home,
    place: String,
    runtime: tokio::runtime::Runtime,
    base: Base,
    cluster: Option<&'a Cluster>,
    /// When the first login began.
    begun: Instant,
}

impl<'a> Scene<'a> {
    fn new(peer: Peer, accounts: usize, home: Home, place: String, cluster: Option<&'a Cluster>) -> Self {
        Base::prepare(&home, &peer.origin);
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let base = runtime.block_on(Base::open(home.path(), &place));
        let begun = Instant::now();
        (0..accounts).for_each(|nth| runtime.block_on(base.log_in(&format!("{PROVIDER}/{nth}"))));
        Self { peer, accounts, home, place, runtime, base, cluster, begun }
    }

    fn fleet(&self, members: usize) -> Fleet {
        Fleet::muster(&self.home, &self.place, members, &[])
    }

    /// Round after round all tokens end, and all members want all of them at once.
    fn expire_and_use(&self, members: usize, rounds: u64) {
        let mut fleet = self.fleet(members);
        let mut last = BTreeSet::new();
        for number in 1..=rounds {
            let round = Round::begin(&self.peer);
            let report = fleet.all(if number % 2 == 0 { "token 1" } else { "call 1" });
            let tokens = round.end(&self.peer, report, self.accounts, members * self.accounts);
            assert!(tokens.is_disjoint(&last), "round {number}: new tokens");
            last = tokens;
        }
        println!("{:?}", self.peer.counts());
        self.the_grants_live();
    }

    /// So many tasks in so many processes on one token that has ended, by what the provider says and by what the clock says.
    fn crowd(&self, members: usize, tasks: usize) {
        let mut fleet = self.fleet(members);
        self.peer.order("expire");
        self.assert_one_each(&fleet.all(&format!("call {tasks}")), members * tasks);
        assert_eq!(self.peer.counts(), Counts { requests: 1, refreshed: 1, refused: 0 }, "the provider says expired");

        // Somebody else's tokens, in another fleet: what has just been refreshed is not refreshed again for a minute, whatever the clock says (D8).
        self.runtime.block_on(self.base.log_in(&format!("{PROVIDER}/0")));
        let mut fleet = self.fleet(members);
        fleet.all("clock 10000");
        self.assert_one_each(&fleet.all(&format!("token {tasks}")), members * tasks);
        assert_eq!(self.peer.counts(), Counts { requests: 2, refreshed: 2, refused: 0 }, "the clock says expired");
        self.base.turn(20_000);
        self.the_grants_live();
    }

    fn run_free(&self, members: usize, time: Duration) {
        let mut fleet = self.fleet(members);
        let took = self.begun.elapsed();
        let report = fleet.all(&format!("loop {}", time.as_millis()));
        assert!(report.errors.is_empty(), "{report:#?}");
        let counts = self.peer.counts();
        let all = self.accounts as u64;
        assert_eq!((counts.refused, counts.requests), (0, counts.refreshed), "{counts:?}");
        // On a machine so busy that a login's token ends before anybody has called with it, no more than that is certain.
        if took < Duration::from_secs(FREE.into()) * 7 / 10 {
            // Each token ended, or was about to, once in this time; on a slow machine perhaps twice.
            assert!((all..=2 * all).contains(&counts.refreshed), "{counts:?}");
            assert_eq!(report.tokens.len() as u64, all + counts.refreshed, "every token was used, and nobody had one of his own");
        } else {
            println!("it took {took:?} until they began: tokens ended before");
        }
        self.the_grants_live();
    }

    fn add_while_working(&self) {
        const EACH: usize = 500;
        let (mut worker, mut left, mut right) = (self.fleet(1), self.fleet(1), self.fleet(1));
        left.begin(&format!("add left {EACH}"));
        right.begin(&format!("add right {EACH}"));
        self.peer.order("expire");
        self.assert_one_each(&worker.all("call 3"), 3);
        (0..10).for_each(|_| self.assert_one_each(&worker.all("call 1"), 1));
        let added = [left.end(), right.end()];
        assert!(added.iter().all(|report| report.good == EACH && report.errors.is_empty()), "{added:#?}");
        assert_eq!(self.peer.counts(), Counts { requests: 1, refreshed: 1, refused: 0 });
        let accounts = self.runtime.block_on(self.base.keyfob.store().accounts()).expect("lists");
        let names: BTreeSet<_> = accounts.into_iter().map(|account| account.value.name).collect();
        let added = added.into_iter().flat_map(|report| report.tokens);
        assert_eq!(names, added.chain([format!("{PROVIDER}/0")]).collect());
        assert_eq!(names.len(), 2 * EACH + 1);
    }

    /// So many processes want a new token. While the provider keeps it back, the database is stopped and started again, and as many others
    /// want the token too: no lock keeps them from spending it, for the database has forgotten whose turn it is. Or, `late`, it is started
    /// again only when the token was there for a while.
    fn lose_the_database(&self, members: usize, late: bool) {
        let cluster = self.cluster.expect("there is one");
        let (mut fleet, mut others) = (self.fleet(members), self.fleet(members));
        self.peer.order("expire");
        self.peer.order("hold");
        fleet.begin("call 3");
        self.wait_for_the_request();
        cluster.stop();
        if late {
            self.peer.order("release");
            thread::sleep(Duration::from_secs(2));
        }
        cluster.start_again();
        others.begin("call 3");
        if !late {
            // They have come to the lock by then, and taken it if they do.
            thread::sleep(Duration::from_secs(3));
            self.peer.order("release");
        }
        let (report, theirs) = (fleet.end(), others.end());
        assert_eq!(self.peer.counts(), Counts { requests: 1, refreshed: 1, refused: 0 }, "{report:#?} {theirs:#?}");
        assert_eq!((&theirs.tokens, theirs.good), (&report.tokens, 3 * members), "{theirs:#?}");
        // Whoever refreshes gets the token, written down or not; the others get it too, or are told what is wrong.
        assert!(report.good >= 3 && report.tokens.len() == 1, "{report:#?}");
        for error in &report.errors {
            assert!(error.contains("the vault cannot be read or written") && error.contains("PostgreSQL"), "{error}");
        }
        let again = fleet.all("call 3");
        assert_eq!((&again.tokens, again.good), (&report.tokens, 3 * members), "{again:#?}");
        assert_eq!(self.peer.counts(), Counts { requests: 1, refreshed: 1, refused: 0 });
        drop((fleet, others));
        self.the_grants_live();
    }

    /// Until the provider has the refresh token, and has spent it.
    fn wait_for_the_request(&self) {
        let begun = Instant::now();
        while self.peer.counts().requests == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody refreshes");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The refresh tokens that lie in the vault are the ones that count, and the provider takes them.
    fn the_grants_live(&self) {
        let before = self.peer.counts();
        let all = self.accounts as u64;
        self.runtime.block_on(async {
            for nth in 0..self.accounts {
                self.base.session(&format!("{PROVIDER}/{nth}")).await.refresh().await.expect("the last refresh token is good");
            }
        });
        let expected = Counts { requests: before.requests + all, refreshed: before.refreshed + all, refused: 0 };
        assert_eq!(self.peer.counts(), expected);
    }

    /// All tasks, so many at least, came to a good end, with the same token for each account.
    #[track_caller]
    fn assert_one_each(&self, report: &Report, tasks: usize) {
        assert!(report.errors.is_empty(), "{report:#?}");
        assert!(report.good >= tasks, "{report:#?}");
        assert_eq!(report.tokens.len(), self.accounts, "{report:#?}");
    }
}
