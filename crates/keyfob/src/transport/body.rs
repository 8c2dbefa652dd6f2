//! Bodies that stream, both ways.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use keyfob_proto::{Origin, Transport as TransportError, TransportKind};

use super::within::within;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The longest silence in the middle of a body.
const SILENCE: Duration = Duration::from_secs(60);

/// A body, of a request or an answer. It may stream; nothing buffers it but [`Body::bytes`].
pub struct Body {
    /// What was read already to look at it, and comes first.
    ahead: Option<Bytes>,
    inner: UnsyncBoxBody<Bytes, BoxError>,
    /// Where it comes from, for messages. A body is part of many futures, and is to be small.
    origin: Option<Box<Uri>>,
}

impl Body {
    /// No body.
    pub fn empty() -> Self {
        Self::of(Empty::new().map_err(|never| match never {}).boxed_unsync())
    }

    /// A body that streams.
    pub fn stream<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::of(body.map_err(Into::into).boxed_unsync())
    }

    fn of(inner: UnsyncBoxBody<Bytes, BoxError>) -> Self {
        Self { ahead: None, inner, origin: None }
    }

    pub(crate) fn received_from(mut self, origin: Uri) -> Self {
        self.origin = Some(Box::new(origin));
        self
    }

    /// What `undoing` makes of it. It is still from there.
    pub(super) fn undone<B>(mut self, undoing: impl FnOnce(Self) -> B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
    {
        let origin = self.origin.take();
        Self { origin, ..Self::stream(undoing(self)) }
    }

    fn broken(&self, kind: TransportKind) -> TransportError {
        TransportError::new(kind, self.origin.as_deref().map(shown).unwrap_or_default())
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`TransportError`]: the connection broke, or nothing came for as long as an answer may be silent.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        loop {
            let frame = match within(SILENCE, self.inner.frame()).await {
                Err(_) => return Err(self.broken(TransportKind::Timeout)),
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => frame.map_err(|error| self.broken(TransportKind::Broken).caused_by(error))?,
            };
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// Its beginning: all of it, or the first pieces that are more than `limit` bytes together. The body still has them.
    pub(crate) async fn peek(&mut self, limit: usize) -> Result<Bytes, TransportError> {
        let mut beginning = Vec::new();
        while beginning.len() <= limit
            && let Some(piece) = self.chunk().await?
        {
            beginning.extend_from_slice(&piece);
        }
        let beginning = Bytes::from(beginning);
        self.ahead = Some(beginning.clone()).filter(|beginning| !beginning.is_empty());
        Ok(beginning)
    }

    /// All of it, if it is no more than `limit` bytes.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk), and `TooLarge`.
    pub async fn bytes(self, limit: usize) -> Result<Vec<u8>, TransportError> {
        let told = |error: TransportError| if error.kind == TransportKind::TooLarge { error.caused_by(Limit(limit)) } else { error };
        self.whole(limit).await.map_err(told)
    }

    async fn whole(mut self, limit: usize) -> Result<Vec<u8>, TransportError> {
        let mut all = Vec::new();
        while let Some(piece) = self.chunk().await? {
            if all.len() + piece.len() > limit {
                return Err(self.broken(TransportKind::TooLarge));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }
}

/// How much would have been taken.
#[derive(Debug)]
struct Limit(usize);

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 1 << 20 && bytes % (1 << 20) == 0 => write!(f, "more than {} MiB", bytes >> 20),
            bytes => write!(f, "more than {bytes} bytes"),
        }
    }
}

impl std::error::Error for Limit {}

/// An origin as messages have it. Worked out when there is something to say.
pub(super) fn shown(uri: &Uri) -> String {
    Origin::of(uri).map(String::from).unwrap_or_default()
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::of(Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(…)")
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(ahead) = self.ahead.take() {
            return Poll::Ready(Some(Ok(Frame::data(ahead))));
        }
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.ahead.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}
