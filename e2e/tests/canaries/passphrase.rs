//! Passphrases, typed and piped, and the agent that holds what was made of them.

use keyfob_e2e::canary::Canary;

use crate::run::{Run, key_file, usually_meant};

const FIRST: &str = "gravel Otter-lamp seventeen/violins";
const SECOND: &str = "the wrong harbour & a second kettle";
const MISTYPED: &str = "gravel Otter-lamp seventeen/violets";
const OF_THE_FILE: &str = "copper: a passphrase of the exported file";

#[test]
fn j10_j11_j12_a_passphrase_and_its_agent_leave_no_secret_anywhere() {
    let mut run = Run::begin();
    for name in ["acme", "netatmo"] {
        run.log_in(name);
    }
    // The key file goes when a passphrase takes its place.
    run.more.extend(key_file(&run.house));
    run.more.extend([FIRST, SECOND, MISTYPED, OF_THE_FILE].map(|text| Canary::new("passphrase", text)));
    let good = |end: keyfob_interop::program::Finished| assert!(end.success, "{end:#?}");

    let (new, again, known) = ("New passphrase of the vault", "The same again", "Passphrase of the vault");
    let end = run.type_unseen(&["vault", "rekey", "--passphrase"], &[(new, FIRST), (again, MISTYPED)]);
    assert!(end.errors.contains("not the same"), "{end:#?}");
    good(run.type_unseen(&["vault", "rekey", "--passphrase"], &[(new, FIRST), (again, FIRST)]));
    assert!(key_file(&run.house).is_none(), "sealed with a passphrase");
    assert!(!run.run(&["status"]).success, "locked");
    good(run.type_unseen(&["unlock", "--for", "1h"], &[(known, MISTYPED), (known, FIRST)]));
    for arguments in [&["status"][..], &["vault", "status"], &["vault", "status", "--json"], &["vault", "check"], &["token", "acme"]] {
        good(run.run(arguments));
    }
    good(run.run(&["get", "acme", "/me"]));
    good(run.run(&["refresh", "netatmo"]));
    // Under its eyes: another passphrase, piped.
    good(run.run_with(&["vault", "rekey", "--passphrase", "--stdin"], SECOND));
    good(run.run(&["status"]));
    let file = run.house.path().join("backup.keyfob").display().to_string();
    good(run.run_with(&["vault", "export", &file, "--stdin"], OF_THE_FILE));
    let elsewhere = run.house.path().join("elsewhere/vault.db").display().to_string();
    assert!(!run.run_with(&["--vault", &elsewhere, "vault", "import", &file, "--stdin"], MISTYPED).success);
    good(run.run_with(&["--vault", &elsewhere, "vault", "import", &file, "--stdin"], OF_THE_FILE));
    good(run.run(&["lock"]));
    assert!(!run.run_with(&["unlock", "--stdin"], FIRST).success, "that was the passphrase before");
    good(run.run_with(&["unlock", "--stdin"], SECOND));
    good(run.run(&["status"]));
    good(run.run(&["lock"]));

    let elsewhere = std::fs::read_to_string(run.house.path().join("elsewhere/vault.key")).expect("a key of its own");
    run.more.insert(Canary::new("vault key", elsewhere.lines().next().expect("the key")));
    let seen = run.seen();
    let of_agents = |kind: &str| {
        let is_agent = |bytes: &[u8]| bytes.ends_with(b"\0agent\0") || bytes.starts_with(b"KEYFOB_CONFIG_DIR=");
        seen.iter().filter(|seen| seen.kind == kind && seen.of == "keyfob" && is_agent(&seen.bytes)).count()
    };
    assert!(of_agents("cmdline") > 0, "the agent was seen at work");
    // Its environment is for root alone to see.
    assert!(of_agents("environ") > 0 || std::fs::read("/proc/1/environ").is_err(), "and its environment");
    assert!(seen.iter().any(|seen| seen.kind == "file" && seen.of.ends_with("backup.keyfob")), "the exported file was looked at");
    run.end(usually_meant);
}
