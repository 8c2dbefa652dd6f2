//! What the system asks of a server: to end, to end at once, to look at its files again.

use std::future::Future;

use tokio::sync::watch;

/// How often each was asked.
pub(super) struct Signals {
    stops: watch::Receiver<u32>,
    reloads: watch::Receiver<u32>,
}

impl Signals {
    /// Listens from now on. A hang-up means "look again" to a server, and "end" to a program in a terminal that was closed.
    pub(super) fn listen(in_terminal: bool) -> Self {
        let ((stop, stops), (reload, reloads)) = (watch::channel(0), watch::channel(0));
        // Here, and not in the task, which begins when it likes: until they are heard, signals end the program.
        #[cfg(unix)]
        let hears = {
            use tokio::signal::unix::{SignalKind, signal};
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        };
        tokio::spawn(async move {
            #[cfg(unix)]
            {
                if let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = hears {
                    loop {
                        let counter = tokio::select! {
                            _ = interrupt.recv() => &stop,
                            _ = terminate.recv() => &stop,
                            _ = hangup.recv() => if in_terminal { &stop } else { &reload },
                        };
                        counter.send_modify(|count| *count += 1);
                    }
                }
            }
            let _ = (&reload, in_terminal);
            // Whoever cannot hear of it is stopped the hard way.
            while tokio::signal::ctrl_c().await.is_ok() {
                stop.send_modify(|count| *count += 1);
            }
            std::future::pending::<()>().await;
        });
        Self { stops, reloads }
    }

    /// Ready when it is asked to end for the `times`th time.
    pub(super) fn stopped(&self, times: u32) -> impl Future<Output = ()> + use<> {
        let mut stops = self.stops.clone();
        async move {
            if stops.wait_for(|count| *count >= times).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Ready when it is asked to look again.
    pub(super) async fn reload(&mut self) {
        if self.reloads.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
