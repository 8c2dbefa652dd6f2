//! Key sources: where the key that wraps the data key comes from.

mod environment;
mod file;
mod keyring;
mod passphrase;
mod text;

use std::path::{Path, PathBuf};

use keyfob::StoreError;
use keyfob::proto::Secret;

use file::Swap;

pub(crate) use file::{Leftover, remove_useless};

use crate::agent::Agent;
use crate::header::{Header, KeyId};
use crate::seal::{Key, Sealer};

/// Where the key comes from that opens the vault: 32 bytes, written as base64 or as 64 hexadecimal digits; or a passphrase.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// A file of ours, 0600, made at first use (see [`Vault::key_made`](crate::Vault::key_made)). Once there is a vault, a missing file means
    /// [`Locked`](StoreError::Locked): a new key could not open it.
    File(PathBuf),
    /// A file that somebody else provides and Keyfob never makes: a container's or service manager's secret. It may be a link, may
    /// belong to root, may be readable by others (that is a warning), and may not be writable by them.
    Provided(PathBuf),
    /// The key itself, from the environment.
    Text(Secret),
    /// A passphrase, which Argon2id makes a key of (64 MiB, three passes).
    Passphrase(Secret),
    /// The desktop's keyring (feature `keyring`). Where it cannot be had within two seconds, a warning and the key file.
    Keyring {
        /// The key file that takes its place.
        otherwise: PathBuf,
    },
    /// What the vault itself says: the agent where a passphrase opens it, the keyring where that has its key, else the key file. A new vault
    /// gets its key from the keyring where this program has that feature and there is one, else from the key file, made for it.
    Usual {
        /// The key file.
        file: PathBuf,
        /// The agent that `keyfob unlock` starts.
        agent: Agent,
    },
}

/// What opens a vault, as its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealedWith {
    /// A key of 32 bytes, from a file or the environment.
    Key,
    /// A passphrase.
    Passphrase,
    /// A key in the desktop's keyring.
    Keyring,
}

/// The outside key of a vault that is to be made or sealed anew.
pub(crate) struct Minted {
    pub(crate) key: Key,
    /// What the header keeps of how it is had.
    pub(crate) kdf: Option<String>,
    /// The file that was made for it.
    pub(crate) made: Option<PathBuf>,
    /// The vault that the key file was made for, if that is another one, of which nothing is known here.
    pub(crate) orphan: Option<[u8; 16]>,
}

/// The outside key of a vault that is being sealed anew: on the disk, or in the keyring, before anything is sealed with it.
pub(crate) struct Next {
    pub(crate) key: Key,
    pub(crate) kdf: Option<String>,
    /// The key file's change of hands, where it has one.
    pub(crate) swap: Option<Swap>,
}

/// What was had of a source that takes time to answer: an agent, a keyring, or the making of a key out of a passphrase. Nobody else is to be kept
/// waiting meanwhile, so that it is asked without a lock; and used only for the header that it was asked for.
pub(crate) struct Awaited {
    id: KeyId,
    answer: Result<Key, String>,
}

impl KeySource {
    /// The environment variable that [`KeySource::of_environment`] reads the key itself from.
    pub const VARIABLE: &'static str = "KEYFOB_VAULT_KEY";

    /// The one that names a file with the key.
    pub const FILE_VARIABLE: &'static str = "KEYFOB_VAULT_KEY_FILE";

    /// What a systemd credential with the key is called.
    pub const CREDENTIAL: &'static str = "keyfob-vault-key";

    /// What the key file is called beside a vault of the usual name.
    pub const FILE_NAME: &'static str = "vault.key";

    /// The default: a key file beside the vault, named after it, so that no two vaults of one folder share a key.
    pub fn beside(vault: &Path) -> Self {
        Self::File(Self::file_beside(vault))
    }

