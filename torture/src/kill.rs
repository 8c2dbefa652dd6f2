//! kill -9 at random moments.

use std::path::PathBuf;

use keyfob::history::Fingerprint;

use crate::chance::Chance;
use crate::grant;
use crate::patient::Patient;
use crate::process::{self, Victim};
use crate::stub::Stub;
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

/// A child refreshes against a provider that rotates; it is killed some time after its session is open or its first refresh is kept. Every
/// other vault's provider answers the last token once more (grace); with the others a lost answer ends in a new login, for which the note
/// gives the reason.
pub fn refreshes(rig: &Rig) -> Rigged<Outcome> {
    let mut tally = Tally::new();
    let mut chance = Chance::new();
    let stub = Stub::start()?;
    let (mut patient, mut acknowledged, mut told, mut noted, mut diagnosed) = (None, 0, 0_u64, 0_u64, 0_u64);
    // What the history has to tell after the next refresh: the token of the note that was found.
    let mut open_note: Option<u64> = None;
    while tally.rounds < rig.rounds(40, 10_000) {
        let vaults = tally.rounds / VAULT_LIVES;
        let (path, known) = match &patient {
            Some((path, known, _)) if !tally.rounds.is_multiple_of(VAULT_LIVES) => (PathBuf::clone(path), *known),
            _ => {
                let folder = rig.folder()?;
                let path = folder.path().join("keyfob/vault.db");
                stub.set(|state| (state.grace, state.slow) = (vaults.is_multiple_of(2), 1000));
                grant::log_in(&path, &stub, 3600)?;
                let issued = stub.state().issued;
                patient = Some((path.clone(), issued, folder));
                open_note = None;
                (path, issued)
            }
        };
        let mut victim = Victim::start(process::verb(&rig.program, "refresh").arg(&path).arg(&stub.origin))?;
        victim.wait_for(if tally.rounds.is_multiple_of(2) { "open" } else { "acknowledged" });
        chance.wait(0..12_000);
        let remains = victim.kill()?;
        let state = stub.settle()?;
        tally.rounds += 1;
        let last = remains.acknowledged(known);
        acknowledged += last - known;
        let name = format!("round {}", tally.rounds);
        let ended = remains.error();
        if remains.panicked() || ended.is_some_and(|(kind, _)| kind != "needs-login") {
            tally.blame(Verdict::Wrong(format!("{ended:?} {}", remains.errors)), &name);
        }
        match grant::check(&path, &state, last) {
            Err(verdict) => {
                tally.blame(verdict, &name);
                patient = None;
            }
            Ok(standing) => {
                if let Some(spent) = open_note.filter(|spent| standing.number > *spent && standing.number < spent + 16)
                    && !standing.tells_abandoned(spent)
                {
                    tally.blame(
                        Verdict::Wrong(format!("the history does not tell that the refresh with token {spent} was abandoned")),
                        &name,
                    );
                }
                open_note = standing.note.as_ref().map(|_| standing.number);
                noted += u64::from(standing.note.is_some());
                told += u64::from(standing.told && standing.needs_login.is_none());
                if let Some(reason) = &standing.needs_login {
                    diagnosed += 1;
                    let fingerprint = Fingerprint::of(&grant::token(standing.number));
                    if state.grace || !reason.contains(fingerprint.as_str()) {
                        tally.blame(Verdict::Wrong(format!("needs a new login, and does not say why: {reason}")), &name);
                    }
                    patient = None;
                } else if let Some((_, known, _)) = &mut patient {
                    *known = standing.number;
                }
            }
        }
    }
    tally.notes.push(format!(
        "{acknowledged} refreshes acknowledged; {noted} kills left a note, {told} of them between the provider's answer and our write; \
         {diagnosed} logins ended at providers without grace, each with its reason"
    ));
    Ok(tally.done())
}
