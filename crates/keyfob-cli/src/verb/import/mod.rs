//! `keyfob import`: tokens that were made elsewhere, such as the ready ones that a provider shows on its own pages.

mod bruno;
mod elsewhere;
mod file;
mod home_assistant;
mod lines;
mod login;
mod names;
mod objects;
mod postman;
mod python;
mod replaced;
mod said;
mod twurl;
mod whom;
mod xurl;
mod yaml;

pub(crate) use self::names::{field_of, named};
pub(crate) use self::whom::{Leads, Whom};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use keyfob::history::{Event, Fingerprint};
use keyfob::proto::scrub::printable;
use keyfob::proto::{App, Flow, Misbehaved, OAuth1Tokens, OAuth2Tokens, Secret, Settings, Timestamp, TokenSet};
use keyfob::store::{Expected, StoreError, Versioned};
use keyfob::transport::Transport;
use keyfob::{Account, AccountId, Health, Keyfob, MemoryStore};
use keyfob_providers::Provider;
use serde_json::{Map, Value, json};

use crate::account;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::credentials::{self, Fields, From, Given};
use crate::ended;
use crate::name::Name;
use crate::prompt;
use crate::refusals;
use crate::verb::RefusedSecrets;
use crate::verb::app::{of_another, tell_of_another};

/// How often a write is tried that refreshes get in the way of.
const TRIES: usize = 8;

// Whose tokens, and where they are.
#[derive(Args, Debug)]
#[command(after_help = SHAPES)]
pub(crate) struct Import {
    /// The provider, or PROVIDER/LABEL
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::providers))]
    name: String,
    /// Take the tokens from stdin, as a JSON object
    #[arg(long)]
    stdin: bool,
    /// Take the tokens, and the app's keys where they are there, too, from a file of another program
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    from: Option<String>,
    /// Where that file has several: which one (a person, an app, a title)
    #[arg(long, value_name = "NAME", requires = "from")]
    profile: Option<String>,
    /// Put them in place of an account, or an app, that is there already
    #[arg(long)]
    replace: bool,
    /// Tokens that were found already
    #[arg(skip)]
    object: Option<Map<String, Value>>,
    /// Take the app's keys from a file of NAME=value lines
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    #[command(flatten)]
    refused: RefusedSecrets,
}

const SHAPES: &str = r#"What --stdin takes:
  OAuth 1   {"token":"…", "token_secret":"…"}
  OAuth 2   an access token alone, or
            {"access_token":"…", "refresh_token":"…", "expires_in":3600, "scope":"a b"}
            or the same as Python prints it: {'access_token': '…', 'refresh_token': None}
  and the fields of the app beside them, if the vault has none: "client_id", "client_secret", …

What --from takes, recognised by what it looks like:
  dictionaries of oauthlib, requests-oauthlib, rauth (JSON, or as Python prints them); ~/.netatmo.credentials; ~/.twurlrc; ~/.xurl; Home Assistant's
  .storage/core.config_entries; requests and collections of Postman and Bruno (.bru); env-files; what keyfob env prints.
  Where only a refresh token is kept, it is used at once.
  Where there are several: the one that the file says is the usual one, or that stands under the provider's own name, or --profile NAME."#;

impl Import {
    /// Tokens that were found somewhere, by the names that `--stdin` takes.
    pub(crate) fn of_object(name: String, object: Map<String, Value>, replace: bool) -> Self {
        Self { stdin: false, object: Some(object), replace, ..Self::of_stdin(name, None) }
    }

    /// Tokens from stdin, for a login: whoever logs in again means to replace what is there.
    pub(crate) fn of_stdin(name: String, env_file: Option<PathBuf>) -> Self {
        let refused = RefusedSecrets::default();
        Self { name, stdin: true, from: None, profile: None, replace: true, object: None, env_file, refused }
    }
}

