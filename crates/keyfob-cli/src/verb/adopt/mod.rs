//! `keyfob adopt SCRIPT`: finds whose API an old script calls and which keys are written in it, and prints what takes its OAuth part's place. Of the keys, names
//! and lines are shown, never values.

mod calls;
mod clients;
mod command;
mod curl;
mod expression;
mod joined;
mod keys;
mod libcurl;
mod literals;
mod scan;
mod shell;
mod tokens;
mod values;
mod whom;

use std::collections::{BTreeMap, HashSet};

use clap::Args;
use keyfob::proto::Origin;
use keyfob::proto::scrub::printable;
use keyfob_providers::{Kind, Provider};
use serde_json::json;
use zeroize::Zeroizing;

use self::calls::Script;
use self::command::{Calls, Command, Whose};
use self::keys::Keys;
use self::literals::urls;
use crate::card::Card;
use crate::context::Context;
use crate::name::Name;
use crate::output::hang;
use crate::perform::quoted;
use crate::request::read_file;
use crate::text::text_of;
use crate::verb::import::{self, Import};

/// Larger than this is no script.
const LARGEST: usize = 1024 * 1024;

/// So many calls are shown to a person.
const EXAMPLES: usize = 12;

// Which script.
#[derive(Args, Debug)]
pub(crate) struct Adopt {
    /// The script: Python, a shell's, or anything that writes keys and URLs as text in quotes
    script: String,
    /// Whose API it calls, if its URLs do not say
    #[arg(long, value_name = "PROVIDER", add = clap_complete::engine::ArgValueCandidates::new(crate::complete::providers))]
    provider: Option<String>,
    /// What the account is called, or is to be: PROVIDER/LABEL, where there are several
    #[arg(long, value_name = "NAME", conflicts_with = "provider", add = clap_complete::engine::ArgValueCandidates::new(crate::complete::providers))]
    account: Option<String>,
    /// Put its keys and tokens into the vault
    #[arg(long)]
    keep: bool,
    /// With --keep: in place of an account, or an app, that is there already
    #[arg(long, requires = "keep")]
    replace: bool,
}

pub(crate) async fn run(args: Adopt, context: &Context) -> Result<(), Card> {
    let shown = printable(&args.script);
    let text = script_of(read_file(&args.script)?, &args.script)?;
    let script = scan::read(&text);
    let hint = if text.to_ascii_lowercase().contains("oauth1") { Kind::OAuth1 } else { Kind::OAuth2 };
    let called: Vec<String> = script.calls.iter().map(|call| call.url.to_string()).collect();
    let urls = [urls(&text, script.texts.iter().map(|(text, _)| text.as_str())), called].concat();
    let account = args.account.as_deref().map(Name::parse).transpose()?;
    // The script calls the real one, also where the sandbox is meant.
    let provider = match account.as_ref().map(|account| &account.provider).or(args.provider.as_ref()) {
        Some(name) => context.known(name)?,
        None => context.known(&whose(&urls, &script, hint, context).ok_or_else(|| nobody(&shown, &urls))?)?,
    };
    let account = account.map_or_else(|| provider.name.clone(), |account| account.to_string());
    let others = others(&urls, provider, hint, context);
    let keys = Keys::of(&script, provider, &others);
    let Calls { commands: calls, left_out } = command::calls(&script, &urls, &Whose::of(provider, &account), &keys);
    let lacks_app = lacks_app(&keys, provider, context).await;
    let found = Found { provider, account, others, keys, lacks_app, calls, left_out };
    let need_login = if args.keep { keep(&args, &shown, &found, context).await? } else { Vec::new() };
    let kept_tokens = args.keep && found.keys.has_tokens();
    let commands: Vec<String> = found.calls.iter().map(|call| context.out.again.command(&call.words().join(" "))).collect();
    let next: Vec<String> = next(&args, &found).iter().map(|next| context.out.again.command(next)).collect();
    if context.out.json {
        if kept_tokens {
            return Ok(());
        }
        let others: Vec<&str> = found.others.iter().map(|other| other.name.as_str()).collect();
        return context.out.json(&json!({
            "script": args.script, "provider": provider.name, "others": others, "found": found.keys.lines, "calls": commands,
            "left_out": left_out, "need_login": need_login, "next": next[0],
        }));
    }
    context.out.data(&words(&args, &found, &commands, if kept_tokens { &[] } else { &next }, context))
}

/// What was found in it.
struct Found<'a> {
    provider: &'a Provider,
    /// What the account is called, or is to be.
    account: String,
    /// Whose APIs it calls besides.
    others: Vec<&'a Provider>,
    keys: Keys,
    /// Whether neither the script nor the vault has all that its app needs.
    lacks_app: bool,
    calls: Vec<Command>,
    /// How many calls are not shown.
    left_out: usize,
}

