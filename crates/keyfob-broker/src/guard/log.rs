//! A line in the log for each request: method, path, status, time. Never the query: a callback's holds the code.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

/// Longer paths are cut: they are none of ours.
const LONGEST: usize = 200;

/// Writes the line.
pub(crate) async fn log(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path: String = request.uri().path().chars().take(LONGEST).collect();
    let began = Instant::now();
    let response = next.run(request).await;
    let (status, ms) = (response.status().as_u16(), began.elapsed().as_millis());
    // A health check comes every few seconds and says nothing.
    if path == crate::health::PATH {
        tracing::trace!(%method, path, status, ms, "request");
    } else if crate::router::is_program(&path) {
        // Those are in the book, and many.
        tracing::debug!(%method, path, status, ms, "request");
    } else {
        tracing::info!(%method, path, status, ms, "request");
    }
    response
}
