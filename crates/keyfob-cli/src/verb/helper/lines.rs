//! Protocols of lines: `name=value`, one a line, until an empty one.
//!
//! A value with a line break in it would be read as several by the other side, with a host that nobody asked about (CVE-2020-5260, CVE-2024-50338). So
//! a field with CR, LF or NUL is refused, whoever says it.

use std::io::BufRead;

use keyfob::proto::Secret;
use keyfob::proto::scrub::printable;

use crate::card::Card;
use crate::exit::Exit;

/// No line is longer, and there are not more of them.
const LONGEST: u64 = 64 * 1024;

/// The fields of a request, in their order. A name may come several times (`wwwauth[]`).
pub(super) fn read(input: impl BufRead) -> Result<Vec<(String, String)>, Card> {
    let mut fields = Vec::new();
    for line in input.take(LONGEST).split(b'\n') {
        let line =
            line.map_err(|error| Card::io("cannot read the request", &error, "this is a protocol for programs: see git help credential"))?;
        if line.is_empty() {
            break;
        }
        let line = String::from_utf8(line).map_err(|_| refused("a line that is no UTF-8"))?;
        check(&line)?;
        let (name, value) = line.split_once('=').ok_or_else(|| refused("a line without ="))?;
        fields.push((name.to_owned(), value.to_owned()));
    }
    Ok(fields)
}

/// The value of a field; the last one counts.
pub(super) fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// An answer, if each of its fields is one line.
pub(super) fn written(fields: &[(&str, Secret)]) -> Result<String, Card> {
    let mut lines = Vec::new();
    for (name, value) in fields {
        check(value.expose())?;
        lines.push(format!("{name}={}", value.expose()));
    }
    Ok(lines.join("\n"))
}

/// A field is one line, and ends nowhere else.
pub(super) fn check(field: &str) -> Result<(), Card> {
    if field.contains(['\r', '\n', '\0']) { Err(refused("a field with a line break, or a NUL, in it")) } else { Ok(()) }
}

fn refused(found: &str) -> Card {
    Card::new(
        Exit::Error,
        "this is no request for credentials that is answered",
        format!("expected lines of NAME=VALUE, and found {}", printable(found)),
        "whoever wrote that URL wanted a password to go elsewhere: look at it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k1_a_field_with_a_line_break_is_refused_both_ways() {
        for bad in ["host=a.example\rhost=b.example\n", "host=a\0b\n", "host\n", "protocol=https\nhost=a\r\n"] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
        for bad in ["a\nhost=b.example", "a\rb", "a\0b"] {
            assert!(written(&[("username", Secret::new("me")), ("password", Secret::new(bad))]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn fields_end_at_an_empty_line() {
        let fields =
            read("protocol=https\nhost=a.example\npath=x=y\n\nhost=b.example\n".as_bytes()).unwrap_or_else(|card| panic!("{card:?}"));
        assert_eq!(field(&fields, "host"), Some("a.example"));
        assert_eq!(field(&fields, "path"), Some("x=y"));
        assert_eq!(field(&fields, "username"), None);
    }
}
