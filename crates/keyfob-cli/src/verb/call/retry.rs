//! Trying again, as long as the server says.

use std::time::Duration;

use http::{Method, StatusCode};
use keyfob::proto::{Error as ProtoError, TokenSet, TransportKind, retry_after};
use keyfob::{Answer, Session};

use crate::account::now;
use crate::card::{Card, Doing};
use crate::moment;
use crate::output::Output;
use crate::request::Carried;

/// The longest pause that is made without being told to.
const LONGEST: u64 = 60;

/// Longer than this is not waited for, whoever says so: it is another day's work.
const PATIENCE: u64 = 600;

/// What is sent again, and how often.
pub(super) struct Again<'a> {
    pub(super) session: &'a Session,
    pub(super) method: &'a Method,
    pub(super) carried: &'a Carried,
    pub(super) retries: u32,
    pub(super) out: &'a Output,
    pub(super) what: &'a str,
}

impl Again<'_> {
    /// Sends a call, and once more after each failure that may pass. The session waits for none of its own: so often as was said is so often, and each pause
    /// is told.
    pub(super) async fn send(&self, call: impl Fn() -> keyfob::Call) -> Result<Answer, Card> {
        // RFC 9110 §9.2.2: what was done twice has done no more than once.
        let idempotent = matches!(*self.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE);
        let may_repeat = idempotent && self.carried.is_repeatable();
        for attempt in 0..self.retries {
            let seconds = match self.once(&call).await {
                Ok(answer) if !may_repeat || !may_pass(answer.status()) => return Ok(answer),
                Ok(answer) => match told(&answer) {
                    Some(seconds) if seconds > PATIENCE => return Ok(answer),
                    told => told.unwrap_or_else(|| pause(attempt)),
                },
                Err(keyfob::Error::Protocol(ProtoError::Transport(error))) if may_repeat && passes(error.kind) => pause(attempt),
                Err(error) => return Err(error).doing(self.what),
            };
            let left = self.retries - attempt;
            self.note(&format!("trying again in {}, {left} times more", length(seconds)));
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
        let answer = self.once(&call).await.doing(self.what)?;
        if self.retries == 0
            && may_repeat
            && may_pass(answer.status())
            && let Some(seconds) = told(&answer).filter(|seconds| *seconds <= PATIENCE)
        {
            self.note(&format!("the server says: again in {}; --retry N waits, and tries it N times more", length(seconds)));
        }
        Ok(answer)
    }

    fn note(&self, text: &str) {
        self.out.note(&self.out.note_paint().dim(text));
    }

    /// Once; or twice, where the session would have sent bytes that are all there once more, and leaves a stream to whoever has its source: after new
    /// tokens, with the server's time in the signature, with its nonce in the proof. Who refuses a call for these has done nothing.
    async fn once(&self, call: &impl Fn() -> keyfob::Call) -> Result<Answer, keyfob::Error> {
        let before = self.session.account().tokens;
        let send = || call().without_waiting().send();
        let answer = send().await?;
        let refused = matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if !refused || !self.carried.is_streamed() || !self.carried.is_repeatable() {
            return Ok(answer);
        }
        let unauthorized = answer.status() == StatusCode::UNAUTHORIZED;
        let another = match (&before, &self.session.account().tokens) {
            (TokenSet::OAuth2(before), TokenSet::OAuth2(now)) => {
                !before.access.same_as(now.access.expose()) || now.proof_key.is_some() && unauthorized
            }
            _ => unauthorized,
        };
        if another { send().await } else { Ok(answer) }
    }
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

/// In how many seconds the server would have it again, if it says.
fn told(answer: &Answer) -> Option<u64> {
    retry_after(answer.headers(), now()).or_else(|| begins(answer))
}

fn length(seconds: u64) -> String {
    moment::length(i64::try_from(seconds).unwrap_or(i64::MAX))
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
