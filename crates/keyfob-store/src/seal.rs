//! Sealing: the record format. Nothing here knows where the bytes lie.
//!
//! `version (1) ‖ salt (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`, AES-256-GCM under HKDF-SHA256(data key, salt), with every clear column
//! of the row as associated data.
//!
//! # How far it reaches
//!
//! Salt and nonce are random: no counter to keep, nothing that a restored backup or a second process could make repeat.
//! A [`Sealer`] draws a salt for its first seal and after every 2¹⁶ seals, and a nonce for each; [`nonces`](crate::nonces) says what a copy of a
//! running machine has of them. So one derived key seals at most 2¹⁶ times in each machine and process that has its salt; that two of those nonces
//! are equal has a probability below 2⁻⁶⁵, where NIST SP 800-38D asks for 2⁻³². A million keys later (6·10¹⁰ seals) the sum is still below
//! 2⁻⁴⁵. One data key has 2¹²⁸ salts.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac};
use keyfob::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::nonces::{NonceBytes, Nonces};

/// The version of this format, in each sealed record and in its associated data.
pub(crate) const FORMAT: u8 = 1;
/// What the header calls the cipher.
pub(crate) const CIPHER: &str = "AES-256-GCM+HKDF-SHA256";
/// How long a keyed hash is. Nobody without the key can look for two texts with one hash; by chance 128 bits never meet.
pub(crate) const HASH_LEN: usize = 16;

const SALT_LEN: usize = 16;
const TAG_LEN: usize = 16;
const HEAD_LEN: usize = 1 + SALT_LEN + NONCE_LEN;

/// Room for a record's JSON: few accounts have more.
const USUAL: usize = 2048;

/// How often one salt is used by one sealer.
const SEALS_PER_SALT: u32 = 1 << 16;
/// How many derived keys are kept for opening: deriving one takes longer than opening ten records. Half a kilobyte each.
const MOST_KEYS: usize = 4096;

type Salt = [u8; SALT_LEN];

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

/// Seals and opens the records of one vault; many threads may at once.
pub(crate) struct Sealer {
    data_key: Key,
    vault: [u8; 16],
    hash_key: hmac::Key,
    epoch: Mutex<Option<Epoch>>,
    /// By salt, of what was opened.
    keys: RwLock<HashMap<Salt, Arc<LessSafeKey>>>,
}

/// A record in clear, overwritten at its end. `Zeroizing` would do so byte by byte, which takes longer than opening it.
struct Wiped(Vec<u8>);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.fill(0);
        zeroize::optimization_barrier(self.0.as_slice());
    }
}

/// The salt that is sealed with now.
struct Epoch {
    salt: Salt,
    key: Arc<LessSafeKey>,
    left: u32,
    nonces: Nonces,
}

/// What one seal is made with: its nonce has been handed out to nobody else.
struct Means {
    key: Arc<LessSafeKey>,
    salt: Salt,
    nonce: NonceBytes,
}

impl Sealer {
    pub(crate) fn new(data_key: Key, vault: [u8; 16]) -> Result<Self, StoreError> {
        // Sealing keys have another label, so this one is none of them.
        let hash_key = derive(&data_key, &vault, b"keyfob vault: keyed hashes")?;
        let hash_key = hmac::Key::new(hmac::HMAC_SHA256, hash_key.bytes());
        Ok(Self { data_key, vault, hash_key, epoch: Mutex::default(), keys: RwLock::default() })
    }

    /// Seals a record for its place.
    pub(crate) fn seal<T: Serialize>(&self, place: &Place<'_>, record: &T) -> Result<Vec<u8>, StoreError> {
        let means = self.means()?;
        let mut sealed = means.begin(USUAL);
        // The buffer is never moved, which would leave a copy of the secrets behind: what does not fit is measured first.
        if serde_json::to_writer(Room(&mut sealed), record).is_err() {
            let mut length = Counter(0);
            serde_json::to_writer(&mut length, record).map_err(|_| failed("a record cannot be written as JSON"))?;
            sealed = means.begin(length.0);
            serde_json::to_writer(Room(&mut sealed), record).map_err(|_| failed("a record cannot be written as JSON"))?;
        }
        seal_with(means, &self.vault, place, sealed)
    }

