//! `cargo xtask torture`: builds the tortures and runs them.

use std::fs;
use std::time::Instant;

use crate::{cargo, setup};

/// What is no torture of a disk: processes, and machines, that share accounts. It is a test of `interop`, with more rounds.
const FLEET: &str = "fleet";

/// The tests of a fleet: program, and the beginning of their names.
const FLEETS: [(&str, &str); 2] =
    [("fleet", "d2_eight_processes_refresh_once_an_expiry"), ("machines", "d2_two_machines_refresh_once_an_expiry")];

/// Runs those that are named, or all; true if nothing was lost.
pub(crate) fn run(words: &[&str]) -> bool {
    let (options, names): (Vec<&str>, Vec<&str>) = words.iter().copied().partition(|word| word.starts_with('-'));
    let short = options.contains(&"--short");
    let of_disks: Vec<&str> = names.iter().copied().filter(|name| *name != FLEET).collect();
    let mut good = true;
    if names.is_empty() || !of_disks.is_empty() {
        good &= disks(&[options.as_slice(), &of_disks].concat(), !short);
    }
    // What the others do not know of is told by them.
    if good && (names.is_empty() || names.contains(&FLEET)) {
        good &= fleets(if short { 2 } else { 10 });
    }
    good
}

/// The long versions are made for speed: processes that start within a millisecond are killed at more moments.
fn disks(words: &[&str], release: bool) -> bool {
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

/// The program that tests are is the one that has been built for `cargo xtask test`: it waits for tokens to end, most of the time.
fn fleets(rounds: u32) -> bool {
    let environment = setup::run().environment;
    let skipped = crate::target().join("xtask").join("fleet-skipped");
    let mut good = true;
    for (program, tests) in FLEETS {
        let _ = fs::remove_file(&skipped);
        let begun = Instant::now();
        let mut command = cargo();
        command.args(["test", "--quiet", "-p", "keyfob-interop", "--test", program, "--", tests, "--nocapture"]);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.env("KEYFOB_TEST_FLEET_ROUNDS", rounds.to_string()).env("KEYFOB_TEST_SKIPPED", &skipped);
        let ended = command.status();
        let why = fs::read_to_string(&skipped).unwrap_or_default();
        let verdict = match ended {
            Ok(status) if !status.success() => "failed, as is said above",
            Ok(_) if why.is_empty() => "one refresh an expiry",
            Ok(_) => "skipped, in part or whole",
            Err(_) => "cannot run cargo",
        };
        good &= ended.is_ok_and(|status| status.success());
        println!("{FLEET} {program}: {rounds} rounds, {:.0} s: {verdict} {}", begun.elapsed().as_secs_f32(), why.trim());
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A test that is not there is passed by cargo, and nothing was refreshed.
    #[test]
    fn the_fleets_tests_are_there() {
        for (program, tests) in FLEETS {
            let source = fs::read_to_string(crate::root().join(format!("interop/tests/{program}.rs"))).expect("the program's source");
            assert!(source.contains(&format!("fn {tests}")), "{program}: {tests}");
        }
    }
}
