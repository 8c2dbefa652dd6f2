//! `keyfob app add`, `list` and `rm`: our registrations with providers.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyfob::Account;
use keyfob::proto::App;
use keyfob_providers::Provider;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::account::login_to;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::credentials::{Fields, From, Given, only_in_sandbox};
use crate::sheet::Sheet;
use crate::signal::unless_stopped_reading;
use crate::text::text_of;
use crate::verb::RefusedSecrets;

// What to do with apps.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Keep an app's keys in the vault: from an env-file, stdin, the environment, or asked for
    Add(Add),
    /// List the apps in the vault
    List,
    /// Forget an app
    Rm {
        /// The provider
        #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::providers))]
        provider: String,
    },
}

/// An app to keep.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// The provider
    #[arg(add = clap_complete::engine::ArgValueCandidates::new(crate::complete::providers))]
    provider: String,
    /// Take the keys from a file of NAME=value lines
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    env_file: Option<PathBuf>,
    /// Take the keys from stdin: a JSON object of the fields that `provider show` lists
    #[arg(long)]
    stdin: bool,
    /// The client id (consumer key, public key)
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// The redirect URI that was registered
    #[arg(long, value_name = "URI")]
    redirect_uri: Option<String>,
    /// In place of the app that is there, wholly: of the same one (by its client id), what is not said stays otherwise
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    refused: RefusedSecrets,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), Card> {
    match verb {
        Verb::Add(args) => add(args, context).await,
        Verb::List => list(context).await,
        Verb::Rm { provider } => remove(&provider, context).await,
    }
}

async fn add(args: Add, context: &Context) -> Result<(), Card> {
    args.refused.check()?;
    let provider = context.provider(&args.provider).await?;
    let known = match context.keyfob_if_any().await? {
        Some(keyfob) if !args.replace => keyfob.store().app(&provider.name).await.doing("cannot read the vault")?,
        _ => None,
    };
    let Given { mut app, .. } = given(&args, known.as_ref(), &provider, context).await?;
    app.redirect_uri = args.redirect_uri.or(app.redirect_uri);
    // Also where a person said only now which one it is.
    let app = known.iter().fold(app, App::beside);
    let store = context.keyfob().await?.store();
    let replaced = store.app(&provider.name).await.doing("cannot read the vault")?;
    store.put_app(&provider.name, &app).await.doing("cannot keep the app")?;
    let orphans = of_another(&provider, &app, context).await?;
    if context.out.json {
        return context
            .out
            .json(&json!({"provider": provider.name, "client_id": app.client_id, "replaced": replaced.is_some(), "need_login": orphans}));
    }
    let paint = context.out.note_paint();
    let took = match &known {
        Some(known) if known.client_id == app.client_id => ", and what was not said of it stays as it was (--replace: nothing stays)",
        _ if replaced.is_some() => ", in place of the one before",
        _ => "",
    };
    context.out.note(&format!("{} the app of {} is in the vault{took}", paint.good("✓"), paint.strong(&provider.title)));
    orphans.iter().for_each(|name| tell_of_another(name, context));
    match only_in_sandbox(&provider, context) {
        Some(told) => context.out.note(&format!("{} {told}", paint.warn("note:"))),
        None if orphans.is_empty() => context.out.note(&paint.dim(&format!("next: keyfob login {}", provider.name))),
        None => {}
    }
    Ok(())
}

/// Accounts of another app than this one: they go on existing, and cannot be refreshed with it.
pub(crate) async fn of_another(provider: &Provider, app: &App, context: &Context) -> Result<Vec<String>, Card> {
    let is_of_another = |account: &Account| account.provider == provider.name && account.client_id != app.client_id;
    Ok(context.accounts().await?.into_iter().filter(is_of_another).map(|account| account.name).collect())
}

/// An account whose app is not the one that counts now.
pub(crate) fn tell_of_another(name: &str, context: &Context) {
    let needs = context.out.note_paint().warn("needs login");
    context.out.note(&format!("{needs} {name} belongs to another app: {}", login_to(name, "")));
}

/// The app as it is said; of the one that is known, if it is the same, what is not.
async fn given(args: &Add, known: Option<&App>, provider: &Provider, context: &Context) -> Result<Given, Card> {
    let mut fields = Fields::new(provider).coming_back_to(args.redirect_uri.as_deref());
    let from = if let Some(file) = &args.env_file {
        fields.read_file(file, &context.out)?;
        From::EnvFile(file.clone())
    } else if args.stdin {
        read_stdin(&mut fields, provider)?;
        From::Person
    } else {
        fields.read_environment()?;
        From::Environment
    };
    if let (Some(id), Some(field)) = (&args.client_id, provider.client.field("client_id")) {
        fields.set(field, id, "in --client-id")?;
    }
    fields.beside(known).complete(context, from).await
}

fn read_stdin(fields: &mut Fields<'_>, provider: &Provider) -> Result<(), Card> {
    let object = object_from_stdin()?;
    for (name, value) in &object {
        let known = provider.client.field(name).zip(value.as_str());
        let Some((field, value)) = known else {
            let names: Vec<&str> = provider.client.fields.iter().map(|field| field.name.as_str()).collect();
            return Err(Card::usage(
                format!("this is no app of {}", provider.title),
                format!("expected text members of these names: {}", names.join(", ")),
                format!("keyfob provider show {} says what they are", provider.name),
            ));
        };
        fields.set(field, value, "on stdin")?;
    }
    Ok(())
}

