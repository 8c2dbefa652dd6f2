//! What verbs print with `--json` is what `keyfob schema` says: nothing less, nothing else, nothing more.

#![allow(missing_docs)]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::{Ended, House, Running, visit};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

/// What no verb prints on stdout.
const OF_STDERR: [&str; 2] = ["error", "note"];

#[tokio::test(flavor = "multi_thread")]
async fn what_every_verb_prints_is_what_the_schema_says() {
    let house = House::new().await;
    let mut held = Held::to(house.json(&["schema"]).await["$defs"].clone());
    accounts_and_calls(&house, &mut held).await;
    providers_and_keys(&house, &mut held).await;
    what_runs_until_it_is_stopped(&house, &mut held).await;
    a_walk_at_the_real_provider(&mut held).await;
    the_vault_itself(&mut held).await;
    let schemas = held.schemas.as_object().expect("an object").keys().filter(|name| *name != "error");
    let loose: Vec<&String> = schemas.filter(|name| !held.verbs.contains(*name)).collect();
    assert!(loose.is_empty(), "nobody looked at what these print: {loose:?}");
}

async fn accounts_and_calls(house: &House, held: &mut Held) {
    held.fits("account list", &house.json(&["account", "list"]).await);
    for name in ["acme", "telldus", "netatmo/home"] {
        let mut login = house.start(&["login", name, "--no-browser", "--paste", "--json"]);
        let note = login.line(|line| line.contains("\"open\"")).await;
        held.fits_text("note", &note);
        let url = serde_json::from_str::<Value>(&note).expect("JSON")["open"].as_str().expect("an address").to_owned();
        let back = visit(&url).await.location.expect("it leads back");
        login.say(&format!("{back}\n")).await;
        held.fits_text("login", &login.end().await.exits(0).stdout);
    }
    let mut login = house.start(&["login", "acme/device", "--device", "--json"]);
    let note = login.line(|line| line.contains("\"user_code\"")).await;
    held.fits_text("note", &note);
    held.fits_text("login", &login.end_listening().await.exits(0).stdout);
    let script = house.file(
        "script.py",
        "consumer_key = 'example-key-not-real'\nconsumer_secret = 'example-secret-not-real'\n\
         oauth_token = 'example-token-not-real'; oauth_token_secret = 'example-secret-not-real'\n",
    );
    let commands: &[(&str, &[&str])] = &[
        ("login", &["login", "acme/service", "--client-credentials", "--scope", "echo"]),
        ("login", &["login", "acme/narrow", "--exchange", "acme", "--scope", "echo"]),
        ("status", &["status"]),
        ("status", &["status", "acme"]),
        ("status", &["status", "telldus"]),
        ("status", &["status", "acme", "--history"]),
        ("status", &["status", "acme", "--check"]),
        ("account list", &["account", "list"]),
        ("account default", &["account", "default", "netatmo/home"]),
        ("account default", &["account", "default"]),
        ("account default", &["account", "default", "netatmo", "--unset"]),
        ("account rename", &["account", "rename", "netatmo/home", "netatmo/attic"]),
        ("status", &["status", "netatmo/attic", "--history"]),
        ("refresh", &["refresh", "acme"]),
        ("refresh", &["refresh", "--due"]),
        ("status", &["status", "acme", "--history"]),
        ("token", &["token", "acme"]),
        ("header", &["header", "GET", "/api/me", "--account", "acme"]),
        ("header", &["header", "GET", "/json/clients/list", "--account", "telldus"]),
        ("env", &["env", "acme"]),
        ("env", &["env", "telldus"]),
        ("get", &["get", "acme", "/api/me"]),
        ("post", &["post", "acme", "/api/echo", "a=b"]),
        ("put", &["put", "acme", "/api/echo", "a:=1"]),
        ("patch", &["patch", "acme", "/api/echo", "a=b"]),
        ("delete", &["delete", "acme", "/api/echo"]),
        ("request", &["request", "OPTIONS", "acme", "/api/me", "-i"]),
        ("explain", &["explain", "GET", "telldus", "/json/clients/list", "a==b"]),
        ("explain", &["get", "telldus", "/json/clients/list", "--explain"]),
        ("explain", &["explain", "GET", "acme", "/api/me"]),
        ("why", &["why", "telldus", "GET", "/json/clients/list"]),
        ("doctor", &["doctor"]),
        ("doctor", &["doctor", "acme", "--offline"]),
        ("do", &["do", "telldus"]),
        ("do", &["do", "telldus", "devices"]),
        ("do", &["do", "telldus", "on", "240000", "--dry-run"]),
        ("adopt", &["adopt", &script, "--provider", "telldus"]),
        ("adopt", &["adopt", &script, "--provider", "telldus", "--keep", "--replace"]),
        ("export", &["export"]),
    ];
    for (verb, arguments) in commands {
        held.prints(house, verb, arguments).await;
    }
    held.fits_text(
        "import",
        &house.run_with(&["import", "acme/made", "--stdin", "--json"], r#"{"access_token":"not-a-real-one"}"#).await.exits(0).stdout,
    );
    // A call shows its answer; asked for more it has a shape of its own, which the manual tells.
    members(&house.json(&["get", "acme", "/api/me", "-i"]).await, &["body", "headers", "status"]);
    members(&house.json(&["post", "acme", "/api/echo", "a=b", "--dry-run"]).await, &["body", "headers", "method", "url"]);
}

async fn providers_and_keys(house: &House, held: &mut Held) {
    let sound = house.file("mine.toml", "name = \"telldus\"\ntitle = \"My Telldus\"\n");
    let issuer = house.sandbox.origin("acme");
    let commands: &[(&str, &[&str])] = &[
        ("provider list", &["provider", "list"]),
        ("provider show", &["provider", "show", "fitbit"]),
        ("provider show", &["provider", "show", "telldus"]),
        ("provider check", &["provider", "check", &sound]),
        ("provider new", &["provider", "new", "my-hub", "--issuer", &issuer]),
        ("key create", &["key", "create", "--account", "acme", "--allow", "GET /**", "--expires", "7d", "--rate", "10/min"]),
        ("key create", &["key", "create", "--api", "--name", "deploy", "--expires", "30d"]),
        ("key list", &["key", "list"]),
    ];
    for (verb, arguments) in commands {
        held.prints(house, verb, arguments).await;
    }
    let keys = house.json(&["key", "list"]).await;
    let ids: Vec<&str> = keys.as_array().into_iter().flatten().filter_map(|key| key["id"].as_str()).collect();
    assert_eq!(ids.len(), 2, "a valet key and an API token: {keys}");
    for id in ids {
        held.prints(house, "key revoke", &["key", "revoke", id]).await;
    }
    let app = house.sandbox.app("netatmo");
    let keys = json!({"client_id": app.client_id, "client_secret": app.client_secret}).to_string();
    held.fits_text("app add", &house.run_with(&["app", "add", "netatmo", "--stdin", "--json"], &keys).await.exits(0).stdout);
    held.prints(house, "app list", &["app", "list"]).await;
    held.prints(house, "app rm", &["app", "rm", "netatmo"]).await;
}

async fn what_runs_until_it_is_stopped(house: &House, held: &mut Held) {
    let mut watch = house.start(&["watch", "--json"]);
    watch.line(|line| line.contains("watching")).await;
    house.good(&["refresh", "acme"]).await;
    let line = first_line(&mut watch).await;
    held.fits_text("watch", &line);
    watch.interrupt();

    let mut serve = house.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let line = first_line(&mut serve).await;
    held.fits_text("serve", &line);
    serve.interrupt();
    held.prints(house, "serve", &["serve", "--link"]).await;
    held.prints(house, "serve", &["serve", "--check"]).await;

    let mut sandbox = house.start(&["sandbox", "--port", "0", "--json"]);
    let line = first_line(&mut sandbox).await;
    held.fits_text("sandbox", &line);
    sandbox.interrupt();
    // It plays the providers itself.
    let tried = house.command(&["try", "telldus", "--json"]).env_remove("KEYFOB_SANDBOX").output().await.expect("it runs");
    held.fits_text("try", std::str::from_utf8(&tried.stdout).expect("text"));

    held.fits("logout", &house.json(&["logout", "telldus"]).await);
    held.fits("logout", &house.json(&["logout", "acme/service", "--revoke"]).await);
    held.fits("account rm", &house.json(&["account", "rm", "acme", "--revoke"]).await);
}

/// `verify` refuses pretend providers, so a file of the user's own moves the real one.
async fn a_walk_at_the_real_provider(held: &mut Held) {
    let mut house = House::new().await;
    house.log_in("telldus").await;
    let vault = house.vault().display().to_string();
    house.set("KEYFOB_VAULT", &vault);
    let app = house.sandbox.app("telldus");
    let keys = json!({"client_id": app.client_id, "client_secret": app.client_secret}).to_string();
    house.run_with(&["app", "add", "telldus", "--stdin"], &keys).await.exits(0);
    house.unset("KEYFOB_SANDBOX");
    house.file("config/providers/telldus.toml", &format!("[origins]\n\"*\" = \"{}\"\n", house.sandbox.origin("telldus")));
    // Moved elsewhere, it verifies nothing, and says so.
    held.fits_text("provider verify", &house.run(&["provider", "verify", "telldus", "--live", "--json"]).await.exits(1).stdout);
}

#[cfg(unix)]
async fn the_vault_itself(held: &mut Held) {
    use std::os::unix::fs::PermissionsExt;

    const PASSPHRASE: &str = "canary horse battery staple\n";
    let mut house = House::new().await;
    let runtime = house.path("r");
    std::fs::create_dir(&runtime).expect("a folder");
    std::fs::set_permissions(&runtime, PermissionsExt::from_mode(0o700)).expect("chmod");
    house.set("XDG_RUNTIME_DIR", &runtime.display().to_string());
    house.log_in("acme").await;
    let (elsewhere, file) = (house.path("elsewhere.db").display().to_string(), house.path("backup.keyfob").display().to_string());
    let third = house.path("third.db").display().to_string();
    let commands: &[(&str, &[&str], Option<&str>)] = &[
        ("vault status", &["vault", "status"], None),
        ("vault check", &["vault", "check"], None),
        ("vault rekey", &["vault", "rekey"], None),
        ("vault move", &["vault", "move", "--to", &elsewhere], None),
        ("vault export", &["vault", "export", &file, "--stdin"], Some(PASSPHRASE)),
        ("vault import", &["--vault", &third, "vault", "import", &file, "--stdin"], Some(PASSPHRASE)),
        ("vault rekey", &["vault", "rekey", "--passphrase", "--stdin"], Some(PASSPHRASE)),
        ("vault status", &["vault", "status"], None),
        ("unlock", &["unlock", "--stdin"], Some(PASSPHRASE)),
        ("vault status", &["vault", "status"], None),
        ("lock", &["lock"], None),
        ("lock", &["lock"], None),
        ("vault set-aside", &["vault", "set-aside", "--yes"], None),
    ];
    for (verb, arguments, input) in commands {
        let arguments = [arguments, &["--json"][..]].concat();
        let ended = house.run_with(&arguments, input.unwrap_or_default()).await.exits(0);
        held.fits_text(verb, &ended.stdout);
    }
}

#[cfg(not(unix))]
async fn the_vault_itself(_: &mut Held) {}

/// What fails says why in one shape, whatever the verb: what it cannot do, and a command line that it cannot read.
#[tokio::test(flavor = "multi_thread")]
async fn every_verb_says_why_it_failed_in_one_shape() {
    let house = House::new().await;
    let mut held = Held::to(house.json(&["schema"]).await["$defs"].clone());
    let mut verbs: Vec<String> =
        held.schemas.as_object().expect("an object").keys().filter(|name| !OF_STDERR.contains(&name.as_str())).cloned().collect();
    verbs.extend(["curl", "exec", "helper process", "trace", "schema", "completions", "man", "help"].map(str::to_owned));
    for verb in &verbs {
        let words: Vec<&str> = verb.split(' ').chain(["--no-such-option", "--json"]).collect();
        held.fails(&house, &words).await;
    }
    house.log_in("telldus").await;
    let broken = house.file("broken.toml", "name = \"mine\"\ntitle = \"Mine\"\nkind = \"oauth2\"\n");
    let cannot: &[&[&str]] = &[
        &["account", "default", "nobody"],
        &["account", "rename", "telldus", "acme"],
        &["account", "rm", "nobody"],
        &["adopt", "nowhere.py"],
        &["app", "add", "nobody"],
        &["app", "rm", "nobody"],
        &["completions", "nothing"],
        &["curl", "nobody", "--", "/x"],
        &["delete", "nobody", "/x"],
        &["do", "telldus", "nothing"],
        &["doctor", "nobody"],
        &["env", "nobody"],
        &["exec", "nobody", "--", "true"],
        &["explain", "GET", "nobody", "/x"],
        &["export", "nobody"],
        &["get", "nobody", "/x"],
        &["get", "telldus", "/nowhere", "-f"],
        &["header", "GET", "/x", "--account", "nobody"],
        &["help", "nothing"],
        &["helper", "process", "nobody"],
        &["import", "nobody", "--stdin"],
        &["key", "create", "--account", "nobody", "--allow", "GET /**"],
        &["key", "revoke", "nothing"],
        &["login", "nobody"],
        &["logout", "nobody"],
        &["man", "nothing"],
        &["patch", "nobody", "/x"],
        &["post", "nobody", "/x"],
        &["provider", "check", "nowhere.toml"],
        &["provider", "new", "telldus"],
        &["provider", "show", "nobody"],
        &["provider", "verify", "telldus"],
        &["put", "nobody", "/x"],
        &["refresh", "nobody"],
        &["request", "GET", "nobody", "/x"],
        &["sandbox", "--only", "nobody"],
        &["schema", "nothing"],
        &["serve", "--env-file", "nowhere.env"],
        &["status", "nobody"],
        &["token", "nobody"],
        &["trace", "--html", "x.html", "provider", "list"],
        &["try", "nobody"],
        &["unlock", "--stdin"],
        &["--vault", "nowhere.db", "vault", "check"],
        &["--vault", "nowhere.db", "vault", "export", "x.keyfob", "--stdin"],
        &["vault", "import", "nowhere.keyfob", "--stdin"],
        &["--vault", "nowhere.db", "vault", "move", "--to", "y.db"],
        &["--vault", "nowhere.db", "vault", "rekey"],
        &["--vault", "nowhere.db", "vault", "set-aside"],
        &["--vault", "nowhere.db", "vault", "status"],
        &["watch", "nobody"],
        &["why", "nobody", "GET", "/x"],
    ];
    for arguments in cannot {
        // Behind `--` it would be somebody else's.
        let words: Vec<&str> = ["--json"].iter().chain(*arguments).copied().collect();
        let ended = held.fails(&house, &words).await;
        if !ended.stdout.is_empty() {
            held.fits_text(&arguments[..2].join(" "), &ended.stdout);
        }
    }
    // What is wrong with a file is the answer, in its own shape, and there is no second document.
    let ended = house.run(&["--json", "provider", "check", &broken]).await.exits(1);
    assert_eq!(ended.stderr, "", "{ended:#?}");
    held.fits_text("provider check", &ended.stdout);
    // Lists cannot fail but by their vault, and what is locked already is locked.
    let never = ["account list", "app list", "key list", "lock", "provider list"];
    let named = |verb: &String| {
        cannot.iter().any(|words| format!(" {} ", words.join(" ")).contains(&format!(" {verb} "))) || never.contains(&verb.as_str())
    };
    let without: Vec<&String> = verbs.iter().filter(|verb| !named(verb)).collect();
    assert!(without.is_empty(), "nobody saw these fail: {without:?}");
}

/// The schemas, and the verbs that were held to theirs.
struct Held {
    schemas: Value,
    verbs: BTreeSet<String>,
}

impl Held {
    fn to(schemas: Value) -> Self {
        Self { schemas, verbs: BTreeSet::new() }
    }

    fn fits(&mut self, verb: &str, value: &Value) {
        let schema = &self.schemas[verb];
        assert!(schema.is_object(), "there is a schema of {verb}");
        if let Err(why) = judge(schema, value, verb) {
            panic!("{why}\n{value:#}");
        }
        self.verbs.insert(verb.to_owned());
    }

    fn fits_text(&mut self, verb: &str, text: &str) {
        let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{verb}: {error}: {text:?}"));
        self.fits(verb, &value);
    }

    async fn prints(&mut self, house: &House, verb: &str, arguments: &[&str]) {
        self.fits(verb, &house.json(arguments).await);
    }

    async fn fails(&mut self, house: &House, arguments: &[&str]) -> Ended {
        let ended = house.run(arguments).await;
        assert_ne!(ended.code, 0, "{arguments:?}: {ended:#?}");
        let card = ended.stderr.lines().last().unwrap_or_default();
        let card: Value = serde_json::from_str(card).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ended.stderr));
        self.fits("error", &card);
        assert_eq!(card["error"]["exit"], ended.code);
        for part in ["what", "why", "next"] {
            assert!(card["error"][part].as_str().is_some_and(|text| !text.is_empty()), "{arguments:?}: no {part}: {card}");
        }
        ended
    }
}

