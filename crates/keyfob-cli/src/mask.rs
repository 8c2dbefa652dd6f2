//! Taking secrets out of what another program says, while it says it.

use keyfob::proto::{Secret, encode};

use crate::output::without_terminal_controls;

/// What stands in a secret's place.
const MASK: &[u8] = b"<secret>";

/// Shorter ones are left out: taking every `a` out of what a program says helps nobody.
const SHORTEST: usize = 6;

/// Takes known secrets out of a stream of bytes. What may be the beginning of one is held back until it is told; nothing else waits, so that questions
/// appear before they are answered.
pub(crate) struct Masker {
    /// The longest first: a secret that contains another must not leave its tail behind.
    spellings: Vec<Secret>,
    begins: [bool; 256],
    held: Vec<u8>,
}

impl Masker {
    /// Knows these secrets: in clear, percent-encoded, and in base64, in which a program that authenticates shows them; alone, and behind something else
    /// (`curl -v -u me:TOKEN` shows the base64 of both). With `\/` for `/`, too, as PHP writes JSON.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut spellings: Vec<Secret> = Vec::new();
        for secret in secrets.into_iter().filter(|secret| secret.expose().len() >= SHORTEST) {
            let text = secret.expose();
            let encoded = encode::percent(text);
            let lower = with_small_digits(&encoded);
            let mut forms = vec![text.to_owned(), encoded, lower];
            for spell in [encode::base64, encode::base64url] {
                forms.push(spell(text.as_bytes()));
                forms.extend((0..3).map(|before| inside(spell, text.as_bytes(), before)));
            }
            let escaped: Vec<String> = forms.iter().filter(|form| form.contains('/')).map(|form| form.replace('/', "\\/")).collect();
            for form in forms.into_iter().chain(escaped) {
                if spellings.iter().all(|known| known.expose() != form) {
                    spellings.push(Secret::new(form));
                }
            }
        }
        spellings.sort_by_key(|spelling| std::cmp::Reverse(spelling.expose().len()));
        let mut begins = [false; 256];
        for spelling in &spellings {
            begins[usize::from(spelling.expose().as_bytes()[0])] = true;
        }
        Self { spellings, begins, held: Vec::new() }
    }

    /// What can be shown once these bytes have come.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.shown(false)
    }

    /// What was held back and turned out to be no secret.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        self.shown(true)
    }

    fn shown(&mut self, all: bool) -> Vec<u8> {
        let mut shown = Vec::with_capacity(self.held.len());
        let mut at = 0;
        while at < self.held.len() {
            let rest = &self.held[at..];
            if !self.begins[usize::from(rest[0])] {
                shown.push(rest[0]);
                at += 1;
                continue;
            }
            let spellings = || self.spellings.iter().map(|spelling| spelling.expose().as_bytes());
            if !all && spellings().any(|spelling| spelling.len() > rest.len() && spelling.starts_with(rest)) {
                break;
            }
            match spellings().find(|spelling| rest.starts_with(spelling)) {
                Some(found) => {
                    shown.extend_from_slice(MASK);
                    at += found.len();
                }
                None => {
                    shown.push(rest[0]);
                    at += 1;
                }
            }
        }
        self.held.drain(..at);
        shown
    }
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

/// The digits of base64 that a secret alone determines where so many bytes (of each three) stand before it, and anything after it. Those at the edges,
/// which hold bits of the neighbours, are left out.
fn inside(spell: fn(&[u8]) -> String, secret: &[u8], before: usize) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret);
    spell(&bytes)[(before * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned()
}

/// `%7C` as `%7c`, which some programs write.
fn with_small_digits(encoded: &str) -> String {
    let mut pieces = encoded.split('%');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        let (digits, rest) = piece.split_at(piece.len().min(2));
        format!("{text}%{}{rest}", digits.to_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secrets: &[&str], pieces: &[&str]) -> String {
        let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        let mut masker = Masker::new(&secrets);
        let mut shown: Vec<u8> = pieces.iter().flat_map(|piece| masker.push(piece.as_bytes())).collect();
        shown.extend(masker.end());
        String::from_utf8(shown).expect("text")
    }

    #[test]
    fn a_secret_goes_however_it_is_cut_and_spelled() {
        let secret = "abc|def/ghi";
        for at in 0..=secret.len() {
            assert_eq!(masked(&[secret], &["x ", &secret[..at], &secret[at..], " y"]), "x <secret> y", "{at}");
        }
        let bytes: Vec<String> = format!("<{secret}{secret}>").chars().map(String::from).collect();
        assert_eq!(masked(&[secret], &bytes.iter().map(String::as_str).collect::<Vec<_>>()), "<<secret><secret>>");
        assert_eq!(masked(&[secret], &["abc%7Cdef%2Fghi abc%7cdef%2fghi YWJjfGRlZi9naGk="]), "<secret> <secret> <secret>");
    }

    #[test]
    fn a_secret_goes_out_of_base64_wherever_it_stands_in_it_and_out_of_phps_json() {
        for secret in ["abc|def/ghi", "secret-one", "0123456789ab", "???>>>???>>>~"] {
            for (before, after) in [("", ""), ("u", ""), ("me", ":"), ("me:", ""), ("user:", "\n"), ("a", "bc")] {
                for spell in [encode::base64, encode::base64url] {
                    let shown = masked(&[secret], &[&spell(format!("{before}{secret}{after}").as_bytes())]);
                    assert!(shown.contains("<secret>"), "{before}: {shown}");
                    // What is left of it are the digits that it shares with its neighbours: one on each side.
                    let left = shown.replace("<secret>", "").replace('=', "").len();
                    assert!(left * 6 <= (before.len() + after.len()) * 8 + 12, "{before}: {shown}");
                }
            }
        }
        assert_eq!(masked(&["abc|def/ghi"], &[r#"{"token":"abc|def\/ghi"}"#]), r#"{"token":"<secret>"}"#);
    }

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

    #[test]
    fn what_is_none_comes_at_once_and_whole() {
        let mut masker = Masker::new(&[Secret::new("secret-one")]);
        assert_eq!(masker.push(b"Password for sec"), b"Password for ");
        assert_eq!(masker.push(b"tor 7? "), b"sector 7? ", "a question is seen before it is answered");
        assert_eq!(masked(&["aaaaaab"], &["aaaaaaa", "aaab"]), "aaaa<secret>");
        assert_eq!(masked(&["secret", "secret-and-more"], &["secret-and", "-more secret-and-less"]), "<secret> <secret>-and-less");
        assert_eq!(masked(&["short"], &["short"]), "short");
    }
}
