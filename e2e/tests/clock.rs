//! D8: clocks that are wrong, turned back, or jump while a program runs (libfaketime). Nothing panics, nothing loops, nobody storms a
//! provider, and what goes wrong is told in words.

use std::thread;
use std::time::{Duration, Instant};

use keyfob_e2e::{House, person};
use keyfob_interop::fleet::{self, Base, Fleet, PROVIDER};
use keyfob_interop::program::Finished;
use keyfob_interop::{Clock, Home, peers};

/// Each is wrong after the one before it, too.
const CLOCKS: [&str; 9] = [
    "+10y",
    "-10y",
    "@1970-01-01 00:00:05",
    "+30d",
    // Beyond 32 bits, beyond what a date can be written in, before the beginning of time.
    "@2038-01-19 03:14:10",
    "@9999-12-31 23:59:00",
    "@1901-12-13 20:45:40",
    "-3600s",
    "+0",
];

#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn member() {
    fleet::serve();
}

#[test]
fn d8_the_command_goes_on_whatever_the_clock_says() {
    let Some(clock) = Clock::new() else { return };
    let mut house = House::new();
    clock.environment().iter().for_each(|(name, value)| house.set(name, value));
    for name in ["netatmo", "acme", "telldus"] {
        house.log_in(name);
    }
    house.world.clear_seen();
    let begun = Instant::now();
    clock.set(CLOCKS[0]);
    assert!(house.good(&["status", "netatmo"]).lines.join("").contains(" ago"), "the clock is not turned");
    for time in CLOCKS {
        clock.set(time);
        for round in 0..2 {
            for arguments in [
                ["status", "netatmo"].as_slice(),
                &["token", "netatmo"],
                &["get", "acme", "/me"],
                &["token", "acme", "--min-valid", "30m"],
                &["get", "telldus", "/json/devices/list"],
            ] {
                let end = house.run(arguments);
                assert_sane(&end, &format!("{arguments:?} at {time}, round {round}"));
                assert!(end.success, "the server takes it all: {arguments:?} at {time}: {end:#?}");
            }
        }
        // Of all clocks together: each process comes anew, and knows what the one before it did by the machine's own time.
        let most = most(begun);
        for name in ["netatmo", "acme"] {
            let refreshes = refreshes(&house, name);
            assert!(refreshes <= most, "{name} at {time}: {refreshes} refreshes, at most {most}");
        }
    }
    assert!(["netatmo", "acme"].iter().any(|name| refreshes(&house, name) > 0), "no clock made anybody refresh");
}

#[test]
fn d8_a_clock_that_jumps_while_a_person_logs_in() {
    let Some(clock) = Clock::new() else { return };
    let mut house = House::new();
    clock.environment().iter().for_each(|(name, value)| house.set(name, value));
    // NTP sets it, a person sets it, a battery was empty, the lid was closed.
    for (time, good) in [("+90s", true), ("-300s", true), ("-1h", false), ("@1970-01-01 00:00:05", false), ("+30d", false)] {
        clock.set("+0");
        let end = house.paste("netatmo", &[], |url| {
            clock.set(time);
            vec![person::goes_to(url)]
        });
        assert_sane(&end, time);
        assert_eq!(end.success, good, "{time}: {end:#?}");
        assert!(good || end.errors.contains("ten minutes") && end.errors.contains("begin the login again"), "{time}: {end:#?}");
    }
}

/// A lid that was closed for 30 days: everything has ended, and one of all who come gets new tokens for them.
#[test]
fn d8_after_thirty_days_asleep_processes_make_one_refresh() {
    let (Some(clock), Some(peer)) = (Clock::new(), peers::oidc(3600)) else { return };
    let (_home, mut fleet, _) = processes(&clock, &peer, 3);
    clock.set("+30d");
    peer.order("expire");
    let report = fleet.all("call 20");
    assert!(report.errors.is_empty() && report.good == 60 && report.tokens.len() == 1, "{report:#?}");
    assert_eq!(peer.counts().requests, 1);
}

/// Processes that run on while somebody turns their clock to and fro: at most one refresh a minute.
#[test]
fn d8_no_clock_makes_running_processes_storm() {
    let (Some(clock), Some(peer)) = (Clock::new(), peers::oidc(3600)) else { return };
    let (home, mut fleet, place) = processes(&clock, &peer, 2);
    let begun = Instant::now();
    for time in CLOCKS {
        clock.set(time);
        for order in ["call 10", "token 10"] {
            let report = fleet.all(order);
            assert!(report.errors.is_empty() && report.good == 20, "{order} at {time}: {report:#?}");
        }
    }
    fleet.begin("loop 4000");
    for (nth, time) in CLOCKS.iter().cycle().take(80).enumerate() {
        clock.set(time);
        thread::sleep(Duration::from_millis(40 + nth as u64 % 3));
    }
    let report = fleet.end();
    assert!(report.errors.is_empty() && report.good > 0, "{report:#?}");
    let counts = peer.counts();
    // However many processes: their minute is the machine's, which nobody turns.
    let most = most(begun) as u64;
    assert!((1..=most).contains(&counts.requests) && counts.refused == 0, "{counts:?}, at most {most}");

    // The right time again: nothing was lost.
    clock.set("+0");
    let mut fresh = Fleet::muster(&home, &place, 1, &clock.environment());
    let report = fresh.all("call 5");
    assert!(report.errors.is_empty() && report.good == 5, "{report:#?}");
}

/// Processes under a clock, on one account.
fn processes(clock: &Clock, peer: &peers::Peer, members: usize) -> (Home, Fleet, String) {
    let home = Home::new();
    Base::prepare(&home, &peer.origin);
    let place = home.path().join("keyfob/vault.db").display().to_string();
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async { Base::open(home.path(), &place).await.log_in(&format!("{PROVIDER}/0")).await });
    let fleet = Fleet::muster(&home, &place, members, &clock.environment());
    (home, fleet, place)
}

/// How often one account may have been refreshed since: once a minute. (The machine tells whole seconds, so that a minute of two processes may be two short.)
fn most(begun: Instant) -> usize {
    1 + usize::try_from(begun.elapsed().as_secs() / 58).expect("not that long")
}

fn refreshes(house: &House, name: &str) -> usize {
    house.world.lines(name).iter().filter(|line| line.contains("grant_type=refresh_token")).count()
}

/// It ended as a program should: no panic, a known code, and a card where it failed.
fn assert_sane(end: &Finished, what: &str) {
    for word in ["panicked", "overflow", "RUST_BACKTRACE", "called `Result"] {
        assert!(!end.errors.contains(word), "{what}: {end:#?}");
    }
    assert!(matches!(end.code, Some(0..=2 | 4..=7)), "{what}: {end:#?}");
    if !end.success {
        for part in ["error:", "why:", "next:"] {
            assert!(end.errors.lines().any(|line| line.trim_start().starts_with(part)), "{what}: no {part} in {end:#?}");
        }
    }
}
