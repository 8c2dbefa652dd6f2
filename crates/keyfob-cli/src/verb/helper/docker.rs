//! Docker's credential helper protocol: an action as the argument, a server's URL on stdin, JSON on stdout, errors there, too.

use std::collections::BTreeMap;
use std::io::{self, Read};

use clap::Args;
use keyfob::proto::{Origin, TokenSet};
use serde_json::json;

use super::lines::check;
use super::{Whose, access_token};
use crate::card::Card;
use crate::context::Context;
use crate::signal::unless_stopped_reading;

/// What Docker wants.
#[derive(Args, Debug)]
#[command(after_help = USE)]
pub(crate) struct Docker {
    #[command(flatten)]
    whose: Whose,
    /// get, list, store or erase
    action: String,
}

const USE: &str = "\
Docker runs a program called docker-credential-keyfob, which is a link to keyfob, where ~/.docker/config.json says
  \"credHelpers\": {\"registry.gitlab.com\": \"keyfob\"}

What Docker wants stored is refused: keyfob keeps logins of its own.";

/// The words by which Docker knows that there is nothing, which is no failure to it.
const NOT_FOUND: &str = "credentials not found in native keychain";

pub(crate) async fn run(args: Docker, context: &Context) -> Result<(), Card> {
    match args.action.as_str() {
        "get" => get(&args, context).await,
        "list" => list(&args, context).await,
        // What is not kept here need not be erased.
        "erase" => Ok(()),
        _ => fails("keyfob keeps logins of its own: keyfob login PROVIDER", context),
    }
}

async fn get(args: &Docker, context: &Context) -> Result<(), Card> {
    let server = server()?;
    let origin = {
        let bare = server.trim_end_matches('/');
        Origin::parse(&if bare.contains("://") { bare.to_owned() } else { format!("https://{bare}") })
    };
    let origin = origin.filter(|origin| origin.as_str().starts_with("https://") || origin.is_loopback());
    let Some(origin) = origin else { return fails(NOT_FOUND, context) };
    let Some(account) = args.whose.at(&origin, context).await? else { return fails(NOT_FOUND, context) };
    let (handed, _) = access_token(&account, context).await?;
    context.out.json(&json!({"ServerURL": server, "Username": args.whose.username(None), "Secret": handed.token.expose()}))
}

async fn list(args: &Docker, context: &Context) -> Result<(), Card> {
    let accounts = context.accounts().await?;
    let there = accounts.iter().filter(|account| !matches!(account.tokens, TokenSet::OAuth1(_))).flat_map(|account| &account.origins);
    let servers: BTreeMap<&str, &str> = there.map(|origin| (origin.as_str(), args.whose.username(None))).collect();
    context.out.json(&servers)
}

fn server() -> Result<String, Card> {
    let read = unless_stopped_reading(|| {
        let mut text = String::new();
        io::stdin().lock().take(64 * 1024).read_to_string(&mut text).map(|_| text)
    })?;
    let text = read.map_err(|error| Card::io("cannot read the server's URL", &error, "this is a protocol for programs"))?;
    let server = text.strip_suffix('\n').unwrap_or(&text).trim_end_matches(['\r', ' ']);
    check(server)?;
    // To the letter: Docker looks for the URL that it asked for in the answer.
    Ok(server.to_owned())
}

/// Docker reads on stdout what went wrong.
fn fails(words: &str, context: &Context) -> Result<(), Card> {
    context.out.exact(words)?;
    Err(Card::ended(1))
}
