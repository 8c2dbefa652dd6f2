//! kill -9 at random moments.

use crate::chance::Chance;
use crate::grant;
use crate::ground::{Ground, Plot};
use crate::patient::check_at;
use crate::process::{self, Victim};
use crate::series::Series;
use crate::stub::Stub;
use crate::tally::{Outcome, Tally, Verdict};
use crate::{Rig, Rigged};

/// A new vault after so many kills: making one is tortured, too, and histories start afresh.
const VAULT_LIVES: u64 = 20;

/// A child stores; it is killed some time after its start or after its first acknowledgement.
pub fn stores(rig: &Rig) -> Rigged<Outcome> {
    stores_on(rig, &Ground::Disk(rig))
}

/// The same in PostgreSQL, which does what it was told after the child is gone, or not.
pub fn stores_in_postgres(rig: &Rig) -> Rigged<Outcome> {
    Ground::postgres(rig, stores_on)
}

/// A child refreshes against a provider that rotates; it is killed some time after its session is open or its first refresh is kept. Every
/// other vault's provider answers the last token once more (grace); with the others a lost answer ends in a new login, for which the note
/// gives the reason.
pub fn refreshes(rig: &Rig) -> Rigged<Outcome> {
    refreshes_on(rig, &Ground::Disk(rig))
}

/// The same in PostgreSQL.
pub fn refreshes_in_postgres(rig: &Rig) -> Rigged<Outcome> {
    Ground::postgres(rig, refreshes_on)
}

fn stores_on(rig: &Rig, ground: &Ground<'_>) -> Rigged<Outcome> {
    let mut tally = Tally::new();
    let mut chance = Chance::new();
    let (mut vault, mut written) = (ground.another()?, 0);
    let (mut made, mut acknowledged, mut unopened) = (1, 0_u64, 0_u64);
    let mut broken = false;
    while tally.rounds < rig.rounds(60, ground.many()) {
        if broken || tally.rounds > 0 && tally.rounds.is_multiple_of(VAULT_LIVES) {
            (vault, written, broken) = (ground.another()?, 0, false);
            made += 1;
        }
        let mut victim = Victim::start(process::verb(&rig.program, "write").arg(&vault.place).arg(written.to_string()))?;
        // Every other one gets as far as its first write.
        if tally.rounds.is_multiple_of(2) {
            victim.wait_for("acknowledged");
            chance.wait(0..12_000);
        } else {
            chance.wait(500..ground.opens_within());
        }
        let remains = victim.kill()?;
        ground.settle()?;
        tally.rounds += 1;
        let last = remains.acknowledged(written);
        acknowledged += last - written;
        unopened += u64::from(remains.said.is_empty());
        let name = format!("round {}", tally.rounds);
        if remains.panicked() || remains.error().is_some() {
            tally.blame(Verdict::Wrong(format!("{:?} {}", remains.error(), remains.errors)), &name);
        }
        match check_at(&vault.place, last, last + 1) {
            Ok(now) => written = now,
            Err(verdict) => {
                tally.blame(verdict, &name);
                broken = true;
            }
        }
    }
    tally.notes.push(format!("{acknowledged} writes acknowledged, {made} vaults made, {unopened} killed before the vault was open"));
    Ok(tally.done())
}

fn refreshes_on(rig: &Rig, ground: &Ground<'_>) -> Rigged<Outcome> {
    let mut tally = Tally::new();
    let mut chance = Chance::new();
    let stub = Stub::start()?;
    let mut series = Series::default();
    let mut patient: Option<(Plot, u64)> = None;
    while tally.rounds < rig.rounds(40, ground.many()) {
        let vaults = tally.rounds / VAULT_LIVES;
        let (plot, known) = match patient.take().filter(|_| !tally.rounds.is_multiple_of(VAULT_LIVES)) {
            Some(patient) => patient,
            None => {
                let plot = ground.another()?;
                stub.set(|state| (state.grace, state.slow) = (vaults.is_multiple_of(2), 1000));
                grant::log_in(&plot.place, &stub, 3600)?;
                series.begin();
                (plot, stub.state().issued)
            }
        };
        let mut victim = Victim::start(process::verb(&rig.program, "refresh").arg(&plot.place).arg(&stub.origin))?;
        victim.wait_for(if tally.rounds.is_multiple_of(2) { "open" } else { "acknowledged" });
        chance.wait(0..12_000);
        let remains = victim.kill()?;
        let state = stub.settle()?;
        ground.settle()?;
        tally.rounds += 1;
        let last = remains.acknowledged(known);
        let name = format!("round {}", tally.rounds);
        let ended = remains.error();
        if remains.panicked() || ended.is_some_and(|(kind, _)| kind != "needs-login") {
            tally.blame(Verdict::Wrong(format!("{ended:?} {}", remains.errors)), &name);
        }
        let found = grant::check(&plot.place, &state, last);
        patient = series.judge(found, (known, last), &state, &mut tally, &name).map(|number| (plot, number));
    }
    tally.notes.push(series.note("kills"));
    Ok(tally.done())
}
