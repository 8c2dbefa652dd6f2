//! Being asked to stop.

/// Ready when somebody asks the program to stop: Ctrl-C, or a service manager.
pub(crate) async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let hears = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()));
        if let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = hears {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            return;
        }
    }
    // Whoever cannot hear of it is stopped the hard way.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
