//! `keyfob refresh`: new tokens now, whatever the old ones' age; or for every account whose time has come.

use clap::Args;
use keyfob::history::Event;
use keyfob::proto::scrub::printable;
use keyfob::proto::{Timestamp, TokenSet};
use keyfob::upkeep::{self, Outcome, Plan, Report};
use keyfob::{Account, Grant, Health};
use serde_json::json;

use crate::account;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::refusals;
use crate::upkeep::{Providers, told};
use crate::{history, moment};

// Whose tokens.
#[derive(Args, Debug)]
pub(crate) struct Refresh {
    /// The account
    #[arg(required_unless_present = "due", add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: Option<String>,
    /// Every account whose access token ends soon (within a tenth to a fifth of its lifetime); for cron and timers. Those that renewed themselves and need a
    /// login now are told each time, with exit code 4
    #[arg(long, conflicts_with = "name")]
    due: bool,
}

pub(crate) async fn run(args: Refresh, context: &Context) -> Result<(), Card> {
    match args.name {
        Some(name) => one(&name, context).await,
        None => due(context).await,
    }
}

async fn one(name: &str, context: &Context) -> Result<(), Card> {
    let opened = context.open_account(name).await?;
    let name = &opened.account.name;
    if opened.account.grant == Grant::OneLegged {
        return Err(Card::usage(
            format!("there is nothing to refresh for {name}"),
            "the app's keys alone sign its calls: there is no token that could end",
            format!("if calls are refused, the keys are: keyfob app add {}", opened.provider.name),
        ));
    }
    if matches!(opened.account.tokens, TokenSet::OAuth1(_)) {
        return Err(Card::usage(
            format!("there is nothing to refresh for {name}"),
            "OAuth 1 tokens do not end, so there is no refresh",
            format!("if calls are refused: {}", account::login_to(name, "")),
        ));
    }
    let refreshed = opened.session().await?.refresh().await.doing(format!("cannot refresh {name}"))?;
    refusals::forget(&refreshed, context).await;
    if context.out.json {
        return context.out.json(&account::json(&refreshed, context));
    }
    let paint = context.out.note_paint();
    context.out.note(&format!(
        "{} {} has new tokens: expires {}",
        paint.good("✓"),
        paint.strong(name),
        account::expiry(&refreshed, account::now())
    ));
    Ok(())
}

/// Any number of these may run at once, on any number of machines: each account goes to one of them.
async fn due(context: &Context) -> Result<(), Card> {
    let what = "cannot refresh what is due";
    let Some(keyfob) = context.keyfob_if_any().await? else {
        context.out.note("No accounts yet: nothing is due.");
        return if context.out.json { context.out.json(&json!([])) } else { Ok(()) };
    };
    let providers = Providers::of(context).await?;
    let report = upkeep::refresh_due(keyfob, &providers, &Plan::default()).await.doing(what)?;
    // What was done is told in any case.
    let (waiting, unread) = match waiting(&report, context).await {
        Ok(waiting) => (waiting, Ok(())),
        Err(card) => (Waiting::default(), Err(card)),
    };
    let paint = context.out.note_paint();
    if context.out.json {
        let accounts = report.accounts.iter().map(|kept| {
            let (word, sentence) = told(kept);
            json!({"account": kept.account, "provider": kept.provider, "outcome": word, "told": sentence})
        });
        let waiting = waiting.all().map(
            |(account, outcome, told)| json!({"account": account.name, "provider": account.provider, "outcome": outcome, "told": told}),
        );
        context.out.json(&accounts.chain(waiting).collect::<Vec<_>>())?;
    } else if report.accounts.is_empty() && waiting.all().next().is_none() {
        // Of what does not open nobody knows.
        context.all_read()?;
        unread?;
        context.out.note("Nothing is due.");
        return Ok(());
    } else {
        for kept in &report.accounts {
            let good = matches!(kept.outcome, Outcome::Refreshed | Outcome::RefreshedElsewhere | Outcome::LeftAlone);
            let mark = if good { paint.good("✓") } else { paint.warn("!") };
            context.out.note(&format!("{mark} {}", told(kept).1));
        }
        for (_, _, told) in waiting.all() {
            context.out.note(&format!("{} {told}", paint.warn("!")));
        }
    }
    // One that needs a person is worth more attention than one that may work the next time.
    let sign_in = report.accounts.iter().filter(|kept| matches!(kept.outcome, Outcome::NeedsLogin(_))).count() + waiting.logins.len();
    let failed = report.accounts.iter().filter(|kept| matches!(kept.outcome, Outcome::Failed(_) | Outcome::Skipped(_))).count();
    let failed = failed + waiting.failed.len();
    let all = report.accounts.len() + waiting.all().count();
    if let Err(card) = &unread
        && (sign_in, failed) != (0, 0)
    {
        context.out.note(&paint.warn(&format!("who else waits is not known: {}", card.why())));
    }
    match (sign_in, failed) {
        (0, 0) => unread.and_then(|()| context.all_read()),
        (0, _) => {
            let next = "they stay as they are, and are tried again; keyfob status --history ACCOUNT says more";
            Err(Card::new(Exit::Error, what, format!("{failed} of {all} accounts have no new tokens"), next))
        }
        _ => Err(Card::new(Exit::SignIn, what, format!("{sign_in} of {all} accounts need a new login"), "keyfob status says which")),
    }
}

