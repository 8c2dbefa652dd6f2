//! Sealing: the record format. Nothing here knows where the bytes lie.
//!
//! `version (1) ‖ salt (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`, AES-256-GCM under HKDF-SHA256(data key, salt), with every clear column
//! of the row as associated data. Salt and nonce are random and together have 224 bits: no counter to keep, nothing to repeat.

use std::io;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac, rand};
use keyfob::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// The version of this format, in each sealed record and in its associated data.
pub(crate) const FORMAT: u8 = 1;
/// What the header calls the cipher.
pub(crate) const CIPHER: &str = "AES-256-GCM+HKDF-SHA256";

const SALT_LEN: usize = 16;
const TAG_LEN: usize = 16;
const HEAD_LEN: usize = 1 + SALT_LEN + NONCE_LEN;

/// A 256-bit key, wiped when dropped.
pub(crate) struct Key(Zeroizing<[u8; 32]>);

/// Where a sealed value belongs: it opens there and nowhere else.
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) id: &'a [u8],
    pub(crate) generation: u64,
    /// The row's other clear columns.
    pub(crate) rest: &'a [&'a [u8]],
}

/// Seals and opens the records of one vault.
pub(crate) struct Sealer {
    data_key: Key,
    vault: [u8; 16],
    hash_key: hmac::Key,
}

impl Sealer {
    pub(crate) fn new(data_key: Key, vault: [u8; 16]) -> Result<Self, StoreError> {
        // Sealing keys have salts of 16 bytes and another label, so this one is none of them.
        let hash_key = derive(&data_key, &vault, b"keyfob vault: keyed hashes")?;
        let hash_key = hmac::Key::new(hmac::HMAC_SHA256, hash_key.bytes());
        Ok(Self { data_key, vault, hash_key })
    }

    /// Seals a record for its place.
    pub(crate) fn seal<T: Serialize>(&self, place: &Place<'_>, record: &T) -> Result<Vec<u8>, StoreError> {
        // Measured first, so that the buffer is never moved: a move would leave a copy of the secrets behind.
        let mut length = Counter(0);
        serde_json::to_writer(&mut length, record).map_err(|_| failed("a record cannot be written as JSON"))?;
        let mut plain = Zeroizing::new(Vec::with_capacity(length.0));
        serde_json::to_writer(&mut *plain, record).map_err(|_| failed("a record cannot be written as JSON"))?;
        seal(&self.data_key, &self.vault, place, &plain)
    }

    /// Opens a record at its place; `Corrupt` if a bit of it, or of its row, is not what was sealed.
    pub(crate) fn open<T: DeserializeOwned>(&self, place: &Place<'_>, sealed: Vec<u8>) -> Result<T, StoreError> {
        let plain = open(&self.data_key, &self.vault, place, sealed)
            .ok_or_else(|| StoreError::Corrupt(format!("a record of the table \"{}\" is not what was sealed there", place.table)))?;
        // It is genuine, so what cannot be read was written by a version that knows more. serde's own message could quote a secret.
        serde_json::from_slice(&plain)
            .map_err(|_| StoreError::Newer(format!("a record of the table \"{}\" has a shape this version does not know", place.table)))
    }

    /// A keyed hash: finds a row by something that must not lie there in clear. `what` keeps equal texts of different meaning apart.
    pub(crate) fn hash(&self, what: &str, parts: &[&[u8]]) -> [u8; 32] {
        let parts: Vec<&[u8]> = std::iter::once(what.as_bytes()).chain(parts.iter().copied()).collect();
        let mut hash = [0; 32];
        hash.copy_from_slice(hmac::sign(&self.hash_key, &framed(&parts)).as_ref());
        hash
    }
}

impl Key {
    /// A new one.
    pub(crate) fn random() -> Result<Self, StoreError> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// From its bytes, if they are 32.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The bytes themselves.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// Seals bytes under a key of their own, derived from `secret`.
pub(crate) fn seal(secret: &Key, vault: &[u8; 16], place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
    let salt: [u8; SALT_LEN] = random()?;
    let nonce: [u8; NONCE_LEN] = random()?;
    let mut sealed = Zeroizing::new(Vec::with_capacity(HEAD_LEN + plain.len() + TAG_LEN));
    sealed.push(FORMAT);
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let tag = record_key(secret, &salt)?
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.bound_to(vault)), &mut sealed[HEAD_LEN..])
        .map_err(|_| failed("AES-256-GCM refused to seal"))?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(std::mem::take(&mut *sealed))
}

