//! The app's fields, held against the rest of the file: what needs one that is not there, and where none may stand.

use super::document::{Content, Node};
use super::doubts::all_texts;
use super::reader::Reader;
use crate::provider::ClientHelp;
use crate::spec::is_part_of_url;

/// What is signed with the app's own key needs one.
pub(super) fn own_key(reader: &Reader<'_>, tree: &Node, client: &ClientHelp) {
    if client.fields.is_empty() || client.field("private_key").is_some() {
        return;
    }
    let word = |table: &str, key: &str| match tree.get(table)?.get(key)? {
        Node { value: Content::Text(word), place } => Some((format!("{table}.{key}"), word.as_str(), *place)),
        _ => None,
    };
    let rsa = word("oauth1", "signature").filter(|(_, word, _)| ["RSA-SHA1", "RSA-SHA256", "RSA-SHA512"].contains(word));
    let signed = word("oauth2", "client_auth").filter(|(_, word, _)| *word == "signed-secret");
    for (key, word, place) in rsa.into_iter().chain(signed) {
        let message = format!("{key} is \"{word}\", which signs with the app's own key, and client.fields has no field private_key");
        let hint = "add a field to client.fields: { name = \"private_key\", label = \"…\", secret = true }".to_owned();
        reader.problem(place, message, Some(hint));
    }
}

/// Where an address leads is told to name servers and to whoever listens on the way: no secret is a part of that.
pub(super) fn no_secret_in_a_host(reader: &Reader<'_>, tree: &Node, client: &ClientHelp) {
    let addresses = addresses(tree);
    for field in client.fields.iter().filter(|field| field.secret) {
        let place_of = format!("{{{}}}", field.name);
        let is_there = |text: &&&Node| {
            let Content::Text(address) = &text.value else { return false };
            let host = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
            host.split(['/', '?', '#']).next().unwrap_or_default().contains(&place_of)
        };
        // Once, however many addresses have it: it is one mistake, there or at the field.
        if let Some(text) = addresses.iter().find(is_there) {
            let hint = "name servers, and whoever listens on the way, see a host's name; a field that is no secret has no secret = true"
                .to_owned();
            reader.problem(text.place, format!("the secret {} in a host name", field.name), Some(hint));
        }
    }
}

/// Where an address has a place, something has to fill it.
pub(super) fn addresses_are_filled(reader: &Reader<'_>, tree: &Node, client: &ClientHelp) {
    let addresses = addresses(tree);
    let fields = tree.get("client").and_then(|client| client.get("fields"));
    for node in fields.into_iter().flat_map(Node::items) {
        let Some(Node { value: Content::Text(name), .. }) = node.get("name") else { continue };
        let Some(field) = client.field(name).filter(|field| !field.required && field.default.is_none()) else { continue };
        let place_of = format!("{{{}}}", field.name);
        if let Some(required) = node.get("required")
            && addresses.iter().any(|text| matches!(&text.value, Content::Text(address) if address.contains(&place_of)))
        {
            let hint = "leave it away, so that it is asked for; or say what it mostly is: default = \"…\"".to_owned();
            reader.problem(required.place, format!("required = false for the field {name}, which an address has a place for"), Some(hint));
        }
    }
}

/// What is nearly always the same becomes a part of addresses as it is. Elsewhere, in a header say, it may be any text.
pub(super) fn defaults_fit_addresses(reader: &Reader<'_>, tree: &Node, client: &ClientHelp) {
    let fields = tree.get("client").and_then(|client| client.get("fields"));
    let Some(Content::Array(tables)) = fields.map(|fields| &fields.value) else { return };
    for table in tables {
        let text = |key: &str| match table.get(key) {
            Some(Node { value: Content::Text(text), place }) => Some((text.as_str(), *place)),
            _ => None,
        };
        let (Some((name, _)), Some((default, place))) = (text("name"), text("default")) else { continue };
        // What else is wrong with it was told.
        let is_sound = client.field(name).is_some_and(|field| !field.secret && !field.required && field.check(default).is_ok());
        let place_of = format!("{{{name}}}");
        let is_in = |text: &&Node| matches!(&text.value, Content::Text(address) if address.contains(&place_of));
        if is_sound && !is_part_of_url(default) && addresses(tree).iter().any(is_in) {
            let hint = "it becomes part of a host or a path: letters, digits, -, _ and .".to_owned();
            reader.problem(place, format!("the default of {name}: expected what a URL may have in this place"), Some(hint));
        }
    }
}

/// Every text in the places that have addresses.
fn addresses(tree: &Node) -> Vec<&Node> {
    const ELSEWHERE: [(&str, &str); 4] = [("api", "base_url"), ("api", "more_origins"), ("oauth2", "renewal"), ("oauth2", "pin")];
    let elsewhere = ELSEWHERE.into_iter().filter_map(|(table, key)| tree.get(table)?.get(key));
    let texts = tree.get("endpoints").into_iter().chain(elsewhere).flat_map(all_texts);
    texts.filter(|text| matches!(&text.value, Content::Text(address) if address.contains("://") || address.starts_with('{'))).collect()
}
