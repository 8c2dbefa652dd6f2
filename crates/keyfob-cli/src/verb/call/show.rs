//! The answer of a call, as it came: to a file, a pipe or a person.

use std::io::{self, Write};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use keyfob::proto::scrub::printable;
use keyfob::{Body, Session};
use serde_json::{Map, Value, json};

use super::Call;
use super::charset::{Charset, media_type};
use super::download::Download;
use super::follow::{self, Came, unread};
use crate::card::{Card, Doing};
use crate::mask::Cleaner;
use crate::output::{Output, without_terminal_controls, written};
use crate::pretty::pretty;
use crate::progress::Progress;
use crate::request::LARGEST;

/// The answer as it came.
pub(super) async fn show(answer: Came, session: &Session, args: &Call, out: &Output, what: &str) -> Result<(), Card> {
    let status = answer.status();
    let headers = answer.headers().clone();
    // Some providers say errors with status 200: then the body has to be looked at before any of it is printed. A redirect is no error, as with curl.
    let judge_first = args.fail && !status.is_redirection() && answer.may_be_error();
    let file = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    if out.json && args.include && file.is_none() {
        let bytes = if judge_first { answer.read(what, &session.account()).await? } else { answer.bytes(what).await? };
        return out.json(&envelope(status, &headers, Some(&bytes), session, out));
    }
    let answer = if judge_first { Whole::Bytes(answer.read(what, &session.account()).await?) } else { Whole::Stream(answer.into_body()) };
    if !status.is_success() && !status.is_redirection() {
        out.note(&out.note_paint().warn(&format!("HTTP {status}")));
    }
    // What it leads to was asked for, and is not here.
    if follow::leads(status) && !args.location {
        let there =
            follow::place(&headers, session).map_or_else(String::new, |there| format!(" → {there} (-L follows it, -i shows all of it)"));
        out.note(&out.note_paint().warn(&format!("HTTP {status}{there}")));
    }
    match (args.include, out.json) {
        (false, _) => {}
        (true, true) => out.json(&envelope(status, &headers, None, session, out))?,
        (true, false) => out.data(&head(status, &headers, session))?,
    }
    match file {
        Some(path) => {
            let trouble =
                |error: io::Error| Card::io(format!("cannot write {}", path.display()), &error, "check the name, the folder and the disk");
            let mut file = Download::begin(path).map_err(trouble)?;
            let mut progress = Progress::of(&headers, out);
            copy(answer, what, |piece| {
                progress.more(piece.len());
                file.write(piece).map_err(trouble)
            })
            .await?;
            file.finish().map_err(trouble)
        }
        None if out.to_person && args.output.is_none() => match answer {
            Whole::Stream(body) if comes_in_pieces(&headers) => as_it_comes(body, &headers, session, what).await,
            answer => for_a_person(answer.all(what).await?, &headers, session, out),
        },
        _ => {
            let mut stdout = io::stdout().lock();
            copy(answer, what, |piece| written(stdout.write_all(piece))).await?;
            written(stdout.flush())
        }
    }
}

/// A body, there already or still on its way.
enum Whole {
    Bytes(Vec<u8>),
    Stream(Body),
}

impl Whole {
    async fn all(self, what: &str) -> Result<Vec<u8>, Card> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Stream(body) => body.bytes(LARGEST as usize).await.map_err(|error| unread(what, error)),
        }
    }
}

async fn copy(answer: Whole, what: &str, mut write: impl FnMut(&[u8]) -> Result<(), Card>) -> Result<(), Card> {
    match answer {
        Whole::Bytes(bytes) => write(&bytes),
        Whole::Stream(mut body) => {
            while let Some(piece) = body.chunk().await.doing(what)? {
                write(&piece)?;
            }
            Ok(())
        }
    }
}

/// A JSON value on each line. None of the names is registered; all are in use.
pub(super) const OF_LINES: [&str; 4] = ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];

/// Whether there is something to see before the end is there: messages that are sent as they happen, and text whose length nobody knows yet. One JSON
/// document is indented once it is whole.
fn comes_in_pieces(headers: &HeaderMap) -> bool {
    let kind = media_type(headers);
    let is_of_messages = OF_LINES.contains(&kind.as_str()) || ["text/event-stream", "application/json-seq"].contains(&kind.as_str());
    let is_long = kind.starts_with("text/") && kind != "text/json" && !headers.contains_key(CONTENT_LENGTH);
    is_of_messages || is_long && Charset::of(headers) != Charset::Other
}

/// On a terminal, what has come is shown while the rest is on its way; as safe as if it had come at once.
async fn as_it_comes(mut body: Body, headers: &HeaderMap, session: &Session, what: &str) -> Result<(), Card> {
    let charset = Charset::of(headers);
    let (mut masker, mut cleaner) = (session.scrubber().masker(), Cleaner::default());
    let (mut stdout, mut last) = (io::stdout().lock(), b'\n');
    let mut show = |masked: &[u8], is_end: bool| {
        let mut shown = cleaner.push(masked);
        last = shown.last().copied().unwrap_or(last);
        if is_end && last != b'\n' {
            shown.push(b'\n');
        }
        written(stdout.write_all(&shown).and_then(|()| stdout.flush()))
    };
    let outcome = loop {
        match body.chunk().await.doing(what) {
            Ok(Some(piece)) => show(&masker.push(&charset.utf8(&piece)), false)?,
            Ok(None) => break Ok(()),
            Err(card) => break Err(card),
        }
    };
    show(&masker.end(), true)?;
    outcome
}

/// On a terminal, JSON is indented, and nothing can command the terminal or show a secret that the server echoes.
fn for_a_person(bytes: Vec<u8>, headers: &HeaderMap, session: &Session, out: &Output) -> Result<(), Card> {
    let count = bytes.len();
    let Ok(text) = String::from_utf8(Charset::of(headers).utf8(&bytes).into_owned()) else {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("no known kind");
        out.note(&out.note_paint().dim(&format!("({count} bytes of {}, which is no text; -o FILE keeps them)", printable(kind))));
        return Ok(());
    };
    let text = without_terminal_controls(&session.scrubber().mask(&text));
    let text = pretty(&text, out.paint()).unwrap_or(text);
    if text.is_empty() { Ok(()) } else { out.data(text.trim_end_matches('\n')) }
}

fn head(status: StatusCode, headers: &HeaderMap, session: &Session) -> String {
    let scrubber = session.scrubber();
    let mut lines = vec![format!("HTTP {status}")];
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        lines.push(format!("{name}: {}", without_terminal_controls(&scrubber.mask(&value))));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The answer as an object; a body that goes to a file is not in it.
fn envelope(status: StatusCode, headers: &HeaderMap, body: Option<&[u8]>, session: &Session, out: &Output) -> Value {
    let scrubber = session.scrubber();
    // A program gets it as it is, a person without the secrets that the server echoes.
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        if out.to_person { scrubber.mask(&text) } else { text.into_owned() }
    };
    let mut named = Map::new();
    for name in headers.keys() {
        let values: Vec<String> = headers.get_all(name).iter().map(|value| text(value.as_bytes())).collect();
        // RFC 9110 §5.3: what sets cookies is no list, and a comma may stand in each.
        let value = if *name == SET_COOKIE { Value::from(values) } else { Value::from(values.join(", ")) };
        named.insert(name.to_string(), value);
    }
    let body = body.map(text).map(|body| serde_json::from_str(&body).unwrap_or_else(|_| Value::from(body)));
    json!({"status": status.as_u16(), "headers": named, "body": body})
}
