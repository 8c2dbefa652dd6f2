//! The project's own commands: what a contributor runs and what CI runs are the same.
//!
//! | command                          | what it does                                                    |
//! |----------------------------------|-----------------------------------------------------------------|
//! | `cargo xtask test`               | looks for what the tests need, installs it where it may, checks |
//! | `cargo xtask test --only STEP`   | one step, such as fmt, clippy or test                           |
//! | `cargo xtask setup`              | only looks and installs                                         |
//! | `cargo xtask arrows`             | which of our crates may depend on which                         |
//! | `cargo xtask torture [NAME…]`    | kills, power cuts, broken disks, for minutes; `--short`: seconds |
//! | `cargo xtask torture fleet`      | processes and machines that share accounts, ten expiries each   |
//! | `cargo xtask conformance [--only NAME]` | takes the guard of each conformance test out of a copy, and wants to see it fail |
//! | `cargo xtask guards [ROW…]`     | the same for the rows of docs/requirements.md (`D4-2`: one entry of a row) |
//! | `cargo xtask fuzz [TARGET [SECONDS]]` | bytes that a fuzzer thinks of, a minute each (see fuzz/README.md) |
//! | `cargo xtask dist [broker]`      | the program as it is kept, laid out by what it counted at work; or the bench's web app |
//! | `cargo xtask mutants [WORDS]`    | changes one thing at a time where it matters most, and wants a test to see it    |
//!
//! With `CI=true` a test that is skipped because something is missing counts as failed, and builds take little of the disk.

mod arrows;
mod compiler;
mod deny;
mod dist;
mod fuzz;
mod guards;
mod mutants;
mod processes;
mod programs;
mod setup;
mod steps;
mod summary;
mod tools;
mod torture;
mod watch;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

/// Without the steps, which stand in [`steps::NAMES`].
const USAGE: &str = "usage: cargo xtask test [--only STEP] [--verbose] | setup | dist [broker] | arrows | torture [NAME…] [--short] | fuzz [TARGET [SECONDS]] | conformance [--only NAME] [--all] [--list] | guards [ROW…] [--only NAME] [--all] [--list] | mutants [WORDS of cargo-mutants]";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let verbose = words.contains(&"--verbose");
    let words: Vec<&str> = words.into_iter().filter(|word| *word != "--verbose").collect();
    let good = match words.as_slice() {
        ["test"] => steps::run(None, verbose),
        ["test", "--only", step] if steps::NAMES.contains(step) => steps::run(Some(step), verbose),
        ["setup"] => {
            setup::run().missing.is_empty() || {
                println!("what is missing only skips the tests that need it");
                true
            }
        }
        ["torture", rest @ ..] => torture::run(rest),
        ["dist"] => dist::run(&dist::KEYFOB),
        ["dist", "broker"] => dist::run(&dist::BROKER),
        ["conformance", rest @ ..] => guards::run(&guards::CONFORMANCE, rest),
        ["guards", rest @ ..] => guards::run(&guards::REQUIREMENTS, rest),
        ["mutants", rest @ ..] => mutants::run(rest),
        ["fuzz"] => fuzz::run(None, 60),
        ["fuzz", name] => fuzz::run(Some(name), 60),
        ["fuzz", name, seconds] if seconds.parse::<u32>().is_ok() => {
            fuzz::run(Some(name).filter(|name| **name != "all").copied(), seconds.parse().unwrap_or(60))
        }
        ["arrows"] => match arrows::wrong() {
            Ok(wrong) if wrong.is_empty() => {
                println!("every arrow between our crates is allowed");
                true
            }
            Ok(wrong) => {
                wrong.iter().for_each(|edge| println!("not allowed: {edge}"));
                false
            }
            Err(problem) => {
                println!("{problem}");
                false
            }
        },
        _ => {
            eprintln!("{USAGE}\nsteps: {}", steps::NAMES.join(" "));
            return ExitCode::from(2);
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The folder of the root manifest.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies inside the workspace").to_path_buf()
}

/// Where cargo puts what it makes.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Whether this is a machine that nobody sits at.
fn ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// The cargo that runs us.
fn cargo() -> std::process::Command {
    let mut command = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    if ci() {
        // Such machines have small disks. Half of each of 150 programs would be lines for a backtrace, and a panic says its own line without; and as much again
        // is what the compiler keeps for a next time, which there is not.
        command.env("CARGO_PROFILE_DEV_DEBUG", "none").env("CARGO_INCREMENTAL", "0");
    }
    command
}
