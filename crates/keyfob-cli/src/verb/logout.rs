//! `keyfob logout`: forget an account here, and perhaps there.

use clap::Args;
use keyfob::history::Event;
use keyfob::proto::scrub::printable;
use keyfob::{Revoked, StoreError};
use serde_json::json;

use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;

// What to forget.
#[derive(Args, Debug)]
pub(crate) struct Logout {
    /// The account
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: String,
    /// Ask the provider to forget the tokens as well (RFC 7009), where it can
    #[arg(long)]
    revoke: bool,
}

/// Whether the provider was told.
enum Told {
    Yes,
    NotAsked,
    Impossible,
    /// Its record does not open: nobody knows its tokens.
    Unknown,
    Failed(Card),
}

pub(crate) async fn run(args: Logout, context: &Context) -> Result<(), Card> {
    let (name, told) = match forget_damaged(&args.name, context).await? {
        true => (args.name, Told::Unknown),
        false => forget(args, context).await?,
    };
    let (word, sentence) = match &told {
        Told::Yes => ("yes", "the provider forgot its tokens"),
        Told::NotAsked => ("not-asked", "the provider was not told; --revoke does that"),
        Told::Impossible => ("impossible", "the provider has no way to be told: remove the app on its own pages"),
        Told::Unknown => {
            ("impossible", "its record could not be read, so its provider was not told: remove the app's access on its own pages")
        }
        Told::Failed(_) => ("failed", "the provider did not forget its tokens"),
    };
    if context.out.json {
        context.out.json(&json!({"account": name, "forgotten": true, "revoked": word}))?;
    } else {
        let paint = context.out.note_paint();
        context.out.note(&format!("{} {} is forgotten here; {sentence}", paint.good("✓"), paint.strong(&name)));
    }
    match told {
        Told::Failed(card) => Err(card),
        _ => Ok(()),
    }
}

async fn forget(args: Logout, context: &Context) -> Result<(String, Told), Card> {
    let account = context.account_there(&args.name).await?;
    let name = account.name.clone();
    let told = if args.revoke { revoke(&name, context).await? } else { Told::NotAsked };
    // Forgetting here works also when the app, the provider's file or the network is gone.
    let keyfob = context.keyfob().await?;
    let entry = keyfob.entry(&account, Event::LoggedOut { revoked: matches!(told, Told::Yes) });
    keyfob.store().remove_account(&name, Some(&entry)).await.doing(format!("cannot forget {name}"))?;
    Ok((name, told))
}

/// Whether there was a record of this name that does not open.
async fn forget_damaged(name: &str, context: &Context) -> Result<bool, Card> {
    match context.keyfob_if_any().await? {
        Some(keyfob) if matches!(keyfob.store().account(name).await, Err(StoreError::Corrupt(_))) => {
            keyfob.store().remove_damaged(name).await.doing(format!("cannot forget {}", printable(name)))
        }
        _ => Ok(false),
    }
}

async fn revoke(name: &str, context: &Context) -> Result<Told, Card> {
    let failed = |card: Card| {
        let exit = if card.exit == Exit::Network { Exit::Network } else { Exit::Error };
        Told::Failed(card.exiting(exit).advising("remove the app's access on the provider's own pages"))
    };
    let opened = match context.open_account(name).await {
        Ok(opened) => opened,
        Err(card) => return Ok(failed(card)),
    };
    let done = keyfob::logout(&opened.keyfob, &opened.settings, &opened.app, name, true).await.doing(format!("cannot forget {name}"))?;
    Ok(match done.revoked {
        Revoked::Yes => Told::Yes,
        Revoked::Failed(error) => failed(Card::of(format!("{name} is forgotten here, and not by its provider"), &error)),
        _ => Told::Impossible,
    })
}