fn script_of(bytes: Vec<u8>, file: &str) -> Result<Zeroizing<String>, Card> {
    if bytes.len() > LARGEST {
        return Err(Card::usage(
            format!("cannot read {}", printable(file)),
            "it is larger than 1 MiB, which no script is that somebody wrote",
            "give the file that has its calls",
        ));
    }
    text_of(bytes, if file == "-" { "stdin" } else { file })
}

/// Tokens are a login, and the app's keys come along. Those alone are kept, too: the login that is left then asks for none. Gives the accounts that need one
/// because of an app.
async fn keep(args: &Adopt, shown: &str, found: &Found<'_>, context: &Context) -> Result<Vec<String>, Card> {
    let keys = &found.keys;
    if keys.has_tokens() {
        import::run(Import::of_object(found.account.clone(), keys.found.clone(), args.replace), context).await?;
        return Ok(Vec::new());
    }
    if keys.has_app() {
        return import::keep_app(&context.provider(&found.provider.name).await?, &keys.found, args.replace, context).await;
    }
    let why = match keys.found.keys().map(String::as_str).collect::<Vec<_>>()[..] {
        [] if keys.lines.is_empty() => {
            "no keys were found in it: it may have them under names that say nothing, or read them from elsewhere".to_owned()
        }
        [] => format!("no keys were found in it that are for {}", found.provider.title),
        ref found => format!("what was found in it is not enough for an app or a login: {}", found.join(", ")),
    };
    Err(Card::usage(
        format!("cannot keep the keys of {shown}"),
        why,
        format!("leave --keep away; and log in: keyfob login {}", found.account),
    ))
}

/// The provider that most of the script's URLs belong to; without any, that of a host that stands in it alone.
fn whose(urls: &[String], script: &Script, hint: Kind, context: &Context) -> Option<String> {
    let hosts = script.texts.iter().filter(|(text, _)| text.contains('.') && !text.contains([' ', '/', ':', '@']));
    let hosts: Vec<String> = hosts.map(|(host, _)| format!("https://{}", host.as_str())).collect();
    [urls, &hosts].into_iter().find_map(|urls| most(urls, hint, context))
}

