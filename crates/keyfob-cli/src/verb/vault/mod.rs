//! `keyfob vault`: the vault itself: how it is, sealing it anew, moving it, keeping a copy.

mod check;
mod copy;
mod rekey;
mod set_aside;
mod status;

use clap::Subcommand;

use crate::card::Card;
use crate::context::Context;
use crate::vault::Opened;

// What to do with the vault.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Where it is, how it is sealed, what is in it
    Status,
    /// Open every record, and look for damage
    Check,
    /// Seal everything anew, with a new key or passphrase
    Rekey(rekey::Rekey),
    /// Copy everything into another, empty vault: a file, or postgres://
    Move(copy::Move),
    /// Write apps and accounts into one file, sealed with a passphrase
    Export(copy::Export),
    /// Take everything from such a file into an empty vault
    Import(copy::Import),
    /// Move a vault that cannot be used out of the way, with its key
    SetAside(set_aside::SetAside),
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), Card> {
    match verb {
        Verb::Status => status::run(context).await,
        Verb::Check => check::run(context).await,
        Verb::Rekey(args) => rekey::run(args, context).await,
        Verb::Move(args) => copy::r#move(args, context).await,
        Verb::Export(args) => copy::export(args, context).await,
        Verb::Import(args) => copy::import(args, context).await,
        Verb::SetAside(args) => set_aside::run(args, context).await,
    }
}

/// The vault, which has to be there.
async fn open(context: &Context) -> Result<Opened, Card> {
    let vault = context.vault();
    vault.open(context.data_folder(), false, &context.out).await?.ok_or_else(|| none(context))
}

/// `1 app`, `2 apps`.
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What the web app keeps in the vault beside accounts, if it keeps anything: people, their sessions, keys; and who did what.
fn of_web_app(items: u64, acts: u64) -> String {
    if items + acts == 0 {
        return String::new();
    }
    format!("; and of the web app {} and {} of its activity", counted(items, "record"), counted(acts, "line"))
}

fn none(context: &Context) -> Card {
    context.no_vault()
}
