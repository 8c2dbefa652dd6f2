//! Every verb there is, typed into a shell that keeps its history, with the command lines and environments of all processes in view.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use keyfob_e2e::canary::{Canary, Seen};
use keyfob_e2e::{library, person};

use crate::run::{Run, key_file, usually_meant};

/// Verbs that are there to hand out a secret, and to whom. Their standard output goes where it is not looked at, and nobody else's does.
const HAND_OUT: [(&str, &str); 11] = [
    ("token", "whoever reads its pipe"),
    ("header", "a program that sends the request itself"),
    ("env", "the shell"),
    ("helper git", "git"),
    ("helper docker", "Docker"),
    ("helper kubectl", "kubectl"),
    ("helper process", "whoever speaks that protocol"),
    ("key create", "whoever gets the valet key: it is shown this once"),
    ("get", "--print with --show-secrets: who sends it by hand"),
    ("put", "the same"),
    ("post", "a body in a pipe is the API's own, and /api/echo answers with all that it was sent"),
];

/// What somebody types, in their home. Secrets come from files and the environment, as the command wants them. At the end the vault gets another key, twice.
const TYPED: &str = r#"
(set -a; . "$THEIRS/fitbit.env"; keyfob app add fitbit)
keyfob app add acme --stdin < "$THEIRS/app.json"
keyfob app add telldus --env-file "$THEIRS/telldus.env"
keyfob app list --json
keyfob app rm fitbit
keyfob login acme/service --client-credentials --scope echo
keyfob login acme/given --with-token < "$THEIRS/tokens.json"
keyfob import acme/second --stdin < "$THEIRS/tokens.json"
keyfob adopt "$THEIRS/script.py"
keyfob account list --json
keyfob account default
keyfob account rename acme/second acme/attic
keyfob account rm acme/attic
keyfob status --json
keyfob status acme --history
keyfob status acme --check
keyfob watch > watched 2> watching & until grep -q watching watching; do sleep 0.1; done
keyfob refresh acme; until grep -q refreshed watched; do sleep 0.1; done; kill -INT %%; wait %%
keyfob token acme > /dev/null
keyfob header GET /api/me --account acme > /dev/null
keyfob header GET /json/devices/list --account telldus --json > /dev/null
keyfob env acme > /dev/null
keyfob env telldus --format powershell > /dev/null
keyfob helper git get --account acme < "$THEIRS/git.txt" > /dev/null
keyfob helper docker list > /dev/null
keyfob helper kubectl netatmo > /dev/null
keyfob helper process acme > /dev/null
keyfob curl acme -- -s -v /api/me
keyfob curl telldus -- -s -d id=240001 /json/device/turnOn
keyfob exec acme -- sh -c 'echo $KEYFOB_TOKEN; env >&2; sleep 0.5'
keyfob exec telldus -- sh -c 'echo $KEYFOB_TOKEN $KEYFOB_TOKEN_SECRET $KEYFOB_CONSUMER_SECRET; sleep 0.5'
keyfob get acme /api/me -v -o me.json
keyfob get telldus /json/devices/list --explain
keyfob get acme /api/me --print curl --show-secrets > /dev/null
keyfob post acme /api/echo text=hello -v > /dev/null
keyfob post telldus /json/device/turnOn id=240001 --print har
keyfob put acme /api/echo text=hello --print curl
keyfob put acme /api/echo text=hello --print http --show-secrets > /dev/null
keyfob patch acme /api/echo text=hello --print http
keyfob delete acme /api/echo --dry-run --json
keyfob request OPTIONS acme /api/me -i -v
keyfob explain GET telldus /json/devices/list
keyfob explain GET acme /api/me --json
keyfob why telldus GET /json/devices/list
keyfob why telldus GET /json/devices/list --json
keyfob trace --html refresh.html refresh netatmo
keyfob trace --html call.html get telldus /json/devices/list -o devices.json
keyfob trace --html login.html login acme/service --client-credentials --scope echo --json
keyfob doctor --json
keyfob do acme me
keyfob telldus devices
keyfob key create --account acme --allow 'GET /api/**' --name reader --json > "$THEIRS/key.json"
keyfob key list --json > keys.json
keyfob key revoke "$(sed 's/.*"id":"\([^"]*\)".*/\1/' keys.json)"
keyfob export
keyfob provider list --search acme
keyfob provider show acme --json
keyfob provider new my-hub --issuer "$ISSUER"
keyfob provider check .config/keyfob/providers/my-hub.toml
keyfob provider verify acme --live  # refused: it is a pretend one
keyfob completions bash > script.bash
keyfob man get > page.1
keyfob help scripting
keyfob schema status
env -u KEYFOB_SANDBOX keyfob try acme
keyfob sandbox --port 0 > apps 2> playing & until grep -q acme apps; do sleep 0.1; done; kill -INT %%; wait %%
keyfob serve --listen 127.0.0.1:0 --debug-log debug.log > served 2> serving & until grep -q first-run served serving; do sleep 0.1; done; kill -INT %%; wait %%
keyfob logout acme/service --revoke
keyfob vault status --json
keyfob vault check
keyfob vault rekey; cp .local/share/keyfob/sandbox/vault.key "$THEIRS/second.key"
keyfob vault move --to moved/vault.db
keyfob vault export backup.keyfob --stdin < "$THEIRS/passphrase.txt"
keyfob --vault third/vault.db vault import backup.keyfob --stdin < "$THEIRS/passphrase.txt"
keyfob vault rekey --passphrase --stdin < "$THEIRS/passphrase.txt"
keyfob unlock --for 1h --stdin < "$THEIRS/passphrase.txt"
keyfob status acme
keyfob lock
keyfob status acme  # refused: it is locked
keyfob vault set-aside --yes
keyfob import acme/again --stdin < "$THEIRS/tokens.json"
"#;

const PASSPHRASE: &str = "a saddle, nine Herrings & the tin whistle";
const OF_THE_ENVIRONMENT: &str = "example-secret/that+only=the-environment-has";

#[test]
fn j10_j11_j12_no_verb_leaves_a_secret_in_ps_in_the_shells_history_or_in_a_file() {
    every_verb_is_typed();
    let mut run = Run::begin();
    // Each login leaves a page, which is looked at as every file is.
    for name in ["acme", "telldus", "netatmo"] {
        let page = format!("login-{name}.html");
        let mut login =
            run.house.start(&["trace", "--html", &page, "login", name, "--no-browser", "--paste", "--redirect-uri", library::REDIRECT_URI]);
        let url = login.wait_for_note("http://");
        login.answer(&person::goes_to(&url));
        let end = login.finish();
        assert!(end.success && run.house.path().join(page).exists(), "{end:#?}");
        run.keep(&["login", name], &end);
    }
    // A person's own files hold secrets: they lie where nobody looks.
    let theirs = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(theirs.path().join(name), text).expect("a file");
    let read = |name: &str| fs::read_to_string(theirs.path().join(name)).expect("a file");
    let (acme, telldus) = (run.house.world.app("acme"), run.house.world.app("telldus"));
    let token = run.house.run(&["token", "acme"]).lines.concat();
    write("app.json", &serde_json::json!({"client_id": acme.client_id, "client_secret": acme.client_secret}).to_string());
    write("telldus.env", &format!("CONSUMER_KEY={}\nCONSUMER_SECRET={}\n", telldus.client_id, telldus.client_secret));
    write("fitbit.env", &format!("FITBIT_CLIENT_ID=23ABCD\nFITBIT_CLIENT_SECRET='{OF_THE_ENVIRONMENT}'\n"));
    write("tokens.json", &serde_json::json!({"access_token": token}).to_string());
    write("script.py", &format!("client_secret = '{}'\nget('https://pa-api.telldus.com/json/devices/list')\n", telldus.client_secret));
    write("passphrase.txt", PASSPHRASE);
    let issuer = run.house.json(&["status", "acme", "--json"])["origins"][0].as_str().expect("an origin").to_owned();
    write("git.txt", &issuer.replacen("http://", "protocol=http\nhost=", 1));
    run.more.extend(key_file(&run.house));
    run.more.extend(
        [("access_token", token.as_str()), ("passphrase", PASSPHRASE), (ENVIRONMENT, OF_THE_ENVIRONMENT)]
            .map(|(what, text)| Canary::new(what, text)),
    );

    let said = type_all(&run, theirs.path(), &issuer);
    let history = fs::read_to_string(run.house.path().join(".bash_history")).expect("a history");
    for line in TYPED.lines().filter(|line| !line.is_empty()) {
        assert!(history.lines().any(|remembered| remembered == line), "{line} is remembered: {history}");
    }
    let made: serde_json::Value = serde_json::from_str(&read("key.json")).expect("a valet key");
    run.more.insert(Canary::new("valet key", made["key"].as_str().expect("a key")));
    run.more.insert(Canary::new("vault key", read("second.key").trim()));
    for folder in ["moved", "third"] {
        let key = fs::read_to_string(run.house.path().join(folder).join("vault.key")).expect("a key of its own");
        run.more.insert(Canary::new("vault key", key.trim()));
    }
    run.said.push(Seen { kind: "said", of: "a shell".to_owned(), bytes: said });
    let canaries = run.end(|seen, what| {
        // What `exec` runs is given them; the environment is the person's own doing; a new key file has that name until the vault is sealed with it.
        let of_exec = ["sh", "sleep", "env"].contains(&seen.of.as_str());
        let given = ["access_token", "oauth_token", "oauth_token_secret", "client_secret"].contains(&what);
        usually_meant(seen, what)
            || seen.kind == "environ" && (of_exec && given || what == ENVIRONMENT)
            || seen.kind == "file" && what == "vault key" && seen.of.ends_with("/vault.key.new")
    });
    for kind in
        ["access_token", "refresh_token", "client_secret", "oauth_token_secret", "passphrase", "valet key", "vault key", ENVIRONMENT]
    {
        assert!(canaries.iter().any(|canary| canary.what == kind), "no {kind} was looked for");
    }
}

/// What the secret is called that a person has in the environment.
const ENVIRONMENT: &str = "a secret of the environment";

/// All verbs that `--help` tells of are typed, and of what is typed nothing is hidden from the search but what [`HAND_OUT`] names.
fn every_verb_is_typed() {
    let house = keyfob_e2e::House::new();
    let below = |words: &[&str]| -> Vec<String> {
        let help = house.run(&[words, &["--help"]].concat()).lines;
        let verbs = help.iter().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        verbs
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
            .collect()
    };
    let mut verbs = BTreeSet::new();
    for verb in below(&[]) {
        match below(&[&verb]) {
            none if none.is_empty() => verbs.extend([verb]),
            some => verbs.extend(some.iter().map(|one| format!("{verb} {one}"))),
        }
    }
    assert!(verbs.contains("vault set-aside") && verbs.contains("get"), "{verbs:?}");
    let (mut typed, mut unseen) = (BTreeSet::new(), BTreeSet::new());
    for command in TYPED.lines().flat_map(|line| line.split("keyfob ").skip(1)) {
        let words: Vec<&str> = command.trim_start_matches("--vault third/vault.db ").split_whitespace().collect();
        let Some(verb) =
            [2, 1].iter().map(|count| words.iter().take(*count).copied().collect::<Vec<_>>().join(" ")).find(|verb| verbs.contains(verb))
        else {
            continue;
        };
        if command.contains("> /dev/null") || command.contains("> \"$THEIRS") {
            unseen.insert(verb.clone());
        }
        typed.insert(verb);
    }
    let without: Vec<&String> = verbs.difference(&typed).collect();
    assert!(without.is_empty(), "verbs that nobody watches: {without:?}");
    assert_eq!(unseen, HAND_OUT.iter().map(|(verb, _)| (*verb).to_owned()).collect(), "what is not looked at is listed, and nothing else");
}

/// Types all of it into bash; what was to be seen of it.
fn type_all(run: &Run, theirs: &Path, issuer: &str) -> Vec<u8> {
    let keyfob = keyfob_interop::tools::keyfob();
    let failed = run.house.path().join("failed");
    let script = format!(
        "set -o history -m\nPATH={}:$PATH\nHISTFILE=~/.bash_history\nTHEIRS={}\nISSUER={issuer}\ntrap 'echo \"$BASH_COMMAND\" >> ~/failed' ERR\n{}\nhistory -w\n",
        keyfob.parent().expect("a folder").display(),
        theirs.display(),
        TYPED.trim()
    );
    let mut bash = run.house.command(Path::new("/bin/bash"), &["--norc", "-s"]);
    let mut bash = bash.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bash");
    let mut input = bash.stdin.take().expect("a pipe");
    // Both at once: neither waits for the other.
    let typing = std::thread::spawn(move || input.write_all(script.as_bytes()));
    let output = bash.wait_with_output().expect("an end");
    typing.join().expect("no panic").expect("it reads");
    let said = [output.stdout, output.stderr].concat();
    let failed = fs::read_to_string(failed).unwrap_or_default();
    let failed: Vec<&str> = failed.lines().filter(|line| !line.starts_with("wait ")).collect();
    assert_eq!(failed, ["keyfob provider verify acme --live", "keyfob status acme"], "{}", String::from_utf8_lossy(&said));
    said
}
