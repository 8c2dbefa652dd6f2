//! What README, docs, help topics and `--help` tell people to type is typed here: the commands of a page one after the other, in a home of the page's own, with
//! pretend providers at the other end. A command that cannot be run here is in [`NOT_HERE`], with the reason. What is shown below a command is what comes of
//! it, but for what is written as `…`.

#![cfg(unix)]
#![allow(missing_docs)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::pattern::Pattern;
#[cfg(target_os = "linux")]
use common::screen::{INTERRUPT, Screen};
use common::{Ended, House, PROVIDERS, Running, visit};
use keyfob_testbed::port;

/// What cannot be run here, and why. A command belongs here only where nothing of it can be stood in for: [`stand_in`] has what is.
const NOT_HERE: [(&str, &str); 0] = [];

/// Commands that read what somebody types, and what that is.
const TYPED: [(&str, &str); 3] = [
    ("keyfob vault rekey --passphrase", "canary horse battery staple\n"),
    ("keyfob unlock", "canary horse battery staple\n"),
    (
        "keyfob why telldus GET /x --base-string -",
        "GET&https%3A%2F%2F127.0.0.1%2Fx&oauth_consumer_key%3D{client_id}%26oauth_nonce%3Dn%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1%26oauth_token%3D{token}%26oauth_version%3D1.0\n",
    ),
];

/// Pages, and the accounts that whoever reads them has by then.
const ACCOUNTS: [(&str, &[&str]); 7] = [
    ("README.md", &["netatmo", "fitbit"]),
    ("docs/api.md", &["august"]),
    ("docs/keys.md", &["august"]),
    ("docs/trace.md", &["telldus"]),
    ("docs/vault.md", &["acme"]),
    ("crates/keyfob-cli/README.md", &["august", "netatmo", "acme"]),
    ("--help", &["netatmo", "telldus", "acme"]),
];

/// Where each service's keys are written down, as [docs/steps.md] names them.
const KEYS: [(&str, &[(&str, &str)]); 5] = [
    ("august", &[("CLIENTID", "client_id"), ("APISEC", "client_secret"), ("APIKEY", "api_key")]),
    ("netatmo", &[("NETATMO_API_CLIENT_ID", "client_id"), ("NETATMO_API_CLIENT_SECRET", "client_secret")]),
    ("fitbit", &[("FITBIT_CLIENT_ID", "client_id"), ("FITBIT_CLIENT_SECRET", "client_secret")]),
    ("fitbit-oauth1", &[("CONSUMER_KEY", "client_id"), ("CONSUMER_SECRET", "client_secret")]),
    ("telldus", &[("CONSUMER_KEY", "client_id"), ("CONSUMER_SECRET", "client_secret")]),
];

/// Pages of providers whose last command needs what an imitation has not: an answer with things in it, where the action takes them apart. The login and the
/// call have worked by then.
const WITHOUT_DATA: [&str; 12] = [
    "ebay",
    "home-connect",
    "husqvarna",
    "mailchimp",
    "nest-sdm",
    "smartthings",
    "sonos",
    "stackexchange",
    "todoist",
    "twitch",
    "withings",
    "yale-global",
];

