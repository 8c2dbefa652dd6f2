//! The cases of `tests/cmd/VERB/CASE.toml`: what is typed, and to the letter what comes of it, against pretend providers.
//!
//! A case says `about` (what it shows), `args`, and what it expects: `stdout`, `stderr` (both empty unless said) and `status` (0 unless said).
//! Before that: `accounts` to log in to, `before` (commands that have to work), `files` to be there, `env` and `stdin`. In all of them
//! `{index}` is the sandbox's address, `{folder}` the home, and `{origin:acme}`, `{port:acme}`, `{token:acme}`, `{token_secret:telldus}`, `{client_id:acme}`, `{client_secret:acme}` are what
//! they say. In what is expected, `[..]` is any text in a line, and a line `...` any number of lines.
//!
//! `KEYFOB_CASE=header` runs the cases whose name has that in it.

#![allow(missing_docs)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::pattern::Pattern;
use common::{Ended, House, PROVIDERS};
use serde::Deserialize;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cmd");

/// What is expected, where it is not known to the letter.
const PATTERN: Pattern = Pattern { any_lines: "...", any_text: "[..]" };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    #[serde(default)]
    accounts: Vec<String>,
    #[serde(default)]
    before: Vec<Vec<String>>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    args: Vec<String>,
    stdin: Option<String>,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
    #[serde(default)]
    status: i32,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_comes_out_as_it_says() {
    let wanted = std::env::var("KEYFOB_CASE").unwrap_or_default();
    let files: Vec<PathBuf> = cases().into_iter().filter(|file| name(file).contains(&wanted)).collect();
    assert!(!files.is_empty(), "no case is called {wanted}");
    let mut failed = Vec::new();
    for few in files.chunks(3) {
        let running: Vec<_> = few.iter().map(|file| tokio::spawn(run(file.clone()))).collect();
        for (file, case) in few.iter().zip(running) {
            match case.await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => failed.push(format!("── {}\n{why}", name(file))),
                Err(error) => failed.push(format!("── {}\n{error}", name(file))),
            }
        }
    }
    assert!(failed.is_empty(), "{} of {} cases:\n{}", failed.len(), files.len(), failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_has_cases() {
    let help = House::new().await.good(&["--help"]).await;
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs: BTreeSet<&str> = verbs.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(verbs.contains("get"), "{help}");
    let files = cases();
    let folders: BTreeSet<&str> = files.iter().filter_map(|file| file.parent()?.file_name()?.to_str()).collect();
    let without: Vec<_> = verbs.difference(&folders).collect();
    assert!(without.is_empty(), "verbs without a case in tests/cmd: {without:?}");
}

fn cases() -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
    };
    let mut files: Vec<PathBuf> = entries(Path::new(FOLDER)).iter().flat_map(|folder| entries(folder)).collect();
    files.sort();
    files
}

fn name(file: &Path) -> String {
    file.strip_prefix(FOLDER).expect("it is in there").with_extension("").display().to_string()
}

async fn run(file: PathBuf) -> Result<(), String> {
    let text = std::fs::read_to_string(&file).expect("a file");
    let case: Case = toml::from_str(&text).map_err(|error| error.to_string())?;
    let mut house = House::new().await;
    for account in &case.accounts {
        house.log_in(account).await;
    }
    let words = Words::of(&house, &case).await;
    for (name, text) in &case.files {
        house.file(name, &words.put_into(text));
    }
    for (name, value) in &case.env {
        house.set(name, &words.put_into(value));
    }
    for command in &case.before {
        let command: Vec<String> = command.iter().map(|word| words.put_into(word)).collect();
        house.good(&command.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    let arguments: Vec<String> = case.args.iter().map(|word| words.put_into(word)).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match &case.stdin {
        Some(input) => house.run_with(&arguments, &words.put_into(input)).await,
        None => house.run(&arguments).await,
    };
    words.judge(&case, &ended)
}

/// What the words in braces stand for.
struct Words(BTreeMap<String, String>);

impl Words {
    async fn of(house: &House, case: &Case) -> Self {
        let mut words = BTreeMap::from([
            ("{index}".to_owned(), house.sandbox.index().to_owned()),
            ("{folder}".to_owned(), house.path("").display().to_string().trim_end_matches('/').to_owned()),
        ]);
        for name in PROVIDERS {
            let app = house.sandbox.app(name);
            let origin = house.sandbox.origin(&app.service);
            words.insert(format!("{{port:{name}}}"), origin.rsplit(':').next().unwrap_or_default().to_owned());
            words.insert(format!("{{origin:{name}}}"), origin);
            words.insert(format!("{{client_id:{name}}}"), app.client_id);
            words.insert(format!("{{client_secret:{name}}}"), app.client_secret);
        }
        for account in &case.accounts {
            let given = house.json(&["env", account]).await;
            for (word, name) in [("token", "KEYFOB_TOKEN"), ("token_secret", "KEYFOB_TOKEN_SECRET")] {
                if let Some(secret) = given[name].as_str() {
                    words.insert(format!("{{{word}:{account}}}"), secret.to_owned());
                }
            }
        }
        Self(words)
    }

    fn put_into(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (word, meaning)| text.replace(word, meaning))
    }

    fn judge(&self, case: &Case, ended: &Ended) -> Result<(), String> {
        // As text, or as JSON.
        let is_of_sandbox = |line: &&str| line.trim_start_matches("{\"note\":\"").starts_with("sandbox: pretend providers at ");
        let notes: Vec<&str> = ended.stderr.lines().filter(|line| !is_of_sandbox(line)).collect();
        let mut wrong = Vec::new();
        if ended.code != case.status {
            wrong.push(format!("status: expected {}, found {}", case.status, ended.code));
        }
        for (what, expected, found) in [("stdout", &case.stdout, ended.stdout.lines().collect()), ("stderr", &case.stderr, notes)] {
            let expected = self.put_into(expected);
            let expected: Vec<&str> = expected.lines().collect();
            if !PATTERN.fits(&expected, &found) {
                wrong.push(format!("{what}: expected\n{}\n{what}: found\n{}", expected.join("\n"), found.join("\n")));
            }
        }
        // Whatever it is about, no secret is shown that is not expected.
        let is_secret = |word: &String| ["{client_secret:", "{token:", "{token_secret:"].iter().any(|kind| word.starts_with(kind));
        for (word, meaning) in self.0.iter().filter(|(word, meaning)| is_secret(word) && meaning.len() > 5) {
            let said = ended.stdout.contains(meaning.as_str()) || ended.stderr.contains(meaning.as_str());
            if said && !case.stdout.contains(word.as_str()) {
                wrong.push(format!("{word} was shown"));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(format!("({})\n{}", case.about, wrong.join("\n"))) }
    }
}

#[test]
fn what_does_not_fit_is_seen() {
    assert!(PATTERN.fits(&["a[..]c", "...", "z"], &["abc", "x", "y", "z"]));
    assert!(PATTERN.fits(&["...", "z"], &["z"]));
    for (expected, found) in
        [(&["a"][..], &["b"][..]), (&["a"], &["a", "b"]), (&["a", "b"], &["a"]), (&["...", "z"], &["z", "a"]), (&["a[..]c"], &["ab"])]
    {
        assert!(!PATTERN.fits(expected, found), "{expected:?} {found:?}");
    }
}
