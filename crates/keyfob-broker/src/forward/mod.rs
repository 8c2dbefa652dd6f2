//! `/api/{account}/{path}`: a program's request, sent on to the account's API with the credentials that the program does not have.
//!
//! ```text
//!  key ─► rate ─► account, session ─► path.rs, rules ─► headers.rs, body.rs ─► provider
//!                                                                                │
//!  answer ◄── book: a line, on disk ◄── headers.rs, location.rs (link.rs), mask ◄─┘
//! ```
//!
//! Where it goes is decided by the account alone: its provider's API, below its base URL. The request has a say in what comes after that, in one
//! spelling, which is the one that was judged. Both bodies stream; nobody's memory holds one, but for
//! forms, and JSON of a key that may not use every method, whose fields are judged.

mod batch;
mod body;
mod caller;
mod fields;
mod headers;
mod holder;
mod link;
mod location;
mod sessions;
mod steady;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body as Incoming;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_SECURITY_POLICY;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use keyfob::proto::{Secret, encode, scrub};
use keyfob::{Answer, Error, Session};
use keyfob_store::Shelf;

use self::caller::Caller;
use self::holder::Holder;
pub(crate) use self::sessions::Sessions;
use crate::audit::{Book, Deed};
use crate::guard::{Arrival, RequestId, unbroken};
use crate::keys::{Path, Ring};
use crate::problem::Problem;
use crate::site::{Desk, Site};

/// Says that an answer is the provider's, and whose: a 401 of theirs and one of ours want different remedies.
pub(crate) const PROVIDER: HeaderName = HeaderName::from_static("x-keyfob-provider");

/// What comes from a provider under our address is no page of ours, and can do nothing there.
const INERT: &str = "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox";

/// What was judged is judged again when so much time has passed: a body took its time to come, a token to be renewed, an answer to be given. So a key that is
/// revoked opens nothing from a second later on, whatever was begun with it before.
const SOON: Duration = Duration::from_millis(500);

/// What programs with keys need: there is one where there is a shelf.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) ring: Arc<Ring>,
    pub(crate) book: Book,
    pub(crate) sessions: Sessions,
}

impl Gate {
    pub(crate) fn new(shelf: &Arc<dyn Shelf>) -> Self {
        Self { ring: Ring::new(shelf.clone()), book: Book::new(shelf.clone()), sessions: Sessions::default() }
    }
}

/// A request of somebody who is let in, for an account.
pub(crate) struct Use<'a> {
    site: &'a Arc<Site>,
    pub(crate) gate: &'a Gate,
    pub(crate) caller: Caller,
    pub(crate) account: &'a str,
    /// Its name in the book and in the log.
    pub(crate) id: RequestId,
    began: Instant,
    /// The account in use, or why it is of no use now.
    session: Result<(Arc<Desk>, Session), Problem>,
}

