//! The table of what is driven says what is driven.

use std::collections::BTreeSet;
use std::fs;

use keyfob_interop::tools;

/// The features that an independent, certified client was seen to use at this server; a row each, numbered.
const FEATURES: usize = 23;

#[test]
fn the_readme_names_every_feature_and_every_test() {
    let readme = fs::read_to_string(tools::here().join("README.md")).expect("README.md");
    let rows: Vec<Vec<&str>> = readme
        .lines()
        .skip_while(|line| !line.starts_with("| no. | feature"))
        .skip(2)
        .map_while(|line| line.strip_prefix('|'))
        .map(|line| line.trim_end_matches('|').split('|').map(str::trim).collect())
        .collect();
    let numbers: Vec<usize> = rows.iter().filter_map(|row| row[0].parse().ok()).collect();
    assert_eq!(numbers, (1..=FEATURES).collect::<Vec<_>>());
    let named: BTreeSet<String> = rows.iter().flat_map(|row| row[2].split(", ")).map(|name| name.trim_matches('`').to_owned()).collect();
    let folder = tools::here().join("tests/oidc_features");
    let files = fs::read_dir(folder).expect("the tests").map(|entry| fs::read_to_string(entry.expect("a file").path()).expect("its text"));
    let tests: BTreeSet<String> = files.flat_map(|text| tests_in(&text)).filter(|name| !name.starts_with("the_readme")).collect();
    assert_eq!(named, tests);
}

/// What a session can do is not done past it: no test sends a request that it made of the core's steps.
#[test]
fn the_readme_is_right_that_sessions_drive_all_of_it() {
    let folder = tools::here().join("tests/oidc_features");
    for file in ["clients.rs", "code.rs", "grants.rs", "logout.rs", "requests.rs", "rp.rs", "tokens.rs"] {
        let text = fs::read_to_string(folder.join(file)).expect("the tests");
        assert!(!text.contains(".exchange(") && !text.contains(".request()"), "{file} sends what a session should");
    }
}

fn tests_in(text: &str) -> Vec<String> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("#[tokio::test") || line.starts_with("#[test]") {
            let name = lines.next().and_then(|line| line.split("fn ").nth(1)).and_then(|rest| rest.split('(').next());
            found.extend(name.map(str::to_owned));
        }
    }
    found
}
