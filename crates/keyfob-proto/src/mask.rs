//! Finding secrets in what others say, in every way that they may spell them, and writing over them, also while it is still being said.
//!
//! Providers echo tokens in error messages (Fitbit) and base strings (Telldus), programs show the `Basic …` that they sent, and JSON may be written in several
//! ways. One list of spellings and one way to look for them, for answers, error messages and programs alike: a spelling that one of them knew and the
//! others did not would be the way out.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::secret::Secret;
use crate::{encode, reference};

/// Shorter ones are left out: taking every `a` out of what somebody says helps nobody.
pub const SHORTEST: usize = 6;

/// What stands in a secret's place, where that need not be as long.
const WORD: &[u8] = b"<secret>";

/// So many digits of base64 are looked for. What follows them is of the same text, and goes as well, however long it is: so a long token needs no more room
/// in memory for each of the ways that it may lie in three bytes.
const HEAD: usize = 64;

/// The secrets of somebody, in every spelling: in clear; percent-encoded once, as in a query, and twice, as in a base string (RFC 5849 §3.4.1), with large and small
/// digits, and also where that was not necessary (`%2E`); in base64 of both alphabets, alone and behind something else (`Basic` has the name before the secret); in JSON as some write it; and on
/// pages, with references in place of characters (`&#43;`). Cheap to clone.
#[derive(Clone, Default)]
pub struct Spellings(Arc<Known>);

#[derive(Default)]
struct Known {
    /// The longest first: of two that begin alike the longer one counts. Whoever knows more shares those that were known.
    spellings: Vec<Arc<Spelling>>,
    beginnings: Beginnings,
}

struct Spelling {
    text: Secret,
    /// The beginning of base64, which goes on.
    goes_on: bool,
    /// The secret itself, in which some would write references.
    has_references: bool,
}

/// What is written over a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// `<secret>`.
    Word,
    /// As many asterisks, so that an announced length stays true.
    Stars,
}

/// Writes over secrets in bytes as they come. What may be the beginning of one is held back until it is told; nothing else waits, so that questions appear before they
/// are answered.
///
/// ```
/// use keyfob_proto::Secret;
/// use keyfob_proto::mask::{Cover, Masker, Spellings};
///
/// let mut masker = Masker::new(Spellings::of([&Secret::new("abc|def/123")]), Cover::Word);
/// assert_eq!(masker.push(b"token=abc%7cd"), b"token=");
/// assert_eq!(masker.push(b"ef%2f123&x"), b"<secret>&x");
/// assert_eq!(masker.end(), b"");
/// ```
pub struct Masker {
    spellings: Spellings,
    cover: Cover,
    /// What may be the beginning of a secret.
    held: Vec<u8>,
    /// So many of the next bytes are of one that was found.
    covered: usize,
    /// It is base64, and goes as far as that goes.
    goes_on: bool,
}

pub(crate) enum Found {
    Whole(usize, bool),
    /// More has to come before anybody can tell.
    Open,
}

impl Spellings {
    /// Of these.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        Self::default().and(secrets)
    }

    /// Of these, too.
    #[must_use]
    pub fn and<'a>(&self, secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let more: Vec<&Secret> = secrets.into_iter().filter(|secret| !self.know(secret)).collect();
        if more.is_empty() {
            return self.clone();
        }
        let mut spellings: Vec<Arc<Spelling>> =
            self.0.spellings.iter().cloned().chain(more.into_iter().flat_map(all).map(Arc::new)).collect();
        spellings.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.bytes().cmp(b.bytes())).then(b.goes_on.cmp(&a.goes_on)));
        spellings.dedup_by(|later, kept| later.bytes() == kept.bytes());
        let beginnings = Beginnings::of(&spellings);
        Self(Arc::new(Known { spellings, beginnings }))
    }

    /// Whether there is nothing more to learn of this one.
    pub fn know(&self, secret: &Secret) -> bool {
        let text = secret.expose();
        text.len() < SHORTEST || self.0.spellings.iter().any(|known| !known.goes_on && known.text.same_as(text))
    }

    /// Whether a text, a header's value say, has one of them in it.
    pub fn is_in(&self, text: &[u8]) -> bool {
        let mut at = 0;
        loop {
            at = self.0.next(text, at);
            if at == text.len() {
                return false;
            }
            if let Some(Found::Whole(..)) = self.0.at(&text[at..], true) {
                return true;
            }
            at += 1;
        }
    }

    /// The whole of a text without them.
    pub fn write_over(&self, text: &str, cover: Cover) -> String {
        if !self.is_in(text.as_bytes()) {
            return text.to_owned();
        }
        let mut masker = Masker::new(self.clone(), cover);
        let mut shown = masker.push(text.as_bytes());
        shown.append(&mut masker.end());
        String::from_utf8_lossy(&shown).into_owned()
    }
}

