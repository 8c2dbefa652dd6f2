//! The flight recorder: what became of an account's tokens, when, and by whose hand. It answers "who spent my refresh token at 03:12?".

mod watch;

use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use keyfob_proto::{Secret, Timestamp, TokenSet};
use serde::{Deserialize, Serialize};

pub use watch::Watch;

use crate::account::{Account, AccountId, Health};

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

/// Whether the tokens of the last login were taken in from elsewhere. `None`: it is longer ago than the history (oldest first) goes back.
pub fn is_imported(entries: &[Entry]) -> Option<bool> {
    entries.iter().rev().find_map(|entry| match &entry.event {
        Event::LoggedIn { imported, .. } => Some(*imported),
        _ => None,
    })
}

/// When the provider did not take the app itself, if nothing in the history (oldest first) says that it does since: a refresh, a login, or that the refresh
/// token is what is wrong.
pub fn app_refused(entries: &[Entry]) -> Option<Timestamp> {
    let says = |event: &Event| match event {
        Event::LoggedIn { .. } | Event::Refreshed { .. } | Event::NeedsLogin { .. } => Some(false),
        Event::RefreshFailed { of_app: true, .. } => Some(true),
        _ => None,
    };
    let last = entries.iter().rev().find_map(|entry| Some((entry.at, says(&entry.event)?)));
    last.filter(|(_, refused)| *refused).map(|(at, _)| at)
}

/// What the life of an account's refresh token can be counted from, or its end, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshSince {
    /// When somebody approved it. Of one that was made elsewhere nobody here knows.
    pub login: Option<Timestamp>,
    /// When it was used last.
    pub last_use: Option<Timestamp>,
    /// When it ends, as its provider's answer said.
    pub ends: Option<Timestamp>,
}

impl RefreshSince {
    /// Of this account, by its history (oldest first). `None`: it has none, or none that is good still, or it came by a clock that was wrong.
    pub fn of(account: &Account, entries: &[Entry], now: Timestamp) -> Option<Self> {
        let TokenSet::OAuth2(tokens) = &account.tokens else { return None };
        tokens.refresh.as_ref().filter(|_| account.health == Health::Ok && !account.came_in_the_future(now))?;
        let was_here = is_imported(entries) == Some(false);
        Some(Self {
            login: was_here.then_some(account.logged_in_at),
            last_use: (was_here || account.refreshed.is_some()).then_some(tokens.received_at),
            ends: tokens.refresh_expires_at,
        })
    }
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
        /// Whether they were taken in from elsewhere, so that nobody logged in here.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        imported: bool,
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
        /// Whether the provider did not take the app itself (`invalid_client`, `unauthorized_client`): its id or secret has to be mended, and no login helps.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        of_app: bool,
        /// The refresh token that counts now, where one came in an answer that was no good otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        received: Option<Fingerprint>,
    },
    /// The provider refused the refresh token, or, where there is none, its API the token itself: a person has to log in again.
    NeedsLogin {
        /// The refresh that was refused; `None` where there is nothing to refresh with, and a call was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refresh: Option<Spending>,
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
    /// The same moment by the clock of the database server that gives out the right to refresh: what every machine can hold against the time it reads
    /// there, whatever their own clocks say. `None` where no server does, and in notes of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_at_server: Option<Timestamp>,
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
    /// What tells this process from every other, drawn when it begins: containers share names, and each has a process 1. `None` in entries of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What tells from others the kernel since it was started, and the space of process numbers in it; `None` where that cannot be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
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
        let program = std::env::current_exe().ok().and_then(|path| program(&path));
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
        Self {
            host: host.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned()),
            pid: std::process::id(),
            program: program.unwrap_or_else(|| "unknown".to_owned()),
            instance: Some(INSTANCE.get_or_init(crate::random_hex).clone()),
            kernel: kernel(),
        }
    }

    /// Whether the process may still be there. That it is gone can be known of those alone whose numbers mean the same here: the same kernel, not started again since,
    /// and the same space of numbers. Of every other, a container beside this one say, it has to be taken for true.
    pub(crate) fn may_live(&self) -> bool {
        let here = Self::this();
        if self.kernel.is_none() || self.kernel != here.kernel {
            return true;
        }
        if self.pid == here.pid {
            return self.instance == here.instance;
        }
        let proc = Path::new("/proc");
        // Where even the first process is hidden, those that are not seen are not gone (hidepid).
        !proc.join("1").exists() || proc.join(self.pid.to_string()).exists()
    }
}

