//! Showing a call instead of sending it: the session does all it does for a real one, and this transport keeps it.

use std::sync::{Arc, Mutex, PoisonError};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use keyfob::proto::{Entropy, OAuth2Tokens, Scrubber, Timestamp, TokenSet};
use keyfob::transport::{Sending, Transport};
use keyfob::{Body, Clock, Keyfob, OsEntropy, Store};
use serde_json::{Value, json};

use crate::account;
use crate::verb::call::Shown;

/// A transport that sends nothing.
#[derive(Default)]
struct Shelf {
    kept: Mutex<Option<Kept>>,
}

/// A request that was not sent.
pub(crate) struct Kept {
    request: http::request::Parts,
    body: Vec<u8>,
}

impl Transport for Shelf {
    fn send(&self, request: Request<Body>) -> Sending<'_> {
        Box::pin(async move {
            let (request, body) = request.into_parts();
            let body = body.bytes(usize::MAX).await?;
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Kept { request, body });
            Ok(Response::new(Body::empty()))
        })
    }
}

/// A moment at which the account's token is fresh: showing a call must not renew anything.
struct Fresh(Timestamp);

impl Clock for Fresh {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Entropy that is drawn once, and the same ever after. Good for nothing that is sent.
#[derive(Default)]
struct Once(Mutex<Vec<u8>>);

impl Entropy for Once {
    fn fill(&self, bytes: &mut [u8]) {
        let mut drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.len() < bytes.len() {
            let mut more = vec![0; bytes.len() - drawn.len()];
            OsEntropy.fill(&mut more);
            drawn.extend(more);
        }
        bytes.copy_from_slice(&drawn[..bytes.len()]);
    }
}

/// A library that keeps the next request instead of sending it.
pub(crate) struct DryRun {
    shelf: Arc<Shelf>,
    /// The library.
    pub(crate) keyfob: Keyfob,
}

impl DryRun {
    /// For an account with these tokens, which is read from this store.
    pub(crate) fn new(store: Arc<dyn Store>, tokens: &TokenSet) -> Self {
        Self::with(store, tokens, Arc::new(OsEntropy))
    }

    /// The same, where one call is prepared several times, and comes out alike each time.
    pub(crate) fn repeating(store: Arc<dyn Store>, tokens: &TokenSet) -> Self {
        Self::with(store, tokens, Arc::new(Once::default()))
    }

    fn with(store: Arc<dyn Store>, tokens: &TokenSet, entropy: Arc<dyn Entropy + Send + Sync>) -> Self {
        let now = match tokens {
            TokenSet::OAuth2(tokens) => freshest(tokens),
            // A signature has the time in it, and these tokens do not end.
            _ => account::now(),
        };
        let shelf = Arc::<Shelf>::default();
        let keyfob = Keyfob::with(store, shelf.clone(), Arc::new(Fresh(now)), entropy);
        Self { shelf, keyfob }
    }

