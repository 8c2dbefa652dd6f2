//! A child under strace, in a copy of a vault.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::Rigged;
use crate::patient::copy;
use crate::process::{Remains, Victim};

/// Longer than a child waits for all of its locks, one after the other, on a machine that is busy: one that was not given back keeps it from each of its writes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where children run under strace.
pub(super) struct Traced {
    /// The folder of the vault.
    pub(super) vault: PathBuf,
    log: PathBuf,
    work: PathBuf,
    template: Option<PathBuf>,
    joins: bool,
}

impl Traced {
    /// In this folder, each time with a copy of the template; where strace joins, when the child says that it is open.
    pub(super) fn new(work: PathBuf, template: Option<PathBuf>, joins: bool) -> Self {
        Self { vault: work.join("vault"), log: work.join("log"), work, template, joins }
    }

    /// Which calls touch the vault's files: their names, and the how many-th of its name and thread each is.
    pub(super) fn calls(&self, child: &mut Command) -> Rigged<BTreeMap<String, BTreeSet<u64>>> {
        let (remains, _) = self.run(child, None)?;
        if !remains.status.success() {
            return Err(format!("it fails even without a fault: {remains:?}"));
        }
        let (mut seen, mut found) = (BTreeMap::<(&str, &str), u64>::new(), BTreeMap::<String, BTreeSet<u64>>::new());
        let log = self.read_log()?;
        let folder = self.vault.to_string_lossy().into_owned();
        for (thread, call, rest) in log.lines().filter_map(entered) {
            let number = seen.entry((thread, call)).or_default();
            *number += 1;
            if rest.contains(&folder) {
                found.entry(call.to_owned()).or_default().insert(*number);
            }
        }
        Ok(found)
    }

    /// One run; says how the child ended, and whether the fault met a file of the vault, and nothing else: each thread counts its calls
    /// from one.
    pub(super) fn run(&self, child: &mut Command, inject: Option<&str>) -> Rigged<(Remains, bool)> {
        let failed = |error| format!("cannot prepare {}: {error}", self.vault.display());
        if self.work.exists() {
            fs::remove_dir_all(&self.work).map_err(failed)?;
        }
        fs::create_dir_all(&self.work).map_err(failed)?;
        if let Some(template) = &self.template {
            copy(template, &self.vault).map_err(failed)?;
        }
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-qq", "-s", "0", "-e", "signal=none", "-e", "trace=%file,%desc"]).arg("-o").arg(&self.log);
        if let Some(inject) = inject {
            strace.args(["-e", inject]);
        }
        let remains = if self.joins { join(strace, child)? } else { within(strace, child)? };
        let log = self.read_log()?;
        let folder = self.vault.to_string_lossy().into_owned();
        let mut injected = log.lines().filter(|line| line.contains("(INJECTED)")).peekable();
        // The call that kills has no result.
        let was_hit = inject.is_some_and(|inject| inject.contains("SIGKILL")) || injected.peek().is_some();
        Ok((remains, was_hit && injected.all(|line| line.contains(&folder))))
    }

    fn read_log(&self) -> Rigged<String> {
        let bytes = fs::read(&self.log).map_err(|error| format!("no log of strace: {error}"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
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
