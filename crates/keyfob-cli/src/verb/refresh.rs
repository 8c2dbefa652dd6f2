//! `keyfob refresh`: new tokens now, whatever the old ones' age; or for every account whose time has come.

use clap::Args;
use keyfob::proto::TokenSet;
use keyfob::proto::scrub::printable;
use keyfob::upkeep::{self, Outcome, Plan, Report};
use keyfob::{Account, Grant, Health};
use serde_json::json;

use crate::account;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::refusals;
use crate::upkeep::{Providers, told};

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
    let waiting = waiting(&report, context).await?;
    let paint = context.out.note_paint();
    if context.out.json {
        let accounts = report.accounts.iter().map(|kept| {
            let (word, sentence) = told(kept);
            json!({"account": kept.account, "provider": kept.provider, "outcome": word, "told": sentence})
        });
        let waiting = waiting.iter().map(|account| {
            json!({"account": account.name, "provider": account.provider, "outcome": "needs-login", "told": still_waiting(account)})
        });
        context.out.json(&accounts.chain(waiting).collect::<Vec<_>>())?;
    } else if report.accounts.is_empty() && waiting.is_empty() {
        context.out.note("Nothing is due.");
    } else {
        for kept in &report.accounts {
            let good = matches!(kept.outcome, Outcome::Refreshed | Outcome::RefreshedElsewhere | Outcome::LeftAlone);
            let mark = if good { paint.good("✓") } else { paint.warn("!") };
            context.out.note(&format!("{mark} {}", told(kept).1));
        }
        for account in &waiting {
            context.out.note(&format!("{} {}", paint.warn("!"), still_waiting(account)));
        }
    }
    // One that needs a person is worth more attention than one that may work the next time.
    let sign_in = report.accounts.iter().filter(|kept| matches!(kept.outcome, Outcome::NeedsLogin(_))).count() + waiting.len();
    let failed = report.accounts.iter().filter(|kept| matches!(kept.outcome, Outcome::Failed(_) | Outcome::Skipped(_))).count();
    let all = report.accounts.len() + waiting.len();
    match (sign_in, failed) {
        (0, 0) => Ok(()),
        (0, _) => {
            let next = "they stay as they are, and are tried again; keyfob status --history ACCOUNT says more";
            Err(Card::new(Exit::Error, what, format!("{failed} of {all} accounts have no new tokens"), next))
        }
        _ => Err(Card::new(Exit::SignIn, what, format!("{sign_in} of {all} accounts need a new login"), "keyfob status says which")),
    }
}

/// Accounts that renewed themselves until a refresh was refused, before this round: nobody leases them any more, and who reads cron's mail once a week has
/// not read of them yet.
async fn waiting(report: &Report, context: &Context) -> Result<Vec<Account>, Card> {
    let told = |account: &Account| report.accounts.iter().any(|kept| kept.account == account.name);
    let accounts = context.accounts().await?.into_iter();
    Ok(accounts.filter(|account| account.renews() && account.health != Health::Ok && !told(account)).collect())
}

fn still_waiting(account: &Account) -> String {
    let reason = account::health(account, account::now()).1.unwrap_or_default();
    format!("{} needs a login: {reason}: {}", printable(&account.name), account::login_again(account))
}
