//! Work that goes to its end, whoever still waits for it. A client that hangs up ends its request's future wherever that is: also between what was
//! done at a provider and the line in the book, for whoever wants something done and no trace of it (L17).

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::{Instrument as _, Span};

use crate::page::Look;

/// As long as somebody has one, the program does not end by itself: it waits for requests, and for work whose client is gone already.
#[derive(Clone, Debug)]
pub(crate) struct Alive {
    pub(crate) _until_dropped: mpsc::Sender<()>,
}

/// Does it here, and goes on in a task of its own where whoever waits for it goes away before it is done; the program waits for that when it ends. Most are waited
/// for to their end, and a task for each would be one more piece of memory, and one more turn before and after every wait.
pub(crate) fn unbroken<T: Send + 'static>(
    alive: Option<Alive>,
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Send {
    // On the heap before anything else: work is large, and whatever held it by value would be as large, and be moved with it.
    Unbroken { work: Some(Box::pin(work)), span: None, alive }
}

struct Unbroken<W: Future<Output: Send> + Send + 'static> {
    /// None once it is done, or has panicked.
    work: Option<Pin<Box<W>>>,
    /// In which it was begun, and goes on.
    span: Option<Span>,
    alive: Option<Alive>,
}

impl<W: Future<Output: Send> + Send + 'static> Future for Unbroken<W> {
    type Output = W::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<W::Output> {
        // Taken out meanwhile: what panics is over.
        let Some(mut work) = self.work.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
            self.span.get_or_insert_with(Span::current);
        }
        polled
    }
}

impl<W: Future<Output: Send> + Send + 'static> Drop for Unbroken<W> {
    fn drop(&mut self) {
        // What was never begun is nobody's loss; and without a runtime there is nobody left to do it.
        if let (Some(work), Some(span), Ok(runtime)) = (self.work.take(), self.span.take(), Handle::try_current()) {
            let alive = self.alive.take();
            let rest = async move {
                drop(work.await);
                drop(alive);
            };
            runtime.spawn(rest.instrument(span));
        }
    }
}

/// The same for what may end in a page: the other task has the look of this one. In a box from the first moment on: a page is made of much, and every
/// future that it is handed on in would have room for it once more.
pub(crate) fn unbroken_page<T: Send + 'static>(
    alive: Option<Alive>,
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Send {
    let work: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(work);
    unbroken(alive, Look::now().around(work))
}

/// What comes of it; `None` where it panics. It is not asked again: whatever state it is in ends with it.
pub(crate) async fn caught<T>(mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(done)) => Poll::Ready(Some(done)),
        Err(_) => Poll::Ready(None),
    })
    .await
}
