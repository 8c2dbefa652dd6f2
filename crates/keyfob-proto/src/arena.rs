//! A buffer that text is encoded into, and that is used again: no memory is asked for once it has its size.

use std::ops::Range;

use crate::encode::{BLOCK, ONCE, Spelling, TWICE, TWICE_RAW, WORD, hex, moved, spell, write, write_four};
use crate::secret::wipe_all;

/// Bytes, of which the first `used` count. The rest is room for the next: writing whole words into it, and moving on by less, is
/// what makes encoding fast without a branch for each byte.
#[derive(Clone, Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
    used: usize,
}

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
    #[inline]
    pub(crate) fn plain(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    /// A piece of another one. Most are short: whole blocks, of which the last counts in part, are copied sooner than the exact length.
    #[inline]
    pub(crate) fn piece(&mut self, other: &Self, piece: Range<usize>) {
        let length = piece.len();
        let from = other.bytes[piece.start..].as_chunks::<BLOCK>().0;
        let to = self.room(length).as_chunks_mut::<BLOCK>().0;
        to.iter_mut().zip(from).take(length.div_ceil(BLOCK)).for_each(|(to, from)| *to = *from);
        self.used += length;
    }

    /// All of another one.
    #[inline]
    pub(crate) fn all(&mut self, other: &Self) {
        self.plain(other.bytes());
    }

    /// The first eight bytes of a piece, or fewer and zeroes, as a number that sorts as they do.
    #[inline]
    pub(crate) fn word(&self, begin: usize, length: usize) -> u64 {
        let first = self.bytes[begin..].first_chunk().expect("there is always room behind");
        let spare = WORD.saturating_sub(length);
        u64::from_be_bytes(*first) & u64::MAX.unbounded_shl(u32::try_from(spare).expect("at most eight") * u8::BITS)
    }

    /// Percent-encoded (RFC 5849 §3.6).
    pub(crate) fn once(&mut self, bytes: &[u8]) {
        self.spell(bytes, ONCE);
    }

    /// In lower case, percent-encoded: the host (§3.4.1.2).
    pub(crate) fn once_lower(&mut self, bytes: &[u8]) {
        // Without a way out before the end, it is done for many bytes at once.
        if bytes.iter().fold(false, |any, byte| any | byte.is_ascii_uppercase()) {
            self.once(&bytes.to_ascii_lowercase());
        } else {
            self.once(bytes);
        }
    }

    /// In upper case, percent-encoded: the method (§3.4.1.1).
    pub(crate) fn once_upper(&mut self, bytes: &[u8]) {
        if bytes.iter().all(u8::is_ascii_uppercase) {
            self.plain(bytes);
        } else {
            self.once(&bytes.to_ascii_uppercase());
        }
    }

    /// Percent-encoded twice: a name or value in a base string (§3.4.1.1).
    pub(crate) fn twice(&mut self, bytes: &[u8]) {
        self.spell(bytes, TWICE);
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
        let (mut at, mut rest) = (0, text);
        while let Some((four, behind)) = rest.split_first_chunk::<4>() {
            let words = four.map(|byte| TWICE_RAW[usize::from(byte)]);
            if words.contains(&0) {
                break;
            }
            (at, rest) = (write_four(room, at, words), behind);
        }
        while let Some((&byte, mut behind)) = rest.split_first() {
            let mut word = TWICE_RAW[usize::from(byte)];
            if word == 0 {
                let decoded = match (byte, behind) {
                    (b'&', _) => break,
                    (b'=', _) if end == b'=' => break,
                    (b'%', [high, low, digits @ ..]) => match (hex(high), hex(low)) {
                        (Some(high), Some(low)) => {
                            behind = digits;
                            high << 4 | low
                        }
                        _ => byte,
                    },
                    _ => byte,
                };
                word = TWICE[usize::from(decoded)];
            }
            (at, rest) = (write(room, at, word), behind);
        }
        self.used += at;
        rest
    }

    /// Decimal digits.
    pub(crate) fn number(&mut self, number: i64) {
        if number < 0 {
            self.plain(b"-");
        }
        let mut rest = number.unsigned_abs();
        let length = rest.checked_ilog10().map_or(1, |power| power as usize + 1);
        let (one, pairs) = self.room(length)[..length].as_rchunks_mut();
        // Two at once, from the last ones on.
        for two in pairs.iter_mut().rev() {
            *two = two_digits(rest % 100);
            rest /= 100;
        }
        if let [one] = one {
            *one = two_digits(rest)[1];
        }
        self.used += length;
    }

    /// Base64 (RFC 4648 §4), percent-encoded: a signature in a header.
    pub(crate) fn base64_once(&mut self, bytes: &[u8]) {
        let room = self.room(bytes.len() * 4 + 12);
        let (groups, rest) = bytes.as_chunks::<3>();
        let at = groups.iter().fold(0, |at, group| write_four(room, at, base64_digits(*group)));
        self.used += match *rest {
            [a] => {
                let [one, two, ..] = base64_digits([a, 0, 0]);
                write_four(room, at, [one, two, PADDING, PADDING])
            }
            [a, b] => {
                let [one, two, three, _] = base64_digits([a, b, 0]);
                write_four(room, at, [one, two, three, PADDING])
            }
            _ => at,
        };
    }

    fn spell(&mut self, bytes: &[u8], spelling: &Spelling) {
        self.used += spell(self.room(bytes.len() * 5), bytes, spelling);
    }

    /// What is behind the used bytes: at least so many, and a block.
    #[inline]
    fn room(&mut self, wanted: usize) -> &mut [u8] {
        let end = self.used + wanted + BLOCK;
        if self.bytes.len() < end {
            self.grow(end);
        }
        &mut self.bytes[self.used..]
    }

    #[cold]
    fn grow(&mut self, length: usize) {
        /// Most have no need of more: to begin with less is to begin again.
        const LEAST: usize = 256;
        let length = length.next_power_of_two().max(LEAST);
        self.bytes = moved(&mut self.bytes, length);
        self.bytes.resize(length, 0);
    }
}

