//! The header: which vault this is, how it is sealed, and the data key, wrapped by the key from outside. One row, in either database.

use keyfob::StoreError;

use std::path::PathBuf;

use crate::key::{self, KeySource, Minted, SealedWith};
use crate::seal::{self, CIPHER, FORMAT, Key, Place, Sealer};

/// Names the outside key of a vault: its id and the header's generation. A key of before a rekey has another name.
pub(crate) type KeyId = [u8; 24];

/// The header as it rests.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) format: i64,
    pub(crate) vault: Vec<u8>,
    pub(crate) cipher: String,
    /// Every new wrapping or data key moves it on.
    pub(crate) generation: i64,
    /// How the outside key is had: `$argon2id$…` (made from a passphrase), `keyring`; nothing where it is given as it is.
    pub(crate) kdf: Option<String>,
    pub(crate) data_key: Vec<u8>,
    pub(crate) checksum: Vec<u8>,
}

impl Header {
    /// Of a new vault, with a new data key; and the key file, if one was made for it. If one is there that was made for another vault, it may be that the
    /// other was never finished, or was taken away for a while: `adopt`, where nobody else's key file has that name, makes this one go on under its id.
    /// Elsewhere two vaults with one key file would lose each other's at the first that is sealed anew.
    pub(crate) fn first(source: &KeySource, adopt: bool, warnings: &mut Vec<String>) -> Result<(Self, Option<PathBuf>), StoreError> {
        let vault = seal::random()?;
        let Minted { key, kdf, made, orphan } = source.mint(&vault, 1, warnings)?;
        let vault = match orphan {
            Some(owner) if !adopt => return Err(source.is_anothers(&owner)),
            orphan => orphan.unwrap_or(vault),
        };
        Ok((Self::wrapping(&Key::random()?, vault, 1, &key, kdf)?, made))
    }

    /// Of the same vault sealed anew: another data key, in another wrapping. Also what seals with it.
    pub(crate) fn anew(&self, key: &Key, kdf: Option<String>) -> Result<(Self, Sealer), StoreError> {
        let (vault, generation) = (self.vault_id()?, self.next_generation()?);
        let data_key = Key::random()?;
        let header = Self::wrapping(&data_key, vault, generation, key, kdf)?;
        Ok((header, Sealer::new(data_key, vault)?))
    }

    fn wrapping(data_key: &Key, vault: [u8; 16], generation: u64, key: &Key, kdf: Option<String>) -> Result<Self, StoreError> {
        let rest: [&[u8]; 2] = [CIPHER.as_bytes(), kdf.as_deref().unwrap_or_default().as_bytes()];
        let data_key = seal::seal(key, &vault, &place(&vault, generation, &rest), data_key.bytes())?;
        let mut header = Self {
            format: FORMAT.into(),
            vault: vault.to_vec(),
            cipher: CIPHER.to_owned(),
            generation: i64::try_from(generation).map_err(|_| damaged())?,
            kdf,
            data_key,
            checksum: Vec::new(),
        };
        header.checksum = header.sum().to_vec();
        Ok(header)
    }

    /// What opens it.
    pub(crate) fn sealed_with(&self) -> Result<SealedWith, StoreError> {
        self.check()?;
        key::sealed_with(self.kdf.as_deref())
    }

    pub(crate) fn vault_id(&self) -> Result<[u8; 16], StoreError> {
        self.vault.as_slice().try_into().map_err(|_| damaged())
    }

    pub(crate) fn generation(&self) -> Result<u64, StoreError> {
        u64::try_from(self.generation).map_err(|_| damaged())
    }

    pub(crate) fn next_generation(&self) -> Result<u64, StoreError> {
        self.generation()?.checked_add(1).ok_or_else(damaged)
    }

    pub(crate) fn key_id(&self) -> Result<KeyId, StoreError> {
        let mut id = [0; 24];
        id[..16].copy_from_slice(&self.vault_id()?);
        id[16..].copy_from_slice(&self.generation()?.to_be_bytes());
        Ok(id)
    }

    /// Whether it is what was written. Without that, damage would look like a wrong key, and the person would look for another key in vain.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.checksum != self.sum() || self.format != i64::from(FORMAT) || self.cipher != CIPHER {
            return Err(damaged());
        }
        Ok(())
    }

    /// Unwraps the data key.
    pub(crate) fn unwrap(&self, key: &Key) -> Result<Sealer, StoreError> {
        self.check()?;
        let (vault, generation) = (self.vault_id()?, self.generation()?);
        let kdf = self.kdf.as_deref().unwrap_or_default();
        let rest: [&[u8]; 2] = [self.cipher.as_bytes(), kdf.as_bytes()];
        let data_key = seal::open(key, &vault, &place(&vault, generation, &rest), self.data_key.clone())
            .ok_or_else(|| StoreError::WrongKey("the key that was given does not open it".to_owned()))?;
        Sealer::new(Key::from_bytes(&data_key).ok_or_else(damaged)?, vault)
    }

    fn sum(&self) -> [u8; 32] {
        let (format, generation) = (self.format.to_be_bytes(), self.generation.to_be_bytes());
        let kdf = self.kdf.as_deref().unwrap_or_default();
        seal::checksum(&[&format, &self.vault, self.cipher.as_bytes(), &generation, kdf.as_bytes(), &self.data_key])
    }
}

/// There is no header, or it is not one.
pub(crate) fn damaged() -> StoreError {
    StoreError::Corrupt("its header is not what was written".to_owned())
}

fn place<'a>(vault: &'a [u8; 16], generation: u64, rest: &'a [&'a [u8]; 2]) -> Place<'a> {
    Place { table: "header", column: "data_key", id: vault, generation, rest }
}