/// Where several are at one address, the one whose logins are there, and then the one that speaks the protocol which the script seems to.
fn most(urls: &[String], hint: Kind, context: &Context) -> Option<String> {
    let mut counts: BTreeMap<&str, (usize, usize, bool)> = BTreeMap::new();
    let origins: Vec<Origin> = urls.iter().filter_map(|url| Origin::parse(url)).collect();
    for provider in context.catalogue().iter() {
        let endpoints = provider.usual_endpoints();
        let theirs: Vec<Origin> = endpoints.iter().filter_map(|(_, url)| Origin::parse(url)).collect();
        let count = origins.iter().filter(|origin| theirs.contains(origin)).count();
        let logins = urls
            .iter()
            .filter(|url| endpoints.iter().any(|(kind, theirs)| *kind != "api" && url.split('?').next() == Some(theirs.as_str())))
            .count();
        if count > 0 {
            counts.insert(&provider.name, (count, logins, (provider.kind == Kind::OAuth1) == (hint == Kind::OAuth1)));
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_owned())
}

/// Who else is called: those at addresses where the first is not.
fn others<'a>(urls: &[String], first: &'a Provider, hint: Kind, context: &'a Context) -> Vec<&'a Provider> {
    let origins =
        |provider: &Provider| -> Vec<Origin> { provider.usual_endpoints().iter().filter_map(|(_, url)| Origin::parse(url)).collect() };
    let known: HashSet<Origin> = context.catalogue().iter().flat_map(origins).collect();
    let mut rest: BTreeMap<Origin, String> =
        urls.iter().filter_map(|url| Some((Origin::parse(url)?, url.clone()))).filter(|(origin, _)| known.contains(origin)).collect();
    let (mut last, mut others) = (first, Vec::new());
    loop {
        origins(last).iter().for_each(|origin| drop(rest.remove(origin)));
        let next = most(&rest.values().cloned().collect::<Vec<_>>(), hint, context);
        let Some(next) = next.and_then(|name| context.catalogue().get(&name).ok()) else { return others };
        others.push(next);
        last = next;
    }
}

/// The sandbox has apps of its own. A vault that does not open says so itself where it is needed.
async fn lacks_app(keys: &Keys, provider: &Provider, context: &Context) -> bool {
    let is_needed = context.sandbox().is_none() && !keys.has_whole_app(provider);
    is_needed && !matches!(context.app(&provider.name).await, Ok(Some(_)))
}

/// What is to be done once, in this order.
fn next(args: &Adopt, found: &Found<'_>) -> Vec<String> {
    let (keys, login) = (&found.keys, format!("login {}", found.account));
    if args.keep || !keys.has_tokens() && !keys.has_app() {
        return vec![login];
    }
    let named = |option: &str, name: &Option<String>| name.as_ref().map(|name| format!(" {option} {}", quoted(name))).unwrap_or_default();
    let keep = format!("adopt {} --keep{}{}", quoted(&args.script), named("--provider", &args.provider), named("--account", &args.account));
    let add = format!("app add {}", found.provider.name);
    match (keys.has_tokens(), found.lacks_app) {
        (true, false) => vec![keep],
        (true, true) => vec![add, keep],
        (false, false) => vec![keep, login],
        (false, true) => vec![add, login],
    }
}

fn words(args: &Adopt, found: &Found<'_>, commands: &[String], next: &[String], context: &Context) -> String {
    let Found { provider, account, others, keys, calls, left_out, lacks_app } = found;
    let (paint, width) = (context.out.paint(), context.out.to_person.then(|| context.out.width()));
    let mut text = vec![format!("{} calls the API of {} ({})", printable(&args.script), paint.strong(&provider.title), provider.name)];
    for other in others {
        let command = context.out.again.command(&format!("adopt {} --provider {}", quoted(&args.script), other.name));
        text.push(hang(&format!("and that of {} ({}): {}", paint.strong(&other.title), other.name, paint.accent(&command)), 0, width));
    }
    if keys.lines.is_empty() {
        text.push("No keys were found in it; it may have some under names that say nothing, or read them from elsewhere.".to_owned());
    } else {
        text.push(String::new());
        text.push(hang(
            "Written in it, where everybody who reads it can see them; take them out, and if it was ever shared, have new ones made:",
            0,
            width,
        ));
        for (name, places) in &keys.lines {
            let places: Vec<String> = places.iter().map(usize::to_string).collect();
            text.push(format!("  {name:<14} line {}", places.join(", ")));
        }
    }
    for (at, next) in next.iter().enumerate() {
        let once = if at == 0 { "\nOnce:       " } else { "            " };
        text.push(format!("{once}{}", paint.accent(next)));
    }
    if *lacks_app && next.len() > 1 {
        text.push("            (what its app needs is neither in it nor in the vault)".to_owned());
    }
    text.extend([String::new(), "In place of its OAuth part, in a shell:".to_owned()]);
    match commands {
        [] => text.push(format!("  {}", context.out.again.command(&format!("get {account} PATH")))),
        commands => text.extend(commands.iter().take(EXAMPLES).map(|command| format!("  {command}"))),
    }
    if commands.len() > EXAMPLES {
        text.push(format!("  … and {} more: --json shows all", commands.len() - EXAMPLES));
    }
    if *left_out > 0 {
        let calls = if *left_out == 1 { "1 call is".to_owned() } else { format!("{left_out} calls are") };
        text.push(format!("  ({calls} not shown: a secret, or a sign that is not for copying, is in the path)"));
    }
    text.extend([
        String::new(),
        "or in Python:".to_owned(),
        "  import json, subprocess".to_owned(),
        "  def call(verb, path, *items):".to_owned(),
        format!("      command = [\"keyfob\", verb, \"{account}\", path, *items, \"--fail\"]"),
        "      return json.loads(subprocess.check_output(command) or \"null\")".to_owned(),
        format!("  answer = call({})", calls.iter().find_map(Command::python).unwrap_or_else(|| "\"get\", \"PATH\"".to_owned())),
    ]);
    text.join("\n")
}

fn nobody(shown: &str, urls: &[String]) -> Card {
    let mut origins: Vec<String> = urls.iter().filter_map(|url| Origin::parse(url)).map(|origin| origin.to_string()).collect();
    origins.sort();
    origins.dedup();
    let why = match &origins[..] {
        [] => "no URL in it could be read: it may put them together when it runs, or read them from elsewhere".to_owned(),
        _ => format!("no provider that is known is at {}", printable(&origins.join(", "))),
    };
    let what = format!("cannot tell whose API {shown} calls");
    Card::usage(what, why, "name it: --provider PROVIDER (keyfob provider list shows them)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_a_script_is_not_read() {
        assert!(script_of(vec![b'('; LARGEST], "x").is_ok());
        assert!(script_of(vec![b'('; LARGEST + 1], "x").is_err());
    }
}
