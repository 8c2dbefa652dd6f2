//! What a person or another program takes away from under a process.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::patient::{PREPARED, check, copy, prepare, writer};
use crate::process::{Remains, Victim, verb};
use crate::tally::{Outcome, Tally, Verdict};
use crate::{Rig, Rigged};

const PATIENCE: Duration = Duration::from_secs(30);
/// Whoever is root is kept out by no mode: these ids are.
const NOBODY: u32 = 65_534;
const WRITES: u64 = 6;

/// Only so many files may be open: for the first ones the program does not even start, for the last ones all is well.
pub fn open_files(rig: &Rig) -> Rigged<Outcome> {
    let folder = rig.folder()?;
    let template = prepare(rig, &folder.path().join("template"), true)?;
    let mut tally = Tally::new();
    let mut good = Vec::new();
    for limit in 3..24 {
        for new in [false, true] {
            let spoiled = folder.path().join(format!("spoiled-{limit}-{new}"));
            let before = if new { 0 } else { PREPARED };
            if !new {
                copy(&template, &spoiled).map_err(|error| format!("cannot copy: {error}"))?;
            }
            let mut child = writer(rig, &spoiled, before, WRITES);
            let remains = Victim::start(child.arg(format!("--open-files={limit}")))?.finish_within(PATIENCE)?;
            tally.rounds += 1;
            let name = format!("{limit} files{}", if new { ", new vault" } else { "" });
            let acknowledged = remains.acknowledged(before);
            if let Some(verdict) = remains.complain(acknowledged == before + WRITES) {
                tally.blame(verdict, &name);
            }
            if remains.status.success() && !new {
                good.push(limit);
            }
            if let Err(verdict) = check(&spoiled.join("vault.db"), acknowledged, acknowledged + 1) {
                tally.blame(verdict, &name);
            }
        }
    }
    let first = good.first().map_or_else(|| "never".to_owned(), |limit| format!("from {limit} files on"));
    tally.notes.push(format!("works {first}"));
    Ok(tally.done())
}

/// A process has its vault open, and somebody deletes it, replaces it, or makes its folder read-only.
pub fn taken_away(rig: &Rig) -> Rigged<Outcome> {
    let folder = rig.folder()?;
    let template = prepare(rig, &folder.path().join("template"), false)?;
    let mut tally = Tally::new();
    type Take = fn(&Path) -> std::io::Result<()>;
    let cases: [(&str, Take); 3] = [("deleted", delete), ("folder deleted", |vault| fs::remove_dir_all(vault)), ("replaced", replace)];
    for (name, take) in cases {
        for gate in [0, 1] {
            let vault = folder.path().join(format!("{}-{gate}", name.replace(' ', "-")));
            copy(&template, &vault).map_err(|error| format!("cannot copy: {error}"))?;
            let mut victim = Victim::start(writer(rig, &vault, PREPARED, WRITES).arg(format!("--gate-after={gate}")))?;
            victim.wait_for(if gate == 0 { "open" } else { "acknowledged" });
            take(&vault).map_err(|error| format!("{name}: {error}"))?;
            let remains = victim.finish_within(PATIENCE)?;
            tally.rounds += 1;
            let name = format!("{name} after {gate} writes");
            let acknowledged = remains.acknowledged(PREPARED);
            let (path, after) = (vault.join("vault.db"), acknowledged - PREPARED - gate);
            if let Some(verdict) = remains.complain(after == WRITES - gate) {
                tally.blame(verdict, &name);
            }
            // What went into a file that has no name any more is lost. What was written into the copy that was put back is there, or in the copy.
            if after > 0 && !path.exists() {
                tally.blame(Verdict::Lost(format!("{after} writes went into a file that is not there")), &name);
            } else if after > 0
                && let Err(verdict) = check(&path, acknowledged, acknowledged)
            {
                tally.blame(verdict, &name);
            }
            tally.notes.push(format!("{name}: {}", remains.error().map_or("works", |(_, words)| words)));
        }
    }
    locked_folder(rig, &mut tally)?;
    Ok(tally.done())
}

/// The folder's mode becomes 0500, for a user whom modes keep out.
fn locked_folder(rig: &Rig, tally: &mut Tally) -> Rigged<()> {
    let place = rig.folder()?;
    let root = rustix::process::geteuid().is_root();
    let failed = |error: std::io::Error| format!("cannot prepare a folder for nobody: {error}");
    let program = place.path().join("torture");
    fs::copy(&rig.program, &program).map_err(failed)?;
    let home = place.path().join("home");
    fs::create_dir(&home).map_err(failed)?;
    if root {
        std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY)).map_err(failed)?;
        fs::set_permissions(place.path(), Permissions::from_mode(0o755)).map_err(failed)?;
    }
    let nobody = Rig { program, long: rig.long };
    let run = |command: &mut Command| -> Rigged<Victim> {
        if root {
            command.uid(NOBODY).gid(NOBODY);
        }
        Victim::start(command.current_dir("/"))
    };
    let vault = home.join("keyfob");
    let mode = |mode| fs::set_permissions(&vault, Permissions::from_mode(mode)).map_err(failed);
    let first = run(&mut writer(&nobody, &vault, 0, PREPARED))?.finish_within(PATIENCE)?;
    if !first.status.success() {
        return Err(format!("nobody cannot make a vault: {first:?}"));
    }
    let mut open = run(writer(&nobody, &vault, PREPARED, WRITES).arg("--gate"))?;
    open.wait_for("open");
    mode(0o500)?;
    let remains = open.finish_within(PATIENCE)?;
    let acknowledged = remains.acknowledged(PREPARED);
    let late = run(&mut writer(&nobody, &vault, acknowledged, WRITES))?.finish_within(PATIENCE)?;
    let last = late.acknowledged(acknowledged);
    tally.rounds += 2;
    for (remains, whole, name) in [
        (&remains, acknowledged == PREPARED + WRITES, "open, folder 0500"),
        (&late, last == acknowledged + WRITES, "opened in a folder 0500"),
    ] {
        if let Some(verdict) = remains.complain(whole) {
            tally.blame(verdict, name);
        }
        tally.notes.push(format!("{name}: {}", remains.error().map_or("works", |(_, words)| words)));
    }
    mode(0o700)?;
    let seen: Remains =
        run(verb(&nobody.program, "check").arg(vault.join("vault.db")).args([last, last + 1].map(|number| number.to_string())))?
            .finish_within(PATIENCE)?;
    if !seen.status.success() {
        tally.blame(Verdict::Lost(seen.said.join(" ")), "folder 0500 and back");
    }
    Ok(())
}

fn delete(vault: &Path) -> std::io::Result<()> {
    fs::remove_file(vault.join("vault.db"))
}

/// As a person would who puts back a copy.
fn replace(vault: &Path) -> std::io::Result<()> {
    let copy = vault.join("copy.db");
    fs::copy(vault.join("vault.db"), &copy)?;
    fs::rename(copy, vault.join("vault.db"))
}
