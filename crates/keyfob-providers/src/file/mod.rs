//! From a provider file to a [`Provider`].
//!
//! ```text
//! text ── document ──> tree with places ── provider, client, protocol, action ──> Provider
//!                          │                           │
//!                 (a user's file is laid        (reader: every complaint is
//!                  over the embedded one)        collected, none stops the rest;
//!                                                table: what nobody asked for;
//!                                                advice: what to write instead)
//! ```

mod action;
mod advice;
mod client;
mod document;
mod doubts;
mod fields;
mod gone;
mod oauth2;
mod parameter;
mod protocol;
mod provider;
mod reader;
#[cfg(test)]
mod reference;
mod table;

use std::path::Path;

use keyfob_proto::scrub::printable;

use crate::actions::Actions;
use crate::gone::Gone;
use crate::nearest;
use crate::problem::Problem;
use crate::provider::Provider;
pub use advice::url_hint;
#[cfg(test)]
use advice::{BELONGS, EXAMPLES, SECTIONS, SPOKEN, line};
use document::{Content, Files, Node};
pub(crate) use document::{LARGEST, position};
#[cfg(test)]
use oauth2::{OF_AUTHORIZE, OF_TOKEN};
#[cfg(test)]
use parameter::OF_TYPES;

/// Reads a provider file. `base` gives the embedded file of a provider's name: a file without `kind` is laid over it, member by member.
/// `known` are the names that it has, to say which was meant.
pub(crate) fn read<'a>(
    text: &str,
    file_name: &str,
    base: impl Fn(&str) -> Option<(String, String)>,
    has_ended: impl Fn(&str) -> bool,
    known: impl IntoIterator<Item = &'a str>,
) -> Result<Provider, Vec<Problem>> {
    let mut files = Files::default();
    let own = files.read(file_name, text)?;
    let name = name_of(&own, file_name);
    let mut names = vec![file_name.to_owned()];
    if let Some(stray) = changed_with_kind(&files, &own, &name, &base) {
        return Err(vec![stray]);
    }
    if let Some(stray) = over_nothing(&files, &own, &name, &base, has_ended(&name), known) {
        return Err(vec![stray]);
    }
    let tree = match base(&name).filter(|_| own.get("kind").is_none()) {
        Some((base_name, base_text)) => {
            let mut tree = files.read(&base_name, &base_text)?;
            // Both were found out about the embedded file as it was. Nobody has checked what the user made of it.
            for checked in ["independent_client", "verified"] {
                tree.forget(checked);
            }
            files.lay(&own, &tree);
            tree.overlay(own);
            names.insert(0, base_name);
            tree
        }
        None => own,
    };
    assemble(&files, &tree, &name, names)
}

/// Reads a file that is laid over no other.
pub(crate) fn read_alone(text: &str, file_name: &str) -> Result<Provider, Vec<Problem>> {
    read(text, file_name, |_| None, |_| false, [])
}

/// Reads an embedded file as far as its actions, which stand at the end of each and are read when they are asked for.
pub(crate) fn read_embedded(text: &'static str, file_name: &'static str) -> Result<Provider, Vec<Problem>> {
    let Some(end) = text.find("\n[actions.") else { return read_alone(text, file_name) };
    let provider = read_alone(&text[..=end], file_name)?;
    Ok(Provider { actions: Actions::embedded(file_name, text), ..provider })
}

/// Reads the file of a provider that has ended; `None` for any other, and for one that changes a file `that_is_there`.
pub(crate) fn read_gone(text: &str, file_name: &str, that_is_there: impl Fn(&str) -> bool) -> Option<Result<Gone, Vec<Problem>>> {
    // Nearly every file is none, and would be read twice. An escape may spell anything.
    if !text.to_ascii_lowercase().contains(gone::STATUS) && !text.contains('\\') {
        return None;
    }
    let mut files = Files::default();
    let tree = files.read(file_name, text).ok().filter(gone::is_gone)?;
    let name = name_of(&tree, file_name);
    if that_is_there(&name) {
        return None;
    }
    let reader = reader::Reader::new(&files);
    let read = gone::read(&reader, &tree, &name);
    let problems = reader.into_problems();
    Some(match read {
        Some(gone) if problems.is_empty() => Ok(gone),
        _ => Err(problems),
    })
}

