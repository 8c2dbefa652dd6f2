//! What an answer says of the token that the call was made with.

use http::{HeaderMap, StatusCode};
use keyfob_proto::encode::without_byte_order_mark;
use keyfob_proto::oauth1::Report;
use keyfob_proto::oauth2::challenge::{Challenges, TokenChallenge};
use keyfob_proto::{Code, Incoming, Scrubber};

use super::answer::sentence;
use super::call::{PEEK, Prepared, REFUSAL, To};
use super::{Client, Known};
use crate::error::Error;
use crate::transport::Body;

/// What an answer says of the token.
pub(super) enum Said {
    /// Nothing that another token would mend.
    Nothing,
    /// That it has ended, or a status that means so at this provider: a guess, which is worth a refresh and no more.
    Ended,
    /// That it is not good, or not any more, in words of the protocol or the provider's own, which are here, scrubbed. Not the signature, the clock, the app, or
    /// what the token may do.
    NotGood(String),
}

impl Prepared<'_> {
    /// What the answer says of the token. What was read to find out is put back in front of the rest.
    pub(super) async fn judge(&self, answer: http::Response<Body>, known: &Known) -> Result<(http::Response<Body>, Said), Error> {
        let status = answer.status();
        match &self.shared.setup.client {
            // RFC 6750 §3.1: expired, revoked, malformed. The server's own word in the standard's way counts whatever the provider's file says.
            Client::OAuth2(_) if status == StatusCode::UNAUTHORIZED => {
                if let Some(challenge) = blaming(answer.headers()) {
                    let said = match challenge.description {
                        Some(description) => format!("invalid_token: {}", self.scrubber(known).clean(&description)),
                        None => "invalid_token".to_owned(),
                    };
                    return Ok((answer, Said::NotGood(said)));
                }
            }
            Client::OAuth1(_) if matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                // On the heap, as all that is rare on the way of a call.
                return Box::pin(self.judge_signed(answer, known)).await;
            }
            _ => {}
        }
        if self.to == To::UserInfo {
            // OpenID Connect Core §5.3.3, RFC 6750 §3.1.
            let ended = status == StatusCode::UNAUTHORIZED && may_blame_token(answer.headers());
            return Ok((answer, if ended { Said::Ended } else { Said::Nothing }));
        }
        self.judge_by_file(answer, known).await
    }

    /// By what an OAuth 1 server says when it refuses, and by what the provider's file says.
    async fn judge_signed(&self, answer: http::Response<Body>, known: &Known) -> Result<(http::Response<Body>, Said), Error> {
        let (parts, mut body) = answer.into_parts();
        let bytes = self.peek(&parts.headers, &mut body, REFUSAL).await?;
        let report = Report::refuses_token(Incoming::new(parts.status, &parts.headers, &bytes), &self.scrubber(known));
        let answer = http::Response::from_parts(parts, body);
        match report {
            Some(report) => Ok((answer, Said::NotGood(report.to_string()))),
            None => self.judge_by_file(answer, known).await,
        }
    }

    /// By what the provider's file says.
    async fn judge_by_file(&self, answer: http::Response<Body>, known: &Known) -> Result<(http::Response<Body>, Said), Error> {
        let (api, status) = (&self.shared.setup.settings.api, answer.status());
        // A status by itself is a guess, which the server's own word goes before: a refresh would spend a token and change nothing. What the provider's file
        // finds in the body is that word.
        let guesses = may_blame_token(answer.headers());
        let signals = || api.revoked.iter().chain(&api.expired).filter(|signal| guesses || signal.reads_body());
        if !signals().any(|signal| signal.statuses.contains(&status.as_u16())) {
            return Ok((answer, Said::Nothing));
        }
        if !signals().any(|signal| signal.needs_body(status)) {
            return Ok((answer, Said::Ended));
        }
        let (parts, mut body) = answer.into_parts();
        // An answer longer than this says many things, but not "expired" in a way anybody documents: cut off, it is no JSON.
        let bytes = Box::pin(self.peek(&parts.headers, &mut body, PEEK)).await?;
        // Where only the place is known, and not what stands there, nobody has said it in so many words.
        let said = match signals().find(|signal| signal.is_worded() && signal.given(status, &bytes)) {
            Some(_) => Said::NotGood(self.words(status, &bytes, known)),
            None if signals().any(|signal| signal.given(status, &bytes)) => Said::Ended,
            None => Said::Nothing,
        };
        Ok((http::Response::from_parts(parts, body), said))
    }

    /// The provider's own sentence, or its status where it has none that is known.
    fn words(&self, status: StatusCode, body: &[u8], known: &Known) -> String {
        let json = serde_json::from_slice(without_byte_order_mark(body)).ok();
        let said = sentence(&self.shared.setup.settings.api, json.as_ref(), body).map(|text| self.scrubber(known).clean(&text));
        said.filter(|text| !text.is_empty()).unwrap_or_else(|| format!("HTTP {}", status.as_u16()))
    }

    /// With the tokens that were sent: by now the account may have others.
    fn scrubber(&self, known: &Known) -> Scrubber {
        known.tokens().secrets().into_iter().fold(self.shared.scrubber(), Scrubber::knowing)
    }
}

/// Whether the answer leaves room for a token that is not good any more (RFC 6750 §3.1). A header that cannot be read says nothing.
fn may_blame_token(headers: &HeaderMap) -> bool {
    Challenges::read(headers).map_or(true, |challenges| challenges.may_blame_token())
}

/// Where the answer says in so many words that the token is not good any more.
fn blaming(headers: &HeaderMap) -> Option<TokenChallenge> {
    let challenges = Challenges::read(headers).ok()?;
    [challenges.dpop(), challenges.bearer()].into_iter().flatten().find(|challenge| challenge.error == Some(Code::InvalidToken))
}
