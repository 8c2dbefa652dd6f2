//! `keyfob login --device`: no browser here; a code to enter on another device (RFC 8628).

mod countdown;
mod letters;
mod picture;

use std::time::Duration;

use keyfob::proto::scrub::printable;
use keyfob::{DeviceLogin, Error, LoggedIn};
use keyfob_providers::Provider;
use serde_json::{Map, Value};

use self::countdown::Countdown;
use self::picture::Picture;
use super::cannot;
use crate::account::now;
use crate::card::{Card, Doing};
use crate::context::Context;
use crate::output::{Paint, Room, hang};

/// So many answers that nobody understands are waited out: a server may fail for a moment while somebody looks for their phone.
const PATIENCE: usize = 5;

/// Between the picture and what stands beside it.
const GAP: usize = 3;

/// RFC 8628 §5.4: a code that somebody else sent is a way to steal an approval.
const WARNING: &str = "Enter it only if you began this login yourself.";

/// Shows where the code belongs, and waits until somebody has decided. Whoever interrupts it leaves nothing behind.
pub(super) async fn wait(mut login: DeviceLogin, provider: &Provider, account: &str, context: &Context) -> Result<LoggedIn, Card> {
    let paint = context.out.note_paint();
    let heading = format!("Log in to {} as {}", paint.strong(&provider.title), paint.strong(account));
    let code = Code::of(&login);
    let room = context.out.drawing_room();
    let drawn = room.and_then(|room| code.drawn(room, paint));
    let countdown = room.map(|_| Countdown::until(login.expires_at(), paint));
    let body = match (drawn, &countdown) {
        (Some(drawn), _) => drawn,
        (None, Some(_)) => code.told(WARNING, paint, context.out.note_width()),
        (None, None) => {
            let minutes = login.expires_at().since(now()).max(0).div_euclid(60).max(1);
            code.told(&format!("{WARNING} Waiting ({minutes} min)."), paint, context.out.note_width())
        }
    };
    context.out.note_with(&format!("{heading}\n\n{body}"), code.members());
    let mut left = PATIENCE;
    loop {
        let asked = match &countdown {
            None => login.wait().await,
            Some(countdown) => tokio::select! {
                asked = login.wait() => asked,
                never = countdown.run() => match never {},
            },
        };
        match asked {
            Err(Error::Protocol(error)) if !error.ends_login() && !login.is_decided() && left > 0 => {
                left -= 1;
                if let Some(countdown) = &countdown {
                    countdown.clear();
                }
                context.out.note(&format!("{} {error}", paint.warn("still waiting:")));
                // Where the question itself could not be asked, no interval has passed.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            ended => return ended.doing(cannot(account)),
        }
    }
}

/// What is to be entered, and where: words of the server's, fit to be shown.
struct Code {
    user_code: String,
    page: String,
    complete: Option<String>,
}

impl Code {
    fn of(login: &DeviceLogin) -> Self {
        Self {
            user_code: printable(login.user_code()),
            page: printable(login.verification_uri()),
            complete: login.verification_uri_complete().map(printable),
        }
    }

    /// For a program, as the standard calls them (RFC 8628 §3.2).
    fn members(&self) -> Map<String, Value> {
        let known = [
            ("verification_uri", Some(&self.page)),
            ("user_code", Some(&self.user_code)),
            ("verification_uri_complete", self.complete.as_ref()),
        ];
        known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.as_str().into()))).collect()
    }

    /// For a pipe, and for a terminal without much room.
    fn told(&self, warning: &str, paint: Paint, width: Option<usize>) -> String {
        let mut lines = vec![
            "On any device, open this page and enter the code:".to_owned(),
            String::new(),
            format!("  {}", paint.accent(&self.page)),
            format!("  {}", paint.strong(&self.user_code)),
            String::new(),
        ];
        if let Some(complete) = &self.complete {
            lines.extend([format!("With the code in it: {}", paint.accent(complete)), String::new()]);
        }
        lines.push(hang(warning, 0, width));
        lines.join("\n")
    }

    /// The picture, and beside it the code in big letters; if there is room for both. Rather a picture without the code than none.
    fn drawn(&self, room: Room, paint: Paint) -> Option<String> {
        let with_code = self.complete.as_deref().and_then(|complete| self.beside(picture::of(complete, paint)?, true, room, paint));
        with_code.or_else(|| self.beside(picture::of(&self.page, paint)?, false, room, paint))
    }

    fn beside(&self, picture: Picture, has_code: bool, room: Room, paint: Paint) -> Option<String> {
        /// The heading with a blank line below, a blank line and the countdown.
        const AROUND: usize = 4;
        let width = room.columns.checked_sub(picture.width + GAP)?;
        // RFC 8628 §3.3.1: the code is shown beside the picture, too, to be compared with what the page says.
        let (first, last) = match has_code {
            true => ("Hold a phone's camera to the picture, and compare the code. Or open this page on any device and enter it:", WARNING),
            false => ("Hold a phone's camera to the picture, or open this page on any device, and enter the code:", WARNING),
        };
        let lines = |text: &str| hang(text, 0, Some(width.min(60))).lines().map(str::to_owned).collect::<Vec<_>>();
        let mut words: Vec<(usize, String)> = Vec::new();
        let plain = |line: String| (line.chars().count(), line);
        words.extend(lines(first).into_iter().map(plain));
        words.extend([(0, String::new()), (self.page.chars().count(), paint.accent(&self.page)), (0, String::new())]);
        let big = letters::big(&self.user_code).filter(|big| big[0].chars().count() <= width);
        for line in big.into_iter().flatten() {
            words.push((line.chars().count(), paint.strong(&line)));
        }
        words.extend([(self.user_code.chars().count(), paint.strong(&self.user_code)), (0, String::new())]);
        words.extend(lines(last).into_iter().map(plain));
        let high = picture.lines.len().max(words.len());
        if words.iter().any(|(wide, _)| *wide > width) || high + AROUND > room.rows {
            return None;
        }
        // In the middle of the picture's height.
        let above = (high - words.len()) / 2;
        let blank = " ".repeat(picture.width);
        let line = |at: usize| {
            let left = picture.lines.get(at).unwrap_or(&blank);
            let right = at.checked_sub(above).and_then(|at| words.get(at)).map_or("", |(_, text)| text);
            format!("{left}{}{right}", " ".repeat(if right.is_empty() { 0 } else { GAP }))
        };
        Some((0..high).map(line).chain([String::new()]).collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(complete: bool) -> Code {
        let page = "https://login.example/device".to_owned();
        let complete = complete.then(|| format!("{page}?user_code=WDJB-MJHT"));
        Code { user_code: "WDJB-MJHT".to_owned(), page, complete }
    }

    #[test]
    fn it_is_drawn_where_there_is_room_and_never_wider_or_higher() {
        for (columns, rows) in [(80, 24), (80, 22), (100, 30), (200, 50)] {
            let drawn = code(true).drawn(Room { columns, rows }, Paint::plain()).unwrap_or_else(|| panic!("{columns}×{rows}"));
            assert!(drawn.lines().all(|line| line.chars().count() <= columns), "{drawn}");
            assert!(drawn.lines().count() + 3 <= rows, "{columns}×{rows}:\n{drawn}");
            for word in ["https://login.example/device", "WDJB-MJHT", "began this", "▀"] {
                assert!(drawn.contains(word), "{word} at {columns}×{rows}:\n{drawn}");
            }
        }
        for (columns, rows) in [(79, 14), (50, 50), (20, 50), (10, 3)] {
            assert!(code(true).drawn(Room { columns, rows }, Paint::plain()).is_none(), "{columns}×{rows}");
        }
    }

    #[test]
    fn rather_a_picture_without_the_code_than_none() {
        let room = Room { columns: 80, rows: 19 };
        let drawn = code(true).drawn(room, Paint::plain()).expect("the smaller one fits");
        assert_eq!(drawn, code(false).drawn(room, Paint::plain()).expect("it fits"));
        assert!(drawn.contains("enter the code:"), "{drawn}");
    }
}
