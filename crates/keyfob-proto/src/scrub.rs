//! Text that comes from a server, made fit to show: Fitbit echoes whole tokens in its error messages, Telldus the signature
//! base string, and a hostile server may send terminal escapes (CVE-2024-50349) or markup.

use std::sync::{Arc, OnceLock};

use crate::mask::{Cover, SHORTEST, Spellings};
use crate::secret::Secret;

/// The longest server text that is shown.
pub const LONGEST: usize = 512;

/// Knows the secrets of one account or login, and takes them out of text.
#[derive(Clone, Default)]
pub struct Scrubber {
    /// What another one knows, too: an app's secrets are the same in every request.
    shared: Option<Arc<Self>>,
    /// The first two of its own: a request rarely has more, and most are answered well, so that nobody ever looks here.
    first: [Option<Secret>; 2],
    secrets: Vec<Secret>,
    spellings: OnceLock<Spellings>,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrubber({} secrets)", self.known().count())
    }
}

impl Scrubber {
    /// Knows nothing yet: takes out control characters only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows what another one does.
    pub(crate) fn over(shared: &Arc<Self>) -> Self {
        Self { shared: Some(Arc::clone(shared)), ..Self::default() }
    }

    /// Learns a secret. Very short ones are left out: taking every `a` out of a message helps nobody.
    #[must_use]
    pub fn knowing(self, secret: &Secret) -> Self {
        self.keeping([secret.clone()])
    }

    /// Learns secrets that nobody else needs any more.
    #[must_use]
    pub(crate) fn keeping(mut self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        self.spellings.take();
        for secret in secrets.into_iter().filter(|secret| secret.expose().len() >= SHORTEST) {
            match self.first.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = Some(secret),
                None => self.secrets.push(secret),
            }
        }
        self
    }

    /// The text without known secrets, control characters and bidirectional overrides, at most [`LONGEST`] characters.
    pub fn clean(&self, text: &str) -> String {
        // Once more after the control characters went: they may have been inside a secret.
        cut(self.mask(&visible(&self.mask(text))))
    }

    /// The text without known secrets; everything else stays, at any length.
    pub fn mask(&self, text: &str) -> String {
        self.spellings().write_over(text, Cover::Word)
    }

    fn known(&self) -> impl Iterator<Item = &Secret> {
        self.shared.iter().flat_map(|shared| shared.own()).chain(self.own())
    }

    fn own(&self) -> impl Iterator<Item = &Secret> {
        self.first.iter().flatten().chain(&self.secrets)
    }

    /// The secrets in every spelling. Made when there is something to clean, and then kept: nearly every answer is a good one, of which nothing is shown.
    fn spellings(&self) -> &Spellings {
        self.spellings.get_or_init(|| Spellings::of(self.known()))
    }
}

/// The text without control characters (C0, C1, DEL, so no terminal escape), line breaks and bidirectional controls,
/// at most [`LONGEST`] characters.
///
/// ```
/// assert_eq!(keyfob_proto::scrub::printable("no\u{1b}[31m\u{202e} way\n"), "no[31m way ");
/// ```
pub fn printable(text: &str) -> String {
    cut(visible(text))
}

fn visible(text: &str) -> String {
    let spaced = text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c });
    spaced.filter(|&c| !c.is_control() && !is_direction(c)).collect()
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some(_) => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

/// Characters that reorder what a person sees (Unicode bidirectional controls), and the line separators.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_secrets_go_in_every_spelling() {
        let scrubber = Scrubber::new().knowing(&Secret::new("abc|def/123"));
        let shown = scrubber.clean("token abc|def/123, abc%7Cdef%2F123, abc%7cdef%2f123 and abc%257Cdef%252F123 expired");
        assert_eq!(shown, "token <secret>, <secret>, <secret> and <secret> expired");
    }

    #[test]
    fn a_secret_with_control_characters_put_inside_goes() {
        let scrubber = Scrubber::new().knowing(&Secret::new("refresh-token-1"));
        assert_eq!(scrubber.clean("bad refresh-\u{0}token\u{202e}-1"), "bad <secret>");
    }

    #[test]
    fn terminal_escapes_and_bidi_go() {
        assert_eq!(printable("a\u{1b}[31mred\u{9b}2J\u{202e}x\u{7f}\nb"), "a[31mred2Jx b");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(printable(&"x".repeat(5000)).chars().count(), LONGEST);
    }
}
