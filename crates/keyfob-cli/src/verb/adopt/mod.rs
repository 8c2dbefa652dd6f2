//! `keyfob adopt SCRIPT`: finds whose API an old script calls and which keys are written in it, and prints what takes its OAuth part's place. Of the keys, names
//! and lines are shown, never values.

mod literals;

use std::collections::BTreeMap;

use clap::Args;
use keyfob::proto::Origin;
use keyfob::proto::scrub::printable;
use keyfob_providers::Provider;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use self::literals::{Assigned, assigned, urls};
use crate::card::Card;
use crate::context::Context;
use crate::output::hang;
use crate::perform::quoted;
use crate::request::read_file;
use crate::verb::import::{self, Import, named};

/// So many calls are shown as examples.
const EXAMPLES: usize = 5;

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
    let text = String::from_utf8(read_file(&args.script)?);
    let text = Zeroizing::new(text.map_err(|_| Card::usage(format!("cannot read {shown}"), "it is no text", "give a script"))?);
    let urls = urls(&text);
    let provider = match &args.provider {
        Some(name) => context.provider(name).await?,
        None => context.provider(&whose(&urls, context).ok_or_else(|| nobody(&shown))?).await?,
    };
    let assigned = assigned(&text);
    let found = named(&assigned.iter().map(|one| (one.name.clone(), Value::from(one.value.as_str()))).collect::<Vec<_>>(), provider.kind);
    let lines = lines(&assigned, &found);
    // The script calls the real one, also where the sandbox is meant.
    let paths = paths(&urls, context.catalogue().get(&provider.name).unwrap_or(&provider));
    let kept = args.keep && has_tokens(&found);
    if kept {
        import::run(Import::of_object(provider.name.clone(), found.clone(), args.replace), context).await?;
    }
    let calls: Vec<String> = paths.iter().map(|path| context.out.again.command(&format!("get {} {path}", provider.name))).collect();
    let next = context.out.again.command(&next(&args, &provider, &found));
    if context.out.json {
        if kept {
            return Ok(());
        }
        return context.out.json(&json!({"script": args.script, "provider": provider.name, "found": lines, "calls": calls, "next": next}));
    }
    context.out.data(&words(&shown, &provider, &lines, &calls, (!kept).then_some(next.as_str()), context))
}

/// The provider that most of the script's URLs belong to.
fn whose(urls: &[String], context: &Context) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let origins: Vec<Origin> = urls.iter().filter_map(|url| Origin::parse(url)).collect();
    for provider in context.catalogue().iter() {
        let theirs: Vec<Origin> = provider.usual_endpoints().iter().filter_map(|(_, url)| Origin::parse(url)).collect();
        let count = origins.iter().filter(|origin| theirs.contains(origin)).count();
        if count > 0 {
            counts.insert(&provider.name, count);
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_owned())
}

/// Which known name stands in which lines.
fn lines(assigned: &[Assigned], found: &Map<String, Value>) -> BTreeMap<String, Vec<usize>> {
    let mut lines: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (ours, value) in found {
        for one in assigned.iter().filter(|one| value.as_str() == Some(one.value.as_str())) {
            lines.entry(ours.clone()).or_default().push(one.line);
        }
    }
    lines
}

/// What it calls of the API, without the OAuth part.
fn paths(urls: &[String], provider: &Provider) -> Vec<String> {
    let endpoints = provider.usual_endpoints();
    let mut paths: Vec<String> = Vec::new();
    for url in urls {
        // Where only logins go nothing is called, also at a path of another app (`/contoso/oauth2/…`).
        let is_api = |theirs: &String| Origin::parse(theirs).is_some_and(|origin| Some(origin) == Origin::parse(url));
        let is_ours = endpoints.iter().any(|(kind, theirs)| *kind == "api" && is_api(theirs));
        let is_oauth = endpoints.iter().any(|(kind, theirs)| *kind != "api" && url.starts_with(theirs.as_str()));
        let rest = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| format!("/{path}"));
        if let Some(path) = rest.filter(|path| is_ours && !is_oauth && path.len() > 1 && is_plain(path) && !paths.contains(path)) {
            paths.push(path);
        }
    }
    paths.truncate(EXAMPLES);
    paths
}

/// Whether it is the same to a person, a shell and Python. The script is somebody else's, and what is shown is there to be copied: `/a;$(b)` would be
/// another command, `");b("` another program, and U+009B speaks to the terminal.
fn is_plain(path: &str) -> bool {
    path.chars().all(|c| c.is_ascii_alphanumeric() || "/_.~%-".contains(c))
}

fn has_tokens(found: &Map<String, Value>) -> bool {
    found.contains_key("access_token")
        || found.contains_key("refresh_token")
        || found.contains_key("token") && found.contains_key("token_secret")
}

fn next(args: &Adopt, provider: &Provider, found: &Map<String, Value>) -> String {
    match has_tokens(found) {
        true if !args.keep => {
            let provider = args.provider.as_ref().map(|provider| format!(" --provider {}", quoted(provider))).unwrap_or_default();
            format!("adopt {} --keep{provider}", quoted(&args.script))
        }
        _ => format!("login {}", provider.name),
    }
}

fn words(
    shown: &str,
    provider: &Provider,
    lines: &BTreeMap<String, Vec<usize>>,
    calls: &[String],
    next: Option<&str>,
    context: &Context,
) -> String {
    let (paint, width) = (context.out.paint(), context.out.to_person.then(|| context.out.width()));
    let mut text = vec![format!("{} calls the API of {} ({})", shown, paint.strong(&provider.title), provider.name)];
    if lines.is_empty() {
        text.push("No keys are written in it.".to_owned());
    } else {
        text.push(String::new());
        text.push(hang(
            "Written in it, where everybody who reads it can see them; take them out, and if it was ever shared, have new ones made:",
            0,
            width,
        ));
        for (name, places) in lines {
            let places: Vec<String> = places.iter().map(usize::to_string).collect();
            text.push(format!("  {name:<14} line {}", places.join(", ")));
        }
    }
    if let Some(next) = next {
        text.extend([String::new(), format!("Once:       {}", paint.accent(next))]);
    }
    let first = calls.first().cloned().unwrap_or_else(|| context.out.again.command(&format!("get {} PATH", provider.name)));
    let path = first.rsplit(' ').next().unwrap_or("PATH");
    text.extend([String::new(), "In place of its OAuth part, in a shell:".to_owned()]);
    text.extend(if calls.is_empty() { vec![format!("  {first}")] } else { calls.iter().map(|call| format!("  {call}")).collect() });
    text.extend([
        String::new(),
        "or in Python:".to_owned(),
        "  import json, subprocess".to_owned(),
        "  def get(path):".to_owned(),
        format!("      return json.loads(subprocess.check_output([\"keyfob\", \"get\", \"{}\", path, \"--fail\"]))", provider.name),
        format!("  answer = get(\"{path}\")"),
    ]);
    text.join("\n")
}

fn nobody(shown: &str) -> Card {
    Card::usage(
        format!("cannot tell whose API {shown} calls"),
        "no URL in it belongs to a provider that is known",
        "name it: --provider PROVIDER (keyfob provider list shows them)",
    )
}
