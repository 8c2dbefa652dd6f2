//! The seed on Telldus Live!, with requests-oauthlib, against our sandbox.

use keyfob_interop::{Program, World, http, tools, transcript};
use keyfob_sandbox::Consent;

const CALLBACK: &str = "http://localhost:5000/callback";

#[test]
fn telldus_seed_lists_clients_and_devices() {
    let Some(python) = tools::python() else { return };
    let world = World::start();
    let mut program = start(&python, &world, Consent::Approve);
    let callback = person(&program.wait_for("redirect to"));
    assert!(callback.starts_with(CALLBACK), "{callback}");
    assert!(http::parameter(&callback, "oauth_verifier").is_some_and(|verifier| verifier.len() == 10));
    program.answer(&callback);

    let end = program.finish();
    assert!(end.success, "{end:#?}");
    let clients = end.json("clients");
    assert_eq!(clients["client"][0]["name"], "home");
    assert_eq!(clients["client"][0]["online"], "1");
    assert_eq!(clients["client"][1]["name"], "cabin");

    // The seed looks for `devices`, but the list is under `device`: it finds nothing although everything is there.
    assert_eq!(end.line("devices"), "[]");
    let devices = &end.json("answer")["device"];
    assert_eq!(devices[1]["name"], "Living room lamp");
    assert_eq!(devices[1]["methods"], 3, "TURNON and TURNOFF, out of what the lamp can do");
    assert_eq!(devices[3]["name"], "Bedroom blinds");
    assert_eq!(devices[3]["methods"], 0, "it can neither turn on nor off");
    transcript::compare("telldus", &world.lines("telldus"));
}

#[test]
fn telldus_seed_understands_a_denial() {
    let Some(python) = tools::python() else { return };
    let world = World::start();
    let mut program = start(&python, &world, Consent::Deny);
    let callback = person(&program.wait_for("redirect to"));
    assert_eq!(http::parameter(&callback, "oauth_verifier"), None);
    program.answer(&callback);

    let end = program.finish();
    assert!(end.success, "{end:#?}");
    assert_eq!(end.lines.last().map(String::as_str), Some("Authorization failed or was denied."));
    transcript::compare("telldus-denied", &world.lines("telldus"));
}

fn start(python: &std::path::Path, world: &World, consent: Consent) -> Program {
    world.consent("telldus", consent);
    let (app, origin) = (world.app("telldus"), world.origin("telldus"));
    let environment = [
        ("CONSUMER_KEY", app.client_id.as_str()),
        ("CONSUMER_SECRET", &app.client_secret),
        ("CALLBACK_URL", CALLBACK),
        ("TELLDUS_API", &origin),
    ];
    Program::start(python, &[tools::here().join("seeds/telldus.py")], &environment)
}

/// Opens the page; where that page sends the browser is what the person would see in the address bar.
fn person(authorize: &str) -> String {
    http::visit(authorize).location().to_owned()
}
