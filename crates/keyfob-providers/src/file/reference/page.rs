//! docs/provider-files.md.

use std::fmt::Write as _;

use super::{Holds, Key, Section, sections};

/// The page.
pub(super) fn page() -> String {
    let mut page = String::from(
        "# Provider files\n\n\
         <!-- Made of crates/keyfob-providers/src/file/reference: do not change it here. -->\n\n\
         A provider is one TOML file. This page has every key that one can have; [the crate's page](../crates/keyfob-providers/README.md) has a whole file,\n\
         and says how a file of your own adds a provider or changes one. `keyfob provider new` begins one, `keyfob provider check FILE` says what is wrong with it,\n\
         with line, column and the fix.\n\n\
         Editors complete and check these files by [provider.schema.json](provider.schema.json) (JSON Schema 2020-12): with Taplo or Even Better TOML, a first\n\
         line `#:schema ../../docs/provider.schema.json`, or the path from your file, names it.\n\n\
         A *template* is text with `{name}` places; `{{` and `}}` are braces. **Bold** keys are needed in a file that stands on its own.\n",
    );
    for section in sections() {
        write!(page, "\n## {}\n\n{}\n\n", section.heading, section.about).expect("text");
        page.push_str("| key | type | default | meaning | example |\n|---|---|---|---|---|\n");
        for key in section.keys {
            page.push_str(&line(section, key));
        }
    }
    page.push_str(CANNOT);
    page
}

/// What servers are known to do, and what has no key. No file of the catalogue needs any of it.
const CANNOT: &str = "\n## What a file cannot say\n\n\
    A server with one of these habits wants a key here, and code behind it; no file of the catalogue needs one of them.\n\n\
    - An answer that the browser posts (`response_mode=form_post`). Where a server posts it for some scopes only, a file asks for the others.\n\
    - A token request that proves the secret by a hash of it and the code.\n\
    - Token answers in XML.\n\
    - A code that is sent as an assertion, in a grant of its own.\n\
    - Logins of more steps than their protocol has, or of no protocol.\n";

fn line(section: &Section, key: &Key) -> String {
    let name = if key.needed { format!("**`{}`**", key.name) } else { format!("`{}`", key.name) };
    let example = match (key.example, section.heading) {
        ("", _) => String::new(),
        (example, _) => format!("`{} = {example}`", key.name),
    };
    let cells = [name, kind(key.holds), key.default.to_owned(), key.about.to_owned(), example];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn kind(holds: Holds) -> String {
    let words = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match holds {
        Holds::Text => "text".to_owned(),
        Holds::Template => "template".to_owned(),
        Holds::Url | Holds::Base => "URL template".to_owned(),
        Holds::Jq => "jq".to_owned(),
        Holds::Pointer => "JSON pointer".to_owned(),
        Holds::Flag => "true or false".to_owned(),
        Holds::Whole(min, max) => format!("whole number, {min} to {max}"),
        Holds::Wholes(min, max) => format!("array of whole numbers, {min} to {max}"),
        Holds::Number => "number".to_owned(),
        Holds::Date => "date".to_owned(),
        Holds::OneOf(known) => format!("one of {}", words(known)),
        Holds::Texts => "array of texts".to_owned(),
        Holds::SomeOf(known) => format!("array of {}", words(known)),
        Holds::Pointers => "array of JSON pointers".to_owned(),
        Holds::Urls => "array of URL templates".to_owned(),
        Holds::Statuses => "array of 100 to 999".to_owned(),
        Holds::Values => "array".to_owned(),
        Holds::Pairs => "table of texts, whole numbers, `true` and `false`".to_owned(),
        Holds::NamedTexts => "table of texts".to_owned(),
        Holds::PairsOf(known) => format!("table of texts; keys {}", words(known)),
        Holds::Deviations => "table of texts; keys are names of deviations".to_owned(),
        Holds::Words(known) => format!("table of {}", words(known)),
        Holds::Bits => "table of whole numbers".to_owned(),
        Holds::Json => "anything".to_owned(),
        Holds::Attach => "`bearer`, or a table".to_owned(),
        Holds::Table(_) | Holds::Endpoints => "table, below".to_owned(),
        Holds::Tables(_) => "array of tables, below".to_owned(),
        Holds::Named(_) => "tables with names, below".to_owned(),
    }
}
