//! What can be read, and is hardly meant. It takes no provider away from whoever has such a file: `provider check` tells it to whoever writes one.

use keyfob_proto::scrub::printable;
use keyfob_proto::{Origin, Template};

use super::advice::field_known_as;
use super::document::{Content, Node};
use super::parameter::parameter_names;
use super::provider::is_scope;
use super::reader::Reader;
use crate::nearest;
use crate::provider::Field;

/// Looks at a file of one's own, and at the one that it changes, if it changes one. Whether it `is_sound` is told elsewhere; `today` is `yyyy-mm-dd`.
pub(super) fn look(reader: &Reader<'_>, own: &Node, below: Option<&Node>, is_sound: bool, today: &str) {
    for (key, node) in days(own) {
        let Content::Date(day) = &node.value else { continue };
        // Dates of this form are in the order of their letters.
        let day = day.to_string();
        if day.as_str() > today {
            let message = format!("{key} is {day}, which has not come yet: today is {today}");
            reader.problem(
                node.place,
                message,
                Some(if key == "retired.on" { "the day on which it ended" } else { "the day on which you read the page" }.to_owned()),
            );
        }
    }
    if let Some(separator) = own.get("oauth2").and_then(|oauth2| oauth2.get("scope_separator"))
        && matches!(&separator.value, Content::Text(text) if text == "+")
    {
        let hint = "leave it away: a space is written as + there, and a + as %2B".to_owned();
        reader.problem(separator.place, "oauth2.scope_separator is \"+\", which is sent as %2B", Some(hint));
    }
    // What is used nowhere in a file that is broken may be what is to be mended.
    if is_sound {
        unused_parameters(reader, own, below);
        unused_fields(reader, own, below);
        uncounted_rows(reader, own, below);
    }
    strange_origins(reader, own, below);
    let known: Vec<&str> = [Some(own), below].into_iter().flatten().flat_map(scopes).collect();
    // A file may know none; one that knows some is asked about the others.
    if known.is_empty() {
        return;
    }
    let asked = own.get("oauth2").and_then(|oauth2| oauth2.get("scopes")).map(|node| ("oauth2.scopes asks for".to_owned(), node));
    let needed = members(own.get("actions"))
        .filter_map(|(name, action)| action.get("scopes").map(|node| (format!("actions.{name}.scopes needs"), node)));
    for (says, node) in asked.into_iter().chain(needed).flat_map(|(says, list)| list.items().map(move |node| (says.clone(), node))) {
        let Content::Text(scope) = &node.value else { continue };
        // What is no scope's name was told.
        if is_scope(scope) && !known.contains(&scope.as_str()) {
            let more = format!("[scopes] {scope:?} = \"what it allows\"");
            let hint = match nearest::nearest(scope, known.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"? Otherwise: {more}"),
                None => more,
            };
            reader.problem(node.place, format!("{says} \"{scope}\", which [scopes] does not know"), Some(hint));
        }
    }
}

/// That what took the place of one that has ended is nothing that anybody finds.
pub(super) fn successor(reader: &Reader<'_>, own: &Node, own_name: &str, known: &[&str]) {
    let Some(Node { value: Content::Text(name), place }) = own.get("retired").and_then(|retired| retired.get("successor")) else { return };
    if name == own_name {
        let hint = "say what took its place, or leave it away".to_owned();
        reader.problem(*place, "retired.successor is this provider itself", Some(hint));
        return;
    }
    if known.contains(&name.as_str()) || name.starts_with("https://") || name.starts_with("http://") {
        return;
    }
    let hint = match nearest::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"? Otherwise a page: successor = \"https://…\""),
        None => "a provider's name, as keyfob provider list has it, or a page: successor = \"https://…\"".to_owned(),
    };
    reader.problem(*place, format!("retired.successor is \"{}\", and no provider has this name", printable(name)), Some(hint));
}

/// That a file has a name by which nobody reaches it, or takes the place of one that comes with the program.
pub(super) fn name(reader: &Reader<'_>, own: &Node, name: &str, is_taken: bool, is_in_the_place: bool) {
    let place = own.get("name").map_or(own.place, |node| node.place);
    if is_taken {
        let hint = "choose another name: what is typed behind keyfob is that command".to_owned();
        reader.problem(place, format!("the name {name} is a command's"), Some(hint));
    }
    if is_in_the_place {
        let hint = "say only what differs, without kind, and the rest stays; or call it otherwise: name = \"my-…\"".to_owned();
        let place = own.get("name").or(own.get("kind")).map_or(own.place, |node| node.place);
        reader.problem(place, format!("this file takes the place of the {name} that comes with Keyfob, as a whole"), Some(hint));
    }
}

