//! A file of a provider that has ended: the top of a provider file, and no more.

use super::document::{Content, Node};
use super::provider::{no_name, sources, status};
use super::reader::Reader;
use crate::gone::Gone;
use crate::provider::{Provider, Status};

/// What such a file says of itself.
pub(crate) const STATUS: &str = "retired";

/// Whether a file is one of these: it says `retired`, and has nothing that a login needs.
pub(crate) fn is_gone(tree: &Node) -> bool {
    let is_retired = matches!(tree.get("status").map(|node| &node.value), Some(Content::Text(word)) if word.eq_ignore_ascii_case(STATUS));
    is_retired && ["kind", "endpoints", "api", "oauth1", "oauth2"].into_iter().all(|key| tree.get(key).is_none())
}

/// Reads one. `None`, or any complaint, means that there is none.
pub(crate) fn read(reader: &Reader<'_>, tree: &Node, name: &str) -> Option<Gone> {
    let top = reader.table("", tree);
    if let Some(name) = top.text("name")
        && !Provider::is_name(&name.value)
    {
        no_name(reader, &name, "name");
    }
    let (title, about) = (top.required("title"), top.required("about"));
    let homepage = top.web("homepage").map(|text| text.value);
    let (status, sources) = (status(&top), sources(&top));
    top.finish();
    let Status::Retired { on, successor, note } = status? else { return None };
    Some(Gone { name: name.to_owned(), title: title?.value, homepage, about: about?.value, sources, on, successor, note })
}
