//! What the bytes of a text mean. It is UTF-8 unless its `Content-Type` says otherwise, and of what else is said only what needs no table of the world:
//! the letters of western Europe, a byte each.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// How the characters of a text are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// UTF-8, or not said.
    Utf8,
    /// windows-1252; what calls itself ISO-8859-1 is meant so, too (Encoding Standard, §4.2).
    Western,
    /// One that we do not know: the text is left as it is.
    Other,
}

/// What windows-1252 has where ISO-8859-1 has controls. The five that it leaves free stay those.
const FROM_0X80: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–',
    '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

impl Charset {
    /// As the head of the answer says.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let said = content_type(headers);
        let named = said.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
        let named = named.map(|(name, value)| (name.trim(), value.trim().trim_matches('"'))).find(|(name, _)| *name == "charset");
        match named.map_or("utf-8", |(_, value)| value) {
            "utf-8" | "utf8" | "us-ascii" => Self::Utf8,
            "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "windows-1252" | "cp1252" => Self::Western,
            _ => Self::Other,
        }
    }

    /// The text in UTF-8, if it was text. Where it begins and ends makes no difference.
    pub(super) fn utf8(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        let character = |byte: u8| match byte {
            0x80..=0x9f => FROM_0X80[usize::from(byte - 0x80)],
            _ => char::from(byte),
        };
        match self {
            Self::Utf8 | Self::Other => Cow::Borrowed(bytes),
            Self::Western => Cow::Owned(bytes.iter().copied().map(character).collect::<String>().into_bytes()),
        }
    }
}

/// The media type of an answer in small letters, without what it says besides.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    content_type(headers).split(';').next().unwrap_or_default().trim().to_owned()
}

fn content_type(headers: &HeaderMap) -> String {
    headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, http::HeaderValue::from_static(kind))])
    }

    #[test]
    fn what_is_said_of_the_characters_is_heeded_where_it_is_known() {
        for western in
            ["text/plain; charset=ISO-8859-1", "text/plain;charset=\"latin1\"", "text/csv; header=present; Charset = windows-1252"]
        {
            assert_eq!(Charset::of(&headers(western)), Charset::Western, "{western}");
        }
        for usual in ["text/plain", "text/plain; charset=UTF-8", "text/plain; x=charset=latin1", ""] {
            assert_eq!(Charset::of(&headers(usual)), Charset::Utf8, "{usual}");
        }
        assert_eq!(Charset::of(&headers("text/plain; charset=koi8-r")), Charset::Other);
        assert_eq!(media_type(&headers("Text/Event-Stream ; charset=utf-8")), "text/event-stream");
        assert_eq!(&*Charset::Western.utf8(b"Gr\xfc\xdfe, 5 \x80 \x9f"), "Grüße, 5 € Ÿ".as_bytes());
        assert_eq!(&*Charset::Utf8.utf8(b"a\xff"), b"a\xff");
    }
}