/// Parameters that are called as an option of the program is: what is typed is that option.
pub(super) fn parameters(reader: &Reader<'_>, own: &Node, is_taken: impl Fn(&str) -> bool) {
    for (action, node) in members(own.get("actions")) {
        for parameter in node.get("parameters").into_iter().flat_map(Node::items) {
            let Some(Node { value: Content::Text(name), place }) = parameter.get("name") else { continue };
            if is_taken(&format!("--{name}")) {
                let message = format!("the parameter {name} of actions.{action} is called as the option --{name} of the command is");
                reader.problem(*place, message, Some("call it otherwise: what is typed is that option".to_owned()));
            }
        }
    }
}

/// Fields of the app that nothing in the file names, and that no protocol has.
fn unused_fields(reader: &Reader<'_>, own: &Node, below: Option<&Node>) {
    const SECRETS: [&str; 2] = ["client_secret", "private_key"];
    let is_of_oauth = |name: &str| SECRETS.contains(&name) || Field::OF_EACH_APP.contains(&name);
    let used: Vec<&str> = [Some(own), below].into_iter().flatten().flat_map(words).collect();
    for field in own.get("client").and_then(|client| client.get("fields")).into_iter().flat_map(Node::items) {
        let Some(Node { value: Content::Text(name), place }) = field.get("name") else { continue };
        let place_of = format!("{{{name}}}");
        let is_used = is_of_oauth(name) || used.iter().any(|text| text.contains(&place_of));
        // What is told of a mistyped place is the whole mistake.
        let is_near = || {
            used.iter()
                .filter_map(|text| Template::parse(text).ok())
                .any(|template| template.names().any(|used| nearest::nearest(used, [name.as_str()]).is_some()))
        };
        if !is_used && !is_near() {
            let hint = match field_known_as(name) {
                Some(known) => format!("did you mean \"{known}\"?"),
                None => format!(
                    "put {place_of} where it belongs: an address, api.headers or api.query; or leave the field away, and nobody is asked for it"
                ),
            };
            reader.problem(*place, format!("the field {name} of client.fields is used nowhere"), Some(hint));
        }
    }
}

/// Parameters that are asked for and go nowhere.
fn unused_parameters(reader: &Reader<'_>, own: &Node, below: Option<&Node>) {
    let kept: Vec<&str> = [Some(own), below].into_iter().flatten().filter_map(|file| file.get("keep")).flat_map(words).collect();
    for (action, node) in members(own.get("actions")) {
        let used: Vec<&str> =
            members(Some(node)).filter(|(key, _)| !["parameters", "about"].contains(key)).flat_map(|(_, node)| words(node)).collect();
        // What is told of a mistyped place is the whole mistake: the parameter that it means is not to be left away.
        let parameters = parameter_names(node);
        let is_known = |name: &str| parameters.contains(&name) || kept.contains(&name);
        let places = ["path", "query", "form", "json", "headers"].into_iter().filter_map(|key| node.get(key)).flat_map(words);
        if places.into_iter().any(|text| !Template::parse(text).is_ok_and(|template| template.names().all(is_known))) {
            continue;
        }
        for parameter in node.get("parameters").into_iter().flat_map(Node::items) {
            let Some(Node { value: Content::Text(name), place }) = parameter.get("name") else { continue };
            let place_of = format!("{{{name}}}");
            let is_used = |text: &&str| *text == name || text.contains(&place_of) || text.contains("$args") && text.contains(name.as_str());
            if !used.iter().any(is_used) {
                let hint = format!("put {place_of} where it belongs: path, query, form, json or headers; or leave the parameter away");
                reader.problem(*place, format!("the parameter {name} of actions.{action} is used nowhere"), Some(hint));
            }
        }
    }
}

/// Rows of a list that stand elsewhere than where the items of a page are counted: only the first page would be read.
fn uncounted_rows(reader: &Reader<'_>, own: &Node, below: Option<&Node>) {
    let pages = [Some(own), below].into_iter().flatten().find_map(|file| file.get("api")?.get("pages"));
    let Some(pages) = pages.filter(|pages| pages.get("counts").is_some()) else { return };
    let items = pages.get("items").map_or("", text);
    for (action, node) in members(own.get("actions")) {
        let says = |key| node.get(key).map_or("", text);
        // One that has no pages, or a way of its own.
        if says("view") == "details" || !["", "GET"].contains(&says("method")) || node.get("page").is_some() {
            continue;
        }
        let Some((rows, place)) = node.get("rows").and_then(|rows| Some((list_of(text(rows))?, rows.place))) else { continue };
        if rows != items {
            let counted = if items.is_empty() { "the answer itself".to_owned() } else { format!("items = \"{items}\"") };
            let message = format!("the rows of actions.{action} are in \"{rows}\", and api.pages counts those of {counted}");
            let hint = match rows.as_str() {
                "" => "leave items of api.pages away; or, where this answer has no pages, say view = \"details\"".to_owned(),
                _ => format!("say items = \"{rows}\" in api.pages; or, where this answer has no pages, view = \"details\""),
            };
            reader.problem(place, message, Some(hint));
        }
    }
}

