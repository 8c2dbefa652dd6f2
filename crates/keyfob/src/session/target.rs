//! From what a person or program writes to the URL that is sent.

use http::Uri;
use http::uri::{Parts, PathAndQuery};
use keyfob_proto::{Endpoint, Misuse, Origin};

/// The URL for a path (relative to the API's base) or an absolute URL, and where that is: none for what is no place to send anything to. Dots, encoded slashes,
/// `;` and `'` stay as they are written; only characters that no request line can carry (spaces, non-ASCII, quotes) are percent-encoded.
pub(crate) fn resolve(base: &Endpoint, text: &str) -> Result<(Uri, Option<Origin>), Misuse> {
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
    let no_url = || wrong("text that is no URL");
    let is_absolute = !text.starts_with('/')
        && text.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if is_absolute {
        let uri = Uri::try_from(sendable(&[text])).map_err(|_| no_url())?;
        let origin = Origin::of(&uri);
        return Ok((uri, origin));
    }
    // The base's host stays what it is: only what follows has to be read.
    let before = base.uri().path_and_query().map_or("", PathAndQuery::as_str).trim_end_matches('/');
    let joint = if text.starts_with('/') || (text.is_empty() && !before.is_empty()) { "" } else { "/" };
    let whole = sendable(&[before, joint, text]);
    let mut parts = Parts::from(base.uri().clone());
    parts.path_and_query = Some(PathAndQuery::try_from(whole).map_err(|_| no_url())?);
    Ok((Uri::from_parts(parts).map_err(|_| no_url())?, Some(base.origin())))
}

/// The pieces as one, as a request line can carry them.
fn sendable(pieces: &[&str]) -> String {
    let mut whole = String::with_capacity(pieces.iter().map(|piece| piece.len()).sum());
    pieces.iter().for_each(|piece| add_sendable(&mut whole, piece));
    whole
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
        match resolve(&base, text) {
            Ok((uri, origin)) => {
                assert_eq!(origin, Origin::of(&uri), "{uri}");
                uri.to_string()
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn i8_targets_are_sent_as_written() {
        assert_eq!(at("/a/%2e%2e/b;x='1'/%2F//c?d=%2B+e"), "https://api.example/v1/a/%2e%2e/b;x='1'/%2F//c?d=%2B+e");
        assert_eq!(at("me"), "https://api.example/v1/me");
        assert_eq!(at("https://other.example/x"), "https://other.example/x");
        assert_eq!(at("me?next=https://a.example/"), "https://api.example/v1/me?next=https://a.example/");
    }

    #[test]
    fn what_follows_comes_after_the_bases_path() {
        for (base, text, whole) in [
            ("https://Api.example:443", "", "https://Api.example:443/"),
            ("https://Api.example:443", "me", "https://Api.example:443/me"),
            ("https://Api.example:443", "?x=1", "https://Api.example:443/?x=1"),
            ("https://api.example/", "/", "https://api.example/"),
            ("https://api.example/v1", "", "https://api.example/v1"),
            ("https://api.example/v1/", "?x=1", "https://api.example/v1/?x=1"),
            ("https://api.example/v1", "//evil.example/", "https://api.example/v1//evil.example/"),
            ("https://api.example", "//evil.example/", "https://api.example//evil.example/"),
            ("https://api.example", "@evil.example/", "https://api.example/@evil.example/"),
            ("https://api.example?of=1", "me", "https://api.example/?of=1/me"),
        ] {
            let base = Endpoint::parse(base).expect("an endpoint");
            let (uri, origin) = resolve(&base, text).expect("a URL");
            assert_eq!((uri.to_string().as_str(), origin), (whole, Origin::of(&uri)), "{base} {text}");
            assert_eq!(uri, whole.parse::<Uri>().expect("a URL"), "as if all of it had been read");
        }
    }

    proptest::proptest! {
        /// Reading what follows alone comes to the same as reading all of it.
        #[test]
        fn what_follows_never_moves_the_host(base in "https://[Aa]{1,3}(:4[0-9]{1,2})?(/[a-c{}%|]{0,3}){0,2}(\\?x)?", text in "[/@:a\\\\é {}?%.|\\[-]{0,12}") {
            let Ok(base) = Endpoint::parse(&base) else { return Ok(()) };
            proptest::prop_assume!(!text.contains("://"));
            let joint = if text.is_empty() || text.starts_with('/') { "" } else { "/" };
            let whole = sendable(&[base.as_str().trim_end_matches('/'), joint, &text]);
            match (resolve(&base, &text), whole.parse::<Uri>()) {
                (Ok((uri, origin)), Ok(whole)) => {
                    proptest::prop_assert_eq!(&uri, &whole);
                    proptest::prop_assert_eq!(origin, Origin::of(&whole));
                }
                (found, wanted) => proptest::prop_assert!(found.is_err() && wanted.is_err(), "{found:?} and {wanted:?}"),
            }
        }
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
