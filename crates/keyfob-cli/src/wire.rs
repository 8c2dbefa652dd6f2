//! The heads of what goes over the line, kept to be shown afterwards (`-v`). In memory alone; whoever shows it masks it.

use std::sync::{Arc, Mutex, PoisonError};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};
use keyfob::proto::Scrubber;
use keyfob::transport::{Sending, Transport};
use keyfob::{Body, HyperTransport};

use crate::dry::without_signature;
use crate::output::without_terminal_controls;

/// A transport that remembers.
pub(crate) struct Wire {
    real: HyperTransport,
    heard: Arc<Heard>,
}

/// What was sent and answered, in the order in which it was sent.
#[derive(Default)]
pub(crate) struct Heard {
    exchanges: Mutex<Vec<Exchange>>,
}

/// A request, and what came of it.
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// Why there is none.
    pub(crate) answer: Result<Answered, String>,
}

/// The head of an answer.
pub(crate) struct Answered {
    pub(crate) version: Version,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

impl Heard {
    /// What there is since it was asked last.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut *self.exchanges.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, exchange: Exchange) {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    }
}

impl Wire {
    pub(crate) fn new(real: HyperTransport, heard: Arc<Heard>) -> Self {
        Self { real, heard }
    }
}

impl Transport for Wire {
    fn send(&self, request: Request<Body>) -> Sending<'_> {
        Box::pin(async move {
            let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
            let exchange = |answer| Exchange { method, uri, headers, answer };
            let answer = match self.real.send(request).await {
                Ok(answer) => answer,
                Err(error) => {
                    self.heard.keep(exchange(Err(error.to_string())));
                    return Err(error);
                }
            };
            let answered = Answered { version: answer.version(), status: answer.status(), headers: answer.headers().clone() };
            self.heard.keep(exchange(Ok(answered)));
            Ok(answer)
        })
    }
}

impl Exchange {
    /// Both heads as curl's `-v` shows them, secrets masked: those that are known, and whatever its name says is one.
    pub(crate) fn heads(&self, scrubber: &Scrubber) -> String {
        let target = self.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let host = self.uri.authority().map_or("", http::uri::Authority::as_str);
        let mut lines = vec![format!("> {} {} HTTP/1.1", self.method, url(target, scrubber)), format!("> host: {host}")];
        lines.extend(self.headers.iter().map(|(name, value)| format!("> {name}: {}", header(name, value, scrubber))));
        lines.push(">".to_owned());
        match &self.answer {
            Ok(answer) => {
                lines.push(format!("< {:?} {}", answer.version, answer.status));
                lines.extend(answer.headers.iter().map(|(name, value)| format!("< {name}: {}", header(name, value, scrubber))));
                lines.push("<".to_owned());
            }
            Err(why) => lines.push(format!("* {}", scrubber.mask(why))),
        }
        without_terminal_controls(&lines.join("\n"))
    }
}

/// Whether what has this name is nobody else's business, whatever it is.
fn is_telling(name: &str) -> bool {
    const TELLING: [&str; 11] =
        ["token", "secret", "cookie", "api-key", "api_key", "apikey", "password", "assertion", "verifier", "dpop", "signature"];
    let name = name.to_ascii_lowercase();
    name == "code" || TELLING.iter().any(|telling| name.contains(telling))
}

fn header(name: &HeaderName, value: &HeaderValue, scrubber: &Scrubber) -> String {
    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
    if *name == AUTHORIZATION || *name == http::header::PROXY_AUTHORIZATION {
        let scheme = text.split(' ').next().unwrap_or_default();
        // An OAuth 1 header says much that helps to understand a refusal; nothing of it but the signature lets anybody in, who has no secret.
        return if scheme.eq_ignore_ascii_case("OAuth") { without_signature(&scrubber.mask(&text)) } else { format!("{scheme} <secret>") };
    }
    // A nonce is what a server wants to see again, and no secret (RFC 9449 §8).
    if is_telling(name.as_str()) && name.as_str() != "dpop-nonce" {
        return "<secret>".to_owned();
    }
    if *name == http::header::LOCATION { url(&text, scrubber) } else { scrubber.mask(&text) }
}

/// A URL without known secrets, and without the values of parameters that are named like one.
fn url(text: &str, scrubber: &Scrubber) -> String {
    let masked = scrubber.mask(text);
    let Some(at) = masked.find(['?', '#']) else { return masked };
    let (before, query) = masked.split_at(at + 1);
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if is_telling(name) => format!("{name}=<secret>"),
        _ => pair.to_owned(),
    };
    format!("{before}{}", query.split('&').map(pair).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use keyfob::proto::Secret;

    use super::*;

    #[test]
    fn heads_are_shown_without_what_lets_anybody_in() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer unknown-to-us"),
            ("x-august-access-token", "unknown-to-us"),
            ("dpop", "unknown-to-us"),
            ("x-note", "known-secret, and text"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut answered = HeaderMap::new();
        answered.insert("location", HeaderValue::from_static("/x?code=unknown-to-us&page=2&access_token=unknown-to-us"));
        answered.insert("set-cookie", HeaderValue::from_static("sid=unknown-to-us"));
        answered.insert("dpop-nonce", HeaderValue::from_static("n-1"));
        let exchange = Exchange {
            method: Method::GET,
            uri: Uri::from_static("https://a.example:8443/me?a=b&oauth_signature=unknown-to-us"),
            headers,
            answer: Ok(Answered { version: Version::HTTP_11, status: StatusCode::FOUND, headers: answered }),
        };
        let shown = exchange.heads(&Scrubber::new().knowing(&Secret::new("known-secret")));
        assert!(!shown.contains("unknown-to-us") && !shown.contains("known-secret"), "{shown}");
        assert_eq!(
            shown,
            "> GET /me?a=b&oauth_signature=<secret> HTTP/1.1\n> host: a.example:8443\n> authorization: Bearer <secret>\n\
             > x-august-access-token: <secret>\n> dpop: <secret>\n> x-note: <secret>, and text\n>\n\
             < HTTP/1.1 302 Found\n< location: /x?code=<secret>&page=2&access_token=<secret>\n< set-cookie: <secret>\n< dpop-nonce: n-1\n<"
        );
    }
}