pub(crate) async fn run(args: Import, context: &Context) -> Result<(), Card> {
    args.refused.check()?;
    let name = Name::parse(&args.name)?;
    let provider = context.provider(&name.provider).await?;
    let name = name.checked_for_login()?.to_string();
    // As at a login: a bare name may mean an account that has a label.
    let meant = if args.replace { context.replaced_by_login(&name).await? } else { context.meant(&name).await? };
    let name = meant.map_or(name, |account| account.name);
    let what = format!("cannot import {name}");
    // Before anything is read or asked for: one word on stdin would else take a working login's place.
    let there = match context.keyfob_if_any().await? {
        Some(keyfob) => opened(keyfob, &name, &what).await?.map(|record| record.value),
        None => None,
    };
    if let Some(there) = there.as_ref().filter(|_| !args.replace) {
        replaced::agreed(&what, &replaced::account(there, args.object.is_some()), context).await?;
    }
    let object = match &args.from {
        Some(file) => Some(file::read(file, args.profile.as_deref(), &provider, context)?),
        None if args.stdin => Some(said::on_stdin()?),
        None => args.object.clone(),
    };
    let app_there = match context.keyfob_if_any().await? {
        Some(keyfob) => keyfob.store().app(&provider.name).await.doing(what.as_str())?,
        None => None,
    };
    let given = app(&args, object.as_ref(), app_there.as_ref(), &provider, context).await?;
    let app = &given.app;
    let app_before = match given.from {
        From::Vault | From::Sandbox => None,
        _ => app_there.clone().filter(|before| replaced::are_other_keys(before, app, &provider)),
    };
    if let Some(before) = app_before.as_ref().filter(|_| !args.replace) {
        replaced::agreed(&what, &replaced::app(before, &provider), context).await?;
    }
    let settings = context.settings(&provider, app, &what).await?;
    let said = match object {
        Some(object) => object,
        None if prompt::is_possible() => ask(&settings).await?,
        None => {
            return Err(Card::usage(
                what,
                "nobody is at the terminal to be asked for the tokens",
                format!("pipe them in: keyfob import {name} --stdin"),
            ));
        }
    };
    let refresh_first =
        !said.contains_key("access_token") && said.contains_key("refresh_token") && matches!(settings.flow, Flow::OAuth2(_));
    let said = if refresh_first { with_ended_token(said) } else { said };
    let tokens = tokens(&said, &settings, &what)?;
    let keyfob = context.keyfob().await?;
    let before = opened(keyfob, &name, &what).await?;
    if before.is_some() && there.is_none() && !args.replace {
        // Somebody logged in while the tokens were read.
        return Err(StoreError::Conflict).doing(what);
    }
    let kept: BTreeMap<String, String> =
        provider.kept().iter().filter_map(|name| Some((name.clone(), said.get(name)?.as_str()?.to_owned()))).collect();
    // As at a login: where the API is may be said by what comes along, within what the provider's file lists.
    let own = settings.of_account(&kept).map_err(|found| no_place(&what, &provider, &settings, &kept, &found))?;
    let account = Account {
        id: before.as_ref().map_or_else(AccountId::random, |before| before.value.id.clone()),
        name: name.clone(),
        provider: provider.name.clone(),
        client_id: app.client_id.clone(),
        requested_scopes: match &tokens {
            TokenSet::OAuth2(tokens) => tokens.scopes.clone(),
            _ => Vec::new(),
        },
        tokens,
        kept,
        // Where these tokens may go is fixed now.
        origins: own.origins(),
        tolerated: Vec::new(),
        grant: keyfob::Grant::Approval,
        health: Health::Ok,
        logged_in_at: account::now(),
        spending: None,
        refreshed: None,
    };
    let is_replaced = before.is_some();
    let login_before = before.as_ref().map(|before| before.value.id.clone());
    let new_app = (!matches!(given.from, From::Vault | From::Sandbox)).then(|| app.clone());
    let brings_app = new_app.is_some();
    let is_first = brings_app && app_there.is_none();
    let import = Imported {
        keyfob: keyfob.clone(),
        account,
        before,
        new_app,
        refresh_first: refresh_first.then(|| (settings, app.clone())),
        transport: context.transport()?,
    };
    let account = context.see_through(import.keep()).await?;
    refusals::forget(&account, context).await;
    let ended_keys = match login_before.filter(|login| *login != account.id) {
        Some(login) => Some(ended::keys_of(&login, context).await?),
        None => None,
    };
    let need_login = if brings_app { of_another(&provider, app, context).await? } else { Vec::new() };
    let first_app = if is_first { replaced::first(app, &provider, context).await? } else { None };
    let tell = || {
        let places = there
            .iter()
            .map(|there| replaced::account(there, args.object.is_some()))
            .chain(app_before.iter().map(|before| replaced::app(before, &provider)));
        places.for_each(|there| replaced::tell(&there, context));
        need_login.iter().for_each(|name| tell_of_another(name, context));
        first_app.iter().for_each(|told| context.out.note(told));
    };
    if context.out.json {
        tell();
        let mut described = account::json(&account, context);
        described["replaced"] = json!(is_replaced);
        described["need_login"] = json!(need_login);
        if let Some(keys) = ended_keys {
            described["ended_keys"] = json!(keys);
        }
        return context.out.json(&described);
    }
    let paint = context.out.note_paint();
    context.out.note(&format!(
        "{} {} imported: expires {}",
        paint.good("✓"),
        paint.strong(&name),
        account::expiry(&account, account::now())
    ));
    tell();
    if let Some(keys) = ended_keys {
        context.out.note(&format!("{} {}", paint.warn("note:"), ended::told(keys)));
    }
    if let Some(action) = provider.overview().next() {
        context.out.note(&paint.dim(&format!("try it: {}", context.out.again.command(&format!("{name} {}", action.name)))));
    }
    Ok(())
}

