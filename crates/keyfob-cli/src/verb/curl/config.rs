//! What curl reads from standard input: the URL as it was signed, and the account's headers (`curl --config -`).

use keyfob::proto::{Origin, Secret};

use super::arguments::Arguments;
use crate::between::Ready;
use crate::card::Card;

/// The configuration. The body is in it, too: as it was signed, and on no command line.
pub(super) fn written(ready: &Ready, arguments: &Arguments) -> Result<Secret, Card> {
    // What was signed is what is sent: curl is not to tidy the path, nor to read brackets as patterns.
    let mut lines =
        vec!["path-as-is".to_owned(), "globoff".to_owned(), format!("url = {}", quoted(ready.parts.uri.to_string().as_bytes())?)];
    // This machine is never reached through a proxy: by http it would be handed the token in clear.
    if Origin::of(&ready.parts.uri).is_some_and(|origin| origin.is_loopback()) {
        lines.push("noproxy = \"*\"".to_owned());
    }
    if let Some(method) = arguments.method() {
        lines.push(format!("request = {}", quoted(method.as_str().as_bytes())?));
    }
    // The provider's fixed headers replace those of the same name.
    for (name, value) in ready.added(|_| false) {
        lines.push(format!("header = {}", quoted(&[name.as_str().as_bytes(), b": ", value.as_bytes()].concat())?));
    }
    if arguments.data.is_some() {
        lines.push(format!("header = {}", quoted(&[b"content-type: ", arguments.media_type().as_bytes()].concat())?));
        // No file is meant, whatever it begins with.
        lines.push(format!("data-raw = {}", quoted(&ready.body)?));
    } else if let Some((_, value)) = arguments.headers.iter().find(|(name, _)| *name == http::header::CONTENT_TYPE) {
        lines.push(format!("header = {}", quoted(&[b"content-type: ", value.as_bytes()].concat())?));
    }
    lines.push(String::new());
    Ok(Secret::new(lines.join("\n")))
}

/// A value in quotes, as curl reads it again.
fn quoted(value: &[u8]) -> Result<String, Card> {
    let text = std::str::from_utf8(value).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| {
        Card::usage("curl cannot be told this body", "it is no text", "send it from a file: -T FILE, or keyfob post … -d @FILE")
    })?;
    let escaped = text.chars().fold(String::new(), |mut out, c| {
        match c {
            '\\' => out.push_str(r"\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str(r"\n"),
            '\r' => out.push_str(r"\r"),
            '\t' => out.push_str(r"\t"),
            '\u{b}' => out.push_str(r"\v"),
            c => out.push(c),
        }
        out
    });
    Ok(format!("\"{escaped}\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_value_cannot_become_an_option() {
        assert_eq!(quoted(b"a\"\nurl = \"http://b.example\\").ok().as_deref(), Some(r#""a\"\nurl = \"http://b.example\\""#));
        assert!(quoted(b"a\0b").is_err());
        assert!(quoted(b"\xff").is_err());
    }
}
