//! Who asks, under which name the request is known, and a line in the log for each: route, status, time. Never the path or the query: a
//! link's path is a secret, and so is a callback's query.

use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use http::{Method, StatusCode};
use tracing::Span;

use super::{Arrival, RequestId};
use crate::health;
use crate::metrics::{By, Metrics, UnderWay};
use crate::operations::Operations;
use crate::peer::Client;
use crate::problem::Problem;
use crate::router::Route;

/// A request that is being answered.
pub(super) struct Asked<'a> {
    /// What is logged meanwhile, is logged in it.
    pub(super) span: Span,
    route: Option<&'static Route>,
    method: Method,
    /// Those of programs are in the book, and many.
    is_program: bool,
    metrics: &'a Metrics,
    _under_way: UnderWay<'a>,
}

impl<'a> Asked<'a> {
    /// Counts a request.
    pub(super) fn begin(operations: &'a Operations, route: Option<&'static Route>, arrival: &Arrival, request: &Request) -> Self {
        let (is_program, name) = (crate::router::is_program(request.uri().path()), arrival.id.as_str());
        let span = if is_program { tracing::debug_span!("request", id = name) } else { tracing::info_span!("request", id = name) };
        let (method, metrics) = (request.method().clone(), &*operations.metrics);
        Self { span, route, method, is_program, metrics, _under_way: metrics.begin() }
    }

    /// Writes the line about a request of this client, which began then.
    pub(super) fn answered(self, name: &RequestId, client: Client, began: Instant, response: &Response, problem: Option<&Problem>) {
        let Self { span, route, method, is_program, metrics, .. } = self;
        let after = began.elapsed();
        // What answered may say that it was not the path's route.
        let by = response.extensions().get::<By>().copied().unwrap_or(route.map_or(By::Nobody, By::Route));
        metrics.answered(by, response.status(), after);
        let route = by.name();
        let (status, ms) = (response.status().as_u16(), u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        let (code, note) = (problem.map(|problem| problem.code), problem.and_then(Problem::note));
        // What a program was told behind its key is in the book. All else leaves a trace here, and so does whoever tries one key after the other, or what no
        // rule allows. Its span is none where the log is at its usual level.
        macro_rules! refused {
            ($level:ident) => {
                tracing::$level!(id = name.as_str(), client = %client.peer, %method, route, status, code, note, ms, "refused")
            };
        }
        span.in_scope(|| {
            // A probe comes every few seconds and says nothing.
            if health::is_for_probes(route) || route == health::METRICS {
                tracing::trace!(client = %client.peer, %method, route, status, ms, "answered");
            } else if is_program && problem.is_some_and(|problem| !problem.is_booked() || problem.status == StatusCode::FORBIDDEN) {
                if response.status().is_server_error() { refused!(warn) } else { refused!(info) }
            } else if is_program {
                tracing::debug!(client = %client.peer, %method, route, status, code, ms, "answered");
            } else {
                tracing::info!(client = %client.peer, %method, route, status, code, note, ms, "answered");
            }
        });
    }
}
