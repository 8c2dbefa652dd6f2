//! `cargo xtask mutants`: changes the code that must not be wrong in one place at a time (cargo-mutants), and wants a test to see it. What is changed,
//! and what may survive and why, is in `.cargo/mutants.toml`.
//!
//! It takes hours, so it is run by hand, best for one file or one function: `cargo xtask mutants --re id_token.rs`.

use crate::{cargo, target};

/// Runs it, with words of its own after ours; true if every mutant was seen.
pub(crate) fn run(words: &[&str]) -> bool {
    let mut mutants = cargo();
    mutants.args(["mutants", "--package", "keyfob-proto", "--output"]).arg(target()).args(words);
    // One function changes between two builds: this is what incremental builds are good at.
    mutants.env("CARGO_INCREMENTAL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
    match mutants.status() {
        Ok(status) if status.success() => true,
        Ok(_) => {
            println!("if there is no such command: cargo install cargo-mutants --locked");
            false
        }
        Err(problem) => {
            println!("cannot run cargo: {problem}");
            false
        }
    }
}
