//! The desktop's keyring (Secret Service: GNOME Keyring, KWallet). Nobody waits for it longer than two seconds: it may be locked with nobody
//! there to unlock it, or its bus may be dead.

use crate::seal::Key;

/// What a header's `kdf` says where the keyring has the key.
pub(super) const KDF: &str = "keyring";

/// Why there is no key, as the middle of a sentence.
pub(super) type Why = String;

/// Makes a key and keeps it there; read back, for a keyring that forgets at once (a session's own) is none.
pub(super) fn mint(vault: &[u8; 16], generation: u64) -> Result<Key, Why> {
    service::mint(name(vault, generation))
}

/// The key of a vault.
pub(super) fn key(vault: &[u8; 16], generation: u64) -> Result<Key, Why> {
    service::key(name(vault, generation))
}

/// Whether there is a keyring, it answers, and it is open. Nothing of ours is read.
pub(super) fn look() -> Result<(), Why> {
    service::look()
}

/// Takes a key away that opens nothing any more.
pub(super) fn forget(vault: &[u8; 16], generation: u64) {
    service::forget(name(vault, generation));
}

/// Every rekey has an entry of its own, so that one that is killed leaves the key that counts.
fn name(vault: &[u8; 16], generation: u64) -> String {
    let vault: String = vault.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("vault {vault} key {generation}")
}

#[cfg(feature = "keyring")]
mod service {
    use std::sync::mpsc::{self, RecvTimeoutError};
    use std::time::Duration;

    use keyfob::proto::encode;
    use keyring_core::api::CredentialStoreApi;
    use keyring_core::{Entry, Error};
    use secret_service::EncryptionType;
    use secret_service::blocking::SecretService;
    use zbus_secret_service_keyring_store::Store;
    use zeroize::Zeroizing;

    use super::Why;
    use crate::key::text;
    use crate::seal::Key;

    /// What the person sees in the keyring's own window.
    const SERVICE: &str = "keyfob";
    /// For one question, with connecting.
    const PATIENCE: Duration = Duration::from_secs(2);

    const LOCKED: &str = "the desktop's keyring is locked";

    pub(super) fn mint(name: String) -> Result<Key, Why> {
        let key = Key::random().map_err(|error| error.to_string())?;
        // As text: KWallet keeps nothing else.
        let made = Zeroizing::new(encode::base64(key.bytes()));
        let found = patiently(move || {
            let entry = entry(&name)?;
            entry.set_password(&made)?;
            Ok(Zeroizing::new(entry.get_password()?) == made)
        })?;
        if found { Ok(key) } else { Err("the desktop's keyring does not keep what it is given".to_owned()) }
    }

    pub(super) fn key(name: String) -> Result<Key, Why> {
        let found = patiently(move || entry(&name)?.get_password().map(Zeroizing::new))?;
        text::parse(&found, "what the desktop's keyring has").map_err(|error| error.to_string())
    }

    pub(super) fn look() -> Result<(), Why> {
        // Not by looking for something: a locked one does not have it either. Nothing is told or heard that would have to be encrypted.
        let locked = patiently(|| {
            // One that has no place yet to keep anything in refuses a key in the same words.
            let failed = |error: secret_service::Error| match error {
                secret_service::Error::NoResult => Error::NoStorageAccess(Box::new(error)),
                error => Error::PlatformFailure(Box::new(error)),
            };
            let service = SecretService::connect(EncryptionType::Plain).map_err(failed)?;
            service.get_default_collection().and_then(|ours| ours.is_locked()).map_err(failed)
        })?;
        if locked { Err(LOCKED.to_owned()) } else { Ok(()) }
    }

    pub(super) fn forget(name: String) {
        drop(patiently(move || entry(&name)?.delete_credential()));
    }

    fn entry(name: &str) -> Result<Entry, Error> {
        Store::new()?.build(SERVICE, name, None)
    }

    /// On a thread that is left behind where it hangs.
    fn patiently<T: Send + 'static>(ask: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Why> {
        let (answer, answered) = mpsc::channel();
        let asking = std::thread::Builder::new().name("keyfob-keyring".to_owned()).spawn(move || drop(answer.send(ask())));
        asking.map_err(|error| format!("the desktop's keyring cannot be asked ({error})"))?;
        match answered.recv_timeout(PATIENCE) {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(Error::NoEntry)) => Err("the desktop's keyring does not have its key".to_owned()),
            Ok(Err(Error::NoStorageAccess(_))) => Err(LOCKED.to_owned()),
            // Its own words may be about anything; they hold no secret, for it was given none that it could quote but by hanging on to it.
            Ok(Err(_)) => Err("there is no keyring on this desktop that answers".to_owned()),
            Err(RecvTimeoutError::Timeout) => Err("the desktop's keyring did not answer within two seconds".to_owned()),
            Err(RecvTimeoutError::Disconnected) => Err("the desktop's keyring cannot be asked".to_owned()),
        }
    }
}

#[cfg(not(feature = "keyring"))]
mod service {
    use super::Why;
    use crate::seal::Key;

    pub(super) fn mint(_: String) -> Result<Key, Why> {
        Err(absent())
    }

    pub(super) fn key(_: String) -> Result<Key, Why> {
        Err(absent())
    }

    pub(super) fn look() -> Result<(), Why> {
        Err(absent())
    }

    pub(super) fn forget(_: String) {}

    fn absent() -> Why {
        "this program was built without the feature keyring".to_owned()
    }
}
