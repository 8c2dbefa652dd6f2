//! Power cuts: an ext4 on a loop device that is shut down at a random moment, and mounted again, which plays its journal.
//!
//! Everything that was not synced is gone then: data, sizes, names. A disk that lies about what it has written is not simulated.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::chance::Chance;
use crate::ground::Place;
use crate::machine::{self, Cutter, Mount};
use crate::patient::check;
use crate::process::{self, Victim};
use crate::series::Series;
use crate::stub::Stub;
use crate::tally::{Outcome, Skip, Tally, Verdict};
use crate::{Rig, Rigged, grant};

const IMAGE_BYTES: u64 = 32 * 1024 * 1024;
/// A new vault after so many cuts: the names of new files are tortured, too.
const VAULT_LIVES: u64 = 10;

/// A child stores while the power goes.
pub fn stores(rig: &Rig) -> Rigged<Outcome> {
    let mut disk = match Disk::new(rig)? {
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
            (path, written) = (another(&disk.place, vaults, &path)?, 0);
        }
        let cutter = Cutter::ready(&disk.place)?;
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
        disk = disk.again()?;
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
    disk.end()?;
    tally.notes.push(format!(
        "{acknowledged} writes acknowledged, {vaults} vaults made, {early} cuts before the vault was open, {void} writes \
         said after the cut and gone"
    ));
    Ok(tally.done())
}

/// A child refreshes while the power goes; the provider is another machine, and goes on. Every other vault's provider answers the last token
/// once more (grace). Either the vault has the newest token, or its note tells which one was being spent: what was promised before the
/// request left must be on the disk by then, not only in the system's memory.
pub fn refreshes(rig: &Rig) -> Rigged<Outcome> {
    let mut disk = match Disk::new(rig)? {
        Ok(disk) => disk,
        Err(skip) => return Ok(Outcome::Skipped(skip)),
    };
    let mut tally = Tally::new();
    let mut chance = Chance::new();
    let (stub, mut series) = (Stub::start()?, Series::default());
    let (mut vaults, mut path, mut standing) = (0_u64, PathBuf::new(), None);
    while tally.rounds < rig.rounds(10, 1000) {
        let known = match standing.take().filter(|_| !tally.rounds.is_multiple_of(VAULT_LIVES)) {
            Some(number) => number,
            None => {
                vaults += 1;
                path = another(&disk.place, vaults, &path)?;
                stub.set(|state| (state.grace, state.slow) = (vaults.is_multiple_of(2), 1000));
                grant::log_in(&Place::File(path.clone()), &stub, 3600)?;
                series.begin();
                stub.state().issued
            }
        };
        let cutter = Cutter::ready(&disk.place)?;
        let mut victim = Victim::start(process::verb(&rig.program, "refresh").arg(&path).arg(&stub.origin))?;
        victim.wait_for(if tally.rounds.is_multiple_of(2) { "open" } else { "acknowledged" });
        chance.wait(0..40_000);
        // A machine without power sends nothing: a request of which the note was said to be on the disk by a sync that was under way when
        // the power went must not get its token. So what has not been answered by now waits, and is nothing afterwards.
        stub.set(|state| state.closed = true);
        let last = victim.acknowledged(known);
        cutter.cut()?;
        let remains = victim.kill()?;
        stub.set(|state| (state.closed, state.void) = (false, true));
        let state = stub.settle()?;
        stub.set(|state| state.void = false);
        disk = disk.again()?;
        tally.rounds += 1;
        let name = format!("cut {}", tally.rounds);
        if remains.panicked() {
            tally.blame(Verdict::Wrong(remains.errors.clone()), &name);
        }
        let found = grant::check(&Place::File(path.clone()), &state, last);
        standing = series.judge(found, (known, last), &state, &mut tally, &name);
    }
    disk.end()?;
    tally.notes.push(series.note("cuts"));
    Ok(tally.done())
}

/// The disk whose power goes.
struct Disk {
    place: PathBuf,
    image: PathBuf,
    mount: Mount,
    // Dropped last: a folder in use cannot be removed.
    _folder: TempDir,
}

impl Disk {
    fn new(rig: &Rig) -> Rigged<Result<Self, Skip>> {
        if let Err(skip) = Cutter::needs() {
            return Ok(Err(skip));
        }
        let folder = rig.folder()?;
        let (image, place) = (folder.path().join("image"), folder.path().join("disk"));
        fs::create_dir(&place).map_err(|error| format!("no folder: {error}"))?;
        let mounted = machine::ext4(&image, IMAGE_BYTES).and_then(|()| Mount::image(&image, &place));
        Ok(mounted.map(|mount| Self { place, image, mount, _folder: folder }))
    }

    /// As it is when the power is back.
    fn again(self) -> Rigged<Self> {
        self.mount.unmount()?;
        let mount = Mount::image(&self.image, &self.place);
        let mount = mount.map_err(|skip| format!("the disk cannot be mounted again: {}", skip.reason))?;
        Ok(Self { mount, ..self })
    }

    fn end(self) -> Rigged<()> {
        self.mount.unmount()
    }
}

/// The place of a new vault; the last one makes room.
fn another(disk: &Path, number: u64, last: &Path) -> Rigged<PathBuf> {
    if let Some(folder) = last.parent().filter(|folder| folder.starts_with(disk)) {
        fs::remove_dir_all(folder).map_err(|error| format!("cannot remove {}: {error}", folder.display()))?;
    }
    Ok(disk.join(format!("keyfob-{number}")).join("vault.db"))
}