/// A JSON object on stdin.
fn object_from_stdin() -> Result<Map<String, Value>, Card> {
    object_in(&text_from_stdin()?)
}

/// What is on stdin.
pub(crate) fn text_from_stdin() -> Result<Zeroizing<String>, Card> {
    const LARGEST: u64 = 1 << 20;
    let read = unless_stopped_reading(|| {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(LARGEST).read_to_end(&mut bytes).map(|_| bytes)
    })?;
    text_of(read.map_err(|error| Card::io("cannot read stdin", &error, "pipe a JSON object in"))?, "stdin")
}

/// A JSON object. What is wrong with it is told without its text, which holds secrets.
pub(crate) fn object_in(text: &str) -> Result<Map<String, Value>, Card> {
    serde_json::from_str(text).map_err(|error| {
        Card::usage(
            "there is no JSON object on stdin",
            format!("line {}, column {} is not as expected", error.line(), error.column()),
            r#"example: {"client_id":"…","client_secret":"…"}"#,
        )
    })
}

async fn list(context: &Context) -> Result<(), Card> {
    let apps = match context.keyfob_if_any().await? {
        Some(keyfob) => keyfob.store().apps().await.doing("cannot read the vault")?,
        None => Vec::new(),
    };
    if context.out.json {
        let described: Vec<Value> = apps.iter().map(|(provider, app)| json_of(provider, app, context)).collect();
        return context.out.json(&described);
    }
    if apps.is_empty() {
        context.out.note(match context.sandbox() {
            None => "No apps yet. keyfob app add PROVIDER keeps one; so does a login.",
            Some(_) => "No apps of your own here: logins at the sandbox use its demo apps. keyfob app add PROVIDER keeps one in the demo app's place.",
        });
        return Ok(());
    }
    let mut sheet = Sheet::new(["Provider", "Client ID", "Redirect URI", "Fields", "Secrets"]);
    for (provider, app) in &apps {
        let (open, secrets) = fields(provider, app, context);
        let open: Vec<String> = open.iter().map(|(name, value)| format!("{name}={value}")).collect();
        sheet.row([provider.as_str(), &app.client_id, app.redirect_uri.as_deref().unwrap_or("-"), &open.join(" "), &secrets.join(" ")]);
    }
    sheet.print(&context.out)
}

async fn remove(provider: &str, context: &Context) -> Result<(), Card> {
    let missing =
        || Card::usage(format!("there is no app of {provider} in the vault"), "nothing was forgotten", "keyfob app list shows the apps");
    let forgotten = match context.keyfob_if_any().await? {
        Some(keyfob) => keyfob.store().remove_app(provider).await.doing("cannot forget the app")?,
        None => false,
    };
    if !forgotten {
        // Also without its file an app can be forgotten; the catalogue only knows what was meant.
        context.provider(provider).await?;
        if context.app(provider).await?.is_some() {
            let why = "the demo app is the sandbox's own, and is not kept in the vault";
            return Err(Card::usage(
                format!("there is no app of {provider} to forget"),
                why,
                format!("in its place another: keyfob app add {provider}"),
            ));
        }
        return Err(missing());
    }
    let accounts = context.accounts().await?;
    // At the sandbox its demo app counts again, and what was logged in with that one goes on.
    let demo = context.pretend().await?.and_then(|pretend| pretend.app(provider));
    let is_left = |account: &&Account| account.provider == provider && demo.as_ref().is_none_or(|demo| account.client_id != demo.client_id);
    let left: Vec<&str> = accounts.iter().filter(is_left).map(|account| account.name.as_str()).collect();
    if context.out.json {
        return context.out.json(&json!({"provider": provider, "forgotten": true, "accounts_without_app": left}));
    }
    let paint = context.out.note_paint();
    context.out.note(&format!("{} the app of {} is forgotten here", paint.good("✓"), paint.strong(provider)));
    if demo.is_some() {
        context.out.note(&paint.dim("the sandbox's demo app is used in its place"));
        left.iter().for_each(|name| tell_of_another(name, context));
    } else if !left.is_empty() {
        context.out.note(&format!("{} without it these cannot be used: {}", paint.warn("note:"), left.join(", ")));
    }
    Ok(())
}

/// An app without its secrets, of which only the names are told.
pub(crate) fn json_of(provider: &str, app: &App, context: &Context) -> Value {
    let (open, secrets) = fields(provider, app, context);
    json!({"provider": provider, "client_id": app.client_id, "redirect_uri": app.redirect_uri, "fields": open, "secrets": secrets})
}

/// The provider's own fields that its file does not call secret, and the names of all that is. What no file knows may be anything.
fn fields<'a>(provider: &str, app: &'a App, context: &Context) -> (BTreeMap<&'a str, &'a str>, Vec<&'a str>) {
    let provider = context.catalogue().get(provider).ok();
    let is_open = |name: &str| provider.is_some_and(|provider| provider.client.field(name).is_some_and(|field| !field.secret));
    let (open, closed): (Vec<_>, Vec<_>) = app.fields.iter().partition(|(name, _)| is_open(name));
    let own = app.client_secret.iter().map(|_| "client_secret").chain(app.private_key.iter().map(|_| "private_key"));
    let secrets = own.chain(closed.into_iter().map(|(name, _)| name.as_str())).collect();
    (open.into_iter().map(|(name, value)| (name.as_str(), value.expose())).collect(), secrets)
}
