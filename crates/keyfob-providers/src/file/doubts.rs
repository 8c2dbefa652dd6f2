//! What can be read, and is hardly meant. It takes no provider away from whoever has such a file: `provider check` tells it to whoever writes one.

use super::document::{Content, Node};
use super::reader::Reader;
use crate::nearest;

/// Looks at a file of one's own, and at the one that it changes, if it changes one; `today` is `yyyy-mm-dd`.
pub(super) fn look(reader: &Reader<'_>, own: &Node, below: Option<&Node>, today: &str) {
    for (key, node) in days(own) {
        let Content::Date(day) = &node.value else { continue };
        // Dates of this form are in the order of their letters.
        let day = day.to_string();
        if day.as_str() > today {
            let message = format!("{key} is {day}, which has not come yet: today is {today}");
            reader.problem(node.place, message, Some("the day on which you read the page".to_owned()));
        }
    }
    let known: Vec<&str> = [Some(own), below].into_iter().flatten().flat_map(scopes).collect();
    // A file may know none; one that knows some is asked about the others.
    if known.is_empty() {
        return;
    }
    let asked = own.get("oauth2").and_then(|oauth2| oauth2.get("scopes")).map(|node| ("oauth2.scopes asks for".to_owned(), node));
    let needed = members(own.get("actions"))
        .filter_map(|(name, action)| action.get("scopes").map(|node| (format!("actions.{name}.scopes needs"), node)));
    for (says, node) in asked.into_iter().chain(needed).flat_map(|(says, list)| texts(list).map(move |node| (says.clone(), node))) {
        let Content::Text(scope) = &node.value else { continue };
        if !known.contains(&scope.as_str()) {
            let more = format!("[scopes] {scope:?} = \"what it allows\"");
            let hint = match nearest::nearest(scope, known.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"? Otherwise: {more}"),
                None => more,
            };
            reader.problem(node.place, format!("{says} \"{scope}\", which [scopes] does not know"), Some(hint));
        }
    }
}

/// The days on which something was found out.
fn days(own: &Node) -> Vec<(&'static str, &Node)> {
    let sources = match own.get("sources").map(|node| &node.value) {
        Some(Content::Array(sources)) => sources.as_slice(),
        _ => &[],
    };
    let checked = sources.iter().filter_map(|source| Some(("sources.checked", source.get("checked")?)));
    checked.chain(own.get("verified").map(|node| ("verified", node))).collect()
}

fn scopes(file: &Node) -> impl Iterator<Item = &str> {
    members(file.get("scopes")).map(|(name, _)| name)
}

/// The members of a table, where it is one.
fn members(node: Option<&Node>) -> impl Iterator<Item = (&str, &Node)> {
    let members = match node.map(|node| &node.value) {
        Some(Content::Table(members)) => members.as_slice(),
        _ => &[],
    };
    members.iter().map(|(key, node)| (key.name.as_str(), node))
}

/// The items of a list, where it is one.
fn texts(node: &Node) -> impl Iterator<Item = &Node> {
    match &node.value {
        Content::Array(items) => items.iter(),
        _ => [].iter(),
    }
}
