//! `keyfob provider verify NAME --live`: does the real provider do what its file says? Walked with the person's own app and account, reading only; what
//! comes of it is a dated report without anything of theirs in it, fit to go with a contribution.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use keyfob::history::Event;
use keyfob::proto::{Origin, TokenSet};
use keyfob::{Account, Grant, Session};
use keyfob_providers::{Action, Catalogue, Cell, Provider, Table};
use serde_json::{Value, json};

use super::counted;
use crate::account::{login_for, now};
use crate::card::{Card, Doing};
use crate::context::{Context, Opened};
use crate::exit::Exit;
use crate::perform::{answered, perform};
use crate::{card, moment};

/// Whose account to walk with.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The provider
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::providers))]
    name: String,
    /// Talk to the real provider; there is no other way to verify it
    #[arg(long)]
    live: bool,
    /// The account to walk with, where it is not the one of the provider's name
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// One call more that reads: for a provider whose file has no action that goes without arguments. The report does not name it
    #[arg(long, value_name = "PATH")]
    get: Option<String>,
    /// Write the report here; stdout otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What has to be walked before a file is verified, beside that nothing failed: not every provider has all of it.
struct Needed {
    /// People are sent there, or enter a code: the file says how.
    login: bool,
    /// The account's tokens are renewed.
    refresh: bool,
}

/// A step of the walk, in words that hold nothing of the person's.
struct Step {
    what: String,
    outcome: String,
    came: Came,
    /// Whether it asked the API, with what the login gave.
    is_call: bool,
}

/// How a step came out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    /// As the file says.
    Good,
    /// Otherwise.
    Bad,
    /// It was not walked, so that it says nothing about the file.
    LeftOut,
}

impl Came {
    fn in_words(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Bad => "**no**",
            Self::LeftOut => "left out",
        }
    }
}

/// The call that is made where the file names none.
const BASE: &str = "the base URL";

pub(crate) async fn run(args: Verify, context: &Context) -> Result<(), Card> {
    let what = format!("cannot verify {}", keyfob::proto::scrub::printable(&args.name));
    if !args.live {
        let why = "that takes calls to the real provider, with your app and account";
        return Err(Card::usage(
            what,
            why,
            format!("keyfob provider verify {} --live; it reads, and changes nothing but your tokens", args.name),
        ));
    }
    if context.sandbox().is_some() {
        return Err(Card::usage(what, "a pretend provider verifies nothing", "leave --sandbox and KEYFOB_SANDBOX away"));
    }
    let opened = context.open_account(args.account.as_deref().unwrap_or(&args.name)).await?;
    if opened.provider.name != args.name {
        let why = format!("{} is an account of {}", opened.account.name, opened.provider.name);
        return Err(Card::usage(what, why, format!("log in to it: keyfob login {}", args.name)));
    }
    let steps = walk(&opened, args.get.as_deref(), context).await?;
    let needed = needed(&opened);
    let date = moment::formatted(now(), "%Y-%m-%d");
    let failed = steps.iter().filter(|step| step.came == Came::Bad).count();
    let origins = origins(opened.provider.endpoints_of(&opened.app));
    let missing = elsewhere(&opened, &origins).or_else(|| missing(&steps, &needed));
    let ok = missing.is_none() && failed == 0;
    let report = report(&opened.provider, &origins, &steps, missing, &date);
    match &args.output {
        Some(file) => {
            std::fs::write(file, &report).map_err(|error| Card::io(what.as_str(), &error, "check the folder and who may write there"))?;
            context.out.note(&format!("The report is in {}.", file.display()));
        }
        None if context.out.json => {
            let told = |step: &Step| {
                let (ok, left_out) = (step.came == Came::Good, step.came == Came::LeftOut);
                json!({"step": step.what, "outcome": step.outcome, "ok": ok, "left_out": left_out})
            };
            let steps: Vec<Value> = steps.iter().map(told).collect();
            context
                .out
                .json(&json!({"provider": args.name, "date": date, "ok": ok, "missing": missing.map(|missing| missing.why), "mixed": opened.provider.is_mixed(), "origins": origins, "steps": steps}))?;
        }
        None => context.out.data(report.trim_end())?,
    }
    if failed == 1 && args.get.is_none() && steps.last().is_some_and(|step| step.came == Came::Bad && step.what == BASE) {
        let why = "its file has no action that goes without arguments, and a call to the API's base URL is not answered with success";
        return Err(Card::new(
            Exit::Error,
            what,
            why,
            format!("name a path that reads: keyfob provider verify {} --live --get PATH", args.name),
        ));
    }
    if failed > 0 {
        let why = format!("{failed} of {} steps did not come out as the file says", steps.len());
        return Err(Card::new(Exit::Error, what, why, "each is told above; the file wants correcting, or your app another scope"));
    }
    match missing {
        Some(missing) => Err(Card::new(Exit::Error, what, missing.why, missing.next(&args.name))),
        None => Ok(()),
    }
}

/// Why a walk on which nothing failed verifies no file.
#[derive(Clone, Copy)]
struct Missing {
    why: &'static str,
    /// What to do, with NAME for the provider.
    next: &'static str,
}

