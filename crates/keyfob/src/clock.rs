//! What time it is.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use keyfob_proto::{Secret, Timestamp};
use serde::{Deserialize, Serialize};

/// Says what time it is. Sessions use [`SystemClock`]; tests bring their own.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// How long the machine has been running: a time that nobody turns, and that all its processes agree on. `None` where it is not known.
    fn uptime(&self) -> Option<Uptime> {
        None
    }
}

/// How long a machine has been running, asleep or awake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uptime {
    /// Tells this start of this machine from every other.
    pub boot: String,
    /// Seconds since then.
    pub seconds: i64,
}

impl Uptime {
    /// Seconds since an earlier moment of the same machine, not started again since; `None` of any other.
    pub fn since(&self, earlier: &Self) -> Option<i64> {
        (self.boot == earlier.boot).then(|| self.seconds.saturating_sub(earlier.seconds))
    }
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 is wrong, and no reason to panic.
        let seconds = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
        };
        Timestamp::from_unix(seconds)
    }

    /// Linux tells.
    fn uptime(&self) -> Option<Uptime> {
        static BOOT: OnceLock<Option<String>> = OnceLock::new();
        // Not the id itself: records are exported.
        let boot = || Some(Secret::new(std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?).fingerprint());
        let boot = BOOT.get_or_init(boot).clone()?;
        let text = std::fs::read_to_string("/proc/uptime").ok()?;
        Some(Uptime { boot, seconds: text.split('.').next()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptimes_of_one_start_are_compared_and_no_others() {
        let at = |boot: &str, seconds| Uptime { boot: boot.to_owned(), seconds };
        assert_eq!(at("a", 90).since(&at("a", 30)), Some(60));
        assert_eq!(at("b", 90).since(&at("a", 30)), None);
        assert_eq!(at("a", i64::MIN).since(&at("a", i64::MAX)), Some(i64::MIN));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_knows_how_long_it_has_been_running() {
        let (one, two) = (SystemClock.uptime().expect("Linux tells"), SystemClock.uptime().expect("Linux tells"));
        assert!(two.since(&one).is_some_and(|seconds| seconds >= 0) && one.seconds > 0);
    }
}