impl Masker {
    /// Writes over these.
    pub fn new(spellings: Spellings, cover: Cover) -> Self {
        Self { spellings, cover, held: Vec::new(), covered: 0, goes_on: false }
    }

    /// What can go on once these bytes have come.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.shown(false)
    }

    /// What was held back and turned out to be no secret.
    pub fn end(&mut self) -> Vec<u8> {
        self.shown(true)
    }

    /// How many bytes are held back.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Whether these bytes can go on as they are, and nothing of what came before has to go first: then they need not be [pushed](Self::push).
    pub fn lets_pass(&self, piece: &[u8]) -> bool {
        if !self.held.is_empty() || self.covered > 0 || self.goes_on {
            return false;
        }
        let known = &self.spellings.0;
        let mut at = known.next(piece, 0);
        while at < piece.len() {
            if known.at(&piece[at..], false).is_some() {
                return false;
            }
            at = known.next(piece, at + 1);
        }
        true
    }

    fn shown(&mut self, all: bool) -> Vec<u8> {
        let Self { spellings: Spellings(known), cover, held, covered, goes_on } = self;
        let mut shown = Vec::with_capacity(held.len());
        let mut at = 0;
        while at < held.len() {
            if *covered == 0 && !*goes_on {
                let next = known.next(held, at);
                shown.extend_from_slice(&held[at..next]);
                at = next;
                if at == held.len() {
                    break;
                }
            }
            // Also inside of one that was found: another may begin there, and end later.
            let was_inside = *covered > 0 || (*goes_on && is_digit(held[at]));
            match known.at(&held[at..], all) {
                Some(Found::Open) => break,
                Some(Found::Whole(length, more)) => {
                    if !was_inside && *cover == Cover::Word {
                        shown.extend_from_slice(WORD);
                    }
                    *covered = (*covered).max(length);
                    *goes_on |= more;
                }
                None => *goes_on &= was_inside,
            }
            let is_inside = *covered > 0 || (*goes_on && is_digit(held[at]));
            match cover {
                _ if !is_inside => shown.push(held[at]),
                Cover::Stars => shown.push(b'*'),
                Cover::Word => {}
            }
            *covered = covered.saturating_sub(1);
            at += 1;
        }
        held.drain(..at);
        shown
    }
}

impl Known {
    /// The next place from there where one may begin; the end, if there is none.
    fn next(&self, text: &[u8], from: usize) -> usize {
        if self.spellings.is_empty() {
            return text.len();
        }
        let (begin, reach) = (&self.beginnings, self.beginnings.reach);
        let mut at = from.min(text.len());
        while let Some(whole) = text.get(at..at + reach) {
            if !whole.last_chunk().is_some_and(|last| begin.may_have(*last)) {
                // One that began at any of these would have those four bytes here.
                at += reach - 3;
            } else if begin.may_be(whole) {
                return at;
            } else {
                at += 1;
            }
        }
        // So near to the end that only a beginning is here.
        (at..text.len()).find(|at| begin.may_be(&text[*at..])).unwrap_or(text.len())
    }

    /// What begins here. Where nothing more comes, `all` is there.
    fn at(&self, rest: &[u8], all: bool) -> Option<Found> {
        if !self.beginnings.may_be(rest) {
            return None;
        }
        self.spellings.iter().find_map(|spelling| {
            let text = spelling.bytes();
            let as_it_is = if text.len() <= rest.len() {
                rest.starts_with(text).then_some(Found::Whole(text.len(), spelling.goes_on))
            } else {
                (!all && text.starts_with(rest)).then_some(Found::Open)
            };
            as_it_is.or_else(|| if spelling.has_references { reference::find(text, rest, all) } else { None })
        })
    }
}

