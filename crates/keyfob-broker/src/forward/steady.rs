//! Bodies that stream, held to a length and to moving at all: whoever falls silent in the middle keeps a connection for nothing.
//!
//! Only data goes through. Trailers are headers that nobody has looked at.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body as Served;
use bytes::{Buf as _, Bytes};
use http::StatusCode;
use http_body::{Body as _, Frame, SizeHint};
use keyfob::Body;
use tokio::time::{Instant, Sleep};

use super::body::too_large;
use super::holder::Holder;
use crate::problem::Problem;
use crate::serve::Silent;

/// The longest silence of a provider in the middle of its answer: some answers are streams of events, which come when something happens.
const ANSWER_SILENCE: Duration = Duration::from_secs(300);

const TOO_LARGE: u8 = 1;
const SILENT: u8 = 2;
const CUT_OFF: u8 = 3;
const ENDED: u8 = 4;

/// Knows why a program's body ended early: where we ended it, or where it broke off. Whoever was to take it sees only that it did not come.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch(Arc<AtomicU8>);

impl Watch {
    pub(super) fn problem(&self) -> Option<Problem> {
        match self.0.load(Ordering::Relaxed) {
            TOO_LARGE => Some(too_large()),
            CUT_OFF => Some(cut_off()),
            ENDED => Some(super::ended_meanwhile("What had come of its body by then may have been sent on.")),
            SILENT => Some(Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "The body did not come to its end in time.")),
            _ => None,
        }
    }
}

/// For a body that did not come to its end, or is no body by its frame: of that there is no more than this to be known.
pub(super) fn cut_off() -> Problem {
    Problem::bad_request("body", "The body was cut off: it ended before its length was there, or in the middle of its chunks, or a chunk has no size.")
        .hint("send the whole of it once more, in the length that Content-Length says, or in chunks (RFC 9112 §7.1); it may have reached the provider in part")
}

/// A program's body, on its way to the provider, for as long as the program may send one. How long it may be [`Silent`] is judged where it comes in.
pub(super) fn request(body: Served, most: u64, holder: Holder) -> (Body, Watch) {
    let watch = Watch::default();
    let steady = Steady::new(body, most, None, Some(watch.clone()));
    (Body::stream(Steady { right: Right::Unwatched(holder), ..steady }), watch)
}

/// A provider's body, on its way to the program that may have it, for as long as it may.
pub(super) fn answer(body: Body, holder: Holder) -> Served {
    if body.is_end_stream() {
        return Served::empty();
    }
    let steady = Steady::new(body, u64::MAX, Some(ANSWER_SILENCE), None);
    Served::new(Steady { right: Right::Unwatched(holder), ..steady })
}

struct Steady<B> {
    inner: B,
    left: u64,
    /// The longest silence, where it is judged here.
    patience: Option<Duration>,
    /// Set when somebody had to wait, and not for every piece.
    silence: Option<Pin<Box<Sleep>>>,
    /// Whoever asks why it ended.
    watch: Option<Watch>,
    /// That of whoever gets it, or sends it.
    right: Right,
}

/// The right to what streams.
enum Right {
    /// Nobody takes it away.
    ForGood,
    /// What is here at once is not worth a look.
    Unwatched(Holder),
    /// Over when this is.
    Watched(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Right {
    /// Whether it is looked after from now on.
    fn begins_to_be_watched(&mut self) -> bool {
        match std::mem::replace(self, Self::ForGood) {
            Self::Unwatched(holder) => {
                *self = Self::Watched(Box::pin(holder.lost()));
                true
            }
            other => {
                *self = other;
                false
            }
        }
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Self::Watched(lost) = self else { return false };
        lost.as_mut().poll(cx).is_ready()
    }
}

/// Why a body ends early.
#[derive(Debug)]
struct Ended(&'static str);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Ended {}

impl<B> Steady<B> {
    fn new(inner: B, most: u64, patience: Option<Duration>, watch: Option<Watch>) -> Self {
        Self { inner, left: most, patience, silence: None, watch, right: Right::ForGood }
    }

    fn end(&self, why: u8, said: &'static str) -> Box<dyn std::error::Error + Send + Sync> {
        self.tell(why);
        Box::new(Ended(said))
    }

    fn tell(&self, why: u8) {
        if let Some(watch) = &self.watch {
            watch.0.store(why, Ordering::Relaxed);
        }
    }
}

impl<B> http_body::Body for Steady<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if self.right.is_over(cx) {
                return Poll::Ready(Some(Err(self.end(ENDED, "whoever it is for may have no more of it"))));
            }
            match Pin::new(&mut self.inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.silence = None;
                    let Ok(data) = frame.into_data() else { continue };
                    let Some(left) = self.left.checked_sub(data.remaining() as u64) else {
                        return Poll::Ready(Some(Err(self.end(TOO_LARGE, "the body is longer than is forwarded"))));
                    };
                    self.left = left;
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Poll::Ready(Some(Err(error))) => {
                    let error = error.into();
                    self.tell(if Silent::is_why(&*error) { SILENT } else { CUT_OFF });
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    if self.right.begins_to_be_watched() {
                        continue;
                    }
                    let Some(patience) = self.patience else { return Poll::Pending };
                    let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
                    ready!(silence.as_mut().poll(cx));
                    return Poll::Ready(Some(Err(self.end(SILENT, "nothing came for too long"))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn end(body: Served, most: u64, patience: Duration) -> (usize, Watch) {
        let watch = Watch::default();
        let mut body = Body::stream(Steady::new(body, most, Some(patience), Some(watch.clone())));
        let mut length = 0;
        while let Ok(Some(piece)) = body.chunk().await {
            length += piece.len();
        }
        (length, watch)
    }

    #[tokio::test]
    async fn l16_a_stream_is_held_to_its_length() {
        let patience = Duration::from_secs(60);
        let (length, watch) = end(Served::from("12345"), 5, patience).await;
        assert!(length == 5 && watch.problem().is_none());
        let (length, watch) = end(Served::from("123456"), 5, patience).await;
        assert!(length == 0 && watch.problem().is_some_and(|problem| problem.status == StatusCode::PAYLOAD_TOO_LARGE));
    }

    #[tokio::test]
    async fn l15_who_falls_silent_is_cut_off() {
        let (one, mut other) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
        one.send(Bytes::from_static(b"123")).expect("it is open");
        let slow = Served::new(Slow(std::sync::Mutex::new(Box::pin(async move { other.recv().await }))));
        let (_, watch) = end(slow, 5, Duration::from_millis(20)).await;
        assert!(watch.problem().is_some_and(|problem| problem.status == StatusCode::REQUEST_TIMEOUT));
        drop(one);
    }

    /// One piece, and then nothing, and no end.
    struct Slow(std::sync::Mutex<Pin<Box<dyn Future<Output = Option<Bytes>> + Send>>>);

    impl http_body::Body for Slow {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let Ok(mut next) = self.0.lock() else { return Poll::Ready(None) };
            match ready!(next.as_mut().poll(cx)) {
                Some(piece) => {
                    *next = Box::pin(std::future::pending());
                    Poll::Ready(Some(Ok(Frame::data(piece))))
                }
                None => Poll::Ready(None),
            }
        }
    }
}
