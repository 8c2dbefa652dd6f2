//! The embedded catalogue: every file is clean, and every provider is what the protocol needs.

use keyfob_providers::Catalogue;

#[test]
fn every_embedded_file_is_clean() {
    let catalogue = Catalogue::embedded();
    let problems: Vec<String> = catalogue.problems().iter().map(|problem| format!("{problem} ({:?})", problem.hint)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
