//! Whoever has the right to refresh is killed at every step, or stopped.

use std::process::Command;
use std::time::{Duration, Instant};

use keyfob::history::{Event, Fingerprint};
use rustix::process::{Pid, Signal, kill_process};

use crate::grant::{self, Standing};
use crate::ground::{Ground, Place};
use crate::process::{Remains, Victim, verb};
use crate::stub::Stub;
use crate::tally::{Outcome, Tally, Verdict};
use crate::{Rig, Rigged};

const PATIENCE: Duration = Duration::from_secs(120);

/// A step of a refresh.
struct Step {
    name: &'static str,
    /// Whether the provider has given out a new token by then, which nobody keeps.
    loses: bool,
    /// Whether a note is left behind.
    notes: bool,
}

/// In their order. `sent`: the provider has the request, and answers when nobody listens any more.
const STEPS: [Step; 5] = [
    Step { name: "before-note", loses: false, notes: false },
    Step { name: "after-note", loses: false, notes: true },
    Step { name: "sent", loses: true, notes: true },
    Step { name: "answered", loses: true, notes: true },
    Step { name: "written", loses: false, notes: false },
];

/// kill -9 at each step, while another process waits for its turn or just after.
pub fn killed(rig: &Rig) -> Rigged<Outcome> {
    killed_on(rig, &Ground::Disk(rig))
}

/// The same in PostgreSQL, which has to see that the holder is gone.
pub fn killed_in_postgres(rig: &Rig) -> Rigged<Outcome> {
    Ground::postgres(rig, killed_on)
}

fn killed_on(rig: &Rig, ground: &Ground<'_>) -> Rigged<Outcome> {
    let mut tally = Tally::new();
    let mut slowest = Duration::ZERO;
    for step in &STEPS {
        let mut ended = 0;
        for round in 0..rig.rounds(4, 100) {
            let case = Case { step, grace: round % 4 < 2, waits: round.is_multiple_of(2) };
            tally.rounds += 1;
            let name = format!("{}, {case}", step.name);
            let (verdicts, took) = case.run(rig, ground)?;
            ended += u64::from(step.loses && !case.grace);
            slowest = slowest.max(took);
            for verdict in verdicts {
                tally.blame(verdict, &name);
            }
        }
        if ended > 0 {
            tally.notes.push(format!("{}: {ended} logins ended at providers without grace, each with its reason", step.name));
        }
    }
    tally.notes.push(format!("the next process went on within {} ms", slowest.as_millis()));
    Ok(tally.done())
}

/// One kill.
struct Case<'a> {
    step: &'a Step,
    /// Whether the provider answers the last token once more.
    grace: bool,
    /// Whether the next process waits already.
    waits: bool,
}

impl Case<'_> {
    fn run(&self, rig: &Rig, ground: &Ground<'_>) -> Rigged<(Vec<Verdict>, Duration)> {
        let plot = ground.another()?;
        let place = &plot.place;
        let stub = Stub::start()?;
        stub.set(|state| state.grace = self.grace);
        grant::log_in(place, &stub, -3600)?;
        let holder = self.holder(rig, place, &stub)?;
        let pid = holder.pid();
        let mut next = Victim::start(child(rig, "refresh", place, &stub).args(["--most=1", "--gate"]))?;
        next.wait_for("open");
        if self.waits {
            drop(next.stdin());
            std::thread::sleep(Duration::from_millis(100));
        }
        holder.kill()?;
        let killed = Instant::now();
        // What was sent is dealt with all the same.
        stub.set(|state| state.closed = false);
        if !self.waits {
            stub.settle()?;
        }
        drop(next.stdin());
        let came = next.wait_for("acknowledged");
        let took = killed.elapsed();
        let remains = next.finish_within(PATIENCE)?;
        let after = stub.settle()?;
        let mut verdicts = Vec::new();
        let mut wrong = |what: String| verdicts.push(Verdict::Wrong(what));
        // The short version may run on a machine that is busy with other tests.
        if took > Duration::from_secs(rig.rounds(5, 1)) {
            wrong(format!("the next process went on after {} ms", took.as_millis()));
        }
        let ends = self.step.loses && !self.grace;
        if came == ends || remains.panicked() {
            wrong(format!("said {:?} {}; the provider: {after:?}", remains.said, remains.errors));
        }
        match grant::check(place, &after, remains.acknowledged(0)) {
            Err(verdict) => verdicts.push(verdict),
            Ok(standing) => verdicts.extend(self.tells(&standing, pid, ends).err().map(Verdict::Wrong)),
        }
        Ok((verdicts, took))
    }

    /// A child that stands at the step.
    fn holder(&self, rig: &Rig, place: &Place, stub: &Stub) -> Rigged<Victim> {
        let mut command = child(rig, "refresh", place, stub);
        if self.step.name == "sent" {
            stub.set(|state| state.closed = true);
            let holder = Victim::start(&mut command)?;
            return if stub.wait_for_requests(1) { Ok(holder) } else { Err(format!("no request: {:?}", holder.kill()?)) };
        }
        let mut holder = Victim::start(command.arg(format!("--stop={}", self.step.name)))?;
        if holder.wait_for("at ") {
            Ok(holder)
        } else {
            Err(format!("the child did not come to {}: {:?}", self.step.name, holder.finish()?))
        }
    }

    /// Whether the history tells what became of the first refresh, and whose it was.
    fn tells(&self, standing: &Standing, pid: u32, ends: bool) -> Result<(), String> {
        let spent = Fingerprint::of(&grant::token(0));
        let by_holder = |event: &Event| matches!(event, Event::Abandoned { refresh } if refresh.token == spent && refresh.by.pid == pid);
        let told = standing.history.iter().filter(|entry| by_holder(&entry.event)).count();
        if told != usize::from(self.step.notes) {
            return Err(format!("the history tells of {told} abandoned refreshes: {:?}", standing.history));
        }
        let reason = standing.needs_login.as_deref().unwrap_or_default();
        if ends != (reason.contains(spent.as_str()) && reason.contains(&pid.to_string())) {
            return Err(format!("the reason for a new login: {:?}", standing.needs_login));
        }
        Ok(())
    }
}