/// Opens what [`seal`] made, at the same place, with the same secret; else nothing.
pub(crate) fn open(secret: &Key, vault: &[u8; 16], place: &Place<'_>, sealed: Vec<u8>) -> Option<Zeroizing<Vec<u8>>> {
    let mut sealed = Zeroizing::new(sealed);
    let (head, body) = sealed.split_at_mut_checked(HEAD_LEN)?;
    let (version, head) = head.split_first()?;
    let (salt, nonce) = head.split_at(SALT_LEN);
    if *version != FORMAT {
        return None;
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let length = record_key(secret, salt).ok()?.open_in_place(nonce, Aad::from(place.bound_to(vault)), body).ok()?.len();
    sealed.truncate(HEAD_LEN + length);
    sealed.drain(..HEAD_LEN);
    Some(sealed)
}

/// SHA-256 over fields, each with its length.
pub(crate) fn checksum(fields: &[&[u8]]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest::digest(&digest::SHA256, &framed(fields)).as_ref());
    sum
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| failed("the system gives no random numbers"))?;
    Ok(bytes)
}

impl Place<'_> {
    /// The associated data: format, vault, table, column, id, generation, and the rest of the row.
    fn bound_to(&self, vault: &[u8; 16]) -> Vec<u8> {
        let generation = self.generation.to_be_bytes();
        let fixed: [&[u8]; 7] = [b"keyfob vault", &[FORMAT], vault, self.table.as_bytes(), self.column.as_bytes(), self.id, &generation];
        framed(&[&fixed, self.rest].concat())
    }
}

/// Each field after its length, so that no two lists of fields give the same bytes.
fn framed(fields: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

fn record_key(secret: &Key, salt: &[u8]) -> Result<LessSafeKey, StoreError> {
    let key = derive(secret, salt, b"keyfob vault: one record")?;
    UnboundKey::new(&AES_256_GCM, key.bytes()).map(LessSafeKey::new).map_err(|_| failed("AES-256-GCM refused a key"))
}

/// HKDF-SHA256 (RFC 5869).
fn derive(secret: &Key, salt: &[u8], label: &[u8]) -> Result<Key, StoreError> {
    let mut key = Key(Zeroizing::new([0; 32]));
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret.bytes())
        .expand(&[label], &AES_256_GCM)
        .and_then(|derived| derived.fill(key.0.as_mut_slice()))
        .map_err(|_| failed("HKDF refused to derive"))?;
    Ok(key)
}

fn failed(what: &str) -> StoreError {
    StoreError::Io("sealing".to_owned(), io::Error::other(what.to_owned()))
}

/// Counts what is written, and keeps nothing of it.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const VAULT: [u8; 16] = [7; 16];
    const PLACE: Place<'static> = Place { table: "account", column: "record", id: b"id", generation: 3, rest: &[b"name"] };

    fn key(byte: u8) -> Key {
        Key(Zeroizing::new([byte; 32]))
    }

    fn opens(secret: u8, vault: [u8; 16], place: &Place<'_>) -> bool {
        let sealed = seal(&key(1), &VAULT, &PLACE, b"a token").expect("seals");
        open(&key(secret), &vault, place, sealed).is_some_and(|plain| plain.as_slice() == b"a token")
    }

    #[test]
    fn j8_opens_at_its_place_and_nowhere_else() {
        assert!(opens(1, VAULT, &PLACE));
        assert!(!opens(2, VAULT, &PLACE), "another key");
        assert!(!opens(1, [8; 16], &PLACE), "another vault");
        assert!(!opens(1, VAULT, &Place { table: "app", ..PLACE }), "another table");
        assert!(!opens(1, VAULT, &Place { column: "other", ..PLACE }), "another column");
        assert!(!opens(1, VAULT, &Place { id: b"di", ..PLACE }), "another id");
        assert!(!opens(1, VAULT, &Place { generation: 4, ..PLACE }), "another generation");
        assert!(!opens(1, VAULT, &Place { rest: &[b"eman"], ..PLACE }), "another name");
        assert!(!opens(1, VAULT, &Place { rest: &[b"na", b"me"], ..PLACE }), "another division");
    }

    #[test]
    fn j9_salts_and_nonces_do_not_repeat() {
        let mut seen = HashSet::new();
        for _ in 0..100_000 {
            let sealed = seal(&key(1), &VAULT, &PLACE, b"").expect("seals");
            assert!(seen.insert(sealed[1..HEAD_LEN].to_vec()), "salt and nonce");
            assert!(seen.insert(sealed[1..=SALT_LEN].to_vec()), "salt");
            assert!(seen.insert(sealed[1 + SALT_LEN..HEAD_LEN].to_vec()), "nonce");
        }
    }

    /// A later version must open what this one sealed. The bytes were computed by another implementation, after the README.
    #[test]
    fn the_format_is_what_the_readme_says() {
        let head: Vec<u8> = [FORMAT].into_iter().chain(0..28).collect();
        let body = [
            0x19, 0xe9, 0xf8, 0x8a, 0xfa, 0x5a, 0xc5, 0x71, 0xc3, 0x2e, 0x4f, 0x2d, 0x02, 0x41, 0xb2, 0x95, 0xc6, 0xba, 0x65, 0x0d, 0xdf,
            0xf6, 0xc4,
        ];
        let plain = open(&key(1), &VAULT, &PLACE, [head.as_slice(), &body].concat()).expect("opens");
        assert_eq!(plain.as_slice(), b"a token");
    }
}