    /// The key file beside a vault: `vault.key` for `vault.db`; for a vault of another name, that with `-key` at its end.
    pub fn file_beside(vault: &Path) -> PathBuf {
        if vault.extension().is_some_and(|extension| extension == "db") {
            vault.with_extension("key")
        } else {
            // An end that the other way never makes: `vault` beside `vault.db` would have its key.
            crate::place::with_suffix(vault, "-key")
        }
    }

    /// Gives a key file another name, durably; one that is taken stays what it is.
    ///
    /// # Errors
    /// Where one of the two is not in a folder of ours, the new name is taken, or the disk fails.
    pub fn rename_file(from: &Path, to: &Path) -> Result<(), StoreError> {
        let [from, to] = [from, to].map(|path| crate::place::in_safe_folder(path, false));
        crate::place::rename_aside(&from?, &to?)
    }

    /// Whether the key file, if that is what it is, has its name of this vault alone.
    pub(crate) fn is_beside(&self, vault: &Path) -> bool {
        match self {
            Self::File(file) | Self::Usual { file, .. } | Self::Keyring { otherwise: file } => {
                crate::place::in_safe_folder(file, false).is_ok_and(|file| file == Self::file_beside(vault))
            }
            Self::Provided(_) | Self::Text(_) | Self::Passphrase(_) => false,
        }
    }

    /// Whether the desktop's keyring could keep a key: it is there, open, and answers within two seconds. Blocks as long; nothing is read or written.
    ///
    /// # Errors
    ///
    /// Why not, as the middle of a sentence.
    pub fn look_for_keyring() -> Result<(), String> {
        keyring::look()
    }

    /// What a vault gets that is new, or is sealed anew: this is its `generation`-th key.
    pub(crate) fn mint(&self, vault: &[u8; 16], generation: u64, warnings: &mut Vec<String>) -> Result<Minted, StoreError> {
        let plain = |key| Minted { key, kdf: None, made: None, orphan: None };
        let of_file = |path: &Path| {
            let (own, made) = file::mint(path, vault)?;
            Ok(Minted { key: own.key, kdf: None, made, orphan: own.vault.filter(|owner| owner != vault) })
        };
        match self {
            Self::Text(text) => text::parse(text.expose(), "the key that was given").map(plain),
            Self::Provided(path) => file::read_provided(path, warnings).map(plain),
            Self::File(path) => of_file(path),
            Self::Passphrase(passphrase) => {
                passphrase::mint(passphrase).map(|(key, kdf)| Minted { key, kdf: Some(kdf), made: None, orphan: None })
            }
            // Who was built without it does not miss it.
            Self::Usual { file, .. } if !cfg!(feature = "keyring") => of_file(file),
            Self::Usual { file, .. } | Self::Keyring { otherwise: file } => match keyring::mint(vault, generation) {
                Ok(key) => Ok(Minted { key, kdf: Some(keyring::KDF.to_owned()), made: None, orphan: None }),
                Err(why) => {
                    warnings.push(format!("{why}; a key file takes its place"));
                    of_file(file)
                }
            },
        }
    }

    /// The key file was made for another vault.
    pub(crate) fn is_anothers(&self, owner: &[u8; 16]) -> StoreError {
        let (Self::File(file) | Self::Usual { file, .. } | Self::Keyring { otherwise: file } | Self::Provided(file)) = self else {
            return StoreError::Unsafe("its key is another vault's".to_owned());
        };
        file::anothers(file, owner)
    }

