//! One refresh of an account at a time in this process. Whoever comes while it is under way shares its outcome.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Outcome, Wait, Why};
use crate::error::Error;
use crate::session::{Known, Shared};

/// The flight under way, if there is one.
#[derive(Default)]
pub(crate) struct Flights {
    slot: Mutex<Option<Board>>,
}

/// How far a flight is, for all to see.
type Board = Arc<watch::Sender<Phase>>;

enum Phase {
    /// It asks for the right to refresh.
    Asking,
    /// Somebody else, outside this process, has that right.
    Queued,
    /// The refresh token may be on its way.
    Spending,
    /// It was told not to begin.
    CalledOff,
    /// It is over.
    Landed(Outcome),
}

/// A flight, from its own side. Dropped before it landed (a panic, a runtime that ends), it says so to those who wait.
pub(super) struct Flight {
    shared: Arc<Shared>,
    board: Board,
    landed: bool,
}

impl Shared {
    /// Joins the flight under way, or begins one, in a task of its own: a caller who goes away cannot cancel it, since a rotated token
    /// that nobody writes down is a lost login.
    pub(super) async fn join_flight(self: &Arc<Self>, used: &Arc<Known>, why: Why, wait: Wait) -> Outcome {
        let (board, new) = {
            let mut slot = self.flights.slot();
            match &*slot {
                Some(board) => (board.clone(), false),
                None => {
                    let board = Arc::new(watch::Sender::new(Phase::Asking));
                    *slot = Some(board.clone());
                    (board, true)
                }
            }
        };
        if new {
            let flight = Flight { shared: self.clone(), board: board.clone(), landed: false };
            let task = tokio::spawn(flight.go(used.clone(), why));
            return lead(self, used, &board, task, wait).await;
        }
        match wait {
            // What the caller has is good for now: let those wait who need better.
            Wait::AMoment(_) => Ok(used.clone()),
            Wait::ToTheEnd => match board.subscribe().wait_for(|phase| matches!(phase, Phase::Landed(_))).await.as_deref() {
                Ok(Phase::Landed(outcome)) => again(outcome),
                _ => Err(stopped(self)),
            },
        }
    }

    /// Calls off a flight that has not begun to spend the token.
    pub(crate) fn call_off(&self) {
        let Some(board) = self.flights.slot().clone() else { return };
        board.send_if_modified(|phase| {
            let waits = matches!(phase, Phase::Asking | Phase::Queued);
            if waits {
                *phase = Phase::CalledOff;
            }
            waits
        });
    }

    /// Whether the refresh token may be on its way.
    pub(crate) fn is_spending(&self) -> bool {
        self.flights.slot().as_ref().is_some_and(|board| matches!(*board.borrow(), Phase::Spending))
    }

    /// Waits for a flight that spends the token. One that turns out to have to wait for its turn is called off then.
    pub(crate) async fn land(&self) {
        let Some(board) = self.flights.slot().clone() else { return };
        // An error here means that the flight is over.
        let _ = board.subscribe().wait_for(|phase| !matches!(phase, Phase::Spending)).await;
        self.call_off();
    }
}

impl Flights {
    fn slot(&self) -> MutexGuard<'_, Option<Board>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    async fn go(mut self, used: Arc<Known>, why: Why) -> Outcome {
        let outcome = self.shared.clone().refresh_alone(&used, why, &self).await;
        match &outcome {
            Ok(_) => self.shared.pause.end(),
            Err(error) => self.shared.pause.begin(error),
        }
        self.land(again(&outcome));
        outcome
    }

    /// Somebody else has the right to refresh, though it may have seemed to be ours.
    pub(super) fn queue(&self) {
        self.board.send_if_modified(|phase| {
            let first = matches!(phase, Phase::Asking | Phase::Spending);
            if first {
                *phase = Phase::Queued;
            }
            first
        });
    }

    /// From here on it goes to the end. An error if it was called off.
    pub(super) fn begin(&self) -> Result<(), Error> {
        let mut begun = true;
        self.board.send_if_modified(|phase| {
            begun = !matches!(phase, Phase::CalledOff);
            if begun {
                *phase = Phase::Spending;
            }
            begun
        });
        if begun { Ok(()) } else { Err(stopped(&self.shared)) }
    }

    fn land(&mut self, outcome: Outcome) {
        self.landed = true;
        // Nobody may join between the two: they would wait for what has happened already.
        let mut slot = self.shared.flights.slot();
        *slot = None;
        self.board.send_replace(Phase::Landed(outcome));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.landed {
            self.land(Err(stopped(&self.shared)));
        }
    }
}

/// Waits for one's own flight, and gets its very error, with all that lies below.
async fn lead(shared: &Shared, used: &Arc<Known>, board: &Board, task: JoinHandle<Outcome>, wait: Wait) -> Outcome {
    let landed = async { task.await.unwrap_or_else(|_| Err(stopped(shared))) };
    let Wait::AMoment(moment) = wait else { return landed.await };
    let mut phases = board.subscribe();
    let queued = async {
        // An error here means that the flight is over, which the other branch tells.
        if phases.wait_for(|phase| matches!(phase, Phase::Queued)).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        outcome = landed => outcome,
        () = queued => Ok(used.clone()),
        () = tokio::time::sleep(moment) => Ok(used.clone()),
    }
}

/// The same for somebody else.
fn again(outcome: &Outcome) -> Outcome {
    outcome.as_ref().map(Arc::clone).map_err(Error::again)
}

fn stopped(shared: &Shared) -> Error {
    Error::Stopped { account: shared.known().account().name.clone() }
}
