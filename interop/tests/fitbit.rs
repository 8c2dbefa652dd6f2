//! The seed on Fitbit, with rauth and a PIN, against our sandbox as Fitbit was in 2013.

use std::path::Path;

use keyfob_interop::{Program, World, http, tools, transcript};
use keyfob_sandbox::{Consent, Faults};
use serde_json::Value;

#[test]
fn fitbit_seed_logs_in_with_a_pin_and_needs_no_second_login() {
    let Some(python) = tools::python() else { return };
    let world = World::start();
    world.consent("fitbit", Consent::Approve);
    let mut program = start(&python, &world, "fitbit.py", &[]);
    let pin = person(&program.wait_for("Go to the following page in your browser:"));
    program.answer("y");
    program.answer(&pin);
    let end = program.finish();
    assert!(end.success, "{end:#?}");
    check(&end.json("profile"));

    let token = [("FITBIT_OAUTH_TOKEN", end.line("access_token = ")), ("FITBIT_OAUTH_SECRET", end.line("access_token_secret = "))];
    assert!(token.iter().all(|(_, value)| value.len() == 32), "{end:#?}");
    let again = start(&python, &world, "fitbit_again.py", &token).finish();
    assert!(again.success, "{again:#?}");
    assert_eq!(again.json("profile"), end.json("profile"));
    transcript::compare("fitbit", &world.lines("fitbit"));
}

#[test]
fn fitbit_seed_fails_with_a_wrong_pin() {
    let Some(python) = tools::python() else { return };
    let world = World::start();
    world.consent("fitbit", Consent::Approve);
    let mut program = start(&python, &world, "fitbit.py", &[]);
    person(&program.wait_for("Go to the following page in your browser:"));
    program.answer("y");
    program.answer("not-the-pin");
    assert!(!program.finish().success);
    assert!(world.lines("fitbit").last().is_some_and(|line| line.starts_with("POST /oauth/access_token") && line.ends_with("-> 401")));
}

/// What the seed's author would have met a few months later: OAuth parameters in the query were no longer taken.
#[test]
fn fitbit_seed_does_not_survive_the_hardening_of_2014() {
    let Some(python) = tools::python() else { return };
    let world = World::of(keyfob_sandbox::Sandbox::builder().faults("fitbit", Faults { strict: true, ..Faults::default() }));
    let end = start(&python, &world, "fitbit.py", &[]).finish();
    assert!(!end.success);
    assert_eq!(world.lines("fitbit").len(), 1);
    assert!(world.lines("fitbit")[0].ends_with("-> 405"), "{:?}", world.lines("fitbit"));
}

fn check(profile: &Value) {
    assert_eq!(profile["user"]["encodedId"], "5A9DB0");
    assert_eq!(profile["user"]["displayName"], "Robin");
}

fn start(python: &Path, world: &World, program: &str, more: &[(&str, &str)]) -> Program {
    let (app, origin) = (world.app("fitbit-oauth1"), world.origin("fitbit"));
    let mut environment = vec![
        ("CONSUMER_KEY", app.client_id.as_str()),
        ("CONSUMER_SECRET", &app.client_secret),
        ("FITBIT_API", &origin),
        ("FITBIT_WWW", &origin),
    ];
    environment.extend_from_slice(more);
    Program::start(python, &[tools::here().join("seeds").join(program)], &environment)
}

/// Opens the page and reads the PIN off it.
fn person(authorize: &str) -> String {
    let page = http::visit(authorize).text();
    let pin = page.split_once("id=\"pin\">").and_then(|(_, rest)| rest.split('<').next());
    pin.unwrap_or_else(|| panic!("no PIN on {page}")).trim().to_owned()
}
