//! How long a code is still good for: one line that is written over each second.

use std::convert::Infallible;
use std::io::Write;
use std::time::Duration;

use keyfob::proto::Timestamp;

use crate::account::now;
use crate::output::Paint;

/// The line below everything that was said. It is gone when this is.
pub(super) struct Countdown {
    ends: Timestamp,
    paint: Paint,
}

impl Countdown {
    pub(super) const fn until(ends: Timestamp, paint: Paint) -> Self {
        Self { ends, paint }
    }

    /// Counts, for as long as somebody waits with it.
    pub(super) async fn run(&self) -> Infallible {
        loop {
            let line = self.paint.dim(&format!("Waiting: {} left", left(self.ends.since(now()))));
            write(&format!("\r{line}\u{1b}[K"));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Makes room for something to be said.
    pub(super) fn clear(&self) {
        write("\r\u{1b}[K");
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        self.clear();
    }
}

/// It is there where a terminal can be drawn on, and nowhere else.
fn write(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// As clocks say it.
fn left(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_left() {
        assert_eq!([left(899), left(60), left(5), left(-3), left(7265)], ["14:59", "1:00", "0:05", "0:00", "2:01:05"]);
    }
}
