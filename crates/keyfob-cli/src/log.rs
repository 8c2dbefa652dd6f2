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

/// Begins to log: what `KEYFOB_LOG` asks for to stderr, and everything to the debug log, if there is one.
pub(crate) fn begin(debug_log: Option<DebugLog>, usual: LevelFilter) -> Result<(), Card> {
    begin_as(debug_log, usual, false)
}

/// The same; stderr gets JSON lines for programs that collect logs, or text.
pub(crate) fn begin_as(debug_log: Option<DebugLog>, usual: LevelFilter, json: bool) -> Result<(), Card> {
    let level = match std::env::var("KEYFOB_LOG") {
        Ok(text) if !text.is_empty() => level(&text)?,
        _ => usual,
    };
    let detailed = level > LevelFilter::WARN;
    let debug_log = debug_log.map(Arc::new);
    // The debug log is told more than stderr.
    let most = if debug_log.is_some() { level.max(LevelFilter::DEBUG) } else { level };
    let late = Late::new(most, move || {
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
