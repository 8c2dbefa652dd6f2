//! The table of problems in docs/keys.md has each word that a program with a key can be answered, and no other.
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where answers to programs with keys are made. The JSON API has a table of its own.
const MADE_IN: [&str; 4] = ["forward", "guard", "problem.rs", "routes/token.rs"];

/// What stands before a code where an answer is made.
const MAKERS: [&str; 5] = ["bad_request(", "forbidden(", "unauthorized(", "unavailable(", "=> ("];

#[test]
fn each_code_is_in_the_table_and_none_besides() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let made: BTreeSet<String> = MADE_IN.iter().flat_map(|place| files(&source.join(place))).flat_map(|file| codes(&text(&file))).collect();
    let table = text(&source.join("../../../docs/keys.md"));
    let table = table.split_once("| status | code |").expect("the table").1.split("\n\n").next().expect("its end");
    let told: BTreeSet<String> = table
        .lines()
        .filter_map(|line| line.split('|').nth(2))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    assert!(made.len() > 20 && told.len() > 20, "{made:?}\n{told:?}");
    let lacking: Vec<_> = made.difference(&told).collect();
    assert!(lacking.is_empty(), "not in the table: {lacking:?}");
    let all: String = files(&source).iter().map(|file| text(file)).collect();
    let gone: Vec<_> = told.iter().filter(|code| !all.contains(&format!("\"{code}\""))).collect();
    assert!(gone.is_empty(), "in the table alone: {gone:?}");
}

/// The words behind a status, or behind what has one of its own.
fn codes(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let source = source.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(");
    let behind = MAKERS.iter().flat_map(|maker| source.split(maker).skip(1).map(str::to_owned));
    let statuses = ["StatusCode::", "Problem::new("].into_iter().flat_map(|status| source.split(status).skip(1));
    let statuses = statuses.filter_map(|rest| Some(rest.split_once(", ")?.1.to_owned()));
    behind.chain(statuses).filter_map(|rest| code(&rest)).collect()
}

/// The word in quotes that the text begins with, where it is one.
fn code(text: &str) -> Option<String> {
    let word = text.strip_prefix('"')?.split('"').next()?;
    let is_one = word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    is_one.then(|| word.to_owned())
}

fn files(place: &Path) -> Vec<PathBuf> {
    match fs::read_dir(place) {
        Ok(entries) => entries.flat_map(|entry| files(&entry.expect("an entry").path())).collect(),
        Err(_) => vec![place.to_owned()],
    }
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).expect("text")
}
