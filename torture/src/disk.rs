//! Disks that are full, file systems that cannot be written to.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::time::Duration;

use crate::book::{self, Book};
use crate::ground::Place;
use crate::machine::Mount;
use crate::patient::{PREPARED, check, copy, prepare, writer};
use crate::process::{Victim, verb};
use crate::stub::Stub;
use crate::tally::{Outcome, Tally, Verdict};
use crate::{Rig, Rigged, grant};

const PATIENCE: Duration = Duration::from_secs(30);
/// Files grow by pages of this size.
const PAGE: u64 = 4096;
/// Many times what the vault and its log need.
const DISK_BYTES: u64 = 4 * 1024 * 1024;
/// More writes than fit in any of the rooms that are left.
const MOST: u64 = 200;

/// A disk with so much room, no more: a child stores until it is full. Then the vault is looked at while the disk is still full, and
/// when there is room again.
pub fn full(rig: &Rig) -> Rigged<Outcome> {
    let folder = rig.folder()?;
    let disk = match Mount::memory(folder.path(), &format!("size={DISK_BYTES},mode=0700")) {
        Ok(disk) => disk,
        Err(skip) => return Ok(Outcome::Skipped(skip)),
    };
    let mut tally = Tally::new();
    let [template, spoiled, ballast] = ["template", "spoiled", "ballast"].map(|name| disk.place.join(name));
    let templates = [prepare(rig, &template, false)?];
    let (mut fitted, mut unreadable) = (0, 0_u64);
    for room in (0..=rig.rounds(4, 64)).map(|step| step * PAGE * if rig.long { 1 } else { 8 }) {
        for template in &templates {
            renew(template, &spoiled)?;
            fill(&ballast, &disk.place, room)?;
            tally.rounds += 1;
            let name = format!("{} KiB left", room / 1024);
            let remains = Victim::start(&mut writer(rig, &spoiled, PREPARED, MOST))?.finish_within(PATIENCE)?;
            let acknowledged = remains.acknowledged(PREPARED);
            fitted += acknowledged - PREPARED;
            if let Some(verdict) = remains.complain(acknowledged == PREPARED + MOST) {
                tally.blame(verdict, &name);
            }
            let path = spoiled.join("vault.db");
            // To be read, a vault whose log was not played in needs room for the index of it; without it the error must be the disk's. Any other is read as it is.
            let has_log = has_log(&path)?;
            let looks = Victim::start(&mut writer(rig, &spoiled, acknowledged, 0))?.finish_within(PATIENCE)?;
            unreadable += u64::from(!looks.status.success());
            if !has_log && !looks.status.success() {
                tally.blame(Verdict::Wrong(format!("a vault that was closed cannot be read: {:?}", looks.said)), &name);
            }
            if let Some(verdict) = looks.complain(true) {
                tally.blame(verdict, &format!("{name}, opened while the disk is full"));
            }
            fs::remove_file(&ballast).map_err(|error| format!("no room: {error}"))?;
            match check(&path, acknowledged, acknowledged + 1) {
                Err(verdict) => tally.blame(verdict, &name),
                Ok(now) => {
                    let remains = Victim::start(&mut writer(rig, &spoiled, now, 6))?.finish_within(PATIENCE)?;
                    let last = remains.acknowledged(now);
                    if last != now + 6 {
                        tally.blame(Verdict::Wrong(format!("there is room again, and no write: {:?}", remains.said)), &name);
                    } else if let Err(verdict) = check(&path, last, last) {
                        tally.blame(verdict, &format!("{name}, after there was room again"));
                    }
                }
            }
        }
    }
    tally.notes.push(format!("{fitted} writes fitted; on the full disk {unreadable} vaults could not be opened, and said so"));
    Ok(tally.done())
}

