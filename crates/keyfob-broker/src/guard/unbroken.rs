//! Work that goes to its end, whoever still waits for it. A client that hangs up ends its request's future wherever that is: also between what was
//! done at a provider and the line in the book, for whoever wants something done and no trace of it (L17).

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use tokio::sync::mpsc;
use tokio::task::JoinError;
use tracing::Instrument as _;

use crate::page::Look;

/// As long as somebody has one, the program does not end by itself: it waits for requests, and for work whose client is gone already.
#[derive(Clone, Debug)]
pub(crate) struct Alive {
    pub(crate) _until_dropped: mpsc::Sender<()>,
}

/// Does it in a task of its own, and waits for it; so does the program when it ends. What waits for nothing is done here and now: there is no moment
/// at which somebody could hang up in the middle of it.
pub(crate) fn unbroken<T: Send + 'static>(
    alive: Option<Alive>,
    work: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Send {
    // On the heap before anything else: work is large, and whatever held it by value would be as large, and be moved with it.
    let mut work = Box::pin(work);
    async move {
        if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
            return done;
        }
        let work = async move {
            let _alive = alive;
            work.await
        };
        match tokio::spawn(work.in_current_span()).await.map_err(JoinError::try_into_panic) {
            Ok(done) => done,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The program ends, and everybody who waits with it.
            Err(Err(_)) => std::future::pending().await,
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
