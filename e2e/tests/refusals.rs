//! A refusal says what to do. What a server is to blame for has advice by what was broken (`Error::hint`); for the caller's own mistakes nobody knows better
//! than the place that finds them, and so each of them in the protocol and the session gives its own.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_misuse_has_advice_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut seen = 0;
    let mut without = Vec::new();
    for source in ["crates/keyfob-proto/src", "crates/keyfob/src"].iter().flat_map(|folder| sources(&root.join(folder))) {
        let name = source.strip_prefix(&root).expect("below it").display().to_string();
        let text = fs::read_to_string(&source).expect("a source is text");
        let code = text.split("\n#[cfg(test)]\nmod tests").next().expect("a first part");
        for (at, _) in code.match_indices("Misuse::new(").filter(|(at, _)| !is_comment(code, *at)) {
            seen += 1;
            if !chain(&code[at..]).contains(".with_hint(") {
                without.push(format!("{name}:{}", code[..at].matches('\n').count() + 1));
            }
        }
    }
    assert!(seen > 150, "only {seen} were found: is Misuse made in another way by now?");
    assert!(without.is_empty(), "no with_hint at: {without:#?}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

fn is_comment(code: &str, at: usize) -> bool {
    code[..at].rsplit('\n').next().is_some_and(|line| line.trim_start().starts_with("//"))
}

/// The call and the methods behind it: up to what ends the expression.
fn chain(code: &str) -> &str {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, c) in code.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' if depth == 0 => return &code[..at],
            ')' | '}' | ']' => depth -= 1,
            ';' | ',' if depth == 0 => return &code[..at],
            _ => {}
        }
    }
    code
}

#[test]
fn the_chain_ends_with_its_expression() {
    assert_eq!(chain(r#"Misuse::new("a (", ")").of("b")), more"#), r#"Misuse::new("a (", ")").of("b")"#);
    assert_eq!(chain(r#"Misuse::new("\"", x(1)); y"#), r#"Misuse::new("\"", x(1))"#);
}
