//! Random moments.

use std::ops::Range;
use std::time::Duration;

/// A generator of numbers that nobody needs to keep secret (SplitMix64).
pub struct Chance(u64);

impl Chance {
    /// Seeded by the system.
    #[expect(clippy::new_without_default, reason = "each one is another")]
    pub fn new() -> Self {
        Self(u64::from_str_radix(&keyfob::random_hex()[..16], 16).expect("sixteen hexadecimal digits"))
    }

    /// A number below the bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    /// Waits between so many microseconds.
    pub fn wait(&mut self, micros: Range<u64>) {
        std::thread::sleep(Duration::from_micros(micros.start + self.below(micros.end - micros.start)));
    }
}
