//! Text that comes from a server, made fit to show: Fitbit echoes whole tokens in its error messages, Telldus the signature
//! base string, and a hostile server may send terminal escapes (CVE-2024-50349) or markup.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use crate::encode;
use crate::mask::{Cover, Masker, SHORTEST, Spellings};
use crate::secret::Secret;

/// The longest server text that is shown.
pub const LONGEST: usize = 512;

/// So many bytes of a text are looked at for what is shown of it: far more than that, for much may go, and little, for whoever sends megabytes.
const LOOKED_AT: usize = 16 * 1024;

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

    /// The text without known secrets, signed text, control characters and bidirectional overrides, at most [`LONGEST`] characters.
    pub fn clean(&self, text: &str) -> String {
        let head = head(text);
        let goes_on = head.len() < text.len();
        // Once more after the control characters went: they may have been inside a secret.
        let shown = without_signed(&self.mask_head(&visible(&self.mask_head(head, goes_on)), goes_on));
        cut(if goes_on { shown + "…" } else { shown })
    }

    /// The same of a text that may go on behind this: what may be the beginning of a secret at its end is one.
    fn mask_head(&self, text: &str, goes_on: bool) -> String {
        if !goes_on {
            return self.mask(text);
        }
        let shown = self.masker().push(text.as_bytes());
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// The text without known secrets; everything else stays, at any length.
    pub fn mask(&self, text: &str) -> String {
        self.spellings().write_over(text, Cover::Word)
    }

    /// The same for a text that comes in pieces.
    pub fn masker(&self) -> Masker {
        Masker::new(self.spellings().clone(), Cover::Word)
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

/// Without signed text (RFC 7515 §7.1), whoever made it. An assertion, a signed client secret and a proof are made when a request is sent, and again when it is sent
/// once more: whoever judges the answer has not seen them, and whoever reads them in a message can be us for a minute.
fn without_signed(text: &str) -> String {
    // In a query it may be encoded where that is not necessary, once or twice. Where there is none it stays as it was said.
    let plain = SPELLED_OUT.iter().fold(text.to_owned(), |text, (spelled, plain)| {
        let once = text.replace(&format!("%25{spelled}"), plain).replace(&format!("%{spelled}"), plain);
        let small = spelled.to_ascii_lowercase();
        once.replace(&format!("%25{small}"), plain).replace(&format!("%{small}"), plain)
    });
    let hidden = without_plain_signed(&plain);
    if hidden == plain { text.to_owned() } else { hidden }
}

/// What signed text has besides letters and digits, and how it is percent-encoded.
const SPELLED_OUT: [(&str, &str); 3] = [("2E", "."), ("2D", "-"), ("5F", "_")];

fn without_plain_signed(text: &str) -> String {
    let is_of_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut shown = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c| !is_of_one(c)) {
        let word = piece.trim_end_matches(|c| !is_of_one(c));
        let parts: Vec<&str> = word.split('.').collect();
        let mut at = 0;
        while at < parts.len() {
            if at > 0 {
                shown.push('.');
            }
            let header = if at + 2 < parts.len() { header_in(parts[at]) } else { None };
            match header {
                Some(start) => shown.extend([&parts[at][..start], "<secret>"]),
                None => shown.push_str(parts[at]),
            }
            at += if header.is_some() { 3 } else { 1 };
        }
        shown.push_str(&piece[word.len()..]);
    }
    shown
}

/// Where the header of signed text begins in this: at the front, or behind what somebody wrote against it. (`eyJ` is how `{"` is written.)
fn header_in(part: &str) -> Option<usize> {
    let is_header = |start: &usize| {
        let bytes = encode::base64url_decode(&part[*start..])?;
        serde_json::from_slice::<Map<String, Value>>(&bytes).ok()?.contains_key("alg").then_some(())
    };
    [Some(0), part.find("eyJ")].into_iter().flatten().find(|start| is_header(start).is_some())
}

fn visible(text: &str) -> String {
    // Most has nothing that could be invisible.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let spaced = text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c });
    spaced.filter(|&c| !c.is_control() && !is_direction(c)).collect()
}

/// The beginning of a text, as far as it is looked at.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(LOOKED_AT)]
}

