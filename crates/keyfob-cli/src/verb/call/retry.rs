//! Trying again, as long as the server says.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use keyfob::Answer;
use keyfob::proto::{Error as ProtoError, Timestamp, TransportKind};

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
            Ok(answer) => match told(answer.headers(), now()).or_else(|| begins(&answer)) {
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

/// `Retry-After` (RFC 9110 §10.2.3): seconds, or a moment.
fn told(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(seconds),
        Err(_) => {
            let moment = jiff::fmt::rfc2822::parse(text).ok()?;
            u64::try_from(Timestamp::from_unix(moment.timestamp().as_second()).since(now).max(0)).ok()
        }
    }
}

/// When there are new calls, where the provider tells that and nothing else.
fn begins(answer: &Answer) -> Option<u64> {
    let limit = answer.limit().filter(|_| answer.status() == StatusCode::TOO_MANY_REQUESTS)?;
    u64::try_from(limit.resets_at?.since(now()).max(0)).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_the_server_says_counts() {
        let told = |text: &'static str| {
            told(&HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(text))]), Timestamp::from_unix(784_111_777))
        };
        assert_eq!(told("7"), Some(7));
        assert_eq!(told("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(told("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!((told("soon"), told("-1")), (None, None));
        assert_eq!((pause(0), pause(3), pause(40), pause(200)), (1, 8, LONGEST, LONGEST));
    }
}
