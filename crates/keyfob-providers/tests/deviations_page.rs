//! docs/deviations.md says what the code says: it is made of the list of deviations, the embedded catalogue, and the core's own documentation.
//!
//! `KEYFOB_WRITE_DOCS=1 cargo test -p keyfob-providers --test deviations_page` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use keyfob_proto::Deviation;
use keyfob_providers::Catalogue;

#[test]
fn the_page_of_deviations_is_up_to_date() {
    let (path, page) = (root().join("docs/deviations.md"), page());
    if std::env::var_os("KEYFOB_WRITE_DOCS").is_some() {
        fs::write(&path, &page).expect("docs/ is there");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/deviations.md is not what the code says; write it anew with KEYFOB_WRITE_DOCS=1");
}

fn page() -> String {
    let mut page = String::from(
        "# Deviations\n\n\
         <!-- Made by crates/keyfob-providers/tests/deviations_page.rs of what stands in the code: do not change it here. -->\n\n\
         Keyfob is strict: an answer that breaks its RFC is refused, and the error names the section. Servers in use have habits all the same, and some are\n\
         harmless. Those have names. A provider's file allows a deviation by its name, with the reason (`[deviations]`); it holds for that provider and no other.\n\
         Whenever one was needed, it is told: at login, in `Received::tolerated`, in the account's record. One that is allowed and not needed is not told.\n",
    );
    for &deviation in Deviation::ALL {
        write!(page, "\n## {}\n\n**{}.** {}\n", deviation.name(), deviation.section(), deviation.about()).expect("text");
        let needed = needed_by(deviation);
        if !needed.is_empty() {
            write!(page, "\n{needed}").expect("text");
        }
    }
    write!(page, "\n# What is always tolerated\n\nBecause it does no harm:\n{}", always()).expect("text");
    page
}

/// The providers of the catalogue that need it, with the reasons of their files, and the day on which somebody looked last.
fn needed_by(deviation: Deviation) -> String {
    let mut lines = String::new();
    for provider in Catalogue::embedded().iter() {
        let Some((_, why)) = provider.deviations.iter().find(|(known, _)| *known == deviation) else { continue };
        let looked = provider.sources.iter().map(|source| source.checked.as_str()).max().expect("every file names a source");
        writeln!(lines, "- {} (`{}`, looked up {looked}): {why}", provider.title, provider.name).expect("text");
    }
    lines
}

/// The list in the core's documentation, from its heading to the next one.
fn always() -> String {
    let readme = fs::read_to_string(root().join("crates/keyfob-proto/README.md")).expect("the core's documentation");
    let (_, rest) = readme.split_once("Always accepted, because it does no harm:\n").expect("the list is there");
    let (list, _) = rest.split_once("\nEverything else").expect("it has an end");
    list.to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace").to_path_buf()
}
