//! Trying again, as long as the server says.

use std::time::Duration;

use http::{Method, StatusCode};
use keyfob::Answer;
use keyfob::proto::{Error as ProtoError, TransportKind, retry_after};

use crate::account::now;
use crate::card::{Card, Doing};
use crate::moment;
use crate::output::Output;

/// The longest pause that is made without being told to.
const LONGEST: u64 = 60;

/// Longer than this is not waited for, whoever says so: it is another day's work.
const PATIENCE: u64 = 600;

/// Sends a call, and once more after each failure that may pass. (The session itself already waits twice, shortly, for what may be repeated.)
pub(super) async fn send(call: impl Fn() -> keyfob::Call, method: &Method, retries: u32, out: &Output, what: &str) -> Result<Answer, Card> {
    // RFC 9110 §9.2.2: what was done twice has done no more than once.
    let may_repeat = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE);
    for attempt in 0..=retries {
        let last = attempt == retries || !may_repeat;
        let seconds = match call().send().await {
            Ok(answer) if last || !may_pass(answer.status()) => return Ok(answer),
            Ok(answer) => match retry_after(answer.headers(), now()).or_else(|| begins(&answer)) {
                Some(seconds) if seconds > PATIENCE => return Ok(answer),
                told => told.unwrap_or_else(|| pause(attempt)),
            },
            Err(keyfob::Error::Protocol(ProtoError::Transport(error))) if !last && passes(error.kind) => pause(attempt),
            Err(error) => return Err(error).doing(what),
        };
        let left = retries - attempt;
        out.note(
            &out.note_paint()
                .dim(&format!("trying again in {}, {left} times more", moment::length(i64::try_from(seconds).unwrap_or(i64::MAX)))),
        );
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    call().send().await.doing(what)
}

fn may_pass(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

fn passes(kind: TransportKind) -> bool {
    matches!(kind, TransportKind::Connect | TransportKind::Timeout | TransportKind::Broken)
}

/// 1, 2, 4, … seconds.
fn pause(attempt: u32) -> u64 {
    1_u64.checked_shl(attempt).unwrap_or(LONGEST).min(LONGEST)
}

/// When there are new calls, where the provider tells that and nothing else.
fn begins(answer: &Answer) -> Option<u64> {
    let limit = answer.limit().filter(|_| answer.status() == StatusCode::TOO_MANY_REQUESTS)?;
    u64::try_from(limit.resets_at?.since(now()).max(0)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_minute() {
        assert_eq!((pause(0), pause(3), pause(40), pause(200)), (1, 8, LONGEST, LONGEST));
    }
}
