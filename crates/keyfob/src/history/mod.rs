//! The flight recorder: what became of an account's tokens, when, and by whose hand. It answers "who spent my refresh token at 03:12?".

mod watch;

use std::fmt;
use std::path::Path;

use keyfob_proto::{Secret, Timestamp};
use serde::{Deserialize, Serialize};

pub use watch::Watch;

use crate::account::{Account, AccountId};

/// How many entries a store keeps of one account; beyond it the oldest go.
pub const MOST_ENTRIES: usize = 32;

/// One line of the record. Holds fingerprints and words, never a token. Made to be stored; the store seals it all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was over.
    pub at: Timestamp,
    /// The account's immutable id.
    pub id: AccountId,
    /// What the account was called then.
    pub account: String,
    /// The provider's name in the catalogue.
    pub provider: String,
    /// Who did it.
    pub by: Actor,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen to an account's tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event {
    /// A person logged in, or tokens were taken in from elsewhere.
    LoggedIn {
        /// The refresh token that came, if one did.
        received: Option<Fingerprint>,
    },
    /// New tokens took the place of the old ones.
    Refreshed {
        /// The refresh that was made.
        refresh: Spending,
        /// The refresh token that counts now; the same as before where the provider does not rotate.
        received: Option<Fingerprint>,
        /// When the new access token ends, where that is known.
        expires_at: Option<Timestamp>,
    },
    /// No new tokens came; the old refresh token is as good as it was, as far as anybody knows.
    RefreshFailed {
        /// The refresh that was tried.
        refresh: Spending,
        /// Why, scrubbed.
        reason: String,
        /// Whether the request may have reached the provider, so that a rotated token may be lost.
        unanswered: bool,
    },
    /// The provider refused the refresh token: a person has to log in again.
    NeedsLogin {
        /// The refresh that was refused.
        refresh: Spending,
        /// Why, scrubbed.
        reason: String,
    },
    /// A refresh was found that somebody began and nobody wrote the end of: its process was killed, or stopped, or its machine cut off.
    Abandoned {
        /// What its note says.
        refresh: Spending,
    },
    /// New tokens came, and the store could not keep them: they are in the memory of one process alone, which tries again. Told in that
    /// process, and never stored: once they are kept, the entry is `refreshed`.
    Unsaved {
        /// The refresh that was made.
        refresh: Spending,
        /// Why the store could not keep them.
        reason: String,
    },
    /// The account has another name from now on.
    Renamed {
        /// What it was called before.
        from: String,
    },
    /// The account was forgotten here.
    LoggedOut {
        /// Whether the provider was asked to forget its tokens, and did.
        revoked: bool,
    },
}

/// The durable note that a refresh token is about to be spent: written before the request leaves, taken away with its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spending {
    /// The refresh token; or, where a grant is made once more, the access token whose place is to be taken.
    pub token: Fingerprint,
    /// The `grant_type` that is asked for once more, where no refresh token is spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// By whom.
    pub by: Actor,
    /// What for: `ends soon`, `asked for`, …
    pub why: String,
    /// How many refreshes of this token went unanswered: before this one, or with it where it is over.
    #[serde(default)]
    pub unanswered: u32,
    /// Whether it is over: the request was sent, no answer came that could be used, and the history says so; it is kept where that answer may be missed
    /// (`unanswered`), or the provider asked to wait (`not_before`). A note that is not over, found
    /// by whoever has the right to refresh now, was left behind by a process that is gone.
    #[serde(default)]
    pub over: bool,
    /// Where it is over: the provider asked to be left alone until then (`Retry-After`). No later than a minute after it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// Who acts: a process on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The machine's name.
    pub host: String,
    /// The process's number there.
    pub pid: u32,
    /// The program's name.
    pub program: String,
}

/// Twelve hexadecimal digits that tell two tokens apart without telling what they are (SHA-256, cut short).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Entry {
    /// An entry about an account as it is now.
    pub fn new(account: &Account, at: Timestamp, by: Actor, event: Event) -> Self {
        Self { at, id: account.id.clone(), account: account.name.clone(), provider: account.provider.clone(), by, event }
    }
}

impl Fingerprint {
    /// Of a token.
    pub fn of(token: &Secret) -> Self {
        Self(token.fingerprint())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Actor {
    /// This process.
    pub fn this() -> Self {
        let program = std::env::current_exe().ok().and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
        Self {
            host: host.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned()),
            pid: std::process::id(),
            program: program.unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

impl Actor {
    /// Whether the process may still be there. Known only of those on this machine: of others it has to be taken for true.
    pub(crate) fn may_live(&self) -> bool {
        self.host != Self::this().host || Path::new("/proc").join(self.pid.to_string()).exists()
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, pid, program } = self;
        write!(f, "{program} (pid {pid} on {host})")
    }
}
