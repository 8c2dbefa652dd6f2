//! The vault: a sealed SQLite file as a [`Store`].

mod acts;
mod changes;
mod check;
mod checkpoint;
pub(crate) mod database;
mod due;
mod frozen;
mod hold;
mod inspect;
mod items;
mod lying;
mod pour;
mod readers;
mod reads;
mod rekey;
mod sealing;
mod shelf;
mod worker;
mod writer;
mod writes;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyfob::history::Entry;
use keyfob::proto::{App, Secret, Timestamp};
use keyfob::store::{EntryNumber, Expected, Generation, Hold, Inventory, Stored, Versioned};
use keyfob::{Account, AccountId, PendingLogin, Store, StoreError};

use changes::Watch;
use frozen::Frozen;
pub use inspect::Inspection;
use readers::Readers;
use rusqlite::Connection;
use sealing::Sealing;
use writer::Writer;

use crate::agent::Unlocked;
use crate::checked::Checked;
use crate::header::Header;
use crate::key::{Awaited, KeySource};
use crate::place::{self, Lock};
use crate::rekey::Rekeyed;
use crate::rows::LookedTo;
use crate::seal::Sealer;
use crate::transfer::{Inflow, Moved, Outflow, Portable};

/// How often to look which key is meant that has to be waited for: once, and once more for each rekey that came in between. More than these in a row are
/// waited out with the vault in hand.
const LOOKS: usize = 3;

/// A sealed vault in one file.
///
/// A record is read on the thread that asks for it, which takes some microseconds; writing, and reading everything, has threads of its own. Only
/// what a runtime was started for (`block_on`) writes on its own thread, while nobody else does.
/// Dropping the vault lets them finish what they were given and waits for them. Any number of vaults, in any number of processes, may be
/// open on one file.
///
/// ```
/// use keyfob::{Store, proto::App};
/// use keyfob_store::{KeySource, Vault};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let path = home.path().join("keyfob").join(Vault::FILE_NAME);
/// let vault = Vault::open(&path, KeySource::beside(&path))?;
/// if let Some(key) = vault.key_made() {
///     eprintln!("made a key for the vault: {}", key.display());
/// }
///
/// vault.put_app("example", &App::confidential("example-client-id", "example-secret-not-real")).await?;
/// drop(vault);
///
/// let vault = Vault::open_existing(&path, KeySource::beside(&path))?;
/// let app = vault.app("example").await?.expect("it was put");
/// assert_eq!(app.client_id, "example-client-id");
/// # Ok(())
/// # })
/// # }
/// ```
pub struct Vault {
    path: PathBuf,
    key_made: Option<PathBuf>,
    warnings: Vec<String>,
    /// Where it cannot be written.
    frozen: Option<Arc<Frozen>>,
    /// Before the writer, whose connection it looks with.
    watch: Watch,
    writer: Writer,
    readers: Readers,
    /// Down to where the accounts were looked at whose due moment lies far ahead: to which number, of those with one due moment.
    looked_to: LookedTo<i64>,
}

impl Vault {
    /// What the file is called in the data folder.
    pub const FILE_NAME: &'static str = "vault.db";

    /// Opens the vault; makes its folder (0700), its key where the source is [`KeySource::File`], and the vault itself (0600) where there is
    /// none yet. On a file system that is read-only, or that is so full that SQLite cannot share its index with other processes, a vault that
    /// was closed can be read, and each write is refused. Blocks while it looks at
    /// the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError`]: `Locked` without its key, `WrongKey`, `Corrupt`, `Newer` for what a newer version wrote, `Unsafe` for a place that others may change, and `Io` of the disk.
    pub fn open(path: &Path, source: KeySource) -> Result<Self, StoreError> {
        Self::open_or(path, &source, true)
    }

    /// Opens the vault if there is one; otherwise [`StoreError::Missing`], and nothing is made. Blocks while it looks at the disk.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and `Missing`.
    pub fn open_existing(path: &Path, source: KeySource) -> Result<Self, StoreError> {
        Self::open_or(path, &source, false)
    }

