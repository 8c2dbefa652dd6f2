//! A call as another program takes it (`--print`): for curl, as it goes over the line, or as HTTP Archive. Nothing is sent, and nothing secret shown
//! unless that is asked for.

use clap::ValueEnum;
use keyfob::Session;
use keyfob::proto::encode;
use serde_json::{Value, json};

use crate::account::now;
use crate::between::Ready;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::context::Opened;
use crate::dry::DryRun;
use crate::moment;
use crate::output::without_terminal_controls;

/// What a request is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum As {
    /// A command line for curl
    Curl,
    /// As it goes over the line (HTTP/1.1)
    Http,
    /// HTTP Archive 1.2
    Har,
}

/// A request in text.
pub(crate) struct Shown {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

pub(super) async fn run(
    shape: As,
    opened: &Opened,
    call: impl FnOnce(&Session) -> keyfob::Call,
    secrets: bool,
    context: &Context,
) -> Result<(), Card> {
    let shown = if secrets {
        Ready::prepare(opened, context, call).await?.shown()
    } else {
        let what = format!("cannot prepare a call of {}", opened.account.name);
        let dry = DryRun::new(opened.store.clone(), &opened.account.tokens);
        let session = dry.keyfob.session(opened.settings.clone(), opened.app.clone(), &opened.account.name).await.doing(what.as_str())?;
        call(&session).send().await.doing(what)?;
        let Some(kept) = dry.kept() else { return Ok(()) };
        kept.shown(&session.scrubber())
    };
    let out = &context.out;
    match shape {
        As::Curl => out.data(&without_terminal_controls(&curl(&shown))),
        As::Http => out.data(&without_terminal_controls(&http(&shown))),
        As::Har => out.json(&har(&shown)),
    }
}

/// What a shell takes for one word.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn curl(shown: &Shown) -> String {
    let mut lines = vec![format!("curl --globoff --path-as-is -X {} {}", shown.method, quoted(&shown.url))];
    lines.extend(shown.headers.iter().map(|(name, value)| format!("  -H {}", quoted(&format!("{name}: {value}")))));
    lines.extend(shown.body.iter().map(|body| format!("  --data-raw {}", quoted(body))));
    lines.join(" \\\n")
}

fn http(shown: &Shown) -> String {
    let rest = shown.url.split_once("://").map_or(shown.url.as_str(), |(_, rest)| rest);
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let mut lines = vec![format!("{} {target} HTTP/1.1", shown.method), format!("host: {host}")];
    lines.extend(shown.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    if let Some(body) = &shown.body {
        lines.push(format!("content-length: {}", body.len()));
    }
    lines.push(String::new());
    lines.extend(shown.body.clone());
    lines.join("\n")
}

fn har(shown: &Shown) -> Value {
    let pair = |name: &str, value: &str| json!({"name": name, "value": value});
    let headers: Vec<Value> = shown.headers.iter().map(|(name, value)| pair(name, value)).collect();
    let query = shown.url.split_once('?').map_or("", |(_, query)| query);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let query: Vec<Value> = encode::decode_pairs(query.as_bytes()).map(|(name, value)| pair(&text(name), &text(value))).collect();
    let kind = shown.headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value.as_str());
    let mut request = json!({
        "method": shown.method,
        "url": shown.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers,
        "queryString": query,
        "headersSize": -1,
        "bodySize": shown.body.as_ref().map_or(0, String::len),
    });
    if let Some(body) = &shown.body {
        request["postData"] = json!({"mimeType": kind, "text": body});
    }
    // It was not sent, so there is no answer: the format has no way to leave it away.
    let response = json!({
        "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [], "redirectURL": "", "headersSize": -1, "bodySize": -1,
        "content": {"size": 0, "mimeType": ""},
    });
    let entry = json!({
        "startedDateTime": moment::utc(now()),
        "time": 0,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
    });
    json!({"log": {"version": "1.2", "creator": {"name": "keyfob", "version": env!("CARGO_PKG_VERSION")}, "entries": [entry]}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Shown {
        Shown {
            method: "POST".into(),
            url: "https://a.example/x?q=it's".into(),
            headers: vec![("content-type".into(), "text/plain".into())],
            body: Some("two\nlines".into()),
        }
    }

    #[test]
    fn what_is_printed_can_be_pasted() {
        assert_eq!(
            curl(&shown()),
            "curl --globoff --path-as-is -X POST 'https://a.example/x?q=it'\\''s' \\\n  -H 'content-type: text/plain' \\\n  --data-raw 'two\nlines'"
        );
        assert_eq!(http(&shown()), "POST /x?q=it's HTTP/1.1\nhost: a.example\ncontent-type: text/plain\ncontent-length: 9\n\ntwo\nlines");
        let har = har(&shown());
        assert_eq!(har["log"]["entries"][0]["request"]["queryString"][0]["value"], "it's");
        assert_eq!(har["log"]["entries"][0]["request"]["postData"]["text"], "two\nlines");
    }
}
