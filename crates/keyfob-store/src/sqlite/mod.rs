//! The vault: a sealed SQLite file as a [`Store`].

mod database;
mod hold;
mod inspect;
mod pour;
mod records;
mod rekey;
mod sealing;
mod worker;

use std::fmt;
use std::path::{Path, PathBuf};

use keyfob::history::Entry;
use keyfob::proto::{App, Secret, Timestamp};
use keyfob::store::{EntryNumber, Expected, Generation, Hold, Stored, Versioned};
use keyfob::{Account, AccountId, PendingLogin, Store, StoreError};

pub use inspect::Inspection;
use records::Records;
use sealing::Sealing;
use worker::Worker;

use crate::agent::Unlocked;
use crate::header::Header;
use crate::key::KeySource;
use crate::place::{self, Lock};
use crate::rekey::Rekeyed;
use crate::transfer::{Inflow, Moved, Outflow, Portable};

/// A sealed vault in one file.
///
/// SQLite works on a thread of its own; dropping the vault lets it finish what it was given and waits for it. Any number of vaults, in
/// any number of processes, may be open on one file.
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
    worker: Worker<Records>,
}

impl Vault {
    /// What the file is called in the data folder.
    pub const FILE_NAME: &'static str = "vault.db";

    /// Opens the vault; makes its folder (0700), its key where the source is [`KeySource::File`], and the vault itself (0600) where there is
    /// none yet. Blocks while it looks at the disk.
    pub fn open(path: &Path, source: KeySource) -> Result<Self, StoreError> {
        Self::open_or(path, &source, true)
    }

    /// Opens the vault if there is one; otherwise [`StoreError::Missing`], and nothing is made. Blocks while it looks at the disk.
    pub fn open_existing(path: &Path, source: KeySource) -> Result<Self, StoreError> {
        Self::open_or(path, &source, false)
    }

    fn open_or(path: &Path, source: &KeySource, make: bool) -> Result<Self, StoreError> {
        let mut warnings = Vec::new();
        let path = place::in_safe_folder(path, make)?;
        if !make && place::look(&path)?.is_none() {
            return Err(StoreError::Missing(path.display().to_string()));
        }
        // One process at a time looks whether there is a vault, makes it, or moves it to this version.
        let lock = Lock::take(&path)?;
        let exists = database::exists(&path, &mut warnings)?;
        let mut key_made = None;
        if !exists {
            let (header, made) = Header::first(source, &mut warnings)?;
            database::create(&path, &header)?;
            key_made = made;
        }
        let (connection, sealer, header) = database::open(&path, |header| source.open(header, &mut warnings))?;
        drop(lock);
        let worker = Worker::start(Records::new(connection, Sealing::new(sealer, &header, source)))?;
        Ok(Self { path, key_made, warnings, worker })
    }

    /// What a vault says of itself without its key.
    pub fn inspect(path: &Path) -> Result<Inspection, StoreError> {
        inspect::inspect(path)
    }

    /// Makes the key of a passphrase, for an [agent](crate::agent::Agent) to keep. Blocks for as long as that takes.
    pub fn unlock(path: &Path, passphrase: &Secret) -> Result<Unlocked, StoreError> {
        inspect::unlock(path, passphrase)
    }

    /// Moves a vault that cannot be used out of the way, with its log and key file: `vault.db` becomes `vault.db` and `suffix`. Never over
    /// something that is there. Gives the new path, which opens like any other once it can be.
    pub fn set_aside(path: &Path, suffix: &str) -> Result<PathBuf, StoreError> {
        inspect::set_aside(path, suffix)
    }

    /// Seals everything anew under a new data key, and that under what `to` gives, in one transaction. A process that is killed in it leaves
    /// the old vault or the new one. Logins under way have to begin anew.
    pub async fn rekey(&self, to: &KeySource) -> Result<Rekeyed, StoreError> {
        let (vault, to) = (self.path.clone(), to.clone());
        self.worker.run(move |records| rekey::rekey(records, &vault, &to)).await
    }

