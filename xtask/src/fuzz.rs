//! `cargo xtask fuzz`: builds the fuzzer with the stable compiler and runs it. What cargo-fuzz does with a nightly one, without address sanitizer
//! (there is no unsafe code of ours to watch).

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::compiler::Compiler;
use crate::{cargo, root, target};

/// Coverage that libFuzzer is led by: passes of LLVM that the stable compiler has, too.
const FLAGS: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Runs one target, or all of them one after the other, each for so many seconds; true if nothing was found.
pub(crate) fn run(only: Option<&str>, seconds: u32) -> bool {
    match attempt(only, seconds) {
        Ok(found) => {
            found.iter().for_each(|name| println!("found something: {name}; what it was is in {}", artifacts(name).display()));
            found.is_empty()
        }
        Err(problem) => {
            println!("{problem}");
            false
        }
    }
}

fn attempt(only: Option<&str>, seconds: u32) -> Result<Vec<String>, String> {
    let names: Vec<String> = names()?.into_iter().filter(|name| only.is_none_or(|only| only == name)).collect();
    if names.is_empty() {
        return Err("no target has that name; they are in fuzz/fuzz_targets".to_owned());
    }
    // Named, so that build scripts are not built with these flags.
    let host = Compiler::ask()?.host;
    let mut build = cargo();
    build.args(["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &host]).arg("--target-dir").arg(folder());
    build.args(names.iter().flat_map(|name| ["--bin", name]));
    build.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    if !succeeds(&mut build)? {
        return Err("the fuzzer does not build; it needs a C++ compiler (on Debian: apt-get install g++)".to_owned());
    }
    let mut found = Vec::new();
    for name in names {
        println!("{name}, {seconds} s");
        let (grown, artifacts) = (folder().join("corpus").join(&name), artifacts(&name));
        for folder in [&grown, &artifacts] {
            fs::create_dir_all(folder).map_err(|problem| format!("cannot make {}: {problem}", folder.display()))?;
        }
        let mut fuzzer = Command::new(folder().join(&host).join("release").join(&name));
        // What it learns goes into the first folder; the second is what is kept.
        fuzzer.arg(&grown).arg(root().join("fuzz/corpus").join(&name)).arg(format!("-artifact_prefix={}/", artifacts.display()));
        fuzzer.args([&format!("-max_total_time={seconds}"), "-print_final_stats=1", "-verbosity=1", "-timeout=10", "-rss_limit_mb=1024"]);
        if !succeeds(&mut fuzzer)? {
            found.push(name);
        }
    }
    Ok(found)
}

/// The targets, by their programs.
fn names() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|problem| format!("cannot read {}: {problem}", folder.display()))?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.path().file_stem().and_then(|stem| stem.to_str()).map(str::to_owned)).collect();
    names.sort();
    Ok(names)
}

fn folder() -> std::path::PathBuf {
    target().join("fuzz")
}

fn artifacts(name: &str) -> std::path::PathBuf {
    folder().join("artifacts").join(Path::new(name))
}

fn succeeds(command: &mut Command) -> Result<bool, String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    command.status().map(|status| status.success()).map_err(|problem| format!("cannot run {shown}: {problem}"))
}
