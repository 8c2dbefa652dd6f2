//! A request as HTTP Archive 1.2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyfob::proto::encode;
use serde_json::{Value, json};

use super::Shown;
use crate::account::now;
use crate::moment;
use crate::output::is_control;

/// The archive, with one entry; indented for a person.
pub(super) fn archive(shown: &Shown, indented: bool) -> String {
    let archive = value(shown);
    let text = if indented { serde_json::to_string_pretty(&archive) } else { serde_json::to_string(&archive) };
    escaped(&text.unwrap_or_default())
}

/// JSON in which every character that a terminal would obey is a number. Those of its strings alone can be: RFC 8259 §7 takes them so.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_control(c) {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

fn value(shown: &Shown) -> Value {
    let pair = |name: &str, value: &str| json!({"name": name, "value": value});
    let headers: Vec<Value> = shown.headers.iter().map(|(name, value)| pair(name, value)).collect();
    let query = shown.url.split_once('?').map_or("", |(_, query)| query);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let query: Vec<Value> = encode::decode_pairs(query.as_bytes()).map(|(name, value)| pair(&text(name), &text(value))).collect();
    let mut request = json!({
        "method": shown.method,
        "url": shown.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers,
        "queryString": query,
        "headersSize": -1,
        "bodySize": shown.body.as_ref().map_or(0, Vec::len),
    });
    if let Some(body) = &shown.body {
        request["postData"] = posted(shown.content_type(), body);
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

/// HAR 1.2 has an encoding for what is answered, and none for what is sent. Names that begin with `_` are free, and this one is what programs that archive
/// bodies write and read.
fn posted(media_type: &str, body: &[u8]) -> Value {
    match std::str::from_utf8(body) {
        Ok(text) => json!({"mimeType": media_type, "text": text}),
        Err(_) => json!({
            "mimeType": media_type,
            "text": STANDARD.encode(body),
            "_encoding": "base64",
            "comment": "the body is no text: its bytes are in base64",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn a_body_comes_out_as_it_went_in() {
        let request = |body: &[u8]| {
            let text = archive(&example(body), false);
            assert!(text.chars().all(|c| !is_control(c)), "{text:?}");
            let read: Value = serde_json::from_str(&text).expect("JSON");
            read["log"]["entries"][0]["request"].clone()
        };
        let plain = request("two\nlines\r\u{1b}\0\u{202e}\u{9b}".as_bytes());
        assert_eq!(plain["queryString"][0]["value"], "it's");
        assert_eq!(plain["postData"], json!({"mimeType": "text/plain", "text": "two\nlines\r\u{1b}\0\u{202e}\u{9b}"}));
        let bytes = request(b"\xff\0");
        assert_eq!(
            (&bytes["bodySize"], &bytes["postData"]["text"], &bytes["postData"]["_encoding"]),
            (&json!(2), &json!("/wA="), &json!("base64"))
        );
    }
}