    /// Closes the vault so that it is one file: nothing of it is in a log.
    pub(crate) async fn into_one_file(self) -> Result<(), StoreError> {
        self.worker.run(|records| records.connection.pragma_update(None, "journal_mode", "DELETE").map_err(database::sql)).await
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
        self.worker.run(move |records| pour::pour(records, out))
    }

    fn fill(&self, from: Inflow) -> Stored<'_, Moved> {
        self.worker.run(move |records| pour::fill(records, from))
    }
}

/// Owned copies go to the thread: a caller that stops waiting does not stop a write half way.
impl Store for Vault {
    fn apps(&self) -> Stored<'_, Vec<(String, App)>> {
        self.worker.run(Records::apps)
    }

    fn app<'a>(&'a self, provider: &'a str) -> Stored<'a, Option<App>> {
        let provider = provider.to_owned();
        self.worker.run(move |records| records.app(&provider))
    }

    fn put_app<'a>(&'a self, provider: &'a str, app: &'a App) -> Stored<'a, ()> {
        let (provider, app) = (provider.to_owned(), app.clone());
        self.worker.run(move |records| records.put_app(&provider, &app))
    }

    fn remove_app<'a>(&'a self, provider: &'a str) -> Stored<'a, bool> {
        let provider = provider.to_owned();
        self.worker.run(move |records| records.remove_app(&provider))
    }

    fn accounts(&self) -> Stored<'_, Vec<Versioned<Account>>> {
        self.worker.run(Records::accounts)
    }

    fn account<'a>(&'a self, name: &'a str) -> Stored<'a, Option<Versioned<Account>>> {
        let name = name.to_owned();
        self.worker.run(move |records| records.account(&name))
    }

    /// `Conflict` also where a generation was expected and the record there has another id (the account was removed and made anew, so
    /// equal numbers mean nothing), and where the id is in use under another name.
    fn put_account<'a>(&'a self, account: &'a Account, expected: Expected, entry: Option<&'a Entry>) -> Stored<'a, Generation> {
        let (account, entry) = (account.clone(), entry.cloned());
        self.worker.run(move |records| records.put_account(&account, expected, entry.as_ref()))
    }

    fn remove_account<'a>(&'a self, name: &'a str, entry: Option<&'a Entry>) -> Stored<'a, bool> {
        let (name, entry) = (name.to_owned(), entry.cloned());
        self.worker.run(move |records| records.remove_account(&name, entry.as_ref()))
    }

    fn history<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Vec<Entry>> {
        let id = id.clone();
        self.worker.run(move |records| records.history(&id))
    }

    fn entries(&self, after: Option<EntryNumber>, most: usize) -> Stored<'_, Vec<(EntryNumber, Entry)>> {
        self.worker.run(move |records| records.entries(after, most))
    }

    fn lease_due(&self, now: Timestamp, until: Timestamp, most: usize) -> Stored<'_, Vec<Versioned<Account>>> {
        self.worker.run(move |records| records.lease_due(now, until, most))
    }

    fn try_hold<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Option<Hold>> {
        let (vault, id) = (self.path.clone(), id.clone());
        self.worker.run(move |_| hold::try_hold(&vault, &id))
    }

    fn put_pending<'a>(&'a self, login: &'a PendingLogin, binding: &'a str) -> Stored<'a, ()> {
        let (login, binding) = (login.clone(), Secret::new(binding));
        self.worker.run(move |records| records.put_pending(&login, &binding))
    }

    fn take_pending<'a>(&'a self, key: &'a str, binding: &'a str, now: Timestamp) -> Stored<'a, Option<PendingLogin>> {
        let (key, binding) = (Secret::new(key), Secret::new(binding));
        self.worker.run(move |records| records.take_pending(&key, &binding, now))
    }
}
