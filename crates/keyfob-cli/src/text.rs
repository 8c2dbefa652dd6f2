//! Text that other programs wrote, from a file or a pipe: UTF-8, without the mark that some editors and shells put before it.

use keyfob::proto::scrub::printable;
use zeroize::Zeroizing;

use crate::card::Card;
use crate::perform::quoted;

/// What the bytes of a file, or of `stdin`, say. They may be secrets, and are in no error.
pub(crate) fn text_of(bytes: Vec<u8>, from: &str) -> Result<Zeroizing<String>, Card> {
    let utf16 = match bytes[..] {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        // Without a mark: it begins with a sign that ASCII has, too.
        [1..=0x7f, 0, ..] => Some("UTF-16LE"),
        [0, 1..=0x7f, ..] => Some("UTF-16BE"),
        _ => None,
    };
    if let Some(charset) = utf16 {
        drop(Zeroizing::new(bytes));
        return Err(unfit(from, charset.to_owned(), charset, ""));
    }
    let mut text = String::from_utf8(bytes).map(Zeroizing::new).map_err(|error| {
        let (at, bytes) = (error.utf8_error().valid_up_to(), Zeroizing::new(error.into_bytes()));
        let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        unfit(from, format!("the byte 0x{:02x} in line {line}", bytes[at]), "LATIN1", ", if it is text, as of Latin-1")
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn unfit(from: &str, found: String, charset: &str, condition: &str) -> Card {
    let convert = match from {
        "stdin" => format!("iconv -f {charset} -t UTF-8, in the pipe before it"),
        file => format!("iconv -f {charset} -t UTF-8 {} > NEW, and give NEW", quoted(&printable(file))),
    };
    Card::usage(
        format!("cannot read {}", printable(from)),
        format!("expected text in UTF-8, found {found}"),
        format!("convert it{condition}: {convert}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_before_text_is_none_of_it() {
        let text = |bytes: &[u8]| text_of(bytes.to_vec(), "x").expect("text").to_string();
        assert_eq!(text("\u{feff}{\"a\":\"\u{feff}\"}".as_bytes()), "{\"a\":\"\u{feff}\"}");
        assert_eq!((text(b""), text(b"a"), text("ä\0".as_bytes())), (String::new(), "a".to_owned(), "ä\0".to_owned()));
    }

    #[test]
    fn of_other_text_it_is_said_what_it_is_and_how_it_is_converted() {
        let utf16 = |mark: &str, little: bool| -> Vec<u8> {
            let units = format!("{mark}TOKEN=canary").encode_utf16().collect::<Vec<_>>();
            units.into_iter().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
        };
        for (bytes, found, convert) in [
            (utf16("\u{feff}", true), "UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 'my env' > NEW"),
            (utf16("\u{feff}", false), "UTF-16", "iconv -f UTF-16 -t"),
            (utf16("", true), "UTF-16LE", "iconv -f UTF-16LE -t"),
            (utf16("", false), "UTF-16BE", "iconv -f UTF-16BE -t"),
            (b"# coding: latin-1\nname = 'canary \xe4'\n".to_vec(), "the byte 0xe4 in line 2", "as of Latin-1: iconv -f LATIN1 -t UTF-8"),
        ] {
            let card = text_of(bytes.clone(), "my env").expect_err(found);
            assert!(card.why().ends_with(&format!("found {found}")) && !format!("{card:?}").contains("canary"), "{card:?}");
            assert!(format!("{card:?}").contains(convert), "{card:?}");
            let piped = format!("{:?}", text_of(bytes, "stdin").expect_err(found));
            assert!(piped.contains("in the pipe before it") && !piped.contains("NEW"), "{piped}");
        }
    }
}
