//! Moving everything from one vault into another, whatever databases they are in; and a vault in one file, sealed with a passphrase, to keep
//! or to carry.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keyfob::history::Entry;
use keyfob::proto::{App, Secret};
use keyfob::store::{Stored, Versioned};
use keyfob::{Account, Store, StoreError};
use tokio::sync::mpsc;

use crate::place::{self, Fresh, Turn};
use crate::shelf::{self, Act};
use crate::sqlite::database;
use crate::{KeySource, Vault, seal};

/// Items travel in bundles of this many.
const BUNDLE: usize = 256;

/// So long refreshes are waited for: longer than the deadline of their request.
const PATIENCE: Duration = Duration::from_secs(75);
/// Between two looks.
const AGAIN: Duration = Duration::from_millis(50);

/// A vault whose contents can be moved into another.
pub trait Portable: Store {
    /// Sends everything, as it was at one moment.
    fn pour(&self, out: Outflow) -> Stored<'_, ()>;

    /// Takes everything in, all or nothing; refuses if there is something here already.
    fn fill(&self, from: Inflow) -> Stored<'_, Moved>;
}

/// How much was moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Apps.
    pub apps: u64,
    /// Accounts, each with its id and generation.
    pub accounts: u64,
    /// Entries of their histories, with their times.
    pub entries: u64,
    /// Items of the shelf, each with its generation.
    pub items: u64,
    /// Lines of the book, in their order.
    pub acts: u64,
    /// Of the accounts those that were being refreshed while they were copied, or whose refresh never came to an end: what the copy has of their tokens may
    /// be worth nothing.
    pub unsettled: u64,
}

/// Copies apps, accounts, histories and the [shelf](crate::shelf::Shelf) into an empty vault. Ids, names, generations and times stay; logins under way
/// do not move, and begin anew. The vault that is read is not changed.
///
/// # Errors
///
/// `NotEmpty` for a vault that has something in it; and those of either vault. The second one is as it was then.
pub async fn copy_all(from: &dyn Portable, to: &dyn Portable) -> Result<Moved, StoreError> {
    copy(from, to, true).await
}

async fn copy(from: &dyn Portable, to: &dyn Portable, with_shelf: bool) -> Result<Moved, StoreError> {
    let_refreshes_end(from).await?;
    let (sender, receiver) = mpsc::channel(4);
    let out = Outflow { to: sender, bundle: Vec::new(), with_shelf };
    let (poured, filled) = tokio::join!(from.pour(out), to.fill(Inflow::new(receiver)));
    match (poured, filled) {
        // The one is why the other stopped: whoever ended the stream has the reason.
        (Err(error), Err(other)) => Err(if is_cut(&error) { other } else { error }),
        (poured, filled) => poured.and(filled),
    }
}

/// Waits for whoever refreshes an account now: a copy from before the new tokens are written has those that are spent, and nothing says so until its
/// next refresh. What begins only after this is [counted](Moved::unsettled).
async fn let_refreshes_end(from: &dyn Portable) -> Result<(), StoreError> {
    let begun = Instant::now();
    for account in from.accounts().await?.iter().filter(|account| is_unsettled(account)) {
        // Whoever cannot be asked for the right does not refresh here either: a vault that can only be read, say. And who died has it no more.
        while let Ok(None) = from.try_hold(&account.value.id).await
            && begun.elapsed() < PATIENCE
        {
            tokio::time::sleep(AGAIN).await;
        }
    }
    Ok(())
}

fn is_unsettled(account: &Versioned<Account>) -> bool {
    account.value.spending.as_ref().is_some_and(|note| !note.over)
}

/// Opens everything, as it was at one moment, and counts it. The first record that does not open ends it.
///
/// # Errors
///
/// `Corrupt` for that record, and `Io`.
pub async fn count(from: &dyn Portable) -> Result<Moved, StoreError> {
    let (sender, mut receiver) = mpsc::channel::<Bundle>(4);
    let counting = async {
        let mut moved = Moved::default();
        while let Some(bundle) = receiver.recv().await {
            bundle.items.iter().for_each(|item| moved.count(item));
        }
        moved
    };
    let (poured, moved) = tokio::join!(from.pour(Outflow { to: sender, bundle: Vec::new(), with_shelf: true }), counting);
    poured.map(|()| moved)
}

