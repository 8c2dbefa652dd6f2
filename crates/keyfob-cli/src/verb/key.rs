//! `keyfob key create`, `list` and `revoke`: valet keys, for programs that use an account through the web app; and API tokens, for programs that use the
//! web app itself.

use std::collections::HashSet;

use clap::{Args, Subcommand};
use keyfob::proto::Timestamp;
use keyfob::proto::scrub::printable;
use keyfob::{Clock, SystemClock};
use keyfob_broker::api::token::{self, ApiToken};
use keyfob_broker::keys::{self, NewKey, Rate, Rule, ValetKey};
use keyfob_broker::{Readable, Who};
use serde_json::{Value, json};

use crate::card::{Card, Doing};
use crate::context::Context;
use crate::moment;
use crate::sheet::Sheet;
use crate::verb::token::seconds;

/// Whose accounts the command's are, among the people of the web app.
const OWNER: &str = "owner";

// What to do with keys.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Make a key for a program: printed once, and never again
    #[command(after_help = RULES)]
    Create(Create),
    /// List the keys
    List,
    /// Take a key back: it opens nothing any more, at every web app on this vault
    Revoke {
        /// The key's ID, as `key list` shows it
        id: String,
    },
}

/// What the key may do.
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// The account that it is for
    #[arg(long, value_name = "ACCOUNT", required_unless_present = "api", add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    account: Option<String>,
    /// A token for the JSON API of keyfob serve instead: its program does all that you may do there
    #[arg(long, requires = "name", conflicts_with_all = ["account", "allow", "rate", "token"])]
    api: bool,
    /// What it may do: methods and a path (may be given several times); nothing else
    #[arg(long, value_name = "RULE")]
    allow: Vec<Rule>,
    /// How often it may be used: 10/min, 5/s, 1000/h, 5000/d
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,
    /// When it ends: 12h, 7d, 1y; without it, when it is revoked
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    expires: Option<i64>,
    /// It may also have the account's access token itself, which no rule restricts
    #[arg(long)]
    token: bool,
    /// What you call it
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// As long as the web app's API lets one live.
fn lifetime(text: &str) -> Result<i64, String> {
    Some(seconds(text)?)
        .filter(|seconds| keys::LIFETIME.contains(seconds))
        .ok_or_else(|| "expected between a minute and ten years: 12h, 7d, 1y".to_owned())
}

