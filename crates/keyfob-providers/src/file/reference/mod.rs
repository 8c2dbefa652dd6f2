//! What a provider file may say, written down once beside the code that reads it: docs/provider-files.md and docs/provider.schema.json are made of it.
//!
//! The reader cannot be derived from types, since every complaint needs a place, and a user's file lies over another. So this is a description of its
//! own, and the tests below hold it to the reader: the same keys, the same types, and every file of the catalogue fits.
//!
//! `KEYFOB_WRITE_DOCS=1 cargo test -p keyfob-providers --lib reference` writes both anew. Only the tests are built with it.

mod actions;
mod keys;
mod page;
mod schema;
mod tests;
mod tight;

use keyfob_proto::Deviation;

/// A table of the file.
pub(super) struct Section {
    /// What the reader calls it, with `*` for a free name: `actions.*.columns`.
    path: &'static str,
    /// Its heading in the page.
    heading: &'static str,
    about: &'static str,
    keys: &'static [Key],
}

/// A member of a table.
pub(super) struct Key {
    name: &'static str,
    holds: Holds,
    /// Whether a file that stands on its own has to have it.
    needed: bool,
    /// What it is where it is not said.
    default: &'static str,
    about: &'static str,
    /// As it is written in a file, behind the `=`; empty where the table that it is has examples of its own.
    example: &'static str,
}

/// What can stand behind the `=`.
#[derive(Clone, Copy)]
pub(super) enum Holds {
    Text,
    /// Text with `{name}` places.
    Template,
    /// https, or http on loopback; a template over the app's fields.
    Url,
    Base,
    Jq,
    Pointer,
    Flag,
    Whole(i64, i64),
    /// An array of whole numbers.
    Wholes(i64, i64),
    Number,
    Date,
    OneOf(&'static [&'static str]),
    /// An array of strings.
    Texts,
    SomeOf(&'static [&'static str]),
    Pointers,
    Urls,
    Statuses,
    /// An array of anything.
    Values,
    /// A table of free names with strings, whole numbers and flags in it.
    Pairs,
    /// A table of free names with strings in it.
    NamedTexts,
    /// A table of these names with strings in it.
    PairsOf(&'static [&'static str]),
    /// The names of deviations, each with its reason.
    Deviations,
    /// Free names, each with one of these words.
    Words(&'static [&'static str]),
    Bits,
    /// Any JSON, with templates in its strings.
    Json,
    /// `api.attach`: a word, or one of three tables.
    Attach,
    Table(&'static Section),
    /// An array of tables.
    Tables(&'static Section),
    /// A table of tables with free names.
    Named(&'static Section),
    /// `[endpoints]`, whose keys depend on the kind.
    Endpoints,
}

const fn key(name: &'static str, holds: Holds, about: &'static str, example: &'static str) -> Key {
    Key { name, holds, needed: false, default: "", about, example }
}

impl Key {
    const fn needed(self) -> Self {
        Self { needed: true, ..self }
    }

    const fn or(self, default: &'static str) -> Self {
        Self { default, ..self }
    }
}

/// Every table of a file, in the order of the page.
fn sections() -> Vec<&'static Section> {
    let mut all = vec![&keys::TOP];
    all.extend([&keys::RETIRED, &keys::SOURCES]);
    all.extend(keys::ENDPOINTS.iter().map(|(_, section)| *section));
    all.extend([
        &keys::CLIENT,
        &keys::FIELDS,
        &keys::REDIRECT,
        &keys::IMPORT,
        &keys::OAUTH1,
        &keys::OAUTH2,
        &keys::SIGNED_SECRET,
        &keys::TOKEN_ERROR,
        &keys::RENEWAL,
        &keys::PIN,
        &keys::API,
        &keys::SIGNAL,
        &keys::ATTACH,
        &keys::BATCH,
        &keys::LIMITS,
        &keys::READS,
        &keys::PAGES,
    ]);
    all.extend([&actions::ACTION, &actions::PARAMETER, &actions::COLUMN, &actions::LINK, &actions::PAGE]);
    all
}

fn deviations() -> Vec<(&'static str, &'static str)> {
    Deviation::ALL.iter().map(|deviation| (deviation.name(), deviation.about())).collect()
}
