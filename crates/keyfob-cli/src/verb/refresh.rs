//! `keyfob refresh`: new tokens now, whatever the old ones' age.

use clap::Args;
use keyfob::proto::TokenSet;

use crate::account;
use crate::card::{Card, Doing};
use crate::context::Context;

/// Whose tokens.
#[derive(Args, Debug)]
pub(crate) struct Refresh {
    /// The account
    name: String,
}

pub(crate) async fn run(args: Refresh, context: &Context) -> Result<(), Card> {
    let opened = context.open_account(&args.name).await?;
    let name = &opened.account.name;
    if matches!(opened.account.tokens, TokenSet::OAuth1(_)) {
        return Err(Card::usage(
            format!("there is nothing to refresh for {name}"),
            "OAuth 1 tokens do not end, so there is no refresh",
            format!("if calls are refused: keyfob login {name}"),
        ));
    }
    let refreshed = opened.session().await?.refresh().await.doing(format!("cannot refresh {name}"))?;
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
