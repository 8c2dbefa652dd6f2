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

/// Where agents listen, if any run: one that was started where there is no runtime folder (under cron, over SSH) is in another place than one
/// of the desktop's, and both hold keys.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The first that is fit for it is where one would be started.
    nests: Vec<Nest>,
}

/// A folder for an agent's socket.
#[derive(Clone, Debug)]
struct Nest {
    folder: PathBuf,
    /// Whether the folder that it lies in is ours to make, too.
    in_ours: bool,
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

/// An agent is there and does not answer, or something else is in its place: what keys it has, it has still. The sentence says which, and where.
#[derive(Clone, Debug)]
pub struct Silent(String);

impl Agent {
    /// The usual places: `keyfob/` in the user's runtime folder (`$XDG_RUNTIME_DIR`; where that is not set, as under cron, the one that
    /// systemd makes), else `run/` in the data folder, which is made, 0700, if it is not there.
    pub fn usual(data: &Path) -> Self {
        let named = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let runtime = named.unwrap_or_else(|| PathBuf::from(format!("/run/user/{}", rustix::process::geteuid().as_raw())));
        Self { nests: vec![Nest { folder: runtime.join("keyfob"), in_ours: false }, Nest { folder: data.join("run"), in_ours: true }] }
    }

    /// In one folder, which is made 0700 if it is not there.
    pub fn in_folder(folder: &Path) -> Self {
        Self { nests: vec![Nest { folder: folder.to_owned(), in_ours: false }] }
    }

    /// Gives a key to the first agent that takes it. Says whether one did; an error where one is there and does not answer.
    ///
    /// # Errors
    ///
    /// [`Silent`], as said.
    pub fn keep(&self, unlocked: &Unlocked, time: Duration) -> Result<bool, Silent> {
        let request = wire::Request::Keep(unlocked.id, &unlocked.key, bounded(time));
        let taken = self.first(&request, |reply| matches!(reply, wire::Reply::Done).then_some(()));
        taken.map(|taken| taken.is_some())
    }

    /// What the agents hold, each vault once; nothing if none runs, and an error where one is there and does not answer.
    ///
    /// # Errors
    ///
    /// [`Silent`], as said.
    pub fn held(&self) -> Result<Vec<Held>, Silent> {
        let mut held: Vec<Held> = Vec::new();
        for reply in self.all(&wire::Request::Status)? {
            let wire::Reply::Status(of_one) = reply else { continue };
            for new in of_one {
                match held.iter_mut().find(|known| known.vault == new.vault) {
                    Some(known) => known.left = known.left.max(new.left),
                    None => held.push(new),
                }
            }
        }
        Ok(held)
    }

    /// Has every agent forget everything, and end. Says whether any ran; an error where one is there and does not answer, for that one has its
    /// keys still. The others have forgotten theirs.
    ///
    /// # Errors
    ///
    /// [`Silent`], as said.
    pub fn lock(&self) -> Result<bool, Silent> {
        self.all(&wire::Request::Lock).map(|replies| !replies.is_empty())
    }

    /// Is the agent: takes the first key from `handed` (as [`Unlocked::hand_over`] wrote it), listens, tells `ready`, and returns when the
    /// last key's time is over, or on [`lock`](Self::lock), SIGTERM, SIGINT or SIGHUP. `false` if another agent runs already: give it the key.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where the folder is not safe, the socket cannot be had, or what came through `handed` is no key.
    pub async fn serve(&self, handed: impl io::Read, ready: impl FnOnce() -> io::Result<()>) -> Result<bool, StoreError> {
        server::serve(&self.folder()?, handed, ready).await
    }

    /// The key with that name, if an agent has it; else why there is none, as the middle of a sentence.
    pub(crate) fn key(&self, id: &KeyId) -> Result<Key, String> {
        let mut runs = false;
        let found = self.first(&wire::Request::Key(*id), |reply| {
            runs = true;
            if let wire::Reply::Key(key) = reply { Some(key) } else { None }
        });
        let none = if runs { "the agent does not hold its key" } else { "no agent runs that has its key" };
        found.map_err(|silent| silent.0)?.ok_or_else(|| none.to_owned())
    }

    /// The first answer that will do. Where there is none, and not all have answered, why not.
    fn first<T>(&self, request: &wire::Request<'_>, mut take: impl FnMut(wire::Reply) -> Option<T>) -> Result<Option<T>, Silent> {
        let mut silent = None;
        for nest in &self.nests {
            match client::ask(&nest.folder, request) {
                Ok(reply) => {
                    if let Some(taken) = reply.and_then(&mut take) {
                        return Ok(Some(taken));
                    }
                }
                Err(why) => silent = Some(why),
            }
        }
        silent.map_or(Ok(None), Err)
    }

    /// What all answer, who are all asked.
    fn all(&self, request: &wire::Request<'_>) -> Result<Vec<wire::Reply>, Silent> {
        let answers: Vec<_> = self.nests.iter().map(|nest| client::ask(&nest.folder, request)).collect();
        answers.into_iter().filter_map(Result::transpose).collect()
    }

    /// The first folder that is fit, or can be made so.
    fn folder(&self) -> Result<PathBuf, StoreError> {
        let mut why = None;
        for nest in &self.nests {
            match nest.made_fit() {
                Ok(folder) => return Ok(folder),
                Err(error) => why = Some(error),
            }
        }
        Err(why.unwrap_or_else(|| StoreError::Missing("no folder for the agent's socket".to_owned())))
    }
}

impl Unlocked {
    /// Writes the key for [`Agent::serve`]: into a pipe, never into an argument, a variable or a file.
    ///
    /// # Errors
    ///
    /// Of `to`.
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

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Silent {}

fn bounded(time: Duration) -> Duration {
    time.min(LONGEST)
}

impl Nest {
    /// Makes the socket's folder where it is missing, and sees that nobody else can look into it.
    fn made_fit(&self) -> Result<PathBuf, StoreError> {
        // The runtime folder is made by the system: without it there is none. The data folder may be missing where the vault is elsewhere.
        let folder = match place::in_safe_folder(&self.folder, self.in_ours) {
            // No vault is looked for.
            Err(StoreError::Missing(_)) => return Err(place::io(&self.folder)(io::ErrorKind::NotFound.into())),
            other => other?,
        };
        match std::fs::DirBuilder::new().create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(place::io(&folder)(error)),
            Err(_) => {}
            Ok(()) => std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(place::io(&folder))?,
        }
        must_be_ours_alone(&folder)?;
        Ok(folder)
    }
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
