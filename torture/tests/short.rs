//! The short version of every torture. The long ones: `cargo xtask torture`.

use keyfob_testbed::{Why, skip};
use keyfob_torture::tally::Outcome;
use keyfob_torture::{Rig, TORTURES};

/// Nothing is corrupt, lost or wrong.
fn survives(name: &str) {
    let rig = Rig { program: env!("CARGO_BIN_EXE_torture").into(), long: false };
    let torture = TORTURES.iter().find(|torture| torture.name == name).expect("a torture of that name");
    match (torture.run)(&rig).expect("the torture itself works") {
        Outcome::Skipped(reason) => {
            let why = if reason.kernel { Why::Kernel } else { Why::Missing };
            skip::<()>(why, &reason.reason);
        }
        Outcome::Done(tally) => {
            assert!(tally.rounds > 0, "nothing was tried");
            println!("{} rounds; {}", tally.rounds, tally.notes.join("; "));
            assert!(tally.is_good(), "{:#?}", tally.complaints());
        }
    }
}

#[test]
fn j3_kill_9_while_storing() {
    survives("kill-stores");
}

#[test]
fn j3_kill_9_while_refreshing() {
    survives("kill-refreshes");
}

#[test]
fn j3_kill_9_while_storing_postgres() {
    survives("kill-stores-postgres");
}

#[test]
fn j3_kill_9_while_refreshing_postgres() {
    survives("kill-refreshes-postgres");
}

#[test]
fn d4_killed_at_every_step_of_a_refresh_postgres() {
    survives("kill-holder-postgres");
}

#[test]
fn d6_processes_of_the_server_end_while_others_refresh_postgres() {
    survives("kill-backends");
}

#[test]
fn d6_the_server_is_killed_while_others_refresh_postgres() {
    survives("kill-server");
}

#[test]
fn j4_power_cuts() {
    survives("cut-stores");
}

#[test]
fn j4_power_cuts_while_refreshing() {
    survives("cut-refreshes");
}

#[test]
fn j5_every_system_call_fails_once() {
    survives("sweep-stores");
}

#[test]
fn d6_every_system_call_of_a_refresh_fails_once() {
    survives("sweep-refreshes");
}

#[test]
fn j5_full_disk() {
    survives("disk-full");
}

#[test]
fn d6_full_disk_while_refreshing() {
    survives("full-refreshes");
}

#[test]
fn j5_file_size_limit() {
    survives("file-size");
}

#[test]
fn d6_file_size_limit_while_refreshing() {
    survives("file-size-refreshes");
}

#[test]
fn j5_read_only_file_system() {
    survives("read-only");
}

#[test]
fn j5_no_more_open_files() {
    survives("open-files");
}

#[test]
fn j5_vault_taken_away() {
    survives("taken-away");
}

#[test]
fn d4_killed_at_every_step_of_a_refresh() {
    survives("kill-holder");
}

#[test]
fn d4_stopped_for_longer_than_others_wait() {
    survives("stop-holder");
}

#[test]
fn every_torture_has_its_short_version_here() {
    let this = include_str!("short.rs");
    for torture in TORTURES {
        assert!(this.contains(&format!("survives(\"{}\")", torture.name)), "{}", torture.name);
    }
}
