//! The description is the reader's: same keys, same types, and both documents are what it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::page::page;
use super::schema::schema;
use super::{Holds, Section, sections};
use crate::embedded::EMBEDDED;
use crate::file;

/// A file of each kind with what no embedded one has, so that the reader looks at every key there is.
const RARE: &str = r#"
title = "Hub"
kind = "oauth2"
status = "live"
about = "A hub."
sources = [{ url = "https://hub.example/docs", checked = 2026-11-21, confidence = "verified" }]
endpoints = { authorize = "https://hub.example/a", token = "https://hub.example/t" }
client = { fields = [{ name = "client_id", label = "ID" }] }
oauth2 = { client_auth = "post", refresh_lifetime = 60, refresh_lifetime_from = "use", grant_types = { refresh_token = "refresh" }, token_error = { code = "/c", message = "/m", none = [0], invalid_grant = [1] } }
deviations = { own-error = "So." }
[api]
base_url = "https://hub.example"
attach = { body = "token" }
query = { key = "{client_id}" }
limits = { limit = "x-limit", remaining = "x-left", reset = "x-reset", reset_in = "seconds", reads = { limit = "x-read", remaining = "x-read-left" } }
pages = { counts = "items", parameter = "offset", items = "/entries" }
[actions.all]
about = "All"
path = "/"
parameters = [
    { name = "a", type = "number", min = 1, max = 2.5 }, { name = "b", type = "date", words = ["today"] }, { name = "c", type = "flags", bits = { ON = 1 } },
    { name = "d", type = "choice", choices = ["x"] }, { name = "e", type = "time" }, { name = "f", type = "flag" }, { name = "g", pattern = "[a-z]+" },
    { name = "h", type = "list" }, { name = "i", type = "integer" },
]
columns = [{ each = "h", value = ".[$index]" }]
links = [{ action = "all" }]
page = { full = 10, set = "a", value = ".a" }
"#;

