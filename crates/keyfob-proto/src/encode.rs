//! The encodings of RFC 5849 §3.6 (percent-encoding), HTML forms, and base64.
//!
//! OAuth 1 needs its own percent-encoding: the URL standard's serialiser leaves other characters alone (`'`, `~`), and one
//! differing byte is a refused signature.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::form::Form;
use crate::secret::wipe;

/// Percent-encodes for OAuth (RFC 5849 §3.6): letters, digits, `-`, `.`, `_` and `~` stay; every other byte becomes `%XX`.
///
/// ```
/// assert_eq!(keyfob_proto::encode::percent("Ladies + Gentlemen"), "Ladies%20%2B%20Gentlemen");
/// ```
pub fn percent(text: &str) -> String {
    ascii(percent_bytes(text.as_bytes()))
}

/// Encodes pairs as an HTML form or query (`application/x-www-form-urlencoded`), as `keyfob` writes bodies and queries.
/// Spaces become `%20`, which every form decoder reads, and which OAuth 1 servers that sign the raw text need.
///
/// ```
/// assert_eq!(keyfob_proto::encode::form_pairs([("scope", "read write"), ("a|b", "")]), "scope=read%20write&a%7Cb=");
/// ```
pub fn form_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut form = Form::new();
    pairs.into_iter().for_each(|(name, value)| form.pair(name, value));
    form.into_text()
}

/// Splits and decodes a query or form body into bytes: `+` is a space, `%XX` a byte, anything else itself. A piece without
/// `=` is a name with an empty value; empty pieces (`a&&b`) are nothing, as browsers and oauthlib agree.
///
/// ```
/// let pairs: Vec<_> = keyfob_proto::encode::decode_pairs(b"a=b+c&d").collect();
/// assert_eq!(pairs, [(b"a".to_vec(), b"b c".to_vec()), (b"d".to_vec(), Vec::new())]);
/// ```
pub fn decode_pairs(text: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
    raw_pairs(text).map(|(name, value)| (decode(name), decode(value)))
}

/// The same, for text: bytes that are not UTF-8 are refused.
///
/// # Errors
///
/// [`NotUtf8`], for a name or a value that is none.
pub fn decode_text_pairs(text: &[u8]) -> Result<Vec<(String, String)>, NotUtf8> {
    decode_pairs(text)
        .map(|(name, value)| Ok((String::from_utf8(name).map_err(|_| NotUtf8)?, String::from_utf8(value).map_err(|_| NotUtf8)?)))
        .collect()
}

/// The names alone, decoded. One that is written as it is meant is not copied.
///
/// ```
/// let names: Vec<_> = keyfob_proto::encode::decode_names(b"a=b+c&d%2B").collect();
/// assert_eq!(names, [b"a".as_slice(), b"d+"]);
/// ```
pub fn decode_names(text: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> + '_ {
    let is_meant = |name: &[u8]| !name.iter().any(|byte| matches!(byte, b'%' | b'+'));
    raw_pairs(text).map(move |(name, _)| if is_meant(name) { Cow::Borrowed(name) } else { Cow::Owned(decode(name)) })
}

/// Decoded bytes are not UTF-8 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUtf8;

impl std::fmt::Display for NotUtf8 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the decoded text is not UTF-8")
    }
}

impl std::error::Error for NotUtf8 {}

/// Standard base64, padded: signatures and Basic credentials.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// base64url without padding: PKCE, `state`.
pub fn base64url(bytes: &[u8]) -> String {
    let mut text = String::with_capacity((bytes.len() * 4).div_ceil(3));
    for some in bytes.chunks(36) {
        let mut padded = [0; 36];
        padded[..some.len()].copy_from_slice(some);
        push_digits(&mut text, base64url_digits(&padded), (some.len() * 4).div_ceil(3));
        wipe(&mut padded);
    }
    text
}

/// So many digits say 256 bits.
pub(crate) const LENGTH_OF_256: usize = 43;

