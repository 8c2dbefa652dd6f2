//! Request items as people write them behind a path: `a==1` (query), `H:v` (header; `H;` without a value), `a=b` (field), `a:=1` (JSON),
//! `a@FILE` (upload); `a=@FILE` and `a:=@FILE` are fields of what is in a file, and `a=\@b` is the text `@b`.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use keyfob::proto::Secret;
use keyfob::proto::scrub::printable;
use serde_json::value::RawValue;

use crate::card::Card;
use crate::multipart::Part;
use crate::request::read_file;

/// What the items of a request come to.
#[derive(Debug, Default)]
pub(crate) struct Items {
    /// Query parameters.
    pub(crate) query: Vec<(String, String)>,
    /// Headers, but for the content type.
    pub(crate) headers: HeaderMap,
    /// The content type, where a header said it.
    pub(crate) content_type: Option<HeaderValue>,
    /// Fields of the body.
    pub(crate) fields: Vec<(String, Field)>,
    /// Files of the body, by their fields' names: with one, it is a multipart form.
    pub(crate) files: Vec<(String, String)>,
    /// What is in headers that a file said: it was kept from being seen.
    pub(crate) kept_back: Vec<Secret>,
}

/// A field of the body.
#[derive(Debug)]
pub(crate) enum Field {
    /// `a=b`.
    Text(String),
    /// `a:=1`, as it was written: no digit of a number is lost, and members stay in their order.
    Json(Box<RawValue>),
}

impl Items {
    /// Reads them all.
    pub(crate) fn read(texts: &[String]) -> Result<Self, Card> {
        let mut items = Self::default();
        for (at, text) in texts.iter().enumerate() {
            let (name, separator, value) = split(text).ok_or_else(|| {
                wrong(
                    &format!("item {} of {}", at + 1, texts.len()),
                    "expected NAME==VALUE (query), NAME=VALUE (field), NAME:=JSON, NAME@FILE or NAME:VALUE (header)",
                )
            })?;
            match separator {
                "==" => items.query.push((name, value)),
                ":=" | ":=@" => {
                    let value = if separator == ":=" { unescaped(value) } else { text_of(&name, separator, &value)? };
                    let json = serde_json::from_str(&value).map_err(|error| {
                        wrong(&shown(&name, separator), &format!("what stands behind := is no JSON: {error}; a text is written NAME=TEXT"))
                    })?;
                    items.fields.push((name, Field::Json(json)));
                }
                "=" => items.fields.push((name, Field::Text(unescaped(value)))),
                "=@" => {
                    let text = text_of(&name, separator, &value)?;
                    items.fields.push((name, Field::Text(text)));
                }
                "@" => items.files.push((name, value)),
                ":" if value.trim().is_empty() => return Err(taken_away("an item", &name)),
                _ => items.header(&name, &value)?,
            }
        }
        Ok(items)
    }

    /// Whether the fields want to be JSON.
    pub(crate) fn has_json(&self) -> bool {
        self.fields.iter().any(|(_, field)| matches!(field, Field::Json(_)))
    }

    /// The fields as a form.
    pub(crate) fn form(&self) -> Vec<u8> {
        let text = |field: &Field| match field {
            Field::Text(text) => text.clone(),
            Field::Json(json) => json.get().to_owned(),
        };
        let pairs: Vec<(&str, String)> = self.fields.iter().map(|(name, field)| (name.as_str(), text(field))).collect();
        keyfob::proto::encode::form_pairs(pairs.iter().map(|(name, value)| (*name, value.as_str()))).into_bytes()
    }

    /// The fields as a JSON object, in the order in which they were said.
    pub(crate) fn json(&self) -> Result<Vec<u8>, Card> {
        let is_said_before = |at: usize| self.fields[..at].iter().any(|(name, _)| *name == self.fields[at].0);
        if let Some(at) = (0..self.fields.len()).find(|at| is_said_before(*at)) {
            let name = printable(&self.fields[at].0);
            return Err(Card::usage(
                format!("the field {name} is there twice"),
                "a JSON object has a name once: of two, one would be lost",
                format!("leave one away; a list is written {name}:='[\"a\", \"b\"]'"),
            ));
        }
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let member = |(name, field): &(String, Field)| match field {
            Field::Text(text) => format!("{}:{}", quoted(name), quoted(text)),
            Field::Json(json) => format!("{}:{}", quoted(name), json.get()),
        };
        Ok(format!("{{{}}}", self.fields.iter().map(member).collect::<Vec<_>>().join(",")).into_bytes())
    }

    /// Fields and files as parts of a multipart form, in the order of their kinds.
    pub(crate) fn parts(&self) -> Result<Vec<Part>, Card> {
        let text = |(name, field): &(String, Field)| match field {
            Field::Text(text) => Part::field(name, text.clone().into_bytes()),
            Field::Json(json) => Part::field(name, json.get().as_bytes().to_vec()),
        };
        let files = self.files.iter().map(|(name, file)| Part::file(name, file));
        self.fields.iter().map(|field| Ok(text(field))).chain(files).collect()
    }

