//! `--from FILE`: what another program keeps there, or why nothing is taken.

use keyfob::proto::scrub::printable;
use keyfob_providers::Provider;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::elsewhere::{self, NotFound, Wanted};
use crate::card::Card;
use crate::context::Context;
use crate::perform::quoted;
use crate::request::read_file;

/// What another program keeps in a file. Its text is in no error: it holds secrets.
pub(super) fn read(file: &str, profile: Option<&str>, provider: &Provider, context: &Context) -> Result<Map<String, Value>, Card> {
    let shown = printable(file);
    let text = Zeroizing::new(String::from_utf8(read_file(file)?).map_err(|_| unfit(NotFound::Unknown, &shown, profile, provider))?);
    let wanted = Wanted { provider: &provider.name, kind: provider.kind, profile };
    let found = elsewhere::read(&text, wanted).map_err(|why| unfit(why, &shown, profile, provider))?;
    let names: Vec<&str> = found.object.keys().map(String::as_str).collect();
    context.out.note(&context.out.note_paint().dim(&format!("{shown}: {}, with {}", found.kind, names.join(", "))));
    Ok(found.object)
}

/// Why a file has nothing to import.
fn unfit(why: NotFound, shown: &str, profile: Option<&str>, provider: &Provider) -> Card {
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
