//! A request as text: as it goes over the line, or as `curl -v` shows it.

use keyfob::proto::{Origin, Settings, encode};

use super::{Question, is_absolute, is_form};
use crate::card::Card;

/// Reads a request that was signed by OAuth 1.
pub(super) fn read(text: &str, settings: &Settings) -> Result<Question, Card> {
    let text = text.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    // `curl -v` marks what it sends, and says other things between.
    let marked = head.lines().any(|line| line.starts_with("> "));
    let mut lines =
        head.lines().filter_map(|line| if marked { line.strip_prefix("> ") } else { Some(line) }).filter(|line| !line.trim().is_empty());
    let mut first = lines.next().unwrap_or_default().split_whitespace();
    let (Some(method), Some(target)) = (first.next(), first.next()) else {
        return Err(unreadable("expected METHOD TARGET in its first line"));
    };
    let headers: Vec<(String, &str)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim())).collect();
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let url = if is_absolute(target) {
        target.to_owned()
    } else {
        let host = header("host").ok_or_else(|| unreadable("expected a Host header, or a whole URL in the first line"))?;
        format!("{}://{host}{target}", scheme(host, settings))
    };
    let form = header("content-type").is_some_and(|kind| is_form(kind.as_bytes())).then(|| body.trim_end_matches('\n').as_bytes().to_vec());
    let (mut protocol, realm) = protocol(header("authorization").unwrap_or_default(), &url, form.as_deref().unwrap_or_default());
    if protocol.is_empty() {
        return Err(unreadable("found no parameter of OAuth 1 in it"));
    }
    let signature = protocol.iter().find(|(name, _)| name == "oauth_signature").map(|(_, value)| value.clone());
    protocol.retain(|(name, _)| name != "oauth_signature");
    Ok(Question {
        method: method.to_owned(),
        url: without_protocol(&url),
        form: form.map(|form| form_without_protocol(&form)),
        protocol,
        realm,
        signature,
    })
}

/// The parameters of the protocol in a request, wherever they travel, decoded; and the realm.
pub(super) fn protocol(header: &str, url: &str, form: &[u8]) -> (Vec<(String, String)>, Option<String>) {
    let (in_header, realm) = authorization(header);
    if !in_header.is_empty() {
        return (in_header, realm);
    }
    // They travel in the query or the form, and are signed as a part of it.
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let all = encode::decode_pairs(query.as_bytes()).chain(encode::decode_pairs(form));
    let all = all.filter_map(|(name, value)| Some((String::from_utf8(name).ok()?, String::from_utf8(value).ok()?)));
    (all.filter(|(name, _)| name.starts_with("oauth_")).collect(), realm)
}

/// The parameters of an `Authorization: OAuth …` header, decoded; and the realm, which is not signed.
fn authorization(value: &str) -> (Vec<(String, String)>, Option<String>) {
    let Some((scheme, parameters)) = value.split_once(' ') else { return (Vec::new(), None) };
    if !scheme.eq_ignore_ascii_case("OAuth") {
        return (Vec::new(), None);
    }
    let decoded = |text: &str| String::from_utf8_lossy(&encode::percent_decode(text.as_bytes())).into_owned();
    let pairs = parameters.split(',').filter_map(|pair| pair.trim().split_once('='));
    let mut found: Vec<(String, String)> = pairs.map(|(name, value)| (decoded(name), decoded(value.trim_matches('"')))).collect();
    let realm = found.iter().find(|(name, _)| name == "realm").map(|(_, value)| value.clone());
    found.retain(|(name, _)| name != "realm");
    (found, realm)
}

/// The scheme is in no request; the provider's file knows it.
fn scheme(host: &str, settings: &Settings) -> &'static str {
    let plain = Origin::parse(&format!("http://{host}"));
    if plain.is_some_and(|origin| settings.origins().contains(&origin)) { "http" } else { "https" }
}

/// The protocol's parameters stand apart, and would be signed twice.
pub(super) fn without_protocol(url: &str) -> String {
    let Some((start, query)) = url.split_once('?') else { return url.to_owned() };
    let own: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("oauth_")).collect();
    if own.is_empty() { start.to_owned() } else { format!("{start}?{}", own.join("&")) }
}

fn form_without_protocol(form: &[u8]) -> Vec<u8> {
    let own: Vec<&[u8]> = form.split(|&byte| byte == b'&').filter(|pair| !pair.starts_with(b"oauth_")).collect();
    own.join(&b'&')
}

fn unreadable(why: &str) -> Card {
    Card::usage(
        "this is no request that can be looked at",
        why,
        "example: GET /x HTTP/1.1, Host: api.example, Authorization: OAuth oauth_…, a line each",
    )
}

#[cfg(test)]
mod tests {
    use keyfob::proto::{Endpoint, Flow, oauth1};

    use super::*;

    fn settings() -> Settings {
        let endpoint = |path: &str| Endpoint::parse(&format!("http://127.0.0.1:9000{path}")).expect("a URL");
        Settings::new("hub", Flow::OAuth1(oauth1::Settings::new(endpoint("/r"), endpoint("/a"), endpoint("/t"))), endpoint("/"))
    }

    #[test]
    fn what_curl_shows_is_read() {
        let text = "* Connected\n> POST /x?a=b HTTP/1.1\n> Host: 127.0.0.1:9000\n> Authorization: OAuth realm=\"r\", oauth_nonce=\"n%2B\",oauth_signature=\"s%3D\"\n> Content-Type: application/x-www-form-urlencoded\n> \n* more\n\nc=d\n";
        let read = read(text, &settings()).unwrap_or_else(|card| panic!("{card:?}"));
        assert_eq!((read.method.as_str(), read.url.as_str()), ("POST", "http://127.0.0.1:9000/x?a=b"));
        assert_eq!(read.protocol, [("oauth_nonce".to_owned(), "n+".to_owned())]);
        assert_eq!((read.realm.as_deref(), read.signature.as_deref(), read.form.as_deref()), (Some("r"), Some("s="), Some(&b"c=d"[..])));
    }

    #[test]
    fn parameters_in_the_query_are_counted_once() {
        let text = "GET https://a.example/x?a=b&oauth_nonce=n&oauth_signature=s HTTP/1.1\n\n";
        let read = read(text, &settings()).unwrap_or_else(|card| panic!("{card:?}"));
        assert_eq!((read.url.as_str(), read.protocol.len()), ("https://a.example/x?a=b", 1));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for bad in ["", "x", "GET /x HTTP/1.1\n\n", "GET /x HTTP/1.1\nHost: a\nAuthorization: Bearer x\n\n", "\u{0}\n\n\n"] {
            assert!(read(bad, &settings()).is_err(), "{bad:?}");
        }
    }
}