    /// `Name: value`, as curl's `-H` has it; `Name;` is a header without a value.
    pub(crate) fn header_line(&mut self, line: &str) -> Result<(), Card> {
        if let Some(name) = line.strip_suffix(';').filter(|name| !name.contains(':')) {
            return self.header(name, "");
        }
        let (name, value) = line.split_once(':').ok_or_else(|| {
            // The line may be a secret: it is not repeated.
            Card::usage("what -H says is no header", "expected NAME: VALUE", "example: -H 'Accept: text/csv'")
        })?;
        if value.trim().is_empty() {
            return Err(taken_away("-H", name));
        }
        self.header(name, value)
    }

    /// The same of a file, which keeps what is not to be seen.
    pub(crate) fn header_line_of_file(&mut self, line: &str) -> Result<(), Card> {
        let mut of_file = Self::default();
        of_file.header_line(line)?;
        self.content_type = of_file.content_type.or(self.content_type.take());
        for (name, value) in &mut of_file.headers {
            value.set_sensitive(true);
            self.kept_back.push(Secret::new(String::from_utf8_lossy(value.as_bytes())));
            self.headers.append(name, value.clone());
        }
        Ok(())
    }

    fn header(&mut self, name: &str, value: &str) -> Result<(), Card> {
        let item = shown(name, ":");
        let name = HeaderName::try_from(name).map_err(|_| wrong(&item, "this is no header's name"))?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong(&item, "this is no header's value"))?;
        if name == AUTHORIZATION {
            return Err(Card::usage(
                "the Authorization header is not yours to set",
                "the account sets it; and a secret on the command line is in the shell's history",
                "leave it away",
            ));
        }
        // One that is not true cuts the body off, or has the server wait for what never comes (RFC 9112 §6.3); and OAuth 1 has signed all of it.
        if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
            let said = if name == CONTENT_LENGTH { "Content-Length" } else { "Transfer-Encoding" };
            return Err(Card::usage(
                format!("the {said} header is not yours to set"),
                "it says how long the body is, which is seen when it is sent",
                "leave it away",
            ));
        }
        if name == CONTENT_TYPE {
            self.content_type = Some(value);
        } else {
            self.headers.append(name, value);
        }
        Ok(())
    }
}

/// A header with nothing behind its colon is none, in curl and HTTPie.
fn taken_away(by: &str, name: &str) -> Card {
    Card::usage(
        format!("{by} would take the header {} away", printable(name)),
        "a call has no headers but those that were said, and those of its authorization",
        "leave it away; a header without a value is written NAME;",
    )
}

/// What is in a file, as text. Somebody may have meant a text that begins with `@`, a password say: what stands there is not repeated.
fn text_of(name: &str, separator: &str, file: &str) -> Result<String, Card> {
    let (name, file_of) = (printable(name), format!("the file named after {}{separator}", printable(name)));
    let bytes = read_file(file).map_err(|card| {
        let text = if separator == "=@" { format!("; a text that begins with @ is written {name}=\\@…") } else { String::new() };
        card.called(format!("cannot read {file_of}")).advising(format!("check its name and who may read it{text}"))
    })?;
    String::from_utf8(bytes)
        .map_err(|_| Card::usage(format!("{file_of} is no text"), "a field of the body is text", format!("to upload a file: {name}@FILE")))
}

/// `\@` at the beginning of a value is an `@` that names no file; `\\@` is `\@`.
fn unescaped(value: String) -> String {
    match value.strip_prefix('\\') {
        Some(rest) if rest.trim_start_matches('\\').starts_with('@') => rest.to_owned(),
        _ => value,
    }
}

/// An item in an error: its value may be a secret, and is not repeated.
fn shown(name: &str, separator: &str) -> String {
    format!("\"{}{separator}…\"", printable(name))
}

fn wrong(item: &str, why: &str) -> Card {
    Card::usage(format!("{item} is no request item"), why, "example: keyfob get telldus /json/devices/list supportedMethods==3")
}

