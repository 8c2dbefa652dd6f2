//! Texts in quotes, and what they are assigned to. It reads Python, JavaScript, Ruby, PHP and their like as far as that goes, and runs nothing.

use std::collections::HashSet;

use keyfob::proto::encode;
use zeroize::Zeroizing;

use crate::wire::is_telling;

/// A text that has a name.
#[derive(Clone)]
pub(super) struct Assigned {
    /// In small letters.
    pub(super) name: String,
    pub(super) value: Zeroizing<String>,
    pub(super) line: usize,
}

impl Assigned {
    pub(super) fn pair(&self) -> (&str, &str) {
        (&self.name, &self.value)
    }

    pub(super) fn of(name: &str, value: Zeroizing<String>, line: usize) -> Self {
        let name = name.to_ascii_lowercase();
        // `Authorization: Bearer …` (RFC 6750 §2.1), and what some providers call it.
        let bearer = value.split_once(' ').filter(|(scheme, _)| ["bearer", "token"].contains(&scheme.to_ascii_lowercase().as_str()));
        match bearer.filter(|_| name == "authorization").map(|(_, token)| token.trim().to_owned()) {
            Some(token) => Self { name: "access_token".to_owned(), value: Zeroizing::new(token), line },
            None => Self { name, value, line },
        }
    }
}

/// `NAME = "…"`, `name="…"` among arguments, `"name": "…"`, `'name' => '…'`.
pub(super) fn assigned(text: &str) -> Vec<Assigned> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let (mut rest, mut last) = (line, "");
        while let Some((before, value, behind)) = literal(rest) {
            if let Some(name) = name(before, last).filter(|name| !name.is_empty() && !value.is_empty()) {
                found.push(Assigned::of(name, Zeroizing::new(value.to_owned()), number + 1));
            }
            (rest, last) = (behind, value);
        }
    }
    found
}

/// What a text is assigned to, by what stands before it: a word, or the text in quotes before that.
fn name<'a>(before: &'a str, last: &'a str) -> Option<&'a str> {
    let before = before.trim_end();
    if ["==", "!=", "<=", ">="].iter().any(|compares| before.ends_with(compares)) {
        return None;
    }
    let name = before.strip_suffix("=>").or_else(|| before.strip_suffix(['=', ':']))?.trim_end();
    let name = name.strip_suffix(']').unwrap_or(name);
    let start = name.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    Some(if name.is_empty() { last } else { name.get(start..).unwrap_or_default() })
}

/// What a URL says under names: in its query, and the password before its host (RFC 3986 §3.2.1).
pub(super) fn of_url(url: &str) -> Vec<(String, Zeroizing<String>)> {
    let Some((_, behind)) = url.split_once("://") else { return Vec::new() };
    let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
    let password = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password);
    let query = behind.split_once('?').map(|(_, query)| query.split(['#', ' ', '"']).next().unwrap_or_default()).unwrap_or_default();
    let pairs = encode::decode_pairs(query.as_bytes());
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let pairs = pairs.map(|(name, value)| (text(name), Zeroizing::new(text(value))));
    let password = password.map(|password| ("password".to_owned(), Zeroizing::new(password.to_owned())));
    pairs.chain(password).filter(|(_, value)| !value.is_empty()).collect()
}

/// A header that is one text, as curl's libraries take them: `"X-Api-Key: …"`. What has no such name is prose (`"Password: wrong"`).
pub(super) fn of_header(text: &str) -> Option<(&str, Zeroizing<String>)> {
    let (name, value) = text.split_once(": ")?;
    let is_header =
        name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && (name.contains('-') || name.eq_ignore_ascii_case("authorization"));
    (is_header && is_telling(name) && !value.trim().is_empty()).then(|| (name, Zeroizing::new(value.trim().to_owned())))
}

/// URLs in quotes, and those that are texts otherwise (a shell's have none), as far as they are written, and without half a query.
pub(super) fn urls<'a>(text: &'a str, texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut quoted = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some((_, value, behind)) = literal(rest) {
            quoted.push(value);
            rest = behind;
        }
    }
    let mut known = HashSet::new();
    let whole = |text: &'a str| match text.split_once('?') {
        // A value that is not there is put in when the script runs.
        Some((before, query)) if query.ends_with('=') || query.contains(['{', '%', ' ', '$', '<']) => before,
        _ => text,
    };
    let urls = quoted.into_iter().chain(texts).map(|value| whole(value.split('#').next().unwrap_or_default()));
    let urls = urls.map(|value| value.split(['{', '%', ' ']).next().unwrap_or_default());
    let urls = urls.filter(|url| (url.starts_with("https://") || url.starts_with("http://")) && known.insert(*url));
    urls.map(str::to_owned).collect()
}

/// The next text in quotes: what is before it, the text, and what is behind it.
fn literal(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find(['"', '\''])?;
    let quote = &text[start..=start];
    let inside = &text[start + 1..];
    let end = inside.find(quote)?;
    Some((&text[..start], &inside[..end], &inside[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_found_where_scripts_have_them() {
        let script = "CONSUMER_KEY = 'ck'  # mine\nsession = OAuth1Session(\"x\", client_secret=\"cs\", resource_owner_key='t')\n\
            config = {\"token_secret\": \"ts\", 'a' => 'b'}\nos.environ['API_KEY'] = \"k\"\nif x == \"y\": pass\nprint('é', \"unclosed)\n";
        let found: Vec<(String, String, usize)> =
            assigned(script).into_iter().map(|one| (one.name, one.value.to_string(), one.line)).collect();
        let expected = [
            ("consumer_key", "ck", 1),
            ("client_secret", "cs", 2),
            ("resource_owner_key", "t", 2),
            ("token_secret", "ts", 3),
            ("a", "b", 3),
            ("api_key", "k", 4),
        ];
        assert_eq!(found, expected.map(|(name, value, line)| (name.to_owned(), value.to_owned(), line)));
    }

    #[test]
    fn urls_come_as_far_as_they_are_written() {
        let script = "get('https://a.example/x?y=z#w'); get(\"https://a.example/x\"); f'http://b.example/{id}?a=b' 'ftp://c' f'http://c.example/x?y={z}&a=b'\n\
            'http://d.example/x?y=%s'";
        let expected = ["https://a.example/x?y=z", "https://a.example/x", "http://b.example/", "http://c.example/x", "http://d.example/x"];
        assert_eq!(urls(script, std::iter::empty()), expected);
    }
}