impl Missing {
    fn next(self, provider: &str) -> String {
        self.next.replace("NAME", provider)
    }
}

/// Every step that reads. One that fails does not end the walk: the report is about all of them.
async fn walk(opened: &Opened, get: Option<&str>, context: &Context) -> Result<Vec<Step>, Card> {
    let account = &opened.account;
    let mut steps = vec![login(account, context).await?];
    let session = opened.session().await?;
    if matches!(account.tokens, TokenSet::OAuth2(_)) && account.renews() {
        let outcome = session.refresh().await.doing("the refresh failed");
        steps.push(step("refresh", outcome.map(|_| "new tokens".to_owned()), context));
    }
    // Never what acts, whoever says so; and nothing that wants an argument, which would be the person's own.
    for action in opened.provider.overview() {
        let what = format!("action {}", action.name);
        match perform(&session, &opened.provider, action, [].into(), Some(1), &context.out).await {
            Ok(done) => steps.push(Step { what, is_call: true, ..seen(&done.table, action) }),
            // Whose account lacks what the action needs was refused rightly, and the file says so.
            Err(card) if card.exit == Exit::Http && card.next().contains("--add-scope") => {
                context.out.note(&format!("{} {what} was left out: {}", context.out.note_paint().warn("!"), card.next()));
                let scopes = login_for(action, account).map_or_else(String::new, |(lacking, _)| lacking.join(" "));
                let outcome =
                    format!("refused, and the account is not known to have what it needs: {scopes}").trim_end_matches(": ").to_owned();
                steps.push(Step { what, outcome, came: Came::LeftOut, is_call: false });
            }
            Err(card) => steps.push(Step { is_call: true, ..step(&what, Err(card), context) }),
        }
    }
    // That somebody logged in says nothing about the API: one call has to be answered, if only at its base URL.
    let has_called = steps.iter().any(|step| step.is_call);
    let more = get.map(|path| (path, "a call of one's own")).or((!has_called).then_some(("/", BASE)));
    if let Some((path, named)) = more {
        let outcome = called(&session, path).await.map(|()| "answered".to_owned());
        steps.push(Step { is_call: true, ..step(named, outcome, context) });
    }
    Ok(steps)
}

/// How the account's tokens came here. Tokens that were made elsewhere say nothing about a login.
async fn login(account: &Account, context: &Context) -> Result<Step, Card> {
    let day = moment::formatted(account.logged_in_at, "%Y-%m-%d");
    let history = context.keyfob().await?.store().history(&account.id).await.doing("cannot read the vault")?;
    let imported = history.iter().rev().find_map(|entry| match entry.event {
        Event::LoggedIn { imported, .. } => Some(imported),
        _ => None,
    });
    let (outcome, came) = match imported {
        // The file says how a person is sent there, and none was.
        Some(false) if matches!(account.grant, Grant::ClientCredentials(_) | Grant::JwtBearer(_)) => {
            (format!("none: the app speaks for itself, since {day}"), Came::LeftOut)
        }
        Some(false) if matches!(account.grant, Grant::Exchanged(_)) => {
            (format!("none: its token was made of another account's, on {day}"), Came::LeftOut)
        }
        Some(false) if account.tolerated.is_empty() => (format!("done on {day}; nothing had to be tolerated"), Came::Good),
        Some(false) => (format!("done on {day}; tolerated: {}", account.tolerated.join(", ")), Came::Good),
        Some(true) => (format!("none: the tokens were imported on {day}"), Came::LeftOut),
        // A history is kept for so long.
        None => (format!("not known any more: the tokens are here since {day}"), Came::LeftOut),
    };
    Ok(Step { what: "login".to_owned(), outcome, came, is_call: false })
}

/// What an answer shows of the action's columns. Their titles are the file's, not the person's.
fn seen(table: &Table, action: &Action) -> Step {
    let mut outcome = format!("{}, {}", counted(table.rows.len(), "row"), counted(table.columns.len(), "column"));
    let is_empty = |at: usize| table.rows.iter().all(|row| row.cells.get(at).is_none_or(|cell| *cell == Cell::Empty));
    let empty: Vec<&str> = (table.columns.iter().enumerate())
        .filter(|(at, _)| action.names_columns() && !table.rows.is_empty() && is_empty(*at))
        .map(|(_, column)| column.title.as_str())
        .collect();
    let came = if !empty.is_empty() && empty.len() == table.columns.len() { Came::Bad } else { Came::Good };
    match came {
        Came::Bad => outcome.push_str("; nothing is in any of them"),
        _ if table.rows.is_empty() => outcome.push_str("; so nothing was seen of what is in them"),
        _ if !empty.is_empty() => outcome.push_str(&format!("; nothing is in {}", empty.join(", "))),
        _ => {}
    }
    Step { what: String::new(), outcome, came, is_call: true }
}

