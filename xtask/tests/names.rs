//! Providers are data: no line of Rust outside the sandbox and the tests knows one by name.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn no_provider_is_named_in_code() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let ended = catalogue(&crates.join("keyfob-providers/retired"));
    let names: std::collections::BTreeSet<String> = catalogue(&crates.join("keyfob-providers/data")).into_iter().chain(ended).collect();
    assert!(names.len() >= 4, "the catalogue has {names:?}");

    let mut found = Vec::new();
    for member in folders(&crates).into_iter().filter(|member| !member.ends_with("keyfob-sandbox")) {
        for file in sources(&member.join("src")) {
            let text = fs::read_to_string(&file).expect("a source file");
            for (line, literal) in literals(without_tests(&text)) {
                if names.contains(&literal) {
                    found.push(format!("{}:{line} \"{literal}\"", file.display()));
                }
            }
        }
    }
    assert!(found.is_empty(), "a provider's habit belongs into its catalogue file:\n{}", found.join("\n"));
}

/// The password grant and the implicit one (RFC 9700 §2.1.2, §2.4) are there for programs that call them by a name that says what they are. No command, page
/// or provider's file leads to them.
#[test]
fn a17_what_is_legacy_is_offered_by_nothing_that_people_use() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let speaks_them = [
        "oauth2::legacy",
        "legacy::password",
        "password_legacy",
        "legacy::implicit",
        "ImplicitLegacyLogin",
        "xauth",
        r#""grant_type", "password""#,
        r#""response_type", "token""#,
    ];
    let home = [
        "keyfob-proto/src/oauth2/legacy/",
        "keyfob-proto/src/oauth1/",
        "keyfob/src/login/implicit_legacy.rs",
        "keyfob/src/login/password_legacy.rs",
        "keyfob/src/login/mod.rs",
    ];
    let (mut found, mut seen) = (Vec::new(), 0);
    for member in folders(&crates).into_iter().filter(|member| !member.ends_with("keyfob-sandbox")) {
        for file in sources(&member.join("src")) {
            let path = file.strip_prefix(&crates).expect("below").display().to_string();
            if home.iter().any(|home| path.starts_with(home)) {
                continue;
            }
            seen += 1;
            let text = fs::read_to_string(&file).expect("a source file");
            let code = without_tests(&text).lines().filter(|line| !line.trim_start().starts_with("//"));
            found.extend(code.filter(|line| speaks_them.iter().any(|word| line.contains(word))).map(|line| format!("{path}: {line}")));
        }
    }
    assert!(found.is_empty() && seen > 200, "{seen} files\n{}", found.join("\n"));
}

/// The names of the catalogue are the names of its files.
fn catalogue(data: &Path) -> Vec<String> {
    let files = fs::read_dir(data).expect("the catalogue");
    let toml = files.map(|entry| entry.expect("an entry").path()).filter(|path| path.extension().is_some_and(|end| end == "toml"));
    toml.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    fs::read_dir(parent).expect("a folder").map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") && path.file_stem().is_some_and(|stem| stem != "tests") {
            all.push(path);
        }
    }
    all
}

/// Tests stand last in a file.
fn without_tests(text: &str) -> &str {
    let tests = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\npub(crate) mod tests {"];
    text.find(tests[0]).or_else(|| text.find(tests[1])).map_or(text, |at| &text[..at])
}

/// String literals with their lines; comments are passed over, and so are characters such as `'"'`.
fn literals(text: &str) -> Vec<(usize, String)> {
    let bytes = text.as_bytes();
    let mut all = Vec::new();
    let mut at = 0;
    let line_of = |at: usize| text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1;
    while at < bytes.len() {
        let rest = &text[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if rest.starts_with("'\\") {
            at += 2 + rest[3..].find('\'').map_or(rest.len(), |end| end + 2);
        } else if rest.starts_with("'\"'") {
            at += 3;
        } else if rest.starts_with('r') && rest[1..].trim_start_matches('#').starts_with('"') && !before_is_word(bytes, at) {
            let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
            let start = 1 + hashes + 1;
            let end = format!("\"{}", "#".repeat(hashes));
            let length = rest[start..].find(&end).unwrap_or(rest.len() - start);
            all.push((line_of(at), rest[start..start + length].to_owned()));
            at += start + length + end.len();
        } else if rest.starts_with('"') {
            let mut end = 1;
            while end < rest.len() && rest.as_bytes()[end] != b'"' {
                end += if rest.as_bytes()[end] == b'\\' { 2 } else { 1 };
            }
            all.push((line_of(at), rest.get(1..end).unwrap_or_default().to_owned()));
            at += end + 1;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    all
}

fn before_is_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

#[test]
fn literals_are_told_from_comments_and_characters() {
    let code = r####"
// "comment"
let a = 'x'; let b = '"'; let c = '\''; let d = "one \" two";
/* "block" */ let e = r#"raw "quoted""#; let f = br"bytes"; let l: &'static str = "é";
fn var() {} "last"
"####;
    let found: Vec<_> = literals(code).into_iter().map(|(line, literal)| format!("{line} {literal}")).collect();
    assert_eq!(found, ["3 one \\\" two", "4 raw \"quoted\"", "4 bytes", "4 é", "5 last"]);
}

#[test]
fn tests_at_the_end_of_a_file_do_not_count() {
    assert_eq!(without_tests("code\n#[cfg(test)]\nmod tests {\n\"x\"\n}"), "code\n");
    assert_eq!(without_tests("code\n#[cfg(test)]\nfn x() {}"), "code\n#[cfg(test)]\nfn x() {}");
}
