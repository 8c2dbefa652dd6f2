//! Where apps, accounts and pending logins rest: the trait that a vault implements.
//!
//! [`MemoryStore`](crate::MemoryStore) keeps them in memory; the crate `keyfob-store` seals them on disk.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use keyfob_proto::{App, Timestamp};
use tokio::time::Instant;

use crate::account::{Account, AccountId, PendingLogin};
use crate::history::Entry;

/// What a store's methods return: a boxed future, so that `dyn Store` works.
pub type Stored<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where apps, accounts and pending logins rest.
///
/// When a method that writes has returned `Ok`, what it wrote is on disk: a crash after it loses nothing.
pub trait Store: Send + Sync {
    /// The apps, by provider.
    fn apps(&self) -> Stored<'_, Vec<(String, App)>>;

    /// The app at a provider.
    fn app<'a>(&'a self, provider: &'a str) -> Stored<'a, Option<App>>;

    /// Keeps an app, in place of the one that was there.
    fn put_app<'a>(&'a self, provider: &'a str, app: &'a App) -> Stored<'a, ()>;

    /// Forgets an app. Says whether there was one.
    fn remove_app<'a>(&'a self, provider: &'a str) -> Stored<'a, bool>;

    /// The accounts, by name.
    fn accounts(&self) -> Stored<'_, Vec<Versioned<Account>>>;

    /// The same as far as they open: one that was damaged or tampered with is told, and keeps nobody from the others. With `due_by` only those that have no
    /// due moment, or whose due moment has come by then: who is to be refreshed later is passed over, and not opened.
    fn inventory(&self, due_by: Option<Timestamp>) -> Stored<'_, Inventory> {
        Box::pin(async move {
            let is_meant = |record: &Versioned<Account>| due_by.is_none_or(|by| record.value.due_at().is_none_or(|due| due <= by));
            Ok(Inventory { accounts: self.accounts().await?.into_iter().filter(is_meant).collect(), damaged: Vec::new() })
        })
    }

    /// An account by its name.
    fn account<'a>(&'a self, name: &'a str) -> Stored<'a, Option<Versioned<Account>>>;

    /// Keeps an account, if the one that is there is the expected generation of the same id (compare-and-swap): of two processes that
    /// refresh at once, one finds out. `entry` goes into its history in the same transaction. Returns the new generation.
    fn put_account<'a>(&'a self, account: &'a Account, expected: Expected, entry: Option<&'a Entry>) -> Stored<'a, Generation>;

    /// Keeps another account in the place of the one that is there under its name, if that is this generation of the id `before`; `Conflict` otherwise. One
    /// write: at no moment is neither there. In the same transaction `left` ends the history of the one that was there, and `entry` begins the other's.
    /// Returns the new generation.
    fn replace_account<'a>(
        &'a self,
        before: &'a AccountId,
        expected: Generation,
        account: &'a Account,
        left: Option<&'a Entry>,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation>;

    /// Keeps an account under another name than before, if the one that is there under `from` is this generation of the same id, and the new name,
    /// `account`'s own, is nobody's; `Conflict` otherwise, and nothing has changed. `entry` goes into its history in the same transaction. Its id stays,
    /// and whatever follows that: history, lease, the right to refresh. Whoever renames has that right meanwhile: a refresh under way would find nothing
    /// to write its tokens to. Returns the new generation.
    fn rename_account<'a>(
        &'a self,
        from: &'a str,
        account: &'a Account,
        expected: Generation,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation>;

    /// Forgets an account. Says whether there was one. Its history stays, until it [is old](Self::sweep_histories), and ends with `entry`. With an `entry` it is the account of that id that goes: another
    /// one that has the name by now stays, and there was none.
    fn remove_account<'a>(&'a self, name: &'a str, entry: Option<&'a Entry>) -> Stored<'a, bool>;

    /// Forgets the record that is found by this name if it is damaged ([`StoreError::Corrupt`]), and leaves one that opens where it is: the way out for whoever
    /// logs in again, or out. Says whether there was one.
    fn remove_damaged<'a>(&'a self, name: &'a str) -> Stored<'a, bool> {
        let _ = name;
        Box::pin(std::future::ready(Ok(false)))
    }

    /// An account's history, the oldest first: its newest [`MOST_ENTRIES`](crate::history::MOST_ENTRIES).
    fn history<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Vec<Entry>>;

    /// Entries of all accounts, in the order of their numbers: those after `after`, at most `most`. With `None` the newest one alone,
    /// to begin with. On a database with several writers a lower number can come to be seen after a higher one: whoever follows asks
    /// for a little more than the last answer's end, and passes over what it knows.
    fn entries(&self, after: Option<EntryNumber>, most: usize) -> Stored<'_, Vec<(EntryNumber, Entry)>>;

    /// Forgets histories of accounts that are gone: those whose last entry is from before `before`, and one of the `most` entries after `after`. Not the newest
    /// entry of all, by which whoever follows knows where they are. Says where to go on; `None` at the end.
    fn sweep_histories(&self, after: EntryNumber, before: Timestamp, most: usize) -> Stored<'_, Option<EntryNumber>> {
        let _ = (after, before, most);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Accounts that are [due](Account::due_at) for a refresh and nobody else's, the longest due first; they are the caller's until
    /// `until`, or until their due moment is written anew. Of any number of workers, each account goes to one.
    ///
    /// Where there is room for more, some of those whose due moment lies further ahead than [`CLOCK_SLACK`] are looked at, and those that are
    /// [misdated](Account::is_misdated) are leased, too; over many calls, all of them are, whether one process makes them or each
    /// one of its own.
    fn lease_due(&self, now: Timestamp, until: Timestamp, most: usize) -> Stored<'_, Vec<Versioned<Account>>>;

    /// Ends [leases](Self::lease_due), each of an account that was somebody's until then: the accounts are nobody's from now on, but for those that somebody else
    /// has leased meanwhile. Where that cannot be done, they end by themselves.
    fn give_back<'a>(&'a self, leases: &'a [(AccountId, Timestamp)]) -> Stored<'a, ()> {
        let _ = leases;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Takes the right to refresh an account, if nobody has it. The kernel or the server watches over it: a holder that dies frees it at
    /// once. One that lives frees it by dropping it.
    fn try_hold<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Option<Hold>>;

    /// Keeps a login under way, bound to one browser (`binding`, a secret only that browser holds), until it expires. Bounded, so that nobody can fill the
    /// disk by beginning logins: where it is one of a [`Crowd`](crate::Crowd) that has begun too many, it is refused ([`StoreError::Crowded`]), and of those
    /// without a crowd the oldest make room.
    fn put_pending<'a>(&'a self, login: &'a PendingLogin, binding: &'a str) -> Stored<'a, ()>;

    /// Hands a login out, once: of any number of callers with the same key, one gets it. `None` if there is none of that key and
    /// binding, or it has expired. Somebody else's binding leaves it where it is.
    fn take_pending<'a>(&'a self, key: &'a str, binding: &'a str, now: Timestamp) -> Stored<'a, Option<PendingLogin>>;
}