/// Keeps an app alone, for a login that is still to come. Gives the accounts that need one because of it.
pub(crate) async fn keep_app(
    provider: &Provider,
    object: &Map<String, Value>,
    replace: bool,
    context: &Context,
) -> Result<Vec<String>, Card> {
    let what = format!("cannot keep the app of {}", provider.title);
    let there = match context.keyfob_if_any().await? {
        Some(keyfob) => keyfob.store().app(&provider.name).await.doing(what.as_str())?,
        None => None,
    };
    let (is_first, args) = (there.is_none(), Import::of_object(provider.name.clone(), Map::new(), replace));
    let app = app(&args, Some(object), there.as_ref(), provider, context).await?.app;
    let before = there.filter(|before| replaced::are_other_keys(before, &app, provider)).map(|before| replaced::app(&before, provider));
    if let Some(before) = before.as_ref().filter(|_| !replace) {
        replaced::agreed(&what, before, context).await?;
    }
    context.keyfob().await?.store().put_app(&provider.name, &app).await.doing(what)?;
    let paint = context.out.note_paint();
    context.out.note(&format!("{} the app of {} is in the vault", paint.good("✓"), paint.strong(&provider.title)));
    before.iter().for_each(|before| replaced::tell(before, context));
    let need_login = of_another(provider, &app, context).await?;
    need_login.iter().for_each(|name| tell_of_another(name, context));
    if is_first && let Some(told) = replaced::first(&app, provider, context).await? {
        context.out.note(&told);
    }
    Ok(need_login)
}

/// No server was asked where the API is: what is not there, or wrong, was said by whoever imports.
fn no_place(what: &str, provider: &Provider, settings: &Settings, kept: &BTreeMap<String, String>, found: &Misbehaved) -> Card {
    let base = settings.api.base_of_account.iter();
    let missing: Vec<&str> = base.flat_map(|base| base.names()).filter(|name| !kept.contains_key(*name)).collect();
    if missing.is_empty() {
        return Card::usage(what, format!("expected {}, but found {}", found.expected, found.found), "correct what was said of it");
    }
    let why = format!("where the API of {} is, a login says ({}), and the tokens come without it", provider.title, missing.join(", "));
    let more: Vec<String> = missing.iter().map(|name| format!("\"{name}\":\"…\"")).collect();
    Card::usage(what, why, format!("say it beside them: {{\"access_token\":\"…\", {}}}", more.join(", ")))
}

/// The app: of the object where it has one, else as for a login. Other programs keep less of an app than the vault does: what they do not say stays as it is
/// there, if it is the same app.
async fn app(
    args: &Import,
    object: Option<&Map<String, Value>>,
    there: Option<&App>,
    provider: &Provider,
    context: &Context,
) -> Result<Given, Card> {
    let mut fields = Fields::new(provider);
    let mut some = false;
    let place = args.from.as_ref().map_or_else(|| "on stdin".to_owned(), |file| format!("in {}", printable(file)));
    for field in &provider.client.fields {
        // `scope` beside tokens is what was granted, not what to ask for.
        if let Some(value) = object.and_then(|object| object.get(&field.name)?.as_str()).filter(|_| field.name != "scope") {
            fields.set(field, value, &place)?;
            // What is open about an app may stand beside tokens, too, and names none.
            some |= field.name == "client_id" || field.secret;
        }
    }
    match &args.env_file {
        // What the one says nothing of, the other may.
        Some(file) => {
            fields.read_file(file, &context.out)?;
            fields.beside(there).complete(context, From::EnvFile(file.clone())).await
        }
        None if some => fields.beside(there).complete(context, From::Person).await,
        None => credentials::find(context, provider, None, None).await,
    }
}

