//! Looking for bytes, eight at once: the same arithmetic is done for each of a number's bytes, and the highest bit of each says what came out.

const EIGHT: usize = 8;

/// Where the first of these bytes is, or the text's end.
#[inline]
pub(crate) fn find<const N: usize>(text: &[u8], wanted: [u8; N]) -> usize {
    let among = |eight: [u8; EIGHT]| {
        let eight = u64::from_le_bytes(eight);
        let found = wanted.iter().fold(0, |found, byte| found | zeroes(eight ^ all(*byte)));
        (found != 0).then(|| (found.trailing_zeros() / u8::BITS) as usize)
    };
    let (eights, rest) = text.as_chunks::<EIGHT>();
    for (at, eight) in eights.iter().enumerate() {
        if let Some(found) = among(*eight) {
            return at * EIGHT + found;
        }
    }
    // What is left is looked at together with what is before it, where there is something.
    match text.last_chunk() {
        Some(last) => text.len() - EIGHT + among(*last).unwrap_or(EIGHT),
        None => rest.iter().position(|byte| wanted.contains(byte)).unwrap_or(rest.len()),
    }
}

/// Sets the highest bit of the first byte that is zero, and of none before it.
#[inline]
fn zeroes(bytes: u64) -> u64 {
    bytes.wrapping_sub(all(1)) & !bytes & all(0x80)
}

const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; EIGHT])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_found_is_the_first(text in prop::collection::vec(prop::sample::select(&b"/?#.0\x80\xaf\x00\x01"[..]), 0..40)) {
            let first = |wanted: &[u8]| text.iter().position(|byte| wanted.contains(byte)).unwrap_or(text.len());
            prop_assert_eq!(find(&text, *b"/?#"), first(b"/?#"));
            prop_assert_eq!(find(&text, [0]), first(&[0]));
        }
    }
}