impl<'a> Use<'a> {
    /// Lets a request in. What is refused here is nobody's use, and in no book.
    pub(crate) async fn begin(site: &'a Arc<Site>, arrival: &Arrival, request: &Parts, account: &'a str) -> Result<Self, Problem> {
        let gate = site.gate.as_ref().ok_or_else(Problem::nowhere)?;
        // A request for a proxy (RFC 9112 §3.2.2) has no business here, whichever server it names. In HTTP/2 every request names one (`:authority`,
        // RFC 9113 §8.3.1), in the place of `Host`: that it is ours, the host guard has judged.
        if request.version < Version::HTTP_2 && request.uri.authority().is_some() {
            return Err(Problem::bad_request("absolute-target", "The target of the request is a whole URL; only a path is taken."));
        }
        if headers::wants_another_protocol(&request.headers) {
            return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "upgrade", "Other protocols (Upgrade) are not forwarded.")
                .hint("send it without the header Upgrade; a WebSocket is opened at the provider itself"));
        }
        let (began, id) = (arrival.began.unwrap_or_else(Instant::now), arrival.id.clone());
        let caller = Caller::of(site, gate, request).await?;
        if !caller.is_for(account) {
            return Err(Problem::nowhere());
        }
        // Before anything that is written down: a program that runs wild must not fill the book.
        if let Caller::Key(fob) = &caller {
            gate.ring.take_turn(fob).map_err(Problem::too_many)?;
        }
        // A key whose account is gone opens nothing, whatever it is tried with: that fills no book either.
        let session = session(site, gate, &caller, account).await.transpose().ok_or_else(|| caller.without_account())?;
        Ok(Self { site, gate, caller, account, id, began, session })
    }

    /// The account in use.
    pub(crate) fn session(&self) -> Result<(&Arc<Desk>, &Session), Problem> {
        self.session.as_ref().map(|(desk, session)| (desk, session)).map_err(Clone::clone)
    }

    /// An error if they may not any more what they were let in for. Whoever could begin a request in time, and end it when they like, would keep what was taken
    /// from them. `done`: what has come of it by now.
    pub(crate) async fn still_holds(&self, done: &str) -> Result<(), Problem> {
        if self.began.elapsed() < SOON || Box::pin(holder::holds(self.site, &self.caller, self.account)).await {
            return Ok(());
        }
        Err(ended_meanwhile(done))
    }

    /// Before anything is done that the book has to tell of.
    pub(crate) async fn open_book(&self) -> Result<(), Problem> {
        self.gate.book.open(self.site.keyfob.now()).await.map_err(|_| unwritten("Nothing was done."))
    }

    /// Writes what came of it into the book. After this an answer may leave.
    pub(crate) async fn close(&self, what: &Deed<'_>) -> Result<(), Problem> {
        let now = self.site.keyfob.now();
        self.gate
            .book
            .write_use(self.caller.owner(), self.caller.doer(), what, now)
            .await
            .map_err(|_| unwritten(if what.has_left() { "It may have been done all the same." } else { "Nothing was done." }))?;
        if let Caller::Key(fob) = &self.caller {
            self.gate.ring.note_use(fob, now);
        }
        Ok(())
    }
}

/// The account that this caller means; `None`: it is not there.
async fn session(site: &Site, gate: &Gate, caller: &Caller, account: &str) -> Result<Option<(Arc<Desk>, Session)>, Problem> {
    let mut place = site.place(caller.owner(), account);
    if place.is_none() {
        // Another instance may have been given its app a moment ago.
        Box::pin(site.look_for(account)).await?;
        place = site.place(caller.owner(), account);
    }
    let Some((desk, name)) = place else { return Ok(None) };
    let session = match gate.sessions.get(&site.keyfob, &desk, &name).await {
        Ok(session) => session,
        Err(Error::NoAccount { .. }) => return Ok(None),
        Err(error) => return Err(Problem::of_account(error, account)),
    };
    // Somebody logged out, and connected another account under the old name: the key was not made for that one.
    let is_another = matches!(caller, Caller::Key(fob) if session.look(|account| account.id != fob.key.account_id));
    Ok((!is_another).then_some((desk, session)))
}

fn ended_meanwhile(done: &str) -> Problem {
    let detail = format!(
        "The key or the session that this request came by has ended, or its account was disconnected, while it was under way. {done}"
    );
    Problem::unauthorized("ended-meanwhile", detail)
}

fn unwritten(done: &str) -> Problem {
    Problem::unavailable("book", format!("The book of who did what cannot be written, and nothing is answered without it. {done}"))
}

/// Forwards a request.
pub(crate) fn forward(site: Arc<Site>, arrival: Arrival, request: Request) -> impl Future<Output = Response> + Send + use<> {
    let (parts, body) = request.into_parts();
    let alive = arrival.alive.clone();
    // A program that has its lock opened, and hangs up before the answer, is in the book like any other.
    unbroken(alive, async move {
        let Some(named) = Named::read(parts.uri.path()) else { return Problem::nowhere().into_response() };
        match Use::begin(&site, &arrival, &parts, &named.account).await {
            Ok(used) => used.forward(&parts, body, named.path).await,
            Err(problem) => problem.into_response(),
        }
    })
}