/// Writes apps, accounts and histories into one new file, sealed with a passphrase: a vault like any other. `scratch` is a folder of ours to
/// make it in. The shelf stays behind: who is signed in at a web app, and the keys that it gave out, belong to that one, and not to a copy.
///
/// # Errors
///
/// As [`copy_all`], and `Io` where the file is there already, or cannot be written: then there is none.
pub async fn export(from: &dyn Portable, scratch: &Path, to: &Path, passphrase: &Secret) -> Result<Moved, StoreError> {
    let scratch = Scratch::within(scratch)?;
    let vault = Vault::open(&scratch.vault(), KeySource::Passphrase(passphrase.clone()))?;
    let moved = copy(from, &vault, false).await?;
    vault.into_one_file().await?;
    let mut made = File::open(scratch.vault()).map_err(place::io(to))?;
    // In no folder's safety is it sealed any less: it may be a stick, or /tmp. But never over something, and never through a link.
    let mut file = Fresh::anywhere_beside(to)?;
    io::copy(&mut made, file.file()).map_err(place::io(to))?;
    if file.publish()? { Ok(moved) } else { Err(place::io(to)(io::ErrorKind::AlreadyExists.into())) }
}

/// Takes everything from such a file, which is not changed, into an empty vault.
///
/// # Errors
///
/// As [`Exported::open`] and [`copy_all`].
pub async fn import(from: &Path, passphrase: &Secret, scratch: &Path, to: &dyn Portable) -> Result<Moved, StoreError> {
    Exported::open(from, passphrase, scratch)?.pour_into(to).await
}

/// Such a file, opened by its passphrase: whoever has this one need not fear to make a vault that then has nothing in it.
#[derive(Debug)]
pub struct Exported {
    vault: Vault,
    // Behind the vault, which is closed before its folder goes.
    _scratch: Scratch,
}

impl Exported {
    /// Opens a copy of the file, in a folder of ours within `scratch`.
    ///
    /// # Errors
    ///
    /// `Missing`, `WrongKey`, `Corrupt`, `Newer`, and `Io`, also for what is no such file.
    pub fn open(from: &Path, passphrase: &Secret, scratch: &Path) -> Result<Self, StoreError> {
        // First: what is waited for here, a FIFO without its other end, may be given up, and nothing is left behind then.
        let mut file = match File::open(from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(StoreError::Missing(from.display().to_string())),
            other => other.map_err(place::io(from))?,
        };
        let begin = first_page(&mut file).map_err(place::io(from))?;
        if !database::begins_a_vault(&begin) {
            return Err(database::no_vault());
        }
        let scratch = Scratch::within(scratch)?;
        let vault = opened(begin.as_slice().chain(file), passphrase, &scratch)?;
        Ok(Self { vault, _scratch: scratch })
    }

    /// Everything in it, into an empty vault.
    ///
    /// # Errors
    ///
    /// As [`copy_all`].
    pub async fn pour_into(&self, to: &dyn Portable) -> Result<Moved, StoreError> {
        copy_all(&self.vault, to).await
    }
}

/// What says what it is. Whatever else a person names by mistake need not fit on our disk.
fn first_page(file: &mut File) -> io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    file.take(4096).read_to_end(&mut begin)?;
    Ok(begin)
}

fn opened(mut file: impl Read, passphrase: &Secret, scratch: &Scratch) -> Result<Vault, StoreError> {
    let path = scratch.vault();
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(place::io(&path))?;
    io::copy(&mut file, &mut copy).map_err(place::io(&path))?;
    Vault::open_existing(&path, KeySource::Passphrase(passphrase.clone()))
}

/// One thing on its way.
pub(crate) enum Item {
    App(String, Box<App>),
    Account(Box<Versioned<Account>>),
    Entry(Box<Entry>),
    /// With its kind.
    OfShelf(String, Box<Versioned<shelf::Item>>),
    Act(Box<Act>),
}

/// The end that a vault pours into.
pub struct Outflow {
    to: mpsc::Sender<Bundle>,
    bundle: Vec<Item>,
    with_shelf: bool,
}

/// The end that a vault is filled from.
pub struct Inflow {
    from: mpsc::Receiver<Bundle>,
    bundle: std::vec::IntoIter<Item>,
    ended: bool,
}

/// Only the last says that it is the last: a stream that was cut off is never taken for a whole one.
struct Bundle {
    items: Vec<Item>,
    last: bool,
}

impl Outflow {
    /// Whether what is on the shelf is to come along.
    pub(crate) fn with_shelf(&self) -> bool {
        self.with_shelf
    }

    /// Sends an item. Blocks: not for async code.
    pub(crate) fn send(&mut self, item: Item) -> Result<(), StoreError> {
        self.bundle.push(item);
        if self.bundle.len() < BUNDLE {
            return Ok(());
        }
        let items = std::mem::take(&mut self.bundle);
        self.to.blocking_send(Bundle { items, last: false }).map_err(|_| cut())
    }

    /// Sends an item from async code.
    #[cfg(feature = "postgres")]
    pub(crate) async fn pass(&mut self, item: Item) -> Result<(), StoreError> {
        self.bundle.push(item);
        if self.bundle.len() < BUNDLE {
            return Ok(());
        }
        let items = std::mem::take(&mut self.bundle);
        self.to.send(Bundle { items, last: false }).await.map_err(|_| cut())
    }