/// What is sound in a file and hardly meant: a day that has not come yet, a scope that the file itself does not know.
pub(crate) fn doubts(
    text: &str,
    file_name: &str,
    today: &str,
    is_taken: impl Fn(&str) -> bool,
    base: impl Fn(&str) -> Option<(String, String)>,
    known: &[&str],
) -> Vec<Problem> {
    let mut files = Files::default();
    let Ok(own) = files.read(file_name, text) else { return Vec::new() };
    let name = name_of(&own, file_name);
    let of_its_name = base(&name);
    let is_in_the_place = of_its_name.is_some() && own.get("kind").is_some();
    let below = of_its_name.filter(|_| own.get("kind").is_none());
    let below = below.and_then(|(name, text)| files.read(&name, &text).ok());
    let is_sound = read(text, file_name, &base, |_| false, []).is_ok();
    let reader = reader::Reader::new(&files);
    doubts::look(&reader, &own, below.as_ref(), is_sound, today);
    doubts::successor(&reader, &own, &name, known);
    doubts::parameters(&reader, &own, &is_taken);
    doubts::name(&reader, &own, &name, is_taken(&name), is_in_the_place && is_sound);
    reader.into_problems()
}

/// A file that takes the place of one of ours and has too little for that: it means to change it, and says `kind` besides.
fn changed_with_kind(files: &Files, own: &Node, name: &str, base: impl Fn(&str) -> Option<(String, String)>) -> Option<Problem> {
    let kind = own.get("kind").filter(|_| base(name).is_some())?;
    let has = |key: &&str| own.get(key).is_some();
    if ["title", "about", "status", "sources", "client"].iter().any(has) {
        return None;
    }
    let message =
        format!("a file with kind takes the place of the {name} that comes with Keyfob, as a whole, and this one has little of it");
    let hint = "leave kind away, and the rest stays as it is; or say everything: docs/provider-files.md has every key";
    Some(files.problem(kind.place, message, Some(hint.to_owned())))
}

/// A file that says little enough to change another one, of a name that no file has: every key that it lacks would be told as missing, and the name is
/// what is wrong. Who writes a whole file says where its facts come from.
fn over_nothing<'a>(
    files: &Files,
    own: &Node,
    name: &str,
    base: impl Fn(&str) -> Option<(String, String)>,
    has_ended: bool,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<Problem> {
    let is_empty = matches!(&own.value, Content::Table(members) if members.is_empty());
    let is_whole = ["kind", "sources"].into_iter().any(|key| own.get(key).is_some());
    if is_empty || is_whole || base(name).is_some() {
        return None;
    }
    let place = own.get("name").map_or(own.place, |node| node.place);
    if has_ended {
        let message = format!("the provider {} has ended, and its file has nothing that could be changed", printable(name));
        let hint =
            format!("keyfob provider show {} says since when; a file that stands alone says its kind, and has every key", printable(name));
        return Some(files.problem(place, message, Some(hint)));
    }
    let message = format!("no provider is called \"{}\", and a file without kind changes the one of its name", printable(name));
    let alone = "a file that stands alone says kind = \"oauth1\", \"oauth2\" or \"oidc\"";
    let hint = match nearest::nearest(name, known) {
        Some(near) => format!("did you mean \"{near}\"? Such a file holds only what differs; {alone}"),
        None => format!("{alone}; docs/provider-files.md has every key"),
    };
    Some(files.problem(place, message, Some(hint)))
}

/// Whose file it is, also if it is broken.
pub(crate) fn meant(text: &str, file_name: &str) -> String {
    Files::default().read(file_name, text).map_or_else(|_| stem(file_name), |tree| name_of(&tree, file_name))
}

/// What a file calls its provider, or else the file's own name.
fn name_of(tree: &Node, file_name: &str) -> String {
    match tree.get("name").map(|node| &node.value) {
        Some(Content::Text(name)) => name.clone(),
        _ => stem(file_name),
    }
}

fn stem(file_name: &str) -> String {
    Path::new(file_name).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn assemble(files: &Files, tree: &Node, name: &str, names: Vec<String>) -> Result<Provider, Vec<Problem>> {
    let reader = reader::Reader::new(files);
    let provider = provider::read(&reader, tree, name, names);
    let problems = reader.into_problems();
    match provider {
        Some(provider) if problems.is_empty() => Ok(provider),
        _ => Err(problems),
    }
}

/// Which members of which tables the reader of a file looks at.
#[cfg(test)]
fn asked(text: &str, file_name: &str) -> std::collections::BTreeSet<(String, &'static str)> {
    let mut files = Files::default();
    let tree = files.read(file_name, text).expect("it is TOML");
    let reader = reader::Reader::new(&files);
    let read = provider::read(&reader, &tree, file_name.trim_end_matches(".toml"), Vec::new());
    let asked = reader.asked.borrow().clone();
    let problems = reader.into_problems();
    assert!(read.is_some() && problems.is_empty(), "{file_name}: {problems:?}");
    asked
}