/// A refresh token alone has to be used before anything else. In the access token's place is one that no server ever gave, and that has ended.
fn with_ended_token(mut said: Map<String, Value>) -> Map<String, Value> {
    said.insert("access_token".to_owned(), Value::from(format!("none-{}", keyfob::random_hex())));
    said.insert("expires_at".to_owned(), Value::from(0));
    said
}

/// Tokens that were told, on their way into the vault.
struct Imported {
    keyfob: Keyfob,
    account: Account,
    /// What is there.
    before: Option<Versioned<Account>>,
    /// The app, where the vault has none or another.
    new_app: Option<App>,
    /// There is no access token yet: what it takes to get one.
    refresh_first: Option<(Settings, App)>,
    /// What that is asked by.
    transport: Arc<dyn Transport>,
}

impl Imported {
    /// Into the vault in one write, after what can fail has not: if the refresh token is not taken, or this program is killed while a server thinks about
    /// it, the login that was there still is.
    async fn keep(self) -> Result<Account, Card> {
        let Self { keyfob, mut account, before, new_app, refresh_first, transport } = self;
        let what = format!("cannot import {}", account.name);
        let spent = refresh_first.is_some();
        if let Some((settings, app)) = refresh_first {
            account = refreshed(account, settings, app, transport, &what).await?;
        }
        let written = write(&keyfob, account, before, new_app, &what).await;
        // What stands where it was taken from is good for nothing now, at a provider that gives new ones each time.
        written.map_err(|card| match spent {
            true => card.advising("the refresh token was taken, and its successor could not be kept: log in anew, once this is mended"),
            false => card,
        })
    }
}

/// What is there and opens. Whether what does not may be replaced was asked before.
async fn opened(keyfob: &Keyfob, name: &str, what: &str) -> Result<Option<Versioned<Account>>, Card> {
    match keyfob.store().account(name).await {
        Err(StoreError::Corrupt(_)) => Ok(None),
        found => found.doing(what),
    }
}

/// In one write, in place of what was there before.
async fn write(
    keyfob: &Keyfob,
    mut account: Account,
    before: Option<Versioned<Account>>,
    new_app: Option<App>,
    what: &str,
) -> Result<Account, Card> {
    let store = keyfob.store();
    if let Some(app) = new_app {
        store.put_app(&account.provider, &app).await.doing(what)?;
    }
    // Keys were made for the account's id, and do not open another person's.
    let other = before.as_ref().filter(|before| account.is_of_another_person_than(&before.value)).map(|before| before.value.id.clone());
    if other.is_some() {
        account.id = AccountId::random();
    }
    let received = account.tokens.refresh_token().map(Fingerprint::of);
    let entry = keyfob.entry(&account, Event::LoggedIn { received, imported: true });
    let left = other.as_ref().and(before.as_ref()).map(|before| keyfob.entry(&before.value, Event::LoggedOut { revoked: false }));
    let login = before.as_ref().map(|before| (before.value.id.clone(), before.value.logged_in_at));
    if before.is_none() {
        // What does not open makes way, as at a login.
        store.remove_damaged(&account.name).await.doing(what)?;
    }
    let mut generation = before.map(|before| before.generation);
    for _ in 0..TRIES {
        let written = match (&other, generation) {
            (Some(other), Some(generation)) => store.replace_account(other, generation, &account, left.as_ref(), Some(&entry)).await,
            (_, generation) => {
                let expected = generation.map_or(Expected::Nothing, Expected::Generation);
                store.put_account(&account, expected, Some(&entry)).await
            }
        };
        match written {
            Ok(_) => return Ok(account),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error).doing(what),
        }
        // That the old tokens were refreshed meanwhile changes nothing, and the new ones are nowhere else. Another login, or a logout, is somebody's will.
        let now = store.account(&account.name).await.doing(what)?;
        if now.as_ref().map(|now| (now.value.id.clone(), now.value.logged_in_at)) != login {
            break;
        }
        generation = now.map(|now| now.generation);
    }
    Err(StoreError::Conflict).doing(what)
}

