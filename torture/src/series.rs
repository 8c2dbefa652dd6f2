//! Refreshes of one account after another that are broken off, and what the vault has to tell after each.

use keyfob::history::Fingerprint;

use crate::grant::{self, Standing};
use crate::stub::State;
use crate::tally::{Tally, Verdict};

/// What came of them so far.
#[derive(Debug, Default)]
pub(crate) struct Series {
    acknowledged: u64,
    noted: u64,
    told: u64,
    diagnosed: u64,
    /// What the history has to tell after the next refresh: the token of the note that was found.
    open_note: Option<u64>,
}

impl Series {
    /// Another account.
    pub(crate) fn begin(&mut self) {
        self.open_note = None;
    }

    /// Looks at what was found after a process that began with token `known` and acknowledged the tokens up to `last`. Gives the token that
    /// the account stands at; nothing if it cannot go on.
    pub(crate) fn judge(
        &mut self,
        found: Result<Standing, Verdict>,
        (known, last): (u64, u64),
        state: &State,
        tally: &mut Tally,
        name: &str,
    ) -> Option<u64> {
        self.acknowledged += last - known;
        let standing = match found {
            Ok(standing) => standing,
            Err(verdict) => {
                tally.blame(verdict, name);
                return None;
            }
        };
        if let Some(spent) = self.open_note.filter(|spent| standing.number > *spent && standing.number < spent + 16)
            && !standing.tells_abandoned(spent)
        {
            tally.blame(Verdict::Wrong(format!("the history does not tell that the refresh with token {spent} was abandoned")), name);
        }
        self.open_note = standing.note.as_ref().map(|_| standing.number);
        self.noted += u64::from(standing.note.is_some());
        self.told += u64::from(standing.told && standing.needs_login.is_none());
        let Some(reason) = &standing.needs_login else { return Some(standing.number) };
        self.diagnosed += 1;
        let fingerprint = Fingerprint::of(&grant::token(standing.number));
        if state.grace || !reason.contains(fingerprint.as_str()) {
            tally.blame(Verdict::Wrong(format!("needs a new login, and does not say why: {reason}")), name);
        }
        None
    }

    /// In a few words; `breaks` are the kills or cuts.
    pub(crate) fn note(&self, breaks: &str) -> String {
        let Self { acknowledged, noted, told, diagnosed, .. } = self;
        format!(
            "{acknowledged} refreshes acknowledged; {noted} {breaks} left a note, {told} of them between the provider's answer and our write; \
             {diagnosed} logins ended at providers without grace, each with its reason"
        )
    }
}