/// The same for what a `state` or a verifier is drawn from: one behind the other.
#[inline]
pub(crate) fn base64url_256(all: &[[u8; 32]]) -> String {
    // In one go, so that they are looked at once: with room for the digits of the last one that do not count.
    let mut text = Vec::with_capacity(LENGTH_OF_256 * all.len() + size_of::<Digits>() - LENGTH_OF_256);
    for (nth, bytes) in all.iter().enumerate() {
        let mut digits = base64url_digits(bytes);
        text.extend_from_slice(&digits.0);
        text.truncate(LENGTH_OF_256 * (nth + 1));
        wipe(&mut digits.0);
    }
    ascii(text)
}

#[inline]
fn push_digits(text: &mut String, mut digits: Digits, count: usize) {
    text.push_str(&digits.as_str()[..count]);
    wipe(&mut digits.0);
}

/// Digits of base64url. Where they lie words do, so that they are looked at word by word.
#[derive(Clone, Copy)]
#[repr(align(16))]
pub(crate) struct Digits(pub(crate) [u8; 48]);

impl Digits {
    /// All of them are digits, also those that do not count; so many are looked at faster than fewer.
    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base64url is ASCII")
    }
}

/// 32 to 36 bytes as digits of base64url; fewer digits count where there are fewer bytes. All in one go: no table and no branch that would depend on
/// what a secret is.
#[inline(always)]
pub(crate) fn base64url_digits<const N: usize>(bytes: &[u8; N]) -> Digits {
    let mut digits = [0; 48];
    for (nth, eight) in digits.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let rest = &bytes[nth * 6..];
        // Six are read as eight, where there are so many.
        let bits = match rest.first_chunk() {
            Some(eight) => u64::from_be_bytes(*eight),
            None => rest.iter().rev().fold(0, |bits, byte| (bits | u64::from(*byte)).rotate_right(8)),
        };
        // Twice 24 bits, the first of them below; then four times 6 in each, the first below again.
        let bits = bits >> 40 | (bits & 0x00ff_ffff_0000) << 16;
        let lane = |bits: u64, mask: u64| bits & (mask | mask << 32);
        let bits = lane(bits >> 18, 0x3f) | lane(bits >> 4, 0x3f00) | lane(bits << 10, 0x003f_0000) | lane(bits << 24, 0x3f00_0000);
        *eight = bits.to_le_bytes();
    }
    // `A` and on, `a` and on from 26, `0` and on from 52, then `-` and `_`.
    for digit in &mut digits {
        let bits = *digit;
        let from = |least: u8, more: u8| if bits >= least { more } else { 0 };
        let up = b'A'.wrapping_add(from(26, 6)).wrapping_add(from(63, 49));
        let down = from(52, 75).wrapping_add(from(62, 13));
        *digit = bits.wrapping_add(up).wrapping_sub(down);
    }
    Digits(digits)
}

/// Reads base64url without padding. `None`: padding, another alphabet, or bits that say nothing (two texts must not be one value).
pub(crate) fn base64url_decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Reads standard base64, as PEM has it, without its line breaks.
pub(crate) fn base64_decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Whether a text is spelled as it is.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    // Without a way out of the loop, it goes by many at once.
    bytes.iter().fold(true, |plain, &byte| plain & is_unreserved(byte))
}

fn percent_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; bytes.len() * 3 + BLOCK];
    let length = spell(&mut out, bytes, ONCE);
    out.truncate(length);
    out
}

/// The same bytes in a larger buffer. A vector that grows by itself leaves a copy of them behind, and a request holds secrets: this one is wiped.
pub(crate) fn moved(bytes: &mut [u8], capacity: usize) -> Vec<u8> {
    let mut larger = Vec::with_capacity(capacity);
    larger.extend_from_slice(bytes);
    wipe(bytes);
    larger
}

