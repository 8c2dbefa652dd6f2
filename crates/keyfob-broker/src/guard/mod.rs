//! What every request passes before it reaches a route, and every answer before it leaves.
//!
//! ```text
//! request ─► look ─► log ─► headers ─► panics ─► size ─► host ─► rate ─► deadline ─► visitor ─► forms ─► callback ─► route
//!           └──────────────────── front ────────────────────────┘
//! ```
//!
//! What every request passes is one layer of the router, and not one for each guard: a layer is copied for each request, with all that are below it. What
//! programs ask for again and again goes past the router, from `log` to `rate` and to its route: see [`Front::program`].

mod arrival;
mod forms;
mod framing;
mod headers;
mod host;
mod log;
mod rate;
mod size;
mod unbroken;
mod visitor;
mod whole;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use http::header::CONTENT_LENGTH;
use http_body::Body as _;
use tracing::Span;

pub(crate) use arrival::{Arrival, RequestId};
pub(crate) use forms::{Knocked, Posted, forms, is_same_origin};
pub(crate) use framing::Strict;
pub(crate) use headers::SET as HEADERS_SET;
pub(crate) use host::by_address;
pub(crate) use rate::Rates;
pub(crate) use size::{LARGEST_HEAD, MOST_HEADERS};
pub(crate) use unbroken::{Alive, caught, unbroken};
pub(crate) use visitor::visitor;
pub(crate) use whole::{Lacking, whole};

use self::log::Asked;
use crate::failure::Failure;
use crate::metrics::By;
use crate::operations::Operations;
use crate::page::Look;
use crate::problem::Problem;
use crate::router::{self, Route};
use crate::routes::callback;
use crate::site::Site;

/// A lock that is asked over its bridge three times may need 90 s; nobody waits longer than this.
pub(crate) const DEADLINE: Duration = Duration::from_secs(150);

/// What the guards that stand in front of every route work with.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) site: Arc<Site>,
    pub(crate) operations: Arc<Operations>,
}

/// The guards that stand in front of every route, in their order.
pub(crate) async fn front(State(front): State<Front>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().and_then(|path| router::route(path.as_str()));
    request.extensions_mut().insert(front.operations.clone());
    let look = front.look(&request);
    let is_program = router::is_read_by_programs(request.uri().path()) && !is_callback(&front.site, &request);
    let reader = if is_program { Reader::Program } else { Reader::Person };
    let mut arrival = request.extensions_mut().remove().unwrap_or_default();
    look.around(front.before(route, reader, &mut arrival, &mut request, |request, arrival| next.run(with(arrival, request)))).await
}

/// Who reads what is answered.
#[derive(Clone, Copy, Debug)]
enum Reader {
    Person,
    /// Pages say nothing to it.
    Program,
}

impl Front {
    /// What every request passes. `route` is the one that will answer, where there is one. The request is taken out from where it lies, so that this does not
    /// hold it once more.
    async fn before<F>(
        &self,
        route: Option<&'static Route>,
        reader: Reader,
        arrival: &mut Arrival,
        request: &mut Request,
        next: impl FnOnce(Request, Arrival) -> F,
    ) -> Response
    where
        F: Future<Output = Response>,
    {
        let (site, operations) = (&*self.site, &*self.operations);
        let (client, began) = arrival.complete(operations, request);
        let asked = Asked::begin(operations, route, arrival, request);
        // Pinned where it is made: a guard that took the rest of the way by value would hold it twice, and the next one four times.
        let answer = pin!(async {
            let refused = size::refuses(request).or_else(|| host::refuses(site, request, arrival));
            if let Some(refusal) = refused.or_else(|| rate::refuses(operations, route, client, request, began)) {
                return refusal;
            }
            // A page would be no answer to a program that has mistyped its path.
            if route.is_none() && router::is_nearly_program(request.uri().path()) && !is_callback(site, request) {
                return Problem::no_route().into_response();
            }
            rate::count(operations, route, client, next(std::mem::take(request), arrival.clone()).await)
        });
        let mut response = panics(reader, &asked.span, answer).await;
        let problem = Problem::name(&mut response, arrival.id.as_str());
        asked.answered(&arrival.id, client, began, &response, problem.as_ref());
        headers::set(response.headers_mut(), site.is_https(), arrival.id.clone());
        response
    }

    /// Whatever page comes of a request has this browser's look.
    fn look(&self, request: &Request) -> Look {
        Look::of(request.headers(), request.uri(), self.site.people.is_none(), self.site.pretended)
    }