    fn open_or(path: &Path, source: &KeySource, make: bool) -> Result<Self, StoreError> {
        let folder = place::in_safe_folder(path, make);
        let warnings = place::open_ways(path);
        let path = folder?;
        if !make {
            database::must_exist(&path)?;
        }
        let mut awaited = None;
        for _ in 0..LOOKS {
            let mut wanted = None;
            let opened = Self::open_by_turns(&path, source, warnings.clone(), |header, warnings| {
                match awaited.take().filter(|awaited: &Awaited| awaited.is_for(header)) {
                    None if source.is_awaited(header)? => {
                        wanted = Some(header.clone());
                        Err(StoreError::Conflict)
                    }
                    had => source.open_with(header, had, warnings),
                }
            });
            // An agent or a keyring that hangs costs seconds: whoever asks it has nobody wait behind them who wants to open the vault, too.
            match wanted {
                None => return opened,
                Some(header) => awaited = source.awaited(&header)?,
            }
        }
        Self::open_by_turns(&path, source, warnings, |header, warnings| source.open(header, warnings))
    }

    /// One process at a time looks whether there is a vault, makes it, or moves it to this version.
    fn open_by_turns(
        path: &Path,
        source: &KeySource,
        mut warnings: Vec<String>,
        unseal: impl FnOnce(&Header, &mut Vec<String>) -> Result<Sealer, StoreError>,
    ) -> Result<Self, StoreError> {
        let lock = match Lock::take(path) {
            Err(error) if is_read_only(&error) => {
                return match Frozen::of(path)? {
                    Some(frozen) => Self::open_frozen(path, source, frozen, warnings),
                    None => Err(error),
                };
            }
            other => other?,
        };
        let exists = database::exists(path, &mut warnings)?;
        place::warn_of_network(path, &mut warnings);
        let mut key_made = None;
        if !exists {
            let (header, made) = Header::first(source, source.is_beside(path), &mut warnings)?;
            database::create(path, &header)?;
            key_made = made;
        }
        let (connection, sealer, header) = match database::open(path, |header| unseal(header, &mut warnings)) {
            Ok(opened) => opened,
            Err(error) => {
                let frozen = Frozen::in_spite_of(error, path)?;
                drop(lock);
                return Self::open_frozen(path, source, frozen, warnings);
            }
        };
        source.settle(&header)?;
        drop(lock);
        let path = path.to_owned();
        let sealing = Arc::new(Sealing::new(path.clone(), sealer, &header, source));
        let writer = Writer::new(path.clone(), Arc::clone(&sealing), None);
        let readers = Readers::new(path.clone(), sealing, connection, None)?;
        let watch = Watch::new(Some(writer.others()));
        Ok(Self { path, key_made, warnings, frozen: None, watch, writer, readers, looked_to: LookedTo::nothing() })
    }

    async fn lease_misdated(&self, now: Timestamp, until: Timestamp, most: usize) -> Result<Vec<i64>, StoreError> {
        let from = self.looked_to.get();
        let look = move |connection: &Connection, sealer: &Sealer| due::misdated(connection, sealer, from, now, until);
        let due::Misdated { mut numbers, from, next } = self.readers.elsewhere(|found| found.numbers.is_empty(), look).await?;
        // Those for which there is no room are found again at the same place.
        self.looked_to.set(if numbers.len() > most { from } else { next });
        numbers.truncate(most);
        if numbers.is_empty() {
            return Ok(numbers);
        }
        self.writer.run(move |write| write.lease_misdated(&numbers, now, until)).await
    }

    /// To be read alone: nothing is made beside it, and what a killed rekey left stays.
    fn open_frozen(path: &Path, source: &KeySource, frozen: Frozen, mut warnings: Vec<String>) -> Result<Self, StoreError> {
        let frozen = Arc::new(frozen);
        database::exists(path, &mut warnings)?;
        warnings.push(frozen.warning());
        let (connection, sealer, header) = database::open_frozen(&frozen, path, |header| source.open(header, &mut warnings))?;
        let path = path.to_owned();
        let sealing = Arc::new(Sealing::new(path.clone(), sealer, &header, source));
        let writer = Writer::new(path.clone(), Arc::clone(&sealing), Some(Arc::clone(&frozen)));
        let readers = Readers::new(path.clone(), sealing, connection, Some(Arc::clone(&frozen)))?;
        let looked_to = LookedTo::nothing();
        Ok(Self { path, key_made: None, warnings, frozen: Some(frozen), watch: Watch::new(None), writer, readers, looked_to })
    }

    /// What a vault says of itself without its key.
    ///
    /// # Errors
    ///
    /// `Missing`, `Corrupt`, `Newer`, `Unsafe`, and `Io`.
    pub fn inspect(path: &Path) -> Result<Inspection, StoreError> {
        inspect::inspect(path)
    }

    /// Makes the key of a passphrase, for an [agent](crate::agent::Agent) to keep. Blocks for as long as that takes.
    ///
    /// # Errors
    ///
    /// As [`inspect`](Self::inspect), and `WrongKey` for another passphrase.
    pub fn unlock(path: &Path, passphrase: &Secret) -> Result<Unlocked, StoreError> {
        inspect::unlock(path, passphrase)
    }

