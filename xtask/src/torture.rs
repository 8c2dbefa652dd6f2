//! `cargo xtask torture`: builds the tortures and runs them.

use crate::cargo;

/// Runs those that are named, or all; true if nothing was lost. The long versions are made for speed: processes that start within a
/// millisecond are killed at more moments.
pub(crate) fn run(words: &[&str]) -> bool {
    let release = !words.contains(&"--short");
    let mut command = cargo();
    command.args(["run", "--quiet", "-p", "keyfob-torture", "--bin", "torture"]);
    command.args(release.then_some("--release")).arg("--").args(words);
    match command.status() {
        Ok(status) => status.success(),
        Err(problem) => {
            println!("cannot run cargo: {problem}");
            false
        }
    }
}
