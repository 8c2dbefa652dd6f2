//! Refreshing in the background: each account that is due, once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keyfob::proto::{App, Settings, Timestamp, TransportKind};
use keyfob::upkeep::{self, Outcome, Plan, Resolve, Resolving};
use keyfob::{Account, Error, Moment, Store};

use super::common;
use super::house::{House, NOW, account};
use super::provider::Act;

fn known(_: &Account) -> Result<(Settings, App), Error> {
    Ok((common::provider("https://provider.example"), common::app()))
}

/// So many accounts whose tokens end in two minutes, and as many whose tokens do not.
async fn house(count: usize) -> House {
    let house = House::empty();
    house.provider.habits(|habits| (habits.rotates, habits.delay) = (false, Duration::from_millis(300)));
    for number in 0..count {
        house.put(account(&format!("due/{number}"), &format!("due-{number}"), NOW - 3480, Some(NOW + 120))).await;
        house.put(account(&format!("young/{number}"), &format!("young-{number}"), NOW, Some(NOW + 3600))).await;
    }
    house
}

#[tokio::test(start_paused = true)]
async fn of_several_workers_each_account_goes_to_one() {
    let house = house(300).await;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let keyfob = house.keyfob();
        workers.spawn(async move { upkeep::refresh_due(&keyfob, &known, &Plan::default()).await.unwrap() });
    }
    let reports = workers.join_all().await;
    let asked = house.provider.asked();
    assert_eq!((asked.len(), asked.iter().collect::<BTreeSet<_>>().len()), (300, 300), "each exactly once");
    assert!(asked.iter().all(|token| token.starts_with("refresh-due-")));
    let done: Vec<_> = reports.iter().flat_map(|report| &report.accounts).collect();
    assert_eq!(done.len(), 300);
    assert!(done.iter().all(|kept| matches!(kept.outcome, Outcome::Refreshed)), "{done:?}");
    assert!(reports.iter().all(|report| report.accounts.len() > 30), "all of them worked");
    assert_eq!(house.provider.most_under_way(), 32, "four processes, eight each");
    let again = upkeep::refresh_due(&house.keyfob(), &known, &Plan::default()).await.unwrap();
    assert!(again.accounts.is_empty(), "{again:?}");
}

/// For ever is a time, too.
#[tokio::test(start_paused = true)]
async fn whoever_waits_for_ever_refreshes_what_is_due() {
    let (house, mut policy) = (house(1).await, keyfob::Policy::default());
    policy.patience = Duration::MAX;
    let report = upkeep::refresh_due(&house.keyfob().with_policy(policy), &known, &Plan::default()).await.unwrap();
    let [kept] = &report.accounts[..] else { panic!("{report:?}") };
    assert!(matches!(kept.outcome, Outcome::Refreshed), "{kept:?}");
}

/// Between the lease and the refresh somebody calls: `resolve` is that moment.
#[tokio::test(start_paused = true)]
async fn what_somebody_else_refreshed_in_between_is_not_refreshed_again() {
    let house = house(1).await;
    let session = house.session_of(&house.keyfob(), "due/0").await;
    let resolve = |account: &Account| {
        let (session, refreshed) = (session.clone(), std::sync::mpsc::channel());
        let waits = refreshed.1;
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(session.refresh()).unwrap();
            refreshed.0.send(()).unwrap();
        });
        waits.recv().unwrap();
        known(account)
    };
    let report = upkeep::refresh_due(&house.keyfob(), &resolve, &Plan::default()).await.unwrap();
    let [kept] = &report.accounts[..] else { panic!("{report:?}") };
    assert!(matches!(kept.outcome, Outcome::RefreshedElsewhere), "{kept:?}");
    assert_eq!(house.provider.asked(), ["refresh-due-0"]);
}

/// The clock on the wall was turned right after a refresh: what it brought is not due in truth, and is neither refreshed again nor said to be.
#[tokio::test(start_paused = true)]
async fn d8_what_was_refreshed_a_moment_ago_is_left_alone_and_nobody_s() {
    let house = house(1).await;
    house.clock.run_for(1000);
    upkeep::refresh_due(&house.keyfob(), &known, &Plan::default()).await.unwrap();
    house.clock.turn(365 * 86_400);
    house.clock.run_for(1030);
    let round = async || {
        let report = upkeep::refresh_due(&house.keyfob(), &known, &Plan::default()).await.unwrap();
        report.accounts.into_iter().find(|kept| kept.account == "due/0").map(|kept| kept.outcome)
    };
    for _ in 0..2 {
        assert!(matches!(round().await, Some(Outcome::LeftAlone)));
    }
    assert_eq!(house.provider.asked().iter().filter(|token| token.contains("due-0") || token.as_str() == "refresh-2").count(), 1);
    // Nobody has it leased when the minute is over.
    house.clock.run_for(1061);
    assert!(matches!(round().await, Some(Outcome::Refreshed)));
}