    /// Moves a vault that cannot be used out of the way, with its log and key file: `vault.db` becomes `vault.db` and `suffix`. Never over
    /// something that is there. Gives the new path, which opens like any other once it can be.
    ///
    /// # Errors
    ///
    /// `Missing`, `Unsafe`, and `Io`: where something of that name is there already, say.
    pub fn set_aside(path: &Path, suffix: &str) -> Result<PathBuf, StoreError> {
        inspect::set_aside(path, suffix)
    }

    /// Seals everything anew under a new data key, and that under what `to` gives, in one transaction. A process that is killed in it leaves
    /// the old vault or the new one. Logins under way have to begin anew.
    ///
    /// # Errors
    ///
    /// `Io` for a disk that is full or fails, `Corrupt` for a record that does not open: then nothing is changed. What `to` cannot give is told as by [`open`](Self::open).
    pub async fn rekey(&self, to: &KeySource) -> Result<Rekeyed, StoreError> {
        let (vault, to) = (self.path.clone(), to.clone());
        self.writer.alone(move |connection, sealing| rekey::rekey(connection, sealing, &vault, &to)).await
    }

    /// Looks at every page of the file and opens every record. Opening a vault does that only while it is small (see the README); this takes
    /// some seconds for a million accounts, and keeps nobody waiting meanwhile. Damage is a finding, not an error.
    ///
    /// # Errors
    ///
    /// `Io` where the file cannot be read.
    pub async fn check(&self) -> Result<Checked, StoreError> {
        self.readers.alone(|connection, pool| check::check(connection, &pool.sealing)).await
    }

    /// How many items are on the [shelf](crate::shelf), and how many lines in its book; whether they open or not.
    ///
    /// # Errors
    ///
    /// `Io` where the file cannot be read.
    pub async fn shelf_size(&self) -> Result<(u64, u64), StoreError> {
        self.readers.elsewhere(|_| false, |connection, _| items::size(connection)).await
    }

    /// Closes the vault so that it is one file: nothing of it is in a log.
    pub(crate) async fn into_one_file(self) -> Result<(), StoreError> {
        let path = self.path.clone();
        // Of all connections it has to be the only one.
        drop(self);
        database::connect(&path)?.pragma_update(None, "journal_mode", "DELETE").map_err(database::sql)
    }

    /// Where the vault is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key file, if opening made one: tell the person, who may want to keep a copy elsewhere. Without it the vault is lost.
    pub fn key_made(&self) -> Option<&Path> {
        self.key_made.as_deref()
    }

    /// What was not as it should be, and was put right or borne with: sentences for the person.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Portable for Vault {
    fn pour(&self, out: Outflow) -> Stored<'_, ()> {
        self.readers.alone(move |connection, pool| pour::pour(connection, pool, out))
    }

    fn fill(&self, from: Inflow) -> Stored<'_, Moved> {
        self.writer.alone(move |connection, sealing| pour::fill(connection, sealing, from))
    }
}

fn is_read_only(error: &StoreError) -> bool {
    matches!(error, StoreError::Io(_, error) if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem)
}

