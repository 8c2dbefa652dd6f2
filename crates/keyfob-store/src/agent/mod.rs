//! The agent: a process of this program that holds the keys that passphrases made, for a while, and gives them to this user alone.
//!
//! ```text
//! keyfob unlock ──stdin──► keyfob agent ◄──socket 0600 in a folder 0700──► any process of this user that opens the vault
//! ```

mod client;
mod server;
mod wire;

use std::fmt;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyfob::StoreError;

use crate::header::KeyId;
use crate::place;
use crate::seal::Key;

/// The longest that a key is kept.
pub const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// Where the agent listens, if one runs.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its socket lies in one of these; the first that is fit for it is where one would be started.
    folders: Vec<PathBuf>,
}

/// The key of one vault, made of its passphrase and found to open it.
pub struct Unlocked {
    pub(crate) id: KeyId,
    pub(crate) key: Key,
}

/// What an agent says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The vault's id, as hexadecimal digits.
    pub vault: String,
    /// How long the key is kept yet.
    pub left: Duration,
}

impl Agent {
    /// The usual places: `keyfob/` in the user's runtime folder (`$XDG_RUNTIME_DIR`; where that is not set, as under cron, the one that
    /// systemd makes), else `run/` in the data folder.
    pub fn usual(data: &Path) -> Self {
        let named = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let runtime = named.unwrap_or_else(|| PathBuf::from(format!("/run/user/{}", rustix::process::geteuid().as_raw())));
        Self { folders: vec![runtime.join("keyfob"), data.join("run")] }
    }

    /// In one folder, which is made 0700 if it is not there.
    pub fn in_folder(folder: &Path) -> Self {
        Self { folders: vec![folder.to_owned()] }
    }

    /// Gives a key to the agent that runs, if one does. Says whether one took it.
    pub fn keep(&self, unlocked: &Unlocked, time: Duration) -> bool {
        client::ask(&self.folders, &wire::Request::Keep(unlocked.id, &unlocked.key, bounded(time))).is_ok()
    }

    /// What the agent holds; nothing if none runs.
    pub fn held(&self) -> Vec<Held> {
        match client::ask(&self.folders, &wire::Request::Status) {
            Ok(wire::Reply::Status(held)) => held,
            _ => Vec::new(),
        }
    }

    /// Has the agent forget everything, and end. Says whether one ran.
    pub fn lock(&self) -> bool {
        client::ask(&self.folders, &wire::Request::Lock).is_ok()
    }

    /// Is the agent: takes the first key from `handed` (as [`Unlocked::hand_over`] wrote it), listens, tells `ready`, and returns when the
    /// last key's time is over, or on [`lock`](Self::lock), SIGTERM, SIGINT or SIGHUP. `false` if another agent runs already: give it the key.
    pub async fn serve(&self, handed: impl io::Read, ready: impl FnOnce() -> io::Result<()>) -> Result<bool, StoreError> {
        server::serve(&self.folder()?, handed, ready).await
    }

    /// The key with that name, if an agent has it; else why there is none, as the middle of a sentence.
    pub(crate) fn key(&self, id: &KeyId) -> Result<Key, String> {
        match client::ask(&self.folders, &wire::Request::Key(*id))? {
            wire::Reply::Key(key) => Ok(key),
            _ => Err("the agent does not hold its key".to_owned()),
        }
    }

    /// The first folder that is fit, or can be made so.
    fn folder(&self) -> Result<PathBuf, StoreError> {
        let mut why = None;
        for folder in &self.folders {
            match fit(folder) {
                Ok(folder) => return Ok(folder),
                Err(error) => why = Some(error),
            }
        }
        Err(why.unwrap_or_else(|| StoreError::Missing("no folder for the agent's socket".to_owned())))
    }
}

impl Unlocked {
    /// Writes the key for [`Agent::serve`]: into a pipe, never into an argument, a variable or a file.
    pub fn hand_over(&self, time: Duration, mut to: impl Write) -> io::Result<()> {
        let message = wire::kept(self.id, &self.key, bounded(time));
        to.write_all(&message)?;
        to.flush()
    }
}

impl fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unlocked")
    }
}

fn bounded(time: Duration) -> Duration {
    time.min(LONGEST)
}

/// Makes the socket's folder where its parent is there, and sees that nobody else can look into it.
fn fit(folder: &Path) -> Result<PathBuf, StoreError> {
    // The runtime folder is made by the system: without it there is none. The data folder is there, for the vault lies in it.
    let folder = place::in_safe_folder(folder, false)?;
    match std::fs::DirBuilder::new().create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(place::io(&folder)(error)),
        Err(_) => {}
        Ok(()) => std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(place::io(&folder))?,
    }
    must_be_ours_alone(&folder)?;
    Ok(folder)
}

/// A folder of this user's that nobody else can look into or write in.
fn must_be_ours_alone(folder: &Path) -> Result<(), StoreError> {
    let found = folder.symlink_metadata().map_err(place::io(folder))?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(StoreError::Unsafe(format!("the agent's folder {} is not this user's alone (0700)", folder.display())));
    }
    Ok(())
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join("agent.sock")
}
