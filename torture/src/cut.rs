//! Power cuts: an ext4 on a loop device that is shut down at a random moment, and mounted again, which plays its journal.
//!
//! Everything that was not synced is gone then: data, sizes, names. A disk that lies about what it has written is not simulated.

use std::fs;
use std::path::{Path, PathBuf};

use crate::chance::Chance;
use crate::machine::{self, Cutter, Mount};
use crate::patient::check;
use crate::process::{self, Victim};
use crate::tally::{Outcome, Tally, Verdict};
use crate::{Rig, Rigged};

const IMAGE_BYTES: u64 = 32 * 1024 * 1024;
/// A new vault after so many cuts: the names of new files are tortured, too.
const VAULT_LIVES: u64 = 10;

/// A child stores while the power goes.
pub fn stores(rig: &Rig) -> Rigged<Outcome> {
    if let Err(skip) = Cutter::needs() {
        return Ok(Outcome::Skipped(skip));
    }
    let folder = rig.folder()?;
    let (image, place) = (folder.path().join("image"), folder.path().join("disk"));
    fs::create_dir(&place).map_err(|error| format!("no folder: {error}"))?;
    let mounted = machine::ext4(&image, IMAGE_BYTES).and_then(|()| Mount::image(&image, &place));
    let mut disk = match mounted {
        Ok(disk) => disk,
        Err(skip) => return Ok(Outcome::Skipped(skip)),
    };
    let mut tally = Tally::new();
    let mut chance = Chance::new();
    let (mut vaults, mut path, mut written) = (0, PathBuf::new(), 0);
    let (mut acknowledged, mut early, mut void) = (0, 0_u64, 0);
    while tally.rounds < rig.rounds(10, 1000) {
        if tally.rounds.is_multiple_of(VAULT_LIVES) || path.as_os_str().is_empty() {
            vaults += 1;
            (path, written) = (another(&place, vaults, &path)?, 0);
        }
        let cutter = Cutter::ready(&place)?;
        let mut victim = Victim::start(process::verb(&rig.program, "write").arg(&path).arg(u64::to_string(&written)))?;
        if tally.rounds.is_multiple_of(2) {
            victim.wait_for("acknowledged");
            chance.wait(0..60_000);
        } else {
            chance.wait(500..30_000);
        }
        // What a machine without power says does not count: a sync that was under way may say that it succeeded, and nothing follows from it.
        let before = victim.acknowledged(written);
        early += u64::from(victim.said().is_empty());
        cutter.cut()?;
        let remains = victim.kill()?;
        disk.unmount()?;
        disk = Mount::image(&image, &place).map_err(|skip| format!("the disk cannot be mounted again: {}", skip.reason))?;
        tally.rounds += 1;
        acknowledged += before - written;
        let name = format!("cut {}", tally.rounds);
        if remains.panicked() {
            tally.blame(Verdict::Wrong(remains.errors.clone()), &name);
        }
        match check(&path, before, remains.acknowledged(before) + 1) {
            Ok(now) => {
                void += remains.acknowledged(now).saturating_sub(now);
                written = now;
            }
            Err(verdict) => {
                tally.blame(verdict, &name);
                path = PathBuf::new();
            }
        }
    }
    disk.unmount()?;
    tally.notes.push(format!(
        "{acknowledged} writes acknowledged, {vaults} vaults made, {early} cuts before the vault was open, {void} writes \
         said after the cut and gone"
    ));
    Ok(tally.done())
}

/// The place of a new vault; the last one makes room.
fn another(disk: &Path, number: u64, last: &Path) -> Rigged<PathBuf> {
    if let Some(folder) = last.parent().filter(|folder| folder.starts_with(disk)) {
        fs::remove_dir_all(folder).map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    }
    Ok(disk.join(format!("keyfob-{number}")).join("vault.db"))
}