/// The JSON pointer of the list that an expression begins with: `.data.lamps[] | …`. What begins otherwise makes its rows of something else.
fn list_of(rows: &str) -> Option<String> {
    let (path, _) = rows.trim_start().strip_prefix('.')?.split_once("[]")?;
    let is_plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match path {
        "" => Some(String::new()),
        path => path.split('.').all(is_plain).then(|| format!("/{}", path.replace('.', "/"))),
    }
}

fn text(node: &Node) -> &str {
    match &node.value {
        Content::Text(text) => text,
        _ => "",
    }
}

/// Origins that are moved, and that no address of the file has. Where an issuer says its addresses, or an app's field does, nobody can tell.
fn strange_origins(reader: &Reader<'_>, own: &Node, below: Option<&Node>) {
    let files = || [Some(own), below].into_iter().flatten();
    if files().any(|file| matches!(file.get("kind").map(|node| &node.value), Some(Content::Text(kind)) if kind == "oidc")) {
        return;
    }
    const ELSEWHERE: [(&str, &str); 4] = [("api", "base_url"), ("api", "more_origins"), ("oauth2", "renewal"), ("oauth2", "pin")];
    let places = files().flat_map(|file| {
        let elsewhere = ELSEWHERE.into_iter().filter_map(|(table, key)| file.get(table)?.get(key));
        file.get("endpoints").into_iter().chain(elsewhere)
    });
    let mut known = Vec::new();
    for address in places.flat_map(words).filter(|text| text.contains("://") || text.starts_with('{')) {
        let filled = Template::parse(address).map(|template| template.filled(|name| files().find_map(|file| default_of(file, name))));
        let address = filled.as_ref().map_or(address, Template::as_str);
        let host = address.split_once("://").map_or(address, |(_, rest)| rest);
        if host.split('/').next().is_some_and(|host| host.contains('{')) {
            return;
        }
        known.extend(Origin::parse(address));
    }
    let Some(Content::Table(moved)) = own.get("origins").map(|node| &node.value) else { return };
    for (key, _) in moved {
        if let Some(origin) = Origin::parse(&key.name).filter(|origin| !known.contains(origin)) {
            let all: std::collections::BTreeSet<String> = known.iter().map(ToString::to_string).collect();
            let hint = format!("it has these: {}", all.into_iter().collect::<Vec<_>>().join(", "));
            reader.problem(key.place, format!("[origins] moves {origin}, where this provider has no address"), Some(hint));
        }
    }
}

/// What a field is where an app says nothing.
fn default_of(file: &Node, name: &str) -> Option<String> {
    let fields = file.get("client")?.get("fields")?;
    let is_it = |field: &&Node| matches!(field.get("name"), Some(Node { value: Content::Text(own), .. }) if own == name);
    match &fields.items().find(is_it)?.get("default")?.value {
        Content::Text(default) => Some(default.clone()),
        _ => None,
    }
}

/// Every text in it, however deep.
fn words(node: &Node) -> Vec<&str> {
    let texts = all_texts(node).into_iter();
    texts.filter_map(|node| if let Content::Text(text) = &node.value { Some(text.as_str()) } else { None }).collect()
}

/// The same with their places.
pub(super) fn all_texts(node: &Node) -> Vec<&Node> {
    match &node.value {
        Content::Text(_) => vec![node],
        Content::Array(items) => items.iter().flat_map(all_texts).collect(),
        Content::Table(members) => members.iter().flat_map(|(_, node)| all_texts(node)).collect(),
        _ => Vec::new(),
    }
}

/// The days on which something was found out.
fn days(own: &Node) -> Vec<(&'static str, &Node)> {
    let sources = match own.get("sources").map(|node| &node.value) {
        Some(Content::Array(sources)) => sources.as_slice(),
        _ => &[],
    };
    let checked = sources.iter().filter_map(|source| Some(("sources.checked", source.get("checked")?)));
    // The end of a provider that still has its addresses may be announced.
    let ended = own.get("retired").and_then(|retired| retired.get("on")).filter(|_| super::gone::is_gone(own));
    checked.chain(own.get("verified").map(|node| ("verified", node))).chain(ended.map(|node| ("retired.on", node))).collect()
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