/// What a path below `/api/` says.
struct Named<'a> {
    account: Cow<'a, str>,
    /// The rest, as it was written, with its slash.
    path: &'a str,
}

impl<'a> Named<'a> {
    /// An account's name may have a slash in it, which is written %2F: what comes after the first one that is written as a slash is the provider's.
    fn read(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/api/")?;
        let (account, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let account = named(account)?;
        Some(Self { account, path: if path.is_empty() { "/" } else { path } })
    }
}

/// An account's name, as a segment of a path has it.
pub(crate) fn named(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('%') {
        return Some(Cow::Borrowed(segment));
    }
    String::from_utf8(encode::percent_decode(segment.as_bytes())).ok().map(Cow::Owned)
}

impl Use<'_> {
    async fn forward(&self, request: &Parts, body: Incoming, path: &str) -> Response {
        let mut told = Told { path: None, upstream: None };
        let (mut response, problem, bytes) = match self.send(request, body, path, &mut told).await {
            Ok((response, bytes)) => (response, None, bytes),
            Err(problem) => {
                let code = problem.code;
                (problem.booked().into_response(), Some(code), None)
            }
        };
        let what = Deed::Called {
            account: self.account,
            method: request.method.as_str(),
            path: &told.path.unwrap_or_else(|| shown(path)),
            upstream: told.upstream.as_deref(),
            status: response.status().as_u16(),
            problem,
            bytes,
            milliseconds: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            request: self.id.as_str(),
        };
        if let Err(problem) = self.close(&what).await {
            // The provider's answer goes no further: its connection is closed with the body.
            response = problem.into_response();
        }
        response
    }

    /// Judges the request, sends it, and makes the answer fit to be given. Nothing has left for the program yet.
    async fn send(&self, parts: &Parts, body: Incoming, path: &str, told: &mut Told) -> Result<(Response, Option<u64>), Problem> {
        if matches!(parts.method, Method::CONNECT | Method::TRACE) {
            return Err(Problem::not_allowed(
                "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
                format!("{} is not forwarded.", parts.method),
            ));
        }
        let path = Path::read(path)
            .map_err(|why| Problem::bad_request("unclear-path", format!("The path is refused: {why}.")).hint(why.hint(path)))?;
        told.path = Some(shown(path.as_str()));
        if !self.caller.allows(&parts.method, &path) {
            return Err(Problem::forbidden("not-allowed", format!("This key may not {} {}.", parts.method, shown(path.as_str())))
                .hint("its owner can make one that may"));
        }
        let (desk, session) = self.session()?;
        let query = parts.uri.query();
        let overrides = desk.provider.method_overrides();
        fields::judge(query.unwrap_or_default().as_bytes(), fields::Place::Query, session, overrides)?;
        // A field of it may name another method (Rack::MethodOverride), and a stream is sent on before its last field is seen.
        let may_all = self.caller.allows_any_method(&path);
        let sees_token = self.caller.may_see_token();
        let headers = headers::onward(&parts.headers, sees_token, overrides);
        body::judge_type(&headers)?;
        if parts.method == Method::POST && body::is_multipart(&headers) && !may_all {
            let detail =
                "This key may not send multipart there: a field of it can change the method, and the key may not use every method.";
            return Err(Problem::forbidden("not-allowed", detail)
                .hint("its owner can make one that may POST, PUT, PATCH and DELETE there; or send it in another form"));
        }
        let carriers = batch::judge(desk.provider.batch(), &self.caller, parts, &headers, &path)?;
        let judge = body::Judge { method: &parts.method, headers: &headers, session, overrides, carriers, may_all };
        let (body, watch) = judge.ready(body, || self.holder()).await?;
        let target = query.map_or_else(|| path.as_str().to_owned(), |query| [path.as_str(), "?", query].concat());
        self.still_holds("Nothing was sent on.").await?;
        self.open_book().await?;
        told.upstream = Some(session.settings().api.base.origin().into());
        let call = session.call(parts.method.clone(), target).headers(headers).carrying(body).without_waiting();
        let answer =
            call.send().await.map_err(|error| watch.problem().unwrap_or_else(|| Problem::of_call(error, self.account, &parts.method)))?;
        // It was not asked to speak another protocol.
        if answer.status().is_informational() {
            return Err(Problem::new(StatusCode::BAD_GATEWAY, "provider-misbehaved", "The provider wants to speak another protocol."));
        }
        self.still_holds("It was sent on all the same, and may have been done; the answer is not handed out.").await?;
        headers::judge_coding(&parts.method, answer.status(), answer.headers(), sees_token)?;
        Ok(self.answer(answer, desk, session, &path))
    }