    /// What programs ask for, again and again: past the same guards, and without the router, whose every layer is copied for each request.
    #[allow(clippy::manual_async_fn, reason = "an async fn holds what it is given twice, once where it came in")]
    pub(crate) fn program(
        self,
        route: &'static Route,
        mut arrival: Arrival,
        mut request: Request,
    ) -> impl Future<Output = Response> + Send + use<> {
        async move {
            let is_head = request.method() == Method::HEAD;
            let mut response = if is_callback(&self.site, &request) {
                // A browser's, and rare.
                Box::pin(self.callback(route, &mut arrival, &mut request)).await
            } else {
                let next = |request, arrival| router::answer_program(route, self.site.clone(), arrival, request);
                self.before(Some(route), Reader::Program, &mut arrival, &mut request, next).await
            };
            // RFC 9110 §9.3.2: the head alone. The router does this for all others.
            if is_head {
                if let Some(length) = response.body().size_hint().exact().filter(|_| !response.headers().contains_key(CONTENT_LENGTH)) {
                    response.headers_mut().insert(CONTENT_LENGTH, length.into());
                }
                *response.body_mut() = Body::empty();
            }
            response
        }
    }

    /// A provider's answer that comes to a path of programs.
    async fn callback(&self, route: &'static Route, arrival: &mut Arrival, request: &mut Request) -> Response {
        request.extensions_mut().insert(self.operations.clone());
        let look = self.look(request);
        let next = async |request, arrival| receive(&self.site, with(arrival, request)).await;
        look.around(self.before(Some(route), Reader::Person, arrival, request, next)).await
    }
}

/// What is known of a request, where routes look for it.
fn with(arrival: Arrival, mut request: Request) -> Request {
    request.extensions_mut().insert(arrival);
    request
}

/// Every answer comes in time, if only to say that there is none.
pub(crate) async fn deadline(request: Request, next: Next) -> Response {
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::too_slow().into_response(),
    }
}

/// A panic is our fault and nobody's business: it ends the request, not the program, and shows nothing. What is logged meanwhile is logged in the span.
async fn panics(reader: Reader, span: &Span, mut answer: Pin<&mut impl Future<Output = Response>>) -> Response {
    let answer = pin!(poll_fn(|context| span.in_scope(|| answer.as_mut().poll(context))));
    caught(answer).await.unwrap_or_else(|| {
        span.in_scope(|| tracing::error!("a request ended in a panic"));
        match reader {
            Reader::Program => Problem::from(Failure::ours()).into_response(),
            Reader::Person => Failure::ours().into_response(),
        }
    })
}

/// The path of a redirect URI can be any path, one of our own too: the seed of this program was registered with `/`. Such a
/// request is told apart by its parameters.
pub(crate) async fn callback(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    if is_callback(&site, &request) { receive(&site, request).await } else { next.run(request).await }
}

fn is_callback(site: &Site, request: &Request) -> bool {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    // Whether it is a page of ours, too, is a look at all of them: only where it matters.
    site.is_callback(path) && (router::entry(path).is_none() || callback::is_answer(query))
}

async fn receive(site: &Arc<Site>, request: Request) -> Response {
    if let Some(too_often) = rate::callback_rate(&request) {
        return too_often;
    }
    // A browser that goes away now must not lose the tokens that its code is exchanged for, nor leave a link spent of which nothing came.
    let (site, alive) = (site.clone(), Arrival::of(request.extensions()).alive);
    let work = unbroken(alive, async move { callback::receive(&site, &request.into_parts().0).await.into_response() });
    let mut response = work.await;
    response.extensions_mut().insert(By::Callback);
    response
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_in_the_way_that_its_reader_reads() {
        for (reader, kind, said) in
            [(Reader::Program, "application/problem+json", "\"request_id\":\"r-1\""), (Reader::Person, "text/html", "fault")]
        {
            let answer = pin!(async { panic!("on purpose") });
            let mut response = panics(reader, &Span::none(), answer).await;
            Problem::name(&mut response, "r-1");
            assert_eq!(response.status(), http::StatusCode::INTERNAL_SERVER_ERROR);
            assert!(response.headers()[http::header::CONTENT_TYPE].to_str().expect("text").starts_with(kind));
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
            let text = String::from_utf8_lossy(&body);
            assert!(text.contains(said) && !text.contains("on purpose"), "{text}");
        }
    }

    /// How large the future is that a function gives.
    pub(crate) fn size<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    /// A future is as large as all that it may ever hold at once, and is moved when it is begun: one that is large, for a branch that nobody takes, costs
    /// every request hundreds of kilobytes that are copied. Whoever finds this red puts what is rare on the heap, where it is waited for.
    #[test]
    fn what_every_request_of_a_program_passes_is_small() {
        let size =
            size(|(front, route, arrival, request): (Front, &'static Route, Arrival, Request)| front.program(route, arrival, request));
        assert!(size <= 1000, "{size} bytes");
    }
}
