//! A key as its holder has it: `kfk_`, a public number, a secret, a checksum; 75 letters and digits.
//!
//! The prefix and the checksum are for scanners of repositories and logs: they find it, and know without asking anybody that it is one and not a
//! word that looks like it. The number says which key is meant, so that finding it needs no secret; the secret is 256 random bits, so that its hash
//! needs no salt and no patience.

use keyfob::proto::{Entropy, Secret};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// What every key begins with.
pub(crate) const PREFIX: &str = "kfk_";

/// What every token of a person begins with: as long, and made alike.
pub(crate) const TOKEN_PREFIX: &str = "kft_";

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// 62^22 > 2^128, 62^43 > 2^256, 62^6 > 2^32.
const NUMBER: usize = 22;
const SECRET: usize = 43;
const CHECKSUM: usize = 6;

/// How long a key is.
pub(crate) const LENGTH: usize = PREFIX.len() + NUMBER + SECRET + CHECKSUM;

/// The SHA-256 of a key's secret: all that is kept of it.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 32]);

/// A key that somebody shows, taken apart.
pub(crate) struct Shown<'a> {
    pub(crate) id: &'a str,
    secret: &'a str,
}

/// A new key: its public number, what is kept of its secret, and the text, which is shown once.
pub(crate) fn draw(entropy: &dyn Entropy) -> (String, Digest, Secret) {
    draw_as(PREFIX, entropy)
}

/// The same with another beginning.
pub(crate) fn draw_as(prefix: &str, entropy: &dyn Entropy) -> (String, Digest, Secret) {
    let (mut number, mut secret) = ([0; 16], [0; 32]);
    entropy.fill(&mut number);
    entropy.fill(&mut secret);
    let id = text(&base62::<NUMBER>(&number));
    let secret = Secret::new(text(&*Zeroizing::new(base62::<SECRET>(&secret))));
    let digest = Digest::of(secret.expose());
    let start = format!("{prefix}{id}{}", secret.expose());
    let checksum = text(&checksum(&start));
    (id, digest, Secret::new(start + &checksum))
}

impl<'a> Shown<'a> {
    /// Takes a key apart. `None` for what cannot be one: it is not worth a look at the shelf.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        Self::read_as(PREFIX, text)
    }

    /// The same of what begins otherwise.
    pub(crate) fn read_as(prefix: &str, text: &'a str) -> Option<Self> {
        if text.len() != LENGTH || !text.starts_with(prefix) {
            return None;
        }
        // Without a way out in the middle: so several are looked at at once.
        if !text.as_bytes()[PREFIX.len()..].iter().fold(true, |are, byte| are & byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (start, checksum) = text.split_at(LENGTH - CHECKSUM);
        let (id, secret) = start[PREFIX.len()..].split_at(NUMBER);
        (self::checksum(start) == checksum.as_bytes()).then_some(Self { id, secret })
    }

    /// Whether this is the key that was given out.
    pub(crate) fn is(&self, kept: &Digest) -> bool {
        Digest::of(self.secret).0.ct_eq(&kept.0).into()
    }
}

/// Whether there is something in the text that begins like a key of ours.
pub(crate) fn is_in(text: &str) -> bool {
    beginnings(text).next().is_some()
}

/// The number of the first whole key, or token, that is in the text.
pub(crate) fn number_in(text: &str) -> Option<&str> {
    beginnings(text).find_map(|(at, prefix)| Some(Shown::read_as(prefix, text.get(at..at + LENGTH)?)?.id))
}

/// Where in the text something begins like a key of ours, and how.
fn beginnings(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    memchr::memchr_iter(b'_', text.as_bytes()).filter_map(|end| {
        let before = &text.as_bytes()[..=end];
        let prefix = [PREFIX, TOKEN_PREFIX].into_iter().find(|prefix| before.ends_with(prefix.as_bytes()))?;
        Some((before.len() - prefix.len(), prefix))
    })
}

impl Digest {
    fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }

    pub(crate) fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let bytes: Vec<u8> =
            text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect::<Option<_>>()?;
        bytes.try_into().ok().map(Self)
    }
}

/// CRC-32 as in ISO 3309, in base 62: a checksum against typing errors and chance, and no protection.
fn checksum(start: &str) -> [u8; CHECKSUM] {
    let mut rest = crc32fast::hash(start.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

fn text(digits: &[u8]) -> String {
    String::from_utf8(digits.to_vec()).expect("the alphabet is ASCII")
}

/// The number in big-endian bytes, of which there are 32 at most, in base 62, with zeros in front.
fn base62<const WIDTH: usize>(bytes: &[u8]) -> [u8; WIDTH] {
    let mut room = [0; 32];
    let rest = &mut room[..bytes.len()];
    rest.copy_from_slice(bytes);
    let mut digits = [b'0'; WIDTH];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in rest.iter_mut() {
            let value = remainder << 8 | u32::from(*byte);
            *byte = u8::try_from(value / 62).expect("the remainder is less than 62, so the quotient is less than 256");
            remainder = value % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    room.zeroize();
    digits
}

#[cfg(test)]
mod tests {
    use keyfob::OsEntropy;

    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_has() {
        assert_eq!(checksum("123456789"), base62::<CHECKSUM>(&0xcbf4_3926_u32.to_be_bytes()));
    }

    #[test]
    fn numbers_have_a_fixed_width() {
        assert_eq!(base62::<NUMBER>(&[0; 16]), [b'0'; NUMBER]);
        assert_eq!(&base62::<NUMBER>(&u128::MAX.to_be_bytes()), b"7n42DGM5Tflk9n8mt7Fhc7");
        assert_ne!(base62::<SECRET>(&[0xff; 32])[0], b'0', "it has that many digits");
        assert_eq!(&base62::<CHECKSUM>(&[0, 0, 0, 63]), b"000011");
    }

    #[test]
    fn what_was_drawn_is_read_and_nothing_else_is() {
        let (id, digest, text) = draw(&OsEntropy);
        let text = text.expose();
        assert_eq!(text.len(), LENGTH);
        let shown = Shown::read(text).expect("a key");
        assert!(shown.id == id && shown.is(&digest) && shown.is(&Digest::from_hex(&digest.to_hex()).expect("hex")));
        assert!(!Shown::read(draw(&OsEntropy).2.expose()).expect("a key").is(&digest), "another one is not it");
        // Every single letter counts.
        for at in 0..LENGTH {
            let mut other = text.to_owned().into_bytes();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            assert!(Shown::read(std::str::from_utf8(&other).expect("ASCII")).is_none(), "letter {at}");
        }
        for other in ["", "kfk_", &text[1..], &format!("{text}0"), &text.replace("kfk_", "KFK_"), &"é".repeat(LENGTH / 2)] {
            assert!(Shown::read(other).is_none(), "{other}");
        }
    }
}
