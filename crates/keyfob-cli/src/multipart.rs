//! A form of several parts (multipart/form-data, RFC 7578), as curl's `-F` writes it: for uploads.

use std::path::Path;

use http::HeaderValue;
use keyfob::OsEntropy;
use keyfob::proto::Entropy;
use keyfob::proto::scrub::printable;

use crate::card::Card;
use crate::payload::Payload;

/// A part of the form.
#[derive(Debug)]
pub(crate) struct Part {
    name: String,
    file_name: Option<String>,
    media_type: Option<String>,
    content: Payload,
}

impl Part {
    /// A field.
    pub(crate) fn field(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), file_name: None, media_type: None, content: bytes.into() }
    }

    /// A file, under its own name.
    pub(crate) fn file(name: &str, file: &str) -> Result<Self, Card> {
        let file_name = Path::new(file).file_name().map_or_else(|| file.to_owned(), |name| name.to_string_lossy().into_owned());
        let media_type = Some(by_name(&file_name).to_owned());
        Ok(Self { name: name.to_owned(), file_name: Some(file_name), media_type, content: Payload::of_file(file)? })
    }
}

/// Parts as `-F` has them: `name=value`, `name=@FILE` (an upload), `name=<FILE` (a field of what is in it); behind it `;type=…` and `;filename=…`.
pub(crate) fn read(texts: &[String]) -> Result<Vec<Part>, Card> {
    texts.iter().map(|text| one(text)).collect()
}

fn one(text: &str) -> Result<Part, Card> {
    let (name, said) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
        // It may be a secret whose name was forgotten: it is not repeated.
        Card::usage("what -F says is no part of a form", "expected NAME=VALUE, NAME=@FILE or NAME=<FILE", "example: -F picture=@door.png")
    })?;
    let (kind, said) = match said.chars().next() {
        Some(kind @ ('@' | '<')) => (Some(kind), &said[1..]),
        _ => (None, said),
    };
    let (content, mut rest) = word(said).unwrap_or_else(|| plain(said, false));
    let (mut media_type, mut file_name) = (None, None);
    while let Some((which, said)) = marker(rest) {
        let (value, behind) = match which {
            // What follows a media type belongs to it, quoted or not (RFC 9110 §8.3.1).
            Which::Type => plain(said, true),
            Which::FileName => word(said).unwrap_or_else(|| plain(said, false)),
        };
        match which {
            Which::Type => media_type = Some(value.trim_matches(' ').to_owned()),
            Which::FileName => file_name = Some(value.trim_matches(' ').to_owned()),
        }
        rest = behind;
    }
    // Spaces alone are trimmed: a line break is no part of a type, and is seen as one in a name.
    if let Some(bad) = media_type.as_ref().filter(|said| HeaderValue::from_str(said).is_err()) {
        return Err(Card::usage(
            format!("\"{}\" is no media type", printable(bad)),
            "a header cannot carry it",
            "example: ;type=image/png",
        ));
    }
    let mut part = match kind {
        Some('@') => Part::file(name, &content)?,
        Some(_) => Part { content: Payload::of_file(&content)?, ..Part::field(name, Vec::new()) },
        None => Part::field(name, content.into_bytes()),
    };
    part.media_type = media_type.or(part.media_type);
    part.file_name = file_name.or(part.file_name);
    Ok(part)
}

/// What may stand behind a part.
#[derive(Clone, Copy)]
enum Which {
    Type,
    FileName,
}

/// Which of them this is the beginning of, and what is behind its name.
fn marker(text: &str) -> Option<(Which, &str)> {
    let text = text.strip_prefix(';')?.trim_start_matches(' ');
    let media_type = text.strip_prefix("type=").map(|said| (Which::Type, said));
    media_type
        .or_else(|| text.strip_prefix("filename=").map(|said| (Which::FileName, said)))
        .map(|(which, said)| (which, said.trim_start_matches(' ')))
}

/// What is in quotes, as curl has it (`\"` and `\\` are a quote and a backslash in it), and what is behind. Quotes that end before the value does are
/// part of it.
fn word(text: &str) -> Option<(String, &str)> {
    let quoted = text.strip_prefix('"')?;
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        let behind = quoted[at + c.len_utf8()..].trim_start_matches(' ');
        match c {
            '"' if !escaped && (behind.is_empty() || marker(behind).is_some()) => return Some((value, behind)),
            '\\' if !escaped && quoted[at + 1..].starts_with(['"', '\\']) => escaped = true,
            c => {
                value.push(c);
                escaped = false;
            }
        }
    }
    None
}

/// What stands before the next `;type=` or `;filename=`, and what is behind. In a media type, one in quotes is none.
fn plain(text: &str, quotes: bool) -> (String, &str) {
    let quotes = quotes && text.matches('"').count().is_multiple_of(2);
    let mut inside = false;
    for (at, c) in text.char_indices() {
        inside ^= quotes && c == '"';
        if c == ';' && !inside && marker(&text[at..]).is_some() {
            return (text[..at].to_owned(), &text[at..]);
        }
    }
    (text.to_owned(), "")
}

/// A form, ready to be sent.
pub(crate) struct Form {
    boundary: String,
    payload: Payload,
}

impl Form {
    /// Of these parts. The boundary is drawn at random, so that no part can have it in it but by being told (RFC 2046 §5.1.1).
    pub(crate) fn of(parts: Vec<Part>) -> Self {
        let mut drawn = [0; 16];
        OsEntropy.fill(&mut drawn);
        let boundary: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { payload: written(parts, &boundary), boundary }
    }