fn cut(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
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
    fn c15_signed_text_goes_and_nothing_around_it() {
        // `printf '{"alg":"ES256"}' | base64`, and the same with a space in front of the name.
        let (header, spaced) = ("eyJhbGciOiJFUzI1NiJ9", "eyAiYWxnIjoiRVMyNTYifQ");
        let scrubber = Scrubber::new();
        for (said, shown) in [
            (format!("{header}.e30.c2ln"), "<secret>"),
            (format!("bad client_secret={spaced}.e30.c2ln&a=1, sent"), "bad client_secret=<secret>&a=1, sent"),
            (format!("\"{header}.e30.c2ln\". And {header}.e30.c2ln."), "\"<secret>\". And <secret>."),
            (format!("secret-{header}.e30.c2ln"), "secret-<secret>"),
            (format!("see.there.{header}.e30.c2ln.{header}.e30.c2ln.end"), "see.there.<secret>.<secret>.end"),
            (format!("{header}.e30.c2\u{0}ln"), "<secret>"),
            (format!("a=1&client_assertion={header}%2Ee30%2Ec2ln&b=%2E"), "a=1&client_assertion=<secret>&b=."),
            (format!("client_assertion%3D{header}%2ee30%2ec2%2dln%26b"), "client_assertion%3D<secret>%26b"),
            (format!("client_assertion%253D{header}%252Ee30%252ec2%5Fln%2526b"), "client_assertion%253D<secret>%2526b"),
            ("a%2Eb%2Ec 100%2E".to_owned(), "a%2Eb%2Ec 100%2E"),
            ("https://login.example/a.b.c e.g. 1.2.3 e30.e30.c2ln".to_owned(), "https://login.example/a.b.c e.g. 1.2.3 e30.e30.c2ln"),
            ("one..two...three å.ß.é".to_owned(), "one..two...three å.ß.é"),
        ] {
            assert_eq!(scrubber.clean(&said), shown, "{said}");
        }
        // What has no signature is nobody's proof.
        assert_eq!(scrubber.clean(&format!("{header}.e30")), format!("{header}.e30"));
    }

    /// What is hidden makes room for what is behind it: so the end of what is looked at is seen, and may be anywhere in a secret.
    #[test]
    fn a_secret_at_the_end_of_what_is_looked_at_is_not_shown_by_halves() {
        let secret = "QQ-ZZ-99-TTVV";
        let scrubber = Scrubber::new().knowing(&Secret::new(secret));
        let basic = encode::base64(secret.as_bytes());
        for before in LOOKED_AT - secret.len() - 3..=LOOKED_AT {
            for said in [secret, "QQ-ZZ\u{1}-99-TTVV", &basic] {
                let shown = scrubber.clean(&format!("{}{said} and more, {}", "\u{1}".repeat(before), "x".repeat(LOOKED_AT)));
                assert!(shown.ends_with('…') && !shown.contains(&said[..2]), "{before} {said}: {shown}");
            }
        }
        let shown = scrubber.clean(&format!("{}é", "\u{1}".repeat(LOOKED_AT - 1)));
        assert_eq!(shown, "…", "no letter is cut in half");
        let all = format!("{}ok", "\u{1}".repeat(LOOKED_AT - 2));
        assert_eq!(scrubber.clean(&all), "ok", "it is all there");
    }

    /// A hostile server's: for each of the headers, all that is behind it was moved.
    #[test]
    fn what_looks_like_signed_text_a_million_times_takes_no_longer_than_reading_it() {
        let header = "eyJhbGciOjF9.";
        let shown = Scrubber::new().clean(&header.repeat((4 << 20) / header.len()));
        assert!(shown.starts_with("<secret>.<secret>.") && shown.ends_with('…'), "{shown}");
        let all = without_signed(&header.repeat(3 * 10_000));
        assert_eq!(all, "<secret>.".repeat(10_000));
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
