//! A path that every server reads alike.
//!
//! A rule is worth as much as its path: what we read as `/locks/..;/admin`, some server reads as `/admin`. So nothing is repaired here. What two
//! servers are known to read differently is refused (RFC 3986 leaves dot segments, `;` parameters and reserved escapes to whoever reads them), escapes
//! of unreserved characters are taken away (§6.2.2.2: they mean the same by definition), and what comes out is what is judged *and* what is sent.

use std::fmt;

/// Longer ones are no path of an API.
const LONGEST: usize = 4096;

/// A path in its one spelling, without a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(String);

/// Why a path is refused, as the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unclear(&'static str);

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Unclear {
    /// What to do about it, where this is the path.
    pub(crate) fn hint(self, path: &str) -> &'static str {
        if path.to_ascii_lowercase().contains("%2f") {
            "your client has encoded the slashes of the path, as generated ones do: make the URL yourself, with its slashes as they are"
        } else {
            "write it in the one way that every server reads alike"
        }
    }
}

impl Path {
    /// Reads a path as it stands in a request line.
    pub(crate) fn read(text: &str) -> Result<Self, Unclear> {
        if text.len() > LONGEST {
            return Err(Unclear("it is longer than 4096 bytes"));
        }
        let Some(text) = text.strip_prefix('/') else { return Err(Unclear("it does not begin with a slash")) };
        let mut path = String::with_capacity(text.len() + 1);
        let mut segments = text.split('/').peekable();
        while let Some(segment) = segments.next() {
            // `//`: some servers make one slash of it. At the end there is the one that leads into a folder.
            if segment.is_empty() && segments.peek().is_some() {
                return Err(Unclear("it has an empty segment (//)"));
            }
            path.push('/');
            read_segment(segment, &mut path)?;
        }
        Ok(Self(path))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What is between the slashes; the last one is empty where the path ends with a slash.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0[1..].split('/')
    }
}

/// One segment, in its one spelling, at the end of `path`.
fn read_segment(segment: &str, path: &mut String) -> Result<(), Unclear> {
    let begin = path.len();
    let bytes = segment.as_bytes();
    // Nearly every segment is made of characters that mean themselves.
    if bytes.iter().all(|byte| is_unreserved(*byte)) {
        path.push_str(segment);
        return if is_dots(segment) { Err(DOTS) } else { Ok(()) };
    }
    let mut meant = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        let byte = match byte {
            b'%' => {
                let value = bytes.get(at..at + 2).and_then(hex).ok_or(Unclear("it has a % that is no escape of two hexadecimal digits"))?;
                at += 2;
                if is_unreserved(value) {
                    path.push(char::from(value));
                } else {
                    path.push_str(&format!("%{value:02X}"));
                }
                value
            }
            b'\\' => b'\\',
            _ if is_unreserved(byte) || b"!$&'()*+,=:@".contains(&byte) => {
                path.push(char::from(byte));
                byte
            }
            b';' => b';',
            _ => return Err(Unclear("it has a character that has to be percent-encoded")),
        };
        match byte {
            0..=0x1f | 0x7f => return Err(Unclear("it has a control character")),
            b'/' | b'\\' => return Err(Unclear("it has an encoded slash, or a backslash")),
            b';' => return Err(Unclear("it has a parameter (;), which servers cut off or do not")),
            _ => meant.push(byte),
        }
    }
    // An overlong spelling of a dot (%C0%AE) is no UTF-8, and a dot to whoever does not look.
    let Ok(meant) = std::str::from_utf8(&meant) else {
        path.truncate(begin);
        return Err(Unclear("its escapes are no UTF-8"));
    };
    judge(meant)
}

const DOTS: Unclear = Unclear("it has a segment of dots alone (/../)");

/// What the segment means, once decoded.
fn judge(meant: &str) -> Result<(), Unclear> {
    if is_dots(meant) {
        return Err(DOTS);
    }
    // Whoever decodes twice reads %252e as a dot.
    let escapes_again = meant.as_bytes().windows(3).any(|three| three[0] == b'%' && hex(&three[1..]).is_some());
    if escapes_again {
        return Err(Unclear("it is encoded twice (%25 before two hexadecimal digits)"));
    }
    // Characters that become a slash or a backslash where text is normalised (NFKC, or a code page's best fit).
    if meant.chars().any(|c| matches!(c, '\u{ff0f}' | '\u{ff3c}' | '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{fe68}')) {
        return Err(Unclear("it has a character that some servers take for a slash"));
    }
    if meant.chars().any(char::is_control) {
        return Err(Unclear("it has a control character"));
    }
    Ok(())
}

/// `.` and `..`, in all that becomes it: dots of other alphabets, and white space, which some file systems cut off. Three dots are no name either.
fn is_dots(meant: &str) -> bool {
    let dot = |c: char| matches!(c, '.' | '\u{ff0e}' | '\u{2024}' | '\u{2025}' | '\u{2026}' | '\u{fe52}' | '\u{fe19}' | '\u{fe30}');
    meant.contains(dot) && meant.chars().all(|c| dot(c) || c.is_whitespace())
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match digits {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l9_what_two_servers_could_read_differently_is_refused() {
        for path in crate::keys::payloads::PATHS {
            assert!(Path::read(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn l9_what_is_left_has_one_spelling() {
        for (written, read) in [
            ("/", "/"),
            ("/users/locks/", "/users/locks/"),
            ("/%75sers/%6cocks", "/users/locks"),
            ("/%7euser/a%2db%5Fc", "/~user/a-b_c"),
            ("/a%c3%a9/%e2%82%ac", "/a%C3%A9/%E2%82%AC"),
            ("/a:b@c/$1,2=3!'(4)*+&", "/a:b@c/$1,2=3!'(4)*+&"),
            ("/100%25", "/100%25"),
            ("/100%25/x", "/100%25/x"),
            ("/a%20b", "/a%20b"),
            ("/.well-known/x..y/..z/.a.", "/.well-known/x..y/..z/.a."),
        ] {
            let path = Path::read(written).unwrap_or_else(|why| panic!("{written}: {why}"));
            assert_eq!(path.as_str(), read);
            assert_eq!(Path::read(read), Ok(path), "reading it again changes nothing");
        }
    }

    #[test]
    fn no_bytes_panic() {
        let alphabet = ["%", "2", "e", "E", "/", ".", ";", "\\", "é", "%c3", "%a9", "\u{ff0e}", "\0", " ", "?"];
        for a in alphabet {
            for b in alphabet {
                for c in alphabet {
                    drop(Path::read(&format!("/{a}{b}{c}")));
                    drop(Path::read(&format!("{a}{b}/{c}")));
                }
            }
        }
    }
}
