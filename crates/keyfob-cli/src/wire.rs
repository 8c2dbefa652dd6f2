//! What goes over the line, kept to be shown afterwards: the heads (`-v`), and the bodies, too (`trace`). In memory alone; whoever shows it masks it.

use std::sync::{Arc, Mutex, PoisonError};

use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use keyfob::proto::Scrubber;
use keyfob::transport::{Sending, Transport};
use keyfob::{Body, HyperTransport};

use crate::dry::without_signature;
use crate::output::without_terminal_controls;
use crate::request::LARGEST;

/// A transport that remembers.
pub(crate) struct Wire {
    real: HyperTransport,
    heard: Arc<Heard>,
}

/// What was sent and answered, in the order of the answers.
#[derive(Default)]
pub(crate) struct Heard {
    steps: Mutex<Vec<Step>>,
    /// Whether it is kept for a page, bodies and all.
    whole: bool,
}

/// Something that happened.
pub(crate) enum Step {
    /// We asked a server.
    Asked(Box<Exchange>),
    /// A person was sent to this address, for their browser to ask.
    SentAway(String),
}

/// A request, and what came of it.
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// Empty where bodies are not kept.
    pub(crate) body: Vec<u8>,
    /// Why there is none.
    pub(crate) answer: Result<Answered, String>,
}

/// The head of an answer, and its body where bodies are kept.
pub(crate) struct Answered {
    pub(crate) version: Version,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    /// Keeps bodies, too.
    pub(crate) fn whole() -> Self {
        Self { whole: true, ..Self::default() }
    }

    /// The exchanges since it was asked last. What is kept for a page stays there.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        if self.whole {
            return Vec::new();
        }
        let asked = |step| match step {
            Step::Asked(exchange) => Some(*exchange),
            Step::SentAway(_) => None,
        };
        self.all().into_iter().filter_map(asked).collect()
    }

    /// Everything since it was asked last.
    pub(crate) fn all(&self) -> Vec<Step> {
        std::mem::take(&mut *self.steps.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something happened.
    pub(crate) fn keep(&self, step: Step) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(step);
    }
}

impl Wire {
    pub(crate) fn new(real: HyperTransport, heard: Arc<Heard>) -> Self {
        Self { real, heard }
    }
}

impl Transport for Wire {
    fn send(&self, mut request: Request<Body>) -> Sending<'_> {
        // The transport says who asks by itself where nobody did; said here, it can be shown.
        request.headers_mut().entry(USER_AGENT).or_insert(HeaderValue::from_static(HyperTransport::USER_AGENT));
        Box::pin(async move {
            let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
            let (request, body) = if self.heard.whole { whole(request).await? } else { (request, Vec::new()) };
            let exchange = |answer| Step::Asked(Box::new(Exchange { method, uri, headers, body, answer }));
            let answer = match self.real.send(request).await {
                Ok(answer) => answer,
                Err(error) => {
                    self.heard.keep(exchange(Err(error.to_string())));
                    return Err(error);
                }
            };
            let (version, status, headers) = (answer.version(), answer.status(), answer.headers().clone());
            let (answer, body) = if self.heard.whole {
                let (parts, body) = answer.into_parts();
                let bytes = body.bytes(LARGEST as usize).await?;
                (Response::from_parts(parts, Body::from(bytes.clone())), bytes)
            } else {
                (answer, Vec::new())
            };
            self.heard.keep(exchange(Ok(Answered { version, status, headers, body })));
            Ok(answer)
        })
    }
}

/// A request, its body read and put back.
async fn whole(request: Request<Body>) -> Result<(Request<Body>, Vec<u8>), keyfob::proto::Transport> {
    let (parts, body) = request.into_parts();
    let bytes = body.bytes(LARGEST as usize).await?;
    Ok((Request::from_parts(parts, Body::from(bytes.clone())), bytes))
}

impl Exchange {
    /// The end of the request's first line. Which version was spoken, the two agreed on when they met; who was never met spoke none.
    pub(crate) fn spoken(&self) -> String {
        self.answer.as_ref().map_or_else(|_| String::new(), |answer| format!(" {:?}", answer.version))
    }

