//! A log that is put together when the program comes to the first place that may have a line for it: most calls have nothing to log, and room for thousands of
//! threads is made for it.

use std::sync::OnceLock;

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;
use tracing_subscriber::filter::LevelFilter;

/// What writes the log.
type Log = Box<dyn Subscriber + Send + Sync>;

/// Becomes what writes the log.
pub(super) struct Late {
    /// What is less important is not for the log, and nothing is put together for it.
    level: LevelFilter,
    make: Box<dyn Fn() -> Log + Send + Sync>,
    made: OnceLock<Log>,
}

impl Late {
    pub(super) fn new(level: LevelFilter, make: impl Fn() -> Log + Send + Sync + 'static) -> Self {
        Self { level, make: Box::new(make), made: OnceLock::new() }
    }

    fn log(&self) -> &Log {
        self.made.get_or_init(&self.make)
    }
}

impl Subscriber for Late {
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.log().register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.log().enabled(metadata)
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.log().event_enabled(event)
    }

    fn event(&self, event: &Event<'_>) {
        self.log().event(event);
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.log().new_span(span)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.log().record(span, values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.log().record_follows_from(span, follows);
    }

    fn enter(&self, span: &Id) {
        self.log().enter(span);
    }

    fn exit(&self, span: &Id) {
        self.log().exit(span);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.log().clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        self.log().try_close(id)
    }

    fn current_span(&self) -> Current {
        self.log().current_span()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tracing_subscriber::fmt::format::FmtSpan;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn it_is_put_together_for_the_first_line_and_once() {
        let (made, written) = (Arc::new(AtomicUsize::new(0)), tempfile::NamedTempFile::new().expect("a file"));
        let (counted, file) = (made.clone(), Arc::new(written.reopen().expect("the same")));
        let late = Late::new(LevelFilter::WARN, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let lines =
                tracing_subscriber::fmt::layer().with_span_events(FmtSpan::CLOSE).with_writer(file.clone()).with_ansi(false).without_time();
            Box::new(tracing_subscriber::registry().with(lines).with(LevelFilter::WARN))
        });
        tracing::subscriber::with_default(late, || {
            tracing::info!("nobody wants to know");
            assert_eq!(made.load(Ordering::Relaxed), 0);
            let span = tracing::warn_span!("a span", number = tracing::field::Empty);
            span.record("number", 1);
            let same = span.clone();
            span.in_scope(|| {
                assert_eq!(tracing::Span::current().id(), same.id());
                tracing::warn!("the first");
            });
            assert_eq!(tracing::Span::current().id(), None, "it is left again");
            drop((span, same));
            tracing::error!("the second");
        });
        assert_eq!(made.load(Ordering::Relaxed), 1);
        let text = std::fs::read_to_string(written.path()).expect("it is there");
        let lines: Vec<&str> = text.lines().collect();
        let [first, close, second] = lines[..] else { panic!("{text}") };
        assert!(first.contains("a span{number=1}") && first.contains("the first"), "{text}");
        assert!(close.contains("a span{number=1}") && close.contains("close"), "{text}");
        assert!(!second.contains("a span") && second.contains("the second"), "{text}");
    }
}