/// Seconds by which the clocks of machines may differ without harm. A [lease](Store::lease_due) that lies further ahead than any that would be
/// given now, and more than this, is one of a clock that was wrong, and void; with less, two machines whose clocks differ by a moment would
/// take each other's. Tokens that came more than this in the future are [misdated](Account::is_misdated).
pub const CLOCK_SLACK: i64 = 3600;

/// A counter that every write of a record moves on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// The place of an entry in the history of all accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryNumber(pub u64);

/// The right to refresh an account, until it is dropped.
#[must_use = "dropping it gives the right away"]
pub struct Hold {
    _held: Box<dyn Send + Sync>,
    /// The server's clock when it gave the right, and when that was here; `None` for a right that ends with its holder and not before.
    server: Option<(Timestamp, Instant)>,
    /// When the server was asked: it gave the right at that moment at the earliest.
    asked: Option<Instant>,
}

impl Hold {
    /// Holds whatever frees the right when it is dropped.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self { _held: Box::new(held), server: None, asked: None }
    }

    /// The same, where the right can also end while its holder lives: with the connection to a server that is started again. Whoever has
    /// the right next looks at the account's note first, and how old that is tells the server's clock: it said `now` with the right. The machines' own
    /// clocks may be an hour apart.
    pub fn that_may_lapse(held: impl Send + Sync + 'static, now: Timestamp) -> Self {
        Self { _held: Box::new(held), server: Some((now, Instant::now())), asked: None }
    }

    /// How long ago the server was asked for it: on a busy machine, or behind a slow line, its answer may be some seconds old when it is read.
    pub fn asked(self, ago: Duration) -> Self {
        Self { asked: Instant::now().checked_sub(ago), ..self }
    }

    /// Whether the holder before may still be at work.
    pub(crate) fn may_lapse(&self) -> bool {
        self.server.is_some()
    }

    /// What the server's clock shows by now, at least.
    pub(crate) fn server_time(&self) -> Option<Timestamp> {
        let (then, read) = self.server?;
        Some(then.plus(i64::try_from(read.elapsed().as_secs()).unwrap_or(i64::MAX)))
    }

    /// And at most: as if it had been read when it was asked.
    pub(crate) fn server_time_at_most(&self) -> Option<Timestamp> {
        let (then, read) = self.server?;
        let since = self.asked.unwrap_or(read).elapsed().as_secs();
        Some(then.plus(i64::try_from(since).unwrap_or(i64::MAX).saturating_add(1)))
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}

