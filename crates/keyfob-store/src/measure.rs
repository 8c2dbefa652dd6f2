//! What `bench/` measures and nobody else needs: sealing alone.

use keyfob::StoreError;

use crate::seal::{Key, Place, Sealer};

/// Seals and opens bytes as a record of an account.
pub struct Sealing(Sealer);

const PLACE: Place<'static> = Place { table: "account", column: "record", id: &[7; 16], generation: 1, rest: &[&[8; 16], &[9; 8]] };

impl Sealing {
    /// With a new key.
    pub fn new() -> Result<Self, StoreError> {
        Sealer::new(Key::random()?, [1; 16]).map(Self)
    }

    /// Seals.
    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.0.seal_bytes(&PLACE, plain)
    }

    /// Opens, where it lies, and wipes it, as is done with an account.
    pub fn open(&self, sealed: Vec<u8>) -> Result<(), StoreError> {
        self.0.is_sound(&PLACE, sealed)
    }
}
