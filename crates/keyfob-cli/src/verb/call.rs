//! `keyfob get`, `post`, `put`, `patch`, `delete` and `request`: a signed call.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use clap::Args;
use http::{HeaderValue, Method};
use keyfob::proto::scrub::printable;
use keyfob::{Answer, Body, Session};
use serde_json::{Map, Value, json};

use crate::card::{Card, Doing};
use crate::context::{Context, Opened};
use crate::dry::DryRun;
use crate::exit::Exit;
use crate::items::Items;
use crate::output::{Output, without_terminal_controls, written};
use crate::pretty::pretty;

/// The most that a request may carry.
const LARGEST: u64 = 64 << 20;

/// A call of a method that the verb says.
#[derive(Args, Debug)]
pub(crate) struct Call {
    /// The account
    name: String,
    /// The path (relative to the API's base), or a whole URL
    path: String,
    /// a==1 query, a=b form field, a:=1 JSON field, Name:value header
    #[arg(value_name = "ITEM")]
    items: Vec<String>,
    /// The body: text, @FILE, or @- for stdin
    #[arg(short, long, value_name = "DATA", allow_hyphen_values = true)]
    data: Option<String>,
    /// Send the fields as JSON instead of a form
    #[arg(long)]
    json_body: bool,
    /// Show the head of the answer, too; with --json, as an object of status, headers and body
    #[arg(short, long)]
    include: bool,
    /// Write the body of the answer to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with 5, and print no body, if the answer is an error (also one that the provider tells with status 200)
    #[arg(short, long)]
    fail: bool,
    /// Show the request instead of sending it, secrets masked
    #[arg(long)]
    dry_run: bool,
    /// Show each step of the signature instead of sending it (OAuth 1)
    #[arg(long, conflicts_with = "dry_run")]
    explain: bool,
}

/// A call of any method.
#[derive(Args, Debug)]
pub(crate) struct Request {
    /// The method: GET, OPTIONS, …
    #[arg(value_parser = method)]
    method: Method,
    #[command(flatten)]
    call: Call,
}

impl Request {
    pub(crate) async fn run(self, context: &Context) -> Result<(), Card> {
        run(self.method, self.call, context).await
    }
}

pub(crate) async fn run(method: Method, args: Call, context: &Context) -> Result<(), Card> {
    let items = Items::read(&args.items)?;
    let body = body(&method, &args, &items)?;
    let opened = context.open_account(&args.name).await?;
    if args.dry_run {
        return dry_run(&opened, &context.out, |session| Ok(prepared(session, method, &args, items, body))).await;
    }
    let session = opened.session().await?;
    let call = prepared(&session, method, &args, items, body);
    let what = format!("cannot call {}", opened.account.name);
    if args.explain {
        let explanation = call.explain().doing(what)?;
        return explain(&explanation, &context.out);
    }
    let answer = call.send().await.doing(what.as_str())?;
    show(answer, &session, &args, &context.out, &what).await
}

fn prepared(session: &Session, method: Method, args: &Call, items: Items, body: Option<(HeaderValue, Vec<u8>)>) -> keyfob::Call {
    let mut call = session.call(method, args.path.clone());
    for (name, value) in items.query {
        call = call.query(name, value);
    }
    for (name, value) in &items.headers {
        call = call.header(name.clone(), value.clone());
    }
    match body {
        Some((media_type, bytes)) => call.body(media_type, bytes),
        None => call,
    }
}

/// Shows what a call would send.
pub(crate) async fn dry_run(opened: &Opened, out: &Output, call: impl FnOnce(&Session) -> Result<keyfob::Call, Card>) -> Result<(), Card> {
    let what = format!("cannot prepare a call of {}", opened.account.name);
    let dry = DryRun::new(opened.store.clone(), &opened.account.tokens);
    let session = dry.keyfob.session(opened.settings.clone(), opened.app.clone(), &opened.account.name).await.doing(what.as_str())?;
    call(&session)?.send().await.doing(what)?;
    let Some(kept) = dry.kept() else { return Ok(()) };
    let scrubber = session.scrubber();
    if out.json { out.json(&kept.json(&scrubber)) } else { out.data(&without_terminal_controls(&kept.text(&scrubber))) }
}

fn explain(explanation: &keyfob::proto::oauth1::Explanation, out: &Output) -> Result<(), Card> {
    if out.json {
        return out.json(&json!({
            "base_uri": explanation.base_uri,
            "parameters": explanation.parameters,
            "normalised": explanation.normalised,
            "base_string": explanation.base_string,
            "key": explanation.key_shape,
            "signature_method": explanation.method,
            "signature": explanation.signature,
        }));
    }
    out.data(&without_terminal_controls(&explanation.to_string()))
}

