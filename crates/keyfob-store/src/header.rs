//! The header: which vault this is, how it is sealed, and the data key, wrapped by the key from outside. One row, in either database.

use keyfob::StoreError;

use crate::seal::{self, CIPHER, FORMAT, Key, Place, Sealer};

/// The header as it rests.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) format: i64,
    pub(crate) vault: Vec<u8>,
    pub(crate) cipher: String,
    /// Every new wrapping or data key moves it on.
    pub(crate) generation: i64,
    /// How the outside key is made from a passphrase, where it is.
    pub(crate) kdf: Option<String>,
    pub(crate) data_key: Vec<u8>,
    pub(crate) checksum: Vec<u8>,
}

impl Header {
    /// Of a new vault, with a new data key.
    pub(crate) fn new(key: &Key, kdf: Option<String>) -> Result<Self, StoreError> {
        let vault = seal::random()?;
        let kdf_bound = kdf.clone().unwrap_or_default();
        let data_key = seal::seal(key, &vault, &place(&vault, 1, &[CIPHER.as_bytes(), kdf_bound.as_bytes()]), Key::random()?.bytes())?;
        let mut header = Self {
            format: FORMAT.into(),
            vault: vault.to_vec(),
            cipher: CIPHER.to_owned(),
            generation: 1,
            kdf,
            data_key,
            checksum: Vec::new(),
        };
        header.checksum = header.sum().to_vec();
        Ok(header)
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
        let vault: [u8; 16] = self.vault.as_slice().try_into().map_err(|_| damaged())?;
        let generation = u64::try_from(self.generation).map_err(|_| damaged())?;
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
