//! Nonces, each from the system, and handed out once.
//!
//! To ask the system takes longer than to seal a kilobyte, where it is a system call. So who seals without a pause has some drawn at once: twice
//! as many as the last time, if those were used up. Who seals now and then has each drawn when it is needed.
//!
//! # How far it reaches
//!
//! What is drawn in advance is there twice when a process is copied, by a fork, or with the machine it runs on. (The kernel may be told of that by
//! the VM generation id, and draws anew; a process is told nothing.) Therefore
//!
//! - it is thrown away a ten-thousandth of a second after it was drawn: a copy has none of it that goes on later than that, or was made while
//!   nobody sealed without a pause;
//! - the time, in nanoseconds, is mixed into each when it is handed out: two copies share a nonce only where both come to the same one in the same
//!   nanosecond of their clocks. That goes for what a kernel says twice that was told of nothing, too. (What is as likely to be any number as
//!   any other stays so, whatever is mixed in that does not depend on it.)

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::NONCE_LEN;
use keyfob::StoreError;

use crate::seal::fill_random;

/// How many are drawn at once, at most.
const MOST: usize = 128;
/// How long they may lie.
const LIFE: Duration = Duration::from_micros(100);

pub(crate) type NonceBytes = [u8; NONCE_LEN];

/// What was drawn and not handed out yet.
pub(crate) struct Nonces {
    drawn: [NonceBytes; MOST],
    /// Of these, the first so many.
    left: usize,
    /// How many were drawn the last time, and when.
    size: usize,
    at: Duration,
}

impl Nonces {
    pub(crate) const fn new() -> Self {
        Self { drawn: [[0; NONCE_LEN]; MOST], left: 0, size: 0, at: Duration::ZERO }
    }

    /// The next one.
    pub(crate) fn next(&mut self) -> Result<NonceBytes, StoreError> {
        // By the clock on the wall: it goes on, and may be put right, while a machine or a process is laid aside.
        self.next_at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn next_at(&mut self, now: Duration) -> Result<NonceBytes, StoreError> {
        // A clock that was set back makes them older than they are, not younger.
        let are_fresh = now.checked_sub(self.at).is_some_and(|age| age < LIFE);
        if !are_fresh || self.left == 0 {
            self.draw(if are_fresh { (2 * self.size).clamp(1, MOST) } else { 1 }, now)?;
        }
        self.left -= 1;
        let mut nonce = std::mem::take(&mut self.drawn[self.left]);
        let time = now.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(now.subsec_nanos()));
        for (byte, of_time) in nonce.iter_mut().zip(time.to_le_bytes()) {
            *byte ^= of_time;
        }
        Ok(nonce)
    }

    fn draw(&mut self, size: usize, now: Duration) -> Result<(), StoreError> {
        self.drawn[..self.left].fill([0; NONCE_LEN]);
        self.left = 0;
        fill_random(self.drawn[..size].as_flattened_mut())?;
        (self.left, self.size, self.at) = (size, size, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const NANOSECOND: Duration = Duration::from_nanos(1);
    const BEGUN: Duration = Duration::from_secs(1_800_000_000);

    fn wiped(nonces: &Nonces) -> bool {
        nonces.drawn[nonces.left..].iter().all(|nonce| *nonce == [0; NONCE_LEN])
    }

    #[test]
    fn j9_each_is_handed_out_once_also_where_the_next_are_drawn() {
        let mut nonces = Nonces::new();
        let mut seen = HashSet::new();
        // Time stands still: it is not what keeps them apart.
        for number in 0..10_000 {
            assert!(seen.insert(nonces.next_at(BEGUN).expect("the system gives")), "{number}");
            assert!(wiped(&nonces), "{number}: what was handed out is not kept");
        }
        assert_eq!(nonces.size, MOST);
    }

    #[test]
    fn a_clock_before_1970_is_a_clock() {
        let mut nonces = Nonces::new();
        let seen: HashSet<_> = (0..1000).map(|_| nonces.next_at(Duration::ZERO).expect("the system gives")).collect();
        assert_eq!(seen.len(), 1000);
    }

    #[test]
    fn j9_who_seals_now_and_then_has_none_in_advance() {
        let mut nonces = Nonces::new();
        for round in 0..10 {
            nonces.next_at(BEGUN + LIFE * round).expect("the system gives");
            assert_eq!((nonces.left, nonces.size), (0, 1));
        }
    }

    /// A copy of the machine goes on as if no time had passed; what it has in advance must be over soon.
    #[test]
    fn j9_what_was_drawn_in_advance_is_thrown_away_after_a_moment() {
        for later in [BEGUN + LIFE, BEGUN + Duration::from_secs(3600), BEGUN - NANOSECOND] {
            let mut nonces = Nonces::new();
            for _ in 0..100 {
                nonces.next_at(BEGUN).expect("the system gives");
            }
            let left: HashSet<_> = nonces.drawn[..nonces.left].iter().copied().collect();
            assert!(left.len() > 10);
            nonces.next_at(later).expect("the system gives");
            assert_eq!(nonces.left, 0, "{later:?}");
            assert!(wiped(&nonces));
        }
    }

    /// Two that were drawn as one, and go on by clocks that say different things.
    #[test]
    fn j9_copies_are_kept_apart_by_the_time() {
        let mut one = Nonces::new();
        for _ in 0..100 {
            one.next_at(BEGUN).expect("the system gives");
        }
        let mut other = Nonces { ..one };
        let mut seen = HashSet::new();
        for number in 0..20 {
            assert!(seen.insert(one.next_at(BEGUN + NANOSECOND * (2 * number)).expect("the system gives")));
            assert!(seen.insert(other.next_at(BEGUN + NANOSECOND * (2 * number + 1)).expect("the system gives")));
        }
    }
}
