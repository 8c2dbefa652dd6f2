//! Work that goes to its end, whoever still waits for it. A client that hangs up ends its request's future wherever that is: also between what was
//! done at a provider and the line in the book, for whoever wants something done and no trace of it (L17).

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::{Instrument as _, Span};

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
        if let Some(work) = self.work.take()
            && let Some(span) = self.span.take()
            && let Ok(runtime) = Handle::try_current()
        {
            let alive = self.alive.take();
            let rest = async move {
                drop(work.await);
                drop(alive);
            };
            runtime.spawn(rest.instrument(span));
        }
    }
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt as _;
    use tokio::sync::Notify;
    use tokio::task::yield_now;

    use super::*;

    /// Work that waits to be let on, and how far it has come.
    #[derive(Clone, Default)]
    struct Work {
        turns: Arc<AtomicUsize>,
        on: Arc<Notify>,
    }

    impl Work {
        async fn run(self) {
            self.turns.fetch_add(1, Ordering::SeqCst);
            self.on.notified().await;
            assert!(Span::current().metadata().is_some_and(|span| span.name() == "request"), "it goes on in its span");
            self.turns.fetch_add(1, Ordering::SeqCst);
        }

        fn turns(&self) -> usize {
            self.turns.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn l17_what_was_begun_goes_on_without_who_waited_and_the_program_waits_for_it() {
        let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry());
        let (sender, mut ended) = mpsc::channel(1);
        let work = Work::default();
        {
            let mut unbroken = pin!(unbroken(Some(Alive { _until_dropped: sender }), work.clone().run()));
            tracing::info_span!("request").in_scope(|| unbroken.as_mut().now_or_never());
            assert_eq!(work.turns(), 1);
        }
        for _ in 0..3 {
            yield_now().await;
        }
        assert_eq!(ended.try_recv(), Err(mpsc::error::TryRecvError::Empty), "nobody ends while it works");
        work.on.notify_one();
        assert_eq!(ended.recv().await, None);
        assert_eq!(work.turns(), 2);
    }

    #[tokio::test]
    async fn what_was_not_begun_is_not_done() {
        let work = Work::default();
        drop(unbroken(None, work.clone().run()));
        yield_now().await;
        assert_eq!(work.turns(), 0);
    }

    #[tokio::test]
    async fn what_has_panicked_is_over() {
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = turns.clone();
        let work = poll_fn(move |context| {
            assert!(counted.fetch_add(1, Ordering::SeqCst) == 0, "on purpose");
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!(caught(pin!(unbroken(None, work))).await, None);
        yield_now().await;
        assert_eq!(turns.load(Ordering::SeqCst), 2, "nobody asks it again");
    }
}
