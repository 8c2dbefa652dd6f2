//! Every row of docs/requirements.md has a test that is named after it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_row_has_a_test_named_after_it() {
    let tests = tests_by_row();
    let page = fs::read_to_string(root().join("docs/requirements.md")).expect("the page");
    let rows = rows(&page);
    assert!(rows.len() > 80, "{} rows", rows.len());
    assert_eq!(rows.iter().collect::<BTreeSet<_>>().len(), rows.len(), "a row stands twice");
    let without: Vec<&String> = rows.iter().filter(|row| !tests.contains_key(&row.to_lowercase())).collect();
    assert!(without.is_empty(), "rows without a test: {without:?}");
}

/// The names in the first column of the tables.
fn rows(page: &str) -> Vec<String> {
    page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()).filter(|name| is_row(name)).map(str::to_owned).collect()
}

/// The functions that are tests, by the rows in front of their names: `c3_c17_…` is of both.
fn tests_by_row() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in ["crates", "e2e", "interop", "testbed", "xtask", "torture"].iter().flat_map(|folder| sources(&root().join(folder))) {
        let text = fs::read_to_string(&file).expect("a source");
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[") {
                // `#[test]`, `#[tokio::test(…)]`; what stands between it and the function changes nothing.
                is_test |= line.trim_start_matches("#[").split(['(', ']']).next().is_some_and(|name| name.ends_with("test"));
                continue;
            }
            if let Some(name) = line.trim_start_matches("async ").strip_prefix("fn ").filter(|_| is_test) {
                let name = name.split('(').next().unwrap_or_default();
                for row in name.split('_').take_while(|part| is_row(part)) {
                    found.entry(row.to_owned()).or_default().push(name.to_owned());
                }
            }
            is_test &= line.is_empty() || line.starts_with("//");
        }
    }
    found
}

/// A letter and a number.
fn is_row(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && !characters.as_str().is_empty()
        && characters.all(|c| c.is_ascii_digit())
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() && !entry.ends_with("node_modules") && !entry.ends_with("target") {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}
