//! How challenges are written (RFC 9110 §11.2, §11.6.1): the list, its words, its quotes.

use super::Challenge;
use crate::error::Misbehaved;
use crate::scrub::printable;

const SECTION: &str = "RFC 9110 §11.6.1";

/// More challenges than this are none.
const MOST: usize = 32;
/// More parameters in one than this.
const MOST_PARAMETERS: usize = 64;

/// Reads one header, behind what others brought.
pub(super) fn read(header: &str, challenges: &mut Vec<Challenge>) -> Result<(), Misbehaved> {
    Reader { rest: header }.list(challenges)
}

/// What is left of one header.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// `#challenge`: challenges and their parameters are separated by the same comma, so what follows one is told by what comes behind the word: `=` makes it
    /// a parameter of the challenge before.
    fn list(&mut self, challenges: &mut Vec<Challenge>) -> Result<(), Misbehaved> {
        let mut open = false;
        loop {
            self.skip(|c| c == ' ' || c == '\t' || c == ',');
            if self.rest.is_empty() {
                return Ok(());
            }
            let word = self.token()?;
            if self.parameter_follows() {
                let Some(challenge) = challenges.last_mut().filter(|challenge| open && challenge.token68.is_none()) else {
                    return Err(broke("a scheme before its parameters", "a parameter"));
                };
                let value = self.value()?;
                challenge.add(word, value)?;
            } else {
                if challenges.len() == MOST {
                    return Err(broke("at most 32 challenges", "more"));
                }
                let mut challenge = Challenge { scheme: word.to_owned(), token68: None, parameters: Vec::new() };
                self.begin(&mut challenge)?;
                challenges.push(challenge);
                open = true;
            }
            self.skip(|c| c == ' ' || c == '\t');
            if !self.rest.is_empty() && !self.rest.starts_with(',') {
                return Err(broke("a comma between parameters", "something else"));
            }
        }
    }

    /// What may stand right behind a scheme: nothing, a token68, or the first parameter.
    fn begin(&mut self, challenge: &mut Challenge) -> Result<(), Misbehaved> {
        let spaced = self.rest.starts_with([' ', '\t']);
        self.skip(|c| c == ' ' || c == '\t');
        if self.rest.is_empty() || self.rest.starts_with(',') {
            return Ok(());
        }
        if !spaced {
            return Err(broke("a space behind the scheme", "something else"));
        }
        // `a=` at the end of an element is a token68 with padding; `a=b` is a parameter.
        let end = self.rest.find([',', ' ', '\t']).unwrap_or(self.rest.len());
        let (word, behind) = self.rest.split_at(end);
        let last = behind.trim_start_matches([' ', '\t']);
        if is_token68(word) && (last.is_empty() || last.starts_with(',')) {
            challenge.token68 = Some(word.to_owned());
            self.rest = behind;
            return Ok(());
        }
        let name = self.token()?;
        if !self.parameter_follows() {
            return Err(broke("a parameter behind the scheme", "a word without value"));
        }
        let value = self.value()?;
        challenge.add(name, value)
    }

    fn skip(&mut self, what: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(what);
    }

    fn token(&mut self) -> Result<&'a str, Misbehaved> {
        let end = self.rest.bytes().position(|byte| !is_tchar(byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        if token.is_empty() { Err(broke("a word", "another character")) } else { Ok(token) }
    }

    /// Whether `=` comes next, with space around it as the grammar allows; takes it.
    fn parameter_follows(&mut self) -> bool {
        match self.rest.trim_start_matches([' ', '\t']).strip_prefix('=') {
            Some(rest) => {
                self.rest = rest.trim_start_matches([' ', '\t']);
                true
            }
            None => false,
        }
    }

    /// A word, or text in quotes, where a backslash makes the next character itself (RFC 9110 §5.6.4).
    fn value(&mut self) -> Result<String, Misbehaved> {
        let Some(quoted) = self.rest.strip_prefix('"') else { return self.token().map(str::to_owned) };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return Ok(value);
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                other => value.push(other),
            }
        }
        Err(broke("a closing quote", "the end"))
    }
}

impl Challenge {
    /// Each name once (RFC 9110 §11.2): of two, one would be checked and the other one used.
    fn add(&mut self, name: &str, value: String) -> Result<(), Misbehaved> {
        if self.parameter(name).is_some() {
            return Err(broke("each parameter once", &format!("\"{}\" twice", printable(name))));
        }
        if self.parameters.len() == MOST_PARAMETERS {
            return Err(broke("at most 64 parameters", "more"));
        }
        self.parameters.push((name.to_owned(), value));
        Ok(())
    }
}

pub(super) fn broke(expected: &str, found: &str) -> Misbehaved {
    Misbehaved::new(SECTION, expected, found)
}