/// What a program that runs on says first.
async fn first_line(running: &mut Running) -> String {
    let mut line = String::new();
    let stdout = running.child.stdout.as_mut().expect("a pipe");
    let read = tokio::time::timeout(Duration::from_secs(60), BufReader::new(stdout).read_line(&mut line)).await.expect("in time");
    assert!(read.is_ok_and(|read| read > 0), "it ended before; it said:\n{}", running.seen);
    line
}

fn members(value: &Value, expected: &[&str]) {
    let found: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(found, expected, "{value:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_one_verb_stands_alone() {
    let house = House::new().await;
    let schema = house.json(&["schema", "account", "rename"]).await;
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], json!(["account", "was", "provider"]));
    let ended = house.run(&["schema", "acount", "rename"]).await.exits(2);
    assert!(ended.stderr.contains("did you mean keyfob schema account rename?"), "{}", ended.stderr);
}

/// The part of JSON Schema that the schemas use. Stricter in one thing: a member that is not named is an error, so that none is printed unsaid.
fn judge(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(any) = schema["anyOf"].as_array() {
        let judged: Vec<_> = any.iter().map(|one| judge(one, value, at)).collect();
        let why = judged.iter().filter_map(|judged| judged.as_ref().err()).cloned().collect::<Vec<_>>().join("; or: ");
        return if judged.iter().any(Result::is_ok) { Ok(()) } else { Err(why) };
    }
    let fits = match schema["type"].as_str() {
        None => return Ok(()),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some(other) => return Err(format!("{at}: {other} is no type")),
    };
    if !fits {
        return Err(format!("{at}: expected {}, found {value}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return Err(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        judge(&schema["items"], item, &format!("{at}[{number}]"))?;
    }
    let Some(members) = value.as_object() else { return Ok(()) };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name) {
            return Err(format!("{at}: {name} is missing"));
        }
    }
    for (name, member) in members {
        let of = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        judge(of.ok_or_else(|| format!("{at}: {name} is not in the schema"))?, member, &format!("{at}.{name}"))?;
    }
    Ok(())
}

