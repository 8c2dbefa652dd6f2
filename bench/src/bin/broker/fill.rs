//! Accounts and their valet keys: one of a provider that signs, and as many as are asked for of one with tokens.

use keyfob::proto::{App, OAuth1Tokens, OAuth2Tokens, Origin, Secret, Timestamp, TokenSet};
use keyfob::store::Expected;
use keyfob::{Account, AccountId};
use keyfob_broker::keys::{self, NewKey};
use keyfob_broker::{Service, Who};
use keyfob_providers::{Catalogue, Provider};

use crate::served::{Kept, one_worker};

/// How long a token is good that does not end while anybody looks.
pub(crate) const NEVER: Ends = Ends { first: 10 * 86_400, within: 0, lifetime: 10 * 86_400 };

/// So many accounts are one person's: nobody may have thousands of keys, and whoever makes one has all of theirs looked through.
const OF_A_PERSON: usize = 250;

/// So many write at once.
const AT_ONCE: usize = 16;

pub(crate) struct Fill<'a> {
    /// The provider's.
    pub(crate) origin: &'a str,
    /// The file that accounts and keys are written to.
    pub(crate) keys: &'a str,
    pub(crate) accounts: usize,
    pub(crate) ends: Ends,
}

/// When tokens end: the first in so many seconds, the others evenly within so many more.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) first: i64,
    pub(crate) within: i64,
    pub(crate) lifetime: i64,
}

/// In a process of its own, so that what it needed is not in the server's memory.
pub(crate) fn run(store: &str, origin: &str, keys: &str, accounts: &str, ends: &str) {
    let numbers: Vec<i64> = ends.split(',').map(|number| number.parse().expect("a number")).collect();
    let [first, within, lifetime] = numbers[..] else { panic!("three numbers") };
    let accounts = accounts.parse().expect("a number");
    one_worker().block_on(async {
        let kept = Kept::open(store).await;
        fill(&kept, &Fill { origin, keys, accounts, ends: Ends { first, within, lifetime } }).await;
    });
    println!("127.0.0.1:0");
}

pub(crate) async fn fill(kept: &Kept, fill: &Fill<'_>) {
    let (origin, now) = (Origin::parse(fill.origin).expect("an origin"), kept.keyfob().now());
    let signed = TokenSet::OAuth1(OAuth1Tokens { token: Secret::new("example-token"), secret: Secret::new("example-token-secret") });
    let mut lines = vec![one(kept, OWNER, "telldus", "telldus", signed, origin.clone(), now).await];
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|task| {
            let (kept, origin, accounts, ends) = (kept.clone(), origin.clone(), fill.accounts, fill.ends);
            tokio::spawn(async move {
                let mut lines = Vec::new();
                for number in (task..accounts).step_by(AT_ONCE) {
                    let share = i64::try_from(number).expect("it fits") * ends.within / i64::try_from(accounts).expect("it fits");
                    let tokens = tokens(number, now, now.plus(ends.first + share), ends.lifetime);
                    lines.push(one(&kept, &person(number), &name(number, accounts), "bench", tokens, origin.clone(), now).await);
                }
                lines
            })
        })
        .collect();
    for task in tasks {
        lines.extend(task.await.expect("it ends"));
    }
    lines.sort();
    std::fs::write(fill.keys, lines.concat()).expect("written");
}

/// Whose the first accounts are.
const OWNER: &str = "owner";

/// Whose an account is.
fn person(number: usize) -> String {
    match number / OF_A_PERSON {
        0 => OWNER.to_owned(),
        person => format!("person{person:04}"),
    }
}

/// What a person calls an account: the service itself where there is one alone.
fn name(number: usize, accounts: usize) -> String {
    if accounts == 1 { "bench".to_owned() } else { format!("bench/{number:06}") }
}