/// Owned copies go to the thread: a caller that stops waiting does not stop a write half way.
impl Store for Vault {
    fn apps(&self) -> Stored<'_, Vec<(String, App)>> {
        self.readers.elsewhere(Vec::is_empty, reads::apps)
    }

    fn app<'a>(&'a self, provider: &'a str) -> Stored<'a, Option<App>> {
        Box::pin(async move { self.readers.now(Option::is_none, |connection, sealer| reads::app(connection, sealer, provider)) })
    }

    fn put_app<'a>(&'a self, provider: &'a str, app: &'a App) -> Stored<'a, ()> {
        let (provider, app) = (provider.to_owned(), app.clone());
        self.writer.run(move |write| write.put_app(&provider, &app))
    }

    fn remove_app<'a>(&'a self, provider: &'a str) -> Stored<'a, bool> {
        let provider = provider.to_owned();
        self.writer.run(move |write| write.remove_app(&provider))
    }

    fn accounts(&self) -> Stored<'_, Vec<Versioned<Account>>> {
        self.readers.elsewhere(Vec::is_empty, reads::accounts)
    }

    fn inventory(&self, due_by: Option<Timestamp>) -> Stored<'_, Inventory> {
        let due_by = due_by.map(Timestamp::as_unix);
        let is_doubtful = |found: &Inventory| found.accounts.is_empty() || !found.damaged.is_empty();
        self.readers.elsewhere(is_doubtful, move |connection, sealer| reads::inventory(connection, sealer, due_by))
    }

    fn account<'a>(&'a self, name: &'a str) -> Stored<'a, Option<Versioned<Account>>> {
        Box::pin(async move { self.readers.now(Option::is_none, |connection, sealer| reads::account(connection, sealer, name)) })
    }

    /// `Conflict` also where a generation was expected and the record there has another id (the account was removed and made anew, so
    /// equal numbers mean nothing), and where the id is in use under another name.
    fn put_account<'a>(&'a self, account: &'a Account, expected: Expected, entry: Option<&'a Entry>) -> Stored<'a, Generation> {
        let (account, entry) = (account.clone(), entry.cloned());
        self.writer.run_careful(move |write| write.put_account(&account, expected, entry.as_ref()))
    }

    fn replace_account<'a>(
        &'a self,
        before: &'a AccountId,
        expected: Generation,
        account: &'a Account,
        left: Option<&'a Entry>,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation> {
        let (before, account, left, entry) = (before.clone(), account.clone(), left.cloned(), entry.cloned());
        self.writer.run_careful(move |write| write.replace_account(&before, expected, &account, [left.as_ref(), entry.as_ref()]))
    }

    fn rename_account<'a>(
        &'a self,
        from: &'a str,
        account: &'a Account,
        expected: Generation,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation> {
        let (from, account, entry) = (from.to_owned(), account.clone(), entry.cloned());
        self.writer.run_careful(move |write| write.rename_account(&from, &account, expected, entry.as_ref()))
    }

    fn remove_account<'a>(&'a self, name: &'a str, entry: Option<&'a Entry>) -> Stored<'a, bool> {
        let (name, entry) = (name.to_owned(), entry.cloned());
        self.writer.run(move |write| write.remove_account(&name, entry.as_ref()))
    }

    fn remove_damaged<'a>(&'a self, name: &'a str) -> Stored<'a, bool> {
        let name = name.to_owned();
        self.writer.run(move |write| write.remove_damaged(&name))
    }

    fn history<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Vec<Entry>> {
        Box::pin(async move { self.readers.now(Vec::is_empty, |connection, sealer| reads::history(connection, sealer, id)) })
    }

    fn entries(&self, after: Option<EntryNumber>, most: usize) -> Stored<'_, Vec<(EntryNumber, Entry)>> {
        self.readers.elsewhere(Vec::is_empty, move |connection, sealer| reads::entries(connection, sealer, after, most))
    }

    fn sweep_histories(&self, after: EntryNumber, before: Timestamp, most: usize) -> Stored<'_, Option<EntryNumber>> {
        self.writer.run_careful(move |write| write.sweep_histories(after, before, most))
    }

    fn lease_due(&self, now: Timestamp, until: Timestamp, most: usize) -> Stored<'_, Vec<Versioned<Account>>> {
        Box::pin(async move {
            let mut numbers = Vec::new();
            loop {
                let room = most - numbers.len().min(most);
                let leased = self.writer.run(move |write| write.lease_due(now, until, room)).await?;
                numbers.extend(leased.numbers);
                if !leased.is_not_all {
                    break;
                }
            }
            let room = most - numbers.len().min(most);
            if room > 0 {
                numbers.extend(self.lease_misdated(now, until, room).await?);
            }
            // Nobody waits for the write lock while they are opened.
            self.readers.elsewhere(Vec::is_empty, move |connection, sealer| reads::leased(connection, sealer, &numbers)).await
        })
    }

    fn give_back<'a>(&'a self, leases: &'a [(AccountId, Timestamp)]) -> Stored<'a, ()> {
        let leases = leases.to_vec();
        self.writer.run(move |write| write.give_back(&leases))
    }

    fn try_hold<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Option<Hold>> {
        Box::pin(async move {
            match &self.frozen {
                Some(frozen) => Err(frozen.refusal()),
                None => hold::try_hold(&self.path, id),
            }
        })
    }

    fn put_pending<'a>(&'a self, login: &'a PendingLogin, binding: &'a str) -> Stored<'a, ()> {
        let (login, binding) = (login.clone(), Secret::new(binding));
        self.writer.run(move |write| write.put_pending(&login, &binding))
    }

    fn take_pending<'a>(&'a self, key: &'a str, binding: &'a str, now: Timestamp) -> Stored<'a, Option<PendingLogin>> {
        let (key, binding) = (Secret::new(key), Secret::new(binding));
        self.writer.run(move |write| write.take_pending(&key, &binding, now))
    }
}