impl Spelling {
    fn bytes(&self) -> &[u8] {
        self.text.expose().as_bytes()
    }

    fn len(&self) -> usize {
        self.text.expose().len()
    }
}

/// What spellings begin with: nearly everything that is looked at is none, and of most bytes that need not even be looked at (Wu and Manber, 1994).
///
/// The four bytes at each place of a beginning are in a set, by a hash, which has some more than were put in: a few in a hundred. Two kilobytes, for each account that is in
/// use has one.
struct Beginnings {
    fours: Box<[u64; Self::WORDS]>,
    /// With which bytes one begins.
    firsts: [u64; 4],
    /// How long a beginning is: no spelling is shorter.
    reach: usize,
}

const _: () = assert!(SHORTEST >= Beginnings::LEAST, "no spelling is shorter");

impl Beginnings {
    const WORDS: usize = 256;

    /// More of each would fill the set.
    const REACH: usize = 16;
    const LEAST: usize = 4;

    fn of(spellings: &[Arc<Spelling>]) -> Self {
        let reach = spellings.iter().map(|spelling| spelling.len()).min().unwrap_or(0).clamp(Self::LEAST, Self::REACH);
        let mut all = Self { fours: Box::new([0; Self::WORDS]), firsts: [0; 4], reach };
        for spelling in spellings {
            let beginning = &spelling.bytes()[..reach.min(spelling.len())];
            beginning.windows(4).filter_map(<[u8]>::first_chunk).for_each(|four| all.put(*four));
            let first = beginning.first_chunk::<1>().copied().unwrap_or_default();
            all.begin_with(first[0]);
            if spelling.has_references {
                reference::fours(beginning, |four| all.put(four));
                if reference::may_be_in(&first) {
                    all.begin_with(b'&');
                }
            }
        }
        all
    }

    fn put(&mut self, four: [u8; 4]) {
        let (word, bit) = Self::place(four);
        self.fours[word] |= bit;
    }

    fn begin_with(&mut self, first: u8) {
        self.firsts[usize::from(first >> 6)] |= 1 << (first & 63);
    }

    /// Whether these may stand somewhere in a beginning.
    fn may_have(&self, four: [u8; 4]) -> bool {
        let (word, bit) = Self::place(four);
        self.fours[word] & bit != 0
    }

    /// Whether one may begin with what this text begins with.
    fn may_be(&self, text: &[u8]) -> bool {
        text.first().is_none_or(|first| self.firsts[usize::from(first >> 6)] >> (first & 63) & 1 != 0)
            && text.first_chunk().is_none_or(|four| self.may_have(*four))
    }

    fn place(four: [u8; 4]) -> (usize, u64) {
        // Fibonacci hashing: the upper bits of the product depend on all of the four bytes.
        let hash = u32::from_le_bytes(four).wrapping_mul(0x9e37_79b9) >> 18;
        ((hash >> 6) as usize % Self::WORDS, 1 << (hash & 63))
    }
}

impl Default for Beginnings {
    fn default() -> Self {
        Self::of(&[])
    }
}

