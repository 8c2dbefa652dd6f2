//! Files that may not grow (RLIMIT_FSIZE): of a write the kernel takes what fits, and says how much that was, or kills the process.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::disk::renew;
use crate::ground::Place;
use crate::patient::{PREPARED, check, prepare, writer};
use crate::process::{Victim, verb};
use crate::stub::Stub;
use crate::tally::{Outcome, Tally, Verdict};
use crate::{Rig, Rigged, grant};

const PATIENCE: Duration = Duration::from_secs(30);
/// More writes than fit under any of the limits.
const MOST: u64 = 200;
/// Beyond every limit that is tried.
const LARGEST: u64 = 400_000;

/// No file may grow beyond so many bytes: the kernel writes what fits, and says how much that was. Where the process does not ask to be
/// told, the kernel kills it instead (SIGXFSZ).
pub fn stores(rig: &Rig) -> Rigged<Outcome> {
    let folder = rig.folder()?;
    let template = prepare(rig, &folder.path().join("template"), true)?;
    let spoiled = folder.path().join("spoiled");
    let mut tally = Tally::new();
    let (step, mut fitted, mut killed) = (rig.rounds(20_011, 1024 - 7), 0, 0_u64);
    for limit in (0..LARGEST).step_by(usize::try_from(step).expect("a small number")) {
        for told in [true, false] {
            renew(&template, &spoiled)?;
            let mut writer = writer(rig, &spoiled, PREPARED, MOST);
            writer.arg(format!("--file-size={limit}"));
            let mut command = if told { told_of_signals(&writer) } else { writer };
            let remains = Victim::start(&mut command)?.finish_within(PATIENCE)?;
            tally.rounds += 1;
            let acknowledged = remains.acknowledged(PREPARED);
            fitted += acknowledged - PREPARED;
            let died = std::os::unix::process::ExitStatusExt::signal(&remains.status).is_some();
            killed += u64::from(died);
            let name = format!("{limit} bytes{}", if told { "" } else { ", or killed" });
            let complaint = if died && !told { None } else { remains.complain(acknowledged == PREPARED + MOST) };
            if let Some(verdict) = complaint {
                tally.blame(verdict, &name);
            }
            if let Err(verdict) = check(&spoiled.join("vault.db"), acknowledged, acknowledged + 1) {
                tally.blame(verdict, &name);
            }
        }
    }
    tally.notes.push(format!("{fitted} writes fitted; {killed} processes killed by the kernel"));
    Ok(tally.done())
}

/// The same for refreshes: of a note, or of a token that has come, a part is written, and then no more. The next process, which no limit holds, goes on;
/// its provider answers the last token once more.
pub fn refreshes(rig: &Rig) -> Rigged<Outcome> {
    let folder = rig.folder()?;
    let mut tally = Tally::new();
    let (step, mut fitted, mut killed, mut untaken) = (rig.rounds(40_009, 2048 - 7), 0, 0_u64, 0_u64);
    for limit in (0..LARGEST).step_by(usize::try_from(step).expect("a small number")) {
        for told in [true, false] {
            let vault = folder.path().join(format!("vault-{limit}-{told}"));
            let (path, stub) = (Place::File(vault.join("vault.db")), Stub::start()?);
            stub.set(|state| state.grace = true);
            grant::log_in(&path, &stub, -3600)?;
            let refresh = |most: u64, options: &[String]| {
                let mut command = verb(&rig.program, "refresh");
                command.arg(&path).arg(&stub.origin).arg(format!("--most={most}")).args(options);
                command
            };
            let limited = refresh(MOST, &[format!("--file-size={limit}")]);
            let mut command = if told { told_of_signals(&limited) } else { limited };
            let remains = Victim::start(&mut command)?.finish_within(PATIENCE)?;
            tally.rounds += 1;
            let died = std::os::unix::process::ExitStatusExt::signal(&remains.status).is_some();
            killed += u64::from(died);
            let name = format!("{limit} bytes{}", if told { "" } else { ", or killed" });
            let ended = remains.error().map(|(kind, _)| kind);
            let last = remains.acknowledged(0);
            // With so many refreshes no limit was left that any of these files would not have reached.
            if remains.panicked() || !(died && !told || matches!(ended, Some("io" | "unsaved"))) {
                tally.blame(Verdict::Wrong(format!("{:?} {} {}", remains.said, remains.errors, remains.status)), &name);
            }
            match grant::check(&path, &stub.settle()?, last) {
                Err(verdict) => tally.blame(verdict, &name),
                Ok(standing) => {
                    fitted += standing.number;
                    untaken += u64::from(standing.told);
                }
            }
            let next = Victim::start(&mut refresh(1, &[]))?.finish_within(PATIENCE)?;
            let last = next.acknowledged(0);
            if last == 0 {
                tally.blame(Verdict::Wrong(format!("there is no limit any more, and no refresh: {:?} {}", next.said, next.errors)), &name);
            } else if let Err(verdict) = grant::check(&path, &stub.settle()?, last) {
                tally.blame(verdict, &format!("{name}, after the next refresh"));
            }
            fs::remove_dir_all(&vault).map_err(|error| format!("cannot remove: {error}"))?;
        }
    }
    tally.notes.push(format!("{fitted} refreshes fitted; {killed} processes killed by the kernel; {untaken} times a token came and was not kept, and the note tells"));
    Ok(tally.done())
}

/// The command with SIGXFSZ ignored, which a child inherits: then a write that is too long fails with an error.
fn told_of_signals(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    shell
}