#[inline]
fn two_digits(number: u64) -> [u8; 2] {
    const DIGITS: &[[u8; 2]; 100] = &{
        let mut digits = [[0; 2]; 100];
        let mut at = 0;
        while at < 100 {
            digits[at] = [b'0' + at as u8 / 10, b'0' + at as u8 % 10];
            at += 1;
        }
        digits
    };
    DIGITS[usize::try_from(number).expect("below a hundred")]
}

/// How the four digits of three bytes (RFC 4648 §4) are spelled percent-encoded.
#[inline]
fn base64_digits([a, b, c]: [u8; 3]) -> [u64; 4] {
    let bits = u32::from_be_bytes([0, a, b, c]);
    [bits >> 18, bits >> 12, bits >> 6, bits].map(|digit| BASE64_ONCE[(digit & 63) as usize])
}

const PADDING: u64 = ONCE[b'=' as usize];

/// How each digit of base64 is spelled percent-encoded.
const BASE64_ONCE: &[u64; 64] = &{
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut table, mut at) = ([0; 64], 0);
    while at < 64 {
        table[at] = ONCE[digits[at] as usize];
        at += 1;
    }
    table
};

/// A form may hold a password (xAuth).
impl Drop for Arena {
    fn drop(&mut self) {
        wipe_all(&mut self.bytes);
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
        for number in [0, 7, 10, 99, 100, 101, -3, 1_795_000_000, i64::MAX, i64::MIN] {
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
    fn rfc4648_section_10_and_every_digit() {
        for bytes in [&b""[..], b"f", b"fo", b"foo", b"foob", b"fooba", b"foobar", b"\xfb\xef\xbe\xff\xff\xfe"] {
            assert_eq!(written(|arena| arena.base64_once(bytes)), encode::percent(&encode::base64(bytes)));
        }
        let every: Vec<u8> = (0..=u8::MAX).flat_map(|byte| [byte, byte << 2, byte >> 3]).collect();
        assert_eq!(written(|arena| arena.base64_once(&every)), encode::percent(&encode::base64(&every)));
    }

    #[test]
    fn pieces_are_exact_though_blocks_are_copied() {
        let text: Vec<u8> = (b'a'..=b'z').cycle().take(100).collect();
        let mut other = Arena::default();
        other.plain(&text);
        for length in 0..=100 {
            assert_eq!(written(|arena| arena.piece(&other, 100 - length..100)).as_bytes(), &text[100 - length..]);
        }
    }
}
