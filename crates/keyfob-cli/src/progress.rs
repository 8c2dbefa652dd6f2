//! How far a download, an upload or a long answer is, on a terminal.

use std::io::Write;
use std::pin::pin;
use std::time::{Duration, Instant};

use http::{HeaderMap, header};

use crate::output::Output;

/// Drawn so often.
const EVERY: Duration = Duration::from_millis(100);

/// What is over sooner needs no bar.
const SHORT: Duration = Duration::from_millis(500);

/// How far it is. Where no person reads stderr, nothing is drawn.
pub(crate) struct Progress {
    shown: bool,
    label: &'static str,
    total: Option<u64>,
    done: u64,
    began: Instant,
    drawn: Option<Instant>,
}

/// An answer is waited for no longer: a lock that is asked over its bridge may need a minute and a half.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// What is silent for so long makes a person wonder.
const SILENT: Duration = Duration::from_secs(5);

/// The answer to a request; where it does not come soon, whoever sits there is told that it is waited for, and that it is waited for no longer than that.
pub(crate) async fn awaited<T>(answer: impl Future<Output = T>, out: &Output) -> T {
    let mut answer = pin!(answer);
    if out.notes_to_person {
        tokio::select! {
            came = &mut answer => return came,
            () = tokio::time::sleep(SILENT) => {
                let note = format!("no answer yet; it is waited for {} s at most, and Ctrl-C ends it", PATIENCE.as_secs());
                out.note(&out.note_paint().dim(&note));
            }
        }
    }
    answer.await
}

impl Progress {
    /// Of an answer that begins.
    pub(crate) fn of(headers: &HeaderMap, out: &Output) -> Self {
        let total = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        Self::new("", total, out)
    }

    /// Of a request that begins.
    pub(crate) fn sending(total: Option<u64>, out: &Output) -> Self {
        Self::new("sending ", total, out)
    }

    fn new(label: &'static str, total: Option<u64>, out: &Output) -> Self {
        Self { shown: out.notes_to_person && out.ansi(), label, total, done: 0, began: Instant::now(), drawn: None }
    }

    /// Of an answer in pages, each of which may take its time.
    pub(crate) fn reading(out: &Output) -> Self {
        Self::new("reading ", None, out)
    }

    /// More has come, or gone.
    pub(crate) fn more(&mut self, bytes: usize) {
        self.done += bytes as u64;
        self.draw(|bar| line(bar.done, bar.total, bar.began.elapsed()));
    }

    /// The next page, after so many rows.
    pub(crate) fn page(&mut self, number: usize, rows: usize) {
        self.draw(|_| format!("page {number}, after {rows} rows"));
    }

    fn draw(&mut self, line: impl FnOnce(&Self) -> String) {
        let since = self.drawn.map_or_else(|| self.began.elapsed() >= SHORT, |drawn| drawn.elapsed() >= EVERY);
        if self.shown && since {
            self.drawn = Some(Instant::now());
            let line = line(self);
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r{}{line}\u{1b}[K", self.label).and_then(|()| err.flush());
        }
    }

    /// Takes the bar away, for good.
    pub(crate) fn end(&mut self) {
        self.shown = false;
        if self.drawn.take().is_some() {
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r\u{1b}[K").and_then(|()| err.flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn line(done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let rate = format!("{}/s", size(rate as u64));
    match total.filter(|&total| total > 0) {
        None => format!("{}  {rate}", size(done)),
        Some(total) => {
            let share = (done as f64 / total as f64).min(1.0);
            let full = (share * 20.0).round() as usize;
            format!("{}{} {:>3.0} %  {} of {}  {rate}", "█".repeat(full), "░".repeat(20 - full), share * 100.0, size(done), size(total))
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is() {
        assert_eq!(line(5_000_000, Some(10_000_000), Duration::from_secs(2)), "██████████░░░░░░░░░░  50 %  5.0 MB of 10.0 MB  2.5 MB/s");
        assert_eq!(line(1500, None, Duration::from_secs(1)), "1 kB  1 kB/s");
        assert!(line(u64::MAX, Some(1), Duration::ZERO).contains("100 %"));
    }
}
