//! M3: the core has no clock, socket, environment, disk or randomness of its own. Clippy refuses them (`clippy.toml`); this looks that
//! the list is there and whole, that the sources keep to it, and that no dependency brings one of them in.
#![allow(clippy::disallowed_methods, reason = "tests read files; the crate does not")]

use std::path::{Path, PathBuf};

/// What must be on clippy's list.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "disallowed-methods",
        &[
            "std::time::SystemTime::now",
            "std::time::Instant::now",
            "std::thread::sleep",
            "std::thread::spawn",
            "std::env::var",
            "std::env::var_os",
            "std::env::vars",
            "std::env::args",
            "std::env::current_dir",
            "std::fs::read",
            "std::fs::read_to_string",
            "std::fs::read_dir",
            "std::fs::write",
            "std::io::stdin",
            "std::io::stdout",
            "std::io::stderr",
        ],
    ),
    (
        "disallowed-types",
        &[
            "std::fs::File",
            "std::fs::OpenOptions",
            "std::net::TcpStream",
            "std::net::TcpListener",
            "std::net::UdpSocket",
            "std::os::unix::net::UnixStream",
            "std::process::Command",
            // Their default hasher draws entropy.
            "std::collections::hash_map::RandomState",
            "std::collections::HashMap",
            "std::collections::HashSet",
        ],
    ),
    ("disallowed-macros", &["std::println", "std::eprintln"]),
];

/// What must not stand in the sources: the same, as text, so that an `allow` somewhere does not open the door.
const WORDS: &[&str] = &[
    "SystemTime",
    "Instant::",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::os::",
    "stdin(",
    "stdout(",
    "stderr(",
    "println!",
    "print!",
    "HashMap",
    "HashSet",
    "RandomState",
    "rand::",
    "getrandom",
    "thread_rng",
    "include_bytes!",
    "disallowed_",
    "unsafe ",
];

/// All that the core stands on. None of them opens a socket, a file or an entropy source with the features used here.
const DEPENDENCIES: &[&str] = &["base64", "hmac", "http", "httpdate", "serde", "serde_json", "sha1", "sha2", "subtle", "zeroize"];

/// Back-ends that hold a private key, each behind a feature that is off by default. (aws-lc-rs blinds with a generator of its own: that is what its
/// files may say, and no others.)
const BACK_ENDS: &[&str] = &["aws-lc-rs", "rsa"];
const MAY_DRAW: &[&str] = &["src/jose/aws_lc.rs", "src/oauth1/rsa/aws_lc.rs"];

#[test]
fn m3_clippy_refuses_clock_socket_environment_disk_and_randomness() {
    let list: toml::Table = read("clippy.toml").parse().expect("TOML");
    for (kind, paths) in REFUSED {
        let listed: Vec<_> = list[*kind].as_array().expect("a list").iter().map(|entry| entry["path"].as_str().expect("a path")).collect();
        for path in *paths {
            assert!(listed.contains(path), "clippy.toml must refuse {path}");
        }
    }
    let manifest: toml::Table = read("Cargo.toml").parse().expect("TOML");
    assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "the workspace's lints hold here");
}

#[test]
fn m3_the_sources_keep_to_it() {
    let files = sources(&root().join("src"));
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("text");
        // Unit tests may use a seeded hasher; they may not do IO either.
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for word in WORDS.iter().filter(|word| **word != "rand::" || !MAY_DRAW.iter().any(|may| file.ends_with(may))) {
                assert!(!line.contains(word), "{}:{}: {word}", file.display(), at + 1);
            }
            assert!(!line.contains("std::net") || line.contains("IpAddr") || line.contains("Ipv6Addr"), "{}:{}", file.display(), at + 1);
        }
    }
}

#[test]
fn m3_no_dependency_brings_them_in() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("TOML");
    let dependencies = manifest["dependencies"].as_table().expect("a table");
    let is_optional = |name: &String| dependencies[name].get("optional").and_then(toml::Value::as_bool) == Some(true);
    let (mut optional, mut always): (Vec<&String>, Vec<&String>) = dependencies.keys().partition(|name| is_optional(name));
    optional.sort_unstable();
    always.sort_unstable();
    assert_eq!(always, DEPENDENCIES);
    assert_eq!(optional, BACK_ENDS);
    assert!(manifest["features"].get("default").is_none(), "the core is pure unless somebody asks for more");
    assert!(!manifest.contains_key("build-dependencies") && !manifest.contains_key("target"));
    assert!(!root().join("build.rs").exists());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).expect("text")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}
