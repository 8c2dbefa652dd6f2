//! The counters as text (OpenMetrics 1.0).

use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::time::UNIX_EPOCH;

use super::{Metrics, STEPS, Tally};
use crate::site::Site;

/// Its media type.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The answer to `/metrics`.
pub(crate) fn write(site: &Site) -> String {
    let metrics = &site.metrics;
    let mut text = Text(String::with_capacity(16 * 1024));
    text.family("keyfob_build", "info", "The version that runs.");
    text.sample("keyfob_build_info", &[("version", env!("CARGO_PKG_VERSION"))], "1");
    requests(metrics, &mut text);
    text.family("keyfob_http_requests_under_way", "gauge", "Requests that are being answered.");
    text.sample("keyfob_http_requests_under_way", &[], metrics.requests_under_way.load(Ordering::Relaxed));
    text.family("keyfob_connections", "gauge", "Connections that are open.");
    text.sample("keyfob_connections", &[], metrics.connections.load(Ordering::Relaxed));
    let outcomes = [
        ("refreshed", Tally::Refreshed),
        ("failed", Tally::RefreshFailed),
        ("needs_login", Tally::NeedsLogin),
        ("abandoned", Tally::Abandoned),
        ("unsaved", Tally::Unsaved),
    ];
    text.tallies(metrics, "keyfob_refreshes", "Refreshes of this process, by what came of them.", "outcome", &outcomes);
    let logins = [("in", Tally::LoggedIn), ("out", Tally::LoggedOut)];
    text.tallies(metrics, "keyfob_logins", "Accounts that were connected and forgotten.", "direction", &logins);
    let refused = [("rate", Tally::TooOften), ("connections", Tally::ConnectionRefused)];
    text.tallies(metrics, "keyfob_refused", "What was too much for one peer.", "limit", &refused);
    text.family("keyfob_cache_entries", "gauge", "What is kept in memory, by what it is.");
    text.sample("keyfob_cache_entries", &[("cache", "browsers")], site.browsers.len());
    process(metrics, &mut text);
    text.0.push_str("# EOF\n");
    text.0
}

fn requests(metrics: &Metrics, text: &mut Text) {
    text.family("keyfob_http_requests", "counter", "Requests that were answered, by route and kind of status.");
    for route in &metrics.routes {
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(&route.statuses) {
            let count = count.load(Ordering::Relaxed);
            // What never happened is no row: many routes never answer most of the classes.
            if count > 0 {
                text.sample("keyfob_http_requests_total", &[("route", route.name), ("status", class)], count);
            }
        }
    }
    text.family("keyfob_http_request_duration_seconds", "histogram", "From a request's head to its answer's, by route.");
    for route in &metrics.routes {
        let all: u64 = route.statuses.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        if all == 0 {
            continue;
        }
        let mut below = 0;
        for (end, count) in STEPS.iter().zip(&route.steps) {
            below += count.load(Ordering::Relaxed);
            let end = seconds(*end);
            // A request that was counted between two reads: the steps never say more than the whole.
            text.sample("keyfob_http_request_duration_seconds_bucket", &[("route", route.name), ("le", &end)], below.min(all));
        }
        text.sample("keyfob_http_request_duration_seconds_bucket", &[("route", route.name), ("le", "+Inf")], all);
        text.sample("keyfob_http_request_duration_seconds_count", &[("route", route.name)], all);
        let sum = seconds(route.micros.load(Ordering::Relaxed));
        text.sample("keyfob_http_request_duration_seconds_sum", &[("route", route.name)], sum);
    }
}

/// Under the names that every such program has.
fn process(metrics: &Metrics, text: &mut Text) {
    let started = metrics.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    text.family("process_start_time_seconds", "gauge", "When it was started.");
    text.sample("process_start_time_seconds", &[], format!("{}.{:03}", started.as_secs(), started.subsec_millis()));
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        text.family("process_open_fds", "gauge", "Open descriptors.");
        text.sample("process_open_fds", &[], open.count());
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    if let Some(kilobytes) = resident {
        text.family("process_resident_memory_bytes", "gauge", "Memory in use.");
        text.sample("process_resident_memory_bytes", &[], kilobytes * 1024);
    }
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    /// Labels are words of ours: nothing in them has to be escaped.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{value}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn tallies(&mut self, metrics: &Metrics, name: &str, help: &str, label: &str, rows: &[(&str, Tally)]) {
        self.family(name, "counter", help);
        for (word, tally) in rows {
            let count = metrics.tallies[*tally as usize].load(Ordering::Relaxed);
            self.sample(&format!("{name}_total"), &[(label, word)], count);
        }
    }
}
