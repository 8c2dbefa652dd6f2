//! The seed on Netatmo, with urllib and oauthlib, against our sandbox.

use std::path::Path;

use keyfob_interop::{Program, World, http, tools, transcript};
use keyfob_sandbox::Consent;
use serde_json::{Value, json};

#[test]
fn netatmo_seed_measures_and_refreshes() {
    let Some(python) = tools::python() else { return };
    let world = World::start();
    let mut program = start(&python, &world, Consent::Approve);
    let redirect = http::visit(&program.wait_for("")).location().to_owned();
    // The seed registers http://localhost/callback and pastes https://localhost/callback, which oauthlib insists on.
    let pasted = redirect.replacen("http://localhost/callback?", "https://localhost/callback?", 1);
    assert_ne!(pasted, redirect);
    program.answer(&pasted);

    let end = program.finish();
    assert!(end.success, "{end:#?}");
    assert_eq!(end.json("scope"), json!(["read_station"]), "an array, where RFC 6749 has a string");
    check(&end.json("measured "));
    assert_eq!(end.json("changed"), json!(["access_token", "refresh_token"]), "both rotate");
    // What was measured is the same; the answer says when it was given, too.
    assert_eq!(end.json("measured again")["body"], end.json("measured ")["body"]);
    transcript::compare("netatmo", &world.lines("netatmo"));
}

#[test]
fn netatmo_seed_fails_when_the_person_says_no() {
    let Some(python) = tools::python() else { return };
    let world = World::start();
    let mut program = start(&python, &world, Consent::Deny);
    let redirect = http::visit(&program.wait_for("")).location().to_owned();
    assert_eq!(http::parameter(&redirect, "error").as_deref(), Some("access_denied"));
    program.answer(&redirect.replacen("http://", "https://", 1));
    let end = program.finish();
    assert!(!end.success, "the seed does not look for errors");
    assert!(end.errors.contains("access_denied"), "{}", end.errors);
    assert!(!world.lines("netatmo").iter().any(|line| line.contains("/oauth2/token")));
}

/// 1024 rows of five readings each, every half hour from the beginning of 2020, in the middle of its time.
fn check(measured: &Value) {
    assert_eq!(measured["status"], "ok");
    let rows = measured["body"].as_object().expect("rows by time, as optimize=false asks for");
    assert_eq!(rows.len(), 1024, "{measured}");
    let mut times: Vec<i64> = rows.keys().map(|key| key.parse().expect("a time")).collect();
    times.sort_unstable();
    assert_eq!(times[0], 1_577_836_800 + 900);
    let gaps = times.windows(2).filter(|pair| pair[1] - pair[0] != 1800).count();
    assert!(times.iter().all(|time| (time - times[0]) % 1800 == 0) && gaps < 10, "{gaps} times the station was silent");
    for (time, row) in rows {
        let values: Vec<f64> = row.as_array().expect("a row").iter().map(|value| value.as_f64().expect("a number")).collect();
        let [temperature, co2, humidity, pressure, noise] = values[..] else { panic!("{time}: {values:?}") };
        assert!((15.0..30.0).contains(&temperature), "{time}: {temperature} °C");
        assert!((350.0..3000.0).contains(&co2), "{time}: {co2} ppm");
        assert!((10.0..90.0).contains(&humidity), "{time}: {humidity} %");
        assert!((950.0..1060.0).contains(&pressure), "{time}: {pressure} mbar");
        assert!((25.0..90.0).contains(&noise), "{time}: {noise} dB");
    }
    assert_eq!(rows["1577837700"], json!([20.1, 1144, 44, 1007.3, 39]));
}

fn start(python: &Path, world: &World, consent: Consent) -> Program {
    world.consent("netatmo", consent);
    let (app, origin) = (world.app("netatmo"), world.origin("netatmo"));
    let environment = [
        ("NETATMO_API_CLIENT_ID", app.client_id.as_str()),
        ("NETATMO_API_CLIENT_SECRET", &app.client_secret),
        ("NETATMO_API", &origin),
        ("NETATMO_DEVICE_ID", "70:ee:50:5a:9d:b0"),
        // oauthlib refuses plain http otherwise, and the sandbox speaks no TLS.
        ("OAUTHLIB_INSECURE_TRANSPORT", "1"),
    ];
    Program::start(python, &[tools::here().join("seeds/netatmo.py")], &environment)
}
