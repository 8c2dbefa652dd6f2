//! Who asks, under which name the request is known, and a line in the log for each: route, status, time. Never the path or the query: a
//! link's path is a secret, and so is a callback's query.

use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use http::Method;
use tracing::Span;

use super::{Arrival, RequestId};
use crate::health;
use crate::metrics::{By, Metrics, UnderWay};
use crate::operations::Operations;
use crate::peer::Client;
use crate::router::Route;

/// A request that is being answered.
pub(super) struct Asked<'a> {
    pub(super) client: Client,
    /// What is logged meanwhile, is logged in it.
    pub(super) span: Span,
    route: Option<&'static Route>,
    id: RequestId,
    method: Method,
    /// Those of programs are in the book, and many.
    is_program: bool,
    pub(super) began: Instant,
    metrics: &'a Metrics,
    _under_way: UnderWay<'a>,
}

impl<'a> Asked<'a> {
    /// Finds out who asks, names the request, and counts it.
    pub(super) fn begin(operations: &'a Operations, route: Option<&'static Route>, request: &mut Request) -> Self {
        let (client, id, began) = Arrival::complete(operations, request);
        let (is_program, name) = (crate::router::is_program(request.uri().path()), id.as_str());
        let span = if is_program { tracing::debug_span!("request", id = name) } else { tracing::info_span!("request", id = name) };
        let (method, metrics) = (request.method().clone(), &*operations.metrics);
        Self { client, span, route, id, method, is_program, began, metrics, _under_way: metrics.begin() }
    }

    /// Writes the line; the name under which it is in the log.
    pub(super) fn answered(self, response: &Response) -> RequestId {
        let Self { client, span, route, id, method, is_program, began, metrics, .. } = self;
        let after = began.elapsed();
        // What answered may say that it was not the path's route.
        let by = response.extensions().get::<By>().copied().unwrap_or(route.map_or(By::Nobody, By::Route));
        metrics.answered(by, response.status(), after);
        let route = by.name();
        let (status, ms) = (response.status().as_u16(), u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        span.in_scope(|| {
            // A probe comes every few seconds and says nothing.
            if health::is_for_probes(route) || route == health::METRICS {
                tracing::trace!(client = %client.peer, %method, route, status, ms, "answered");
            } else if is_program {
                tracing::debug!(client = %client.peer, %method, route, status, ms, "answered");
            } else {
                tracing::info!(client = %client.peer, %method, route, status, ms, "answered");
            }
        });
        id
    }
}
