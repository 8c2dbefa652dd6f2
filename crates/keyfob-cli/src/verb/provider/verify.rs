//! `keyfob provider verify NAME --live`: does the real provider do what its file says? Walked with the person's own app and account, reading only; what
//! comes of it is a dated report without anything of theirs in it, fit to go with a contribution.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use keyfob::Session;
use keyfob::proto::{Origin, TokenSet};
use keyfob_providers::Provider;
use serde_json::{Value, json};

use crate::account::now;
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

/// A step of the walk, in words that hold nothing of the person's.
struct Step {
    what: String,
    outcome: String,
    good: bool,
    /// Whether it asked the API, with what the login gave.
    is_call: bool,
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
    let date = moment::formatted(now(), "%Y-%m-%d");
    let failed = steps.iter().filter(|step| !step.good).count();
    let ok = is_verified(&steps);
    let report = report(&opened.provider, &steps, &date);
    match &args.output {
        Some(file) => {
            std::fs::write(file, &report).map_err(|error| Card::io(what.as_str(), &error, "check the folder and who may write there"))?;
            context.out.note(&format!("The report is in {}.", file.display()));
        }
        None if context.out.json => {
            let steps: Vec<Value> = steps.iter().map(|step| json!({"step": step.what, "outcome": step.outcome, "ok": step.good})).collect();
            context
                .out
                .json(&json!({"provider": args.name, "date": date, "ok": ok, "origins": origins(&opened.provider), "steps": steps}))?;
        }
        None => context.out.data(report.trim_end())?,
    }
    if failed == 1 && args.get.is_none() && steps.last().is_some_and(|step| !step.good && step.what == BASE) {
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
    Ok(())
}

/// Every step that reads. One that fails does not end the walk: the report is about all of them.
async fn walk(opened: &Opened, get: Option<&str>, context: &Context) -> Result<Vec<Step>, Card> {
    let account = &opened.account;
    let day = moment::formatted(account.logged_in_at, "%Y-%m-%d");
    let needed = if account.tolerated.is_empty() {
        "nothing had to be tolerated".to_owned()
    } else {
        format!("tolerated: {}", account.tolerated.join(", "))
    };
    let mut steps = vec![Step { what: "login".to_owned(), outcome: format!("done on {day}; {needed}"), good: true, is_call: false }];
    let session = opened.session().await?;
    if matches!(account.tokens, TokenSet::OAuth2(_)) && account.renews() {
        let outcome = session.refresh().await.doing("the refresh failed");
        steps.push(step("refresh", outcome.map(|_| "new tokens".to_owned()), context));
    }
    // Never what acts, whoever says so; and nothing that wants an argument, which would be the person's own.
    for action in opened.provider.overview() {
        let done = perform(&session, action, [].into(), 1, &context.out).await;
        let counted = done.map(|done| format!("{} rows, {} columns", done.table.rows.len(), done.table.columns.len()));
        steps.push(Step { is_call: true, ..step(&format!("action {}", action.name), counted, context) });
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

/// A call that reads, answered with success by the provider's own word.
async fn called(session: &Session, path: &str) -> Result<(), Card> {
    let what = "the call failed";
    let answer = session.get(path).send().await.doing(what)?;
    answer.read().await.map(drop).map_err(|error| answered(what, &error, &session.account()))
}

/// Whether the walk says that the file is right: nothing failed, and the API answered something.
fn is_verified(steps: &[Step]) -> bool {
    steps.iter().all(|step| step.good) && steps.iter().any(|step| step.is_call)
}

/// What a server said may be about the person: it is told to them, and does not get into the report.
fn step(what: &str, outcome: Result<String, Card>, context: &Context) -> Step {
    match outcome {
        Ok(outcome) => Step { what: what.to_owned(), outcome, good: true, is_call: false },
        Err(card) => {
            context.out.note(&format!("{} {what}: {}", context.out.note_paint().warn("!"), card::printable_line(card.why())));
            let outcome = match card.exit {
                Exit::Http => "refused by the provider",
                Exit::Network => "no connection",
                Exit::SignIn => "a login is needed",
                _ => "not as the file says",
            };
            Step { what: what.to_owned(), outcome: outcome.to_owned(), good: false, is_call: false }
        }
    }
}

fn report(provider: &Provider, steps: &[Step], date: &str) -> String {
    let good = is_verified(steps);
    let own = provider.files.iter().filter(|file| file.contains(['/', '\\'])).count();
    let mut text = format!(
        "# {}: walked on {date}\n\nKeyfob {}, provider `{}`, at {}.\n\n| step | outcome | |\n|---|---|---|\n",
        provider.title,
        env!("CARGO_PKG_VERSION"),
        provider.name,
        origins(provider).join(", "),
    );
    for step in steps {
        let _ = writeln!(text, "| {} | {} | {} |", step.what, step.outcome, if step.good { "ok" } else { "**no**" });
    }
    text.push_str("\nIt read, and changed nothing but the tokens. Nothing that the provider said is in here but counts.\n");
    match (good, own) {
        (true, 0) => {
            let _ = writeln!(text, "\nFor the provider's file: `verified = {date}`");
        }
        (true, _) => {
            text.push_str("\nA file of the user's own was read besides the embedded one: this says nothing about the embedded one alone.\n")
        }
        (false, _) => {}
    }
    text
}

/// Where it was walked: the report of a provider that was moved elsewhere says so.
fn origins(provider: &Provider) -> Vec<String> {
    let mut origins: Vec<String> = Vec::new();
    for (_, url) in provider.endpoints() {
        let origin = Origin::parse(&url).map_or(url, |origin| origin.to_string());
        if !origins.contains(&origin) {
            origins.push(origin);
        }
    }
    origins
}