/// Every spelling of one.
fn all(secret: &Secret) -> Vec<Spelling> {
    let text = secret.expose();
    let once = encode::percent(text);
    let small = with_small_digits(&once);
    let (twice, small_twice) = (encode::percent(&once), encode::percent(&small));
    let mut forms: Vec<(String, bool)> = [text.to_owned(), once, small, twice, small_twice].map(|form| (form, false)).into();
    // What needs no encoding is encoded by some all the same: the dots between the parts of signed text, or all that is no letter and no digit.
    for more in [".", "-._~"] {
        let over = more.chars().fold(forms[1].0.clone(), |form, c| form.replace(c, &format!("%{:02X}", u32::from(c))));
        forms.extend([with_small_digits(&over), over].map(|form| (form, false)));
    }
    forms.extend(json(text).map(|form| (form, false)));
    for spell in [encode::base64, encode::base64url] {
        forms.push((cut(spell(text.as_bytes())), true));
        forms.extend((0..3).map(|before| (cut(inside(spell, text.as_bytes(), before)), true)));
    }
    // PHP writes JSON so.
    let slashed: Vec<_> =
        forms.iter().filter(|(form, _)| form.contains('/')).map(|(form, more)| (form.replace('/', "\\/"), *more)).collect();
    forms.extend(slashed);
    let mut seen = BTreeSet::new();
    let new: Vec<bool> = forms.iter().map(|(form, _)| seen.insert(form.as_str())).collect();
    let forms = forms.into_iter().zip(new).filter_map(|(form, new)| new.then_some(form));
    let spelling = |(text, goes_on): (String, bool)| {
        let has_references = text == secret.expose() && reference::may_be_in(text.as_bytes());
        Spelling { text: Secret::new(text), goes_on, has_references }
    };
    forms.map(spelling).collect()
}

/// In the quotes of JSON, where it has to be another there, and as those write it who escape more than they have to.
fn json(text: &str) -> impl Iterator<Item = String> {
    /// Go and Gson; .NET; all that anybody does.
    const ESCAPED: [&str; 4] = ["<>&", "<>&='", "<>&+'\"`", "<>&+='\"`/"];
    let quoted = serde_json::Value::from(text).to_string();
    let plain = quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned();
    let of = |escaped: &str, large: bool| -> String {
        let spell = |c: char| match (escaped.contains(c), large) {
            (false, _) => c.to_string(),
            (true, true) => format!("\\u{:04X}", u32::from(c)),
            (true, false) => format!("\\u{:04x}", u32::from(c)),
        };
        text.chars().map(spell).collect()
    };
    let more: Vec<String> = ESCAPED.iter().flat_map(|escaped| [of(escaped, true), of(escaped, false)]).collect();
    std::iter::once(plain).chain(more)
}

/// The digits of base64 that a secret alone determines where so many bytes (of each three) stand before it, and anything after it. Those at the edges,
/// which hold bits of the neighbours, are left out.
fn inside(spell: fn(&[u8]) -> String, secret: &[u8], before: usize) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret);
    spell(&bytes)[(before * 8).div_ceil(6)..bytes.len() * 8 / 6].to_owned()
}

fn cut(mut digits: String) -> String {
    digits.truncate(HEAD);
    digits
}

/// What base64 consists of, in either alphabet, and in JSON, which may have a backslash before a slash.
fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\\')
}

/// `%7C` as `%7c`, which some write.
fn with_small_digits(encoded: &str) -> String {
    let mut pieces = encoded.split('%');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        let (digits, rest) = piece.split_at(piece.len().min(2));
        format!("{text}%{}{rest}", digits.to_ascii_lowercase())
    })
}

