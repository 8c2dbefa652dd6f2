//! Where a redirect leads (`-L`). The account's credentials go nowhere but where they were meant to go: as soon as the origin changes, what follows is
//! asked for as a stranger would ask, and stays so, even if it leads back.

use http::header::{ACCEPT, ACCEPT_LANGUAGE, RANGE, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use keyfob::links;
use keyfob::proto::scrub::printable;
use keyfob::proto::{Error as ProtoError, Origin, TransportKind};
use keyfob::transport::{PublicOnly, unpacked};
use keyfob::{Account, Answer, Body, Session};
use url::Url;

use super::retry;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::exit::Exit;
use crate::perform::answered;
use crate::request::{Carried, LARGEST};

/// Somebody who leads us on and on is not followed for ever.
const MOST: usize = 20;

/// What a stranger may be told of what was said with `-H`: what it should be like, and nothing of who asks.
const HARMLESS: [http::HeaderName; 4] = [ACCEPT, ACCEPT_LANGUAGE, RANGE, USER_AGENT];

/// What came in the end: of the API, or from elsewhere.
pub(super) enum Came {
    Ours(Answer),
    Elsewhere(Response<Body>),
}

/// What is being followed.
pub(super) struct Following<'a> {
    pub(super) session: &'a Session,
    pub(super) context: &'a Context,
    pub(super) method: Method,
    pub(super) carried: &'a Carried,
    pub(super) retries: u32,
    pub(super) what: &'a str,
}

impl Following<'_> {
    /// From the first answer to the last.
    pub(super) async fn to_the_end(&self, first: Answer, path: &str) -> Result<Came, Card> {
        let base = self.session.settings().api.base.as_str();
        let query = self.carried.query_of(path);
        let mut here =
            links::absolute(base, &query).ok_or_else(|| self.refused("the call has no URL that could be left", "leave -L away"))?;
        let (mut method, mut body) = (self.method.clone(), self.carried.has_body());
        let mut trail = Trail { home: here.clone(), near: true };
        let mut came = Came::Ours(first);
        for followed in 0..=MOST {
            if !leads(came.status()) {
                return Ok(came);
            }
            if followed == MOST {
                break;
            }
            let target = links::location(came.headers()).ok_or_else(|| {
                self.refused(&format!("HTTP {} came without a Location", came.status()), "see what came: leave -L away, and use -i")
            })?;
            // RFC 9110 §15.4: after 303 one looks, and does not do it again; after 301 and 302 a POST is a GET, as everybody has it.
            let status = came.status();
            let looks = status == StatusCode::SEE_OTHER && method != Method::HEAD
                || matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND) && method == Method::POST;
            if looks {
                (method, body) = (Method::GET, false);
            }
            let (there, text) = links::resolved(&here, &target)
                .ok_or_else(|| self.refused("it leads to an address that is no URL over HTTP", "see where: leave -L away, and use -i"))?;
            let stays = matches!(came, Came::Ours(_)) && there.origin() == here.origin();
            came = if stays {
                if body && !self.carried.is_repeatable() {
                    return Err(self.refused("the body came from stdin, and cannot be read twice", "keep it in a file: -d @FILE"));
                }
                let carried = self.carried.onward(body);
                let again = retry::Again {
                    session: self.session,
                    method: &method,
                    carried: &carried,
                    retries: self.retries,
                    out: &self.context.out,
                    what: self.what,
                };
                Came::Ours(again.send(|| carried.clone().call(self.session, method.clone(), &text)).await?)
            } else {
                let near = trail.stays_near(&there);
                Came::Elsewhere(self.as_a_stranger(&here, &there, near, &method, body).await?)
            };
            here = there;
        }
        Err(self.refused(&format!("it leads on and on: {MOST} redirects were followed"), "see where: leave -L away, and use -i"))
    }

    async fn as_a_stranger(&self, from: &Url, to: &Url, near: bool, method: &Method, body: bool) -> Result<Response<Body>, Card> {
        let origin = to.origin().ascii_serialization();
        let by_hand = "look at it first (-i without -L); if it is right, ask there yourself";
        if from.scheme() == "https" && to.scheme() != "https" {
            return Err(self.refused(&format!("it leads from https to {origin}, where anybody on the way can write the answer"), by_hand));
        }
        if body || !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Err(self.refused(&format!("it leads to {origin}, and a {method} is for the API alone"), by_hand));
        }
        if self.session.scrubber().mask(to.as_str()) != to.as_str() {
            return Err(self.refused(&format!("it leads to {origin} with a secret of yours in the address"), "tell the provider"));
        }
        self.context.out.note(&self.context.out.note_paint().dim(&format!("following to {}, without credentials", printable(&origin))));
        let mut request = Request::builder()
            .method(method.clone())
            .uri(to.as_str())
            .body(Body::empty())
            .map_err(|_| self.refused("it leads to an address that cannot be asked", by_hand))?;
        *request.headers_mut() = harmless(self.carried.headers());
        // A redirect must not make us ask what only this machine, or this network, can (SSRF).
        if !near {
            request.extensions_mut().insert(PublicOnly);
        }
        self.context.transport()?.send(request).await.doing(self.what)
    }

    fn refused(&self, why: &str, next: &str) -> Card {
        Card::new(Exit::Error, self.what, format!("the redirect is not followed: {why}"), next)
    }
}

