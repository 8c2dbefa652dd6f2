//! `keyfob provider new`: a file to begin with, for a provider that the catalogue does not have. What an issuer says of itself is asked; the rest is the
//! person's to say (`questions.rs`). Nothing is ever written over, and what is written passes `provider check`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::Arc;

use clap::Args;
use keyfob::proto::Origin;
use keyfob::proto::oauth2::metadata::Order;
use keyfob::{Keyfob, MemoryStore};
use keyfob_providers::Provider;
use serde_json::json;

use crate::account::now;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::moment;
use crate::name::{Name, is_verb};
use crate::verb::provider::questions::{Answers, Flags};

/// What to call it, and whom to ask.
#[derive(Args, Debug)]
pub(crate) struct New {
    /// What will be typed: a-z, 0-9 and -
    name: String,
    /// The provider's issuer: its endpoints are asked for (OpenID Connect Discovery, RFC 8414), and nothing else
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    #[command(flatten)]
    flags: Flags,
}

pub(crate) async fn run(args: New, context: &Context) -> Result<(), Card> {
    let name = &args.name;
    let what = format!("cannot begin a file for {}", keyfob::proto::scrub::printable(name));
    if is_verb(name) {
        let next = format!("choose another one: keyfob provider new my-{name}");
        return Err(Card::usage(what, format!("keyfob {name} is a verb of this program, and no provider is reached by its name"), next));
    }
    let parsed = Name::parse(name).map_err(|card| card.saying(what.as_str()))?;
    if parsed.provider != *name {
        return Err(Card::usage(
            what,
            format!("expected a provider's name: {}", Provider::NAMES),
            "the label of an account is said at its login",
        ));
    }
    if let Ok(provider) = context.catalogue().get(name)
        && let (Some(own), true) = (provider.own_files().next(), provider.is_all_own())
    {
        return Err(Card::usage(
            what,
            "a file of your own describes it already",
            format!("change it: {own}; then: keyfob provider check {own}"),
        ));
    }
    if context.catalogue().get(name).is_ok() {
        return Err(Card::usage(
            what,
            "there is a provider of that name",
            format!("see it: keyfob provider show {name}; a file without kind in {} changes it", context.providers_folder().display()),
        ));
    }
    if let Some(gone) = context.catalogue().gone(name) {
        let paint = context.out.note_paint();
        context.out.note(&format!("{} {gone}; the file will be of another one of that name", paint.warn("note:")));
    }
    let path = context.providers_folder().join(format!("{name}.toml"));
    let text = match &args.issuer {
        Some(issuer) => discovered(name, issuer, &args.flags.beside_an_issuer(&what)?, &what, context).await?,
        None => described(name, &args.flags.completed(name, &what, context).await?),
    };
    let shown = path.display().to_string();
    if let Err(problems) = keyfob_providers::check(&text, &shown) {
        let why = problems.first().map_or_else(String::new, |problem| problem.message.clone());
        let next = problems
            .first()
            .and_then(|problem| problem.hint.clone())
            .unwrap_or_else(|| "say it again otherwise; docs/provider-files.md has every key".to_owned());
        return Err(Card::usage(what, why, next));
    }
    let written = std::fs::create_dir_all(context.providers_folder())
        // Another file of that name may be broken, and so unknown to the catalogue: it is somebody's work all the same.
        .and_then(|()| OpenOptions::new().write(true).create_new(true).open(&path))
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Card::io(what, &error, format!("look at {shown}: nothing is written over")).exiting(Exit::Usage))?;
    if context.out.json {
        return context.out.json(&json!({"name": name, "file": shown}));
    }
    context.out.data(&shown)?;
    context.out.note(&format!("Look through it, then: keyfob provider check {shown}, keyfob login {name}"));
    Ok(())
}