    /// What it is.
    pub(crate) fn media_type(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("multipart/form-data; boundary={}", self.boundary)).expect("hexadecimal digits fit a header")
    }

    /// What is sent.
    pub(crate) fn payload(self) -> Payload {
        self.payload
    }
}

fn written(parts: Vec<Part>, boundary: &str) -> Payload {
    let mut out = Payload::default();
    for part in parts {
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&part.name));
        if let Some(name) = &part.file_name {
            head.push_str(&format!("; filename=\"{}\"", quoted(name)));
        }
        if let Some(media_type) = &part.media_type {
            head.push_str(&format!("\r\nContent-Type: {media_type}"));
        }
        head.push_str("\r\n\r\n");
        out.push(head.into_bytes().into());
        out.push(part.content);
        out.push(b"\r\n".to_vec().into());
    }
    out.push(format!("--{boundary}--\r\n").into_bytes().into());
    out
}

/// A quote or line break in a name would end the header, and begin one of whoever named the file (RFC 7578 §4.2; as browsers write it).
fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// What a file is, by its name: the few kinds that curl knows, and JSON.
fn by_name(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "gif" => "image/gif",
        "htm" | "html" => "text/html",
        "jpeg" | "jpg" => "image/jpeg",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" => "text/plain",
        "xml" => "application/xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(texts: &[&str]) -> String {
        let parts = read(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).expect("parts");
        String::from_utf8(written(parts, "B").bytes().expect("all of it").to_vec()).expect("text").replace("\r\n", "\n")
    }

    #[test]
    fn parts_are_as_curl_writes_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.png").display().to_string();
        std::fs::write(&file, "PNG").expect("a file");
        assert_eq!(
            shown(&["a=b=c;d", &format!("p=@{file}"), &format!("q=@{file};type=text/x;filename=\"b\"c\""), &format!("r=<{file}")]),
            "--B\nContent-Disposition: form-data; name=\"a\"\n\nb=c;d\n\
             --B\nContent-Disposition: form-data; name=\"p\"; filename=\"a.png\"\nContent-Type: image/png\n\nPNG\n\
             --B\nContent-Disposition: form-data; name=\"q\"; filename=\"b%22c\"\nContent-Type: text/x\n\nPNG\n\
             --B\nContent-Disposition: form-data; name=\"r\"\n\nPNG\n\
             --B--\n"
        );
    }

    #[test]
    fn a_media_type_has_parameters_and_a_name_may_be_quoted() {
        let head = |part: &str| {
            let text = shown(&[part]);
            text.strip_prefix("--B\nContent-Disposition: form-data; name=\"a\"")
                .and_then(|text| text.strip_suffix("\n--B--\n"))
                .expect("one")
                .to_owned()
        };
        for (part, expected) in [
            ("a={};type=application/json;charset=utf-8", "\nContent-Type: application/json;charset=utf-8\n\n{}"),
            (
                "a={}; type=application/json; charset=utf-8 ; filename=x.json",
                "; filename=\"x.json\"\nContent-Type: application/json; charset=utf-8\n\n{}",
            ),
            ("a=b;type=x/y;p=\"q;type=z\";filename=c", "; filename=\"c\"\nContent-Type: x/y;p=\"q;type=z\"\n\nb"),
            ("a=b;filename=\"c;d\"", "; filename=\"c;d\"\n\nb"),
            ("a=b;filename=\"c;type=d\";type=x/y", "; filename=\"c;type=d\"\nContent-Type: x/y\n\nb"),
            (r#"a=b;filename="c\\d""#, "; filename=\"c\\d\"\n\nb"),
            ("a=b;filename=c;d", "; filename=\"c;d\"\n\nb"),
            ("a=\"b;type=c\";type=x/y", "\nContent-Type: x/y\n\nb;type=c"),
            ("a=it\"s;type=x/y", "\nContent-Type: x/y\n\nit\"s"),
            ("a=\"b\" and c; d", "\n\n\"b\" and c; d"),
            ("a=\"b", "\n\n\"b"),
            ("a=;type=x/y", "\nContent-Type: x/y\n\n"),
        ] {
            assert_eq!(head(part), expected, "{part}");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("e;f.txt").display().to_string();
        std::fs::write(&file, "text").expect("a file");
        for part in [format!("a=@\"{file}\";type=x/y;z=1"), format!("a=@{file}; type=x/y;z=1")] {
            assert_eq!(head(&part), "; filename=\"e;f.txt\"\nContent-Type: x/y;z=1\n\ntext");
        }
    }

    #[test]
    fn a_name_cannot_add_headers() {
        let text = shown(&["a\"\r\nX: y=1;filename=\r\n\"z", "b=1;type=text/plain"]);
        assert!(text.contains("name=\"a%22%0D%0AX: y\"; filename=\"%0D%0A%22z\""), "{text}");
        for bad in ["hunter2", "=hunter2", "a=1;type=text/plain\r\nX: y", "a=@/no/such/hunter"] {
            assert!(one(bad).is_err_and(|card| !format!("{card:?}").contains("hunter2")), "{bad}");
        }
    }

    #[test]
    fn a_boundary_is_never_twice_the_same() {
        let form = |_| Form::of(vec![Part::field("a", b"b".to_vec())]).boundary;
        assert_ne!(form(1), form(2));
    }
}
