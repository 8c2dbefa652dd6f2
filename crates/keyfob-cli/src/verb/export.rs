//! `keyfob export`: everything but the secrets, to show somebody, or to keep beside a backup. The secrets themselves leave the vault sealed alone:
//! `keyfob vault export`.

use clap::Args;
use keyfob::history::Fingerprint;
use keyfob::proto::TokenSet;
use serde_json::{Value, json};

use crate::account;
use crate::card::{Card, Doing};
use crate::context::Context;

// Which account.
#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The account; all of them if left away
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    name: Option<String>,
}

pub(crate) async fn run(args: Export, context: &Context) -> Result<(), Card> {
    let accounts = match &args.name {
        Some(name) => vec![context.account(name).await?],
        None => context.accounts().await?,
    };
    let apps = match context.keyfob_if_any().await? {
        Some(keyfob) => keyfob.store().apps().await.doing("cannot read the vault")?,
        None => Vec::new(),
    };
    let wanted = |provider: &String| args.name.is_none() || accounts.iter().any(|account| account.provider == *provider);
    let described = accounts.iter().map(|account| {
        let mut told = account::json(account, context);
        told["tokens"] = tokens(&account.tokens);
        told
    });
    let apps = apps.iter().filter(|(provider, _)| wanted(provider)).map(|(provider, app)| super::app::json_of(provider, app, context));
    let whole = json!({
        "keyfob": env!("CARGO_PKG_VERSION"),
        "accounts": described.collect::<Vec<_>>(),
        "apps": apps.collect::<Vec<_>>(),
    });
    context.out.json(&whole)?;
    context.out.note(&context.out.note_paint().dim("without the secrets: those leave the vault sealed, by keyfob vault export FILE"));
    context.all_read()
}

/// Tokens by their fingerprints, which the history has, too.
fn tokens(tokens: &TokenSet) -> Value {
    let digits = |secret: &_| Value::from(Fingerprint::of(secret).as_str());
    match tokens {
        TokenSet::OAuth1(tokens) => json!({"token": digits(&tokens.token), "token_secret": digits(&tokens.secret)}),
        TokenSet::OAuth2(tokens) => json!({
            "access_token": digits(&tokens.access),
            "refresh_token": tokens.refresh.as_ref().map(digits),
            "id_token": tokens.id_token.as_ref().map(digits),
        }),
        _ => Value::Null,
    }
}
