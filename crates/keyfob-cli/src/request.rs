//! What a call carries, as people write it behind a URL: items, and `-d`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use clap::Args;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use keyfob::Session;
use keyfob::proto::oauth1::BodyHash;
use keyfob::proto::scrub::printable;
use keyfob::proto::{Flow, Scrubber, Secret, Settings, encode};

use crate::card::Card;
use crate::exit::Exit;
use crate::items::Items;
use crate::multipart;
pub(crate) use crate::payload::LARGEST;
use crate::payload::Payload;
use crate::signal::{unless_stopped_reading, unless_stopped_reading_file};

/// What `-d` sends unless something else was said, as with curl.
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

// What a call carries, as it was typed.
#[derive(Args, Debug, Default)]
pub(crate) struct Content {
    /// a==1 query, a=b form field, a:=1 JSON field, a@FILE upload, Name:value header (Name; without a value); a=@FILE what is in a file, a=\@b the text @b
    #[arg(value_name = "ITEM")]
    items: Vec<String>,
    /// The body: text, @FILE, or @- for stdin; several are joined by &
    #[arg(short, long, value_name = "DATA", allow_hyphen_values = true)]
    data: Vec<String>,
    /// A header: 'Name: value', or @FILE with one on each line
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// A part of a multipart form (RFC 7578): NAME=VALUE, NAME=@FILE or NAME=<FILE, with ;type=… and ;filename=… behind it
    #[arg(short = 'F', long = "form", value_name = "PART")]
    parts: Vec<String>,
    /// Send the fields as JSON instead of a form
    #[arg(long)]
    json_body: bool,
}

/// The same, read: files and stdin, too, but for what is large, which is read when it is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carried {
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Option<(HeaderValue, Payload)>,
    /// The one file that the body is, where that can be read again.
    file: Option<String>,
    kept_back: Vec<Secret>,
}

impl Content {
    /// Reads what it says. stdin is read where `@-` says so, and never otherwise.
    pub(crate) fn read(&self, method: &Method) -> Result<Carried, Card> {
        let mut items = Items::read(&self.items)?;
        for header in &self.headers {
            match header.strip_prefix('@') {
                // A file keeps what must not be in the shell's history.
                Some(file) => {
                    let bytes = read_file(file)?;
                    let lines = String::from_utf8_lossy(&bytes).into_owned();
                    lines.lines().filter(|line| !line.trim().is_empty()).try_for_each(|line| items.header_line_of_file(line))?;
                }
                None => items.header_line(header)?,
            }
        }
        let body = self.body(method, &items)?;
        // A form may be its file without the end of the line.
        let length = body.as_ref().and_then(|(_, payload)| payload.length());
        let file = self.file().filter(|file| std::fs::metadata(file).is_ok_and(|about| Some(about.len()) == length));
        Ok(Carried { query: items.query, headers: items.headers, body, file, kept_back: items.kept_back })
    }

    /// Not a pipe that has a name, nor what is this process's own: they are empty, or another's, by then.
    fn file(&self) -> Option<String> {
        let [data] = &self.data[..] else { return None };
        let stays = |file: &Path| file.is_file() && !["/dev", "/proc"].iter().any(|folder| file.starts_with(folder));
        data.strip_prefix('@').filter(|file| *file != "-" && stays(Path::new(file))).map(str::to_owned)
    }

