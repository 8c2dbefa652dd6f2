//! `--watch 30s`: an action again and again, until somebody stops it. A terminal shows the newest; a pipe and a file get all of them, one behind the other.

use std::io::Write as _;
use std::time::Duration;

use keyfob::Session;
use keyfob_providers::Action;

use super::{Said, show};
use crate::account::now;
use crate::card::Card;
use crate::context::Context;
use crate::exit::Exit;
use crate::moment;
use crate::output::{Output, written};
use crate::perform::perform;

pub(super) async fn run(session: &Session, action: &Action, said: &Said, every: Duration, context: &Context) -> Result<(), Card> {
    let (out, name) = (&context.out, session.account().name);
    let length = moment::length(i64::try_from(every.as_secs()).unwrap_or(i64::MAX));
    if !is_drawn_on(out) {
        out.note(&out.note_paint().dim(&format!("{name} {}, again after {length}; Ctrl-C ends it", action.name)));
    }
    loop {
        // Moments that were said as "a day ago" go along with the time.
        let performed = perform(session, action, said.arguments(action, &name)?, said.pages, out).await;
        if is_drawn_on(out) {
            begin_anew()?;
            let heading =
                format!("{name} {} at {}, again after {length}; Ctrl-C ends it\n", action.name, moment::formatted(now(), "%H:%M:%S"));
            out.data(&out.paint().dim(&heading))?;
        }
        match performed {
            Ok(performed) => show(&performed.table, said, out)?,
            // A network or a server that is down for a while ends no watch.
            Err(card) if matches!(card.exit, Exit::Network | Exit::Http) => {
                let told = if out.json { card.json() } else { card.text(out.note_paint(), out.note_width()) };
                told.iter().for_each(|told| out.note(told));
            }
            Err(card) => return Err(card),
        }
        tokio::time::sleep(every).await;
    }
}

fn is_drawn_on(out: &Output) -> bool {
    out.to_person && out.ansi() && !out.json
}

/// An empty screen, its top left corner first. What was there before the watch began can still be scrolled to.
fn begin_anew() -> Result<(), Card> {
    let mut stdout = std::io::stdout().lock();
    written(write!(stdout, "\u{1b}[H\u{1b}[2J").and_then(|()| stdout.flush()))
}