/// A call that reads, answered with success by the provider's own word.
async fn called(session: &Session, path: &str) -> Result<(), Card> {
    let what = "the call failed";
    let answer = session.get(path).send().await.doing(what)?;
    answer.read().await.map(drop).map_err(|error| answered(what, &error, &session.account()))
}

/// What of the provider's file there is to walk, with this account.
fn needed(opened: &Opened) -> Needed {
    let (provider, account) = (&opened.provider, &opened.account);
    // Where tokens are made elsewhere, or the app's keys are all there is, the file has no login that could be walked.
    let has_login = provider.import.is_none() && !provider.is_one_legged();
    Needed { login: has_login, refresh: matches!(account.tokens, TokenSet::OAuth2(_)) && account.renews() }
}

/// What was not walked, without which a file is not verified: what somebody would find wrong first.
fn missing(steps: &[Step], needed: &Needed) -> Option<Missing> {
    let is_good = |what: &str| steps.iter().any(|step| step.what == what && step.came == Came::Good);
    if needed.login && !is_good("login") {
        let why = "its login was not walked: log in with keyfob login, and verify that account";
        Some(Missing { why, next: "log in to it: keyfob login NAME; then walk again" })
    } else if needed.refresh && !is_good("refresh") {
        let why = "no refresh was walked, and the account's tokens are renewed";
        Some(Missing { why, next: "renew them: keyfob refresh NAME; it says what is in the way" })
    } else if !steps.iter().any(|step| step.is_call && step.came == Came::Good) {
        Some(Missing { why: "the API answered nothing", next: "name a path that reads: keyfob provider verify NAME --live --get PATH" })
    } else {
        None
    }
}

/// What was walked is not the embedded file's provider: a file of the user's own leads it to other hosts, or the app has a server of its own.
fn elsewhere(opened: &Opened, walked: &[String]) -> Option<Missing> {
    let embedded = Catalogue::embedded();
    let is_moved = |known: &Provider| origins(known.endpoints_of(&opened.app)) != walked;
    if opened.provider.is_mixed() && embedded.get(&opened.provider.name).is_ok_and(is_moved) {
        let why = "a file of the user's own moves the provider elsewhere, so that the real one was not walked";
        let next = "take that file out of the folder to walk the real one: keyfob provider show NAME names it";
        return Some(Missing { why, next });
    }
    // Where each app has a place of its own there is no usual one.
    let usual = opened.provider.usual_endpoints();
    let is_own_server = usual.iter().all(|(_, url)| !url.contains('{')) && origins(usual) != walked;
    is_own_server.then_some(Missing {
        why: "the app has a server of its own, so that the usual one was not walked",
        next: "the report tells which was; for the usual one, log in with an app that is registered there",
    })
}

/// What a server said may be about the person: it is told to them, and does not get into the report.
fn step(what: &str, outcome: Result<String, Card>, context: &Context) -> Step {
    match outcome {
        Ok(outcome) => Step { what: what.to_owned(), outcome, came: Came::Good, is_call: false },
        Err(card) => {
            context.out.note(&format!("{} {what}: {}", context.out.note_paint().warn("!"), card::printable_line(card.why())));
            let outcome = match card.exit {
                Exit::Http => "refused by the provider",
                Exit::Network => "no connection",
                Exit::SignIn => "a login is needed",
                _ => "not as the file says",
            };
            Step { what: what.to_owned(), outcome: outcome.to_owned(), came: Came::Bad, is_call: false }
        }
    }
}

fn report(provider: &Provider, origins: &[String], steps: &[Step], missing: Option<Missing>, date: &str) -> String {
    let good = steps.iter().all(|step| step.came != Came::Bad);
    let mut text = format!(
        "# {}: walked on {date}\n\nKeyfob {}, provider `{}`, at {}.\n\n| step | outcome | |\n|---|---|---|\n",
        provider.title,
        env!("CARGO_PKG_VERSION"),
        provider.name,
        origins.join(", "),
    );
    for step in steps {
        let _ = writeln!(text, "| {} | {} | {} |", step.what, step.outcome, step.came.in_words());
    }
    text.push_str("\nIt read, and changed nothing but the tokens. Nothing that the provider said is in here but counts.\n");
    if steps.iter().any(|step| step.came == Came::LeftOut) {
        text.push_str("\nWhat was left out was not walked: this says nothing about it.\n");
    }
    match (good, missing, provider.is_mixed()) {
        (true, Some(missing), _) => {
            let _ = writeln!(text, "\nThe file is not verified by this: {}.", missing.why);
        }
        (true, None, false) => {
            let _ = writeln!(text, "\nFor the provider's file: `verified = {date}`");
        }
        (true, None, true) => {
            text.push_str("\nA file of the user's own was read besides the embedded one: this says nothing about the embedded one alone.\n")
        }
        (false, ..) => {}
    }
    text
}

/// Where it was walked: the report of a provider that was moved elsewhere says so.
fn origins(endpoints: Vec<(&'static str, String)>) -> Vec<String> {
    let mut origins: Vec<String> = Vec::new();
    for (_, url) in endpoints {
        let origin = Origin::parse(&url).map_or(url, |origin| origin.to_string());
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    origins
}