    /// Opens a record at its place; `Corrupt` if a bit of it, or of its row, is not what was sealed.
    pub(crate) fn open<T: DeserializeOwned>(&self, place: &Place<'_>, sealed: Vec<u8>) -> Result<T, StoreError> {
        let mut sealed = Wiped(sealed);
        let plain = self.open_in_place(place, &mut sealed.0).ok_or_else(|| not_what_was_sealed(place))?;
        // It is genuine, so what cannot be read was written by a version that knows more. serde's own message could quote a secret.
        serde_json::from_slice(plain)
            .map_err(|_| StoreError::Newer(format!("a record of the table \"{}\" has a shape this version does not know", place.table)))
    }

    /// Whether a record is what was sealed at its place, without a look at what it says; else `Corrupt`.
    pub(crate) fn is_sound(&self, place: &Place<'_>, sealed: Vec<u8>) -> Result<(), StoreError> {
        let mut sealed = Wiped(sealed);
        self.open_in_place(place, &mut sealed.0).map(drop).ok_or_else(|| not_what_was_sealed(place))
    }

    /// Seals what is bytes already.
    pub(crate) fn seal_bytes(&self, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.means()?.seal_bytes(&self.vault, place, plain)
    }

    /// Opens what was sealed as bytes; `Corrupt` as in [`open`](Self::open).
    pub(crate) fn open_bytes(&self, place: &Place<'_>, sealed: Vec<u8>) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let mut sealed = Wiped(sealed);
        let plain = self.open_in_place(place, &mut sealed.0).map(|plain| Zeroizing::new(plain.to_vec()));
        plain.ok_or_else(|| not_what_was_sealed(place))
    }

    /// A keyed hash: finds a row by something that must not lie there in clear. `what` keeps equal texts of different meaning apart.
    pub(crate) fn hash(&self, what: &str, parts: &[&[u8]]) -> [u8; HASH_LEN] {
        let mut hmac = hmac::Context::with_key(&self.hash_key);
        for field in std::iter::once(what.as_bytes()).chain(parts.iter().copied()) {
            hmac.update(&(field.len() as u64).to_be_bytes());
            hmac.update(field);
        }
        let mut hash = [0; HASH_LEN];
        hash.copy_from_slice(&hmac.sign().as_ref()[..HASH_LEN]);
        hash
    }

    fn open_in_place<'a>(&self, place: &Place<'_>, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let salt = salt_of(sealed)?;
        let known = self.keys.read().unwrap_or_else(PoisonError::into_inner).get(&salt).map(Arc::clone);
        if let Some(key) = known {
            return open_with(&key, &self.vault, place, sealed);
        }
        let key = record_key(&self.data_key, &salt).ok()?;
        let plain = open_with(&key, &self.vault, place, sealed)?;
        // Only now: a salt that was tampered with opens nothing, and must not push out those that do.
        self.keep(salt, Arc::new(key));
        Some(plain)
    }

    fn means(&self) -> Result<Means, StoreError> {
        let mut epoch = self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = match epoch.as_mut() {
            Some(epoch) if epoch.left > 0 => epoch,
            _ => {
                let salt = random()?;
                let key = Arc::new(record_key(&self.data_key, &salt)?);
                self.keep(salt, Arc::clone(&key));
                epoch.insert(Epoch { salt, key, left: SEALS_PER_SALT, nonces: Nonces::new() })
            }
        };
        let nonce = epoch.nonces.next()?;
        epoch.left -= 1;
        Ok(Means { key: Arc::clone(&epoch.key), salt: epoch.salt, nonce })
    }

    fn keep(&self, salt: Salt, key: Arc<LessSafeKey>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_KEYS {
            keys.clear();
        }
        keys.insert(salt, key);
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

/// Seals bytes under a key of their own, derived from `secret` with a salt of its own.
pub(crate) fn seal(secret: &Key, vault: &[u8; 16], place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
    let (salt, nonce) = (random()?, random()?);
    Means { key: Arc::new(record_key(secret, &salt)?), salt, nonce }.seal_bytes(vault, place, plain)
}

/// Opens what [`seal`] made, at the same place, with the same secret; else nothing.
pub(crate) fn open(secret: &Key, vault: &[u8; 16], place: &Place<'_>, sealed: Vec<u8>) -> Option<Zeroizing<Vec<u8>>> {
    let mut sealed = Zeroizing::new(sealed);
    let key = record_key(secret, &salt_of(&sealed)?).ok()?;
    let length = open_with(&key, vault, place, &mut sealed)?.len();
    sealed.truncate(HEAD_LEN + length);
    sealed.drain(..HEAD_LEN);
    Some(sealed)
}

/// SHA-256 over fields, each with its length.
pub(crate) fn checksum(fields: &[&[u8]]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest::digest(&digest::SHA256, &framed(fields.iter())).as_ref());
    sum
}