/// RFC 9110 §5.6.2.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 §11.2.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::super::tests::{headers, read};
    use super::super::*;
    use super::*;

    /// As `Scheme{token68}(name=value)…`, one after the other.
    fn shown(values: &[&str]) -> String {
        let mut out = String::new();
        for challenge in read(values).iter() {
            out.push_str(challenge.scheme());
            out.extend(challenge.token68().map(|token| format!("{{{token}}}")));
            out.extend(challenge.parameters().map(|(name, value)| format!("({name}={value})")));
        }
        out
    }

    #[test]
    fn rfc9110_11_6_1_challenges_are_told_apart() {
        let cases: &[(&[&str], &str)] = &[
            (&[], ""),
            (&["Bearer"], "Bearer"),
            (&["Bearer realm=\"example\""], "Bearer(realm=example)"),
            (&["Bearer realm=example , error = invalid_token"], "Bearer(realm=example)(error=invalid_token)"),
            (&["Basic, Bearer"], "BasicBearer"),
            (&[", ,Basic realm=\"a\",, Bearer,"], "Basic(realm=a)Bearer"),
            (&["Basic realm=\"a\"", "Bearer error=\"x\""], "Basic(realm=a)Bearer(error=x)"),
            (&["Negotiate", "Negotiate YWJj+/-._~=="], "NegotiateNegotiate{YWJj+/-._~==}"),
            (&["Negotiate a=, Basic a=b"], "Negotiate{a=}Basic(a=b)"),
            (&["Negotiate abc , Bearer scope=\"a b\""], "Negotiate{abc}Bearer(scope=a b)"),
            // RFC 9110 §11.6.1's own example.
            (
                &["Basic realm=\"simple\", Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\""],
                "Basic(realm=simple)Newauth(realm=apps)(type=1)(title=Login to \"apps\")",
            ),
            (&["Bearer realm=\"a, Basic b=\\\"c\\\"\""], "Bearer(realm=a, Basic b=\"c\")"),
            (&["DPoP algs=\"ES256 PS256\", Bearer realm=\"\\\\\""], "DPoP(algs=ES256 PS256)Bearer(realm=\\)"),
            (&["Bearer realm=\"å\""], "Bearer(realm=å)"),
        ];
        for (values, expected) in cases {
            assert_eq!(shown(values), *expected, "{values:?}");
        }
    }

    #[test]
    fn what_is_no_list_of_challenges_is_refused() {
        for bad in [
            "realm=\"a\"",
            "=",
            "\"Bearer\"",
            "Bearer realm=\"a",
            "Bearer realm=\"a\\\"",
            "Bearer realm=\"a\" error=\"b\"",
            "Bearer realm=\"a\", realm=\"b\"",
            "Bearer realm=\"a\", REALM=\"b\"",
            "Bearer a=b, realm=,",
            "Bearer a b",
            "Bearer{x}",
            "Negotiate abc, realm=x",
            "Bearer realm=a;b",
        ] {
            let error = Challenges::read(&headers(&[bad])).expect_err(bad);
            assert_eq!(error.section, SECTION, "{bad}");
        }
        // A parameter in a second header does not belong to the first one's challenge.
        assert!(Challenges::read(&headers(&["Bearer", "error=\"x\""])).is_err());
    }

    #[test]
    fn challenges_are_bounded() {
        let many = |count: usize| vec!["Basic"; count].join(",");
        assert!(Challenges::read(&headers(&[&many(32)])).is_ok() && Challenges::read(&headers(&[&many(33)])).is_err());
        let parameters = |count: usize| (0..count).map(|at| format!("p{at}=1")).collect::<Vec<_>>().join(",");
        let with = |count| Challenges::read(&headers(&[&format!("Bearer {}", parameters(count))]));
        assert!(with(64).is_ok() && with(65).is_err());
        let long = format!("Bearer realm=\"{}\"", "a".repeat(LONGEST / 2));
        assert!(Challenges::read(&headers(&[&long])).is_ok() && Challenges::read(&headers(&[&long, &long])).is_err());
    }

    proptest! {
        #[test]
        fn no_header_panics(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4)) {
            let mut headers = HeaderMap::new();
            for value in &values {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    headers.append(WWW_AUTHENTICATE, value);
                }
            }
            let _ = Challenges::read(&headers).map(|challenges| (challenges.bearer(), challenges.step_up()));
        }

        #[test]
        fn odd_lists_never_panic(text in "(Bearer|DPoP|[a-z]{1,3}|[ ,=\"\\\\]|å|a=b){0,20}") {
            let _ = Challenges::read(&headers(&[&text])).map(|challenges| (challenges.bearer(), challenges.step_up()));
        }

        /// Whatever stands in quotes comes out as it went in.
        #[test]
        fn quoted_text_round_trips(realm in "[ -~]{0,40}", scope in "[ -~]{0,40}") {
            let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let text = format!("Basic realm=\"{}\", Bearer scope=\"{}\"", quote(&realm), quote(&scope));
            let challenges = read(&[&text]);
            prop_assert_eq!(challenges.of("basic").and_then(|challenge| challenge.parameter("realm")), Some(realm.as_str()));
            prop_assert_eq!(challenges.of("bearer").and_then(|challenge| challenge.parameter("scope")), Some(scope.as_str()));
        }
    }
}
