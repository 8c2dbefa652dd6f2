//! Work that goes to its end, whoever still waits for it. A client that hangs up ends its request's future wherever that is: also between what was
//! done at a provider and the line in the book, for whoever wants something done and no trace of it (L17).

use tokio::task::JoinError;
use tracing::Instrument as _;

/// Does it in a task of its own, and waits for it.
pub(crate) async fn unbroken<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work.in_current_span()).await.map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The program ends, and everybody who waits with it.
        Err(Err(_)) => std::future::pending().await,
    }
}
