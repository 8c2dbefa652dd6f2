//! A life of accounts at the command: logins, calls, refreshes, failures, and the end.

use std::collections::BTreeSet;
use std::fs;

use keyfob_e2e::{library, person};
use keyfob_sandbox::{At, Consent, Faults};

use crate::run::{PROVIDERS, Run, usually_meant};

#[test]
fn j10_j11_j12_a_life_of_accounts_leaves_no_secret_anywhere() {
    let mut run = Run::begin();
    for name in PROVIDERS {
        run.log_in(name);
    }
    let lives: [&[&str]; 28] = [
        &["status"],
        &["status", "netatmo"],
        &["status", "netatmo", "--json"],
        &["status", "netatmo", "--history"],
        &["refresh", "netatmo"],
        &["refresh", "acme", "--json"],
        &["token", "fitbit"],
        &["token", "august", "--json"],
        &["netatmo", "stations"],
        &["august", "locks", "--json"],
        &["get", "telldus", "/json/devices/list"],
        &["get", "telldus", "/json/devices/list", "--explain"],
        &["get", "telldus", "/json/devices/list", "--dry-run"],
        &["get", "acme", "/me", "--dry-run"],
        &["get", "august", "/nowhere", "-i", "-f"],
        &["get", "fitbit-oauth1", "/1/user/-/profile.json", "-i"],
        &["app", "list", "--json"],
        &["account", "list"],
        &["provider", "show", "august"],
        &["export"],
        &["doctor", "--json"],
        &["explain", "POST", "telldus", "/json/device/turnOn", "id=240001"],
        &["explain", "GET", "august", "/users/me", "--json"],
        &["why", "telldus", "GET", "/json/devices/list"],
        &["why", "telldus", "GET", "/json/devices/list", "--base-string", "/dev/null"],
        &["status", "acme", "--check"],
        &["post", "acme", "/api/echo", "a=b", "--print", "har"],
        &["put", "august", "/users/me", "a=b", "--print", "curl"],
    ];
    for arguments in lives {
        run.run(arguments);
    }
    // Tokens that end, and servers that fail in the middle of a refresh.
    for (name, faults) in [
        ("fitbit", Faults { at: At::Token, html: 1, ..Faults::default() }),
        ("netatmo", Faults { at: At::Token, truncated: 1, ..Faults::default() }),
        ("august", Faults { at: At::Token, error_at_200: 1, ..Faults::default() }),
        ("acme", Faults { at: At::Any, unavailable: 2, ..Faults::default() }),
    ] {
        run.house.world.faults(name).set(faults);
        run.run(&["refresh", name]);
        run.house.world.faults(name).expire_access_tokens();
        run.run(&["get", name, "/1/user/-/profile.json", "-i"]);
        run.run(&["get", name, "/me", "-i"]);
        run.house.world.faults(name).clear();
    }
    // A spent refresh token: the provider's answer repeats it.
    let vault = run.house.path().join(".local/share/keyfob/sandbox/vault.db");
    run.log_in("fitbit");
    let copy = fs::read(&vault).expect("the vault");
    run.run(&["refresh", "fitbit"]);
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{ending}", vault.display()));
    }
    fs::write(&vault, copy).expect("the copy");
    run.house.world.advance(600);
    let end = run.run(&["refresh", "fitbit"]);
    assert!(end.errors.contains("invalid_grant"), "{end:#?}");
    // Logins that go wrong.
    for (name, wrong) in [("netatmo", "state=not"), ("acme", "code=not"), ("telldus", "oauth_verifier=not")] {
        let key = wrong.trim_end_matches("not");
        let end = run.house.paste(name, &[], |url| vec![person::goes_to(url).replace(key, wrong)]);
        run.keep(&["login", name], &end);
        run.house.world.consent(library::service(name), Consent::Deny);
        let end = run.house.paste(name, &[], |url| vec![person::goes_to(url)]);
        run.keep(&["login", name], &end);
        run.house.world.consent(library::service(name), Consent::Approve);
    }
    run.run(&["logout", "acme", "--revoke"]);
    run.run(&["logout", "telldus"]);

    let canaries = run.end(usually_meant);
    let kinds: BTreeSet<&str> = canaries.iter().map(|canary| canary.what.as_str()).collect();
    for kind in [
        "access_token",
        "refresh_token",
        "code",
        "state",
        "code_verifier",
        "client_secret",
        "oauth_token_secret",
        "oauth_verifier",
        "api_key",
        "vault key",
        "Basic credentials",
    ] {
        assert!(kinds.contains(kind), "no {kind} was looked for: {kinds:?}");
    }
    assert!(canaries.len() > 40, "{}", canaries.len());
}