/// A record, and the generation it was read at.
#[derive(Clone, Debug)]
pub struct Versioned<T> {
    /// The record.
    pub value: T,
    /// Its generation.
    pub generation: Generation,
}

/// The accounts of a store, and what of them does not open.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Those that open, by name.
    pub accounts: Vec<Versioned<Account>>,
    /// Those that do not.
    pub damaged: Vec<Damaged>,
}

/// A record that is not what was sealed there. Nothing of it is used.
#[derive(Debug)]
pub struct Damaged {
    /// What the account is called, where its history still says so.
    pub name: Option<String>,
    /// Why it does not open.
    pub error: StoreError,
}

/// What a write expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// No record of that name.
    Nothing,
    /// This generation.
    Generation(Generation),
    /// Whatever is there: what is imported replaces it.
    Anything,
}

/// Why a store cannot answer. What wants another remedy is another error.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no vault at that place, and none was to be made.
    Missing(String),
    /// A vault is there, and its key is not, or cannot be had now.
    Locked(String),
    /// The vault was sealed with another key.
    WrongKey(String),
    /// A record or the file is damaged, or was tampered with.
    Corrupt(String),
    /// The vault was written by a newer version; it was not touched.
    Newer(String),
    /// The record is not of the expected generation: somebody else wrote it first.
    Conflict,
    /// Too many logins are under way.
    Crowded,
    /// Everything was to be moved into it, and there is something in it already, which nothing is mixed with.
    NotEmpty,
    /// The disk failed, or the database was not reached.
    Io(String, std::io::Error),
    /// The database server was reached, and said no.
    Refused(String, Refusal),
    /// The file or folder can be read by others, or belongs to somebody else, or is a link.
    Unsafe(String),
}

/// What a database server said no to. What wants another remedy is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Its user, the password, the way to connect, or the name of the database.
    Entry,
    /// The user was let in, and may not do this.
    Right,
    /// There are as many connections as there may be.
    Full,
    /// Others were in the way, for longer than was waited. Nothing was changed.
    Busy,
    /// It takes no writes: a standby, or a primary that was told to take none.
    Standby,
    /// Something else.
    Other,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) => write!(f, "no vault: {what}"),
            Self::Locked(what) => write!(f, "the vault is locked: {what}"),
            Self::WrongKey(what) => write!(f, "the vault belongs to another key: {what}"),
            Self::Corrupt(what) => write!(f, "the vault is damaged: {what}"),
            Self::Newer(what) => write!(f, "the vault is from a newer version: {what}"),
            Self::Conflict => f.write_str("the record was changed by somebody else in between"),
            Self::Crowded => f.write_str("too many logins were begun and not finished"),
            Self::NotEmpty => f.write_str("the vault has something in it already, which nothing may be mixed with"),
            // A log has one line for it: what the system said belongs to that, too.
            Self::Io(what, error) => match error.to_string() {
                said if what.contains(&said) => write!(f, "the vault cannot be read or written: {what}"),
                said => write!(f, "the vault cannot be read or written: {what} ({said})"),
            },
            Self::Refused(what, _) => write!(f, "the vault cannot be read or written: {what}"),
            Self::Unsafe(what) => write!(f, "the vault is not safe where it is: {what}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, source) => Some(source),
            _ => None,
        }
    }
}

impl StoreError {
    /// The same for somebody else whom it hit, too; of a failing disk the copy holds the words.
    #[must_use]
    pub fn again(&self) -> Self {
        match self {
            Self::Missing(what) => Self::Missing(what.clone()),
            Self::Locked(what) => Self::Locked(what.clone()),
            Self::WrongKey(what) => Self::WrongKey(what.clone()),
            Self::Corrupt(what) => Self::Corrupt(what.clone()),
            Self::Newer(what) => Self::Newer(what.clone()),
            Self::Conflict => Self::Conflict,
            Self::Crowded => Self::Crowded,
            Self::NotEmpty => Self::NotEmpty,
            Self::Io(what, error) => {
                let again = error.raw_os_error().map(std::io::Error::from_raw_os_error);
                Self::Io(what.clone(), again.unwrap_or_else(|| std::io::Error::new(error.kind(), error.to_string())))
            }
            Self::Refused(what, refusal) => Self::Refused(what.clone(), *refusal),
            Self::Unsafe(what) => Self::Unsafe(what.clone()),
        }
    }

