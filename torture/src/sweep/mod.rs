//! Every system call on the vault's files fails once, in every way: strace makes the N-th call of a name return an error, write nothing, or
//! be the process's last.
//!
//! A first run, traced alone, tells which calls there are. The child's own threads count their calls apart, so the work of the vault's thread
//! is swept by joining a child that has opened its vault already.

mod trace;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ground::Place;
use crate::patient::{PREPARED, check, prepare, writer};
use crate::process::{Remains, verb};
use crate::stub::Stub;
use crate::tally::{Outcome, Tally, Verdict};
use crate::{Rig, Rigged, grant, machine};

use trace::Traced;

/// What a call can be made to do, with strace's words for it.
const FAULTS: &[(&str, &str)] = &[
    ("ENOSPC", "error=ENOSPC"),
    ("EIO", "error=EIO"),
    ("EINTR", "error=EINTR"),
    ("EDQUOT", "error=EDQUOT"),
    ("EROFS", "error=EROFS"),
    ("EACCES", "error=EACCES"),
    ("kill", "signal=SIGKILL"),
];
/// More for calls of these names. A write that says 0 has written nothing: the only short write that can be made up without lying.
const MORE: &[(&[&str], (&str, &str))] = &[
    (&["openat"], ("EMFILE", "error=EMFILE")),
    (&["fcntl", "flock"], ("ENOLCK", "error=ENOLCK")),
    (&["write", "pwrite64"], ("nothing", "retval=0")),
];
/// In the short version so many faults of each scene.
const FEW: usize = 20;

/// A situation to sweep through.
struct Scene<'a> {
    name: &'static str,
    /// A folder with a vault to begin with, if not from nothing.
    template: Option<PathBuf>,
    /// Whether strace joins only when the vault is open.
    joins: bool,
    child: Child<'a>,
}

/// What the child does.
enum Child<'a> {
    Writes { before: u64, writes: u64 },
    Refreshes(&'a Stub),
}

/// One call that fails.
struct Shot<'a> {
    call: &'a str,
    number: u64,
    fault: &'static str,
    words: &'static str,
}

/// Making, opening, recovering and writing a vault.
pub fn stores(rig: &Rig) -> Rigged<Outcome> {
    if let Err(skip) = machine::strace() {
        return Ok(Outcome::Skipped(skip));
    }
    let folder = rig.folder()?;
    let [clean, killed] = [prepare(rig, &folder.path().join("clean"), false)?, prepare(rig, &folder.path().join("killed"), true)?];
    let writes = |before, writes| Child::Writes { before, writes };
    let scenes = [
        Scene { name: "make", template: None, joins: false, child: writes(0, 0) },
        Scene { name: "open", template: Some(clean.clone()), joins: false, child: writes(PREPARED, 0) },
        Scene { name: "recover", template: Some(killed), joins: false, child: writes(PREPARED, 0) },
        Scene { name: "work", template: Some(clean), joins: true, child: writes(PREPARED, 3) },
    ];
    sweep(rig, &scenes)
}

/// A refresh in a session, from taking the right to it to the end of the program.
pub fn refreshes(rig: &Rig) -> Rigged<Outcome> {
    if let Err(skip) = machine::strace() {
        return Ok(Outcome::Skipped(skip));
    }
    let folder = rig.folder()?;
    let (template, stub) = (folder.path().join("keyfob"), Stub::start()?);
    grant::log_in(&Place::File(template.join("vault.db")), &stub, -3600)?;
    sweep(rig, &[Scene { name: "refresh", template: Some(template), joins: true, child: Child::Refreshes(&stub) }])
}

