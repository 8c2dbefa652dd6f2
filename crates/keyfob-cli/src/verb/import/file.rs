//! `--from FILE`: what another program keeps there, or why nothing is taken.

use keyfob::proto::Origin;
use keyfob::proto::scrub::printable;
use keyfob_providers::{Catalogue, Provider};
use serde_json::{Map, Value};

use super::elsewhere::{self, NotFound, Wanted, protocol};
use super::whom::origins;
use crate::card::Card;
use crate::context::Context;
use crate::perform::quoted;
use crate::request::read_file;
use crate::text::text_of;

/// What another program keeps in a file. Its text is in no error: it holds secrets.
pub(super) fn read(file: &str, profile: Option<&str>, provider: &Provider, context: &Context) -> Result<Map<String, Value>, Card> {
    let shown = printable(file);
    let text = text_of(read_file(file)?, if file == "-" { "stdin" } else { file })?;
    let wanted = Wanted { provider: context.known(&provider.name)?, catalogue: context.catalogue(), profile };
    let found = elsewhere::read(&text, wanted).map_err(|why| unfit(why, &shown, wanted))?;
    let names: Vec<&str> = found.object.keys().map(String::as_str).collect();
    context.out.note(&context.out.note_paint().dim(&format!("{shown}: {}, with {}", found.kind, names.join(", "))));
    Ok(found.object)
}

/// Why a file has nothing to import.
fn unfit(why: NotFound, shown: &str, wanted: Wanted<'_>) -> Card {
    let Wanted { provider, profile, .. } = wanted;
    let what = format!("there are no tokens in {shown}");
    let login = format!("give the file that has them; or log in: keyfob login {}", provider.name);
    match why {
        NotFound::Unknown => Card::usage(
            what,
            "it looks like nothing that is known",
            "keyfob import --help lists what is known; or pipe an object in: --stdin",
        ),
        NotFound::Empty(kind) => {
            Card::usage(what, format!("it is {kind}, and holds neither tokens nor keys for {}", provider.title), login)
        }
        NotFound::CutOff(kind) => Card::usage(what, format!("it begins as {kind}, and is cut off or damaged"), login),
        NotFound::OfAnother(account) => Card::usage(
            format!("the tokens in {shown} are not for {}", provider.title),
            format!("they are of the account {}, says KEYFOB_ACCOUNT", printable(&account)),
            format!("import them there: keyfob import {} --from {}", quoted(&printable(&account)), quoted(shown)),
        ),
        NotFound::UnderAnother(others) => {
            let import: Vec<String> = others.iter().map(|other| format!("keyfob import {other} --from {}", quoted(shown))).collect();
            Card::usage(
                format!("the tokens in {shown} are not for {}", provider.title),
                format!("they stand under {}, another provider's name", printable(&others.join(", "))),
                format!("import them there: {}", import.join(", or ")),
            )
        }
        NotFound::SentElsewhere { kind, urls, protocol } => {
            let option = profile.map(|profile| format!(" --profile {}", quoted(&printable(profile)))).unwrap_or_default();
            let import = |other: &Provider| format!("keyfob import {} --from {}{option}", other.name, quoted(shown));
            let next: Vec<String> = whose(&urls, protocol, wanted.catalogue).map(import).collect();
            let mut urls: Vec<&str> = urls.iter().map(String::as_str).collect();
            urls.dedup();
            Card::usage(
                format!("the tokens in {shown} are not for {}", provider.title),
                format!("it is {kind}, and what it has is sent to {}", printable(&urls.join(", "))),
                if next.is_empty() { login } else { format!("import them there: {}", next.join(", or ")) },
            )
        }
        NotFound::Several(names) if names.is_empty() => {
            Card::usage(format!("{shown} has no login of that name"), "it has one login, and that one has no name", "leave --profile out")
        }
        NotFound::Several(names) => {
            let all = printable(&names.join(", "));
            let why = match profile {
                Some(profile) if names.iter().all(|name| name.split('/').next() == Some(profile)) => {
                    format!("\"{}\" has {}: {all}", printable(profile), names.len())
                }
                Some(profile) => format!("none of them is called \"{}\": {all}", printable(profile)),
                None => format!("there are {}: {all}", names.len()),
            };
            Card::usage(format!("cannot tell which of the logins in {shown} is meant"), why, "name one: --profile NAME")
        }
    }
}

/// Who is there, and takes such tokens.
fn whose<'a>(urls: &[String], of: Option<&'static str>, catalogue: &'a Catalogue) -> impl Iterator<Item = &'a Provider> {
    /// More would be no advice.
    const SHOWN: usize = 3;
    let there: Vec<Origin> = urls.iter().filter_map(|url| Origin::parse(url)).collect();
    let takes = move |provider: &&Provider| of.is_none_or(|of| of == protocol(provider.kind));
    catalogue.iter().filter(takes).filter(move |provider| origins(provider).any(|origin| there.contains(&origin))).take(SHOWN)
}
