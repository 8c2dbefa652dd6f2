//! Whether a long body still moves: a deadline for the answer must not end an upload that takes longer than it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::Body;

/// Shorter bodies are sent at once, and not watched.
const SHORT: u64 = 64 * 1024;

/// Tells whether pieces were taken since it was asked last.
pub(super) struct Progress(Option<Arc<AtomicBool>>);

/// A body that tells when a piece is taken.
struct Watched {
    inner: Body,
    taken: Arc<AtomicBool>,
}

impl Progress {
    /// The request with its body watched, if it is a long one.
    pub(super) fn of(request: http::Request<Body>) -> (http::Request<Body>, Self) {
        if request.body().size_hint().exact().is_some_and(|length| length <= SHORT) {
            return (request, Self(None));
        }
        let taken = Arc::new(AtomicBool::new(false));
        let progress = Self(Some(taken.clone()));
        (request.map(|inner| Body::stream(Watched { inner, taken })), progress)
    }

    pub(super) fn made(&self) -> bool {
        self.0.as_ref().is_some_and(|taken| taken.swap(false, Ordering::Relaxed))
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        self.taken.store(true, Ordering::Relaxed);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
