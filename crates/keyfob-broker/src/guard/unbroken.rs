//! Work that goes to its end, whoever still waits for it. A client that hangs up ends its request's future wherever that is: also between what was
//! done at a provider and the line in the book, for whoever wants something done and no trace of it (L17).

use std::future::poll_fn;
use std::task::Poll;

use http::Extensions;
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tracing::Instrument as _;

/// As long as somebody has one, the program does not end by itself: it waits for requests, and for work whose client is gone already.
#[derive(Clone, Debug)]
pub(crate) struct Alive {
    pub(crate) _until_dropped: mpsc::Sender<()>,
}

impl Alive {
    /// What came with a request, where there is a program that may end.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get::<Self>().cloned()
    }
}

/// Does it in a task of its own, and waits for it; so does the program when it ends. What waits for nothing is done here and now: there is no moment
/// at which somebody could hang up in the middle of it.
pub(crate) async fn unbroken<T: Send + 'static>(alive: Option<Alive>, work: impl Future<Output = T> + Send + 'static) -> T {
    let work = async move {
        let _alive = alive;
        work.await
    };
    let mut work = Box::pin(work.in_current_span());
    if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
        return done;
    }
    match tokio::spawn(work).await.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The program ends, and everybody who waits with it.
        Err(Err(_)) => std::future::pending().await,
    }
}
