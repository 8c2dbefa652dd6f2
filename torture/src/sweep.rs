//! Every system call on the vault's files fails once, in every way: strace makes the N-th call of a name return an error, write nothing, or
//! be the process's last.
//!
//! A first run, traced alone, tells which calls there are. The child's own threads count their calls apart, so the work of the vault's thread
//! is swept by joining a child that has opened its vault already.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::machine;
use crate::patient::{PREPARED, check, copy, prepare, writer};
use crate::process::{Remains, Victim};
use crate::tally::{Outcome, Tally, Verdict};
use crate::{Rig, Rigged};

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
/// Longer than a child waits for any lock.
const PATIENCE: Duration = Duration::from_secs(30);

/// A situation to sweep through.
struct Scene {
    name: &'static str,
    /// A folder to begin with, if not from nothing.
    template: Option<PathBuf>,
    /// In the vault before.
    before: u64,
    /// How many writes the child does.
    writes: u64,
    /// Whether strace joins only when the vault is open.
    joins: bool,
}

/// One call that fails.
struct Shot<'a> {
    call: &'a str,
    number: u64,
    fault: &'static str,
    words: &'static str,
}

/// All of it.
pub fn stores(rig: &Rig) -> Rigged<Outcome> {
    if let Err(skip) = machine::strace() {
        return Ok(Outcome::Skipped(skip));
    }
    let folder = rig.folder()?;
    let [clean, killed] = [prepare(rig, &folder.path().join("clean"), false)?, prepare(rig, &folder.path().join("killed"), true)?];
    let scenes = [
        Scene { name: "make", template: None, before: 0, writes: 0, joins: false },
        Scene { name: "open", template: Some(clean.clone()), before: PREPARED, writes: 0, joins: false },
        Scene { name: "recover", template: Some(killed), before: PREPARED, writes: 0, joins: false },
        Scene { name: "work", template: Some(clean), before: PREPARED, writes: 3, joins: true },
    ];
    let mut tally = Tally::new();
    for scene in &scenes {
        let work = folder.path().join("work");
        let calls = scene.calls(rig, &work)?;
        let mut shots: Vec<Shot<'_>> = calls.iter().flat_map(|(call, numbers)| shots(call, numbers)).collect();
        let all = shots.len();
        if !rig.long {
            // A step that shares no factor with the number of faults meets all of them.
            let step = (all / 24).max(1);
            let step = if step.is_multiple_of(FAULTS.len()) { step + 1 } else { step };
            shots = shots.into_iter().step_by(step).collect();
        }
        let (mut hit, mut survived) = (0_u64, 0_u64);
        for shot in &shots {
            let (remains, was_hit) = scene.run(rig, &work, Some(shot))?;
            hit += u64::from(was_hit);
            survived += u64::from(remains.status.success());
            tally.rounds += 1;
            for verdict in scene.judge(&work, &remains, shot, was_hit) {
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

impl Scene {
    /// Which calls touch the vault's files: their names, and the how many-th of its name and thread each is.
    fn calls(&self, rig: &Rig, work: &Path) -> Rigged<BTreeMap<String, BTreeSet<u64>>> {
        let (remains, _) = self.run(rig, work, None)?;
        if !remains.status.success() {
            return Err(format!("{}: fails even without a fault: {remains:?}", self.name));
        }
        let (mut seen, mut found) = (BTreeMap::<(&str, &str), u64>::new(), BTreeMap::<String, BTreeSet<u64>>::new());
        let log = read_log(work)?;
        let folder = work.join("vault").to_string_lossy().into_owned();
        for (thread, call, rest) in log.lines().filter_map(entered) {
            let number = seen.entry((thread, call)).or_default();
            *number += 1;
            if rest.contains(&folder) {
                found.entry(call.to_owned()).or_default().insert(*number);
            }
        }
        Ok(found)
    }

    /// One run under strace; says how the child ended, and whether the fault met a file of the vault, and nothing else: each
    /// thread counts its calls from one.
    fn run(&self, rig: &Rig, work: &Path, shot: Option<&Shot<'_>>) -> Rigged<(Remains, bool)> {
        let folder = work.join("vault");
        let failed = |error| format!("cannot prepare {}: {error}", folder.display());
        if work.exists() {
            fs::remove_dir_all(work).map_err(failed)?;
        }
        fs::create_dir_all(work).map_err(failed)?;
        if let Some(template) = &self.template {
            copy(template, &folder).map_err(failed)?;
        }
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-qq", "-s", "0", "-e", "signal=none", "-e", "trace=%file,%desc"]).arg("-o").arg(work.join("log"));
        if let Some(shot) = shot {
            strace.arg("-e").arg(format!("inject={}:{}:when={}", shot.call, shot.words, shot.number));
        }
        let mut writer = writer(rig, &folder, self.before, self.writes);
        let remains = if self.joins { join(strace, writer.arg("--gate"))? } else { within(strace, &writer)? };
        let log = read_log(work)?;
        let folder = folder.to_string_lossy().into_owned();
        let mut injected = log.lines().filter(|line| line.contains("(INJECTED)")).peekable();
        // The call that kills has no result.
        let was_hit = shot.is_some_and(|shot| shot.fault == "kill") || injected.peek().is_some();
        Ok((remains, was_hit && injected.all(|line| line.contains(&folder))))
    }

    /// What is not as it should be after a run.
    fn judge(&self, work: &Path, remains: &Remains, shot: &Shot<'_>, was_hit: bool) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let acknowledged = remains.acknowledged(self.before);
        // A loader that cannot read a library is not ours.
        if remains.panicked() || was_hit && shot.fault != "kill" {
            verdicts.extend(remains.complain(acknowledged == self.before + self.writes));
        }
        verdicts.extend(check(&work.join("vault/vault.db"), acknowledged, acknowledged + 1).err());
        verdicts
    }
}

/// Has strace start the child.
fn within(mut strace: Command, writer: &Command) -> Rigged<Remains> {
    strace.arg("--seccomp-bpf").arg(writer.get_program()).args(writer.get_args());
    Victim::start(&mut strace)?.finish_within(PATIENCE)
}

/// Has strace join a child that has its vault open.
fn join(mut strace: Command, writer: &mut Command) -> Rigged<Remains> {
    let mut victim = Victim::start(writer)?;
    if !victim.wait_for("open") {
        return Err(format!("the child did not open its vault: {:?}", victim.finish()?));
    }
    let joined = Victim::start(strace.arg("-p").arg(victim.pid().to_string()))?;
    wait_until_traced(victim.pid())?;
    // It goes on when its stdin ends.
    let remains = victim.finish_within(PATIENCE)?;
    joined.finish_within(PATIENCE)?;
    Ok(remains)
}

/// Until strace has every thread.
fn wait_until_traced(pid: u32) -> Rigged<()> {
    let untraced = |status: PathBuf| fs::read_to_string(status).is_ok_and(|text| text.lines().any(|line| line == "TracerPid:\t0"));
    for _ in 0..2000 {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| format!("the child is gone: {error}"))?;
        if !threads.flatten().any(|thread| untraced(thread.path().join("status"))) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err("strace does not join".to_owned())
}

/// Thread, name and the rest of a line that begins a call: `123 openat(AT_FDCWD, …`.
fn entered(line: &str) -> Option<(&str, &str, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (call, rest) = rest.trim_start().split_once('(')?;
    call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some((thread, call, rest))
}

fn read_log(work: &Path) -> Rigged<String> {
    fs::read(work.join("log"))
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|error| format!("no log of strace: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_from_a_trace() {
        let line = "4711 pwrite64(5</tmp/v/vault.db-wal>, \"\"..., 24, 86552) = 24";
        assert_eq!(entered(line).map(|(thread, call, _)| (thread, call)), Some(("4711", "pwrite64")));
        assert_eq!(entered("4711 <... write resumed>) = 8"), None);
        assert_eq!(entered("4711 +++ killed by SIGKILL +++"), None);
    }
}