/// An API's JSON without the byte order mark that some put before it, and that a parser may overlook (RFC 8259 §8.1). Answers of the protocols themselves are read
/// to the letter.
///
/// ```
/// assert_eq!(keyfob_proto::encode::without_byte_order_mark(b"\xef\xbb\xbf{}"), b"{}");
/// ```
pub fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// Decodes `%XX` only, leaving `+` alone: the values of an `Authorization: OAuth` header (RFC 5849 §3.5.1). A `%` without two
/// hexadecimal digits behind it stays.
///
/// ```
/// assert_eq!(keyfob_proto::encode::percent_decode(b"r%20b+%2B%"), b"r b++%");
/// ```
pub fn percent_decode(text: &[u8]) -> Vec<u8> {
    decode_with(text, false)
}

pub(crate) fn raw_pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> + '_ {
    text.split(|&byte| byte == b'&').filter(|piece| !piece.is_empty()).map(|piece| match piece.iter().position(|&byte| byte == b'=') {
        Some(at) => (&piece[..at], &piece[at + 1..]),
        None => (piece, &piece[piece.len()..]),
    })
}

pub(crate) fn decode(text: &[u8]) -> Vec<u8> {
    decode_with(text, true)
}

/// Percent-encoded output is ASCII by construction, and so is the URL it may stand behind.
pub(crate) fn ascii(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("percent-encoding writes ASCII only")
}

fn decode_with(text: &[u8], plus_is_space: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'+' if plus_is_space => out.push(b' '),
            b'%' => match (tail.first().and_then(hex), tail.get(1).and_then(hex)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = &tail[2..];
                }
                // A lone `%` is data: that is what every form decoder in use does with it.
                _ => out.push(b'%'),
            },
            other => out.push(other),
        }
    }
    out
}

pub(crate) fn hex(byte: &u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// How each byte is spelled percent-encoded: up to seven bytes of text from the lowest byte on, and in the highest their number. One
/// load says both, so that encoding needs no branch.
pub(crate) type Spelling = [u64; 256];

/// Percent-encoded once (RFC 5849 §3.6).
pub(crate) const ONCE: &Spelling = &spelling(false);

/// Percent-encoded twice, as a base string has names and values (§3.4.1.1): `%` itself becomes `%25`.
pub(crate) const TWICE: &Spelling = &spelling(true);

/// The same for text that is form-encoded: `+` is a space, and zero stands for what has to be looked at, `&`, `=` and `%`.
pub(crate) const TWICE_RAW: &Spelling = &{
    let mut table = *TWICE;
    table[b'+' as usize] = TWICE[b' ' as usize];
    (table[b'&' as usize], table[b'=' as usize], table[b'%' as usize]) = (0, 0, 0);
    table
};

/// What one step writes, though it may count less.
pub(crate) const WORD: usize = 8;

/// What is written or copied at once at most: so much room there has to be behind what counts.
pub(crate) const BLOCK: usize = 32;

/// Spells bytes into a room that is long enough for the longest spelling of each, and a block. Gives how long it became.
#[inline]
pub(crate) fn spell(room: &mut [u8], bytes: &[u8], spelling: &Spelling) -> usize {
    let plain = copy_plain(room, bytes);
    let (fours, rest) = bytes[plain..].as_chunks::<4>();
    let at = fours.iter().fold(plain, |at, four| write_four(room, at, four.map(|byte| spelling[usize::from(byte)])));
    rest.iter().fold(at, |at, &byte| write(room, at, spelling[usize::from(byte)]))
}

/// Writes how a byte is spelled, and gives the place behind.
#[inline]
pub(crate) fn write(room: &mut [u8], at: usize, word: u64) -> usize {
    let (text, length) = spelled(word);
    room[at..at + WORD].copy_from_slice(&text);
    at + length
}

/// The same for four bytes. Where the last of them ends is bounded, so that the place is looked at once for all of them.
#[inline]
pub(crate) fn write_four(room: &mut [u8], at: usize, words: [u64; 4]) -> usize {
    let window: &mut [u8; BLOCK] = room[at..].first_chunk_mut().expect("there is always a block of room");
    let mut length = 0;
    for word in words {
        let (text, more) = spelled(word);
        window[length..length + WORD].copy_from_slice(&text);
        length += more & 7;
    }
    at + length
}

/// Copies bytes that need no encoding, sixteen at once, until there are others among sixteen, and says how many it were.
#[inline]
fn copy_plain(room: &mut [u8], bytes: &[u8]) -> usize {
    let mut at = 0;
    for run in bytes.as_chunks::<16>().0 {
        if !run.iter().fold(true, |plain, &byte| plain & is_unreserved(byte)) {
            break;
        }
        room[at..at + run.len()].copy_from_slice(run);
        at += run.len();
    }
    at
}

/// The same as arithmetic, which can be done for many bytes at once.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26)
        | (byte.wrapping_sub(b'0') < 10)
        | (byte == b'-')
        | (byte == b'.')
        | (byte == b'_')
        | (byte == b'~')
}