#[test]
fn what_does_not_fit_is_seen() {
    let schema =
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "array", "items": {"enum": ["x"], "type": "string"}}}});
    assert_eq!(judge(&schema, &json!({"a": ["x"]}), ""), Ok(()));
    for wrong in [json!({}), json!({"a": "x"}), json!({"a": ["y"]}), json!({"a": [], "b": 1}), json!(1), json!(null)] {
        assert!(judge(&schema, &wrong, "").is_err(), "{wrong}");
    }
}

/// What programs read is written down once more, beside this test: a member that is renamed or taken away in the shapes, and in what is printed, is seen all
/// the same. New ones are added with KEYFOB_WRITE_DOCS=1; one is taken away by hand alone.
#[tokio::test(flavor = "multi_thread")]
async fn members_that_programs_rely_on_stay() {
    let house = House::new().await;
    let all: Value = serde_json::from_str(&house.good(&["schema"]).await).expect("JSON");
    let mut found = BTreeSet::new();
    for (verb, schema) in all["$defs"].as_object().expect("an object") {
        paths(schema, &format!("{verb}:"), &mut found);
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schema-members.txt");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut pinned: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let gone: Vec<&String> = pinned.difference(&found).collect();
    assert!(gone.is_empty(), "programs read these, and they are gone: {gone:#?}");
    if std::env::var_os("KEYFOB_WRITE_DOCS").is_some() {
        pinned.clone_from(&found);
        let lines: String = pinned.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(file, lines).expect("it is written");
    }
    let new: Vec<&String> = found.difference(&pinned).collect();
    assert!(new.is_empty(), "not written down yet (KEYFOB_WRITE_DOCS=1): {new:#?}");
    assert!(pinned.len() > 200, "{}", pinned.len());
}

/// The members of a schema, each on its path; with ? behind one that may be left out.
fn paths(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(parts) => {
            if let Some(properties) = parts.get("properties").and_then(Value::as_object) {
                let required: Vec<&str> =
                    parts.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
                for (name, below) in properties {
                    let optional = if required.contains(&name.as_str()) { "" } else { "?" };
                    found.insert(format!("{path} {name}{optional}"));
                    paths(below, &format!("{path} {name}"), found);
                }
            }
            for (_, below) in parts.iter().filter(|(name, _)| !matches!(name.as_str(), "properties" | "required" | "enum" | "const")) {
                paths(below, path, found);
            }
        }
        Value::Array(parts) => parts.iter().for_each(|part| paths(part, path, found)),
        _ => {}
    }
}