/// A file for an issuer that says of itself where everything is.
async fn discovered(name: &str, issuer: &str, said: &Answers, what: &str, context: &Context) -> Result<String, Card> {
    // Asking is public, and needs no vault.
    let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), context.transport()?);
    let metadata = keyfob.metadata(issuer, Order::OpenIdFirst).await.doing(what)?;
    let origin = Origin::parse(&metadata.issuer).map(|origin| origin.to_string()).unwrap_or_default();
    let or = |flag: &str, usual: String| Some(said.get(flag)).filter(|said| !said.is_empty()).map_or(usual, str::to_owned);
    let mut scopes = said.words("--scope");
    if !scopes.contains(&"openid") {
        scopes.insert(0, "openid");
    }
    Ok(format!(
        "{}kind = \"oidc\"\nstatus = \"live\"\nabout = {about}\nsources = [\n    {{ url = {url}, checked = {today}, confidence = \"verified\", about = \"what the issuer says of itself\" }},\n]\n\n\
         [endpoints]\nissuer = {url}\n\n{}\n[oauth2]\nscopes = {}\n\n\
         # Where the API is, if it is not at the issuer's own host.\n[api]\nbase_url = {base}\n",
        head(name, &or("--title", name.to_owned())),
        // A server without the one has the other, or there is no login.
        client(said, metadata.authorization_endpoint.is_none()),
        json!(scopes),
        about = quoted(&or("--about", format!("What {name} offers."))),
        url = quoted(&metadata.issuer),
        base = quoted(&or("--api", origin)),
        today = today(),
    ))
}

/// A file of what a person says.
fn described(name: &str, said: &Answers) -> String {
    let request_token = match said.is_first() {
        true => format!("request_token = {}\n", quoted(said.get("--request-token"))),
        false => String::new(),
    };
    let page = |key: &str, url: &str| if url.is_empty() { String::new() } else { format!("{key} = {}\n", quoted(url)) };
    let pages = page("authorize", said.get("--authorize")) + &page("device", said.get("--device"));
    let habits = match said.is_first() {
        true => format!("[oauth1]\nsignature = {}\n", quoted(said.get("--signature"))),
        false => format!("[oauth2]\nclient_auth = {}\nscopes = {}\n", quoted(said.get("--client-auth")), json!(said.words("--scope"))),
    };
    format!(
        "{}kind = {}\nstatus = \"live\"\nabout = {}\nsources = [\n    {{ url = {}, checked = {}, confidence = \"assumed\", about = \"endpoints\" }},\n]\n\n\
         [endpoints]\n{request_token}{pages}token = {}\n\n{}\n{habits}\n[api]\nbase_url = {}\n",
        head(name, said.get("--title")),
        quoted(said.get("--kind")),
        quoted(said.get("--about")),
        quoted(said.get("--docs")),
        today(),
        quoted(said.get("--token")),
        client(said, said.get("--authorize").is_empty()),
        quoted(said.get("--api")),
    )
}

/// What an app is, and where one is registered; `device_only`: no browser is sent anywhere.
fn client(said: &Answers, device_only: bool) -> String {
    // An issuer may know apps without a secret and apps with one: which of them this is, nobody has said.
    let secret = match (said.get("--client-auth"), said.is_first()) {
        ("none", _) => String::new(),
        ("", false) => CLIENT_SECRET.replace(", OPTIONAL", ", required = false"),
        _ => CLIENT_SECRET.replace(", OPTIONAL", ""),
    };
    let register = match said.get("--register") {
        "" => String::new(),
        page => format!("register_url = {}\n", quoted(page)),
    };
    let place =
        |name: String| format!("    {{ name = {0}, label = {0}, help = \"what stands there in its addresses\" }},\n", quoted(&name));
    let places: String = said.places().into_iter().map(place).collect();
    format!("[client]\n{register}{CLIENT}{secret}{places}{}", if device_only { DEVICE_ONLY } else { REDIRECT })
}

const CLIENT: &str = "\
register_help = \"\"
fields = [
    { name = \"client_id\", label = \"Client ID\", help = \"on the page of your app\" },
";

const CLIENT_SECRET: &str =
    "    { name = \"client_secret\", label = \"Client secret\", help = \"on the page of your app\", secret = true, OPTIONAL },\n";

const REDIRECT: &str = "\
]

[client.redirect]
suggested = [\"http://127.0.0.1:8912/callback\"]
help = \"It must be one of those on the page of your app, to the letter.\"
# any_port = true, where the provider lets a loopback address have any port (RFC 8252).
";

const DEVICE_ONLY: &str = "\
]

[client.redirect]
device_only = true
help = \"There is no redirect: people enter a code on another device.\"
";

fn today() -> String {
    moment::formatted(now(), "%Y-%m-%d")
}

/// With the line by which editors find the schema, to complete and check what follows.
fn head(name: &str, title: &str) -> String {
    let schema = concat!(env!("CARGO_PKG_REPOSITORY"), "/raw/main/docs/provider.schema.json");
    format!("#:schema {schema}\nname = {}\ntitle = {}\n", quoted(name), quoted(title))
}

/// A TOML string: what JSON escapes, TOML escapes in the same way.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}