/// What is sent: `-d`, or the fields.
fn body(method: &Method, args: &Call, items: &Items) -> Result<Option<(HeaderValue, Vec<u8>)>, Card> {
    const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let json = args.json_body || items.has_json();
    let said = items.content_type.clone();
    if args.data.is_some() && !items.fields.is_empty() {
        return Err(Card::usage("there are two bodies", "expected either -d DATA or fields (a=b, a:=1)", "leave one of them away"));
    }
    if let Some(data) = &args.data {
        return Ok(Some((said.unwrap_or(if json { JSON } else { FORM }), read(data)?)));
    }
    if items.fields.is_empty() && !args.json_body {
        return Ok(None);
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return Err(Card::usage(
            format!("{method} carries no fields"),
            "a=b is a field of the body, which a GET has not",
            "for the query write a==b; to send the field: keyfob post",
        ));
    }
    let bytes = if json { items.json() } else { items.form() };
    Ok(Some((said.unwrap_or(if json { JSON } else { FORM }), bytes)))
}

fn read(data: &str) -> Result<Vec<u8>, Card> {
    let Some(file) = data.strip_prefix('@') else { return Ok(data.as_bytes().to_vec()) };
    let what = format!("cannot read {}", if file == "-" { "stdin" } else { file });
    let mut bytes = Vec::new();
    let read = match file {
        "-" => io::stdin().lock().take(LARGEST + 1).read_to_end(&mut bytes),
        file => File::open(file).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)),
    };
    read.map_err(|error| Card::io(what.as_str(), &error, "check the name and who may read the file").exiting(Exit::Usage))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Card::usage(what, "it is larger than 64 MiB", "send it with a program that uses the library, which streams"));
    }
    Ok(bytes)
}

async fn show(answer: Answer, session: &Session, args: &Call, out: &Output, what: &str) -> Result<(), Card> {
    let status = answer.status();
    let headers = answer.headers().clone();
    let failed = |error: &keyfob::Error| {
        let card = Card::of(what, error);
        if matches!(error, keyfob::Error::Api(_)) { card.exiting(Exit::Http) } else { card }
    };
    if out.json && args.include && args.output.is_none() {
        let bytes = if args.fail { answer.read().await.map_err(|error| failed(&error))? } else { answer.bytes().await.doing(what)? };
        return out.json(&envelope(status, &headers, &bytes));
    }
    // Some providers say errors with status 200: then the body has to be looked at before any of it is printed.
    let judge_first = args.fail && (!status.is_success() || session.settings().api.failed.iter().any(|signal| signal.needs_body(status)));
    let answer = if judge_first {
        Whole::Bytes(answer.read().await.map_err(|error| failed(&error))?)
    } else {
        Whole::Stream(answer.into_http().into_body())
    };
    if !status.is_success() && !status.is_redirection() {
        out.note(&out.note_paint().warn(&format!("HTTP {status}")));
    }
    if args.include {
        out.data(&head(status, &headers, session))?;
    }
    match &args.output {
        Some(path) if path.as_os_str() != "-" => {
            let trouble =
                |error: io::Error| Card::io(format!("cannot write {}", path.display()), &error, "check the name, the folder and the disk");
            let mut file = File::create(path).map_err(trouble)?;
            copy(answer, what, |piece| file.write_all(piece).map_err(trouble)).await
        }
        None if out.to_person && !out.json => for_a_person(answer.all(what).await?, &headers, session, out),
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
            Self::Stream(body) => body.bytes(LARGEST as usize).await.doing(what),
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

/// On a terminal, JSON is indented, and nothing can command the terminal or show a secret that the server echoes.
fn for_a_person(bytes: Vec<u8>, headers: &http::HeaderMap, session: &Session, out: &Output) -> Result<(), Card> {
    let count = bytes.len();
    let Ok(text) = String::from_utf8(bytes) else {
        let kind = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("no known kind");
        out.note(&out.note_paint().dim(&format!("({count} bytes of {}, which is no text; -o FILE keeps them)", printable(kind))));
        return Ok(());
    };
    let text = without_terminal_controls(&session.scrubber().mask(&text));
    let text = pretty(&text, out.paint()).unwrap_or(text);
    if text.is_empty() { Ok(()) } else { out.data(text.trim_end_matches('\n')) }
}

fn head(status: http::StatusCode, headers: &http::HeaderMap, session: &Session) -> String {
    let scrubber = session.scrubber();
    let mut lines = vec![format!("HTTP {status}")];
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        lines.push(format!("{name}: {}", without_terminal_controls(&scrubber.mask(&value))));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn envelope(status: http::StatusCode, headers: &http::HeaderMap, bytes: &[u8]) -> Value {
    let mut named = Map::new();
    for name in headers.keys() {
        let values: Vec<String> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        named.insert(name.to_string(), Value::from(values.join(", ")));
    }
    let body = serde_json::from_slice(bytes).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes).into_owned()));
    json!({"status": status.as_u16(), "headers": named, "body": body})
}

fn method(text: &str) -> Result<Method, String> {
    let method = Method::from_bytes(text.to_ascii_uppercase().as_bytes()).map_err(|_| "expected a method such as GET".to_owned())?;
    // A tunnel is no call, and TRACE sends the credentials back.
    if matches!(method, Method::CONNECT | Method::TRACE) { Err(format!("{method} is not sent")) } else { Ok(method) }
}
