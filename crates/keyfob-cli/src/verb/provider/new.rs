//! `keyfob provider new`: a file to begin with, for a provider that the catalogue does not have. What an issuer says of itself is asked; the rest is the
//! person's to say. Nothing is ever written over, and what is written passes `provider check`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::Arc;

use clap::Args;
use keyfob::proto::Origin;
use keyfob::proto::oauth2::metadata::Order;
use keyfob::{Keyfob, MemoryStore};
use serde_json::json;

use crate::account::now;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::{moment, prompt};

/// What to call it, and whom to ask.
#[derive(Args, Debug)]
pub(crate) struct New {
    /// What will be typed: a-z, 0-9 and -
    name: String,
    /// The provider's issuer: its endpoints are asked for (OpenID Connect Discovery, RFC 8414), and nothing else
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
}

pub(crate) async fn run(args: New, context: &Context) -> Result<(), Card> {
    let name = &args.name;
    let what = format!("cannot begin a file for {}", keyfob::proto::scrub::printable(name));
    if context.catalogue().get(name).is_ok() {
        return Err(Card::usage(
            what,
            "there is a provider of that name",
            format!("see it: keyfob provider show {name}; a file without kind in {} changes it", context.providers_folder().display()),
        ));
    }
    let path = context.providers_folder().join(format!("{name}.toml"));
    let text = match &args.issuer {
        Some(issuer) => discovered(name, issuer, &what, context).await?,
        None if prompt::is_possible() => asked(name).await?,
        None => {
            return Err(Card::usage(
                what,
                "there is nobody to ask: this is no terminal",
                format!("name its issuer: keyfob provider new {name} --issuer URL"),
            ));
        }
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
    context.out.note(&format!("Add what it is and how an app is registered, then: keyfob provider check {shown}, keyfob login {name}"));
    Ok(())
}

/// A file for an issuer that says of itself where everything is.
async fn discovered(name: &str, issuer: &str, what: &str, context: &Context) -> Result<String, Card> {
    // Asking is public, and needs no vault.
    let keyfob = Keyfob::new(Arc::new(MemoryStore::new()), context.transport()?);
    let metadata = keyfob.metadata(issuer, Order::OpenIdFirst).await.doing(what)?;
    let origin = Origin::parse(&metadata.issuer).map(|origin| origin.to_string()).unwrap_or_default();
    Ok(format!(
        "{}kind = \"oidc\"\nstatus = \"live\"\nabout = {about}\nsources = [\n    {{ url = {url}, checked = {today}, confidence = \"verified\", about = \"what the issuer says of itself\" }},\n]\n\n\
         [endpoints]\nissuer = {url}\n\n{CLIENT}\n[oauth2]\nscopes = [\"openid\"]\n\n\
         # Where the API is, if it is not at the issuer's own host.\n[api]\nbase_url = {base}\n",
        head(name, name),
        about = quoted(&format!("What {name} offers.")),
        url = quoted(&metadata.issuer),
        base = quoted(&origin),
        today = moment::formatted(now(), "%Y-%m-%d"),
    ))
}

/// A file of what a person says.
async fn asked(name: &str) -> Result<String, Card> {
    let title = prompt::line(format!("Its name as people write it [{name}]: ")).await?;
    let title = if title.is_empty() { name.to_owned() } else { title };
    let about = prompt::line("What it is, in a sentence: ".to_owned()).await?;
    let docs = prompt::line("The page of its documentation: ".to_owned()).await?;
    let is_first = prompt::line("OAuth 2 or OAuth 1? [2] ".to_owned()).await? == "1";
    let request_token = if is_first { Some(prompt::line("Request token URL: ".to_owned()).await?) } else { None };
    let authorize = prompt::line("Authorize URL: ".to_owned()).await?;
    let token = prompt::line(if is_first { "Access token URL: " } else { "Token URL: " }.to_owned()).await?;
    let base = prompt::line("Where its API is: ".to_owned()).await?;
    let (kind, request_token, habits) = match request_token {
        Some(url) => ("oauth1", format!("request_token = {}\n", quoted(&url)), "[oauth1]\nsignature = \"HMAC-SHA1\"\n"),
        None => (
            "oauth2",
            String::new(),
            "# How the app says who it is: \"post\" where the server wants id and secret in the body.\n[oauth2]\nclient_auth = \"basic\"\nscopes = []\n",
        ),
    };
    Ok(format!(
        "{}kind = \"{kind}\"\nstatus = \"live\"\nabout = {}\nsources = [\n    {{ url = {}, checked = {}, confidence = \"assumed\", about = \"endpoints\" }},\n]\n\n\
         [endpoints]\n{request_token}authorize = {}\ntoken = {}\n\n{CLIENT}\n{habits}\n[api]\nbase_url = {}\n",
        head(name, &title),
        quoted(&about),
        quoted(&docs),
        moment::formatted(now(), "%Y-%m-%d"),
        quoted(&authorize),
        quoted(&token),
        quoted(&base),
    ))
}

const CLIENT: &str = "\
[client]
register_help = \"\"
fields = [
    { name = \"client_id\", label = \"Client ID\", help = \"on the page of your app\" },
    { name = \"client_secret\", label = \"Client secret\", help = \"on the page of your app\", secret = true, required = false },
]

[client.redirect]
suggested = [\"http://127.0.0.1/callback\"]
any_port = true
";

/// With the line by which editors find the schema, to complete and check what follows.
fn head(name: &str, title: &str) -> String {
    let schema = concat!(env!("CARGO_PKG_REPOSITORY"), "/raw/main/docs/provider.schema.json");
    format!("#:schema {schema}\nname = {}\ntitle = {}\n", quoted(name), quoted(title))
}

/// A TOML string: what JSON escapes, TOML escapes in the same way.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}
