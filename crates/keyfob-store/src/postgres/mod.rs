//! The vault in PostgreSQL, for several machines: the same sealed rows as in SQLite, as a [`Store`].

mod accounts;
mod acts;
mod address;
mod changes;
mod check;
mod connections;
mod failure;
mod hold;
mod items;
mod logins;
mod pour;
mod rekey;
mod schema;
mod sealing;
mod shelf;
mod tls;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyfob::history::Entry;
use keyfob::proto::{App, Secret, Timestamp};
use keyfob::store::{EntryNumber, Expected, Generation, Hold, Inventory, Stored, Versioned};
use keyfob::{Account, AccountId, PendingLogin, Store, StoreError};

use crate::checked::Checked;
use crate::key::KeySource;
use crate::rekey::Rekeyed;
use crate::rows::LookedTo;
use crate::transfer::{Inflow, Moved, Outflow, Portable};
use acts::Book;
use address::Address;
pub use address::PostgresPlace;
use changes::Ear;
use connections::Connections;
use hold::Holds;
use sealing::Sealing;

/// A sealed vault in PostgreSQL, in a schema `keyfob` of its own: any number of processes on any number of machines share it.
///
/// The address is a URL: `postgres://user:password@db.example.org/keyfob`. To any machine but this one TLS with a verified certificate is the
/// default, and nothing in clear is accepted. The page docs/postgresql.md says what a role must be allowed, and what happens when a server
/// fails over.
///
/// Where a connection is lost, the next call makes a new one. A write of an account whose answer was lost is asked for again until it is
/// known whether it was done (for ten seconds).
///
/// ```no_run
/// use keyfob::{Store, proto::Secret};
/// use keyfob_store::{KeySource, PostgresVault};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let url = Secret::new(std::env::var("KEYFOB_VAULT")?);
/// // Every machine needs the same key.
/// let key = KeySource::Text(Secret::new(std::env::var(KeySource::VARIABLE)?));
/// let vault = PostgresVault::open(&url, key).await?;
/// for account in vault.accounts().await? {
///     println!("{}", account.value.name);
/// }
/// # Ok(())
/// # }
/// ```
pub struct PostgresVault {
    place: String,
    key_made: Option<PathBuf>,
    warnings: Vec<String>,
    connections: Arc<Connections>,
    holds: Holds,
    sealing: Arc<Sealing>,
    book: Book,
    ear: Ear,
    /// Down to where the accounts were looked at whose due moment lies far ahead: to which id, of those with one due moment.
    looked_to: LookedTo<Vec<u8>>,
}

impl PostgresVault {
    /// Opens the vault; makes its schema where there is none, and moves an older one to this version, one process at a time.
    ///
    /// # Errors
    /// [`StoreError::Io`] with a sentence where the server cannot be reached or refuses us; [`StoreError::Unsafe`] where the address would
    /// send what is sealed through a network in clear; [`StoreError::Newer`], [`StoreError::Locked`], [`StoreError::WrongKey`] and
    /// [`StoreError::Corrupt`] as with a file. In none of them is the URL's password.
    pub async fn open(url: &Secret, source: KeySource) -> Result<Self, StoreError> {
        Self::open_or(url, source, true).await
    }

    /// Opens the vault if there is one in that database; otherwise [`StoreError::Missing`], and nothing is made.
    ///
    /// # Errors
    /// As [`PostgresVault::open`].
    pub async fn open_existing(url: &Secret, source: KeySource) -> Result<Self, StoreError> {
        Self::open_or(url, source, false).await
    }

    /// Seals everything anew under a new data key, and that under what `to` gives, in one transaction; all writers wait meanwhile. A process
    /// that is killed in it leaves the old vault or the new one. Whoever else has it open goes on with the new key, or is told that it cannot
    /// have it. Logins under way have to begin anew.
    ///
    /// # Errors
    /// As [`PostgresVault::open`], and where the role may not write the header. If the connection ends under the commit, the error says that
    /// nobody knows; opening the vault finds out.
    pub async fn rekey(&self, to: &KeySource) -> Result<Rekeyed, StoreError> {
        rekey::rekey(self, to).await
    }

    /// Opens every record, as they were at one moment; nobody waits for it. Damage is a finding, not an error. Whether the server's own files are sound
    /// is for its tools to say.
    ///
    /// # Errors
    /// As [`PostgresVault::open`].
    pub async fn check(&self) -> Result<Checked, StoreError> {
        check::check(self).await
    }

    /// How many items are on the [shelf](crate::shelf), and how many lines in its book; whether they open or not.
    ///
    /// # Errors
    /// As [`PostgresVault::open`].
    pub async fn shelf_size(&self) -> Result<(u64, u64), StoreError> {
        items::size(self).await
    }

    /// Whether a text is an address of a vault in PostgreSQL, and not the path of a file.
    #[must_use]
    pub fn is_address(text: &str) -> bool {
        address::is_address(text)
    }

    /// Where an address says that the vault is. Nothing is asked of the server.
    ///
    /// # Errors
    /// What is wrong with the address, as [`PostgresVault::open`] says it.
    pub fn place_of(url: &Secret) -> Result<PostgresPlace, StoreError> {
        PostgresPlace::of(url)
    }