impl std::fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let next = if self.waits { "the next process waits" } else { "the next process comes" };
        write!(f, "{next}, {} grace", if self.grace { "with" } else { "without" })
    }
}

/// SIGSTOP for longer than others wait, and than a request may take. Nobody steals the right: those whose token is
/// still good use it, the others are told who has it. Once it goes on, all is well.
pub fn stopped(rig: &Rig) -> Rigged<Outcome> {
    let mut tally = Tally::new();
    let pause = Duration::from_secs(rig.rounds(3, 35));
    for expired in [false, true] {
        tally.rounds += 1;
        let folder = rig.folder()?;
        let place = Place::File(folder.path().join("keyfob/vault.db"));
        let stub = Stub::start()?;
        stub.set(|state| state.closed = true);
        // Still good means that it ends within the margin: a call would refresh it, if it could.
        grant::log_in(&place, &stub, if expired { -3600 } else { 20 })?;
        let deadline = format!("--deadline={}", pause.as_secs() - 1);
        let mut holder = Victim::start(child(rig, "refresh", &place, &stub).arg("--most=1").arg(deadline))?;
        if !stub.wait_for_requests(1) {
            return Err(format!("no request: {:?}", holder.kill()?));
        }
        signal(&holder, Signal::STOP)?;
        let begun = Instant::now();
        // The answer comes while it sleeps.
        stub.set(|state| state.closed = false);
        let ask = |options: &[&str]| -> Rigged<(Remains, Duration)> {
            let begun = Instant::now();
            let remains = Victim::start(child(rig, "token", &place, &stub).arg("--patience=2").args(options))?.finish_within(PATIENCE)?;
            Ok((remains, begun.elapsed()))
        };
        let mut wrong = |what: String| tally.blame(Verdict::Wrong(what), if expired { "expired" } else { "still good" });
        let (remains, took) = ask(&[])?;
        let gets = remains.said.iter().any(|line| line == "token access-0");
        if expired == gets || remains.panicked() {
            wrong(format!("said {:?} {} after {} ms", remains.said, remains.errors, took.as_millis()));
        }
        // Whoever needs a better one than there is waits, and is told.
        let (remains, took) = ask(&["--min-valid=7200"])?;
        let named = remains.error().is_some_and(|(kind, words)| kind == "held" && words.contains(&format!("pid {}", holder.pid())));
        if !named || took > Duration::from_secs(30) {
            wrong(format!("said {:?} {} after {} ms", remains.said, remains.errors, took.as_millis()));
        }
        if stub.state().requests != 1 {
            wrong(format!("somebody took the right from its holder: {:?}", stub.state()));
        }
        std::thread::sleep(pause.saturating_sub(begun.elapsed()));
        signal(&holder, Signal::CONT)?;
        if !holder.wait_for("acknowledged 1") {
            wrong(format!("the holder went on, and said {:?}", holder.said()));
        }
        holder.finish_within(PATIENCE)?;
        let (remains, _) = ask(&[])?;
        if !remains.said.iter().any(|line| line == "token access-1") {
            wrong(format!("afterwards others get {:?}", remains.said));
        }
        let state = stub.settle()?;
        match grant::check(&place, &state, 1) {
            Err(verdict) => tally.blame(verdict, "afterwards"),
            Ok(standing) if standing.number != 1 || standing.note.is_some() => {
                tally.blame(Verdict::Wrong(format!("{standing:?}")), "afterwards");
            }
            Ok(_) => {}
        }
    }
    tally.notes.push(format!("stopped for {} s; others waited 2 s", pause.as_secs()));
    Ok(tally.done())
}

fn child(rig: &Rig, word: &str, place: &Place, stub: &Stub) -> Command {
    let mut command = verb(&rig.program, word);
    command.arg(place).arg(&stub.origin);
    command
}

fn signal(victim: &Victim, signal: Signal) -> Rigged<()> {
    let pid = i32::try_from(victim.pid()).ok().and_then(Pid::from_raw).ok_or("a process has no number")?;
    kill_process(pid, signal).map_err(|error| format!("no signal: {error}"))
}
