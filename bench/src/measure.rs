//! Time, and what to make of many times.

use std::time::Instant;

/// Times one thing, in microseconds.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed().as_secs_f64() * 1e6, done)
}

/// The middle of them.
pub(crate) fn median(times: &[f64]) -> f64 {
    quantile(times, 0.5)
}

/// A part of them takes no longer than that.
pub(crate) fn quantile(times: &[f64], part: f64) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
    let index = ((times.len() - 1) as f64 * part).round() as usize;
    times[index]
}

/// Measures two things in turns, so that a machine that is busy for a while is busy for both. Each turn should be short, a few milliseconds:
/// then the median is of turns that nobody interrupted.
pub(crate) fn beside(turns: usize, mut ours: impl FnMut() -> f64, mut limit: impl FnMut() -> f64) -> (f64, f64) {
    // Not counted: caches fill.
    for _ in 0..turns / 10 {
        let _ = (ours(), limit());
    }
    let (ours, limit): (Vec<f64>, Vec<f64>) = (0..turns).map(|_| (ours(), limit())).unzip();
    (median(&ours), median(&limit))
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        usize::try_from(number % end as u64).unwrap_or_default()
    }
}
