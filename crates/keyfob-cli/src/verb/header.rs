//! `keyfob header METHOD URL`: the headers that make a call the account's, for a program that sends it itself.

use clap::Args;
use http::{HeaderValue, Method};
use keyfob::proto::{Flow, oauth1};
use keyfob_providers::Provider;
use serde_json::json;

use crate::between::Ready;
use crate::card::Card;
use crate::context::{Context, Opened};
use crate::moment;
use crate::request::{Content, method};

// The call, as it is going to be sent.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Header {
    /// The method: GET, POST, …
    #[arg(value_parser = method)]
    method: Method,
    /// The whole URL, with its query; or with --account a path
    url: String,
    #[command(flatten)]
    content: Content,
    /// The account; otherwise the one that belongs to the URL
    #[arg(long, value_name = "NAME", add = clap_complete::engine::ArgValueCandidates::new(crate::complete::accounts))]
    account: Option<String>,
}

const EXAMPLES: &str = "\
An OAuth 1 signature is good for one request, and for exactly this method, URL and form.

Examples (through a pipe: on a command line, everybody on this machine could read it):
  keyfob header GET https://api.netatmo.com/api/homesdata | curl -H @- https://api.netatmo.com/api/homesdata
  keyfob header POST https://pa-api.telldus.com/json/device/turnOn id=1 | curl -H @- -d id=1 https://pa-api.telldus.com/json/device/turnOn";

pub(crate) async fn run(args: Header, context: &Context) -> Result<(), Card> {
    let carried = args.content.read(&args.method)?.whole()?;
    let account = context.account_for(&args.url, args.account.as_deref()).await?;
    let opened = context.open_account(&account.name).await?;
    check_placement(&opened)?;
    // What was said as items, whoever sends the call has already.
    let own = carried.clone();
    let ready = Ready::prepare(&opened, context, |session| carried.call(session, args.method, &args.url)).await?;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let added: Vec<(&str, String)> = ready.added(|name| own.has_header(name)).map(|(name, value)| (name.as_str(), text(value))).collect();
    if context.out.json {
        let expires_at = ready.session.account().tokens.expires_at().map(moment::utc);
        return context.out.json(&json!({
            "account": opened.account.name,
            "method": ready.parts.method.as_str(),
            "url": ready.parts.uri.to_string(),
            "headers": added,
            "expires_at": expires_at,
        }));
    }
    let lines: Vec<String> = added.iter().map(|(name, value)| format!("{}: {value}", titled(name))).collect();
    context.out.exact(&lines.join("\n"))
}

/// Where the credentials are no header, no header can bring them.
pub(crate) fn check_placement(opened: &Opened) -> Result<(), Card> {
    let place = match &opened.settings.flow {
        Flow::OAuth1(flow) if flow.placement != oauth1::Placement::Header => "the query or the form",
        _ => match &opened.settings.api.attach {
            keyfob::proto::Attach::Query(_) => "the query",
            keyfob::proto::Attach::Body(_) => "the form",
            _ => return Ok(()),
        },
    };
    Err(elsewhere(&opened.provider, &opened.account.name, place))
}

fn elsewhere(provider: &Provider, account: &str, place: &str) -> Card {
    Card::usage(
        format!("a call of {account} needs more than headers"),
        format!("{} takes credentials in {place}", provider.title),
        format!("make the call with keyfob: keyfob get {account} PATH"),
    )
}

/// `authorization` as it is usually written. Names have no case; people read them.
pub(crate) fn titled(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    if name == "dpop" {
        return "DPoP".to_owned();
    }
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}