/// The account with its first access token. It is tried in memory: the vault's account is in use until its successor is known to work.
async fn refreshed(account: Account, settings: Settings, app: App, transport: Arc<dyn Transport>, what: &str) -> Result<Account, Card> {
    let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), transport);
    keyfob.store().put_account(&account, Expected::Nothing, None).await.doing(what)?;
    keyfob.session(settings, app, &account.name).await.doing(what)?.refresh().await.doing(what)
}

async fn ask(settings: &Settings) -> Result<Map<String, Value>, Card> {
    let questions: &[(&str, &str)] = match settings.flow {
        Flow::OAuth1(_) => &[("token", "Token: "), ("token_secret", "Token secret: ")],
        _ => &[("access_token", "Access token: "), ("refresh_token", "Refresh token (Enter if there is none): ")],
    };
    let mut said = Map::new();
    for (name, question) in questions {
        let answer = prompt::hidden((*question).to_owned()).await?;
        if !answer.is_empty() {
            said.insert((*name).to_owned(), Value::from(answer.expose()));
        }
    }
    Ok(said)
}

fn tokens(said: &Map<String, Value>, settings: &Settings, what: &str) -> Result<TokenSet, Card> {
    // RFC 6749 A.12: visible ASCII. OAuth 1 has no such rule, and no server that breaks it.
    let secret = |names: &[&str]| {
        let text = names.iter().find_map(|name| said.get(*name)?.as_str())?;
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Secret::new(text))
    };
    let missing = |name: &str| {
        Card::usage(what, format!("expected \"{name}\" as text without blanks, and found none"), "keyfob import --help shows what is taken")
    };
    if let Flow::OAuth1(_) = settings.flow {
        return Ok(TokenSet::OAuth1(OAuth1Tokens {
            token: secret(&["token", "oauth_token"]).ok_or_else(|| missing("token"))?,
            secret: secret(&["token_secret", "oauth_token_secret"]).ok_or_else(|| missing("token_secret"))?,
        }));
    }
    let access = secret(&["access_token"]).ok_or_else(|| missing("access_token"))?;
    let refresh = match said.get("refresh_token") {
        None | Some(Value::Null) => None,
        Some(_) => Some(secret(&["refresh_token"]).ok_or_else(|| missing("refresh_token"))?),
    };
    let now = account::now();
    let seconds = |name: &str| match said.get(name)? {
        Value::Number(number) => number.as_f64().map(|seconds| seconds as i64),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let expires_at = match said.get("expires_at") {
        None | Some(Value::Null) => seconds("expires_in").map(|seconds| now.plus(seconds)),
        // What cannot be read is not known. `expires_in` beside it counts from when the file was written, which may be long ago.
        Some(value) => moment(value),
    };
    let scopes = match said.get("scope").or_else(|| said.get("scopes")) {
        Some(Value::String(text)) => text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
        Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    Ok(TokenSet::OAuth2(OAuth2Tokens {
        access,
        refresh,
        received_at: now,
        expires_at,
        refresh_expires_at: None,
        scopes,
        identity: None,
        id_token: None,
        proof_key: None,
        resources: Vec::new(),
        authorization_details: Vec::new(),
    }))
}

/// `expires_at` as programs write it: seconds since 1970 (libraries of Python, with a fraction), milliseconds (of JavaScript), or RFC 3339.
fn moment(value: &Value) -> Option<Timestamp> {
    let number = |number: f64| match number < 0.0 {
        true => Timestamp::from_unix(number as i64),
        false => Timestamp::from_seconds_or_milliseconds(number as u64),
    };
    match value {
        Value::Number(value) => value.as_f64().map(number),
        Value::String(text) => {
            Timestamp::from_text(text.trim()).or_else(|| text.trim().parse().ok().filter(|n: &f64| n.is_finite()).map(number))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_token_is_read_as_programs_write_it() {
        let end = |value: Value| moment(&value).map(Timestamp::as_unix);
        for value in [
            json!(1_577_836_800),
            json!(1_577_836_800.5),
            json!(1_577_836_800_500_u64),
            json!("1577836800"),
            json!("1577836800.5"),
            json!(" 1577836800500 "),
            json!("2020-01-01T00:00:00Z"),
            json!("2020-01-01T01:00:00.5+01:00"),
        ] {
            assert_eq!(end(value.clone()), Some(1_577_836_800), "{value}");
        }
        assert_eq!((end(json!(0)), end(json!(-1))), (Some(0), Some(-1)));
        assert_eq!((end(json!("soon")), end(json!("inf")), end(json!(true)), end(json!(""))), (None, None, None, None));
    }
}
