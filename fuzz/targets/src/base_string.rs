//! The base string of RFC 5849 §3.4.1, against a second implementation that does everything the slow and obvious way.

use keyfob_proto::oauth1::{self, Body};

/// Fields with a line feed between them: method, scheme, host, port, path, query, form; then names and values of protocol parameters in turn.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut fields = text.split('\n');
    let mut field = || fields.next().unwrap_or("");
    let (method, scheme, host, port) = (field(), field(), field(), field());
    let (path, query, form) = (field(), field(), field());
    let mut protocol = Vec::new();
    while let Some(name) = fields.next() {
        protocol.push((name, fields.next().unwrap_or("")));
    }
    // A URL that is taken apart by nobody: both sides must agree on its parts, and only one of them has to find them.
    let unsplit = |text: &str, marks: &[char]| !text.contains(marks);
    if !matches!(scheme, "http" | "https" | "HTTP" | "Https")
        || host.is_empty()
        || !host.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
    {
        return;
    }
    if !unsplit(path, &['?', '#']) || !unsplit(query, &['#']) || !(path.is_empty() || path.starts_with('/')) {
        return;
    }
    if !port.is_empty() && (!port.bytes().all(|byte| byte.is_ascii_digit()) || port.parse::<u16>().is_err()) {
        return;
    }
    let colon = if port.is_empty() { "" } else { ":" };
    let mark = if query.is_empty() { "" } else { "?" };
    let url = format!("{scheme}://{host}{colon}{port}{path}{mark}{query}");
    let ours = oauth1::base_string(method, &url, Body::Form(form.as_bytes()), &protocol).expect("a URL as it should be");
    assert_eq!(ours, naive(method, scheme, host, port, path, &[query, form], &protocol), "{url}");
}

fn naive(method: &str, scheme: &str, host: &str, port: &str, path: &str, raw: &[&str], protocol: &[(&str, &str)]) -> String {
    let scheme = scheme.to_ascii_lowercase();
    let default = if scheme == "http" { "80" } else { "443" };
    let mut uri = format!("{scheme}://{}", host.to_ascii_lowercase());
    if !port.is_empty() && port != default {
        uri = uri + ":" + port;
    }
    uri += if path.is_empty() { "/" } else { path };
    let mut pairs: Vec<(String, String)> = Vec::new();
    for piece in raw.iter().flat_map(|text| text.split('&')).filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        pairs.push((percent(&unform(name)), percent(&unform(value))));
    }
    for (name, value) in protocol {
        if *name != "oauth_signature" {
            pairs.push((percent(name.as_bytes()), percent(value.as_bytes())));
        }
    }
    pairs.sort();
    let normalised: Vec<String> = pairs.into_iter().map(|(name, value)| name + "=" + &value).collect();
    let parts = [method.to_ascii_uppercase(), uri, normalised.join("&")];
    parts.map(|part| percent(part.as_bytes())).join("&")
}

/// §3.6, by the letters that it lists.
fn percent(bytes: &[u8]) -> String {
    const UNRESERVED: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    bytes
        .iter()
        .map(|&byte| if UNRESERVED.as_bytes().contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// One piece of a form, decoded: a `+` is a space, `%` with two digits a byte.
fn unform(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|&byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let (byte, length) = match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => (high * 16 + low, 3),
            (b'+', ..) => (b' ', 1),
            (other, ..) => (other, 1),
        };
        out.push(byte);
        at += length;
    }
    out
}