/// Whether what was asked for is said to be elsewhere (RFC 9110 §15.4).
pub(super) fn leads(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// What an answer that leads elsewhere is said to lead to. Without its query: that of a download may be signed, and open it to whoever reads a log.
pub(super) fn place(headers: &HeaderMap, session: &Session) -> Option<String> {
    let there = session.scrubber().mask(&links::location(headers)?);
    Some(printable(there.split(['?', '#']).next().unwrap_or_default()))
}

fn harmless(said: &HeaderMap) -> HeaderMap {
    said.iter().filter(|(name, _)| HARMLESS.contains(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Where the API is, and whether it led nowhere else so far.
struct Trail {
    home: Url,
    near: bool,
}

impl Trail {
    /// Whether the next step, too, is at the API's own origin, or both are on this machine. Another port of the API's host is another server, and may be
    /// there for us alone. Who was elsewhere once is led by a stranger from there on, also back home.
    fn stays_near(&mut self, to: &Url) -> bool {
        self.near = self.near
            && match (Origin::parse(self.home.as_str()), Origin::parse(to.as_str())) {
                (Some(home), Some(to)) => home == to || home.is_loopback() && to.is_loopback(),
                _ => false,
            };
        self.near
    }
}

impl Came {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Ours(answer) => answer.status(),
            Self::Elsewhere(answer) => answer.status(),
        }
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        match self {
            Self::Ours(answer) => answer.headers(),
            Self::Elsewhere(answer) => answer.headers(),
        }
    }

    /// Whether it may be an error, which only its body tells.
    pub(super) fn may_be_error(&self) -> bool {
        !self.status().is_success() || matches!(self, Self::Ours(answer) if answer.may_be_error())
    }

    /// The same as it was before the server packed it, where that can be undone.
    pub(super) fn unpacked(self) -> Self {
        match self {
            Self::Ours(answer) => Self::Ours(answer.unpacked()),
            Self::Elsewhere(answer) => Self::Elsewhere(unpacked(answer)),
        }
    }

    pub(super) fn into_body(self) -> Body {
        match self {
            Self::Ours(answer) => answer.into_http().into_body(),
            Self::Elsewhere(answer) => answer.into_body(),
        }
    }

    /// All of it, whatever the status.
    pub(super) async fn bytes(self, what: &str) -> Result<Vec<u8>, Card> {
        match self {
            Self::Ours(answer) => answer.bytes().await.map_err(|error| unread(what, error)),
            Self::Elsewhere(answer) => unpacked(answer).into_body().bytes(LARGEST as usize).await.map_err(|error| unread(what, error)),
        }
    }

    /// All of it, if it is a success: also by the provider's own lights, where it is of the API.
    pub(super) async fn read(self, what: &str, account: &Account) -> Result<Vec<u8>, Card> {
        let status = self.status();
        match self {
            Self::Ours(answer) => answer.read().await.map_err(|error| match error {
                keyfob::Error::Api(_) => answered(what, &error, account),
                error => unread(what, error),
            }),
            elsewhere if status.is_success() => elsewhere.bytes(what).await,
            _ => {
                let why = format!("where the redirect led, the answer was HTTP {status}");
                Err(Card::new(Exit::Http, what, why, "see what the API says itself: leave -L away, and use -i"))
            }
        }
    }
}

/// Of an answer that could not be read to its end. What does not fit into memory fits elsewhere.
pub(super) fn unread(what: &str, error: impl Into<keyfob::Error>) -> Card {
    let error = error.into();
    let card = Card::of(what, &error);
    match error {
        keyfob::Error::Protocol(ProtoError::Transport(error)) if error.kind == TransportKind::TooLarge => {
            card.advising("-o FILE keeps an answer of any size, and so does a pipe: without --jq, --format, --paginate and the like")
        }
        _ => card,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_api_itself_is_near_it() {
        let url = |text: &str| Url::parse(text).expect("a URL");
        let near = |home: &str, to: &str| Trail { home: url(home), near: true }.stays_near(&url(to));
        assert!(near("https://a.example/x", "https://a.example:443/y"));
        assert!(near("http://127.0.0.1:1/x", "http://localhost:2/y"));
        assert!(near("http://[::1]:1/x", "http://127.0.0.2/"));
        for (from, to) in [
            ("https://a.example/", "https://b.example/"),
            ("https://a.example/", "http://127.0.0.1/"),
            ("http://10.0.0.1/", "http://10.0.0.1:8080/"),
            ("https://a.example/x", "https://a.example:8443/y"),
            ("https://a.example/", "https://u@a.example/"),
            ("http://127.0.0.1/", "http://10.0.0.1/"),
        ] {
            assert!(!near(from, to), "{from} {to}");
        }
        // Back home, a stranger leads.
        let mut trail = Trail { home: url("http://10.0.0.1/"), near: true };
        let steps = ["http://10.0.0.1/a", "https://b.example/", "http://10.0.0.1/b"].map(|step| trail.stays_near(&url(step)));
        assert_eq!(steps, [true, false, false]);
    }
}