    fn body(&self, method: &Method, items: &Items) -> Result<Option<(HeaderValue, Payload)>, Card> {
        let said = items.content_type.clone();
        let has_fields = !items.fields.is_empty() || !items.files.is_empty();
        let json = self.json_body || items.has_json() || has_fields && said.as_ref().is_some_and(is_json);
        let has_parts = !self.parts.is_empty() || !items.files.is_empty();
        if [!self.data.is_empty(), !self.parts.is_empty(), has_fields].iter().filter(|there| **there).count() > 1 {
            return Err(Card::usage(
                "there are two bodies",
                "expected one of -d DATA, -F PART and fields (a=b, a:=1, a@FILE)",
                "leave the others away",
            ));
        }
        if !self.data.is_empty() {
            let is_form = said.as_ref().map_or(!json, is_form);
            let mut joined = Payload::default();
            for (at, data) in self.data.iter().enumerate() {
                if at > 0 {
                    joined.push(b"&".to_vec().into());
                }
                joined.push(match data.strip_prefix('@') {
                    None => data.as_bytes().to_vec().into(),
                    Some(file) if is_form => Payload::of_file(file)?.without_line_end(),
                    Some(file) => Payload::of_file(file)?,
                });
            }
            return Ok(Some((said.unwrap_or(if json { JSON } else { FORM }), joined)));
        }
        if !has_fields && !has_parts && !self.json_body {
            return Ok(None);
        }
        if matches!(*method, Method::GET | Method::HEAD) {
            return Err(Card::usage(
                format!("{method} carries no fields"),
                "a=b is a field of the body, which a GET has not",
                "for the query write a==b; to send the field: keyfob post",
            ));
        }
        if has_parts {
            if json || said.is_some() {
                return Err(Card::usage(
                    "files are sent as a multipart form",
                    "its content type has a boundary in it, which is made for it; and JSON has no files",
                    "leave the content type, --json-body and := away; a file that is the whole body: -d @FILE",
                ));
            }
            let parts = if has_fields { items.parts()? } else { multipart::read(&self.parts)? };
            let form = multipart::Form::of(parts);
            return Ok(Some((form.media_type(), form.payload())));
        }
        // The one would be sent under the name of the other.
        if let Some(other) = said.as_ref().filter(|said| !if json { is_json(said) } else { is_form(said) }) {
            let (are, typed) = if json { ("JSON", "--json-body or :=") } else { ("a form", "a=b") };
            return Err(Card::usage(
                format!("fields are sent as {are}, and not as {}", printable(&String::from_utf8_lossy(other.as_bytes()))),
                format!("{typed} says that they are {are}; a JSON type makes JSON of all fields"),
                "leave the content type away, or write the body yourself: -d DATA",
            ));
        }
        let bytes = if json { items.json()? } else { items.form() };
        Ok(Some((said.unwrap_or(if json { JSON } else { FORM }), bytes.into())))
    }
}

impl Carried {
    /// Whether a header was said.
    pub(crate) fn has_header(&self, name: &HeaderName) -> bool {
        self.headers.contains_key(name)
    }

    /// How many parameters the form has, if the body is one.
    pub(crate) fn form_pairs(&self) -> usize {
        match self.body() {
            Some((media_type, bytes)) if is_form(media_type) => encode::decode_pairs(&bytes).count(),
            _ => 0,
        }
    }

    /// What is sent, and what it is; if it is there.
    pub(crate) fn body(&self) -> Option<(&HeaderValue, Bytes)> {
        self.body.as_ref().and_then(|(media_type, payload)| Some((media_type, payload.bytes()?)))
    }

    /// The file that the body is, and what is in it; if that is one, and read.
    pub(crate) fn file(&self) -> Option<(&str, Bytes)> {
        self.file.as_deref().zip(self.body().map(|(_, bytes)| bytes))
    }