impl fmt::Debug for Spellings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spellings({})", self.0.spellings.len())
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker").field("spellings", &self.spellings).field("held", &self.held.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(secrets: &[&str]) -> Spellings {
        Spellings::of(&secrets.iter().map(|secret| Secret::new(*secret)).collect::<Vec<_>>())
    }

    fn masked_with(cover: Cover, known: &Spellings, pieces: &[&str]) -> String {
        let mut masker = Masker::new(known.clone(), cover);
        let mut shown = Vec::new();
        for piece in pieces {
            if masker.lets_pass(piece.as_bytes()) {
                shown.extend_from_slice(piece.as_bytes());
            } else {
                shown.extend(masker.push(piece.as_bytes()));
            }
        }
        shown.extend(masker.end());
        String::from_utf8(shown).expect("text")
    }

    /// In two pieces, cut anywhere, and in letters, it is the same; and with asterisks as long as before.
    #[track_caller]
    fn is_masked(secrets: &[&str], text: &str, expected: &str) {
        let known = known(secrets);
        let stars = masked_with(Cover::Stars, &known, &[text]);
        assert_eq!(stars.len(), text.len(), "{stars}");
        for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            let (head, tail) = text.split_at(at);
            assert_eq!(masked_with(Cover::Word, &known, &[head, tail]), expected, "cut at {at}");
            assert_eq!(masked_with(Cover::Stars, &known, &[head, tail]), stars, "cut at {at}");
        }
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(masked_with(Cover::Word, &known, &letters), expected);
        assert_eq!(masked_with(Cover::Stars, &known, &letters), stars);
    }

    #[test]
    fn l7_every_spelling_goes_however_it_is_cut() {
        for (secret, spelling) in [
            ("abc|def/ghi", "abc|def/ghi"),
            ("abc|def/ghi", "abc%7Cdef%2Fghi"),
            ("abc|def/ghi", "abc%7cdef%2fghi"),
            ("abc|def/ghi", "abc%257Cdef%252Fghi"),
            ("abc|def/ghi", "abc%257cdef%252fghi"),
            ("abc|def/ghi", r"abc|def\/ghi"),
            ("abc.d-f.g_i", "abc%2Ed-f%2Eg_i"),
            ("abc.d-f.g_i", "abc%2ed-f%2eg_i"),
            ("abc.d-f.g_i~", "abc%2Ed%2Df%2Eg%5Fi%7E"),
            ("abc.d-f.g_i~", "abc%2ed%2df%2eg%5fi%7e"),
            ("abc|d.f", "abc%7cd%2ef"),
            ("abc|def/ghi", "YWJjfGRlZi9naGk="),
            ("abc+def==", r"abc\u002Bdef=="),
            ("abc+def==", r"abc\u002bdef=="),
            ("abc+def==", r"abc+def\u003d\u003d"),
            ("abc+def==", r"abc\u002Bdef\u003D\u003D"),
            ("<one>&two", r"\u003cone\u003e\u0026two"),
            ("one\"two\\", r#"one\"two\\"#),
            ("abcd+efgh/ijkl==", "abcd&#43;efgh/ijkl=="),
            ("abcd+efgh/ijkl==", "abcd&#x2B;efgh/ijkl=="),
            ("abcd+efgh/ijkl==", "abcd+efgh&#x2F;ijkl&#x3D;&#x3D;"),
            ("abcd+efgh/ijkl==", "abcd+efgh/ijkl&#x3D;&#x3D;"),
            ("abcd+efgh/ijkl==", "abcd&#x2b;efgh&#x2f;ijkl&#x3d;&#x3d;"),
            ("abcd+efgh/ijkl==", "abcd&plus;efgh&sol;ijkl&equals;&equals;"),
            ("<one>&two'\"", "&lt;one&gt;&amp;two&#039;&quot;"),
            ("<one>&two'\"", "&lt;one&gt;&amp;two&#x27;&#34;"),
            ("1|abc-def:g", "1&#124;abc-def&#x3a;g"),
        ] {
            is_masked(&[secret], &format!("<{spelling}> and {spelling}!"), "<<secret>> and <secret>!");
        }
    }

    #[test]
    fn l7_basic_credentials_and_all_base64_go_wherever_the_secret_stands_in_it() {
        let long = "eyJhbGciOiJub25lIn0.".repeat(6);
        for secret in ["abc|def/ghi", "secret-one", "0123456789ab", "???>>>???>>>~", &long] {
            let known = known(&[secret]);
            for (before, after) in [("", ""), ("u", ""), ("me", ":"), ("me:", ""), ("user:", "\n"), ("a", "bc")] {
                for spell in [encode::base64, encode::base64url] {
                    let text = format!("Basic {} .", spell(format!("{before}{secret}{after}").as_bytes()));
                    let shown = masked_with(Cover::Word, &known, &[&text]);
                    assert!(shown.contains("<secret>") && shown.ends_with(" ."), "{before}: {shown}");
                    // What is left are digits of what stands before it, and one that it shares with that.
                    let left = shown.len() - "Basic <secret> .".len();
                    assert!(left * 6 <= before.len() * 8 + 6, "{before}: {shown}");
                    let slashed = text.replace('/', "\\/");
                    assert_eq!(masked_with(Cover::Word, &known, &[&slashed]), shown, "as PHP writes it");
                    if before == "me:" {
                        is_masked(&[secret], &text, &shown);
                    }
                }
            }
        }
    }

    #[test]
    fn l7_of_secrets_that_begin_alike_or_overlap_no_tail_is_left() {
        let both = ["secret", "secret-and-more"];
        is_masked(&both, "secret-and-more secret-and-less", "<secret> <secret>-and-less");
        is_masked(&["secret", "secret+more"], "secret&#43;more secret&#43;less", "<secret> <secret>&#43;less");
        is_masked(&["abcdef", "cdefgh"], "xabcdefghx", "x<secret>x");
        is_masked(&["abcdef"], "abcdefabcdef", "<secret><secret>");
        is_masked(&["aaaaaab"], "aaaaaaaaaab", "aaaa<secret>");
    }

    #[test]
    fn what_is_none_comes_at_once_and_whole() {
        let mut masker = Masker::new(Spellings::of([&Secret::new("secret-one")]), Cover::Word);
        assert_eq!(masker.push(b"Password for sec"), b"Password for ");
        assert_eq!(masker.held(), 3);
        assert_eq!(masker.push(b"tor 7? "), b"sector 7? ", "a question is seen before it is answered");
        assert!(masker.lets_pass(b"Password: ") && !masker.lets_pass(b"Password: s") && !masker.lets_pass(b"secret-one"));
        is_masked(&["short"], "short", "short");
        is_masked(&["secret-one"], "secret-on", "secret-on");
    }

    #[test]
    fn what_is_known_is_not_learnt_again() {
        let secrets = [Secret::new("secret-one"), Secret::new("short")];
        let spellings = Spellings::of(&secrets);
        assert!(Arc::ptr_eq(&spellings.and(&secrets).0, &spellings.0));
        let more = spellings.and([&Secret::new("secret-two")]);
        assert!(more.is_in(b"a secret-one") && more.is_in(b"secret-two.") && !spellings.is_in(b"secret-two"));
    }

    proptest::proptest! {
        #[test]
        fn no_secret_is_left_whichever_of_its_characters_are_references(
            written in proptest::collection::vec(proptest::sample::select(vec![
                ("a", 'a'), ("b", 'b'), ("-", '-'), ("&", '&'), ("&amp;", '&'), ("&#38;", '&'), ("<", '<'), ("&lt;", '<'), ("&#x3C;", '<'),
                ("+", '+'), ("&#43;", '+'), ("&#x2b;", '+'), ("&plus;", '+'), ("=", '='), ("&#61;", '='), ("&#x3D;", '='),
            ]), SHORTEST..30),
            cut in 0_usize..200,
        ) {
            // It ends with no reference: of `aaaaa&amp;` the first six bytes are the secret `aaaaa&` as it is.
            let secret: String = written.iter().map(|(_, c)| *c).chain(['b']).collect();
            let text: String = written.iter().map(|(way, _)| *way).chain(["b"]).collect();
            let whole = format!("x{text}y");
            let (head, tail) = whole.split_at(cut.min(whole.len()));
            let known = known(&[&secret]);
            proptest::prop_assert_eq!(masked_with(Cover::Stars, &known, &[head, tail]), format!("x{}y", "*".repeat(text.len())));
            proptest::prop_assert!(known.is_in(whole.as_bytes()));
        }

        #[test]
        fn no_secret_is_left_however_it_is_cut(
            secrets in proptest::collection::vec("[ab/+]{6,9}|[a-f/+]{6,40}", 1..3),
            texts in proptest::collection::vec("[a-f/+]{0,40}", 3),
            cuts in proptest::collection::vec(0_usize..50, 0..8),
        ) {
            let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let whole = format!("{}{}{}{}{}", texts[0], secrets[0], texts[1], secrets[secrets.len() - 1], texts[2]);
            let mut pieces = Vec::new();
            let mut rest = whole.as_str();
            for cut in cuts {
                let (piece, left) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = left;
            }
            pieces.push(rest);
            let known = known(&secrets);
            let shown = masked_with(Cover::Stars, &known, &pieces);
            proptest::prop_assert_eq!(shown.len(), whole.len());
            proptest::prop_assert!(secrets.iter().all(|secret| !shown.contains(secret)));
            proptest::prop_assert_eq!(shown, masked_with(Cover::Stars, &known, &[&whole]));
        }
    }
}
