//! A form of several parts (multipart/form-data, RFC 7578), as curl's `-F` writes it: for uploads.

use std::path::Path;

use http::HeaderValue;
use keyfob::OsEntropy;
use keyfob::proto::Entropy;
use keyfob::proto::scrub::printable;

use crate::card::Card;
use crate::request::{LARGEST, read_file};

/// A part of the form.
#[derive(Debug)]
pub(crate) struct Part {
    name: String,
    file_name: Option<String>,
    media_type: Option<String>,
    bytes: Vec<u8>,
}

impl Part {
    /// A field.
    pub(crate) fn field(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), file_name: None, media_type: None, bytes }
    }

    /// A file, under its own name.
    pub(crate) fn file(name: &str, file: &str) -> Result<Self, Card> {
        let file_name = Path::new(file).file_name().map_or_else(|| file.to_owned(), |name| name.to_string_lossy().into_owned());
        let media_type = Some(by_name(&file_name).to_owned());
        Ok(Self { name: name.to_owned(), file_name: Some(file_name), media_type, bytes: read_file(file)? })
    }
}

/// Parts as `-F` has them: `name=value`, `name=@FILE` (an upload), `name=<FILE` (a field of what is in it); behind it `;type=…` and `;filename=…`.
pub(crate) fn read(texts: &[String]) -> Result<Vec<Part>, Card> {
    texts.iter().map(|text| one(text)).collect()
}

fn one(text: &str) -> Result<Part, Card> {
    let (name, mut rest) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
        // It may be a secret whose name was forgotten: it is not repeated.
        Card::usage("what -F says is no part of a form", "expected NAME=VALUE, NAME=@FILE or NAME=<FILE", "example: -F picture=@door.png")
    })?;
    let (mut media_type, mut file_name) = (None, None);
    while let Some((before, last)) = rest.rsplit_once(';') {
        if let Some(said) = last.strip_prefix("type=") {
            media_type = Some(said.to_owned());
        } else if let Some(said) = last.strip_prefix("filename=") {
            file_name = Some(said.trim_matches('"').to_owned());
        } else {
            break;
        }
        rest = before;
    }
    if let Some(bad) = media_type.as_ref().filter(|said| HeaderValue::from_str(said).is_err()) {
        return Err(Card::usage(
            format!("\"{}\" is no media type", printable(bad)),
            "a header cannot carry it",
            "example: ;type=image/png",
        ));
    }
    let mut part = match (rest.strip_prefix('@'), rest.strip_prefix('<')) {
        (Some(file), _) => Part::file(name, file)?,
        (_, Some(file)) => Part::field(name, read_file(file)?),
        _ => Part::field(name, rest.as_bytes().to_vec()),
    };
    part.media_type = media_type.or(part.media_type);
    part.file_name = file_name.or(part.file_name);
    Ok(part)
}

/// A form, ready to be sent.
pub(crate) struct Form {
    boundary: String,
    bytes: Vec<u8>,
}

impl Form {
    /// Of these parts. The boundary is drawn at random, so that no part can have it in it but by being told (RFC 2046 §5.1.1).
    pub(crate) fn of(parts: Vec<Part>) -> Result<Self, Card> {
        let mut drawn = [0; 16];
        OsEntropy.fill(&mut drawn);
        let boundary: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
        let bytes = written(&parts, &boundary);
        if bytes.len() as u64 > LARGEST {
            return Err(Card::usage(
                "cannot send the form",
                "it is larger than 64 MiB",
                "send it with a program that uses the library, which streams",
            ));
        }
        Ok(Self { boundary, bytes })
    }

    /// What it is.
    pub(crate) fn media_type(&self) -> HeaderValue {
        HeaderValue::from_str(&format!("multipart/form-data; boundary={}", self.boundary)).expect("hexadecimal digits fit a header")
    }

    /// What is sent.
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.bytes
    }
}

fn written(parts: &[Part], boundary: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&part.name)).as_bytes());
        if let Some(name) = &part.file_name {
            out.extend_from_slice(format!("; filename=\"{}\"", quoted(name)).as_bytes());
        }
        if let Some(media_type) = &part.media_type {
            out.extend_from_slice(format!("\r\nContent-Type: {media_type}").as_bytes());
        }
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&part.bytes);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
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
        String::from_utf8(written(&parts, "B")).expect("text").replace("\r\n", "\n")
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
    fn a_name_cannot_add_headers() {
        let text = shown(&["a\"\r\nX: y=1;filename=\r\n\"z", "b=1;type=text/plain"]);
        assert!(text.contains("name=\"a%22%0D%0AX: y\"; filename=\"%0D%0A%22z\""), "{text}");
        for bad in ["hunter2", "=hunter2", "a=1;type=text/plain\r\nX: y", "a=@/no/such/hunter"] {
            assert!(one(bad).is_err_and(|card| !format!("{card:?}").contains("hunter2")), "{bad}");
        }
    }

    #[test]
    fn a_boundary_is_never_twice_the_same() {
        let form = |_| Form::of(vec![Part::field("a", b"b".to_vec())]).expect("a form").boundary;
        assert_ne!(form(1), form(2));
    }
}
