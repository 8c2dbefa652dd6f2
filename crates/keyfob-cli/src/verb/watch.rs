//! `keyfob watch`: what happens to tokens, as it happens, whichever process does it.

use std::time::{Duration, Instant};

use clap::Args;
use keyfob::Error;
use keyfob::history::Watch as Following;

use crate::card::{Card, Doing};
use crate::context::Context;
use crate::history;

/// While the database does not answer, that is said so often.
const AGAIN: Duration = Duration::from_secs(60);

// How often to look.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Look so often, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    /// Only this account
    #[arg(value_name = "ACCOUNT")]
    name: Option<String>,
}

/// One JSON object on a line of its own for each entry, to be read by programs; it ends when it is stopped, or nobody reads.
pub(crate) async fn run(args: Watch, context: &Context) -> Result<(), Card> {
    let what = "cannot follow the vault's history";
    // By its id: it may get another name meanwhile.
    let only = match &args.name {
        Some(name) => Some(context.account(name).await?.id),
        None => None,
    };
    let mut following = Following::begin(context.keyfob().await?, Duration::from_secs(args.every)).await.doing(what)?;
    context.out.note(&context.out.note_paint().dim("watching; Ctrl-C ends it"));
    let mut told: Option<Instant> = None;
    loop {
        let entry = match following.next().await {
            Ok(entry) => entry,
            // A database that is restarted: what happens meanwhile stands in it, and is told then. It looks again as often as ever.
            Err(Error::Store(error)) if error.is_away() => {
                if told.is_none_or(|told| told.elapsed() >= AGAIN) {
                    context.out.note(&format!("{error}; what happens is told once it answers"));
                    told = Some(Instant::now());
                }
                continue;
            }
            // It was given another key, say, or a passphrase.
            Err(Error::Store(error)) => return Err(context.vault().refused(what.to_owned(), error)),
            Err(error) => return Err(error).doing(what),
        };
        if only.as_ref().is_none_or(|id| *id == entry.id) {
            context.out.json_line(&history::json(&entry))?;
        }
    }
}