    /// Says that this was all, from async code.
    #[cfg(feature = "postgres")]
    pub(crate) async fn finish(self) -> Result<(), StoreError> {
        self.to.send(Bundle { items: self.bundle, last: true }).await.map_err(|_| cut())
    }

    /// Says that this was all. Blocks: not for async code.
    pub(crate) fn end(self) -> Result<(), StoreError> {
        self.to.blocking_send(Bundle { items: self.bundle, last: true }).map_err(|_| cut())
    }
}

impl Inflow {
    fn new(from: mpsc::Receiver<Bundle>) -> Self {
        Self { from, bundle: Vec::new().into_iter(), ended: false }
    }

    /// The next item; nothing after the last one; an error if the stream ends before. Blocks: not for async code.
    pub(crate) fn next(&mut self) -> Result<Option<Item>, StoreError> {
        loop {
            if let Some(item) = self.bundle.next() {
                return Ok(Some(item));
            }
            if self.ended {
                return Ok(None);
            }
            let Bundle { items, last } = self.from.blocking_recv().ok_or_else(cut)?;
            (self.bundle, self.ended) = (items.into_iter(), last);
        }
    }

    /// All items of the next bundle, for async code; none after the last one; an error if the stream ends before.
    #[cfg(feature = "postgres")]
    pub(crate) async fn some(&mut self) -> Result<Vec<Item>, StoreError> {
        while !self.ended {
            let Bundle { items, last } = self.from.recv().await.ok_or_else(cut)?;
            self.ended = last;
            if !items.is_empty() {
                return Ok(items);
            }
        }
        Ok(Vec::new())
    }
}

impl Item {
    /// Whether it belongs to the shelf: only what has something to put there needs an empty one.
    pub(crate) fn is_of_shelf(&self) -> bool {
        matches!(self, Self::OfShelf(..) | Self::Act(_))
    }
}

impl Moved {
    pub(crate) fn count(&mut self, item: &Item) {
        match item {
            Item::App(..) => self.apps += 1,
            Item::Account(account) => {
                self.accounts += 1;
                self.unsettled += u64::from(is_unsettled(account));
            }
            Item::Entry(_) => self.entries += 1,
            Item::OfShelf(..) => self.items += 1,
            Item::Act(_) => self.acts += 1,
        }
    }
}

fn cut() -> StoreError {
    StoreError::Io("the other vault".to_owned(), io::ErrorKind::BrokenPipe.into())
}

fn is_cut(error: &StoreError) -> bool {
    matches!(error, StoreError::Io(_, error) if error.kind() == io::ErrorKind::BrokenPipe)
}

/// A folder that is gone when we are done, with what is in it; at the next export or import, where we were killed.
#[derive(Debug)]
struct Scratch {
    path: PathBuf,
    /// Beside the folder. Who has it is at work there.
    _turn: Turn,
}

/// What a folder of that kind is called, before its number.
const SCRATCH: &str = "scratch-";

/// Of a version that took no turn: nobody is at work for longer.
const LONG_AGO: Duration = Duration::from_secs(86_400);

impl Scratch {
    fn within(folder: &Path) -> Result<Self, StoreError> {
        let suffix: String = seal::random::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = place::in_safe_folder(&folder.join(format!("{SCRATCH}{suffix}")), true)?;
        if let Some(folder) = path.parent() {
            sweep(folder);
        }
        // First, so that nobody finds a folder in which nobody is at work.
        let turn = Turn::try_take(&path)?
            .ok_or_else(|| StoreError::Io("another process is at work there".to_owned(), io::ErrorKind::ResourceBusy.into()))?;
        let scratch = Self { path, _turn: turn };
        DirBuilder::new().mode(0o700).create(&scratch.path).map_err(place::io(&scratch.path))?;
        Ok(scratch)
    }

    fn vault(&self) -> PathBuf {
        self.path.join(Vault::FILE_NAME)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove_scratch(&self.path);
    }
}

/// Takes away what those left who were killed: each is a copy of everything, sealed, and as large. What cannot be taken away stays.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let is_scratch = name
            .to_str()
            .and_then(|name| name.strip_prefix(SCRATCH))
            .is_some_and(|number| number.len() == 16 && number.bytes().all(|digit| digit.is_ascii_hexdigit()));
        // Of the entry itself: a link is none of ours.
        let Some(found) = entry.metadata().ok().filter(|found| is_scratch && found.is_dir()) else { continue };
        let path = entry.path();
        let had_turn = place::look(&Turn::file_of(&path)).is_ok_and(|file| file.is_some());
        let is_old = found.modified().ok().and_then(|made| made.elapsed().ok()).is_some_and(|age| age > LONG_AGO);
        if (had_turn || is_old)
            && let Ok(Some(_turn)) = Turn::try_take(&path)
        {
            remove_scratch(&path);
        }
    }
}

fn remove_scratch(path: &Path) {
    drop(std::fs::remove_dir_all(path));
    drop(std::fs::remove_file(Turn::file_of(path)));
}
