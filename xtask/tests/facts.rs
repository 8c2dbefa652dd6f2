//! What stands in two places says the same, and what a reader looks for is there.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_documents_are_there() {
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "DESIGN.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "interop/README.md",
        ".ci/run",
    ] {
        let text = fs::read_to_string(root().join(name)).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        assert!(text.trim().len() > 100, "{name} says next to nothing");
    }
}

#[test]
fn the_licences_are_the_ones_of_the_manifest() {
    assert_eq!(workspace("license"), "MIT OR Apache-2.0");
    assert!(read("LICENSE-MIT").contains("Permission is hereby granted, free of charge"));
    assert!(read("LICENSE-APACHE").contains("Apache License"));
    assert!(read("README.md").contains("Apache-2.0"), "README names the licence");
}

#[test]
fn the_rust_version_is_the_same_everywhere() {
    let expected = workspace("rust-version");
    for name in ["README.md", "CONTRIBUTING.md"] {
        let found = rust_versions(&read(name));
        assert!(!found.is_empty(), "{name} says which Rust it needs");
        assert!(found.iter().all(|version| *version == expected), "{name} says {found:?}, Cargo.toml {expected}");
    }
}

#[test]
fn the_changelog_tells_of_this_version() {
    let version = workspace("version");
    let changelog = read("CHANGELOG.md");
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## ")).expect("a heading");
    assert!(newest == "Unreleased" || newest.contains(&version), "CHANGELOG.md begins with \"{newest}\", Cargo.toml says {version}");
}

#[test]
fn m2_no_crate_of_ours_may_be_unsafe_and_arithmetic_is_checked_in_release() {
    let manifest = read("Cargo.toml");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    let release = manifest.split_once("[profile.release]").expect("a profile").1;
    let release = release.split_once("\n[").map_or(release, |(section, _)| section);
    assert!(release.contains("overflow-checks = true"), "{release}");
    let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']')).expect("a list").0;
    let members: Vec<&str> = members.lines().filter_map(|line| line.trim().strip_prefix('"')?.split('"').next()).collect();
    assert!(members.len() > 10, "{members:?}");
    for member in members {
        let own = read(&format!("{member}/Cargo.toml"));
        assert!(own.contains("[lints]\nworkspace = true"), "{member} does not keep to the workspace's lints");
    }
}

#[test]
fn readme_shows_the_two_commands_and_ci_runs_the_second() {
    let readme = read("README.md");
    assert!(readme.contains("cargo run --release -- try"));
    assert!(readme.contains("cargo xtask test"));
    assert!(read(".ci/run").contains("cargo xtask test"));
}

#[test]
fn lock_files_name_no_host() {
    let lock = read("interop/package-lock.json");
    assert!(!lock.contains("\"resolved\""), "package-lock.json must work with any registry: npm config omit-lockfile-registry-resolved");
    let requirements = read("interop/requirements.txt");
    for line in requirements.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        assert!(line.contains("=="), "{line} is not pinned");
        assert!(!line.contains("://"), "{line} names a host");
    }
}

/// A value of `[workspace.package]`.
fn workspace(field: &str) -> String {
    let manifest = read("Cargo.toml");
    let section = manifest.split_once("[workspace.package]").expect("a section").1;
    let section = section.split_once("\n[").map_or(section, |(section, _)| section);
    let line = section.lines().find_map(|line| line.strip_prefix(field)?.trim_start().strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {field}")).trim().trim_matches('"').to_owned()
}

/// The versions that stand close behind the word: "Rust 1.95", "Rust (1.95 or newer)", "Rust version is 1.95".
fn rust_versions(text: &str) -> Vec<String> {
    let close = text.split("Rust ").skip(1).filter_map(|rest| rest.get(..rest.floor_char_boundary(20)));
    close.filter_map(|rest| Some(number(&rest[rest.find("1.")?..]).to_owned())).collect()
}

/// The digits and dots at the start.
fn number(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|problem| panic!("{name}: {problem}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}