    /// Whether it is a database that is not reached for now, or has no time for us: what was asked may be had a little later.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Io(_, error) => is_of_the_network(error),
            Self::Refused(_, refusal) => matches!(refusal, Refusal::Full | Refusal::Busy),
            _ => false,
        }
    }

    /// Whether it stays so until somebody does something about the vault. All else may pass by itself: another program writes for a while, a database
    /// is started again, a disk is cleaned up, a key is given.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Missing(_) | Self::WrongKey(_) | Self::Corrupt(_) | Self::Newer(_) | Self::NotEmpty | Self::Unsafe(_) => true,
            // A file that was replaced, a right that was taken away. (Read-only is also what a database is that fails over.)
            Self::Io(_, error) => matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied),
            Self::Refused(_, refusal) => matches!(refusal, Refusal::Entry | Refusal::Right),
            Self::Locked(_) | Self::Conflict | Self::Crowded => false,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) => "log in once, and a vault is made",
            Self::Locked(_) => "give the key: the environment variable, the key file, or wait until it can be read",
            Self::WrongKey(_) => "use the key this vault was made with, or move the vault aside and log in again",
            Self::Corrupt(_) => "restore the file from a backup, or move it aside and log in again; nothing was overwritten",
            Self::Newer(_) => "use the newer version of this program; nothing was changed",
            Self::Conflict => "try again",
            Self::Crowded => "finish one of them, or try again in ten minutes, when they end",
            Self::NotEmpty => "name a vault that has nothing in it yet",
            Self::Io(_, error) if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem => {
                "make it writable, or move the vault to where it can be written: keyfob vault move"
            }
            Self::Io(_, error) if error.kind() == std::io::ErrorKind::StorageFull => {
                "make room on the disk; what the vault has is as it was"
            }
            Self::Io(_, error) if is_refused_to_everybody(error) => {
                "check the permissions of the file and of its folder; where they are right, one of both may have been made immutable: lsattr -d shows an i or an a, \
                 and chattr -i or -a takes it away"
            }
            Self::Io(_, error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                "let the other program come to its end (a rekey or an import of a large vault takes its time)"
            }
            Self::Io(..) if self.is_away() => "see whether the database server is up, and can be reached from here",
            Self::Io(..) => "check the disk, its space and the permissions of the folder",
            Self::Refused(_, refusal) => refusal.hint(),
            Self::Unsafe(_) => {
                "run it as the user whose vault it is; its folder has to be 0700 and its files 0600, all of that user, and no links"
            }
        }
    }
}

impl Refusal {
    fn hint(self) -> &'static str {
        match self {
            Self::Entry => "see that user, password and database of its address are right, and whom the server lets in: docs/postgresql.md",
            Self::Right => "let that user do what docs/postgresql.md lists, or do this as the user who made the tables",
            Self::Full => {
                "let fewer programs use it at once, or have it allow more: pool=N in the address is ours, max_connections the server's"
            }
            Self::Busy => "try again when the others have done (a rekey or an import of a large vault takes its time)",
            Self::Standby => {
                "name all of its hosts in the address, and the one that takes writes is found: postgres://USER@HOST,HOST/DATABASE"
            }
            Self::Other => "see what the server's log says of it, and what the vault needs there: docs/postgresql.md",
        }
    }
}

/// What a database gives, and a file on a disk of this machine does not.
fn is_of_the_network(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, NotConnected, TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | HostUnreachable | NetworkUnreachable | NotConnected | TimedOut
    )
}

/// EPERM. What a mode forbids is EACCES; this is an attribute, mostly, that stands above it, also for its owner and for root.
fn is_refused_to_everybody(error: &std::io::Error) -> bool {
    cfg!(unix) && error.raw_os_error() == Some(1)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_an_attribute_forbids_is_told_from_what_a_mode_does() {
        let hint = |number| {
            let error = StoreError::Io("vault.db".to_owned(), io::Error::from_raw_os_error(number));
            assert_eq!(error.hint(), error.again().hint());
            error.hint()
        };
        assert!(hint(1).contains("lsattr") && hint(1).contains("permissions"));
        assert!(!hint(13).contains("lsattr") && hint(13).contains("permissions"));
    }
}
