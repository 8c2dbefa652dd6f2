//! Taking secrets out of what another program says, while it says it.

use keyfob::proto::Secret;
use keyfob::proto::mask::{Cover, Masker, Spellings};

use crate::output::without_terminal_controls;

/// Takes these out of a stream of bytes.
pub(crate) fn masker<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Masker {
    Masker::new(Spellings::of(secrets), Cover::Word)
}

/// Makes a stream of bytes fit for a terminal: what a server says among it must not command that (CVE-2024-50349). A character that is cut is held
/// back until the rest of it is there.
#[derive(Default)]
pub(crate) struct Cleaner {
    held: Vec<u8>,
}

impl Cleaner {
    /// What can be shown once these bytes have come.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let whole = match std::str::from_utf8(&self.held) {
            Ok(_) => self.held.len(),
            // Nothing is wrong yet, but the end is missing.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => self.held.len(),
        };
        let taken: Vec<u8> = self.held.drain(..whole).collect();
        without_terminal_controls(&String::from_utf8_lossy(&taken)).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k2_a_terminal_gets_nothing_to_obey_however_it_is_cut() {
        let said = "a\u{1b}]0;x\u{7}b\u{9b}2J\u{202e}é\n\tz\r".as_bytes();
        for size in 1..said.len() {
            let mut cleaner = Cleaner::default();
            let shown: Vec<u8> = said.chunks(size).flat_map(|piece| cleaner.push(piece)).collect();
            assert_eq!(String::from_utf8_lossy(&shown), "a]0;xb2Jé\n\tz", "{size}");
        }
        assert_eq!(Cleaner::default().push(b"a\xff\x1bb"), "a\u{fffd}b".as_bytes());
    }
}