/// A thousand of them are a thousand statements otherwise, and round trips, and commits.
#[tokio::test(start_paused = true)]
async fn what_was_left_alone_is_given_back_at_once() {
    let house = house(5).await;
    house.clock.run_for(1000);
    upkeep::refresh_due(&house.keyfob(), &known, &Plan::default()).await.unwrap();
    house.clock.turn(365 * 86_400);
    house.clock.run_for(1030);
    let report = upkeep::refresh_due(&house.keyfob(), &known, &Plan::default()).await.unwrap();
    let left_alone = report.accounts.iter().filter(|kept| matches!(kept.outcome, Outcome::LeftAlone)).count();
    assert_eq!(left_alone, 5, "{report:?}");
    let given_back: Vec<_> = house.logged().into_iter().filter(|line| line.starts_with("give back")).collect();
    assert_eq!(given_back, ["give back 5"]);
}

/// One refresh under a clock that was a year ahead: that must not be a year without any.
#[tokio::test(start_paused = true)]
async fn d8_what_was_refreshed_by_a_clock_that_was_fast_becomes_due_again() {
    const YEAR: i64 = 365 * 86_400;
    let house = house(1).await;
    let round = async || upkeep::refresh_due(&house.keyfob(), &known, &Plan::default()).await.unwrap().accounts;
    house.clock.turn(YEAR);
    house.session_of(&house.keyfob(), "due/0").await.refresh().await.unwrap();
    house.clock.set(NOW + 7200);
    let refreshed: Vec<_> = round().await.into_iter().filter(|kept| matches!(kept.outcome, Outcome::Refreshed)).collect();
    assert!(refreshed.iter().any(|kept| kept.account == "due/0"), "{refreshed:?}");
    // By a clock that is right by now: once.
    house.clock.set(NOW + 7300);
    assert!(round().await.is_empty());
}

/// Of two machines one stays a year ahead: they do not refresh in turns what the other one has.
#[tokio::test(start_paused = true)]
async fn d8_a_machine_that_stays_fast_makes_no_other_one_refresh_before_the_time() {
    const YEAR: i64 = 365 * 86_400;
    let mut away = account("away", "1", NOW + YEAR, Some(NOW + YEAR + 3600));
    let due = away.due_at().unwrap();
    let ahead = due.since(Timestamp::from_unix(NOW + YEAR));
    let server = Timestamp::from_unix(1_000_000);
    away.refreshed = Some(Moment { at_server: Some(server), uptime: None });
    let now = Timestamp::from_unix(NOW);
    assert!(!away.is_misdated(now, Some(server.plus(ahead - 1))) && away.is_misdated(now, Some(server.plus(ahead))));
    // Who has no such clock, or whose tokens came by a login, goes by the difference.
    assert!(away.is_misdated(now, None) && !away.is_misdated(Timestamp::from_unix(NOW + YEAR - 3600), None));
    away.refreshed = None;
    let later = Timestamp::from_unix(NOW + YEAR);
    assert!(away.is_misdated(now, Some(now)) && !away.is_misdated(now, Some(later)) && !away.is_misdated(later, Some(now)));
}

