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

/// What is looked at at once.
const RUN: usize = 16;

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
        self.spell_runs(bytes, ONCE);
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
        self.spell_runs(bytes, TWICE);
    }

    /// A raw name of a query or form, up to its `=` or the end of the piece, decoded as [`encode::decode_pairs`](crate::encode::decode_pairs) does,
    /// and percent-encoded twice. Gives what is left of the text, from what ended it on.
    pub(crate) fn twice_name<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        self.twice_decoded(text, b'=')
    }

    /// A raw value in the same way, up to the end of the piece.
    pub(crate) fn twice_value<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        self.twice_decoded(text, b'&')
    }

    fn twice_decoded<'a>(&mut self, text: &'a [u8], end: u8) -> &'a [u8] {
        // The whole text's, not the piece's: where that ends is not known yet, and the others will need it.
        let room = self.room(text.len() * 5);
        let (mut at, mut next) = (0, 0);
        while let Some(&byte) = text.get(next) {
            let decoded = match byte {
                b'&' => break,
                _ if byte == end => break,
                b'+' => b' ',
                b'%' => match (text.get(next + 1).and_then(hex), text.get(next + 2).and_then(hex)) {
                    (Some(high), Some(low)) => {
                        next += 2;
                        high << 4 | low
                    }
                    _ => b'%',
                },
                other => other,
            };
            next += 1;
            let (text, length) = spelled(TWICE[usize::from(decoded)]);
            room[at..at + WORD].copy_from_slice(&text);
            at += length;
        }
        self.used += at;
        &text[next..]
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

    /// Most text has nothing to encode: sixteen such bytes at once are copied.
    fn spell_runs(&mut self, bytes: &[u8], spelling: &Spelling) {
        let room = self.room(bytes.len() * 5);
        let (runs, rest) = bytes.as_chunks::<RUN>();
        let mut at = 0;
        for run in runs {
            if run.iter().fold(true, |plain, &byte| plain & is_unreserved(byte)) {
                room[at..at + RUN].copy_from_slice(run);
                at += RUN;
            } else {
                at = spell_each(room, at, run, spelling);
            }
        }
        at = spell_each(room, at, rest, spelling);
        self.used += at;
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

/// Spells each byte from a place on, and gives the place behind.
fn spell_each(room: &mut [u8], mut at: usize, bytes: &[u8], spelling: &Spelling) -> usize {
    for &byte in bytes {
        let (text, length) = spelled(spelling[usize::from(byte)]);
        room[at..at + WORD].copy_from_slice(&text);
        at += length;
    }
    at
}

/// As arithmetic, which is done for sixteen bytes at once; the tables of spellings say the same.
fn is_unreserved(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26)
        | (byte.wrapping_sub(b'0') < 10)
        | (byte == b'-')
        | (byte == b'.')
        | (byte == b'_')
        | (byte == b'~')
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
            prop_assert_eq!(written(|arena| { arena.twice_value(once.as_bytes()); }), twice);
        }

        #[test]
        fn raw_pieces_are_decoded_as_everywhere(raw in "[ -~]{0,40}") {
            let mut arena = Arena::default();
            let rest = arena.twice_name(raw.as_bytes());
            let (name, value) = raw.as_bytes().split_at(raw.len() - rest.len());
            prop_assert!(!name.contains(&b'=') && !name.contains(&b'&') && (rest.is_empty() || matches!(rest[0], b'=' | b'&')));
            prop_assert_eq!(arena.text(), written(|arena| arena.twice(&encode::decode(name))));
            arena.clear();
            let rest = arena.twice_value(value);
            let value = &value[..value.len() - rest.len()];
            prop_assert!(!value.contains(&b'&') && (rest.is_empty() || rest[0] == b'&'));
            prop_assert_eq!(arena.text(), written(|arena| arena.twice(&encode::decode(value))));
        }
    }

    #[test]
    fn both_ways_to_tell_what_needs_no_encoding_agree() {
        for byte in 0..=u8::MAX {
            assert_eq!(is_unreserved(byte), spelled(ONCE[usize::from(byte)]).1 == 1, "{byte}");
        }
    }
}
