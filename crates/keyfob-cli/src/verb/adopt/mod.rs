//! `keyfob adopt SCRIPT`: finds whose API an old script calls and which keys are written in it, and prints what takes its OAuth part's place. Of the keys, names
//! and lines are shown, never values.

mod calls;
mod clients;
mod command;
mod curl;
mod expression;
mod joined;
mod keys;
mod literals;
mod tokens;
mod values;

use std::collections::BTreeMap;

use clap::Args;
use keyfob::proto::Origin;
use keyfob::proto::scrub::printable;
use keyfob_providers::{Kind, Provider};
use serde_json::json;
use zeroize::Zeroizing;

use self::calls::Script;
use self::command::{Calls, Command};
use self::keys::Keys;
use self::literals::urls;
use crate::card::Card;
use crate::context::Context;
use crate::output::hang;
use crate::perform::quoted;
use crate::request::read_file;
use crate::verb::import::{self, Import};

/// Larger than this is no script.
const LARGEST: usize = 1024 * 1024;

/// So many calls are shown to a person.
const EXAMPLES: usize = 12;

// Which script.
#[derive(Args, Debug)]
pub(crate) struct Adopt {
    /// The script: Python, or anything that writes keys and URLs as text in quotes
    script: String,
    /// Whose API it calls, if its URLs do not say
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Put its keys and tokens into the vault
    #[arg(long)]
    keep: bool,
    /// With --keep: in place of an account, or an app, that is there already
    #[arg(long, requires = "keep")]
    replace: bool,
}

pub(crate) async fn run(args: Adopt, context: &Context) -> Result<(), Card> {
    let shown = printable(&args.script);
    let text = text_of(read_file(&args.script)?, &shown)?;
    let script = calls::read(&text);
    let hint = if text.to_ascii_lowercase().contains("oauth1") { Kind::OAuth1 } else { Kind::OAuth2 };
    let called: Vec<String> = script.calls.iter().map(|call| call.url.to_string()).collect();
    let urls = [urls(&text), called].concat();
    let provider = match &args.provider {
        Some(name) => context.provider(name).await?,
        None => context.provider(&whose(&urls, &script, hint, context).ok_or_else(|| nobody(&shown, &urls))?).await?,
    };
    let keys = Keys::of(&text, &script, &provider);
    // The script calls the real one, also where the sandbox is meant.
    let real = context.catalogue().get(&provider.name).unwrap_or(&provider);
    let Calls { commands: calls, left_out } = command::calls(&script, &text, &urls, real, &keys);
    if args.keep {
        keep(&args, &shown, &provider, &keys, context).await?;
    }
    let kept_tokens = args.keep && keys.has_tokens();
    let commands: Vec<String> = calls.iter().map(|call| context.out.again.command(&call.words().join(" "))).collect();
    let next = context.out.again.command(&next(&args, &provider, &keys));
    if context.out.json {
        if kept_tokens {
            return Ok(());
        }
        let found = &keys.lines;
        return context
            .out
            .json(&json!({"script": args.script, "provider": provider.name, "found": found, "calls": commands, "next": next}));
    }
    context.out.data(&words(&shown, &provider, &keys, (&calls, &commands, left_out), (!kept_tokens).then_some(next.as_str()), context))
}

fn text_of(bytes: Vec<u8>, shown: &str) -> Result<Zeroizing<String>, Card> {
    let what = format!("cannot read {shown}");
    if bytes.len() > LARGEST {
        return Err(Card::usage(
            what,
            "it is larger than 1 MiB, which no script is that somebody wrote",
            "give the file that has its calls",
        ));
    }
    String::from_utf8(bytes).map(Zeroizing::new).map_err(|_| Card::usage(what, "it is no text", "give a script"))
}

/// Tokens are a login, and the app's keys come along. Those alone are kept, too: the login that is left then asks for none.
async fn keep(args: &Adopt, shown: &str, provider: &Provider, keys: &Keys, context: &Context) -> Result<(), Card> {
    if keys.has_tokens() {
        return import::run(Import::of_object(provider.name.clone(), keys.found.clone(), args.replace), context).await;
    }
    if keys.has_app() {
        return import::keep_app(provider, &keys.found, args.replace, context).await;
    }
    let why = match keys.lines.keys().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => "no keys were found in it: it may have them under names that say nothing, or read them from elsewhere".to_owned(),
        ref found => format!("what was found in it is not enough for an app or a login: {}", found.join(", ")),
    };
    Err(Card::usage(
        format!("cannot keep the keys of {shown}"),
        why,
        format!("leave --keep away; and log in: keyfob login {}", provider.name),
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
        let logins = urls.iter().filter(|url| endpoints.iter().any(|(kind, theirs)| *kind != "api" && *url == theirs)).count();
        if count > 0 {
            counts.insert(&provider.name, (count, logins, (provider.kind == Kind::OAuth1) == (hint == Kind::OAuth1)));
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_owned())
}

fn next(args: &Adopt, provider: &Provider, keys: &Keys) -> String {
    if args.keep || !keys.has_tokens() && !keys.has_app() {
        return format!("login {}", provider.name);
    }
    let provider = args.provider.as_ref().map(|provider| format!(" --provider {}", quoted(provider))).unwrap_or_default();
    format!("adopt {} --keep{provider}", quoted(&args.script))
}

fn words(
    shown: &str,
    provider: &Provider,
    keys: &Keys,
    (calls, commands, left_out): (&[Command], &[String], usize),
    next: Option<&str>,
    context: &Context,
) -> String {
    let (paint, width) = (context.out.paint(), context.out.to_person.then(|| context.out.width()));
    let mut text = vec![format!("{} calls the API of {} ({})", shown, paint.strong(&provider.title), provider.name)];
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
    if let Some(next) = next {
        text.extend([String::new(), format!("Once:       {}", paint.accent(next))]);
        if !keys.has_tokens() && keys.has_app() && next.contains(" --keep") {
            text.push(format!("            {}", paint.accent(&context.out.again.command(&format!("login {}", provider.name)))));
        }
    }
    let wants_app = context.sandbox().is_none() && provider.client.fields.iter().any(|field| field.required);
    if next.is_some() && keys.has_tokens() && !keys.has_app() && wants_app {
        let add = context.out.again.command(&format!("app add {}", provider.name));
        text.push(format!("            (no app's keys are in it; where the vault has none either, first {add})"));
    }
    text.extend([String::new(), "In place of its OAuth part, in a shell:".to_owned()]);
    match commands {
        [] => text.push(format!("  {}", context.out.again.command(&format!("get {} PATH", provider.name)))),
        commands => text.extend(commands.iter().take(EXAMPLES).map(|command| format!("  {command}"))),
    }
    if commands.len() > EXAMPLES {
        text.push(format!("  … and {} more: --json shows all", commands.len() - EXAMPLES));
    }
    if left_out > 0 {
        let calls = if left_out == 1 { "1 call is".to_owned() } else { format!("{left_out} calls are") };
        text.push(format!("  ({calls} not shown: a secret, or a sign that is not for copying, is in the path)"));
    }
    text.extend([
        String::new(),
        "or in Python:".to_owned(),
        "  import json, subprocess".to_owned(),
        "  def call(verb, path, *items):".to_owned(),
        format!("      command = [\"keyfob\", verb, \"{}\", path, *items, \"--fail\"]", provider.name),
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
        assert!(text_of(vec![b'('; LARGEST], "x").is_ok());
        assert!(text_of(vec![b'('; LARGEST + 1], "x").is_err());
    }
}