    /// Both heads as curl's `-v` shows them, secrets masked: those that are known, and whatever its name says is one.
    pub(crate) fn heads(&self, scrubber: &Scrubber) -> String {
        let target = self.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let host = self.uri.authority().map_or("", http::uri::Authority::as_str);
        let mut lines = vec![format!("> {} {}{}", self.method, url(target, scrubber), self.spoken()), format!("> host: {host}")];
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
pub(crate) fn is_telling(name: &str) -> bool {
    const TELLING: [&str; 16] = [
        "token",
        "secret",
        "cookie",
        "-key",
        "api_key",
        "apikey",
        "private_key",
        "privatekey",
        "password",
        "passwd",
        "passphrase",
        "assertion",
        "verifier",
        "dpop",
        "signature",
        "authorization",
    ];
    let name = name.to_ascii_lowercase();
    // As a word: what an author, an `oauth_nonce` and `WWW-Authenticate` say is good to see.
    const WORDS: [&str; 16] = [
        "auth",
        "pass",
        "pwd",
        "session",
        "sessionid",
        "jsessionid",
        "sid",
        "jwt",
        "credential",
        "credentials",
        "csrf",
        "xsrf",
        "hmac",
        "sig",
        "otp",
        "pin",
    ];
    let is_auth = name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| WORDS.contains(&word));
    // How something is signed is a word of the protocol.
    let is_method = name.ends_with("signature_method");
    is_auth || matches!(name.as_str(), "code" | "key") || !is_method && TELLING.iter().any(|telling| name.contains(telling))
}

fn header(name: &HeaderName, value: &HeaderValue, scrubber: &Scrubber) -> String {
    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
    if *name == AUTHORIZATION || *name == http::header::PROXY_AUTHORIZATION {
        // Without a space there is no scheme (RFC 9110 §11.4): all of it is what lets somebody in.
        let Some((scheme, _)) = text.split_once(' ') else { return "<secret>".to_owned() };
        // An OAuth 1 header says much that helps to understand a refusal; nothing of it but the signature lets anybody in, who has no secret.
        return if scheme.eq_ignore_ascii_case("OAuth") { without_signature(&scrubber.mask(&text)) } else { format!("{scheme} <secret>") };
    }
    // What was said in a file (`-H @FILE`) was kept from being seen.
    if value.is_sensitive() {
        return "<secret>".to_owned();
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
            ("ocp-apim-subscription-key", "unknown-to-us"),
            ("x-auth", "unknown-to-us"),
            ("proxy-authorization", "unknown-to-us"),
            ("dpop", "unknown-to-us"),
            ("x-note", "known-secret, and text"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut kept = HeaderValue::from_static("s3");
        kept.set_sensitive(true);
        headers.insert("x-site", kept);
        let mut answered = HeaderMap::new();
        answered.insert("location", HeaderValue::from_static("/x?code=unknown-to-us&page=2&access_token=unknown-to-us"));
        answered.insert("set-cookie", HeaderValue::from_static("sid=unknown-to-us"));
        answered.insert("dpop-nonce", HeaderValue::from_static("n-1"));
        answered.insert("www-authenticate", HeaderValue::from_static("Bearer error=\"invalid_token\""));
        let exchange = Exchange {
            method: Method::GET,
            uri: Uri::from_static("https://a.example:8443/me?a=b&oauth_signature=unknown-to-us"),
            headers,
            body: Vec::new(),
            answer: Ok(Answered { version: Version::HTTP_2, status: StatusCode::FOUND, headers: answered, body: Vec::new() }),
        };
        let shown = exchange.heads(&Scrubber::new().knowing(&Secret::new("known-secret")));
        assert!(!shown.contains("unknown-to-us") && !shown.contains("known-secret"), "{shown}");
        assert_eq!(
            shown,
            "> GET /me?a=b&oauth_signature=<secret> HTTP/2.0\n> host: a.example:8443\n> authorization: Bearer <secret>\n\
             > x-august-access-token: <secret>\n> ocp-apim-subscription-key: <secret>\n> x-auth: <secret>\n\
             > proxy-authorization: <secret>\n> dpop: <secret>\n> x-note: <secret>, and text\n> x-site: <secret>\n>\n\
             < HTTP/2.0 302 Found\n< location: /x?code=<secret>&page=2&access_token=<secret>\n< set-cookie: <secret>\n< dpop-nonce: n-1\n\
             < www-authenticate: Bearer error=\"invalid_token\"\n<"
        );
    }

    #[test]
    fn a_name_tells_by_its_words() {
        for telling in [
            "X-Functions-Key",
            "key",
            "auth",
            "passwd",
            "DB_PASS",
            "X-Auth-User",
            "auth_key",
            "X-Original-Authorization",
            "client_secret",
            "X-Session",
            "X-Session-Id",
            "JSESSIONID",
            "X-FTL-SID",
            "_sid",
            "X-CSRF",
            "X-Hmac-256",
            "user_credentials",
            "x-jwt",
            "sig",
            "otp",
        ] {
            assert!(is_telling(telling), "{telling}");
        }
        for plain in [
            "author",
            "oauth_nonce",
            "oauth_consumer_key",
            "oauth_signature_method",
            "www-authenticate",
            "x-monkey",
            "country_code",
            "compass",
            "sessions",
            "side",
            "spin",
            "signal",
        ] {
            assert!(!is_telling(plain), "{plain}");
        }
    }

    #[test]
    fn who_was_never_met_spoke_no_version() {
        let exchange = Exchange {
            method: Method::GET,
            uri: Uri::from_static("https://a.example/me"),
            headers: HeaderMap::new(),
            body: Vec::new(),
            answer: Err("no such host".to_owned()),
        };
        assert_eq!(exchange.heads(&Scrubber::new()), "> GET /me\n> host: a.example\n>\n* no such host");
    }
}
