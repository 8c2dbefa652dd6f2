//! The app's fields, held against the rest of the file: what needs one that is not there, and where none may stand.

use super::document::{Content, Node};
use super::doubts::all_texts;
use super::reader::Reader;
use crate::provider::ClientHelp;

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
    for text in addresses(tree) {
        let Content::Text(address) = &text.value else { continue };
        let host = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
        let host = host.split(['/', '?', '#']).next().unwrap_or_default();
        let is_there = |name: &str| host.contains(&format!("{{{name}}}"));
        if let Some(field) = client.fields.iter().find(|field| field.secret && is_there(&field.name)) {
            let hint = "name servers, and whoever listens on the way, see a host's name; a field that is no secret has no secret = true"
                .to_owned();
            reader.problem(text.place, format!("the secret {} in a host name", field.name), Some(hint));
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