/// Whether there is a log with something in it.
fn has_log(vault: &Path) -> Rigged<bool> {
    match fs::metadata(vault.with_extension("db-wal")) {
        Ok(log) => Ok(log.len() > 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(format!("cannot look at the log: {error}")),
    }
}

/// A disk with so much room: a child refreshes until it is full. Where there is room again while the child lives, it keeps what it could not
/// write, and nothing is lost; where it ends before, the note tells what was.
pub fn full_refreshes(rig: &Rig) -> Rigged<Outcome> {
    let folder = rig.folder()?;
    let disk = match Mount::memory(folder.path(), &format!("size={DISK_BYTES},mode=0700")) {
        Ok(disk) => disk,
        Err(skip) => return Ok(Outcome::Skipped(skip)),
    };
    let mut tally = Tally::new();
    let (mut refreshed, mut unsaved, mut told) = (0, 0_u64, 0_u64);
    let ballast = disk.place.join("ballast");
    for room in (0..=rig.rounds(4, 64)).map(|step| step * PAGE * if rig.long { 1 } else { 12 }) {
        for settles in [true, false] {
            let vault = disk.place.join(format!("vault-{room}-{settles}"));
            let (path, stub) = (Place::File(vault.join("vault.db")), Stub::start()?);
            stub.set(|state| state.grace = true);
            grant::log_in(&path, &stub, -3600)?;
            let refresh = |options: &[&str]| {
                let mut command = verb(&rig.program, "refresh");
                command.arg(&path).arg(&stub.origin).args(options);
                Victim::start(&mut command)
            };
            let mut child = refresh(if settles { &["--gate", "--settle"] } else { &["--gate"] })?;
            child.wait_for("open");
            fill(&ballast, &disk.place, room)?;
            child.go_on()?;
            if settles && child.wait_for_one_of(&["unsaved", "spent nothing"]).as_deref() == Some("unsaved") {
                unsaved += 1;
            }
            let free = || fs::remove_file(&ballast).map_err(|error| format!("no room: {error}"));
            if settles {
                free()?;
                child.go_on()?;
            }
            let remains = child.finish_within(PATIENCE)?;
            if !settles {
                free()?;
            }
            tally.rounds += 1;
            let name = format!("{} KiB left{}", room / 1024, if settles { ", room again" } else { "" });
            let ended = remains.error().map(|(kind, _)| kind);
            if remains.panicked() || (settles && ended.is_some()) || !(settles || matches!(ended, Some("io" | "unsaved"))) {
                tally.blame(Verdict::Wrong(format!("{:?} {}", remains.said, remains.errors)), &name);
            }
            match grant::check(&path, &stub.settle()?, remains.acknowledged(0)) {
                Err(verdict) => tally.blame(verdict, &name),
                Ok(standing) if settles && standing.told => {
                    tally.blame(Verdict::Lost(format!("there was room again, and the token was not kept: {standing:?}")), &name);
                }
                Ok(standing) => {
                    refreshed += standing.number;
                    told += u64::from(standing.told);
                }
            }
            // The next process goes on; its provider answers the last token once more.
            let next = refresh(&["--most=1"])?.finish_within(PATIENCE)?;
            let last = next.acknowledged(0);
            if last == 0 {
                tally.blame(Verdict::Wrong(format!("there is room again, and no refresh: {:?} {}", next.said, next.errors)), &name);
            } else if let Err(verdict) = grant::check(&path, &stub.settle()?, last) {
                tally.blame(verdict, &format!("{name}, after the next refresh"));
            }
            fs::remove_dir_all(&vault).map_err(|error| format!("cannot remove: {error}"))?;
        }
    }
    tally.notes.push(format!(
        "{refreshed} refreshes fitted; {unsaved} times the new token was held in memory until there was room; {told} times the process ended \
         before that, and the note tells"
    ));
    Ok(tally.done())
}

/// The vault on a file system that became read-only: closed in order it can be read; after a kill its log would first have to be played into
/// it, and it says so. Nobody writes in either.
pub fn read_only(rig: &Rig) -> Rigged<Outcome> {
    let folder = rig.folder()?;
    let disk = match Mount::memory(folder.path(), &format!("size={DISK_BYTES},mode=0700")) {
        Ok(disk) => disk,
        Err(skip) => return Ok(Outcome::Skipped(skip)),
    };
    let mut tally = Tally::new();
    for killed in [false, true] {
        let vault = prepare(rig, &disk.place.join(if killed { "killed" } else { "closed" }), killed)?;
        let path = vault.join("vault.db");
        disk.remount("ro")?;
        for writes in [0, 1] {
            tally.rounds += 1;
            let name = format!("{}, {writes} writes", if killed { "killed" } else { "closed" });
            let remains = Victim::start(&mut writer(rig, &vault, PREPARED, writes))?.finish_within(PATIENCE)?;
            if let Some(verdict) = remains.complain(remains.acknowledged(PREPARED) == PREPARED + writes) {
                tally.blame(verdict, &name);
            }
            let opened = remains.said.iter().any(|line| line == "open");
            let refused = remains.error().is_some_and(|(_, words)| words.contains("read-only"));
            if opened == killed || refused == (opened && writes == 0) {
                tally.blame(Verdict::Wrong(format!("it was {}opened: {:?}", if opened { "" } else { "not " }, remains.said)), &name);
            }
            let said = remains.error().map_or("opens", |(_, words)| words);
            tally.notes.push(format!("{name}: {said}"));
        }
        let reader = if killed { None } else { Some(Book::open(&Place::File(path.clone())).map_err(|error| book::describe(&error))?) };
        if let Some(Err(verdict)) = reader.as_ref().map(|reader| reader.check(PREPARED, PREPARED)) {
            tally.blame(verdict, "everything can be read");
        }
        disk.remount("rw")?;
        if let Err(verdict) = check(&path, PREPARED, PREPARED) {
            tally.blame(verdict, "writable again");
        }
        if let Some(reader) = reader {
            tally.rounds += 1;
            written_under_it(rig, &vault, &reader, &mut tally)?;
        }
    }
    Ok(tally.done())
}

/// Who opened it to be read only, and to whom it was promised that nobody writes, is told when somebody does, and reads no mixture.
fn written_under_it(rig: &Rig, vault: &Path, reader: &Book, tally: &mut Tally) -> Rigged<()> {
    let name = "written to under a reader";
    let remains = Victim::start(&mut writer(rig, vault, PREPARED, 1))?.finish_within(PATIENCE)?;
    if let Some(verdict) = remains.complain(remains.acknowledged(PREPARED) == PREPARED + 1) {
        tally.blame(verdict, name);
    }
    match reader.wait(reader.store.accounts()) {
        Err(error) if book::kind(&error) == "io" => tally.notes.push(format!("{name}: {}", book::describe(&error))),
        Err(error) => tally.blame(Verdict::Wrong(book::describe(&error)), name),
        Ok(_) => tally.blame(Verdict::Wrong("it goes on with what it had".to_owned()), name),
    }
    Ok(())
}

pub(crate) fn renew(template: &Path, spoiled: &Path) -> Rigged<()> {
    let failed = |error| format!("cannot renew {}: {error}", spoiled.display());
    if spoiled.exists() {
        fs::remove_dir_all(spoiled).map_err(failed)?;
    }
    copy(template, spoiled).map_err(failed)
}

/// Fills the disk, but for so much room.
fn fill(ballast: &Path, disk: &Path, room: u64) -> Rigged<()> {
    let fill = || -> std::io::Result<()> {
        let mut file = fs::File::create(ballast)?;
        let found = rustix::fs::statvfs(disk)?;
        let free = found.f_bavail * found.f_frsize;
        let zeros = vec![0; usize::try_from(PAGE).expect("a small number")];
        for _ in 0..free.saturating_sub(room) / PAGE {
            file.write_all(&zeros)?;
        }
        file.flush()
    };
    fill().map_err(|error| format!("the disk cannot be filled: {error}"))
}