/// What a program is called. Linux says so behind its path where another file has taken its place since it was started, by an upgrade, say.
fn program(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    let name = Path::new(name.strip_suffix(" (deleted)").unwrap_or(&name));
    Some(name.file_stem()?.to_string_lossy().into_owned())
}

/// Drawn once for this process.
static INSTANCE: OnceLock<String> = OnceLock::new();

/// Linux tells; elsewhere nobody knows whose a number is.
fn kernel() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let numbers = std::fs::read_link("/proc/self/ns/pid").ok()?;
    // Not the ids themselves: histories are shown.
    Some(Secret::new(format!("{} {}", boot.trim(), numbers.display())).fingerprint())
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, pid, program, .. } = self;
        write!(f, "{program} (pid {pid} on {host})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_how_long_a_token_is_good_of_which_that_is_not_known() {
        const NOW: i64 = 1_800_000_000;
        let account = |health: &str, received_at: i64, refreshed: bool| -> Account {
            let mut account = serde_json::json!({
                "id": "0123456789abcdef0123456789abcdef", "name": "home", "provider": "acme", "client_id": "example", "kept": {}, "origins": [],
                "tokens": {"kind": "oauth2", "access": "a", "refresh": "r", "received_at": received_at, "expires_at": null, "scopes": []},
                "requested_scopes": [], "tolerated": [], "logged_in_at": NOW - 60,
                "health": {"state": health, "reason": "refused", "since": NOW},
            });
            if refreshed {
                account["refreshed"] = serde_json::json!({});
            }
            serde_json::from_value(account).expect("an account as it rests")
        };
        let entry = |imported| Entry {
            at: Timestamp::from_unix(NOW),
            id: account("ok", NOW, false).id,
            account: "home".to_owned(),
            provider: "acme".to_owned(),
            by: Actor::this().clone(),
            event: Event::LoggedIn { received: None, imported },
        };
        let of = |account: &Account, entries: &[Entry]| {
            let since = RefreshSince::of(account, entries, Timestamp::from_unix(NOW))?;
            Some((since.login.is_some(), since.last_use.is_some()))
        };
        let here = account("ok", NOW, false);
        assert_eq!(of(&here, &[entry(false)]), Some((true, true)));
        assert_eq!(of(&here, &[entry(false), entry(true)]), Some((false, false)), "made elsewhere, and not used here");
        assert_eq!(of(&account("ok", NOW, true), &[entry(true)]), Some((false, true)));
        assert_eq!(of(&here, &[]), Some((false, false)), "longer ago than the history goes back");
        assert_eq!(of(&account("needs-login", NOW, true), &[entry(false)]), None, "it is not good any more");
        assert_eq!(of(&account("ok", NOW + 365 * 86_400, true), &[entry(false)]), None, "by a clock that was fast");
    }

    #[test]
    fn a_program_is_called_the_same_after_an_upgrade() {
        for (path, expected) in [("/usr/bin/keyfob", "keyfob"), ("/usr/bin/keyfob (deleted)", "keyfob"), ("/opt/hub.bin (deleted)", "hub")]
        {
            assert_eq!(program(Path::new(path)).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn d12_notes_of_older_versions_are_read() {
        let old = r#"{"token":"7692c3ad3540","since":1800000000,"by":{"host":"attic","pid":4711,"program":"keyfob"},"why":"ends soon"}"#;
        let note: Spending = serde_json::from_str(old).expect("a note");
        assert_eq!((note.by.instance.as_ref(), note.by.kernel.as_ref(), note.not_before), (None, None, None));
        assert!(note.by.may_live() && !note.over);
        let this = Actor::this();
        assert!(this == Actor::this() && this.may_live(), "the same all the time");
    }
}
