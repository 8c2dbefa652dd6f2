//! What other programs are given: in the environment of exec's, on curl's standard input, on the pipe of whoever asked, and nowhere else.

use keyfob_sandbox::{At, Faults};

use crate::run::{PROVIDERS, Run, usually_meant};

#[test]
fn j10_j11_j12_other_programs_get_credentials_unseen() {
    let mut run = Run::begin();
    for name in PROVIDERS {
        run.log_in(name);
    }
    let shows = "echo $KEYFOB_TOKEN $KEYFOB_TOKEN_SECRET $KEYFOB_CONSUMER_SECRET; env >&2; sleep 0.5";
    for name in ["acme", "telldus"] {
        let end = run.run(&["exec", name, "--", "sh", "-c", shows]);
        assert!(end.success && end.lines.concat().contains("<secret>"), "{end:#?}");
    }
    // Slow enough to be seen.
    for name in ["acme", "telldus", "august"] {
        run.house.world.faults(name).set(Faults { at: At::Any, slow_ms: 700, ..Faults::default() });
        let path = if name == "telldus" { "/json/devices/list" } else { "/users/me" };
        let end = run.run(&["curl", name, "--", "-v", "-d", "a=b", path]);
        assert!(end.success, "{end:#?}");
        run.house.world.faults(name).clear();
    }
    let lives: [&[&str]; 9] = [
        &["header", "GET", "/api/me", "--account", "acme"],
        &["header", "GET", "/json/devices/list", "--account", "telldus", "--json"],
        &["env", "acme"],
        &["env", "telldus", "--format", "powershell"],
        &["env", "acme", "--as", "no name"],
        &["helper", "process", "acme"],
        &["helper", "kubectl", "netatmo"],
        &["helper", "docker", "list"],
        &["helper", "process", "telldus"],
    ];
    for arguments in lives {
        run.run(arguments);
    }
    let at = |kind: &str, of: &str, run: &mut Run| run.seen().iter().any(|seen| seen.kind == kind && seen.of == of);
    assert!(at("cmdline", "curl", &mut run), "curl was seen at work");
    assert!(at("environ", "sleep", &mut run), "and the program of exec");
    run.end(|seen, what| {
        let given = ["access_token", "oauth_token", "oauth_token_secret", "client_secret"];
        usually_meant(seen, what) || seen.kind == "environ" && ["sh", "sleep", "env"].contains(&seen.of.as_str()) && given.contains(&what)
    });
}
