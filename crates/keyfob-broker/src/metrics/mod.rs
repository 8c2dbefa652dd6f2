//! What is counted, for whoever runs the program. Counters and nothing else: no account, no person, no address is a label, so there are as
//! many rows on the first day as on the last, and nobody who reads them learns who does what.

mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use keyfob::history::Event;

use crate::router::{self, Route};
use crate::site::Site;

pub(crate) use text::{CONTENT_TYPE, write};

/// Upper ends of the histogram's steps, in microseconds.
const STEPS: [u64; 13] = [500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 30_000_000];

/// Who answered a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Route(&'static Route),
    /// A provider's answer, which can come to any path.
    Callback,
    /// There is nothing at this path.
    Nobody,
}

/// Things that happen, beside requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tally {
    /// A login was finished, or tokens were taken in.
    LoggedIn,
    LoggedOut,
    Refreshed,
    RefreshFailed,
    NeedsLogin,
    Abandoned,
    Unsaved,
    /// A request was refused for coming too often.
    TooOften,
    /// A connection was refused because its peer had enough.
    ConnectionRefused,
}

const TALLIES: usize = 9;

/// The counters of one site.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// In the order of the routes; what no route answers is behind them.
    routes: Vec<Counts>,
    tallies: [AtomicU64; TALLIES],
    connections: AtomicI64,
    requests_under_way: AtomicI64,
    started: std::time::SystemTime,
}

#[derive(Debug)]
struct Counts {
    name: &'static str,
    /// By the first digit of the status.
    statuses: [AtomicU64; 5],
    steps: [AtomicU64; STEPS.len()],
    micros: AtomicU64,
}

/// A request that is being answered.
pub(crate) struct UnderWay<'a>(&'a Metrics);

impl Default for Metrics {
    fn default() -> Self {
        let route = |name| Counts { name, statuses: Default::default(), steps: Default::default(), micros: AtomicU64::new(0) };
        Self {
            routes: router::paths().chain([By::Callback, By::Nobody].map(By::name)).map(route).collect(),
            tallies: Default::default(),
            connections: AtomicI64::new(0),
            requests_under_way: AtomicI64::new(0),
            started: std::time::SystemTime::now(),
        }
    }
}

impl By {
    /// As rows and the log have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Route(route) => route.pattern,
            Self::Callback => "callback",
            Self::Nobody => "none",
        }
    }
}

impl Metrics {
    /// Counts one.
    pub(crate) fn add(&self, tally: Tally) {
        self.tallies[tally as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn begin(&self) -> UnderWay<'_> {
        self.requests_under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self)
    }

    /// Counts a request that was answered.
    pub(crate) fn answered(&self, by: By, status: StatusCode, after: Duration) {
        let number = match by {
            By::Route(route) => route.number,
            By::Callback => self.routes.len() - 2,
            By::Nobody => self.routes.len() - 1,
        };
        let route = &self.routes[number];
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        route.statuses[class].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        if let Some(step) = STEPS.iter().position(|end| micros <= *end) {
            route.steps[step].fetch_add(1, Ordering::Relaxed);
        }
        route.micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.requests_under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts what this process does to tokens, from now on.
pub(crate) fn count_events(site: &Site) -> impl Future<Output = ()> + use<> {
    let (mut events, metrics): (_, Arc<Metrics>) = (site.keyfob.events(), site.metrics.clone());
    async move {
        while let Some(entry) = events.next().await {
            match entry.event {
                Event::LoggedIn { .. } => metrics.add(Tally::LoggedIn),
                Event::Refreshed { .. } => metrics.add(Tally::Refreshed),
                Event::RefreshFailed { .. } => metrics.add(Tally::RefreshFailed),
                Event::NeedsLogin { .. } => metrics.add(Tally::NeedsLogin),
                Event::Abandoned { .. } => metrics.add(Tally::Abandoned),
                Event::Unsaved { .. } => metrics.add(Tally::Unsaved),
                Event::LoggedOut { .. } => metrics.add(Tally::LoggedOut),
                _ => {}
            }
        }
    }
}
