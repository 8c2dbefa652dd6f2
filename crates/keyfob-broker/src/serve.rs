//! Accepting connections, with a bound on each: a client that is slow, or sends too much, keeps nobody else waiting.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::guard::Strict;
use crate::router::router;
use crate::site::Site;

/// A request's head has to be here in this time; an idle connection is closed after it.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// The longest request head: a callback with a long code, and cookies.
const LARGEST_HEAD: usize = 32 * 1024;

/// Headers in it.
const MOST_HEADERS: usize = 64;

/// Connections at once; more wait in the system's queue.
const MOST_CONNECTIONS: usize = 1024;

/// Requests under way are waited for at the end, so long: an exchanged code that nobody writes down is a lost login.
const FAREWELL: Duration = Duration::from_secs(20);

/// Answers requests until `shutdown` is ready; then finishes what is under way, and returns.
///
/// # Errors
/// If the socket fails for good.
pub async fn serve(site: Arc<Site>, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    // It ends with the web app: what nobody keeps right must not be believed.
    let mut heard = JoinSet::new();
    heard.spawn({
        let site = site.clone();
        async move { site.hear().await }
    });
    let router = router(site);
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let slot = tokio::select! {
            biased;
            () = &mut shutdown => break,
            slot = slots.clone().acquire_owned() => slot.map_err(io::Error::other)?,
        };
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            // The client is gone already, or we are out of descriptors for a moment: neither is a reason to stop.
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(LARGEST_HEAD)
            .max_headers(MOST_HEADERS)
            .serve_connection(TokioIo::new(Strict::new(stream)), TowerToHyperService::new(router.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that were still under way were cut off");
    }
    Ok(())
}
