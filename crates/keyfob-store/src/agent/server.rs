//! Being the agent.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyfob::StoreError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, Semaphore};
use zeroize::Zeroizing;

use super::{bounded, socket_in, wire};
use crate::header::KeyId;
use crate::place::{self, Turn};
use crate::seal::Key;

/// For one whole conversation: whoever dawdles takes nobody's place for long.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many are served at once.
const MOST_AT_ONCE: usize = 32;

/// How often it looks whether it is still needed.
const ROUND: Duration = Duration::from_secs(5);

/// The keys, and when each is forgotten, on a clock that nobody sets and that runs on while the machine sleeps.
#[derive(Default)]
struct Keys {
    kept: Mutex<BTreeMap<KeyId, (Key, Duration)>>,
    changed: Notify,
}

pub(super) async fn serve(folder: &Path, handed: impl Read, ready: impl FnOnce() -> io::Result<()>) -> Result<bool, StoreError> {
    let socket = socket_in(folder);
    let keys = Arc::new(Keys::default());
    keys.keep(&first(handed)?);
    // Held as long as this process lives: there is one agent in a folder.
    let Some(_turn) = Turn::try_take(&socket)? else { return Ok(false) };
    let (listener, file) = listen(&socket)?;
    let hear = |kind| signal(kind).map_err(place::io(&socket));
    let (mut terminate, mut interrupt, mut hangup) =
        (hear(SignalKind::terminate())?, hear(SignalKind::interrupt())?, hear(SignalKind::hangup())?);
    ready().map_err(|error| StoreError::Io("nobody waits for the agent".to_owned(), error))?;
    let places = Arc::new(Semaphore::new(MOST_AT_ONCE));
    while let Some(pause) = keys.next_end() {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                // Whoever finds no place is turned away, and asks for the passphrase.
                let Ok(place) = places.clone().try_acquire_owned() else { continue };
                let keys = keys.clone();
                tokio::spawn(async move {
                    // What a conversation fails of is the other side's business.
                    drop(tokio::time::timeout(PATIENCE, converse(stream, &keys)).await);
                    drop(place);
                });
            }
            () = tokio::time::sleep(pause.min(ROUND)) => {
                if !file.is_there() {
                    // Nobody can ask it any more: the runtime folder goes when the user logs out.
                    break;
                }
            }
            () = keys.changed.notified() => {}
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => break,
        }
    }
    keys.lock().clear();
    Ok(true)
}

async fn converse(mut stream: UnixStream, keys: &Keys) -> io::Result<()> {
    // Folder and socket are closed to others; this is the lock behind that door. Not even root gets a key here.
    if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let answer = match stream.read_u8().await? {
        wire::KEY => {
            let mut id: KeyId = [0; 24];
            stream.read_exact(&mut id).await?;
            keys.get(&id).unwrap_or_else(wire::no)
        }
        wire::KEEP => {
            let mut message = Zeroizing::new([0; wire::KEPT_LEN]);
            stream.read_exact(message.as_mut_slice()).await?;
            if keys.keep(message.as_slice()) { wire::yes_with(&[]) } else { wire::no() }
        }
        wire::STATUS => keys.status(),
        wire::LOCK => {
            keys.lock().clear();
            wire::yes_with(&[])
        }
        _ => wire::no(),
    };
    stream.write_all(&answer).await?;
    stream.shutdown().await?;
    keys.changed.notify_one();
    Ok(())
}

impl Keys {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<KeyId, (Key, Duration)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a key in; says whether that was one, and there was room.
    fn keep(&self, message: &[u8]) -> bool {
        let Some((id, key, time)) = wire::read_kept(message) else { return false };
        let mut kept = self.lock();
        // Of one vault the key that opens it now, and none of before.
        kept.retain(|known, _| known[..16] != id[..16]);
        if kept.len() >= wire::MOST_HELD {
            return false;
        }
        kept.insert(id, (key, now() + bounded(time)));
        true
    }

    fn get(&self, id: &KeyId) -> Option<Zeroizing<Vec<u8>>> {
        let kept = self.lock();
        let (key, until) = kept.get(id)?;
        // Not only when a timer comes round: a machine that slept wakes up with this question.
        (*until > now()).then(|| wire::yes_with(key.bytes()))
    }

    fn status(&self) -> Zeroizing<Vec<u8>> {
        let now = now();
        wire::status(self.lock().iter().map(|(id, (_, until))| (*id, until.saturating_sub(now))))
    }

    /// Forgets what is over. How long until the next is; nothing when none is left.
    fn next_end(&self) -> Option<Duration> {
        let now = now();
        let mut kept = self.lock();
        kept.retain(|_, (_, until)| *until > now);
        kept.values().map(|(_, until)| until.saturating_sub(now)).min()
    }
}

fn first(handed: impl Read) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let mut message = Zeroizing::new(Vec::with_capacity(wire::KEPT_LEN + 1));
    handed
        .take(wire::KEPT_LEN as u64 + 1)
        .read_to_end(&mut message)
        .map_err(|error| StoreError::Io("no key was handed over".to_owned(), error))?;
    match wire::read_kept(&message) {
        Some(_) => Ok(message),
        None => Err(StoreError::Locked("what was handed to the agent is no key".to_owned())),
    }
}

/// The socket's file, which goes with the agent.
struct Socket {
    path: PathBuf,
    id: (u64, u64),
}

fn listen(path: &Path) -> Result<(UnixListener, Socket), StoreError> {
    // We have the turn, so this is a dead agent's.
    match path.symlink_metadata() {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path).map_err(place::io(path))?,
        Ok(_) => return Err(StoreError::Unsafe(format!("{} is there and no socket", path.display()))),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => {
            let why = "the name is too long for a socket; set XDG_RUNTIME_DIR to a folder of yours with a shorter name";
            StoreError::Io(path.display().to_string(), io::Error::new(error.kind(), why))
        }
        _ => place::io(path)(error),
    })?;
    // Until now the folder alone kept others out.
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(place::io(path))?;
    let found = path.symlink_metadata().map_err(place::io(path))?;
    Ok((listener, Socket { path: path.to_owned(), id: (found.dev(), found.ino()) }))
}

impl Socket {
    fn is_there(&self) -> bool {
        self.path.symlink_metadata().is_ok_and(|found| (found.dev(), found.ino()) == self.id)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.is_there() {
            drop(std::fs::remove_file(&self.path));
        }
    }
}

fn now() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
