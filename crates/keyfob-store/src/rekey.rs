//! What a rekey did, in either database.

/// What [`Vault::rekey`](crate::Vault::rekey) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    /// How many records were sealed anew.
    pub sealed: u64,
    /// The header's generation: 1 when the vault was made, one more after every rekey.
    pub generation: u64,
}