    fn answer(&self, answer: Answer, desk: &Desk, session: &Session, path: &Path) -> (Response, Option<u64>) {
        let sees_token = self.caller.may_see_token();
        let mask = (!sees_token).then(|| answer.mask().and(secrets(desk)));
        let reveals = |value: &HeaderValue| mask.as_ref().is_some_and(|mask| mask.is_in(value.as_bytes()));
        let mut headers: HeaderMap = headers::back(answer.headers(), sees_token, reveals);
        let asked = || location::Asked::of(&session.settings().api.base, path, self.account);
        location::pass_on(answer.headers(), asked, reveals, &mut headers);
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(INERT));
        if let Some(name) = desk.header.clone() {
            headers.insert(PROVIDER, name);
        }
        let status = answer.status();
        let bytes = headers.get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let body = answer.into_http().into_body();
        let body = match mask {
            Some(mask) => mask.over(body),
            None => body,
        };
        let mut response = Response::new(steady::answer(body, self.holder()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        (response, bytes)
    }

    fn holder(&self) -> Holder {
        Holder::new(self.site.clone(), self.caller.clone(), self.account, self.id.clone())
    }
}

/// What the book will say.
struct Told {
    /// In its one spelling; none: it has none, and stands there as it was written.
    path: Option<String>,
    upstream: Option<String>,
}

/// What of the app's fields must not be shown.
fn secrets(desk: &Desk) -> impl Iterator<Item = &Secret> {
    desk.provider.client.fields.iter().filter(|field| field.secret).filter_map(|field| desk.app.fields.get(&field.name))
}

/// A path as messages and the book have it.
fn shown(path: &str) -> String {
    scrub::printable(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::tests::size;

    #[test]
    fn what_waits_for_a_provider_is_small() {
        let whole = size(|(site, arrival, request): (Arc<Site>, Arrival, Request)| forward(site, arrival, request));
        let work = size(|(used, request, body): (&'static Use<'static>, &'static Parts, Incoming)| used.forward(request, body, ""));
        assert!(whole <= 256 && work <= 3072, "{whole} and {work} bytes");
    }

    #[test]
    fn an_account_is_one_segment() {
        let read = |path| Named::read(path).map(|named| (named.account.into_owned(), named.path));
        assert_eq!(read("/api/august/users/locks"), Some(("august".to_owned(), "/users/locks")));
        assert_eq!(read("/api/telldus%2Fcabin/json/devices"), Some(("telldus/cabin".to_owned(), "/json/devices")));
        assert_eq!(read("/api/august"), Some(("august".to_owned(), "/")));
        assert_eq!(read("/api/august/"), Some(("august".to_owned(), "/")));
        assert_eq!(read("/api/august//evil.example/"), Some(("august".to_owned(), "//evil.example/")));
        assert_eq!(read("/api/%ff/x").map(|_| ()), None);
    }
}