    /// What a vault with that header is to be sealed with next.
    pub(crate) fn next(&self, header: &Header) -> Result<Next, StoreError> {
        let plain = |key| Next { key, kdf: None, swap: None };
        let of_file = |path: &Path| Swap::begin(path, header).map(|(swap, key)| Next { key, kdf: None, swap: Some(swap) });
        let of_keyring = || {
            let key = keyring::mint(&header.vault_id()?, header.next_generation()?).map_err(StoreError::Locked)?;
            Ok(Next { key, kdf: Some(keyring::KDF.to_owned()), swap: None })
        };
        match self {
            Self::Text(text) => text::parse(text.expose(), "the key that was given").map(plain),
            Self::Provided(path) => file::read_provided(path, &mut Vec::new()).map(plain),
            Self::File(path) => of_file(path),
            Self::Passphrase(passphrase) => passphrase::mint(passphrase).map(|(key, kdf)| Next { key, kdf: Some(kdf), swap: None }),
            // Asked for by name, it is that or nothing.
            Self::Keyring { .. } => of_keyring(),
            Self::Usual { file, .. } => match header.sealed_with()? {
                SealedWith::Key => of_file(file),
                SealedWith::Keyring => of_keyring(),
                SealedWith::Passphrase => Err(StoreError::Locked("it is sealed with a passphrase, and no new one was given".to_owned())),
            },
        }
    }

    /// Opens a vault that is there. Never makes a key: a new one could not open it. Changes nothing.
    pub(crate) fn open(&self, header: &Header, warnings: &mut Vec<String>) -> Result<Sealer, StoreError> {
        self.open_with(header, self.awaited(header)?, warnings)
    }

    /// Asks what takes time to answer, if that is what the key comes from. Blocks for seconds where nobody answers.
    pub(crate) fn awaited(&self, header: &Header) -> Result<Option<Awaited>, StoreError> {
        let answer = match (self, header.sealed_with()?) {
            (Self::Passphrase(passphrase), SealedWith::Passphrase) => {
                Ok(passphrase::derive(passphrase, header.kdf.as_deref().unwrap_or_default())?)
            }
            (Self::Usual { agent, .. }, SealedWith::Passphrase) => agent.key(&header.key_id()?),
            (Self::Usual { .. } | Self::Keyring { .. }, SealedWith::Keyring) => keyring::key(&header.vault_id()?, header.generation()?),
            _ => return Ok(None),
        };
        Ok(Some(Awaited { id: header.key_id()?, answer }))
    }

    /// Whether that is what the key comes from.
    pub(crate) fn is_awaited(&self, header: &Header) -> Result<bool, StoreError> {
        Ok(match header.sealed_with()? {
            SealedWith::Passphrase => matches!(self, Self::Passphrase(_) | Self::Usual { .. }),
            SealedWith::Keyring => matches!(self, Self::Keyring { .. } | Self::Usual { .. }),
            SealedWith::Key => false,
        })
    }

    /// The same as [`open`](Self::open), with the answer that was had before, if it is for this header.
    pub(crate) fn open_with(&self, header: &Header, awaited: Option<Awaited>, warnings: &mut Vec<String>) -> Result<Sealer, StoreError> {
        header.check()?;
        let awaited = match awaited.filter(|awaited| awaited.is_for(header)) {
            None => self.awaited(header)?,
            had => had,
        };
        let answer = awaited.map_or_else(|| Err("nothing gives it".to_owned()), |awaited| awaited.answer);
        let sealed_with = sealed_with(header.kdf.as_deref())?;
        match (self, sealed_with) {
            (Self::Passphrase(_), SealedWith::Passphrase) => {
                header.unwrap(&answer.map_err(StoreError::Locked)?).map_err(wrong("this is not its passphrase"))
            }
            (Self::Passphrase(_), _) => Err(StoreError::WrongKey("a key opens it, not a passphrase".to_owned())),
            (Self::Usual { .. }, SealedWith::Passphrase) => match answer {
                // What another process of this user put there need not be its key.
                Ok(key) => header.unwrap(&key).map_err(|_| StoreError::Locked("the key that the agent holds is not its key".to_owned())),
                Err(why) => Err(StoreError::Locked(format!("it is sealed with a passphrase, and {why}"))),
            },
            (Self::File(_) | Self::Keyring { .. }, SealedWith::Passphrase) => {
                Err(StoreError::Locked("it is sealed with a passphrase".to_owned()))
            }
            (Self::Text(_) | Self::Provided(_), SealedWith::Passphrase) => {
                Err(StoreError::WrongKey("it is sealed with a passphrase, and a key was given".to_owned()))
            }
            (Self::Text(text), _) => {
                let key = text::parse(text.expose(), "the key that was given")?;
                header.unwrap(&key).map_err(wrong(format!("the key that was given ({}) does not open it", Self::VARIABLE)))
            }
            (Self::Provided(path), _) => {
                let key = file::read_provided(path, warnings)?;
                header.unwrap(&key).map_err(wrong(format!("the key in the file {} does not open it", path.display())))
            }
            (Self::File(path), _) | (Self::Usual { file: path, .. } | Self::Keyring { otherwise: path }, SealedWith::Key) => {
                file::open(path, header)
            }
            (Self::Usual { file, .. } | Self::Keyring { otherwise: file }, SealedWith::Keyring) => match answer {
                Ok(key) => header.unwrap(&key).map_err(wrong("the key in the keyring does not open it")),
                Err(why) => match file::open(file, header) {
                    Ok(sealer) => {
                        warnings.push(format!("{why}; the key file opened the vault"));
                        Ok(sealer)
                    }
                    Err(_) => Err(StoreError::Locked(format!("its key is in the keyring, and {why}"))),
                },
            },
        }
    }

