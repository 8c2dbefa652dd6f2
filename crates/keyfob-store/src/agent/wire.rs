//! What goes over the socket: a letter, then fields of fixed length.

use std::io::{self, Read};
use std::time::Duration;

use zeroize::Zeroizing;

use super::Held;
use crate::header::KeyId;
use crate::seal::Key;

/// Name, key, seconds.
pub(super) const KEPT_LEN: usize = 24 + 32 + 8;

/// More vaults than anybody has.
pub(super) const MOST_HELD: usize = 64;

const HELD_LEN: usize = 16 + 8;

pub(super) const KEY: u8 = b'k';
pub(super) const KEEP: u8 = b'p';
pub(super) const STATUS: u8 = b's';
pub(super) const LOCK: u8 = b'l';
const YES: u8 = b'+';
const NO: u8 = b'-';

/// What is asked.
pub(super) enum Request<'a> {
    Key(KeyId),
    Keep(KeyId, &'a Key, Duration),
    Status,
    Lock,
}

/// What is answered.
pub(super) enum Reply {
    Key(Key),
    Done,
    No,
    Status(Vec<Held>),
}

impl Request<'_> {
    pub(super) fn bytes(&self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Key(id) => Zeroizing::new([&[KEY], id.as_slice()].concat()),
            Self::Keep(id, key, time) => {
                let mut bytes = Zeroizing::new(Vec::with_capacity(1 + KEPT_LEN));
                bytes.push(KEEP);
                bytes.extend_from_slice(&kept(*id, key, *time));
                bytes
            }
            Self::Status => Zeroizing::new(vec![STATUS]),
            Self::Lock => Zeroizing::new(vec![LOCK]),
        }
    }

    /// Reads the answer to it.
    pub(super) fn answered(&self, mut from: impl Read) -> io::Result<Reply> {
        let mut word = [0; 1];
        from.read_exact(&mut word)?;
        match (self, word[0]) {
            (_, NO) => Ok(Reply::No),
            (Self::Key(_), YES) => {
                let mut bytes = Zeroizing::new([0; 32]);
                from.read_exact(bytes.as_mut_slice())?;
                Key::from_bytes(bytes.as_slice()).map(Reply::Key).ok_or_else(nonsense)
            }
            (Self::Keep(..) | Self::Lock, YES) => Ok(Reply::Done),
            (Self::Status, YES) => {
                from.read_exact(&mut word)?;
                let mut held = Vec::new();
                for _ in 0..usize::from(word[0]).min(MOST_HELD) {
                    let mut bytes = [0; HELD_LEN];
                    from.read_exact(&mut bytes)?;
                    let (vault, left) = bytes.split_at(16);
                    held.push(Held { vault: hex(vault), left: seconds(left) });
                }
                Ok(Reply::Status(held))
            }
            _ => Err(nonsense()),
        }
    }
}

pub(super) fn kept(id: KeyId, key: &Key, time: Duration) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEPT_LEN));
    bytes.extend_from_slice(&id);
    bytes.extend_from_slice(key.bytes());
    bytes.extend_from_slice(&time.as_secs().to_be_bytes());
    bytes
}

/// Reads what [`kept`] wrote.
pub(super) fn read_kept(bytes: &[u8]) -> Option<(KeyId, Key, Duration)> {
    if bytes.len() != KEPT_LEN {
        return None;
    }
    let (id, rest) = bytes.split_at(24);
    let (key, time) = rest.split_at(32);
    Some((id.try_into().ok()?, Key::from_bytes(key)?, seconds(time)))
}

pub(super) fn yes_with(rest: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(1 + rest.len()));
    bytes.push(YES);
    bytes.extend_from_slice(rest);
    bytes
}

pub(super) fn no() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![NO])
}

/// The answer to a question for the status.
pub(super) fn status(held: impl ExactSizeIterator<Item = (KeyId, Duration)>) -> Zeroizing<Vec<u8>> {
    let mut bytes = vec![u8::try_from(held.len()).unwrap_or(u8::MAX)];
    for (id, left) in held {
        bytes.extend_from_slice(&id[..16]);
        bytes.extend_from_slice(&left.as_secs().to_be_bytes());
    }
    yes_with(&bytes)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seconds(bytes: &[u8]) -> Duration {
    Duration::from_secs(bytes.try_into().map(u64::from_be_bytes).unwrap_or_default())
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not an answer of the agent")
}