/// Pages of providers that a person has to bring something for, and what.
const BY_A_PERSON: [(&str, &str); 3] = [
    ("keyfob login apple", "the app's own private key"),
    ("keyfob import magento2", "tokens that are copied from a page"),
    ("keyfob import plentymarkets", "tokens that are copied from a page"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_every_page_runs() {
    let mut passed_over = BTreeSet::new();
    let mut ran = 0;
    for (page, text) in pages() {
        let commands = commands(&text);
        ran += run_page(&page, &text, commands, &mut passed_over).await;
    }
    let help = examples(&House::new().await).await;
    assert!(help.len() >= 7, "{help:?}");
    let help = help.into_iter().map(|line| Typed { line, shown: Vec::new() }).collect();
    ran += run_page("--help", "", help, &mut passed_over).await;
    assert!(ran >= 20, "{ran} commands");
    let dead: Vec<&str> = NOT_HERE.iter().map(|(command, _)| *command).filter(|command| !passed_over.contains(command)).collect();
    assert!(dead.is_empty(), "no page says this any more: {dead:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_a_first_call_it_is_as_many_steps_as_the_page_says() {
    let page = page("docs/steps.md");
    let mut counted = BTreeMap::new();
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().expect("a title").to_lowercase();
        let (files, commands) = walk(&title, section).await;
        counted.insert(title.replace(' ', "-"), (files, commands));
    }
    let mut said = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| [")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let section = cells[0].split_once("(#").and_then(|(_, rest)| rest.strip_suffix(')')).expect("a link");
        said.insert(section.to_owned(), (cells[1].parse().expect("a number"), cells[2].parse().expect("a number")));
    }
    assert_eq!(counted, said);
    assert!(said.values().all(|(_, commands)| *commands <= 3), "three are the goal: {said:?}");
    assert_eq!(said.len(), KEYS.len() + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_a_sentence_is_a_verb_with_these_options() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let providers = house.json(&["provider", "list"]).await;
    let providers: BTreeSet<String> =
        providers.as_array().expect("a list").iter().filter_map(|one| Some(one["name"].as_str()?.to_owned())).collect();
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (page, text) in pages() {
        for command in in_sentences(&text) {
            let words: Vec<&str> = command.split_whitespace().skip(1).collect();
            let is_name = |word: &&&str| {
                word.chars().all(|c| c.is_ascii_alphanumeric() || "-/".contains(c)) && word.starts_with(|c: char| c.is_ascii_lowercase())
            };
            let Some(first) = words.first().filter(is_name) else { continue };
            // A short form (`keyfob august locks`) is `do`.
            let verb = if providers.contains(first.split('/').next().unwrap_or_default()) { "do" } else { *first };
            seen += 1;
            let mut chain = vec![verb];
            let has_verbs_below = ["vault", "app", "key", "account", "provider", "helper"].contains(&verb);
            chain.extend(words.get(1).filter(is_name).filter(|_| has_verbs_below));
            let key = chain.join(" ");
            if !helps.contains_key(&key) {
                let ended = house.run(&[&chain[..], &["--help"]].concat()).await;
                helps.insert(
                    key.clone(),
                    if ended.code == 0 && ended.stdout.contains("Usage: keyfob") { ended.stdout } else { String::new() },
                );
            }
            let help = &helps[&key];
            if help.is_empty() {
                wrong.push(format!("{page}: `{command}`: there is no such verb"));
                continue;
            }
            // Behind `--` are another program's.
            for option in words.iter().take_while(|word| **word != "--").filter(|word| word.starts_with("--")) {
                let name = option.split(['=', '|', ',', '.']).next().unwrap_or_default();
                let is_there = help.split(|c: char| c.is_whitespace() || c == ',' || c == '[' || c == '=').any(|word| word == name);
                if !is_there {
                    wrong.push(format!("{page}: `{command}`: {key} has no {name}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 25, "{seen}");
}

/// The pages of the catalogue, one a provider: each command is of that provider, and its action is one that needs no more than stands there. (Running them
/// all is the walk of the catalogue in e2e.)
#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_a_providers_page_is_one_that_it_has() {
    let mut house = House::new().await;
    house.unset("KEYFOB_SANDBOX");
    let providers = house.json(&["provider", "list"]).await;
    let (mut wrong, mut seen, mut listed) = (Vec::new(), 0, BTreeMap::new());
    let has_page = |provider: &&serde_json::Value| !provider["kind"].is_null();
    for provider in providers.as_array().expect("a list").iter().filter(has_page) {
        let name = provider["name"].as_str().expect("a name");
        let text = page(&format!("docs/providers/{name}.md"));
        for Typed { line: command, shown } in commands(&text) {
            assert!(shown.is_empty(), "{name}: nothing compares what {command} is shown with");
            let words: Vec<&str> = command.split_whitespace().skip(1).filter(|word| *word != "--sandbox").collect();
            seen += 1;
            let fits = match words[..] {
                ["login" | "import", who] | ["app", "add", who] => who == name,
                ["get", who, path] => who == name && path.starts_with('/'),
                ["sandbox", "&"] => true,
                [who, action] if who == name => {
                    let known = provider["actions"].as_array().expect("a list").iter().any(|known| known == action);
                    listed.insert(name.to_owned(), action.to_owned());
                    known
                }
                _ => false,
            };
            if !fits {
                wrong.push(format!("{name}: {command}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 300 && listed.len() > 90, "{seen} commands, {} actions", listed.len());
    // That an action needs nothing more is said by itself.
    for (name, action) in &listed {
        let told = house.json(&["do", name, action, "--help"]).await;
        let needs = told["parameters"].as_array().expect("a list").iter().any(|one| one["required"] == true && one["default"].is_null());
        assert!(!needs, "{name} {action}: {told}");
    }
}

/// The same, typed: against an imitation of each provider's file, by one person who says yes to everything. Of a page, only registering an app is left to
/// whoever has one: what `app add` asks for is copied from the provider's own pages, and the imitation's demo app stands in for it.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_a_providers_page_works_where_its_file_is_played() {
    let mut house = House::new().await;
    let listed = house.json(&["provider", "list"]).await;
    let there = listed.as_array().expect("a list").iter().filter(|provider| !provider["kind"].is_null());
    let names: Vec<&str> = there.filter_map(|provider| provider["name"].as_str()).collect();
    let mut play = vec!["sandbox", "--port", "0", "--consent", "approve"];
    play.extend(names.iter().filter(|name| !PROVIDERS.contains(name)).flat_map(|name| ["--as", name]));
    let mut playing = house.start(&play);
    let index = playing.line(|line| line.starts_with("export KEYFOB_SANDBOX=")).await;
    house.set("KEYFOB_SANDBOX", index.trim_start_matches("export KEYFOB_SANDBOX="));
    let third = names.len().div_ceil(3);
    let mut thirds = names.chunks(third).map(|names| walk_pages(&house, names));
    let mut next = || thirds.next().expect("three");
    let (one, two, three) = tokio::join!(next(), next(), next());
    let wrong: Vec<String> = [one, two, three].concat();
    assert!(wrong.is_empty(), "{} of {} pages:\n{}", wrong.len(), names.len(), wrong.join("\n"));
    playing.interrupt();
    playing.end_listening().await.exits(0);
}

/// Types the commands of these providers' pages, and says what did not work.
async fn walk_pages(house: &House, names: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for name in names {
        for Typed { line: command, .. } in commands(&page(&format!("docs/providers/{name}.md"))) {
            if BY_A_PERSON.iter().any(|(listed, _)| command == *listed) {
                break;
            }
            let words: Vec<&str> = command.split_whitespace().skip(1).filter(|word| *word != "--sandbox").collect();
            let ended = match words[..] {
                ["app", "add", _] | ["sandbox", "&"] => continue,
                ["login", name] => log_in_somehow(house, name).await,
                _ => house.run(&words).await,
            };
            let is_empty = ended.code == 1 && ended.stderr.contains("the answer has not the shape");
            if WITHOUT_DATA.contains(name) && words == [*name, words.last().copied().unwrap_or_default()] {
                if !is_empty {
                    wrong.push(format!("{name}: {command}: its imitation has data by now: take it off the list"));
                }
            } else if ended.code != 0 {
                wrong.push(format!("{name}: {command}: {}\n{}", ended.code, ended.stderr));
                break;
            }
        }
    }
    wrong
}

/// By the browser where there is one to be sent to; else as the provider has it: by keys alone, or by a code, which the imitation approves.
async fn log_in_somehow(house: &House, name: &str) -> Ended {
    let mut login = house.start(&["login", name, "--no-browser", "--paste"]);
    let Some(url) = login.url_if_any().await else {
        let ended = login.end().await;
        return if ended.stderr.contains("sends nobody back") { house.run(&["login", name]).await } else { ended };
    };
    let page = visit(&url).await;
    if let Some(back) = page.location {
        login.say(&format!("{back}\n")).await;
    }
    login.end_listening().await
}

#[test]
fn commands_are_found_where_they_are_shown() {
    let text = "```console\n$ keyfob a \\\n    --b\nkeyfob says so\n$ ls\n$ x | keyfob c   # why\n```\n\n    keyfob d\nkeyfob e\n```\nkeyfob f      # f\n```\n```rust\nkeyfob g\n```\n";
    let lines = |text: &str| commands(text).into_iter().map(|typed| typed.line).collect::<Vec<_>>();
    assert_eq!(lines(text), ["keyfob a --b", "x | keyfob c", "keyfob d", "keyfob f"]);
    let shown = |text: &str| typed_lines(text).into_iter().map(|typed| typed.shown.join("|")).collect::<Vec<_>>();
    assert_eq!(shown(text), ["keyfob says so", "", "", "", ""]);
    assert_eq!(shown("```console\n$ a \\\n    b\nx\n\n  y\n\n$ c\n# d\n```\nz\n"), ["x||  y", ""]);
    assert_eq!(in_sentences("see `keyfob a --b`,\n`x`\n```\n`keyfob no`\n```\n"), ["keyfob a --b"]);
}

/// The README, everything in docs/, and the command's own README, whose sections are the help topics.
fn pages() -> Vec<(String, String)> {
    let mut names = vec!["README.md".to_owned(), "crates/keyfob-cli/README.md".to_owned()];
    for entry in std::fs::read_dir(root().join("docs")).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        // Its commands are walked section by section.
        if name.ends_with(".md") && name != "steps.md" {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    names.into_iter().map(|name| (name.clone(), page(&name))).collect()
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A line that is typed, and what the page shows of what comes of it.
#[derive(Debug, PartialEq)]
struct Typed {
    line: String,
    shown: Vec<String>,
}

/// The lines that run `keyfob`, of blocks of code that are a shell's; and what is shown beside them.
fn commands(text: &str) -> Vec<Typed> {
    typed_lines(text)
        .into_iter()
        .filter(|Typed { line, shown }| {
            ["keyfob ", "| keyfob ", "$(keyfob "].iter().any(|way| line.starts_with(way) || line.contains(way) && !way.starts_with('k'))
                || !shown.is_empty()
        })
        .collect()
}

/// The lines of blocks of code that are a shell's: in a `console` those behind `$`, and what they go on with; what is shown there stands below them.
fn typed_lines(text: &str) -> Vec<Typed> {
    let mut found: Vec<Typed> = Vec::new();
    let (mut fence, mut goes_on) = (None, false);
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language.to_owned()) };
            goes_on = false;
            continue;
        }
        let line = match fence.as_deref() {
            Some("console") if goes_on => line.trim(),
            Some("console") => match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(line), _) => line,
                (None, Some(last)) if !line.starts_with("# ") => {
                    last.shown.push(line.to_owned());
                    continue;
                }
                (None, _) => continue,
            },
            Some("sh" | "bash" | "") => line,
            None if line.starts_with("    keyfob ") => line.trim(),
            _ => continue,
        };
        let line = line.split("  #").next().unwrap_or_default().trim_end();
        let (line, more) = line.strip_suffix('\\').map_or((line, false), |line| (line, true));
        match found.last_mut().filter(|_| goes_on) {
            Some(last) => last.line.push_str(line),
            None => found.push(Typed { line: line.to_owned(), shown: Vec::new() }),
        }
        goes_on = more;
    }
    for Typed { shown, .. } in &mut found {
        without_blank_ends(shown);
    }
    found
}

/// An empty line between two commands belongs to neither.
fn without_blank_ends<S: AsRef<str>>(lines: &mut Vec<S>) {
    while lines.last().is_some_and(|line| line.as_ref().trim().is_empty()) {
        lines.pop();
    }
}

/// What stands between backticks and begins with `keyfob `, outside of blocks.
fn in_sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut outside = true;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            outside = !outside;
        } else if outside {
            found.extend(line.split('`').skip(1).step_by(2).filter(|code| code.starts_with("keyfob ")).map(str::to_owned));
        }
    }
    found
}

/// The examples that `--help` gives, of the program and of every verb.
async fn examples(house: &House) -> Vec<String> {
    let help = house.good(&["--help"]).await;
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs: Vec<String> = verbs.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect();
    let mut found = examples_in(&help);
    for verb in &verbs {
        found.extend(examples_in(&house.good(&[verb, "--help"]).await));
    }
    let mut known = BTreeSet::new();
    found.retain(|command| known.insert(command.clone()));
    found
}

fn examples_in(help: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let lines = help.lines().skip_while(|line| !line.starts_with("Example")).take_while(|line| !line.is_empty());
    for line in lines.filter_map(|line| line.strip_prefix("  ").or_else(|| line.strip_prefix("Example: "))) {
        let command = line.split("  ").next().unwrap_or_default().trim_end();
        match found.last_mut() {
            // Too long for the line.
            Some(last) if command.starts_with("https://") => last.extend([" ", command]),
            _ => found.push(command.to_owned()),
        }
    }
    found
}

/// Runs a page's commands in order, each of which has to work; how many there were.
async fn run_page(page: &str, text: &str, commands: Vec<Typed>, passed_over: &mut BTreeSet<&'static str>) -> usize {
    if commands.is_empty() {
        return 0;
    }
    let mut house = House::new().await;
    let accounts = ACCOUNTS.iter().find(|(name, _)| *name == page).map_or(&[][..], |(_, accounts)| accounts);
    for account in accounts {
        house.log_in(account).await;
    }
    let port = port::reserve();
    // The page's own env-file, and a configuration of the kind that it is about.
    let here =
        |text: &str| text.replace("127.0.0.1:5000", &format!("127.0.0.1:{port}")).replace("localhost:5000", &format!("localhost:{port}"));
    if let Some(file) = text.split("```\n").find(|block| block.starts_with("CLIENTID=")) {
        house.file("august.env", &here(file));
        let at_home: String =
            file.lines()
                .map(|line| {
                    if line.starts_with("AUTHCALL=") { "AUTHCALL=https://home.example/callback\n".to_owned() } else { format!("{line}\n") }
                })
                .collect();
        house.file("home.env", &at_home);
        house.file("keyfob.toml", &here("listen = \"127.0.0.1:5000\"\nenv_file = \"august.env\"\n"));
    }
    let stand_ins = stand_in(&mut house, port);
    let put_in = |text: &str| stand_ins.iter().fold(here(text), |text, (real, other)| text.replace(real, other));
    let served = match commands.iter().any(|typed| typed.line.contains("curl ") && typed.line.contains("https://home.example/v1/")) {
        true => Some(at_home(&house, port).await),
        false => None,
    };
    let mut ran = 0;
    for Typed { line: command, shown } in commands {
        if let Some((listed, _)) = NOT_HERE.iter().find(|(listed, _)| command.starts_with(listed)) {
            passed_over.insert(listed);
            continue;
        }
        let line = put_in(&command);
        // Where the program behind the pipe is not installed, what goes into it still has to be made.
        let line = match line.split_once(" | ") {
            Some((ours, other)) if !is_installed(other.split(' ').next().unwrap_or_default()) => ours.to_owned(),
            _ => line,
        };
        println!("{page}: {line}");
        if shown.is_empty() {
            let ended = run(&house, &line).await;
            assert_eq!(ended.code, 0, "{page}: {line}\n{ended:#?}");
        } else {
            let shown: Vec<String> = shown.iter().map(|shown| put_in(shown)).collect();
            compare(&house, page, &line, &shown).await;
        }
        ran += 1;
    }
    if let Some(serve) = served {
        serve.interrupt();
        serve.end_listening().await;
    }
    ran
}

/// What a page names and is not here, and what takes its place: real providers and theirs, files and ports of a server, somebody else's programs and files.
fn stand_in(house: &mut House, port: u16) -> Vec<(&'static str, String)> {
    use std::os::unix::fs::PermissionsExt;

    let made = rcgen::generate_simple_self_signed(["home.example".to_owned()]).expect("a certificate");
    house.file("fullchain.pem", &made.cert.pem());
    house.file("privkey.pem", &made.signing_key.serialize_pem());
    // It works where it is given a token, and not otherwise.
    let gh = house.file("bin/gh", "#!/bin/sh\n[ \"$*\" = 'repo list' ] && [ -n \"$KEYFOB_TOKEN\" ]\n");
    std::fs::set_permissions(gh, PermissionsExt::from_mode(0o755)).expect("a program");
    house.file("notes.txt", "notes\n");
    let host = house.sandbox.origin("telldus").replace("http://", "");
    house.file(
        "refused.txt",
        &format!("GET /x HTTP/1.1\nHost: {host}\nAuthorization: OAuth oauth_consumer_key=\"other\", oauth_signature_method=\"HMAC-SHA1\", oauth_signature=\"x%3D\"\n\n"),
    );
    let runtime = house.path("r");
    std::fs::create_dir(&runtime).and_then(|()| std::fs::set_permissions(&runtime, PermissionsExt::from_mode(0o700))).expect("a folder");
    house.set("XDG_RUNTIME_DIR", &runtime.display().to_string());
    let listen = format!("127.0.0.1:{port}");
    vec![
        ("https://api.netatmo.com", house.sandbox.origin("netatmo")),
        ("https://pa-api.telldus.com", house.sandbox.origin("telldus")),
        ("https://api.github.com/…", format!("{}/api/echo", house.sandbox.origin("acme"))),
        // Any account with a token will do.
        (" github", " acme".to_owned()),
        // The redirect URI is at the address that browsers use.
        ("august.env --listen 0.0.0.0:443", format!("home.env --listen {listen}")),
        ("192.0.2.11:5000", listen),
        ("https://home.example/v1", format!("-sS http://127.0.0.1:{port}/v1")),
        ("/etc/keyfob/", house.path("").display().to_string()),
    ]
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// How a page shows what it does not show to the letter.
const PATTERN: Pattern = Pattern { any_lines: "…", any_text: "…" };

/// Runs a line in front of a terminal, as whoever reads the page does, and holds what comes of it against what the page shows. It has to be all of it, but
/// for `…`, and for the moment that it is.
#[cfg(target_os = "linux")]
async fn compare(house: &House, page: &str, line: &str, shown: &[String]) {
    let about = format!("{page}: {line}");
    // Nothing is drawn over, and so nothing of what a slow machine shows in between.
    let environment = [("BROWSER", "true"), ("NO_COLOR", "1"), ("TERM", "dumb")];
    // `exec`: who is stopped is the program, not its shell.
    let mut screen = Screen::typed(house, &format!("exec {line}"), (80, 24), &environment);
    let mut until = None;
    if line.starts_with("keyfob login ") {
        let url = screen.url().await;
        let back = visit(&url).await.location.unwrap_or_else(|| panic!("{url} leads nowhere"));
        assert_eq!(visit(&back).await.status, 200, "{about}: the page that a browser ends up at");
    } else if line.starts_with("keyfob serve ") && !line.contains("--check") {
        screen.shows("Ctrl-C ends it.").await;
        screen.types(INTERRUPT);
        until = Some("^C");
    }
    let all = screen.ends(0).await;
    let all = until.and_then(|until| Some(all.split_once(until)?.0)).unwrap_or(&all);
    let (expected, found) = (at_some_moment(&shown.join("\n")), at_some_moment(all));
    let expected: Vec<&str> = expected.lines().map(str::trim_end).collect();
    let mut found: Vec<&str> = found
        .lines()
        .map(str::trim_end)
        .filter(|line| !["sandbox: pretend providers at ", "no answer yet; "].iter().any(|note| line.starts_with(note)))
        .collect();
    without_blank_ends(&mut found);
    assert!(PATTERN.fits(&expected, &found), "{about}\n─ is shown with\n{}\n─ and says\n{}", expected.join("\n"), found.join("\n"));
}

/// Elsewhere it has to work.
#[cfg(not(target_os = "linux"))]
async fn compare(house: &House, page: &str, line: &str, _: &[String]) {
    let ended = run(house, line).await;
    assert_eq!(ended.code, 0, "{page}: {line}\n{ended:#?}");
}

/// A day with its minute is another one each time.
fn at_some_moment(text: &str) -> String {
    const MOMENT: &str = "0000-00-00 00:00";
    let is_one = |text: &&str| {
        text.bytes().zip(MOMENT.bytes()).all(|(found, like)| if like == b'0' { found.is_ascii_digit() } else { found == like })
    };
    let (mut said, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        match rest.get(..MOMENT.len()).filter(is_one) {
            Some(_) => {
                said.push_str(MOMENT);
                rest = &rest[MOMENT.len()..];
            }
            None => {
                said.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    said
}

/// The web app that a page asks by another program, and what it is asked with.
async fn at_home(house: &House, port: u16) -> Running {
    let made = house.good(&["key", "create", "--api", "--name", "page"]).await;
    house.file("token.header", &format!("Authorization: Bearer {}\n", made.trim()));
    let app = house.sandbox.app("august");
    house.file("august.env", &format!("CLIENTID={}\nAPISEC={}\nAPIKEY={}\n", app.client_id, app.client_secret, app.fields["api_key"]));
    // With its app in the vault people sign in, and so do programs.
    house.good(&["app", "add", "august", "--env-file", "august.env"]).await;
    let mut serve = house.start(&["serve", "--listen", &format!("127.0.0.1:{port}")]);
    serve.line(|line| line == "Ctrl-C ends it.").await;
    serve
}

/// Runs a line. A person is there who says yes to logins, and stops what would run for ever as soon as it runs.
async fn run(house: &House, line: &str) -> Ended {
    if line.starts_with("keyfob login ") || line.starts_with("keyfob trace ") && line.contains(" login ") {
        let mut login = house.typed(&format!("{line} --no-browser --paste"));
        let url = login.url().await;
        let back = visit(&url).await.location.unwrap_or_else(|| panic!("{url} leads nowhere"));
        login.say(&format!("{back}\n")).await;
        return login.end().await;
    }
    if line.starts_with("keyfob serve ") && !line.contains("--check") {
        // `exec`: who is stopped is the program, not its shell.
        let mut serve = house.typed(&format!("exec {line}"));
        serve.line(|line| line.contains("Connect august at")).await;
        serve.interrupt();
        return serve.end_listening().await;
    }
    // What would be asked at a terminal comes from a pipe, and so does what a server said it signed.
    if let Some((_, typed)) = TYPED.iter().find(|(command, _)| line.starts_with(command)) {
        let asks = if line.contains(" - ") || line.ends_with(" -") { "" } else { " --stdin" };
        let mut running = house.typed(&format!("{line}{asks}"));
        let typed = match typed.contains("{token}") {
            true => {
                let (app, given) = (house.sandbox.app("telldus"), house.json(&["env", "telldus"]).await);
                typed.replace("{client_id}", &app.client_id).replace("{token}", given["KEYFOB_TOKEN"].as_str().expect("a token"))
            }
            false => (*typed).to_owned(),
        };
        running.say(&typed).await;
        return running.end().await;
    }
    // It plays the providers itself.
    let line = if line.starts_with("keyfob try") { format!("env -u KEYFOB_SANDBOX {line}") } else { line.to_owned() };
    house.typed(&line).end().await
}

/// Does what a section of docs/steps.md says; how many files had to be written, and how many commands typed.
async fn walk(title: &str, section: &str) -> (usize, usize) {
    let mut house = House::new().await;
    let mut files = 0;
    if let Some((name, keys)) = KEYS.iter().find(|(name, _)| *name == title) {
        let app = house.sandbox.app(name);
        let value = |field: &str| match field {
            "client_id" => app.client_id.clone(),
            "client_secret" => app.client_secret.clone(),
            other => app.fields[other].clone(),
        };
        let text: String = keys.iter().map(|(variable, field)| format!("{variable}={}\n", value(field))).collect();
        assert!(keys.iter().all(|(variable, _)| section.contains(variable)), "{title}: the page names {keys:?}");
        house.file(&format!("{name}.env"), &text);
        files += 1;
    } else if let Some((_, rest)) = section.split_once("```toml\n") {
        let file = rest.split("```").next().expect("the file");
        // Nobody plays it: the strict server of the sandbox stands in.
        let app = house.sandbox.app("acme");
        house.unset("KEYFOB_SANDBOX");
        house.unset("KEYFOB_CONFIG_DIR");
        house.file("cabin.toml", &file.replace("https://cabin.example", &house.sandbox.origin("acme")));
        house.file("cabin.env", &format!("CABIN_ID={}\nCABIN_SECRET={}\n", app.client_id, app.client_secret));
        files += 2;
    }
    let mut commands = 0;
    for Typed { line, shown } in typed_lines(section) {
        assert!(shown.is_empty(), "{title}: nothing compares what {line} is shown with");
        let ended = run(&house, &line).await;
        assert_eq!(ended.code, 0, "{title}: {line}\n{ended:#?}");
        // The call is one: something comes back.
        assert!(!line.contains(" get ") || ended.stdout.len() > 20, "{title}: {line}\n{ended:#?}");
        commands += 1;
    }
    (files, commands)
}

/// A crate's page is read in two places: rustdoc knows a path of Rust behind a link's text, and where the source is shown it leads nowhere. What rustdoc alone
/// understands has brackets, and no target of its own.
#[test]
fn links_of_the_crates_pages_lead_somewhere_wherever_they_are_read() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder of all crates");
    let mut links = 0;
    for entry in std::fs::read_dir(crates).expect("a folder") {
        let folder = entry.expect("an entry").path();
        let Ok(page) = std::fs::read_to_string(folder.join("README.md")) else { continue };
        for target in page.split("](").skip(1).filter_map(|behind| behind.split(')').next()) {
            links += 1;
            let leads = target.starts_with("https://") || target.starts_with('#') || folder.join(target).exists();
            assert!(leads, "{}: {target}", folder.display());
        }
    }
    assert!(links > 0, "there are some");
}