    /// Puts in order what a killed rekey left. Until this is done no rekey commits: the caller has seen to it.
    pub(crate) fn settle(&self, header: &Header) -> Result<(), StoreError> {
        self.leftover()?.map_or(Ok(()), |left| left.settle(header))
    }

    /// What a killed rekey left.
    pub(crate) fn leftover(&self) -> Result<Option<Leftover>, StoreError> {
        match self {
            Self::File(file) | Self::Usual { file, .. } | Self::Keyring { otherwise: file } => Leftover::of(file),
            Self::Provided(_) | Self::Text(_) | Self::Passphrase(_) => Ok(None),
        }
    }

    /// The key that a passphrase makes, for an agent to keep; nothing if it is not what opens this vault.
    pub(crate) fn derived(&self, header: &Header) -> Result<Option<Key>, StoreError> {
        header.check()?;
        let (Self::Passphrase(passphrase), SealedWith::Passphrase) = (self, sealed_with(header.kdf.as_deref())?) else { return Ok(None) };
        let key = passphrase::derive(passphrase, header.kdf.as_deref().unwrap_or_default())?;
        header.unwrap(&key).map_err(wrong("this is not its passphrase"))?;
        Ok(Some(key))
    }

    /// Forgets a key that opens nothing any more, as far as it is ours to forget.
    pub(crate) fn forget(vault: &[u8; 16], generation: u64) {
        keyring::forget(vault, generation);
    }
}

impl Awaited {
    /// Whether it was asked for this header. A vault that was sealed anew since has another key.
    pub(crate) fn is_for(&self, header: &Header) -> bool {
        header.key_id().is_ok_and(|id| id == self.id)
    }
}

impl Next {
    /// Nothing was sealed with it.
    pub(crate) fn abandon(self) {
        if let Some(swap) = self.swap {
            swap.abandon();
        }
    }
}

/// What opens a vault with that in its header.
pub(crate) fn sealed_with(kdf: Option<&str>) -> Result<SealedWith, StoreError> {
    match kdf {
        None => Ok(SealedWith::Key),
        Some(keyring::KDF) => Ok(SealedWith::Keyring),
        Some(kdf) if kdf.starts_with(passphrase::PREFIX) => Ok(SealedWith::Passphrase),
        Some(_) => Err(StoreError::Newer("it is sealed in a way that this version does not know".to_owned())),
    }
}

/// Says of a wrong key where it came from: there are six places, and whoever looks for the right one has to know which of them was tried.
fn wrong(why: impl Into<String>) -> impl FnOnce(StoreError) -> StoreError {
    move |error| match error {
        StoreError::WrongKey(_) => StoreError::WrongKey(why.into()),
        other => other,
    }
}