/// Accounts that this round did not have, and that have no good tokens, or soon have none.
#[derive(Default)]
struct Waiting {
    /// They renewed themselves until a refresh was refused: nobody leases them any more, and who reads cron's mail once a week has not read of them yet.
    logins: Vec<Account>,
    /// They are due, and were not refreshed when that was tried last: when, and why. They are left alone for a while.
    failed: Vec<(Account, Timestamp, String)>,
    /// They are due, and another process has them for now.
    elsewhere: Vec<Account>,
}

impl Waiting {
    /// Each with a word for programs and a sentence for people.
    fn all(&self) -> impl Iterator<Item = (&Account, &'static str, String)> {
        let logins = self.logins.iter().map(|account| {
            let reason = account::health(account, account::now()).1.unwrap_or_default();
            let told = format!("{} needs a login: {reason}: {}", printable(&account.name), account::login_again(account));
            (account, "needs-login", told)
        });
        let failed = self.failed.iter().map(|(account, at, why)| {
            let (name, at) = (printable(&account.name), moment::local(*at));
            (account, "failed", format!("{name} has no new tokens: that failed at {at} ({why}), and is tried again some minutes after"))
        });
        let elsewhere = self.elsewhere.iter().map(|account| {
            let told = format!("{} is due, and another process has it for now", printable(&account.name));
            (account, "elsewhere", told)
        });
        logins.chain(failed).chain(elsewhere)
    }
}

/// Looked for among those alone that nobody is to refresh later.
async fn waiting(report: &Report, context: &Context) -> Result<Waiting, Card> {
    let now = account::now();
    let mut waiting = Waiting::default();
    for account in context.accounts_due_by(Some(now)).await? {
        let is_told = report.accounts.iter().any(|kept| kept.account == account.name);
        if is_told || !account.renews() {
            continue;
        }
        if account.health != Health::Ok {
            waiting.logins.push(account);
        } else if account.due_at().is_some_and(|due| due <= now) {
            match failed(&account, context).await? {
                Some((at, why)) => waiting.failed.push((account, at, why)),
                None => waiting.elsewhere.push(account),
            }
        }
    }
    Ok(waiting)
}

/// When and why the last refresh failed, if nothing has come since.
async fn failed(account: &Account, context: &Context) -> Result<Option<(Timestamp, String)>, Card> {
    let entries = context.keyfob().await?.store().history(&account.id).await.doing("cannot read the vault")?;
    let is_failure = |event: &Event| matches!(event, Event::RefreshFailed { .. } | Event::Abandoned { .. });
    let is_of_tokens = |event: &Event| is_failure(event) || matches!(event, Event::Refreshed { .. } | Event::LoggedIn { .. });
    let last = entries.iter().rev().find(|entry| is_of_tokens(&entry.event));
    Ok(last.filter(|entry| is_failure(&entry.event)).map(|entry| (entry.at, history::why(&entry.event))))
}