/// Name, separator, value. The first separator counts; of those at the same place, the longest. `\` takes a character's meaning away.
fn split(text: &str) -> Option<(String, &'static str, String)> {
    let mut name = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '\\' && rest[1..].starts_with([':', '=', '@', '\\']) {
            name.push_str(&rest[1..2]);
            rest = &rest[2..];
            continue;
        }
        if let Some(separator) = [":=@", ":=", "==", "=@", "=", ":", "@"].into_iter().find(|separator| rest.starts_with(separator)) {
            return (!name.is_empty()).then(|| (name, separator, rest[separator.len()..].to_owned()));
        }
        name.push(c);
        rest = &rest[c.len_utf8()..];
    }
    // A header without a value.
    name.strip_suffix(';').filter(|name| !name.is_empty()).map(|name| (name.to_owned(), ";", String::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<Items, Card> {
        Items::read(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    fn json(items: &Items) -> String {
        String::from_utf8(items.json().expect("each name once")).expect("text")
    }

    #[test]
    fn items_are_told_apart_by_their_first_separator() {
        let items = read(&["a==1", "b=x==y", "c:=[1,2]", "X-One: two", "X-Empty;", "url=http://x/?a=b", r"d\:e=f", "é==ü"]).expect("items");
        assert_eq!(items.query, [("a".to_owned(), "1".to_owned()), ("é".to_owned(), "ü".to_owned())]);
        assert_eq!((items.headers["x-one"].as_bytes(), items.headers["x-empty"].as_bytes()), (&b"two"[..], &b""[..]));
        assert!(items.has_json());
        assert_eq!(json(&items), r#"{"b":"x==y","c":[1,2],"url":"http://x/?a=b","d:e":"f"}"#);
        assert_eq!(items.form(), b"b=x%3D%3Dy&c=%5B1%2C2%5D&url=http%3A%2F%2Fx%2F%3Fa%3Db&d%3Ae=f");
    }

    #[test]
    fn what_was_written_is_what_is_sent() {
        let items = read(&[r#"z:={"b": 1.10, "a": 12345678901234567890123}"#, r#"a="\u{7f}é"#, "1=x", "big:=1e400"]).expect("items");
        assert_eq!(
            json(&items),
            "{\"z\":{\"b\": 1.10, \"a\": 12345678901234567890123},\"a\":\"\\\"\\\\u{7f}é\",\"1\":\"x\",\"big\":1e400}"
        );
        let twice = read(&["a=1", "b:=2", "a:=3"]).expect("items");
        assert!(twice.json().is_err_and(|card| card.what().contains("the field a is there twice")));
        assert_eq!(read(&["a=1", "a=2"]).expect("items").form(), b"a=1&a=2", "a form has both");
    }

    #[test]
    fn what_is_no_item_is_refused_with_its_reason() {
        for bad in
            ["path", "", "=x", "a:=nonsense", "a:={\"b\":1", "bad header:x", "bad header;", ";", "X-A:b\r\nC: d", "X-Gone:", "X-Gone: "]
        {
            assert!(read(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn j13_authorization_is_the_accounts() {
        let card = read(&["authorization:Bearer hunter2"]).expect_err("refused");
        assert!(!format!("{card:?}").contains("hunter2"));
    }

    #[test]
    fn a_header_line_is_as_curl_takes_it() {
        let mut items = Items::default();
        for line in ["X-One: two: three", "X-Empty;", "Content-Type: text/csv"] {
            items.header_line(line).expect("a header");
        }
        assert_eq!((items.headers["x-one"].as_bytes(), items.headers["x-empty"].as_bytes()), (&b"two: three"[..], &b""[..]));
        assert_eq!(items.content_type.expect("one"), "text/csv");
        for bad in ["X-Gone:", "hunter2", "a b: c", "Authorization: Bearer hunter2", "X: a\r\nY: b"] {
            let card = Items::default().header_line(bad).expect_err(bad);
            assert!(!format!("{card:?}").contains("hunter2"), "{bad}");
        }
    }

    #[test]
    fn a_file_is_a_field_or_an_upload() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.json").display().to_string();
        std::fs::write(&file, "[1]").expect("a file");
        let items = read(&[&format!("a=@{file}"), &format!("b:=@{file}"), &format!("c@{file}"), r"d\@e=f"]).expect("items");
        assert_eq!(json(&items), r#"{"a":"[1]","b":[1],"d@e":"f"}"#);
        assert_eq!(items.files, [("c".to_owned(), file)]);
        for item in ["password=@hunter2", "password:=@hunter2"] {
            let card = read(&[item]).expect_err("no such file");
            assert!(!format!("{card:?}").contains("hunter2"), "{card:?}");
        }
        assert!(read(&["a=@bob"]).is_err_and(|card| card.next().contains(r"a=\@…")));
    }

    #[test]
    fn a_text_may_begin_with_what_names_a_file() {
        let items = read(&[r"a=\@bob hi", r"b=\\@c", r"c=\d@e", r"d=\", r#"e:="\\@""#]).expect("items");
        assert_eq!(json(&items), r#"{"a":"@bob hi","b":"\\@c","c":"\\d@e","d":"\\","e":"\\@"}"#);
        assert!(read(&[r"a:=\@bob"]).is_err_and(|card| card.why().contains("no JSON")));
    }

    #[test]
    fn what_a_file_says_is_kept_back() {
        let mut items = Items::default();
        for line in ["X-Site: hunter2", "Content-Type: text/csv"] {
            items.header_line_of_file(line).expect("a header");
        }
        items.header_line("X-Mine: seen").expect("a header");
        assert!(items.headers["x-site"].is_sensitive() && !items.headers["x-mine"].is_sensitive());
        assert_eq!(items.content_type.as_ref().expect("one"), "text/csv");
        assert_eq!(items.kept_back.iter().map(Secret::expose).collect::<Vec<_>>(), ["hunter2"]);
        assert!(!format!("{items:?}").contains("hunter2"));
    }

    #[test]
    fn a_content_type_is_kept_apart() {
        let items = read(&["Content-Type: text/plain"]).expect("items");
        assert_eq!(items.content_type.expect("one"), "text/plain");
        assert!(items.headers.is_empty());
    }
}
