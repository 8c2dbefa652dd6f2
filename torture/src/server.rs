//! PostgreSQL itself is hurt, while two processes refresh one account in it, in turns.
//!
//! Nobody who refreshes dies here, so more is asked than after a kill: no token may be lost at all, and none may be spent twice, though the
//! server forgets whose turn it is. The provider gives no grace.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::chance::Chance;
use crate::grant;
use crate::ground::Server;
use crate::process::{Victim, verb};
use crate::stub::Stub;
use crate::tally::{Outcome, Tally, Verdict};
use crate::{Rig, Rigged};

/// Longer than a request can be under way, which is how long a right that was forgotten is not taken.
const PATIENCE: Duration = Duration::from_secs(120);
/// A new vault after so many blows.
const VAULT_LIVES: u64 = 10;
/// How long the server is away, at most; those who write wait for ten seconds.
const AWAY_MICROS: u64 = 400_000;

/// What is done to the server.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// SIGTERM to the processes of this name, as `pg_terminate_backend` does it.
    End(&'static [&'static str]),
    /// SIGKILL to one of them: the server takes it that the memory they share is damaged, ends all others, and recovers from its log.
    Kill(&'static str),
    /// `pg_ctl stop -m immediate`, and a start some time after.
    StopInHaste,
    /// SIGKILL to the server, and a start some time after.
    Crash,
}

/// What vaults call their connections.
const WORK: &str = "keyfob";
const LOCKS: &str = "keyfob locks";

/// The server's processes end, in order or not: it stays, or recovers by itself.
pub fn backends(rig: &Rig) -> Rigged<Outcome> {
    let blows = [Blow::End(&[LOCKS]), Blow::End(&[WORK]), Blow::End(&[LOCKS, WORK]), Blow::Kill(WORK), Blow::Kill(LOCKS)];
    hurt(rig, rig.rounds(10, 200), &blows)
}

/// The whole server ends without putting anything in order, and is started again.
pub fn whole(rig: &Rig) -> Rigged<Outcome> {
    hurt(rig, rig.rounds(6, 200), &[Blow::StopInHaste, Blow::Crash])
}

fn hurt(rig: &Rig, rounds: u64, blows: &[Blow]) -> Rigged<Outcome> {
    let server = match Server::start() {
        Ok(server) => server,
        Err(skip) => return Ok(Outcome::Skipped(skip)),
    };
    let mut tally = Tally::new();
    let (mut refreshed, mut held, mut borne) = (0, 0, 0);
    let mut blows = blows.iter().cycle();
    while tally.rounds < rounds {
        let plot = server.another()?;
        let stub = Stub::start()?;
        stub.set(|state| state.slow = 10_000);
        grant::log_in(&plot.place, &stub, -3600)?;
        let start = || Victim::start(verb(&rig.program, "persist").arg(&plot.place).arg(&stub.origin));
        let mut children = [start()?, start()?];
        for round in tally.rounds..rounds.min(tally.rounds + VAULT_LIVES) {
            let blow = blows.next().expect("they come round");
            // Both must have got over the last blow.
            if !children.iter_mut().all(|child| child.says_within("acknowledged", PATIENCE)) {
                tally.blame(Verdict::Wrong("it did not go on refreshing".to_owned()), &format!("before round {round}, {blow:?}"));
                break;
            }
            blow.strike(&server)?;
            tally.rounds += 1;
        }
        let name = format!("up to round {}", tally.rounds);
        let mut last = 0;
        for child in children {
            let remains = child.finish_within(PATIENCE)?;
            let count = |beginning: &str| remains.said.iter().filter(|line| line.starts_with(beginning)).count();
            held += count("holds");
            borne += count("bears");
            last = remains.acknowledged(last).max(last);
            if !remains.status.success() {
                tally.blame(Verdict::Wrong(format!("{:?} {}", remains.error(), remains.errors)), &name);
            }
        }
        server.settle()?;
        let state = stub.settle()?;
        refreshed += state.issued;
        match grant::check(&plot.place, &state, last) {
            Err(verdict) => tally.blame(verdict, &name),
            Ok(standing) if state.refused > 0 || standing.told || standing.needs_login.is_some() => {
                tally.blame(Verdict::Lost(format!("{state:?}, and the vault says {standing:?}")), &name);
            }
            Ok(standing) if standing.note.is_some() => tally.blame(Verdict::Wrong(format!("a note is left: {standing:?}")), &name),
            Ok(_) => {}
        }
    }
    tally.notes.push(format!(
        "{refreshed} refreshes by two processes in turns; {held} times the new token was held in memory until the server was back; {borne} more \
         errors of the server borne; no token was spent twice"
    ));
    Ok(tally.done())
}

impl Blow {
    /// Strikes at a random moment of their refreshes.
    fn strike(self, server: &Server) -> Rigged<()> {
        let mut chance = Chance::new();
        match self {
            Self::End(names) => {
                let mut pids = Vec::new();
                for name in names {
                    pids.extend(server.backends(name)?);
                }
                chance.wait(0..30_000);
                pids.into_iter().try_for_each(|pid| signal(pid, Signal::TERM))
            }
            Self::Kill(name) => {
                let pids = server.backends(name)?;
                chance.wait(0..30_000);
                pids.into_iter().take(1).try_for_each(|pid| signal(pid, Signal::KILL))
            }
            Self::StopInHaste => {
                chance.wait(0..30_000);
                server.cluster.stop_in_haste();
                chance.wait(0..AWAY_MICROS);
                server.cluster.start_again();
                Ok(())
            }
            Self::Crash => {
                chance.wait(0..30_000);
                server.cluster.kill();
                chance.wait(0..AWAY_MICROS);
                server.cluster.start_again();
                Ok(())
            }
        }
    }
}

/// One that has ended by itself needs no signal.
fn signal(pid: i32, signal: Signal) -> Rigged<()> {
    let pid = Pid::from_raw(pid).ok_or("a process has no number")?;
    match kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(format!("no signal: {error}")),
    }
}