/// The provider knows by the text whose token it is, the how-manyth, and when it ends.
fn tokens(number: usize, now: Timestamp, expires_at: Timestamp, lifetime: i64) -> TokenSet {
    TokenSet::OAuth2(OAuth2Tokens {
        access: Secret::new(format!("a-{number:06}-0-{}-{}", expires_at.as_unix(), "x".repeat(160))),
        refresh_expires_at: None,
        refresh: Some(Secret::new(format!("r-{number:06}-0"))),
        received_at: if lifetime == NEVER.lifetime { now } else { expires_at.plus(-lifetime) },
        expires_at: Some(expires_at),
        scopes: vec!["read".into()],
        identity: None,
        id_token: None,
        authorization_details: Vec::new(),
        proof_key: None,
        resources: Vec::new(),
    })
}

/// An account with a key; the line about it.
async fn one(kept: &Kept, person: &str, name: &str, provider: &str, tokens: TokenSet, origin: Origin, now: Timestamp) -> String {
    let account = Account {
        id: AccountId::random(),
        // The owner's as they call it, anybody else's behind their number.
        name: if person == OWNER { name.to_owned() } else { format!("~{person}/{name}") },
        provider: provider.into(),
        client_id: "example-client-id".into(),
        tokens,
        grant: keyfob::Grant::default(),
        kept: Default::default(),
        origins: vec![origin],
        requested_scopes: Vec::new(),
        tolerated: Vec::new(),
        health: keyfob::Health::Ok,
        logged_in_at: now,
        spending: None,
        refreshed: None,
    };
    kept.store.put_account(&account, Expected::Anything, None).await.expect("stored");
    let new = NewKey {
        owner: person.to_owned(),
        name: "bench".to_owned(),
        account: name.to_owned(),
        account_id: account.id,
        rules: ["GET /json/**", "GET /echo/**"].map(|rule| rule.parse().expect("a rule")).to_vec(),
        rate: None,
        may_see_token: provider == "bench",
        expires_at: None,
    };
    let made = keys::create(&*kept.shelf, new, Who::Command, now).await.expect("a key");
    format!("{name} {}\n", made.text.expose())
}

/// Accounts and keys, as they were written.
pub(crate) fn read(file: &std::path::Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).expect("it was written");
    text.lines().filter_map(|line| line.split_once(' ')).map(|(name, key)| (name.to_owned(), key.to_owned())).collect()
}

/// The two services.
pub(crate) fn services(origin: &str) -> Vec<Service> {
    let origin = Origin::parse(origin).expect("an origin");
    let bench = keyfob_providers::check(FILE, "bench.toml").unwrap_or_else(|problems| panic!("{problems:?}"));
    let catalogue = Catalogue::embedded();
    let telldus = catalogue.get("telldus").expect("it is in the catalogue").clone();
    let app = App { client_id: "example-client-id".into(), client_secret: Some(Secret::new("example-client-secret")), ..App::default() };
    let service = |provider: Provider| Service {
        account: provider.name.clone(),
        provider: provider.at_origin(&origin),
        app: app.clone(),
        redirect_uri: None,
        scopes: Vec::new(),
    };
    vec![service(bench), service(telldus)]
}

/// A provider whose every endpoint is moved to the one of the run.
const FILE: &str = r#"
title = "Bench"
kind = "oauth2"
status = "live"
about = "Answers at once."
sources = [{ url = "https://bench.example/docs", checked = 2026-11-26, confidence = "assumed" }]

[endpoints]
authorize = "https://bench.example/authorize"
token = "https://bench.example/token"

[client]
fields = [
    { name = "client_id", label = "Client ID" },
    { name = "client_secret", label = "Client secret", secret = true },
]

[oauth2]
client_auth = "post"
rotates = true

[api]
base_url = "https://bench.example"
attach = "bearer"
expired = [{ status = [401] }]
"#;

/// Fills a vault, and waits for it.
pub(crate) fn elsewhere(store: &str, origin: &str, keys: &std::path::Path, accounts: usize, ends: Ends) {
    let Ends { first, within, lifetime } = ends;
    let ends = format!("{first},{within},{lifetime}");
    let keys = keys.to_string_lossy();
    drop(crate::process::Process::own(crate::process::Core::Any, &["fill", store, origin, &keys, &accounts.to_string(), &ends]));
}
