//! What the browser is given that a login opens.

use std::time::{Duration, Instant};
use std::{fs, thread};

use keyfob_e2e::canary::{Canary, Seen};
use keyfob_e2e::person;
use keyfob_interop::http;

use crate::run::{Run, usually_meant};

/// The secrets that a person gives the command in its environment stay there: its browser gets none.
#[test]
fn j12_the_environment_of_a_browser_holds_no_secret() {
    let mut run = Run::begin();
    run.log_in("acme");
    let key = "8f".repeat(31) + "e1";
    let data = run.house.path().join("another");
    let script = run.house.path().join("browser.sh");
    // What it is given it writes down, in the folder that is watched.
    let given = run.house.path().join("given");
    let text = format!("#!/bin/sh\nenv > '{0}.new'\nmv '{0}.new' '{0}'\nexec sleep 2\n", given.display());
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a script");
    let password = "example-database-password";
    let secrets = [
        ("KEYFOB_VAULT_KEY", key.clone()),
        ("KEYFOB_VAULT", format!("postgres://keyfob:{password}@127.0.0.1:9/keyfob")),
        ("NETATMO_API_CLIENT_SECRET", run.house.world.app("netatmo").client_secret),
    ];
    for (name, value) in &secrets {
        run.house.set(name, value);
    }
    run.more.extend([Canary::new("given key", key), Canary::new("database password", password)]);
    run.house.set("KEYFOB_DATA_DIR", data.to_str().expect("UTF-8"));
    run.house.set("BROWSER", script.to_str().expect("UTF-8"));
    for name in ["acme", "telldus"] {
        let mut login = run.house.start(&["login", name]);
        let url = login.wait_for_note("http://");
        let until = Instant::now() + Duration::from_secs(60);
        while !given.exists() {
            assert!(Instant::now() < until, "no browser was opened: {}", login.errors());
            thread::sleep(Duration::from_millis(5));
        }
        let environment = fs::read(&given).expect("the environment of a browser");
        run.said.push(Seen { kind: "environ", of: "browser.sh".to_owned(), bytes: environment });
        fs::remove_file(&given).expect("it is there");
        assert_eq!(http::visit(&person::goes_to(&url)).status, 200);
        let end = login.finish();
        assert!(end.success, "{end:#?}");
        run.keep(&["login", name], &end);
    }
    run.run(&["get", "acme", "/me"]);
    let browsers = run.seen().iter().any(|seen| seen.kind == "cmdline" && ["sleep", "browser.sh"].contains(&seen.of.as_str()));
    assert!(browsers, "the browser was seen at work");
    run.run(&["status"]);
    run.end(|seen, what| {
        usually_meant(seen, what)
            || seen.kind == "environ" && seen.of == "keyfob" && ["given key", "database password", "client_secret"].contains(&what)
            || seen.kind == "cmdline" && seen.of != "keyfob" && what == "state"
    });
}