    /// What would have been sent.
    pub(crate) fn kept(&self) -> Option<Kept> {
        self.shelf.kept.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A moment at which no token is due, however long it lives: what renews itself is so long before its end.
fn freshest(tokens: &OAuth2Tokens) -> Timestamp {
    let a_day_before = tokens.expires_at.unwrap_or(tokens.received_at).plus(-86_400);
    a_day_before.min(tokens.received_at)
}

impl Kept {
    /// Where it would have gone.
    pub(crate) fn url(&self) -> String {
        self.request.uri.to_string()
    }

    /// What it would have been authorized with, secrets and all; empty where that does not travel in its header.
    pub(crate) fn authorization(&self) -> String {
        self.request.headers.get(AUTHORIZATION).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
    }

    /// What it would have carried.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// As text, secrets masked. A signature is masked, too: it was not used, so whoever reads it could.
    pub(crate) fn text(&self, scrubber: &Scrubber) -> String {
        let mut lines = vec![format!("{} {}", self.request.method, without_signature(&scrubber.mask(&self.request.uri.to_string())))];
        lines.extend(self.headers(scrubber).into_iter().map(|(name, value)| format!("{name}: {value}")));
        if !self.body.is_empty() {
            lines.push(String::new());
            lines.push(self.body_text(scrubber));
        }
        lines.join("\n")
    }

    /// As JSON, secrets masked.
    pub(crate) fn json(&self, scrubber: &Scrubber) -> Value {
        let headers: Vec<Value> = self.headers(scrubber).into_iter().map(|(name, value)| json!([name, value])).collect();
        json!({
            "method": self.request.method.as_str(),
            "url": without_signature(&scrubber.mask(&self.request.uri.to_string())),
            "headers": headers,
            "body": (!self.body.is_empty()).then(|| self.body_text(scrubber)),
        })
    }

    /// To be shown as another program takes it, secrets masked.
    pub(crate) fn shown(&self, scrubber: &Scrubber) -> Shown {
        Shown {
            method: self.request.method.to_string(),
            url: without_signature(&scrubber.mask(&self.request.uri.to_string())),
            headers: self.headers(scrubber),
            body: (!self.body.is_empty()).then(|| self.body_masked(scrubber)),
        }
    }

    fn headers(&self, scrubber: &Scrubber) -> Vec<(String, String)> {
        let value = |name: &str, value: &http::HeaderValue| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            match name {
                _ if name == AUTHORIZATION.as_str() => without_signature(&scrubber.mask(&text)),
                // What was said in a file (`-H @FILE`) was kept from being seen.
                _ if value.is_sensitive() => "<secret>".to_owned(),
                _ => scrubber.mask(&text),
            }
        };
        self.request.headers.iter().map(|(name, found)| (name.to_string(), value(name.as_str(), found))).collect()
    }

    /// Secrets are text, so one lies whole between bytes that are none.
    fn body_masked(&self, scrubber: &Scrubber) -> Vec<u8> {
        let masked = |text: &str| if text.is_empty() { String::new() } else { without_signature(&scrubber.mask(text)) };
        self.body.utf8_chunks().flat_map(|chunk| [masked(chunk.valid()).as_bytes(), chunk.invalid()].concat()).collect()
    }

    fn body_text(&self, scrubber: &Scrubber) -> String {
        match std::str::from_utf8(&self.body) {
            Ok(text) => without_signature(&scrubber.mask(text)),
            Err(_) => format!("({} bytes that are no text)", self.body.len()),
        }
    }
}

/// The text with a signature masked, wherever it travels.
pub(crate) fn without_signature(text: &str) -> String {
    const NAME: &str = "oauth_signature=";
    let Some(at) = text.find(NAME).map(|at| at + NAME.len()) else { return text.to_owned() };
    let quoted = text[at..].starts_with('"');
    let from = at + usize::from(quoted);
    let length = text[from..].find(|c| if quoted { c == '"' } else { matches!(c, '&' | ' ') }).unwrap_or(text.len() - from);
    format!("{}<secret>{}", &text[..from], &text[from + length..])
}

#[cfg(test)]
mod tests {
    use keyfob::proto::{OAuth2Tokens, Timestamp};

    use super::{freshest, without_signature};

    /// Half of two months is more than a day.
    #[test]
    fn to_show_a_call_renews_nothing() {
        let received_at = Timestamp::from_unix(1_800_000_000);
        for seconds in [60, 3600, 60 * 86_400] {
            let tokens = serde_json::json!({"access": "example", "received_at": 1_800_000_000, "expires_at": 1_800_000_000 + seconds});
            let tokens: OAuth2Tokens = serde_json::from_value(tokens).expect("tokens");
            let now = freshest(&tokens);
            assert!(now <= received_at && now <= received_at.plus(seconds - 86_400), "{seconds}");
        }
    }

    #[test]
    fn signatures_are_masked_wherever_they_travel() {
        assert_eq!(without_signature(r#"OAuth a="b", oauth_signature="x%3D", c="d""#), r#"OAuth a="b", oauth_signature="<secret>", c="d""#);
        assert_eq!(without_signature("a=b&oauth_signature=x%3D&c=d"), "a=b&oauth_signature=<secret>&c=d");
        assert_eq!(without_signature("a=b&oauth_signature=x"), "a=b&oauth_signature=<secret>");
        assert_eq!(without_signature("a=b"), "a=b");
    }
}