    /// Whether it has a body.
    pub(crate) const fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// Whether it can be sent again: what came from stdin and was large can not.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.body.as_ref().is_none_or(|(_, payload)| payload.is_repeatable())
    }

    /// Whether its body is read while it is sent: then nobody else sends it again after a refusal.
    pub(crate) fn is_streamed(&self) -> bool {
        self.has_body() && self.body().is_none()
    }

    /// Everything read: for what shows a call, and does not send it.
    pub(crate) fn whole(self) -> Result<Self, Card> {
        self.read_for("only what is sent may be larger: without --dry-run, --print and --explain")
    }

    /// Ready for an account of this provider: of a body that its signature covers, every byte has to be there before the first is sent.
    pub(crate) fn fit_for(self, settings: &Settings) -> Result<Self, Card> {
        let Flow::OAuth1(flow) = &settings.flow else { return Ok(self) };
        // RFC 5849 §3.4.1.3.1: a form's parameters are signed; the Body Hash extension signs everything else.
        let signed = self.body.as_ref().is_some_and(|(media_type, _)| is_form(media_type) || flow.body_hash != BodyHash::Off);
        if !signed {
            return Ok(self);
        }
        self.read_for(
            "OAuth 1 signs all of it, and so it has to fit into memory; what is no form: -H 'Content-Type: application/octet-stream'",
        )
    }

    fn read_for(mut self, why: &str) -> Result<Self, Card> {
        if let Some((_, payload)) = &mut self.body {
            *payload = payload.whole(why)?.to_vec().into();
        }
        Ok(self)
    }

    /// What goes along to where a redirect leads: its URL has a query of its own, and a GET has no body.
    pub(crate) fn onward(&self, body: bool) -> Self {
        Self { query: Vec::new(), body: self.body.clone().filter(|_| body), ..self.clone() }
    }

    /// The path with the query that was said beside it.
    pub(crate) fn query_of(&self, path: &str) -> String {
        let more = encode::form_pairs(self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let joint = if more.is_empty() {
            ""
        } else if path.contains('?') {
            "&"
        } else {
            "?"
        };
        format!("{path}{joint}{more}")
    }

    /// Knows what was said in files, too: a server may repeat it.
    pub(crate) fn known_to(&self, scrubber: Scrubber) -> Scrubber {
        self.kept_back.iter().fold(scrubber, Scrubber::knowing)
    }

    /// The headers that were said.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The call that carries it.
    pub(crate) fn call(self, session: &Session, method: Method, url: &str) -> keyfob::Call {
        let mut call = session.call(method, url);
        for (name, value) in self.query {
            call = call.query(name, value);
        }
        for (name, value) in &self.headers {
            call = call.header(name.clone(), value.clone());
        }
        match self.body {
            None => call,
            Some((media_type, payload)) => match payload.bytes() {
                Some(bytes) => call.body(media_type, bytes.to_vec()),
                None => call.header(CONTENT_TYPE, media_type).stream(payload.body()),
            },
        }
    }
}

/// A method as somebody types it.
pub(crate) fn method(text: &str) -> Result<Method, String> {
    let method = Method::from_bytes(text.to_ascii_uppercase().as_bytes()).map_err(|_| "expected a method such as GET".to_owned())?;
    // A tunnel is no call, and TRACE sends the credentials back.
    if matches!(method, Method::CONNECT | Method::TRACE) { Err(format!("{method} is not sent")) } else { Ok(method) }
}

fn is_form(media_type: &HeaderValue) -> bool {
    essence(media_type) == FORM.as_bytes()
}

/// By whatever name: `application/json`, `application/merge-patch+json`, `application/x-amz-json-1.1`.
fn is_json(media_type: &HeaderValue) -> bool {
    essence(media_type).split(|byte| !byte.is_ascii_alphanumeric()).any(|word| word == b"json")
}

/// Without its parameters (RFC 9110 §8.3.1).
fn essence(media_type: &HeaderValue) -> Vec<u8> {
    let essence = media_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().to_ascii_lowercase()
}

/// What is in a file, or on stdin (`-`).
pub(crate) fn read_file(file: &str) -> Result<Vec<u8>, Card> {
    let what = format!("cannot read {}", if file == "-" { "stdin" } else { file });
    let read = match file {
        "-" => unless_stopped_reading(|| all_of(io::stdin().lock()))?,
        file => unless_stopped_reading_file(Path::new(file), |path| all_of(File::open(path)?))?,
    };
    let bytes = read.map_err(|error| Card::io(what.as_str(), &error, "check the name and who may read the file").exiting(Exit::Usage))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Card::usage(what, "it is larger than 64 MiB", "what is sent as it is may be larger: -d @FILE, name@FILE, -F"));
    }
    Ok(bytes)
}

fn all_of(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
