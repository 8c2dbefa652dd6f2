//! The end of the program, put off for tokens that are on their way: nobody else has them, and a login is lost with them.

use std::pin::pin;
use std::time::Duration;

use keyfob::{Error, Keyfob, Policy};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::card::Card;
use crate::exit::Exit;
use crate::output::Output;
use crate::signal::Signals;

/// What is over sooner needs no word.
const SILENT: Duration = Duration::from_secs(3);

/// Signals that come within this time are one: timeout(1) sends its own twice.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Waits for work that was begun, and for refreshes that have begun, and offers new tokens that the vault would not take to it again. Who sits there is told
/// after a while what is waited for. Whoever knows of it, since they were told or asked for the end before, and asks for the end gives it up.
pub(crate) async fn settle(work: Option<JoinHandle<Result<(), Card>>>, keyfobs: &[Keyfob], asked: bool, out: &Output) -> Result<(), Card> {
    let mut settled = pin!(settled(work, keyfobs));
    let mut silent = pin!(sleep(SILENT));
    let mut signals = Signals::listen();
    let (mut last, mut knows, mut is_told) = (asked.then(Instant::now), asked, false);
    loop {
        tokio::select! {
            biased;
            outcome = &mut settled => return outcome,
            () = &mut silent, if !is_told => {}
            _ = signals.next() => {
                if last.is_some_and(|last| last.elapsed() < AT_ONCE) {
                    continue;
                }
                last = Some(Instant::now());
                if knows {
                    return Err(given_up(keyfobs));
                }
                knows = true;
            }
        }
        if !std::mem::replace(&mut is_told, true) && out.notes_to_person {
            let (why, minutes) = (given_up(keyfobs), Policy::SETTLING.as_secs() / 60);
            let note = format!("{}; waiting for it, {minutes} minutes at most; Ctrl-C gives it up", why.why());
            out.note(&out.note_paint().dim(&note));
            knows = true;
        }
    }
}

async fn settled(work: Option<JoinHandle<Result<(), Card>>>, keyfobs: &[Keyfob]) -> Result<(), Card> {
    let (mut outcome, end) = (Ok(()), Instant::now() + Policy::SETTLING);
    if let Some(work) = work
        && let Ok(Ok(done)) = timeout_at(end, work).await
    {
        outcome = done;
    }
    for keyfob in keyfobs {
        let left = end.saturating_duration_since(Instant::now());
        outcome = outcome.and(keyfob.settle(left).await.map_err(|error| lost(&error)));
    }
    outcome
}

/// What not to wait any longer costs.
fn given_up(keyfobs: &[Keyfob]) -> Card {
    match keyfobs.iter().find_map(Keyfob::unsettled) {
        Some(error @ Error::Unsaved { .. }) => lost(&error),
        Some(error) => lost(&error).exiting(Exit::Interrupted),
        None => Card::interrupted_in_doing()
            .because("what was begun is not over")
            .advising("a token may have been spent, and what came for it may be lost: look before you run it again: keyfob status"),
    }
}

fn lost(error: &Error) -> Card {
    let what = match error {
        Error::Unfinished { .. } => "new tokens may be lost",
        _ => "new tokens could not be written down",
    };
    Card::of(what, error)
}
