//! `--watch 30s`: an action again and again, until somebody stops it. A terminal shows the newest; a pipe and a file get all of them, one behind the other.

use std::io::Write as _;
use std::time::Duration;

use keyfob::Session;
use keyfob_providers::{Action, Provider};

use super::said::Said;
use super::show::{Piece, pieces, show};
use crate::account::now;
use crate::card::Card;
use crate::context::Context;
use crate::exit::Exit;
use crate::moment;
use crate::output::{Output, Paint, written};
use crate::perform::perform;

pub(super) async fn run(
    session: &Session,
    provider: &Provider,
    action: &Action,
    said: &Said,
    every: Duration,
    context: &Context,
) -> Result<(), Card> {
    let (out, name, scrubber) = (&context.out, session.account().name, session.scrubber());
    let is_drawn_on = is_drawn_on(said, out);
    let length = moment::length(i64::try_from(every.as_secs()).unwrap_or(i64::MAX));
    if !is_drawn_on {
        out.note(&out.note_paint().dim(&format!("{name} {}, again after {length}; Ctrl-C ends it", action.name)));
    }
    loop {
        // Moments that were said as "a day ago" go along with the time.
        let performed = perform(session, provider, action, said.arguments(action, &name)?, said.pages, out).await;
        if is_drawn_on {
            begin_anew()?;
            let heading =
                format!("{name} {} at {}, again after {length}; Ctrl-C ends it\n", action.name, moment::formatted(now(), "%H:%M:%S"));
            out.data(&out.paint().dim(&heading))?;
        }
        match performed {
            Ok(performed) if is_drawn_on => {
                let shown = pieces(&performed.table, said, &scrubber, out)?.into_iter().map(|(Piece::Data(text) | Piece::Note(text))| text);
                // Above it is the heading with the line behind, below it the cursor.
                let room = out.height().map_or(usize::MAX, |rows| rows.saturating_sub(3));
                out.data(&cut(&shown.collect::<Vec<_>>().join("\n"), room, out.paint()))?;
            }
            Ok(performed) => show(&performed.table, said, &scrubber, out)?,
            // A network or a server that is down for a while ends no watch.
            Err(card) if matches!(card.exit, Exit::Network | Exit::Http) => out.card(&card.repeating(out.again)),
            Err(card) => return Err(card),
        }
        tokio::time::sleep(every).await;
    }
}

/// What has room: a screen that scrolls would show the end, and not what it is the end of.
fn cut(text: &str, room: usize, paint: Paint) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(1);
    let left = paint.dim(&format!("… {} more lines than the screen has room for", lines.len() - kept));
    lines.into_iter().take(kept).map(str::to_owned).chain([left]).collect::<Vec<_>>().join("\n")
}

fn is_drawn_on(said: &Said, out: &Output) -> bool {
    out.to_person && out.ansi() && !out.json && said.shape().is_none()
}

/// An empty screen, its top left corner first. What was there before the watch began can still be scrolled to.
fn begin_anew() -> Result<(), Card> {
    let mut stdout = std::io::stdout().lock();
    written(write!(stdout, "\u{1b}[H\u{1b}[2J").and_then(|()| stdout.flush()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taller_than_the_screen_is_cut_and_says_so() {
        let cut = |room| cut("one\ntwo\nthree\nfour", room, Paint::plain());
        assert_eq!(cut(4), "one\ntwo\nthree\nfour");
        assert_eq!(cut(3), "one\ntwo\n… 2 more lines than the screen has room for");
        assert_eq!(cut(0), "… 4 more lines than the screen has room for");
    }
}