#[test]
fn the_documents_are_up_to_date() {
    let schema = format!("{:#}\n", schema());
    for (file, text) in [("docs/provider-files.md", page()), ("docs/provider.schema.json", schema)] {
        let path = root().join(file);
        if std::env::var_os("KEYFOB_WRITE_DOCS").is_some() {
            fs::write(&path, &text).expect("docs/ is there");
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{file} is not what the code says; write it anew with KEYFOB_WRITE_DOCS=1");
    }
}

/// What the reader asks for is what is described, table by table.
#[test]
fn every_key_that_is_read_is_described_and_no_other() {
    let mut read: BTreeSet<(String, String)> = BTreeSet::new();
    for (name, text) in EMBEDDED.iter().copied().chain([("rare.toml", RARE)]) {
        read.extend(file::asked(text, name).into_iter().map(|(table, key)| (general(&table), key.to_owned())));
    }
    // Asked for in order to be refused: they are the issuer's to say.
    let described: BTreeSet<(String, String)> = (sections().into_iter())
        .flat_map(|section| section.keys.iter().map(move |key| (section.path.to_owned(), key.name.to_owned())))
        .collect();
    let (missing, stale): (Vec<_>, Vec<_>) = (read.difference(&described).collect(), described.difference(&read).collect());
    assert!(missing.is_empty(), "read and not described: {missing:?}");
    assert!(stale.is_empty(), "described and not read: {stale:?}");
}

/// Something of another type is refused wherever something is described, and the words are the reader's own: its complaint lists them.
#[test]
fn types_and_words_are_those_of_the_reader() {
    let trees: Vec<toml::Value> = (EMBEDDED.iter().map(|(_, text)| *text).chain([RARE]))
        .map(|text| toml::Value::Table(toml::from_str(text).expect("TOML")))
        .collect();
    let nothing: toml::Value = toml::Value::Array(vec![toml::Value::Array(vec![toml::Value::Array(vec![7.into()])])]);
    let (mut tried, mut texts) = (0, 0);
    for section in sections() {
        for key in section.keys {
            // Anything goes in these, and which endpoints there are depends on the kind.
            if matches!(key.holds, Holds::Values | Holds::Json) {
                continue;
            }
            let path: Vec<&str> = section.path.split('.').filter(|part| !part.is_empty()).chain([key.name]).collect();
            let with = |value: &toml::Value| {
                trees.iter().find_map(|tree| {
                    let mut changed = tree.clone();
                    put(&mut changed, &path, value).then(|| toml::to_string(&changed).expect("TOML"))
                })
            };
            let complaints = |value: &toml::Value| {
                with(value).map(|text| {
                    crate::check(&text, "hub.toml").err().unwrap_or_default().iter().map(ToString::to_string).collect::<String>()
                })
            };
            let Some(told) = complaints(&nothing) else { continue };
            assert!(told.contains("expected"), "{} takes [[[7]]]: {told}", path.join("."));
            tried += 1;
            // What is text for people takes no number.
            let name = match key.holds {
                Holds::NamedTexts => Some("any"),
                Holds::PairsOf(words) | Holds::Words(words) => words.first().copied(),
                _ => None,
            };
            if let Some(name) = name {
                let three = toml::Table::from_iter([(name.to_owned(), 3.into())]);
                let told = complaints(&three.into()).unwrap_or_default();
                assert!(told.contains("expected a string for"), "{} takes 3: {told}", path.join("."));
                texts += 1;
            }
            if let Holds::OneOf(words) = key.holds {
                let told = complaints(&"no-such-word".into()).unwrap_or_default();
                let missing: Vec<_> = words.iter().filter(|word| !told.contains(*word)).collect();
                assert!(missing.is_empty(), "{}: {missing:?} in {told}", path.join("."));
            }
        }
    }
    assert!(tried > 110 && texts > 5, "{tried} keys were tried, and {texts} tables of texts");
}

/// Puts a value in place of what is at a path, in the first place where there is something.
fn put(tree: &mut toml::Value, path: &[&str], value: &toml::Value) -> bool {
    let Some((first, rest)) = path.split_first() else {
        *tree = value.clone();
        return true;
    };
    match tree {
        toml::Value::Array(items) => items.iter_mut().any(|item| put(item, path, value)),
        toml::Value::Table(members) if *first == "*" => members.iter_mut().any(|(_, member)| put(member, rest, value)),
        toml::Value::Table(members) => members.get_mut(*first).is_some_and(|member| put(member, rest, value)),
        _ => false,
    }
}

/// `actions.devices.columns` is `actions.*.columns`, and `api.failed`, `api.revoked` and `oauth2.grant_ended` signals as `api.expired` is.
fn general(table: &str) -> String {
    let mut parts: Vec<&str> = table.split('.').collect();
    if parts[0] == "actions" && parts.len() > 1 {
        parts[1] = "*";
    }
    parts.join(".").replace("api.failed", "api.expired").replace("api.revoked", "api.expired").replace("oauth2.grant_ended", "api.expired")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_path_buf()
}

/// A key that is told to belong elsewhere is described there, and nowhere else.
#[test]
fn keys_belong_where_they_are_described() {
    for (table, keys) in file::BELONGS {
        for key in *keys {
            let described = sections().into_iter().filter(|section| section.keys.iter().any(|known| known.name == *key));
            let at: BTreeSet<&str> = described.map(|section| section.path).collect();
            assert_eq!(at, BTreeSet::from([*table]), "{key}");
        }
    }
}

/// What is told of a missing key is an example of the reference's, and of each that is needed there is one.
#[test]
fn examples_of_missing_keys_are_those_of_the_reference() {
    for (key, example) in file::EXAMPLES {
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let sections = sections();
        let known: Vec<&str> = sections
            .iter()
            .filter(|known| known.path.ends_with(section))
            .flat_map(|section| section.keys)
            .filter(|known| known.name == name)
            .map(|known| known.example)
            .collect();
        assert!(known.contains(example), "{key}: {example} is none of {known:?}");
    }
    for section in sections() {
        for key in section.keys.iter().filter(|key| key.needed) {
            let path = [section.path, key.name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
            assert!(!file::line(&path).contains("docs/"), "{path}: {}", file::line(&path));
        }
    }
}

/// Where a section is missing, what it needs is said; and what people call a key otherwise is no key beside it.
#[test]
fn sections_and_other_names_are_those_of_the_reference() {
    let sections = sections();
    for (path, needed) in file::SECTIONS {
        let section = sections.iter().find(|section| section.path == *path).unwrap_or_else(|| panic!("{path} is no section"));
        for key in *needed {
            assert!(
                section.keys.iter().any(|known| known.name == *key && (known.needed || ["endpoints", "oauth2"].contains(path))),
                "{path} does not need {key}"
            );
        }
    }
    for (path, names) in file::SPOKEN {
        let (end, name) = path.rsplit_once('.').unwrap_or(("", path));
        let has = |section: &&Section| section.path.ends_with(end) && section.keys.iter().any(|key| key.name == name);
        let having: Vec<&Section> = sections.iter().copied().filter(has).collect();
        assert!(!having.is_empty(), "no section has {path}");
        for other in *names {
            let is_free = |section: &&Section| !section.keys.iter().any(|key| key.name == *other);
            assert!(having.iter().copied().any(|section| is_free(&section)), "{other} is a key wherever {path} is one");
        }
    }
}