const RULES: &str = "\
Rules:
  GET /users/locks         this path; HEAD goes with GET
  GET,PUT /users/*/locks   * is one segment of a path
  * /users/**              any method; ** at the end is the rest of the path
A rule says nothing about the query: whoever may use a path may use it with any.

Examples:
  keyfob key create --account august --allow 'GET /users/locks/**' --rate 10/min --expires 7d
  keyfob key create --api --name deploy --expires 30d";

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), Card> {
    match verb {
        Verb::Create(args) => create(args, context).await,
        Verb::List => list(context).await,
        Verb::Revoke { id } => revoke(&id, context).await,
    }
}

async fn create(args: Create, context: &Context) -> Result<(), Card> {
    let Some(account) = &args.account else { return create_token(args, context).await };
    let account = context.account(account).await?;
    let what = format!("cannot make a key for {}", account.name);
    if args.allow.is_empty() && !args.token {
        let next = format!("allow something, such as --allow 'GET /**'; what there is: keyfob provider show {}", account.provider);
        return Err(Card::usage(what, "it may do nothing: there is no --allow", next));
    }
    let may_see_token = keys::may_see_token(args.token, &account).map_err(keyfob::Error::from).doing(what.as_str())?;
    let now = SystemClock.now();
    let new = NewKey {
        owner: OWNER.to_owned(),
        name: args.name.unwrap_or_default(),
        account: account.name.clone(),
        account_id: account.id.clone(),
        rules: args.allow,
        rate: args.rate,
        may_see_token,
        expires_at: args.expires.map(|seconds| now.plus(seconds)),
    };
    let made = keys::create(&**context.shelf().await?, new, Who::Command, now).await.doing(what)?;
    if context.out.json {
        let mut told = json_of(&made.key, &HashSet::new());
        told["key"] = made.text.expose().into();
        return context.out.json(&told);
    }
    let paint = context.out.note_paint();
    let until = made.key.expires_at.map_or_else(|| ", until it is revoked".to_owned(), |at| format!(", until {}", moment::local(at)));
    context.out.note(&format!("{} a key for {}: {}{until}", paint.good("✓"), paint.strong(&account.name), may(&made.key, "; ")));
    context.out.note(&paint.dim("keep it now: it is not shown again. To use it: Authorization: Bearer KEY, at /api/ of keyfob serve"));
    context.out.exact(made.text.expose())
}

async fn create_token(args: Create, context: &Context) -> Result<(), Card> {
    let now = SystemClock.now();
    let expires_at = args.expires.map(|seconds| now.plus(seconds));
    let (name, shelf) = (args.name.unwrap_or_default(), context.shelf().await?);
    let made = token::create(&**shelf, OWNER, &name, expires_at, Who::Command, now).await.doing("cannot make an API token")?;
    if context.out.json {
        let mut told = json_of_token(&made.token);
        told["key"] = made.text.expose().into();
        return context.out.json(&told);
    }
    let paint = context.out.note_paint();
    let until = made.token.expires_at.map_or_else(|| ", until it is revoked".to_owned(), |at| format!(", until {}", moment::local(at)));
    context.out.note(&format!("{} a token for {}: all that you may do{until}", paint.good("✓"), paint.strong("the JSON API")));
    context.out.note(&paint.dim("keep it now: it is not shown again. To use it: Authorization: Bearer TOKEN, at /v1/ of keyfob serve"));
    context.out.exact(made.text.expose())
}

async fn list(context: &Context) -> Result<(), Card> {
    let (now, keys, tokens) = (SystemClock.now(), all(context).await?, tokens(context).await?);
    let orphans = match context.keyfob_if_any().await? {
        Some(keyfob) => keys::orphans(keyfob.store(), &keys).await.doing("cannot read the vault")?,
        None => HashSet::new(),
    };
    if context.out.json {
        return context
            .out
            .json(&keys.iter().map(|key| json_of(key, &orphans)).chain(tokens.iter().map(json_of_token)).collect::<Vec<_>>());
    }
    if keys.is_empty() && tokens.is_empty() {
        context.out.note("No keys. keyfob key create makes one.");
        return Ok(());
    }
    let mut sheet = Sheet::new(["ID", "Name", "Account", "May", "Rate", "Ends", "Used last"]);
    let ago = |moment: Option<Timestamp>, none: &str| moment.map_or_else(|| none.to_owned(), |at| moment::from_now(at, now));
    for key in &keys {
        let rate = key.rate.map_or_else(|| "-".to_owned(), |rate| rate.to_string());
        let (ends, used) = (ago(key.expires_at, "-"), ago(key.last_used_at, "never"));
        let may = if orphans.contains(&key.id) { "nothing: its account is gone".to_owned() } else { may(key, ", ") };
        sheet.row([key.id.clone(), key.name.clone(), account(key), may, rate, ends, used]);
    }
    for token in &tokens {
        let (ends, used) = (ago(token.expires_at, "-"), ago(token.last_used_at, "never"));
        sheet.row([token.id.clone(), token.name.clone(), "-".to_owned(), "all, at the JSON API".to_owned(), "-".to_owned(), ends, used]);
    }
    sheet.print(&context.out)
}

async fn revoke(id: &str, context: &Context) -> Result<(), Card> {
    let missing = || Card::usage(format!("there is no key {}", printable(id)), "nothing was revoked", "keyfob key list shows the keys");
    if context.keyfob_if_any().await?.is_none() {
        return Err(missing());
    }
    let (shelf, now) = (context.shelf().await?, SystemClock.now());
    let Some(key) = keys::revoke(&**shelf, None, id, Who::Command, now).await.doing("cannot revoke the key")? else {
        let revoked = token::revoke(&**shelf, OWNER, id, Who::Command, now).await.doing("cannot revoke the token")?;
        let token = revoked.ok_or_else(missing)?;
        if context.out.json {
            return context.out.json(&json!({"id": token.id, "name": token.name, "account": null, "revoked": true}));
        }
        let paint = context.out.note_paint();
        context.out.note(&format!("{} the API token {} opens nothing any more", paint.good("✓"), paint.strong(&token.name)));
        return Ok(());
    };
    // Of a damaged one that is not known.
    let account = Some(account(&key)).filter(|_| !key.account.is_empty());
    if context.out.json {
        return context.out.json(&json!({"id": key.id, "name": key.name, "account": account, "revoked": true}));
    }
    let paint = context.out.note_paint();
    let whose = account.map_or_else(|| ", which was damaged,".to_owned(), |account| format!(" for {account}"));
    context.out.note(&format!("{} the key {}{whose} opens nothing any more", paint.good("✓"), paint.strong(key.shown())));
    Ok(())
}

async fn all(context: &Context) -> Result<Vec<ValetKey>, Card> {
    if context.keyfob_if_any().await?.is_none() {
        return Ok(Vec::new());
    }
    let keys = keys::readable(&**context.shelf().await?, None, SystemClock.now()).await.doing("cannot read the keys")?;
    Ok(told_of_unreadable(keys, "keys", context))
}

/// The owner's API tokens: others make theirs on their own pages.
async fn tokens(context: &Context) -> Result<Vec<ApiToken>, Card> {
    if context.keyfob_if_any().await?.is_none() {
        return Ok(Vec::new());
    }
    let tokens = token::readable(&**context.shelf().await?, OWNER, SystemClock.now()).await.doing("cannot read the tokens")?;
    Ok(told_of_unreadable(tokens, "API tokens", context))
}

/// What is damaged opens nothing, and is no reason to show none of the others.
fn told_of_unreadable<T>(list: Readable<T>, what: &str, context: &Context) -> Vec<T> {
    if list.unreadable > 0 {
        let text = format!("note: {} of the {what} cannot be read, and open nothing: keyfob vault check says more", list.unreadable);
        context.out.note(&context.out.note_paint().warn(&text));
    }
    list.items
}

/// The account as the vault calls it.
fn account(key: &ValetKey) -> String {
    if key.owner == OWNER { key.account.clone() } else { format!("~{}/{}", key.owner, key.account) }
}

fn may(key: &ValetKey, between: &str) -> String {
    let token = key.may_see_token.then(|| "see the token".to_owned());
    key.rules.iter().map(ToString::to_string).chain(token).collect::<Vec<_>>().join(between)
}

fn json_of(key: &ValetKey, orphans: &HashSet<String>) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "account": account(key),
        "state": if orphans.contains(&key.id) { "account-gone" } else { "ok" },
        "allow": key.rules.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "rate": key.rate.map(|rate| rate.to_string()),
        "token": key.may_see_token,
        "created_at": moment::utc(key.created_at),
        "expires_at": key.expires_at.map(moment::utc),
        "last_used_at": key.last_used_at.map(moment::utc),
    })
}

/// With the members of a key; what a token may do is no list.
fn json_of_token(token: &ApiToken) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "account": null,
        "api": true,
        "created_at": moment::utc(token.created_at),
        "expires_at": token.expires_at.map(moment::utc),
        "last_used_at": token.last_used_at.map(moment::utc),
    })
}