    /// Where the vault is, without user and password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The key file, if opening made one. See [`Vault::key_made`](crate::Vault::key_made); every other machine needs a copy of it.
    #[must_use]
    pub fn key_made(&self) -> Option<&Path> {
        self.key_made.as_deref()
    }

    /// What was not as it should be, and was borne with: sentences for the person.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    async fn open_or(url: &Secret, source: KeySource, make: bool) -> Result<Self, StoreError> {
        let address = Address::parse(url)?;
        let place = address.place().to_string();
        let connections = Arc::new(Connections::new(address)?);
        let schema::Opened { sealer, header, key_made, warnings } = schema::open(&connections, &source, make).await?;
        let holds = Holds::new(Arc::clone(&connections), header.vault_id()?);
        let sealing = Arc::new(Sealing::new(Arc::clone(&connections), sealer, &header, &source));
        let book = Book::new(Arc::clone(&connections), Arc::clone(&sealing));
        let ear = Ear::new(Arc::clone(&connections));
        Ok(Self { place, key_made, warnings, connections, holds, sealing, book, ear, looked_to: LookedTo::nothing() })
    }
}

impl fmt::Debug for PostgresVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresVault").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Portable for PostgresVault {
    fn pour(&self, out: Outflow) -> Stored<'_, ()> {
        Box::pin(pour::pour(self, out))
    }

    fn fill(&self, from: Inflow) -> Stored<'_, Moved> {
        Box::pin(pour::fill(self, from))
    }
}

impl Store for PostgresVault {
    fn apps(&self) -> Stored<'_, Vec<(String, App)>> {
        Box::pin(logins::apps(self))
    }

    fn app<'a>(&'a self, provider: &'a str) -> Stored<'a, Option<App>> {
        Box::pin(logins::app(self, provider))
    }

    fn put_app<'a>(&'a self, provider: &'a str, app: &'a App) -> Stored<'a, ()> {
        Box::pin(logins::put_app(self, provider, app))
    }

    fn remove_app<'a>(&'a self, provider: &'a str) -> Stored<'a, bool> {
        Box::pin(logins::remove_app(self, provider))
    }

    fn accounts(&self) -> Stored<'_, Vec<Versioned<Account>>> {
        Box::pin(accounts::all(self))
    }

    fn inventory(&self, due_by: Option<Timestamp>) -> Stored<'_, Inventory> {
        Box::pin(accounts::inventory(self, due_by))
    }

    fn account<'a>(&'a self, name: &'a str) -> Stored<'a, Option<Versioned<Account>>> {
        Box::pin(accounts::one(self, name))
    }

    /// `Conflict` also where a generation was expected and the record there has another id (the account was removed and made anew, so
    /// equal numbers mean nothing), and where the id is in use under another name.
    fn put_account<'a>(&'a self, account: &'a Account, expected: Expected, entry: Option<&'a Entry>) -> Stored<'a, Generation> {
        Box::pin(accounts::put(self, &account.id, account, expected, [None, entry]))
    }

    fn replace_account<'a>(
        &'a self,
        before: &'a AccountId,
        expected: Generation,
        account: &'a Account,
        left: Option<&'a Entry>,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation> {
        Box::pin(accounts::put(self, before, account, Expected::Generation(expected), [left, entry]))
    }

    fn rename_account<'a>(
        &'a self,
        from: &'a str,
        account: &'a Account,
        expected: Generation,
        entry: Option<&'a Entry>,
    ) -> Stored<'a, Generation> {
        Box::pin(accounts::rename(self, from, account, expected, entry))
    }

    fn remove_account<'a>(&'a self, name: &'a str, entry: Option<&'a Entry>) -> Stored<'a, bool> {
        Box::pin(accounts::remove(self, name, entry))
    }

    fn remove_damaged<'a>(&'a self, name: &'a str) -> Stored<'a, bool> {
        Box::pin(accounts::remove_damaged(self, name))
    }

    fn history<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Vec<Entry>> {
        Box::pin(accounts::history(self, id))
    }

    fn entries(&self, after: Option<EntryNumber>, most: usize) -> Stored<'_, Vec<(EntryNumber, Entry)>> {
        Box::pin(accounts::entries(self, after, most))
    }

    fn sweep_histories(&self, after: EntryNumber, before: Timestamp, most: usize) -> Stored<'_, Option<EntryNumber>> {
        Box::pin(accounts::sweep_histories(self, after, before, most))
    }

    fn lease_due(&self, now: Timestamp, until: Timestamp, most: usize) -> Stored<'_, Vec<Versioned<Account>>> {
        Box::pin(accounts::lease_due(self, now, until, most))
    }

    fn give_back<'a>(&'a self, leases: &'a [(AccountId, Timestamp)]) -> Stored<'a, ()> {
        Box::pin(accounts::give_back(self, leases))
    }

    fn try_hold<'a>(&'a self, id: &'a AccountId) -> Stored<'a, Option<Hold>> {
        Box::pin(self.holds.try_hold(id))
    }

    fn put_pending<'a>(&'a self, login: &'a PendingLogin, binding: &'a str) -> Stored<'a, ()> {
        Box::pin(logins::put_pending(self, login, binding))
    }

    fn take_pending<'a>(&'a self, key: &'a str, binding: &'a str, now: Timestamp) -> Stored<'a, Option<PendingLogin>> {
        Box::pin(logins::take_pending(self, key, binding, now))
    }
}
