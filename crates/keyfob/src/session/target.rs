//! From what a person or program writes to the URL that is sent.

use http::Uri;
use keyfob_proto::{Endpoint, Misuse};

/// The URL for a path (relative to the API's base) or an absolute URL. Dots, encoded slashes, `;` and `'` stay as they are
/// written; only characters that no request line can carry (spaces, non-ASCII, quotes) are percent-encoded.
pub(crate) fn resolve(base: &Endpoint, text: &str) -> Result<Uri, Misuse> {
    let wrong = |found: &str| {
        Misuse::new("a path such as /me, or an absolute URL", found.to_owned())
            .of("RFC 9110 §4.2")
            .with_hint("write a path from / on, or a URL from https:// on")
    };
    if text.contains('#') {
        return Err(wrong("one with a fragment, which is never sent").with_hint("write %23 for a # that belongs to the path"));
    }
    if text.chars().any(char::is_control) {
        return Err(wrong("one with control characters"));
    }
    let is_absolute =
        text.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let before = if is_absolute { "" } else { base.as_str().trim_end_matches('/') };
    let joint = if is_absolute || text.starts_with('/') || text.is_empty() { "" } else { "/" };
    let mut whole = String::with_capacity(before.len() + joint.len() + text.len());
    for piece in [before, joint, text] {
        add_sendable(&mut whole, piece);
    }
    whole.try_into().map_err(|_| wrong("text that is no URL"))
}

fn add_sendable(out: &mut String, text: &str) {
    let is_sendable =
        |byte: &u8| matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
    if text.bytes().all(|byte| is_sendable(&byte)) {
        return out.push_str(text);
    }
    for byte in text.bytes() {
        if is_sendable(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> String {
        let base = Endpoint::parse("https://api.example/v1/").expect("an endpoint");
        resolve(&base, text).map(|uri| uri.to_string()).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn i8_targets_are_sent_as_written() {
        assert_eq!(at("/a/%2e%2e/b;x='1'/%2F//c?d=%2B+e"), "https://api.example/v1/a/%2e%2e/b;x='1'/%2F//c?d=%2B+e");
        assert_eq!(at("me"), "https://api.example/v1/me");
        assert_eq!(at("https://other.example/x"), "https://other.example/x");
        assert_eq!(at("me?next=https://a.example/"), "https://api.example/v1/me?next=https://a.example/");
    }

    #[test]
    fn what_no_request_line_can_carry_is_encoded() {
        assert_eq!(at("/a b|é?\"<>"), "https://api.example/v1/a%20b%7C%C3%A9?%22%3C%3E");
    }

    #[test]
    fn fragments_and_controls_are_refused() {
        assert!(at("/a#b").contains("fragment"));
        assert!(at("/a\r\nHost: x").contains("control"));
    }
}
