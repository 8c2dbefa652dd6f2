//! `keyfob account`: another name for an account, and which one a provider's bare name means. `list` and `rm` are `status` and `logout`, for those who
//! look for them here.

use clap::{Args, Subcommand};
use keyfob::StoreError;
use keyfob::history::Event;
use keyfob::proto::scrub::printable;
use serde_json::{Value, json};

use crate::account::now;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::meaning;
use crate::name::Name;
use crate::verb::{logout, status};

// What to do with accounts.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// List the accounts (as `status` does)
    List,
    /// Give an account another name; its tokens, history and keys stay
    Rename(Rename),
    /// Say which account a provider's bare name means, where there are several
    Default(Default),
    /// Forget an account (as `logout` does)
    Rm(logout::Logout),
}

/// Which account gets which name.
#[derive(Args, Debug)]
pub(crate) struct Rename {
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    from: String,
    /// Its new name: PROVIDER or PROVIDER/LABEL
    to: String,
}

/// Which account is meant.
#[derive(Args, Debug)]
pub(crate) struct Default {
    /// The account; left away: show what bare names mean
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: Option<String>,
    /// The bare name of NAME's provider means no other account any more
    #[arg(long, requires = "name")]
    unset: bool,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), Card> {
    match verb {
        Verb::List => status::run(status::Status::default(), context).await,
        Verb::Rename(args) => rename(args, context).await,
        Verb::Default(args) => default(args, context).await,
        Verb::Rm(args) => logout::run(args, context).await,
    }
}

async fn rename(args: Rename, context: &Context) -> Result<(), Card> {
    let to = Name::parse(&args.to)?;
    let name = to.to_string();
    let before = match context.meant(&args.from).await? {
        Some(before) => before,
        // Only where nobody has the name: a provider's bare name may be gone as an account's, and mean another one since.
        None if was_renamed(&args.from, &name, context).await? => return report(&args.from, &name, &to.provider, context),
        None => context.account_there(&args.from).await?,
    };
    let what = format!("cannot rename {}", before.name);
    // What is called that is the web app's, for a person who signs in there: by another name it would be the owner's.
    if before.name.starts_with('~') {
        return Err(Card::usage(
            what,
            "it belongs to a person of the web app",
            "that person gives it another title, on its page in the web app",
        ));
    }
    if before.provider != to.provider {
        // The label that was meant, where that is not the one it has.
        let label = Some(to.label().unwrap_or("home")).filter(|label| before.name != format!("{}/{label}", before.provider));
        return Err(Card::usage(
            what,
            format!("an account at {} is called {} or {}/LABEL", before.provider, before.provider, before.provider),
            format!("keyfob account rename {} {}/{}", before.name, before.provider, label.unwrap_or("LABEL")),
        ));
    }
    to.checked_for_login()?;
    if before.name == name {
        return Err(Card::usage(what, "that is its name", "give another one"));
    }
    let account = keyfob::rename(context.keyfob().await?, &before.name, &name).await.map_err(|error| match error {
        keyfob::Error::Store(StoreError::Conflict) => Card::usage(
            what.as_str(),
            format!("there is an account {name} already, or it was just changed"),
            "keyfob status shows the names; choose another one, or try again",
        ),
        error => Card::of(what.as_str(), &error),
    })?;
    // Keys and pages follow its id. If that is cut off, the same command goes on with it.
    keyfob_broker::follow(context.shelf().await?, &before.name, &account, now())
        .await
        .doing(format!("{name} is renamed, but not its keys"))?;
    report(&before.name, &name, &account.provider, context)
}

/// Whether this very rename was done before. What came after it may have been cut off: it is done again, which changes nothing where it was not.
async fn was_renamed(from: &str, to: &str, context: &Context) -> Result<bool, Card> {
    let accounts = context.accounts().await?;
    let Some(account) = accounts.iter().find(|account| account.name == to) else { return Ok(false) };
    let history = context.keyfob().await?.store().history(&account.id).await.doing("cannot read the vault")?;
    let last = history.iter().rev().find_map(|entry| match &entry.event {
        Event::Renamed { from } => Some(from.as_str()),
        _ => None,
    });
    if last != Some(from) {
        return Ok(false);
    }
    keyfob_broker::follow(context.shelf().await?, from, account, now()).await.doing(format!("{to} is renamed, but not its keys"))?;
    Ok(true)
}

fn report(was: &str, name: &str, provider: &str, context: &Context) -> Result<(), Card> {
    if context.out.json {
        return context.out.json(&json!({"account": name, "was": was, "provider": provider}));
    }
    let paint = context.out.note_paint();
    context.out.note(&format!("{} {} is called {} from now on", paint.good("✓"), printable(was), paint.strong(name)));
    Ok(())
}

async fn default(args: Default, context: &Context) -> Result<(), Card> {
    let Some(name) = args.name else { return list(context).await };
    let paint = context.out.note_paint();
    if args.unset {
        // The account may be gone.
        let provider = Name::parse(&name)?.provider;
        let any = context.keyfob_if_any().await?.is_some();
        let was = any && meaning::unset(&**context.shelf().await?, &provider).await.doing("cannot write the vault")?;
        if context.out.json {
            return context.out.json(&json!({"name": provider, "account": Value::Null}));
        }
        let words = if was { "means no other account any more" } else { "meant no other account" };
        context.out.note(&format!("{} {provider} {words}", paint.good("✓")));
        return Ok(());
    }
    let account = context.account(&name).await?;
    let provider = &account.provider;
    if context.accounts().await?.iter().any(|other| other.name == *provider) {
        return Err(Card::usage(
            format!("{provider} means the account of that name"),
            "a name that is an account's means that one, and no other",
            format!("give that one a label first: keyfob account rename {provider} {provider}/LABEL"),
        ));
    }
    meaning::set(&**context.shelf().await?, &account).await.doing("cannot write the vault")?;
    if context.out.json {
        return context.out.json(&json!({"name": provider, "account": account.name}));
    }
    context.out.note(&format!("{} {provider} means {} from now on", paint.good("✓"), paint.strong(&account.name)));
    Ok(())
}

/// Each provider that has accounts, and what its bare name means.
async fn list(context: &Context) -> Result<(), Card> {
    let accounts = context.accounts().await?;
    let mut providers: Vec<&str> = accounts.iter().map(|account| account.provider.as_str()).collect();
    providers.sort_unstable();
    providers.dedup();
    let mut meanings = Vec::new();
    for provider in providers {
        let meant = match accounts.iter().find(|account| account.name == provider) {
            Some(exact) => Some(exact),
            None => meaning::of(&**context.shelf().await?, provider, &accounts).await.doing("cannot read the vault")?,
        };
        meanings.push((provider, meant.map(|account| account.name.as_str())));
    }
    if context.out.json {
        context.out.json(&meanings.iter().map(|(name, account)| json!({"name": name, "account": account})).collect::<Vec<_>>())?;
        return context.all_read();
    }
    if meanings.is_empty() {
        context.all_read()?;
        context.out.note("No accounts yet.");
        return Ok(());
    }
    let mut sheet = crate::sheet::Sheet::new(["Name", "Means"]);
    for (name, account) in meanings {
        sheet.row([name.to_owned(), account.unwrap_or("-").to_owned()]);
    }
    sheet.print(&context.out)?;
    context.all_read()
}
