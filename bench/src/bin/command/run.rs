//! Processes, started in turns.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::Instant;

use wait4::Wait4 as _;

/// What one process took: milliseconds, and megabytes.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) wall: f64,
    pub(crate) processor: f64,
    pub(crate) memory: f64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ms, {:.2} ms, {:.1} MB", self.wall, self.processor, self.memory)
    }
}

/// The medians of both, and the most memory that either ever had.
pub(crate) fn beside(turns: usize, ours: impl Fn() -> Command, theirs: impl Fn() -> Command) -> (Measured, Measured) {
    // Not counted: caches fill.
    for _ in 0..turns.min(5) {
        let _ = (one(ours()), one(theirs()));
    }
    let (ours, theirs): (Vec<_>, Vec<_>) = (0..turns).map(|_| (one(ours()), one(theirs()))).unzip();
    (middle(&ours), middle(&theirs))
}

fn middle(all: &[Measured]) -> Measured {
    let median = |of: fn(&Measured) -> f64| {
        let mut values: Vec<f64> = all.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let memory = all.iter().map(|one| one.memory).fold(0.0, f64::max);
    Measured { wall: median(|one| one.wall), processor: median(|one| one.processor), memory }
}

#[allow(clippy::cast_precision_loss, reason = "a figure to read")]
fn one(mut command: Command) -> Measured {
    let begun = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().expect("it starts");
    let ended = child.wait4().expect("it ends");
    let wall = begun.elapsed().as_secs_f64() * 1e3;
    assert!(ended.status.success(), "{command:?}: {}", ended.status);
    let processor = (ended.rusage.utime + ended.rusage.stime).as_secs_f64() * 1e3;
    Measured { wall, processor, memory: ended.rusage.maxrss as f64 / 1e6 }
}
