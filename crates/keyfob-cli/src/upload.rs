//! A large body on its way to the server, with a bar on the terminal.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body as _, Frame, SizeHint};
use keyfob::Body;
use keyfob::transport::{Sending, Transport};

use crate::output::Output;
use crate::progress::Progress;

/// A smaller body is gone before anybody looks.
const LARGE: u64 = 256 * 1024;

/// So much is handed on at once: what was handed on counts as sent.
const PIECE: usize = 64 * 1024;

/// A transport that shows how far large bodies are.
pub(crate) struct Uploads {
    real: Arc<dyn Transport>,
    out: Output,
}

impl Uploads {
    pub(crate) const fn new(real: Arc<dyn Transport>, out: Output) -> Self {
        Self { real, out }
    }
}

impl Transport for Uploads {
    fn send(&self, request: Request<Body>) -> Sending<'_> {
        let size = request.body().size_hint();
        if size.lower() < LARGE {
            return self.real.send(request);
        }
        let bar = Bar(Arc::new(Mutex::new(Progress::sending(size.exact(), &self.out))));
        let request = request.map(|body| Body::stream(Counted { body, left: Bytes::new(), bar: bar.0.clone() }));
        Box::pin(async move {
            // Gone with the answer, or with whoever waits for it: the connection may keep the body for longer.
            let _bar = bar;
            self.real.send(request).await
        })
    }
}

/// A bar that ends with this, whoever else still has it.
struct Bar(Arc<Mutex<Progress>>);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).end();
    }
}

/// A body in pieces, each of which is counted when it goes.
struct Counted {
    body: Body,
    left: Bytes,
    bar: Arc<Mutex<Progress>>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        while self.left.is_empty() {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.left = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let most = self.left.len().min(PIECE);
        let piece = self.left.split_to(most);
        self.bar.lock().unwrap_or_else(PoisonError::into_inner).more(piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (left, more) = (self.left.len() as u64, self.body.size_hint());
        let mut all = SizeHint::new();
        all.set_lower(more.lower() + left);
        if let Some(upper) = more.upper() {
            all.set_upper(upper + left);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_arrives_whole_and_its_length_is_known_at_every_moment() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
        let bar = Arc::new(Mutex::new(Progress::sending(Some(200_000), &Output::silent())));
        let mut counted = Counted { body: Body::from(bytes.clone()), left: Bytes::new(), bar };
        let mut arrived = Vec::new();
        loop {
            assert_eq!(counted.size_hint().exact(), Some((bytes.len() - arrived.len()) as u64));
            let frame = std::future::poll_fn(|cx| Pin::new(&mut counted).poll_frame(cx)).await;
            let Some(frame) = frame else { break };
            let piece = frame.expect("no error").into_data().expect("data");
            assert!(piece.len() <= PIECE);
            arrived.extend_from_slice(&piece);
        }
        assert!(arrived == bytes && counted.is_end_stream());
    }
}