fn sweep(rig: &Rig, scenes: &[Scene<'_>]) -> Rigged<Outcome> {
    let mut tally = Tally::new();
    let folder = rig.folder()?;
    for scene in scenes {
        let traced = Traced::new(folder.path().join("work"), scene.template.clone(), scene.joins);
        let calls = traced.calls(&mut scene.command(rig, &traced.vault))?;
        let mut shots: Vec<Shot<'_>> = calls.iter().flat_map(|(call, numbers)| shots(call, numbers)).collect();
        let all = shots.len();
        if !rig.long {
            // A step that shares no factor with the number of faults meets all of them.
            let step = (all / FEW).max(1);
            let step = if step.is_multiple_of(FAULTS.len()) { step + 1 } else { step };
            shots = shots.into_iter().step_by(step).collect();
        }
        let (mut hit, mut survived) = (0_u64, 0_u64);
        for shot in &shots {
            let inject = format!("inject={}:{}:when={}", shot.call, shot.words, shot.number);
            let (remains, was_hit) = traced.run(&mut scene.command(rig, &traced.vault), Some(&inject))?;
            hit += u64::from(was_hit);
            survived += u64::from(remains.status.success());
            tally.rounds += 1;
            for verdict in scene.judge(&traced.vault, &remains, shot, was_hit) {
                tally.blame(verdict, &format!("{}, {} of {} {}", scene.name, shot.fault, shot.call, shot.number));
            }
        }
        let (tried, calls) = (shots.len(), calls.values().map(BTreeSet::len).sum::<usize>());
        tally.notes.push(format!("{}: {tried} of {all} faults in {calls} calls, {hit} hit, {survived} borne", scene.name));
    }
    Ok(tally.done())
}

/// Every fault of every call of this name.
fn shots<'a>(call: &'a str, numbers: &'a BTreeSet<u64>) -> impl Iterator<Item = Shot<'a>> {
    let more = MORE.iter().filter(move |(calls, _)| calls.contains(&call)).map(|(_, fault)| fault);
    let faults: Vec<_> = FAULTS.iter().chain(more).collect();
    numbers
        .iter()
        .flat_map(move |number| faults.clone().into_iter().map(move |(fault, words)| Shot { call, number: *number, fault, words }))
}

impl Scene<'_> {
    fn command(&self, rig: &Rig, vault: &Path) -> Command {
        let mut command = match &self.child {
            Child::Writes { before, writes } => writer(rig, vault, *before, *writes),
            Child::Refreshes(stub) => {
                stub.set(|state| (state.issued, state.lifetime) = (0, 3600));
                let mut command = verb(&rig.program, "refresh");
                command.arg(vault.join("vault.db")).arg(&stub.origin).args(["--most=1", "--settle"]);
                command
            }
        };
        command.args(self.joins.then_some("--gate"));
        command
    }

    /// What is not as it should be after a run.
    fn judge(&self, vault: &Path, remains: &Remains, shot: &Shot<'_>, was_hit: bool) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let path = vault.join("vault.db");
        let killed = shot.fault == "kill";
        // SQLite takes a file that answers reads with EIO for one on a damaged file system, and says that it is damaged.
        let is_damage = shot.fault == "EIO" && shot.call == "pread64" && remains.error().is_some_and(|(kind, _)| kind == "corrupt");
        // A loader that cannot read a library is not ours.
        let judges = remains.panicked() || was_hit && !killed && !is_damage;
        match &self.child {
            Child::Writes { before, writes } => {
                let acknowledged = remains.acknowledged(*before);
                verdicts.extend(judges.then(|| remains.complain(acknowledged == before + writes)).flatten());
                verdicts.extend(check(&path, acknowledged, acknowledged + 1).err());
            }
            Child::Refreshes(stub) => {
                let acknowledged = remains.acknowledged(0);
                let unsaved = remains.error().is_some_and(|(kind, _)| kind == "unsaved");
                verdicts.extend((judges && !unsaved).then(|| remains.complain(remains.status.success())).flatten());
                let standing =
                    stub.settle().map_err(Verdict::Wrong).and_then(|state| grant::check(&Place::File(path), &state, acknowledged));
                match standing {
                    Err(verdict) => verdicts.push(verdict),
                    // The fault is over by the time that the child tries again. A lock that the kernel does not take back, though, is one
                    // that others wait for until the process ends: then there is the note.
                    Ok(standing) if standing.told && !killed && shot.call != "fcntl" => {
                        verdicts.push(Verdict::Lost(format!("{:?}, and the vault says {:?}", remains.said, standing.note)));
                    }
                    Ok(_) => {}
                }
            }
        }
        verdicts
    }
}