/// Bytes that nobody can guess. The C library's way to them: from glibc 2.41 and Linux 6.11 on that is no system call any more, and the kernel
/// still sees to it that a fork or a copied machine is not given the same ones.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    fill_random(&mut bytes)?;
    Ok(bytes)
}

/// The same, into what is there already.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|error| StoreError::Io("the system gives no random numbers".to_owned(), io::Error::other(error)))
}

impl Place<'_> {
    /// The associated data: format, vault, table, column, id, generation, and the rest of the row.
    fn bound_to(&self, vault: &[u8; 16]) -> Vec<u8> {
        let generation = self.generation.to_be_bytes();
        let fixed: [&[u8]; 7] = [b"keyfob vault", &[FORMAT], vault, self.table.as_bytes(), self.column.as_bytes(), self.id, &generation];
        framed(fixed.iter().chain(self.rest))
    }
}

/// Each field after its length, so that no two lists of fields give the same bytes.
fn framed<'a>(fields: impl IntoIterator<Item = &'a &'a [u8]>) -> Vec<u8> {
    // Long enough for every row's place.
    let mut bytes = Vec::with_capacity(256);
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

impl Means {
    /// The head of a sealed record, with room for so many bytes behind it.
    fn begin(&self, length: usize) -> Zeroizing<Vec<u8>> {
        let mut sealed = Zeroizing::new(Vec::with_capacity(HEAD_LEN + length + TAG_LEN));
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.salt);
        sealed.extend_from_slice(&self.nonce);
        sealed
    }

    fn seal_bytes(self, vault: &[u8; 16], place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut sealed = self.begin(plain.len());
        sealed.extend_from_slice(plain);
        seal_with(self, vault, place, sealed)
    }
}

/// Seals what stands behind the head.
fn seal_with(
    Means { key, nonce, .. }: Means,
    vault: &[u8; 16],
    place: &Place<'_>,
    mut sealed: Zeroizing<Vec<u8>>,
) -> Result<Vec<u8>, StoreError> {
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.bound_to(vault)), &mut sealed[HEAD_LEN..])
        .map_err(|_| failed("AES-256-GCM refused to seal"))?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(std::mem::take(&mut *sealed))
}

fn open_with<'a>(key: &LessSafeKey, vault: &[u8; 16], place: &Place<'_>, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
    let (head, body) = sealed.split_at_mut_checked(HEAD_LEN)?;
    if head[0] != FORMAT {
        return None;
    }
    let nonce = Nonce::try_assume_unique_for_key(&head[1 + SALT_LEN..]).ok()?;
    Some(key.open_in_place(nonce, Aad::from(place.bound_to(vault)), body).ok()?)
}

fn salt_of(sealed: &[u8]) -> Option<Salt> {
    sealed.get(1..=SALT_LEN)?.try_into().ok()
}

fn record_key(secret: &Key, salt: &Salt) -> Result<LessSafeKey, StoreError> {
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

fn not_what_was_sealed(place: &Place<'_>) -> StoreError {
    StoreError::Corrupt(format!("a record of the table \"{}\" is not what was sealed there", place.table))
}

fn failed(what: &str) -> StoreError {
    StoreError::Io("sealing".to_owned(), io::Error::other(what.to_owned()))
}

/// Takes what has room beside the tag, so that nothing is moved; more is an error.
struct Room<'a>(&'a mut Vec<u8>);

