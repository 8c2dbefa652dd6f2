//! Telling changes to everybody who listens, and that they are not told any more.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use tokio::sync::{broadcast, watch};

use super::{Change, Changes};

/// So many changes wait for one who listens; beyond it something was missed, and that is told.
const MOST_CHANGES: usize = 256;

/// Whether changes come to be known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// It is about to be seen to.
    #[cfg(feature = "postgres")]
    Begins,
    /// They do.
    Good,
    /// They do not.
    Lost,
}

/// Passes changes on.
#[derive(Debug)]
pub(crate) struct Herald {
    /// Made for the first who listens: most programs are over before anybody does.
    told: OnceLock<broadcast::Sender<Change>>,
    hearing: watch::Sender<Hearing>,
}

impl Herald {
    pub(crate) fn new(hearing: Hearing) -> Self {
        Self { told: OnceLock::new(), hearing: watch::Sender::new(hearing) }
    }

    /// Whoever listens from now on.
    pub(crate) fn listen(self: &Arc<Self>) -> Listening {
        let told = self.told.get_or_init(|| broadcast::Sender::new(MOST_CHANGES)).subscribe();
        // After that, so that what is lost in between is told twice rather than never.
        let lost = *self.hearing.borrow() == Hearing::Lost;
        Listening { told, first: lost.then_some(Change::Lost), herald: Arc::clone(self) }
    }

    /// Whether anybody does.
    pub(crate) fn has_listeners(&self) -> bool {
        self.told.get().is_some_and(|told| told.receiver_count() > 0)
    }

    pub(crate) fn tell(&self, change: Change) {
        if let Some(told) = self.told.get() {
            // Nobody may listen any more.
            drop(told.send(change));
        }
    }

    pub(crate) fn tell_item(&self, kind: &str, id: &str) {
        if self.has_listeners() {
            self.tell(Change::Item { kind: kind.to_owned(), id: id.to_owned() });
        }
    }

    /// Somebody is seeing to it that changes come to be known.
    #[cfg(feature = "postgres")]
    pub(crate) fn begins(&self) {
        self.hearing.send_replace(Hearing::Begins);
    }

    /// Waits until they do, or it is known that they do not.
    #[cfg(feature = "postgres")]
    pub(crate) async fn has_begun(&self) {
        // It cannot fail: the other end is here.
        drop(self.hearing.subscribe().wait_for(|hearing| *hearing != Hearing::Begins).await);
    }

    /// Changes come to be known from now on. What happened while they did not nobody knows.
    pub(crate) fn hears(&self) {
        if self.hearing.send_replace(Hearing::Good) == Hearing::Lost {
            self.tell(Change::Anything);
        }
    }

    /// Whether they do.
    pub(crate) fn is_heard(&self) -> bool {
        *self.hearing.borrow() == Hearing::Good
    }

    /// Changes do not come to be known any more.
    pub(crate) fn is_deaf(&self) {
        if self.hearing.send_replace(Hearing::Lost) != Hearing::Lost {
            self.tell(Change::Lost);
        }
    }
}

/// Somebody who listens.
pub(crate) struct Listening {
    told: broadcast::Receiver<Change>,
    first: Option<Change>,
    herald: Arc<Herald>,
}

impl Changes for Listening {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Change> + Send + '_>> {
        Box::pin(async {
            if let Some(first) = self.first.take() {
                return first;
            }
            match self.told.recv().await {
                Ok(change) => change,
                // Among what was missed may be that they are not told any more.
                Err(broadcast::error::RecvError::Lagged(_)) if *self.herald.hearing.borrow() == Hearing::Lost => Change::Lost,
                Err(broadcast::error::RecvError::Lagged(_)) => Change::Anything,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn herald() -> Arc<Herald> {
        Arc::new(Herald::new(Hearing::Good))
    }

    #[tokio::test]
    async fn everybody_hears_of_everything_in_order() {
        let herald = herald();
        let mut listeners = [herald.listen(), herald.listen()];
        herald.tell_item("key", "one");
        herald.is_deaf();
        herald.is_deaf();
        herald.hears();
        herald.hears();
        herald.tell_item("key", "two");
        let item = |id: &str| Change::Item { kind: "key".to_owned(), id: id.to_owned() };
        for listener in &mut listeners {
            for expected in [item("one"), Change::Lost, Change::Anything, item("two")] {
                assert_eq!(listener.next().await, expected);
            }
        }
    }

    #[tokio::test]
    async fn whoever_comes_while_nothing_is_heard_is_told_so() {
        let herald = herald();
        herald.is_deaf();
        let mut late = herald.listen();
        assert_eq!(late.next().await, Change::Lost);
        herald.hears();
        assert_eq!(late.next().await, Change::Anything);
    }

    /// Whoever is slow must not go on with what is in memory: not if it missed a change, and not if it missed that none are told.
    #[tokio::test]
    async fn whoever_missed_something_is_told_the_worst_of_it() {
        let herald = herald();
        let mut slow = herald.listen();
        for number in 0..=MOST_CHANGES {
            herald.tell_item("key", &number.to_string());
        }
        assert_eq!(slow.next().await, Change::Anything);
        herald.is_deaf();
        for number in 0..=2 * MOST_CHANGES {
            herald.tell_item("key", &number.to_string());
        }
        assert_eq!(slow.next().await, Change::Lost);
    }
}