#[tokio::test(start_paused = true)]
async fn a_call_during_the_refresh_joins_in() {
    let house = house(1).await;
    let keyfob = house.keyfob();
    let works = tokio::spawn({
        let keyfob = keyfob.clone();
        async move { upkeep::refresh_due(&keyfob, &known, &Plan::default()).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let session = house.session_of(&keyfob, "due/0").await;
    assert_eq!(session.token(600).await.unwrap().expose(), "access-2");
    assert!(matches!(works.await.unwrap().accounts[0].outcome, Outcome::Refreshed));
    assert_eq!(house.provider.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_outcome_is_told() {
    let house = house(4).await;
    house.provider.next(Act::Say(400, r#"{"error":"invalid_grant"}"#));
    house.provider.next(Act::Fail(TransportKind::Connect));
    let resolve = |account: &Account| match account.name.as_str() {
        "due/0" => Err(Error::NoAccount { name: "app".to_owned() }),
        _ => known(account),
    };
    let mut plan = Plan::default();
    plan.at_once = 1;
    let report = upkeep::refresh_due(&house.keyfob(), &resolve, &plan).await.unwrap();
    let mut words: Vec<_> = report
        .accounts
        .iter()
        .map(|kept| match &kept.outcome {
            Outcome::Refreshed => "refreshed",
            Outcome::NeedsLogin(_) => "needs login",
            Outcome::Failed(_) => "failed",
            Outcome::Skipped(_) => "skipped",
            _ => "elsewhere",
        })
        .collect();
    words.sort_unstable();
    assert_eq!(words, ["failed", "needs login", "refreshed", "skipped"]);
    // What failed is leased still: another worker leaves it alone for a while. What was not tried is not: its app may be there by now.
    let report = upkeep::refresh_due(&house.keyfob(), &known, &plan).await.unwrap();
    let [kept] = &report.accounts[..] else { panic!("{report:?}") };
    assert!(kept.account == "due/0" && matches!(kept.outcome, Outcome::Refreshed), "{kept:?}");
    house.clock.turn(601);
    tokio::time::sleep(Duration::from_secs(601)).await;
    assert_eq!(upkeep::refresh_due(&house.keyfob(), &known, &plan).await.unwrap().accounts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_round_ends_at_its_most() {
    let house = house(20).await;
    let mut plan = Plan::default();
    plan.most = 7;
    for expected in [7, 7, 6, 0] {
        assert_eq!(upkeep::refresh_due(&house.keyfob(), &known, &plan).await.unwrap().accounts.len(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_keeps_its_accounts_fresh_until_it_is_told_to_end() {
    let house = house(3).await;
    let keyfob = house.keyfob();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let clock = house.clock.clone();
    let time = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            clock.turn(10);
        }
    });
    let runs = tokio::spawn(async move {
        let mut refreshed = 0;
        let until = async { drop(ended.await) };
        upkeep::run(&keyfob, &known, &Plan::default(), until, |report| refreshed += report.unwrap().accounts.len()).await;
        refreshed
    });
    tokio::time::sleep(Duration::from_secs(4 * 3600)).await;
    // Nobody ever waits: no token of any account is near its end.
    for record in house.store.accounts().await.unwrap() {
        let left = record.value.tokens.expires_at().unwrap().since(keyfob::Clock::now(&*house.clock));
        assert!(left > 300, "{}: {left} s", record.value.name);
    }
    end.send(()).unwrap();
    let refreshed = runs.await.unwrap();
    time.abort();
    assert!((24..=36).contains(&refreshed), "six accounts, about every 51 minutes, in four hours: {refreshed}");
    assert_eq!(house.provider.asked().len(), refreshed);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_at_the_end_is_finished_and_nothing_more_is_begun() {
    let house = house(30).await;
    house.provider.habits(|habits| habits.delay = Duration::from_secs(5));
    let keyfob = house.keyfob();
    let mut plan = Plan::default();
    plan.at_once = 4;
    let mut done = 0;
    let until = tokio::time::sleep(Duration::from_secs(7));
    upkeep::run(&keyfob, &known, &plan, until, |report| done += report.unwrap().accounts.len()).await;
    assert_eq!((done, house.provider.asked().len()), (8, 8));
}

/// Asks an issuer that takes its time: for ever, or ten seconds.
#[derive(Default)]
struct Issuer {
    hangs_for: Option<&'static str>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl Resolve for Issuer {
    fn resolve<'a>(&'a self, account: &'a Account) -> Resolving<'a> {
        Box::pin(async move {
            let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_under_way.fetch_max(under_way, Ordering::SeqCst);
            if self.hangs_for == Some(&account.name) {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            known(account)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_holds_up_neither_the_others_nor_the_end() {
    let house = house(6).await;
    let issuer = Issuer { hangs_for: Some("due/0"), ..Issuer::default() };
    let keyfob = house.keyfob();
    let mut done = Vec::new();
    let until = tokio::time::sleep(Duration::from_secs(15));
    let tell = |report: Result<upkeep::Report, Error>| done.extend(report.unwrap().accounts.into_iter().map(|kept| kept.account));
    let plan = Plan::default();
    let runs = upkeep::run(&keyfob, &issuer, &plan, until, tell);
    tokio::time::timeout(Duration::from_secs(20), runs).await.expect("it ends when it is told to");
    done.sort_unstable();
    assert_eq!(done, ["due/1", "due/2", "due/3", "due/4", "due/5"]);
    assert_eq!(house.provider.asked().len(), 5);
    // And without an end: it is the next round's, at once, as nothing was begun for it.
    let keyfob = house.keyfob();
    let round = upkeep::refresh_due(&keyfob, &issuer, &plan);
    let report = tokio::time::timeout(Duration::from_secs(150), round).await.expect("it is given up").unwrap();
    let [kept] = &report.accounts[..] else { panic!("{report:?}") };
    assert!(matches!(kept.outcome, Outcome::Skipped(Error::Protocol(_))), "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn issuers_are_asked_side_by_side_and_no_more_than_so_many_at_once() {
    let house = house(6).await;
    let (issuer, mut plan) = (Issuer::default(), Plan::default());
    plan.at_once = 3;
    let begun = tokio::time::Instant::now();
    assert_eq!(upkeep::refresh_due(&house.keyfob(), &issuer, &plan).await.unwrap().accounts.len(), 6);
    assert!(begun.elapsed() < Duration::from_secs(30), "two turns of three: {:?}", begun.elapsed());
    assert_eq!(issuer.most_under_way.load(Ordering::SeqCst), 3);
}