/// A spelling as text (of which the first so many bytes count), and how many.
pub(crate) const fn spelled(word: u64) -> ([u8; 8], usize) {
    let text = word.to_le_bytes();
    (text, text[7] as usize)
}

const fn spelling(twice: bool) -> Spelling {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        let (high, low) = (HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]);
        table[at] = u64::from_le_bytes(match (byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'), twice) {
            (true, _) => [byte, 0, 0, 0, 0, 0, 0, 1],
            (false, false) => [b'%', high, low, 0, 0, 0, 0, 3],
            (false, true) => [b'%', b'2', b'5', high, low, 0, 0, 5],
        });
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5849_unreserved_set_stays() {
        let unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
        assert_eq!(percent(unreserved), unreserved);
        assert_eq!(percent("'()*!%é"), "%27%28%29%2A%21%25%C3%A9");
    }

    #[test]
    fn decoding_reads_plus_percent_and_leaves_junk() {
        let pairs = decode_text_pairs(b"a=b+c&d=%2B&e&f=%zz&&=x").expect("UTF-8");
        let expected = [("a", "b c"), ("d", "+"), ("e", ""), ("f", "%zz"), ("", "x")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(decode_text_pairs(b"a=%ff"), Err(NotUtf8));
    }

    #[test]
    fn a_buffer_that_has_to_grow_leaves_nothing_behind() {
        let mut small = b"password=not-real".to_vec();
        let large = moved(&mut small, 64);
        assert_eq!((large.as_slice(), large.capacity() >= 64), (&b"password=not-real"[..], true));
        assert!(small.iter().all(|&byte| byte == 0), "{small:?}");
        // And more than one step of it is the same text.
        let long = "x y".repeat(1000);
        assert_eq!(form_pairs([("a", long.as_str()), ("b", "c")]), format!("a={}&b=c", "x%20y".repeat(1000)));
    }

    #[test]
    fn both_ways_to_tell_what_needs_no_encoding_agree() {
        for byte in 0..=u8::MAX {
            assert_eq!(is_unreserved(byte), spelled(ONCE[usize::from(byte)]).1 == 1, "{byte}");
        }
    }

    proptest::proptest! {
        #[test]
        fn percent_encoding_round_trips(bytes: Vec<u8>) {
            let encoded = percent_bytes(&bytes);
            proptest::prop_assert_eq!(percent_decode(&encoded), bytes.clone());
            proptest::prop_assert_eq!(decode(&encoded), bytes);
        }

        #[test]
        fn base64url_is_what_others_write(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(base64url(&bytes), URL_SAFE_NO_PAD.encode(&bytes));
        }

        #[test]
        fn decoding_never_panics(bytes: Vec<u8>) {
            let _ = decode_text_pairs(&bytes);
        }
    }
}
