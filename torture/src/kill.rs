//! kill -9 at random moments.

use crate::chance::Chance;
use crate::patient::Patient;
use crate::process::{self, Victim};
use crate::tally::{Outcome, Tally, Verdict};
use crate::{Rig, Rigged};

/// A new vault after so many kills: making one is tortured, too, and histories start afresh.
const VAULT_LIVES: u64 = 20;

/// A child stores; it is killed some time after its start or after its first acknowledgement.
pub fn stores(rig: &Rig) -> Rigged<Outcome> {
    let mut tally = Tally::new();
    let mut chance = Chance::new();
    let mut vault = Patient::new(rig)?;
    let (mut made, mut acknowledged, mut unopened) = (1, 0_u64, 0_u64);
    while tally.rounds < rig.rounds(60, 10_000) {
        if tally.rounds > 0 && tally.rounds.is_multiple_of(VAULT_LIVES) {
            vault = Patient::new(rig)?;
            made += 1;
        }
        let mut victim = Victim::start(process::verb(&rig.program, "write").arg(&vault.path).arg(vault.written.to_string()))?;
        // Every other one gets as far as its first write.
        if tally.rounds.is_multiple_of(2) {
            victim.wait_for("acknowledged");
            chance.wait(0..12_000);
        } else {
            chance.wait(500..12_000);
        }
        let remains = victim.kill()?;
        tally.rounds += 1;
        let last = remains.acknowledged(vault.written);
        acknowledged += last - vault.written;
        unopened += u64::from(remains.said.is_empty());
        let name = format!("round {}", tally.rounds);
        if remains.panicked() || remains.error().is_some() {
            tally.blame(Verdict::Wrong(format!("{:?} {}", remains.error(), remains.errors)), &name);
        }
        if let Err(verdict) = vault.check(last) {
            tally.blame(verdict, &name);
            vault = Patient::new(rig)?;
            made += 1;
        }
    }
    tally.notes.push(format!("{acknowledged} writes acknowledged, {made} vaults made, {unopened} killed before the vault was open"));
    Ok(tally.done())
}