impl io::Write for Room<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() + TAG_LEN > self.0.capacity() - self.0.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    fn j9_of_a_million_seals_no_salt_and_nonce_repeat_and_no_key_seals_too_often() {
        let sealer = Sealer::new(key(1), VAULT).expect("a sealer");
        let mut seen = HashSet::with_capacity(1_000_000);
        let mut by_salt: HashMap<Salt, u32> = HashMap::new();
        for _ in 0..1_000_000 {
            let sealed = sealer.seal(&PLACE, &0).expect("seals");
            assert!(seen.insert(<[u8; HEAD_LEN - 1]>::try_from(&sealed[1..HEAD_LEN]).expect("salt and nonce")));
            *by_salt.entry(salt_of(&sealed).expect("a salt")).or_default() += 1;
        }
        assert!(by_salt.values().all(|seals| *seals <= 65_536), "{by_salt:?}");
        assert_eq!(by_salt.len(), 16);
    }

    #[test]
    fn j9_nonces_do_not_repeat_by_themselves() {
        let sealer = Sealer::new(key(1), VAULT).expect("a sealer");
        let nonces: HashSet<_> = (0..100_000).map(|_| sealer.seal(&PLACE, &0).expect("seals")[1 + SALT_LEN..HEAD_LEN].to_vec()).collect();
        assert_eq!(nonces.len(), 100_000);
    }

    #[test]
    fn j9_threads_that_seal_at_once_share_no_nonce() {
        const EACH: usize = 50_000;
        let sealer = Sealer::new(key(1), VAULT).expect("a sealer");
        let heads = || -> Vec<_> { (0..EACH).map(|_| sealer.seal(&PLACE, &0).expect("seals")[..HEAD_LEN].to_vec()).collect() };
        let all: Vec<Vec<_>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(heads)).collect();
            threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
        });
        assert_eq!(all.into_iter().flatten().collect::<HashSet<_>>().len(), 4 * EACH);
    }

    /// Two processes, or one that was copied, share no salt and no nonce.
    #[test]
    fn j9_each_sealer_has_a_salt_of_its_own() {
        let salts: HashSet<_> =
            (0..1000).map(|_| salt_of(&Sealer::new(key(1), VAULT).and_then(|sealer| sealer.seal(&PLACE, &0)).expect("seals"))).collect();
        assert_eq!(salts.len(), 1000);
    }

    #[test]
    fn keys_that_were_let_go_are_derived_again() {
        let sealer = Sealer::new(key(1), VAULT).expect("a sealer");
        let sealed: Vec<_> = (0..MOST_KEYS + 10)
            .map(|number| Sealer::new(key(1), VAULT).and_then(|other| other.seal(&PLACE, &number)).expect("seals"))
            .collect();
        for _ in 0..2 {
            for (number, sealed) in sealed.iter().enumerate() {
                assert_eq!(sealer.open::<usize>(&PLACE, sealed.clone()).expect("opens"), number);
                assert!(sealer.keys.read().expect("unharmed").len() <= MOST_KEYS);
            }
        }
    }

    /// What fits into the usual room is written once, what does not is measured first: on either side of it, the buffer is as large as it was made.
    #[test]
    fn j10_the_buffer_of_a_record_is_never_moved() {
        let sealer = Sealer::new(key(1), VAULT).expect("a sealer");
        for length in [0, 1, USUAL - 3, USUAL - 2, USUAL - 1, USUAL, 10 * USUAL] {
            let text = "t".repeat(length);
            let sealed = sealer.seal(&PLACE, &text).expect("seals");
            let json = length + 2;
            assert_eq!(sealed.len(), HEAD_LEN + json + TAG_LEN);
            assert_eq!(sealed.capacity(), HEAD_LEN + json.max(USUAL) + TAG_LEN, "{length}");
            assert_eq!(sealer.open::<String>(&PLACE, sealed).expect("opens"), text);
        }
    }

    /// Whoever can write the file could otherwise make every reading derive its key anew.
    #[test]
    fn a_salt_that_opens_nothing_is_not_remembered() {
        let sealer = Sealer::new(key(1), VAULT).expect("a sealer");
        let mut sealed = sealer.seal(&PLACE, &0).expect("seals");
        sealed[1] ^= 1;
        assert!(matches!(sealer.open::<u32>(&PLACE, sealed), Err(StoreError::Corrupt(_))));
        assert_eq!(sealer.keys.read().expect("unharmed").len(), 1);
    }

    #[test]
    fn too_short_to_be_sealed_is_corrupt() {
        let sealer = Sealer::new(key(1), VAULT).expect("a sealer");
        let sealed = sealer.seal(&PLACE, &0).expect("seals");
        for length in 0..sealed.len() {
            assert!(matches!(sealer.open::<u32>(&PLACE, sealed[..length].to_vec()), Err(StoreError::Corrupt(_))), "{length}");
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
