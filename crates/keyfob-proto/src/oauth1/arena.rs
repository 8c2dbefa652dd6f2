//! A buffer that text is encoded into, and that is used again: no memory is asked for once it has its size.

use zeroize::Zeroize;

use crate::encode::{ONCE, Spelling, TWICE, hex, spelled};

/// Bytes, of which the first `used` count. The rest is room for the next: writing whole words into it, and moving on by less, is
/// what makes encoding fast without a branch for each byte.
#[derive(Clone, Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
    used: usize,
}

/// What one step writes, though it may count less.
const WORD: usize = 8;

impl Arena {
    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Text, since only ASCII is written here.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).expect("what is encoded is ASCII")
    }

    /// As it is.
    pub(crate) fn plain(&mut self, bytes: &[u8]) {
        let end = self.used + bytes.len();
        self.room(bytes.len());
        self.bytes[self.used..end].copy_from_slice(bytes);
        self.used = end;
    }

    /// Percent-encoded (RFC 5849 §3.6).
    pub(crate) fn once(&mut self, bytes: &[u8]) {
        self.spell(bytes.iter().copied(), bytes.len(), ONCE);
    }

    /// In lower case, percent-encoded: scheme and host (§3.4.1.2).
    pub(crate) fn once_lower(&mut self, bytes: &[u8]) {
        self.spell(bytes.iter().map(u8::to_ascii_lowercase), bytes.len(), ONCE);
    }

    /// In upper case, percent-encoded: the method (§3.4.1.1).
    pub(crate) fn once_upper(&mut self, bytes: &[u8]) {
        self.spell(bytes.iter().map(u8::to_ascii_uppercase), bytes.len(), ONCE);
    }

    /// Percent-encoded twice: a name or value in a base string (§3.4.1.1).
    pub(crate) fn twice(&mut self, bytes: &[u8]) {
        self.spell(bytes.iter().copied(), bytes.len(), TWICE);
    }

    /// A raw piece of a query or form, decoded as [`encode::decode_pairs`](crate::encode::decode_pairs) does, and percent-encoded twice.
    pub(crate) fn twice_decoded(&mut self, raw: &[u8]) {
        let room = self.room(raw.len() * 5);
        let (mut at, mut next) = (0, 0);
        while let Some(&byte) = raw.get(next) {
            next += 1;
            let decoded = match byte {
                b'+' => b' ',
                b'%' => match (raw.get(next).and_then(hex), raw.get(next + 1).and_then(hex)) {
                    (Some(high), Some(low)) => {
                        next += 2;
                        high << 4 | low
                    }
                    _ => b'%',
                },
                other => other,
            };
            let (text, length) = spelled(TWICE[usize::from(decoded)]);
            room[at..at + WORD].copy_from_slice(&text);
            at += length;
        }
        self.used += at;
    }

    /// Decimal digits.
    pub(crate) fn number(&mut self, number: i64) {
        let mut digits = [0; 20];
        let (mut at, mut rest) = (digits.len(), number.unsigned_abs());
        while at == digits.len() || rest > 0 {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).expect("a digit");
            rest /= 10;
        }
        if number < 0 {
            self.plain(b"-");
        }
        self.plain(&digits[at..]);
    }

    fn spell(&mut self, bytes: impl Iterator<Item = u8>, length: usize, spelling: &Spelling) {
        let room = self.room(length * 5);
        let mut at = 0;
        for byte in bytes {
            let (text, length) = spelled(spelling[usize::from(byte)]);
            room[at..at + WORD].copy_from_slice(&text);
            at += length;
        }
        self.used += at;
    }

    /// What is behind the used bytes, at least so many and a word.
    fn room(&mut self, wanted: usize) -> &mut [u8] {
        let end = self.used + wanted + WORD;
        if self.bytes.len() < end {
            self.bytes.resize(end.next_power_of_two(), 0);
        }
        &mut self.bytes[self.used..]
    }
}

/// A form may hold a password (xAuth).
impl Drop for Arena {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encode;

    fn written(write: impl FnOnce(&mut Arena)) -> String {
        let mut arena = Arena::default();
        arena.plain(b"x");
        write(&mut arena);
        arena.text()[1..].to_owned()
    }

    #[test]
    fn numbers_have_every_digit() {
        for number in [0, 7, 10, -3, 1_795_000_000, i64::MAX, i64::MIN] {
            assert_eq!(written(|arena| arena.number(number)), number.to_string());
        }
    }

    proptest! {
        #[test]
        fn one_pass_is_two_encodings(text: String) {
            let once = encode::percent(&text);
            prop_assert_eq!(written(|arena| arena.once(text.as_bytes())), once.clone());
            prop_assert_eq!(written(|arena| arena.twice(text.as_bytes())), encode::percent(&once));
            let twice = written(|arena| arena.twice(text.as_bytes()));
            prop_assert_eq!(written(|arena| arena.twice_decoded(once.as_bytes())), twice);
        }

        #[test]
        fn raw_pieces_are_decoded_as_everywhere(raw in "[ -~]{0,40}") {
            let decoded = encode::decode(raw.as_bytes());
            prop_assert_eq!(written(|arena| arena.twice_decoded(raw.as_bytes())), written(|arena| arena.twice(&decoded)));
        }
    }
}
