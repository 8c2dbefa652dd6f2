//! Waiting for what somebody else sends, and not for ever.

use std::pin::pin;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

/// How late a timer comes on a machine that runs.
const LATE: Duration = Duration::from_millis(10);
/// How long an answer may still be taken from where it lies, where it is later.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// Waits for so long; and looks once more if the time was over long before anybody could see it. A process that was stopped, or a machine whose every thread
/// was busy, wakes up to that, and the answer is there: it has to be read by whoever reads before it can be had. Where a refresh token was spent for it, it is
/// all there is.
pub(crate) async fn within<F: Future>(time: Duration, answer: F) -> Result<F::Output, Elapsed> {
    let mut answer = pin!(answer);
    // Who sets so long a time means none.
    let Some(end) = Instant::now().checked_add(time) else { return Ok(answer.await) };
    match timeout_at(end, &mut answer).await {
        Err(_) if end.elapsed() > LATE => timeout_at(Instant::now() + LAST_LOOK, answer).await,
        ended => ended,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    const TIME: Duration = Duration::from_millis(100);

    /// As after a SIGSTOP: the time is over, and the answer came meanwhile, but nobody has read it yet.
    #[tokio::test]
    async fn what_came_while_nothing_ran_is_not_lost() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = server.local_addr().expect("an address");
        let serves = std::thread::spawn(move || {
            let (mut stream, _) = server.accept().expect("somebody comes");
            std::thread::sleep(TIME / 2);
            stream.write_all(b"answer").expect("it is sent");
        });
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("connects");
        let reads = tokio::spawn(async move {
            let mut read = String::new();
            stream.read_to_string(&mut read).await.map(|_| read)
        });
        let stops = tokio::spawn(async { std::thread::sleep(3 * TIME) });
        let read = within(TIME, reads).await.expect("it came in time").expect("it ends").expect("it is read");
        assert_eq!(read, "answer");
        stops.await.expect("it ends");
        serves.join().expect("it ends");
    }

    #[tokio::test]
    async fn no_time_is_too_long() {
        assert_eq!(within(Duration::MAX, async { 1 }).await.expect("it is there"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_is_not_waited_for() {
        let begun = tokio::time::Instant::now();
        assert!(within(TIME, std::future::pending::<()>()).await.is_err());
        assert!(begun.elapsed() <= TIME + LATE);
    }
}
