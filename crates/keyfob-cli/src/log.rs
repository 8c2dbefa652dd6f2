//! The log: sentences for a person on stderr. No secret is ever in it.

mod late;

use std::sync::Arc;

use keyfob_broker::DebugLog;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, fmt};

use self::late::Late;
use crate::card::Card;

/// Our own crates: those of others say what they send, secrets and all.
const OURS: [&str; 7] = ["keyfob", "keyfob_proto", "keyfob_providers", "keyfob_store", "keyfob_sandbox", "keyfob_broker", "keyfob_cli"];

/// Begins to log: what `KEYFOB_LOG` asks for to stderr, as JSON lines for programs or as text, and everything to the debug log, if there is one.
pub(crate) fn begin(debug_log: Option<DebugLog>, usual: LevelFilter, json: bool) -> Result<(), Card> {
    let level = match std::env::var("KEYFOB_LOG") {
        Ok(text) if !text.is_empty() => level(&text)?,
        _ => usual,
    };
    let detailed = level > LevelFilter::WARN;
    let debug_log = debug_log.map(Arc::new);
    let late = Late::new(most(level, debug_log.is_some()), move || {
        let stderr = fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_target(detailed);
        let stderr = match (json, detailed) {
            (true, _) => stderr.json().flatten_event(true).with_span_list(false).boxed(),
            (false, true) => stderr.compact().boxed(),
            (false, false) => stderr.compact().without_time().boxed(),
        };
        let file = debug_log.clone().map(|log| fmt::layer().with_ansi(false).with_writer(log).with_filter(ours(LevelFilter::DEBUG)));
        Box::new(tracing_subscriber::registry().with(stderr.with_filter(ours(level))).with(file))
    });
    let begun = tracing::subscriber::set_global_default(late);
    debug_assert!(begun.is_ok(), "logging begins once");
    Ok(())
}

/// What is for stderr or for the debug log, which is told more.
fn most(level: LevelFilter, has_debug_log: bool) -> LevelFilter {
    if has_debug_log { level.max(LevelFilter::DEBUG) } else { level }
}

fn ours(level: LevelFilter) -> Targets {
    Targets::new().with_targets(OURS.map(|target| (target, level)))
}

fn level(text: &str) -> Result<LevelFilter, Card> {
    text.parse().map_err(|_| {
        Card::usage(
            "KEYFOB_LOG is none of the levels",
            "expected off, error, warn, info, debug or trace",
            "example: KEYFOB_LOG=info keyfob status",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_log_is_told_what_stderr_is_not() {
        assert_eq!(most(LevelFilter::WARN, false), LevelFilter::WARN);
        assert_eq!(most(LevelFilter::OFF, true), LevelFilter::DEBUG);
        assert_eq!(most(LevelFilter::TRACE, true), LevelFilter::TRACE);
    }
}
