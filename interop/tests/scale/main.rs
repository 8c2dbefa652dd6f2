//! Two `keyfob serve` on one PostgreSQL behind nginx, while something is done to them.
//!
//! ```text
//!  load.rs: programs ─► nginx (front.rs) ─┬─► keyfob serve ─┬─► issuer.rs: whose token was it?
//!                                         └─► keyfob serve ─┘
//!                                                └── PostgreSQL ──┘
//! ```
//!
//! A refresh token is good once here, so whatever is lost or done twice ends a login and is seen. `KEYFOB_TEST_SCALE=10000` asks for so many accounts, with
//! load for as long as it takes for all their tokens to end some times.

mod front;
mod issuer;
mod load;
mod scene;

use std::thread;
use std::time::{Duration, Instant};

use scene::Scene;

/// How many accounts, and how long their access tokens last: as `KEYFOB_TEST_SCALE` wants it.
fn size() -> (usize, u64) {
    let accounts = std::env::var("KEYFOB_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    (accounts, if accounts > 2000 { 300 } else { 20 })
}

/// Programs at once.
const AT_ONCE: usize = 12;

#[test]
fn a_web_app_that_is_killed_under_load_loses_no_token_and_only_what_it_was_answering() {
    let (accounts, lifetime) = size();
    let Some(mut scene) = Scene::set_up(accounts, lifetime) else { return };
    let load = scene.load(AT_ONCE);
    // Once around, so that every account is in use, and then into the middle of what has to be refreshed.
    load.go_on_for(accounts);
    load.go_on(Duration::from_secs(lifetime / 2));
    let killed = Instant::now();
    scene.kill(0);
    load.go_on(Duration::from_secs(3));
    scene.start(0);
    load.go_on_for(accounts);
    load.go_on(Duration::from_secs(lifetime / 2));
    let report = load.end();
    report.assert_nobody_elses();
    // Each program had one request under way, at most, and not all of them at the one that died.
    let lost = report.failures.len();
    assert!(lost <= AT_ONCE, "{} were good, {lost} were not: {:#?}", report.good, report.some());
    for failure in &report.failures {
        let after = failure.at.saturating_duration_since(killed);
        assert!(after < Duration::from_secs(10) && failure.at >= killed, "{after:?} after it was killed: {failure:?}\n{}", scene.logs());
        assert!(failure.status.is_none_or(|status| status == 502), "{failure:?}");
    }
    let counts = scene.the_chains_hold();
    println!("{} good, {lost} lost with the one that was killed; {counts:?}", report.good);
    // What was being refreshed by the one that died: one answer each, at most as many as it asks a provider for at once.
    assert!(counts.repeated <= 64, "{counts:?}");
}

#[test]
fn d6_a_database_that_restarts_under_load_comes_back_by_itself_and_costs_no_token() {
    let Some(mut scene) = Scene::set_up(300, 10) else { return };
    let load = scene.load(AT_ONCE);
    load.go_on_for(600);
    let before = scene.connections();
    let mut spans = Vec::new();
    for in_haste in [false, true] {
        let begun = Instant::now();
        if in_haste {
            scene.cluster.stop_in_haste()
        } else {
            scene.cluster.stop()
        };
        // Long enough that whoever asks is told.
        until("it is not ready", || !scene.is_ready(0) && !scene.is_ready(1));
        scene.cluster.start_again();
        let back = Instant::now();
        until("both are ready", || scene.is_ready(0) && scene.is_ready(1));
        load.go_on_for(600);
        spans.push((begun, back));
    }
    let after = scene.connections();
    let report = load.end();
    report.assert_nobody_elses();
    for failure in &report.failures {
        let is_ours = failure.status == Some(503) && failure.kind == "application/problem+json";
        assert!(is_ours, "{failure:?}\n{}", scene.logs());
        let within = spans.iter().any(|(begun, back)| *begun <= failure.at && failure.at <= *back + Duration::from_secs(10));
        assert!(within, "long after it was back: {failure:?}");
    }
    let counts = scene.the_chains_hold();
    println!("{} good, {} were told 503; connections and files {before:?}, then {after:?}; {counts:?}", report.good, report.failures.len());
    assert_eq!(counts.repeated, 0, "nobody died, so no answer was lost: {counts:?}");
    // Each: ten, one for locks, one that listens.
    assert!(after.0 <= 24 + scene::OWN_CONNECTIONS, "{after:?}");
    assert!(after.1.iter().zip(&before.1).all(|(after, before)| *after <= *before + 16), "{before:?} {after:?}");
}

#[test]
fn a_rolling_restart_behind_nginx_drops_no_request() {
    let Some(mut scene) = Scene::set_up(300, 10) else { return };
    let load = scene.load(AT_ONCE);
    load.go_on_for(300);
    for which in 0..2 {
        scene.end(which);
        scene.start(which);
    }
    load.go_on_for(300);
    let report = load.end();
    assert!(report.failures.is_empty(), "{:#?}\n{}", report.some(), scene.logs());
    report.assert_good();
    let counts = scene.the_chains_hold();
    println!("{} good; {counts:?}", report.good);
    assert_eq!(counts.repeated, 0, "each that ended wrote down what it had begun: {counts:?}");
}

#[test]
fn a_key_that_is_revoked_is_refused_everywhere_within_a_second_with_or_without_notices() {
    let Some(scene) = Scene::set_up(12, 3600) else { return };
    let refused_soon = |account: usize| {
        let revoked = Instant::now();
        for which in 0..2 {
            until("it is refused", || {
                // A request that came before that second was over says nothing, however long its answer took; one after it does.
                let late = revoked.elapsed();
                let status = scene.ask(which, account).status;
                assert!(status != 200 || late < Duration::from_secs(1), "let in {late:?} after it was revoked");
                status == 401
            });
        }
    };
    for account in 0..12 {
        // In memory at both.
        for which in [0, 1, 0, 1] {
            assert_eq!(scene.ask(which, account).status, 200, "{}", scene.logs());
        }
    }
    for account in 0..4 {
        scene.revoke(account);
        refused_soon(account);
    }
    // Again and again, so that they have nothing to hear by when it is told.
    let listening = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'keyfob changes'";
    let mut cut_at_all = 0;
    for account in 4..12 {
        let cut: usize = scene.sql(listening).parse().expect("a number");
        scene.revoke(account);
        refused_soon(account);
        assert!(cut <= 2);
        cut_at_all += cut;
        thread::sleep(Duration::from_millis(if account % 2 == 0 { 400 } else { 50 }));
    }
    assert!(cut_at_all >= 2, "they listened, and were kept from it");
    until("they hear again", || scene.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'keyfob changes'") == "2");
}

#[test]
fn events_are_told_once_by_whichever_web_app() {
    let Some(scene) = Scene::set_up(100, 10) else { return };
    scene.tell_events(&["account.refreshed"]);
    // What happens in the second in which the webhook is made may count or not.
    thread::sleep(Duration::from_millis(1100));
    let before = scene.issuer.counts().refreshed;
    let load = scene.load(AT_ONCE);
    load.go_on(Duration::from_secs(25));
    load.end().assert_good();
    let wanted = usize::try_from(scene.issuer.counts().refreshed - before).expect("few");
    assert!(wanted >= 100, "{wanted}");
    until("all are told", || scene.issuer.told().len() >= wanted);
    // Whoever is late would tell something twice now.
    thread::sleep(Duration::from_secs(3));
    let (told, refreshed) = (scene.issuer.told(), scene.issuer.counts().refreshed);
    let twice: Vec<_> = told.iter().filter(|(_, times)| **times > 1).collect();
    println!("{} told, each once, of {wanted} at least", told.len());
    assert!(twice.is_empty(), "{twice:?}");
    assert!(told.len() as u64 <= refreshed, "{} of {refreshed}", told.len());
}

/// Waits for as long as a busy machine may need.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(120), "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
