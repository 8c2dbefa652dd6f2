//! Characters as HTML and XML may have them in text: `&#43;`, `&#x2B;`, `&plus;` (HTML §13.1.4). Whatever makes a page of an error message writes some of them
//! so, and each has an idea of its own which and how: Go writes `&#43;`, .NET `&#x2B;`, Mustache `&#x3D;`, PHP `&#039;`. So they are read here, and not spelt out.

use std::collections::BTreeSet;

use crate::mask::Found;

/// What stands between `&` and `;` is no longer than this.
const LONGEST: usize = 8;

const NAMED: [(&str, u8); 9] = [
    ("amp", b'&'),
    ("lt", b'<'),
    ("gt", b'>'),
    ("quot", b'"'),
    ("apos", b'\''),
    ("grave", b'`'),
    ("plus", b'+'),
    ("sol", b'/'),
    ("equals", b'='),
];

/// Whether a text has a character in it that somebody writes so.
pub(crate) fn may_be_in(text: &[u8]) -> bool {
    text.iter().any(|byte| is_escaped(*byte))
}

/// A secret at the beginning of a text, where any of its characters may be written so. Where nothing more comes, `all` is there.
pub(crate) fn find(secret: &[u8], text: &[u8], all: bool) -> Option<Found> {
    let mut at = 0;
    for wanted in secret {
        let rest = &text[at..];
        at += match read(rest, all) {
            Read::Open => return Some(Found::Open),
            Read::Reference(byte, length) if byte == *wanted => length,
            _ if rest.first() == Some(wanted) => 1,
            _ => return None,
        };
    }
    Some(Found::Whole(at, false))
}

/// All that may stand in four bytes of this, where any of its characters may be written so.
pub(crate) fn fours(beginning: &[u8], mut put: impl FnMut([u8; 4])) {
    // The last three bytes, in all ways.
    let mut tails = BTreeSet::from([Vec::new()]);
    for byte in beginning {
        let ways = ways(*byte);
        let longer: Vec<Vec<u8>> = tails.iter().flat_map(|tail| ways.iter().map(|way| [tail.as_slice(), way].concat())).collect();
        longer.iter().flat_map(|text| text.windows(4)).filter_map(<[u8]>::first_chunk).for_each(|four| put(*four));
        tails = longer.iter().map(|text| text[text.len().saturating_sub(3)..].to_vec()).collect();
    }
}

/// What templates write so: no letter, no digit, and none of the few that mean nothing in any place of a page.
fn is_escaped(byte: u8) -> bool {
    byte.is_ascii_punctuation() && !matches!(byte, b',' | b'.' | b'-' | b'_')
}

/// How a character is written, by those who do.
fn ways(byte: u8) -> BTreeSet<Vec<u8>> {
    let mut ways = BTreeSet::from([vec![byte]]);
    if is_escaped(byte) {
        let named = NAMED.iter().filter(|(_, meant)| *meant == byte).map(|(name, _)| format!("&{name};"));
        // PHP and JSP have three digits, and of these two alone.
        let width = if matches!(byte, b'"' | b'\'') { 3 } else { 0 };
        let numbers = [format!("&#{byte};"), format!("&#{byte:0width$};"), format!("&#x{byte:X};"), format!("&#x{byte:x};")];
        ways.extend(named.chain(numbers).map(String::into_bytes));
    }
    ways
}

enum Read {
    /// A character, and the length of what stands for it.
    Reference(u8, usize),
    /// More has to come before anybody can tell.
    Open,
    /// Whatever is there means itself.
    Literal,
}

fn read(text: &[u8], all: bool) -> Read {
    let Some(inner) = text.strip_prefix(b"&") else { return if text.is_empty() && !all { Read::Open } else { Read::Literal } };
    let length = inner.iter().take(LONGEST).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'#').count();
    match inner.get(length) {
        None if !all => Read::Open,
        Some(b';') => meaning(&inner[..length]).map_or(Read::Literal, |byte| Read::Reference(byte, length + 2)),
        _ => Read::Literal,
    }
}

fn meaning(name: &[u8]) -> Option<u8> {
    let (digits, radix) = match name {
        [b'#', b'x' | b'X', digits @ ..] => (digits, 16),
        [b'#', digits @ ..] => (digits, 10),
        _ => return NAMED.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, byte)| *byte),
    };
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok().filter(u8::is_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_has_many_references() {
        for plus in ["&#43;", "&#043;", "&#0000043;", "&#x2B;", "&#x2b;", "&#X2B;", "&#x00002b;", "&plus;"] {
            assert!(matches!(read(plus.as_bytes(), true), Read::Reference(b'+', length) if length == plus.len()), "{plus}");
            // Until it is whole nobody can tell; at the end it is what it is.
            for end in 1..plus.len() {
                assert!(matches!(read(&plus.as_bytes()[..end], false), Read::Open), "{plus} {end}");
                assert!(matches!(read(&plus.as_bytes()[..end], true), Read::Literal), "{plus} {end}");
            }
        }
        for none in ["&", "& ", "&;", "&#;", "&#x;", "&#+43;", "&#43 ;", "&#300;", "&#200;", "&Plus;", "&a=b;", "&#000000043;", "+", "#43;"]
        {
            assert!(matches!(read(none.as_bytes(), true), Read::Literal), "{none}");
        }
        assert!(matches!(read(b"& ", false), Read::Literal) && matches!(read(b"&longer-than-any", false), Read::Literal));
    }

    #[test]
    fn what_may_stand_in_four_bytes_has_every_mixture() {
        let mut all = BTreeSet::new();
        fours(b"a=+b", |four| all.extend([four]));
        for text in ["a=+b", "a&#61;+b", "a=&plus;b", "a&equals;&#x2B;b", "a&#x3d;&#43;b", "a&#61;&#x2b;b"] {
            for four in text.as_bytes().windows(4) {
                assert!(all.iter().any(|known| known == four), "{text}: {}", String::from_utf8_lossy(four));
            }
        }
        assert!(!may_be_in(b"eyJhbGciOi.a-b_c,") && may_be_in(b"ab/c"));
    }
}
